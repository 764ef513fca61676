"""From a configuration to a server that waits for mail: DNS, TCP, TLS, EHLO, AUTH, in the order of the security chosen.

Each stage is one method that returns its outcome; `Opening.steps` times them and stops at the first failure.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv6Address, ip_address
from time import monotonic

from smtpadmin.smtp import dialing, sasl, tls
from smtpadmin.smtp.certificates import Certificate
from smtpadmin.smtp.config import Security, ServerConfig, is_ehlo_name
from smtpadmin.smtp.conversation import Conversation
from smtpadmin.smtp.errors import AuthError, Cause, ConnectError, HelloError, SmtpError, Stage, TlsError
from smtpadmin.smtp.network import Address, is_loopback
from smtpadmin.smtp.replies import Reply
from smtpadmin.smtp.steps import (
    AuthFacts,
    DnsFacts,
    EhloFacts,
    Outcome,
    Step,
    TcpFacts,
    TlsFacts,
    max_size,
    stages_before_mail,
    timed,
)

# What a further look at a server that failed may take: it only makes the diagnosis better.
_LOOK = 5

# When a server says nothing at first, it may be waiting for TLS. It is asked that only after the pauses by which
# servers tell spammers apart (postscreen waits 6 s), which an early second connection would fall into.
_PATIENCE = 10


class Opening:
    """The way to one server, once."""

    def __init__(self, config: ServerConfig, conversation: Conversation) -> None:
        #: What the server offers, as it said it: for deciding by, not for showing.
        self.offers: Mapping[str, str] = {}
        self._config = config
        self._conversation = conversation
        self._addresses: tuple[Address, ...] = ()
        self._peer: Address | None = None
        self._protected = False

    def steps(self) -> Iterator[Step]:
        """Do one stage after the other and yield what came of each; a failed one is the last."""
        self._conversation.begin()
        acts: dict[Stage, Callable[[], Outcome]] = {
            Stage.DNS: self._resolve,
            Stage.TCP: self._connect,
            Stage.TLS: self._protect,
            Stage.EHLO: self._greet,
            Stage.AUTH: self._sign_in,
        }
        for stage in stages_before_mail(self._config.security):
            step = timed(stage, acts[stage], transcript=self._conversation.transcript)
            yield step
            if step.error is not None:
                return

    def _resolve(self) -> Outcome:
        config = self._config
        found = dialing.resolve(config.host, config.port, until=self._conversation.until(config.deadlines.dns))
        if not any(map(config.address_policy.allows, found)):
            raise ConnectError(
                f"{config.host} leads to an address that may not be connected to.",
                stage=Stage.DNS,
                cause=Cause.ADDRESS_DENIED,
            )
        self._addresses = found
        return Outcome(facts=DnsFacts(addresses=tuple(map(str, found))))

    def _connect(self) -> Outcome:
        config = self._config
        dialed = dialing.connect(
            self._addresses,
            config.port,
            policy=config.address_policy,
            until=self._conversation.until(config.deadlines.connect),
            each=config.deadlines.connect_each,
        )
        if dialed.sock is None or dialed.address is None:
            return Outcome(facts=TcpFacts(address="", failed=dialed.failed), error=dialed.error(port=config.port))
        self._peer = dialed.address
        self._conversation.attach(dialed.sock)
        facts = TcpFacts(address=str(dialed.address), failed=dialed.failed)
        return Outcome(facts=facts, warning=bool(dialed.failed))

    def _protect(self) -> Outcome:
        until = self._conversation.until(self._config.deadlines.tls)
        reply = self._start_tls(until=until) if self._config.security is Security.STARTTLS else None
        try:
            made = tls.protect(self._conversation.sock, self._config, until=until)
        except TlsError as error:
            self._conversation.close()
            raise self._explained(error, until=until) from None
        self._conversation.attach(made.sock)
        self._protected = True
        facts = TlsFacts(made.version, made.cipher, made.certificate and self._cleaned(made.certificate), made.verified)
        return Outcome(reply=reply, facts=facts, warning=not made.verified)

    def _greet(self) -> Outcome:
        greeting = self._read_greeting()
        reply = self._say_ehlo()
        facts = EhloFacts(
            greeting=greeting.text, extensions=tuple(filter(None, reply.lines[1:])), max_size=max_size(self.offers)
        )
        return Outcome(reply=reply, facts=facts)

    def _sign_in(self) -> Outcome:
        if self._config.security is Security.STARTTLS:
            # RFC 3207 4.2: what was offered before TLS counts for nothing after it. Asked again in this stage because
            # the choice is made from it; a failure is EHLO's all the same.
            self._say_ehlo()
        raw_offer = self.offers.get("AUTH", "").split()
        offered = tuple(map(self._conversation.clean, raw_offer))
        if not self._config.signs_in:
            return Outcome(facts=AuthFacts(offered=offered, used=""))
        mechanism = ""
        try:
            self._check_may_sign_in()
            mechanism = self._mechanism(raw_offer)
            reply = self._authenticate(mechanism)
        except SmtpError as error:
            return Outcome(reply=error.reply, facts=AuthFacts(offered=offered, used=mechanism), error=error)
        facts = AuthFacts(offered=offered, used=mechanism)
        return Outcome(reply=reply, facts=facts, warning=not self._private)

    # TLS

    def _start_tls(self, *, until: float) -> Reply:
        if "STARTTLS" not in self.offers:
            raise TlsError("The server does not offer STARTTLS.", cause=Cause.STARTTLS_MISSING)
        reply = self._conversation.command("STARTTLS", stage=Stage.TLS, until=until)
        if not reply.positive:
            raise self._conversation.refusal(
                Stage.TLS,
                reply,
                refused=Cause.STARTTLS_REFUSED,
                deferred=Cause.STARTTLS_REFUSED,
                text="The server offers STARTTLS and refuses it",
            )
        # Whatever follows the 220 was not protected: someone in between may have put it there (CVE-2011-0411).
        try:
            self._conversation.expect_silence(stage=Stage.TLS)
        except SmtpError as error:
            if error.cause is not Cause.PROTOCOL_ERROR:
                raise
            raise _injected() from None
        return reply

    def _explained(self, error: TlsError, *, until: float) -> TlsError:
        if error.cause is Cause.PLAIN_ON_TLS_PORT and self._config.security is Security.STARTTLS:
            return _injected()
        chain = error.chain
        if not chain and error.cause in tls.ABOUT_CERTIFICATE:
            chain = self._presented(until=min(until, self._conversation.until(_LOOK)))
        return TlsError(error.text, cause=error.cause, chain=tuple(map(self._cleaned, chain)))

    def _cleaned(self, certificate: Certificate) -> Certificate:
        """Return `certificate` without our credentials: a server that has them may put them anywhere."""
        clean = self._conversation.clean
        whole = certificate.der.decode("latin-1")
        return replace(
            certificate,
            subject=clean(certificate.subject),
            issuer=clean(certificate.issuer),
            names=tuple(map(clean, certificate.names)),
            # Nothing can be taken out of it: its signature would be void.
            der=certificate.der if clean(whole) == whole else b"",
        )

    def _presented(self, *, until: float) -> tuple[Certificate, ...]:
        """Return the certificates that the server shows, from a second connection that carries nothing of ours."""
        sock = self._dial_again(until=until)
        if sock is None:
            return ()
        if self._config.security is Security.STARTTLS:
            other = Conversation(self._config)
            other.attach(sock)
            try:
                other.read_reply(stage=Stage.TLS, until=until)
                other.command(f"EHLO {self._ehlo_name(sock)}", stage=Stage.TLS, until=until)
                other.command("STARTTLS", stage=Stage.TLS, until=until)
            except SmtpError:
                other.close()
                return ()
        return tls.inspect(sock, server_name=self._config.host, until=until)

    def _dial_again(self, *, until: float) -> socket.socket | None:
        if self._peer is None:
            return None
        policy = self._config.address_policy
        return dialing.connect([self._peer], self._config.port, policy=policy, until=until, each=_LOOK).sock

    # Greeting and EHLO

    def _read_greeting(self) -> Reply:
        conversation = self._conversation
        until = conversation.until(self._config.deadlines.greeting)
        if not self._protected:
            self._wait_or_look(until=until)
        try:
            reply = conversation.read_reply(stage=Stage.EHLO, until=until)
        except SmtpError as error:
            raise self._no_greeting(error, until=until) from None
        if reply.code == 220:
            return reply
        raise conversation.refusal(
            Stage.EHLO,
            reply,
            refused=Cause.SERVICE_UNAVAILABLE,
            deferred=Cause.SERVICE_UNAVAILABLE,
            text="The server does not serve us",
        )

    def _wait_or_look(self, *, until: float) -> None:
        """Wait for the first byte; when it is long in coming, see whether the server waits for TLS."""
        now = monotonic()
        if not self._conversation.wait(until=min(now + _PATIENCE, now + (until - now) / 2)):
            now = monotonic()
            # Half of what is left stays for a server that is only slow.
            self._check_not_tls(until=now + (until - now) / 2)

    def _no_greeting(self, error: SmtpError, *, until: float) -> SmtpError:
        if error.cause is Cause.PROTOCOL_ERROR:
            return HelloError("What answers there is not an SMTP server.", cause=Cause.NOT_SMTP)
        if error.cause is Cause.CONNECTION_CLOSED and not self._protected:
            try:
                self._check_not_tls(until=until)
            except SmtpError as better:
                return better
        return error

    def _check_not_tls(self, *, until: float) -> None:
        until = min(until, self._conversation.until(_LOOK))
        sock = self._dial_again(until=until)
        if sock is not None and tls.inspect(sock, server_name=self._config.host, until=until):
            self._conversation.usable = False
            raise HelloError("The server waits for TLS on this port.", cause=Cause.TLS_ON_PLAIN_PORT)

    def _say_ehlo(self) -> Reply:
        conversation = self._conversation
        until = conversation.until(self._config.deadlines.ehlo)
        name = self._ehlo_name(conversation.sock)
        conversation.send_line(f"EHLO {name}", stage=Stage.EHLO, until=until)
        reply, raw_lines = conversation.read_offer(stage=Stage.EHLO, until=until)
        if reply.positive:
            self.offers = _parse_extensions(raw_lines[1:])
            return reply
        if reply.permanent and self._config.security is Security.NONE and not self._config.signs_in:
            # RFC 5321 3.2. Nothing that needs an extension was asked for, so nothing is lost by going without.
            reply = conversation.command(f"HELO {name}", stage=Stage.EHLO, until=until)
            self.offers = {}
        if not reply.positive:
            raise conversation.refusal(
                Stage.EHLO,
                reply,
                refused=Cause.EHLO_REFUSED,
                deferred=Cause.SERVICE_UNAVAILABLE,
                text="The server refused our greeting",
            )
        return reply

    def _ehlo_name(self, sock: socket.socket) -> str:
        if self._config.ehlo_name:
            return self._config.ehlo_name
        # Not getfqdn(): it asks DNS, and where DNS is slow it blocks for seconds (bugs.python.org/issue5004).
        name = socket.gethostname()
        if "." in name and is_ehlo_name(name) and not name.rsplit(".", 1)[1].isdigit():
            return name
        own = ip_address(sock.getsockname()[0].partition("%")[0])
        return f"[IPv6:{own}]" if isinstance(own, IPv6Address) else f"[{own}]"

    # AUTH

    @property
    def _private(self) -> bool:
        return self._protected or (self._peer is not None and is_loopback(self._peer))

    def _check_may_sign_in(self) -> None:
        if not self._config.password:
            raise AuthError("There is a user name and no password for it.", cause=Cause.PASSWORD_MISSING)
        if not self._private and not self._config.allow_plaintext_auth:
            raise AuthError("The password is not sent over an unprotected connection.", cause=Cause.AUTH_NEEDS_TLS)

    def _mechanism(self, offered: list[str]) -> str:
        if not offered:
            raise AuthError("The server offers no sign-in on this connection.", cause=Cause.AUTH_NOT_OFFERED)
        mechanism = sasl.choose(self._config.sign_in, offered)
        if not mechanism:
            text = self._conversation.clean(" ".join(offered))
            raise AuthError(f"None of the server's ways to sign in can be used: {text}.", cause=Cause.AUTH_MECHANISM)
        return mechanism

    def _authenticate(self, mechanism: str) -> Reply:
        conversation = self._conversation
        reply = sasl.authenticate(
            conversation,
            sasl.Credentials(self._config),
            mechanism=mechanism,
            until=conversation.until(self._config.deadlines.auth),
        )
        if reply.positive:
            return reply
        raise conversation.refusal(
            Stage.AUTH,
            reply,
            refused=_AUTH_CAUSES.get(reply.code, Cause.AUTH_REFUSED),
            deferred=Cause.AUTH_DEFERRED,
            text="The server refused the sign-in",
        )


# RFC 4954 4 and 6: the codes that say what is wrong with the way, not with the password.
_AUTH_CAUSES = {504: Cause.AUTH_MECHANISM, 538: Cause.AUTH_NEEDS_TLS}


def _injected() -> TlsError:
    return TlsError("Unprotected text came where the server had agreed to start TLS.", cause=Cause.STARTTLS_INJECTED)


def _parse_extensions(lines: tuple[str, ...]) -> dict[str, str]:
    extensions: dict[str, str] = {}
    for line in filter(None, lines):
        text = line.upper()
        if text.startswith("AUTH="):
            # How servers spoke to Outlook Express; some still say only that.
            text = text.replace("=", " ", 1)
        keyword, _, parameters = text.strip().partition(" ")
        extensions[keyword] = f"{extensions.get(keyword, '')} {parameters.strip()}".strip()
    return extensions
