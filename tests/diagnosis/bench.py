"""Builds what a case describes, and reads the panel's verdict on it as the page shows it.

The code under test is that behind the buttons: `checking.check`, `testing.run`, `advice.check_profile`. Led elsewhere
is only what belongs to the machine: its resolver and its patience with servers that say nothing.
"""

import errno
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

from django.contrib.auth.models import AnonymousUser
from django.utils import translation

from smtpadmin import advice, checking, testing
from smtpadmin.models import Profile
from smtpadmin.providers import Side, Text, load
from smtpadmin.sender_checks import Finding
from smtpadmin.smtp import Deadlines, Secret, Security, Stage
from smtpadmin.testing import Report
from smtpadmin.wording import results
from tests.diagnosis import peculiar
from tests.diagnosis.model import (
    Case,
    Dropping,
    Exim,
    Postfix,
    Refusing,
    Scripted,
    SenderCase,
    SenderVerdict,
    Server,
    Verdict,
    WebServer,
)
from tests.support.behaviours import say, take_credential, then
from tests.support.certificates import CertificateFactory
from tests.support.dns_server import DnsServer, running_dns_server
from tests.support.hostile import Phase, hostile_server
from tests.support.peer import Peer
from tests.support.real_servers import PASSWORD, USERNAME, RealServer

#: For every phase: a machine that stalls for seconds changes no verdict.
_DEADLINES = Deadlines.BRISK
#: How long a server may say nothing at first before it is asked whether it waits for TLS.
_PATIENCE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server is, and whose certificates are trusted there."""

    port: int
    host: str = ""
    ca_pem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the page says, and the page of the provider that it links to."""

    verdict: Verdict
    link: str


class Bench:
    """Everything that cases share. `postfix` and `exim` are started by whoever asks for them first."""

    def __init__(self, certificates: CertificateFactory) -> None:
        self._certificates = certificates
        self.real: dict[type, RealServer] = {}

    def verdict(self, case: Case) -> Found:
        """Return what the page says of a set-up."""
        with running_dns_server() as dns, self._running(case) as place:
            profile = _profile(case, place)
            _publish(dns, case.dns or ((profile.host, "A", "127.0.0.1"),))
            for name, behaviour in case.dns_behaviour.items():
                dns.behave(name, behaviour)
            deadlines = replace(_DEADLINES, **case.deadlines)
            with _machine(dns, deadlines):
                report = _report(case, profile, deadlines)
        return _as_read(report)

    def sender_findings(self, case: SenderCase) -> list[Finding]:
        """Return what the sender check of the profile's page finds."""
        profile = Profile(
            name="Alerts",
            provider=case.provider,
            host=case.host or "smtp.example.com",
            username=case.username,
            from_address=case.address,
        )
        with running_dns_server() as dns:
            _publish(dns, case.dns)
            for name, behaviour in case.dns_behaviour.items():
                dns.behave(name, behaviour)
            with patch("smtpadmin.advice.Resolver", lambda **_: dns.resolver(seconds=10)):
                return list(advice.check_profile(profile, selectors=case.selectors))

    @contextmanager
    def _running(self, case: Case) -> Iterator[Place]:
        server: Server = case.server
        match server:
            case Scripted():
                with self._scripted(server, host=_host(case)) as place:
                    yield place
            case Postfix() | Exim():
                real = self.real[type(server)]
                yield Place(port=real.ports[server.security], host=real.host, ca_pem=real.ca_pem)
            case WebServer():
                with self._web_server(https=server.https, host=_host(case)) as port:
                    yield Place(port=port, ca_pem=self._certificates.ca_pem)
            case Refusing():
                # Taken and not listened on, so that nobody else gets it meanwhile.
                with socket.socket() as closed:
                    closed.bind(("127.0.0.1", 0))
                    yield Place(port=closed.getsockname()[1])
            case Dropping():
                with _dropping() as port:
                    yield Place(port=port)

    @contextmanager
    def _scripted(self, server: Scripted, *, host: str) -> Iterator[Place]:
        certificates = self._certificates
        context: ssl.SSLContext | None = None
        if server.security is not Security.NONE:
            chosen = getattr(certificates, server.certificate) if server.certificate else certificates.for_names(host)
            context = chosen.context()
            if server.tls:
                peculiar.CONTEXTS[server.tls](context)
        script = {Phase.AUTH: then(_take, say("235 2.7.0 Accepted"))} | dict(server.script)
        implicit = server.security is Security.IMPLICIT_TLS
        with hostile_server(script, context=context, implicit_tls=implicit) as running:
            yield Place(port=running.port, ca_pem=certificates.ca_pem if context else "")

    @contextmanager
    def _web_server(self, *, https: bool, host: str) -> Iterator[int]:
        with ThreadingHTTPServer(("127.0.0.1", 0), _Silent) as server:
            if https:
                context = self._certificates.for_names(host).context()
                # With the handshake in accept(), one silent client would keep all others out.
                server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            server.daemon_threads = True
            thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05), daemon=True)
            thread.start()
            try:
                yield server.server_address[1]
            finally:
                server.shutdown()
                thread.join()


class _Silent(BaseHTTPRequestHandler):
    """Answers, and writes no log."""

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def _take(peer: Peer) -> None:
    take_credential(peer)


@contextmanager
def _dropping() -> Iterator[int]:
    """Give a port whose backlog is full: Linux drops what comes after it."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for sock in (first, second):
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        yield full.getsockname()[1]


class _WithoutIpv6(socket.socket):
    """The sockets of a machine that has no IPv6."""

    def __init__(self, family: int = -1, *rest: Any, **options: Any) -> None:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        super().__init__(family, *rest, **options)


@contextmanager
def _machine(dns: DnsServer, deadlines: Deadlines) -> Iterator[None]:
    with (
        patch("smtpadmin.smtp.dialing.socket.getaddrinfo", dns.getaddrinfo),
        # Where there is IPv6, a connection to an address that nobody has would leave this machine.
        patch("smtpadmin.smtp.dialing.socket.socket", _WithoutIpv6),
        patch("smtpadmin.smtp.opening._PATIENCE", _PATIENCE),
        patch.object(Deadlines, "BRISK", deadlines),
    ):
        yield


def _host(case: Case) -> str:
    if "host" in case.profile:
        return str(case.profile["host"])
    provider = load().get(case.provider)
    return provider.preset.host if provider and not provider.preset.is_template else "localhost"


def _profile(case: Case, place: Place) -> Profile:
    server = case.server
    security = server.security if isinstance(server, Scripted | Postfix | Exim) else Security.IMPLICIT_TLS
    values: dict[str, object] = {
        "name": "Alerts",
        "provider": case.provider,
        "host": place.host or _host(case),
        "port": place.port,
        "security": security.value,
        "username": USERNAME,
        "from_address": USERNAME,
        "ca_pem": place.ca_pem,
    }
    return Profile(**values | dict(case.profile))


def _publish(dns: DnsServer, records: tuple[tuple[str, str, str], ...]) -> None:
    for name, kind, text in records:
        dns.add(name, kind, text)


def _report(case: Case, profile: Profile, deadlines: Deadlines) -> Report:
    password = Secret(PASSWORD if case.password is None else case.password)
    if case.send:
        events = testing.run(
            profile,
            password=password,
            recipient=case.recipient,
            send=True,
            language="en",
            user=AnonymousUser(),
            record=False,
        )
    else:
        events = checking.check(profile, password=password, recipient=case.recipient, deadlines=deadlines)
    return next(event for event in events if isinstance(event, Report))


def _as_read(report: Report) -> Found:
    assert report.failure is not None, f"It works: {report}"
    shown = {}
    for language in ("en", "zh-hans"):
        with translation.override(language):
            shown[language] = results.outcome(report, language=language)
    en, zh = shown["en"], shown["zh-hans"]
    verdict = Verdict(
        stage=Stage(report.stage),
        cause=str(report.failure.cause),
        side=Side(en.side),
        title=Text(en=en.title, zh=zh.title),
        first=Text(en=en.steps[0], zh=zh.steps[0]),
    )
    return Found(verdict=verdict, link=en.link)


def sender_verdict(finding: Finding) -> SenderVerdict:
    """Return a finding as the page shows it."""
    return SenderVerdict(
        code=finding.code,
        severity=finding.severity,
        text=finding.text,
        record=finding.record.text if finding.record else "",
    )
