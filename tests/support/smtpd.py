"""A well-behaved SMTP server inside the test process: aiosmtpd on a free loopback port, with or without TLS.

    def test_something(smtp_server, certificates):
        server = smtp_server(security=Security.STARTTLS, certificate=certificates.good)
        ... send to server.host, server.port, signing in as USERNAME with PASSWORD ...
        assert server.messages[0].recipients == ("you@example.org",)

aiosmtpd's Controller is left out: it cannot be given port 0, and its AUTH settings either warn or refuse AUTH on a
connection that is TLS from its first byte (`auth_require_tls` knows STARTTLS only). The checks it would make are in
`_Handler`. For a server that misbehaves see `hostile.py`.
"""

# ruff: noqa: ARG002, N802 - aiosmtpd calls its hooks by these names, with these arguments

import asyncio
import email
import email.policy
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from smtpadmin.smtp import Security, ServerConfig
from tests.support.certificates import CertificateFactory, ServerCertificate
from tests.support.config import server_config

USERNAME = "notify@example.com"
PASSWORD = "correct horse battery"
MAX_SIZE = 10 * 1024 * 1024

_START_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message as the server accepted it."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    #: Who had signed in; empty: nobody.
    username: str

    @property
    def message(self) -> EmailMessage:
        """The content, parsed."""
        parsed = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One AUTH command that reached the server."""

    mechanism: str
    username: str
    accepted: bool


@dataclass(slots=True, kw_only=True)
class SmtpServer:
    """A running server: where it is, what to sign in with, and what it has seen so far."""

    host: str
    port: int
    security: Security
    ca_pem: str = ""
    username: str = USERNAME
    password: str = field(default=PASSWORD, repr=False)
    messages: list[Received] = field(default_factory=list)
    logins: list[Login] = field(default_factory=list)
    connections: int = 0

    def config(self, **changes: object) -> ServerConfig:
        """Return how to reach this server and sign in to it, with `changes`."""
        return server_config(
            host=self.host,
            port=self.port,
            security=self.security,
            username=self.username,
            password=self.password,
            ca_pem=self.ca_pem,
            changes=changes,
        )


class _Handler:
    """Takes mail from whoever has signed in, and gives the replies that the test asked for by address."""

    def __init__(self, server: SmtpServer, *, auth_required: bool, replies: Mapping[str, str]) -> None:
        self._server = server
        self._auth_required = auth_required
        self._replies = replies

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._auth_required and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if address in self._replies:
            return self._replies[address]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self._replies:
            return self._replies[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        self._server.messages.append(
            Received(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                content=content,
                username=session.auth_data or "",
            )
        )
        return f"250 2.0.0 Queued as {len(self._server.messages)}"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        """Compare with the one account; `handled=False` lets aiosmtpd answer 535, its default answers nothing."""
        username = data.login.decode("utf-8", "replace")
        expected = (self._server.username.encode(), self._server.password.encode())
        accepted = (data.login, data.password) == expected
        self._server.logins.append(Login(mechanism=mechanism, username=username, accepted=accepted))
        return AuthResult(success=accepted, handled=False, auth_data=username if accepted else None)


class _Runner:
    """An event loop in a thread that serves one listening socket until told to stop."""

    def __init__(
        self, listener: socket.socket, make_protocol: Callable[[], SMTP], *, context: ssl.SSLContext | None
    ) -> None:
        self._listener = listener
        self._make_protocol = make_protocol
        self._context = context
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="smtpd", daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(_START_SECONDS), "The SMTP server of the test did not start."

    def stop(self) -> None:
        assert self._loop is not None
        assert self._stopping is not None
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_START_SECONDS)
        assert not self._thread.is_alive(), "The SMTP server of the test did not stop."

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        # Clients that go away in the middle are what some tests are about, not errors of this server.
        self._loop.set_exception_handler(lambda _loop, _context: None)
        server = await self._loop.create_server(self._make_protocol, sock=self._listener, ssl=self._context)
        self._ready.set()
        await self._stopping.wait()
        server.close()
        # The loop's own list: a connection in the middle of its TLS handshake is not a protocol's yet.
        for transport in list(self._loop._transports.values()):  # type: ignore[attr-defined]
            transport.abort()
        # Some turns for the transports to close in; asyncio.run() then cancels what is left.
        for _ in range(3):
            await asyncio.sleep(0)


@contextmanager
def running_smtp_server(
    *,
    security: Security = Security.NONE,
    certificate: ServerCertificate | None = None,
    ca_pem: str = "",
    auth_required: bool = True,
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN"),
    max_size: int = MAX_SIZE,
    replies: Mapping[str, str] | None = None,
    port: int = 0,
) -> Iterator[SmtpServer]:
    """Run a server on 127.0.0.1 for as long as the block lasts.

    `replies` maps a sender or recipient to the reply that it gets in place of 250. AUTH is offered from the start where
    there is no STARTTLS, and only after it where there is.
    """
    assert (certificate is None) == (security is Security.NONE), "TLS needs a certificate, and nothing else does."
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", port)))
        # asyncio sets it only on sockets whose protocol number was spelt out; without it each EHLO takes 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host, bound_port = listener.getsockname()
        server = SmtpServer(host=host, port=bound_port, security=security, ca_pem=ca_pem)
        handler = _Handler(server, auth_required=auth_required, replies=replies or {})
        context = certificate.context() if certificate else None
        has_starttls = security is Security.STARTTLS

        def make_protocol() -> SMTP:
            server.connections += 1
            return SMTP(
                handler,
                hostname="mail.example.com",
                data_size_limit=max_size,
                enable_SMTPUTF8=True,
                authenticator=handler.authenticate,
                auth_require_tls=has_starttls,
                auth_exclude_mechanism={"PLAIN", "LOGIN"} - set(mechanisms),
                tls_context=context if has_starttls else None,
                require_starttls=has_starttls,
            )

        runner = _Runner(listener, make_protocol, context=context if security is Security.IMPLICIT_TLS else None)
        runner.start()
        stack.callback(runner.stop)
        yield server


class StartServer:
    """What `smtp_server` gives: call it, with the options of `running_smtp_server`, for a running server."""

    def __init__(self, stack: ExitStack, certificates: CertificateFactory) -> None:
        self._stack = stack
        self._certificates = certificates

    def __call__(
        self, *, security: Security = Security.NONE, certificate: ServerCertificate | None = None, **options: object
    ) -> SmtpServer:
        if security is not Security.NONE and certificate is None:
            certificate = self._certificates.good
        ca_pem = "" if security is Security.NONE else self._certificates.ca_pem
        options = {"ca_pem": ca_pem} | options
        return self._stack.enter_context(
            running_smtp_server(security=security, certificate=certificate, **options)  # type: ignore[arg-type]
        )


@pytest.fixture
def smtp_server(certificates: CertificateFactory) -> Iterator[StartServer]:
    """Start servers that live until the end of the test: `smtp_server(security=Security.STARTTLS)`."""
    with ExitStack() as stack:
        yield StartServer(stack, certificates)
