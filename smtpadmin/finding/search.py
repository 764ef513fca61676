"""From an address to settings, in steps: what is known, what DNS says, what the domain publishes, what answers.

Lazy: a step is done when the next item is asked for, so whoever has what they want stops asking. Only the domain
leaves this host, never the part before the @. Servers that DNS or a file names are not connected to here: they are
shown to a person first, and tested as any other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from time import monotonic

from smtpadmin.finding import texts
from smtpadmin.finding.autoconfig import BadFile, Server, servers
from smtpadmin.finding.https import PORT, Fetcher, FetchError, Reason
from smtpadmin.finding.ports import SECONDS, WAYS, Tried, try_all
from smtpadmin.finding.values import Finding, Outcome, Settings, Source, Step, Sureness
from smtpadmin.providers import Catalogue, Provider, Text
from smtpadmin.resolver import Resolver, Service, Trouble, ascii_domain
from smtpadmin.smtp import AddressPolicy, ConfigError, Security, ServerConfig

_SERVICES = (("_submissions._tcp", Security.IMPLICIT_TLS), ("_submission._tcp", Security.STARTTLS))
_MOST_SERVICES = 4
_MAIL_HOSTS = 2
# RFC 5321 4.5.1: every domain has this address, so it tells nobody who is asking.
_NOBODY = "postmaster"
_RANK = {Sureness.CERTAIN: 0, Sureness.LIKELY: 1, Sureness.POSSIBLE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be done, and where tests find the servers. `ca_pem` is trusted besides the system's authorities."""

    autoconfig: bool = True
    probe: bool = True
    #: Go through all steps, instead of ending with the first that is certain.
    thorough: bool = False
    policy: AddressPolicy = field(default_factory=AddressPolicy)
    ca_pem: str = ""
    https_port: int = PORT
    https_seconds: float = 10.0
    ways: tuple[tuple[int, Security], ...] = WAYS
    probe_seconds: float = SECONDS


def known(address: str, *, catalogue: Catalogue) -> Finding | None:
    """Return the settings of a known provider's address, offline."""
    provider = catalogue.detect(address)
    if provider is None:
        return None
    text = texts.say(texts.CATALOGUE_FOUND, domain=address.rpartition("@")[2], provider=provider.name)
    return Finding(
        source=Source.CATALOGUE, sureness=Sureness.CERTAIN, settings=settings_of(provider, address), text=text
    )


def settings_of(provider: Provider, address: str) -> Settings:
    """Return a provider's preset, filled in for an address."""
    preset = provider.preset
    return Settings(
        host=preset.host,
        port=preset.port,
        security=Security(preset.security),
        username=provider.username_for(address) if "@" in address else "",
        provider=provider.key,
    )


def find(address: str, *, catalogue: Catalogue, resolver: Resolver, options: Options | None = None) -> Iterator[Step]:
    """Look for the settings of an address or a bare domain. Raises ValueError when that has no domain.

    Ends after a step that is certain, and where the domain does not exist.
    """
    address = address.strip()
    local, at, domain = address.rpartition("@")
    search = _Search(
        address=address if local and at else "",
        domain=ascii_domain(domain),
        catalogue=catalogue,
        resolver=resolver,
        options=options or Options(),
    )
    return search.steps()


def best(steps: Iterator[Step]) -> Finding | None:
    """Go through `steps` and return the finding to offer first."""
    findings = [finding for step in steps for finding in step.findings]
    return min(findings, key=lambda finding: _RANK[finding.sureness], default=None)


class _Search:
    """One run through the steps, with what earlier steps learned."""

    def __init__(
        self, *, address: str, domain: str, catalogue: Catalogue, resolver: Resolver, options: Options
    ) -> None:
        self._address = address
        self._domain = domain
        self._catalogue = catalogue
        self._resolver = resolver
        self._options = options
        self._mail_hosts: tuple[str, ...] = ()
        self._gone = False
        self._found: list[Finding] = []

    def steps(self) -> Iterator[Step]:
        acts: tuple[Callable[[], Step], ...] = (
            self._in_catalogue,
            self._by_mail_host,
            self._by_service,
            self._by_file,
            self._by_probing,
        )
        for act in acts:
            started = monotonic()
            step = act()
            self._found += step.findings
            yield replace(step, seconds=monotonic() - started)
            certain = any(finding.sureness is Sureness.CERTAIN for finding in step.findings)
            if self._gone or (certain and not self._options.thorough):
                return

    # What is known

    def _in_catalogue(self) -> Step:
        finding = known(self._address or self._domain, catalogue=self._catalogue)
        if finding is None:
            # An international domain is in the catalogue as people write it or as DNS does.
            finding = known(self._domain, catalogue=self._catalogue)
        if finding is None:
            return self._step(Source.CATALOGUE, Outcome.NOTHING, texts.CATALOGUE_NOTHING)
        return Step(source=Source.CATALOGUE, outcome=Outcome.FOUND, text=finding.text, findings=(finding,))

    # What DNS says

    def _by_mail_host(self) -> Step:
        answer = self._resolver.mx(self._domain)
        if answer.trouble is not None:
            return self._step(Source.MX, Outcome.NOT_ASKED, texts.DNS_NOT_ASKED)
        if answer.absent:
            # RFC 8020: nothing is below a name that does not exist.
            self._gone = True
            return self._step(Source.MX, Outcome.NOTHING, texts.NO_DOMAIN)
        self._mail_hosts = tuple(record.host for record in answer.records if record.host)
        if not self._mail_hosts:
            text = texts.MX_NULL if answer.records else texts.MX_NONE
            return self._step(Source.MX, Outcome.NOTHING, text)
        for host in self._mail_hosts:
            provider = self._catalogue.detect_mx(host)
            if provider is not None:
                return self._at_provider(provider, host)
        return self._step(Source.MX, Outcome.NOTHING, texts.MX_UNKNOWN, host=self._mail_hosts[0])

    def _at_provider(self, provider: Provider, host: str) -> Step:
        text = texts.say(texts.MX_FOUND, domain=self._domain, provider=provider.name, host=host)
        finding = Finding(
            source=Source.MX,
            sureness=Sureness.LIKELY,
            settings=settings_of(provider, self._address or self._domain),
            text=text,
        )
        return Step(source=Source.MX, outcome=Outcome.FOUND, text=text, findings=(finding,))

    def _by_service(self) -> Step:
        answers = [(self._resolver.srv(f"{name}.{self._domain}"), security) for name, security in _SERVICES]
        findings = [
            finding
            for answer, security in answers
            for record in answer.records[:_MOST_SERVICES]
            if (finding := self._from_service(record, security)) is not None
        ]
        if findings:
            return self._step_with(Source.SRV, findings)
        # A name that cannot exist is asked for as one that can: "BAD_NAME" is a domain too long for the prefix.
        if any(answer.trouble not in {None, Trouble.BAD_NAME} for answer, _ in answers):
            return self._step(Source.SRV, Outcome.NOT_ASKED, texts.DNS_NOT_ASKED)
        return self._step(Source.SRV, Outcome.NOTHING, texts.SRV_NOTHING)

    def _from_service(self, record: Service, security: Security) -> Finding | None:
        settings = self._settings(record.host, record.port, security, username=self._address)
        if settings is None:
            return None
        # RFC 6186 6: DNS can be forged, so a server elsewhere is for a person to confirm.
        close = bool(settings.provider) or f".{settings.host}".endswith(f".{self._domain}")
        text = texts.SRV_FOUND if close else texts.SRV_ELSEWHERE
        return Finding(
            source=Source.SRV,
            sureness=Sureness.LIKELY if close else Sureness.POSSIBLE,
            settings=settings,
            text=texts.say(text, domain=self._domain, host=settings.host, port=settings.port),
        )

    # What the domain publishes

    def _by_file(self) -> Step:
        if not self._options.autoconfig:
            return self._step(Source.AUTOCONFIG, Outcome.SKIPPED, texts.AUTOCONFIG_OFF)
        options = self._options
        fetcher = Fetcher(
            resolver=self._resolver,
            until=monotonic() + options.https_seconds,
            policy=options.policy,
            port=options.https_port,
            ca_pem=options.ca_pem,
        )
        failures = []
        for host, urls in self._places():
            step, failure = self._from_place(fetcher, host, urls)
            if step is not None:
                return step
            failures.append((host, failure))
        return self._no_file(failures)

    def _places(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield where the file may be: the host, and the URLs to try there one after the other."""
        path = f"https://autoconfig.{self._domain}/mail/config-v1.1.xml"
        # The address is optional, and only some programs that make the file up insist on one.
        yield f"autoconfig.{self._domain}", (path, f"{path}?emailaddress={_NOBODY}%40{self._domain}")
        yield self._domain, (f"https://{self._domain}/.well-known/autoconfig/mail/config-v1.1.xml",)

    def _from_place(self, fetcher: Fetcher, host: str, urls: tuple[str, ...]) -> tuple[Step | None, Reason]:
        """Return a step where the file was there, else why it was not."""
        reason = Reason.STATUS
        for url in urls:
            try:
                data = fetcher.get(url)
            except FetchError as error:
                reason = error.reason
                if reason is not Reason.STATUS:
                    break
                continue
            return self._from_file(host, data), reason
        return None, reason

    def _from_file(self, place: str, data: bytes) -> Step:
        try:
            found = servers(data)
        except BadFile:
            return self._step(Source.AUTOCONFIG, Outcome.NOTHING, texts.AUTOCONFIG_BAD, place=place)
        findings = [finding for server in found if (finding := self._from_server(server, place)) is not None]
        if not findings:
            return self._step(Source.AUTOCONFIG, Outcome.NOTHING, texts.AUTOCONFIG_EMPTY, place=place)
        return self._step_with(Source.AUTOCONFIG, findings)

    def _from_server(self, server: Server, place: str) -> Finding | None:
        username = server.username_for(self._address) if self._address else ""
        settings = self._settings(server.host, server.port, server.security, username=username)
        if settings is None:
            return None
        return Finding(
            source=Source.AUTOCONFIG,
            sureness=Sureness.CERTAIN,
            settings=settings,
            text=texts.say(
                texts.AUTOCONFIG_FOUND, domain=self._domain, host=server.host, port=server.port, place=place
            ),
        )

    def _no_file(self, failures: list[tuple[str, Reason]]) -> Step:
        unknown = {Reason.DNS_FAILED, Reason.TIMEOUT}
        outcome = Outcome.NOT_ASKED if any(reason in unknown for _, reason in failures) else Outcome.NOTHING
        if all(reason in {Reason.NO_HOST, Reason.STATUS} for _, reason in failures):
            return self._step(Source.AUTOCONFIG, outcome, texts.AUTOCONFIG_NOTHING)
        said = [texts.say(texts.FETCH[reason], host=host) for host, reason in failures]
        text = Text(en=" ".join(part.en for part in said), zh="".join(part.zh for part in said))
        return Step(source=Source.AUTOCONFIG, outcome=outcome, text=text)

    # What answers

    def _by_probing(self) -> Step:
        if not self._options.probe:
            return self._step(Source.PROBE, Outcome.SKIPPED, texts.PROBE_OFF)
        if self._found and not self._options.thorough:
            return self._step(Source.PROBE, Outcome.SKIPPED, texts.PROBE_NOT_NEEDED)
        hosts, unknown = self._likely_hosts()
        if not hosts:
            outcome, text = (
                (Outcome.NOT_ASKED, texts.DNS_NOT_ASKED) if unknown else (Outcome.NOTHING, texts.PROBE_NO_HOSTS)
            )
            return self._step(Source.PROBE, outcome, text)
        tried = tuple(try_all(list(self._configs(hosts)), seconds=self._options.probe_seconds))
        findings = [finding for one in tried if (finding := self._from_port(one)) is not None]
        if findings:
            return replace(self._step_with(Source.PROBE, findings), tried=tried)
        ports = ", ".join(str(port) for port, _ in self._options.ways)
        step = self._step(Source.PROBE, Outcome.NOTHING, texts.PROBE_NOTHING, hosts=", ".join(hosts), ports=ports)
        return replace(step, tried=tried)

    def _likely_hosts(self) -> tuple[list[str], bool]:
        """Return the hosts worth trying, and whether DNS could not be asked about one."""
        names = (f"smtp.{self._domain}", f"mail.{self._domain}", *self._mail_hosts[:_MAIL_HOSTS])
        answers = [(name, self._resolver.addresses(name)) for name in dict.fromkeys(names)]
        hosts = [name for name, answer in answers if answer.records]
        return hosts, any(answer.trouble is not None for _, answer in answers)

    def _configs(self, hosts: list[str]) -> Iterator[ServerConfig]:
        for port, security in self._options.ways:
            for host in hosts:
                try:
                    yield ServerConfig(
                        host=host,
                        port=port,
                        security=security,
                        ca_pem=self._options.ca_pem,
                        address_policy=self._options.policy,
                    )
                except ConfigError:
                    # An MX record may hold any bytes.
                    continue

    def _from_port(self, tried: Tried) -> Finding | None:
        if tried.error is not None or not tried.offered:
            return None
        settings = self._settings(tried.host, tried.port, tried.security, username=self._address)
        if settings is None:
            return None
        # Sign-in on the first two ways is for mail programs; on the others it may be meant for other servers.
        is_usual = (tried.port, tried.security) in self._options.ways[:2]
        return Finding(
            source=Source.PROBE,
            sureness=Sureness.LIKELY if is_usual else Sureness.POSSIBLE,
            settings=settings,
            text=texts.say(
                texts.PROBE_FOUND, host=tried.host, port=tried.port, security=texts.SECURITY[tried.security]
            ),
        )

    # Of all steps

    def _settings(self, host: str, port: int, security: Security, *, username: str) -> Settings | None:
        """Return settings for a server that a stranger named, or None for what can be no server."""
        try:
            config = ServerConfig(host=host, port=port, security=security)
        except ConfigError:
            return None
        provider = self._catalogue.detect_host(config.host)
        return Settings(
            host=config.host,
            port=port,
            security=security,
            username=username,
            provider=provider.key if provider else "",
        )

    def _step(self, source: Source, outcome: Outcome, text: Text, **values: str) -> Step:
        return Step(source=source, outcome=outcome, text=texts.say(text, domain=self._domain, **values))

    def _step_with(self, source: Source, findings: list[Finding]) -> Step:
        ranked = sorted(findings, key=lambda finding: _RANK[finding.sureness])
        return Step(source=source, outcome=Outcome.FOUND, text=ranked[0].text, findings=tuple(ranked))
