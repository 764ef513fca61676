"""Tests of `smtpadmin.finding.alternatives`: a failed test, and the way that works, against real servers."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from time import monotonic

import pytest

from smtpadmin.finding import Alternative, alternatives, can_help
from smtpadmin.smtp import (
    AddressPolicy,
    AuthError,
    Cause,
    ConnectError,
    DataError,
    Deadlines,
    Secret,
    Security,
    ServerConfig,
    Session,
    SmtpError,
    Stage,
    TlsError,
)
from tests.support import canary
from tests.support.behaviours import close, ehlo, hang, say
from tests.support.certificates import CertificateFactory
from tests.support.dns_server import DnsServer
from tests.support.hostile import HostileServer, Phase, Script, hostile_server

TLS, STARTTLS, NONE = Security.IMPLICIT_TLS, Security.STARTTLS, Security.NONE
StartSmtp = Callable[..., HostileServer]


@pytest.fixture
def peer(certificates: CertificateFactory) -> Iterator[StartSmtp]:
    """Start SMTP servers that live until the end of the test."""
    with ExitStack() as stack:

        def start(script: Script | None = None, *, implicit_tls: bool = False, tls: bool = True) -> HostileServer:
            context = certificates.good.context() if tls else None
            return stack.enter_context(hostile_server(script, context=context, implicit_tls=implicit_tls))

        yield start


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def configured(certificates: CertificateFactory) -> Callable[..., ServerConfig]:
    """Return what an operator has configured for 127.0.0.1, with the canary as credential."""

    def make(port: int, security: Security, **changes: object) -> ServerConfig:
        values: dict[str, object] = {
            "host": "127.0.0.1",
            "port": port,
            "security": security,
            "username": canary.USERNAME,
            "password": Secret(canary.PASSWORD),
            "ca_pem": certificates.ca_pem,
            "deadlines": Deadlines(greeting=1, tls=1, quit=0.3, overall=3),
        }
        return ServerConfig(**values | changes)  # type: ignore[arg-type]

    return make


def failure(config: ServerConfig) -> SmtpError:
    """Return why the session of `config` does not open."""
    session = Session(config)
    error = list(session.opening())[-1].error
    session.close()
    assert error is not None
    return error


def found(config: ServerConfig, *ways: tuple[int, Security], seconds: float = 3) -> list[Alternative]:
    return list(alternatives(config, failure(config), ways=ways, seconds=seconds))


def working(results: list[Alternative]) -> list[tuple[int, Security]]:
    return [(one.port, one.security) for one in results if one.works]


def assert_no_credential(*servers: HostileServer) -> None:
    for server in servers:
        server.settle()
        assert server.ledger.count("AUTH") == 0
        assert canary.PASSWORD.encode() not in bytes(server.ledger.received)


def test_starttls_on_a_tls_port_works_with_tls(peer: StartSmtp, configured: Callable[..., ServerConfig]) -> None:
    server = peer(implicit_tls=True)
    config = configured(server.port, STARTTLS)
    assert failure(config).cause is Cause.TLS_ON_PLAIN_PORT
    assert working(found(config)) == [(server.port, TLS)]
    assert_no_credential(server)


def test_tls_on_a_starttls_port_works_with_starttls(peer: StartSmtp, configured: Callable[..., ServerConfig]) -> None:
    server = peer({Phase.EHLO: [ehlo("8BITMIME"), ehlo()]})
    config = configured(server.port, TLS)
    assert failure(config).cause is Cause.PLAIN_ON_TLS_PORT
    # This host is asked without TLS too, and offers no sign-in then.
    assert working(found(config)) == [(server.port, STARTTLS)]
    assert_no_credential(server)


def test_no_encryption_on_a_tls_port_works_with_tls(peer: StartSmtp, configured: Callable[..., ServerConfig]) -> None:
    server = peer(implicit_tls=True)
    assert working(found(configured(server.port, NONE))) == [(server.port, TLS)]
    assert_no_credential(server)


@pytest.mark.parametrize("security", [TLS, STARTTLS])
def test_a_refused_port_works_on_another(
    peer: StartSmtp, configured: Callable[..., ServerConfig], closed_port: int, security: Security
) -> None:
    implicit, explicit = peer(implicit_tls=True), peer()
    config = configured(closed_port, security)
    assert failure(config).cause is Cause.CONNECTION_REFUSED
    ways = ((implicit.port, TLS), (explicit.port, STARTTLS))
    assert working(found(config, *ways)) == list(ways)
    assert_no_credential(implicit, explicit)


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ({Phase.GREETING: hang}, Cause.DEADLINE_EXCEEDED),
        ({Phase.GREETING: close}, Cause.CONNECTION_CLOSED),
        ({Phase.GREETING: say("554 5.7.1 No mail from here")}, Cause.SERVICE_UNAVAILABLE),
        ({Phase.GREETING: say("HTTP/1.1 400 Bad Request")}, Cause.NOT_SMTP),
        ({Phase.EHLO: ehlo("8BITMIME", starttls=False)}, Cause.STARTTLS_MISSING),
        ({Phase.STARTTLS: say("454 4.7.0 Not now")}, Cause.STARTTLS_REFUSED),
        ({Phase.EHLO: ehlo("8BITMIME", starttls=True)}, Cause.AUTH_NOT_OFFERED),
    ],
)
def test_a_port_that_does_not_serve_works_on_another(
    peer: StartSmtp, configured: Callable[..., ServerConfig], script: Script, cause: Cause
) -> None:
    broken, good = peer(script), peer(implicit_tls=True)
    config = configured(broken.port, STARTTLS)
    assert failure(config).cause is cause
    results = list(alternatives(config, failure(config), ways=((good.port, TLS),), seconds=2))
    assert working(results)[0] == (good.port, TLS)
    assert_no_credential(good)


def test_each_way_says_why_it_does_not_work(
    peer: StartSmtp, configured: Callable[..., ServerConfig], closed_port: int
) -> None:
    relay = peer({Phase.EHLO: ehlo("8BITMIME")})
    config = configured(closed_port, STARTTLS)
    results = found(config, (closed_port, TLS), (relay.port, STARTTLS))
    causes = {(one.port, one.security): one.tried.error and one.tried.error.cause for one in results}
    assert causes[closed_port, TLS] is Cause.CONNECTION_REFUSED
    # It answers, but nobody could sign in there.
    assert causes[relay.port, STARTTLS] is None
    assert working(results) == []


def test_a_relay_without_sign_in_needs_none_to_be_offered(
    peer: StartSmtp, configured: Callable[..., ServerConfig], closed_port: int
) -> None:
    relay = peer({Phase.EHLO: ehlo("8BITMIME")})
    config = configured(closed_port, STARTTLS, username="")
    assert (relay.port, STARTTLS) in working(found(config, (relay.port, STARTTLS)))


def test_this_very_host_may_be_spoken_to_without_tls(peer: StartSmtp, configured: Callable[..., ServerConfig]) -> None:
    server = peer(tls=False)
    config = configured(server.port, STARTTLS)
    assert failure(config).cause is Cause.STARTTLS_MISSING
    assert working(found(config)) == [(server.port, NONE)]
    assert_no_credential(server)


def test_another_host_is_never_spoken_to_without_tls(
    system_dns: DnsServer, configured: Callable[..., ServerConfig]
) -> None:
    system_dns.add("mail.example.com", "A", "192.0.2.1")
    # Denied, so that nothing leaves this host in the test.
    policy = AddressPolicy(denied=(ip_network("192.0.2.0/24"),))
    config = configured(587, STARTTLS, host="mail.example.com", address_policy=policy)
    error = TlsError("The server does not offer STARTTLS.", cause=Cause.STARTTLS_MISSING)
    results = list(alternatives(config, error))
    assert [(one.port, one.security) for one in results] == [
        (587, TLS),
        (465, TLS),
        (2525, STARTTLS),
        (25, STARTTLS),
    ]
    assert {one.tried.error and one.tried.error.cause for one in results} == {Cause.ADDRESS_DENIED}


def test_a_profile_without_tls_is_tried_with_it_first(
    system_dns: DnsServer, configured: Callable[..., ServerConfig]
) -> None:
    system_dns.add("mail.example.com", "A", "192.0.2.1")
    policy = AddressPolicy(denied=(ip_network("192.0.2.0/24"),))
    config = configured(25, NONE, host="mail.example.com", address_policy=policy)
    error = ConnectError("No connection.", stage=Stage.TCP, cause=Cause.CONNECT_TIMEOUT)
    assert [(one.port, one.security) for one in alternatives(config, error)] == [
        (25, TLS),
        (25, STARTTLS),
        (465, TLS),
        (587, STARTTLS),
        (2525, STARTTLS),
        (587, NONE),
        (2525, NONE),
    ]


@pytest.mark.parametrize(
    "error",
    [
        ConnectError("No such host.", stage=Stage.DNS, cause=Cause.NAME_NOT_FOUND),
        ConnectError("Not allowed.", stage=Stage.DNS, cause=Cause.ADDRESS_DENIED),
        TlsError("Expired.", cause=Cause.TLS_EXPIRED),
        TlsError("Unknown.", cause=Cause.TLS_UNKNOWN_CA),
        TlsError("Another.", cause=Cause.TLS_PIN_MISMATCH),
        TlsError("Someone in between.", cause=Cause.STARTTLS_INJECTED),
        AuthError("Wrong password.", cause=Cause.AUTH_REFUSED),
        DataError("Too slow.", cause=Cause.DEADLINE_EXCEEDED),
        DataError("Spam.", cause=Cause.CONTENT_REFUSED),
    ],
    ids=lambda error: f"{error.stage}-{error.cause}",
)
def test_nothing_is_tried_where_another_port_cannot_help(
    peer: StartSmtp, configured: Callable[..., ServerConfig], error: SmtpError
) -> None:
    server = peer(implicit_tls=True)
    assert not can_help(error)
    assert list(alternatives(configured(server.port, STARTTLS), error, ways=((server.port, TLS),))) == []
    assert server.connections == 0


def test_a_pin_holds_on_every_port(peer: StartSmtp, configured: Callable[..., ServerConfig], closed_port: int) -> None:
    server = peer(implicit_tls=True)
    config = configured(closed_port, STARTTLS, pinned_sha256="00" * 32)
    results = found(config, (server.port, TLS))
    assert working(results) == []
    assert Cause.TLS_PIN_MISMATCH in {one.tried.error.cause for one in results if one.tried.error}


def test_all_ways_together_take_a_bounded_time(
    peer: StartSmtp, configured: Callable[..., ServerConfig], closed_port: int
) -> None:
    silent = [peer({Phase.GREETING: hang}) for _ in range(5)]
    config = configured(closed_port, STARTTLS)
    started = monotonic()
    results = found(config, *((server.port, STARTTLS) for server in silent), seconds=1)
    assert monotonic() - started < 8
    assert working(results) == []


def test_who_stops_asking_is_not_kept_waiting(
    peer: StartSmtp, configured: Callable[..., ServerConfig], closed_port: int
) -> None:
    good, silent = peer(implicit_tls=True), peer({Phase.GREETING: hang})
    config = configured(closed_port, STARTTLS)
    started = monotonic()
    results = alternatives(config, failure(config), ways=((good.port, TLS), (silent.port, STARTTLS)), seconds=3)
    first = next(one for one in results if one.works)
    results.close()  # type: ignore[attr-defined]
    assert (first.port, monotonic() - started < 2) == (good.port, True)
