"""Tests of `smtpadmin.smtp.session`: from a configuration to a server that waits for mail, and back."""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from time import monotonic

import pytest

from smtpadmin.smtp import (
    AddressPolicy,
    AuthFacts,
    Cause,
    Deadlines,
    DnsFacts,
    EhloFacts,
    Reply,
    Secret,
    Security,
    ServerConfig,
    Session,
    SignIn,
    SmtpError,
    Stage,
    Status,
    Step,
    TcpFacts,
    TlsFacts,
    stages,
)
from smtpadmin.smtp.transcript import MAX_LINES
from tests.support.behaviours import PASSWORD, USERNAME, authenticate, close, ehlo, hang, pause, say, then
from tests.support.certificates import CertificateFactory
from tests.support.hostile import HostileServer, Phase, Script, hostile_server
from tests.support.smtpd import StartServer

SHORT = Deadlines(greeting=1, ehlo=1, tls=1, auth=1, mail=1, rcpt=1, data=1, reply=1, quit=0.3)


def config_of(server: HostileServer, **changes: object) -> ServerConfig:
    """Return how to sign in to `server` without TLS, with `changes`."""
    values: dict[str, object] = {
        "host": server.host,
        "port": server.port,
        "security": Security.NONE,
        "username": USERNAME,
        "password": Secret(PASSWORD),
        "deadlines": SHORT,
    }
    return ServerConfig(**values | changes)  # type: ignore[arg-type]


def open_steps(config: ServerConfig) -> list[Step]:
    """Return the steps of opening a connection that is then closed."""
    session = Session(config)
    try:
        return list(session.opening())
    finally:
        session.close()


def failure(config: ServerConfig) -> SmtpError:
    """Return the error with which opening ends."""
    with pytest.raises(SmtpError) as raised, Session(config):
        pass
    return raised.value


@pytest.mark.parametrize("security", list(Security))
def test_opening_goes_through_its_stages_in_order(smtp_server: StartServer, security: Security) -> None:
    server = smtp_server(security=security)
    steps = open_steps(server.config())
    assert tuple(step.stage for step in steps) == stages(security)[: len(steps)]
    assert {step.status for step in steps} == {Status.OK}
    assert all(step.seconds > 0 for step in steps)
    assert [login.accepted for login in server.logins] == [True]


def test_each_step_carries_what_was_found_out(smtp_server: StartServer, certificates: CertificateFactory) -> None:
    server = smtp_server(security=Security.IMPLICIT_TLS, max_size=12345)
    dns, tcp, tls, hello, auth = open_steps(server.config())
    assert dns.facts == DnsFacts(addresses=("127.0.0.1",))
    assert tcp.facts == TcpFacts(address="127.0.0.1", failed=())
    assert isinstance(tls.facts, TlsFacts)
    assert (tls.facts.version, tls.facts.verified) == ("TLSv1.3", True)
    assert tls.facts.cipher.startswith("TLS_")
    assert tls.facts.certificate is not None
    assert tls.facts.certificate.sha256 == certificates.good.sha256
    assert isinstance(hello.facts, EhloFacts)
    assert hello.facts.greeting.startswith("mail.example.com ")
    assert (hello.facts.max_size, "8BITMIME" in hello.facts.extensions) == (12345, True)
    assert isinstance(auth.facts, AuthFacts)
    assert (sorted(auth.facts.offered), auth.facts.used) == (["LOGIN", "PLAIN"], "PLAIN")
    assert auth.reply is not None
    assert auth.reply.code == 235


def test_without_a_user_name_nothing_is_signed_in(smtp_server: StartServer) -> None:
    server = smtp_server(auth_required=False)
    with Session(server.config(username="", password=Secret(""))) as session:
        assert session.usable
    assert server.logins == []


@pytest.mark.parametrize(
    ("offered", "sign_in", "expected"),
    [
        (("PLAIN", "LOGIN"), SignIn.AUTO, ["PLAIN"]),
        (("LOGIN",), SignIn.AUTO, ["LOGIN"]),
        (("PLAIN", "LOGIN"), SignIn.LOGIN, ["LOGIN"]),
        (("PLAIN",), SignIn.PLAIN, ["PLAIN"]),
        (("PLAIN", "LOGIN"), SignIn.NONE, []),
    ],
)
def test_one_mechanism_is_used(
    smtp_server: StartServer, offered: tuple[str, ...], sign_in: SignIn, expected: list[str]
) -> None:
    server = smtp_server(mechanisms=offered)
    with Session(server.config(sign_in=sign_in)) as session:
        assert session.usable
    assert [login.mechanism for login in server.logins] == expected


def test_a_mechanism_that_is_not_offered_is_not_tried(smtp_server: StartServer) -> None:
    server = smtp_server(mechanisms=("LOGIN",))
    error = failure(server.config(sign_in=SignIn.PLAIN))
    assert (error.stage, error.cause, server.logins) == (Stage.AUTH, Cause.AUTH_MECHANISM, [])


def test_a_wrong_password_is_one_failed_login(smtp_server: StartServer) -> None:
    server = smtp_server()
    error = failure(server.config(password=Secret("another one")))
    assert (error.stage, error.cause, error.temporary) == (Stage.AUTH, Cause.AUTH_REFUSED, False)
    assert error.reply is not None
    assert error.reply.code == 535
    assert len(server.logins) == 1


def test_user_name_and_password_go_as_utf_8() -> None:
    with hostile_server({Phase.AUTH: authenticate("użytkownik", "пароль密码")}) as server:
        config = config_of(server, username="użytkownik", password=Secret("пароль密码"))
        with Session(config) as session:
            assert session.usable


def test_a_long_password_goes_on_a_line_of_its_own() -> None:
    token = "t" * 2000
    with hostile_server({Phase.AUTH: authenticate(USERNAME, token)}) as server:
        with Session(config_of(server, password=Secret(token))) as session:
            assert session.usable
        assert b"AUTH PLAIN\r\n" in server.ledger.received


def test_a_missing_password_is_not_tried(smtp_server: StartServer) -> None:
    server = smtp_server()
    error = failure(server.config(password=Secret("")))
    assert (error.stage, error.cause, server.logins) == (Stage.AUTH, Cause.PASSWORD_MISSING, [])


@contextmanager
def outside_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the loopback addresses count as another host: no other is there to be connected to."""
    with monkeypatch.context() as patch:
        patch.setattr("smtpadmin.smtp.opening.is_loopback", lambda _address: False)
        yield


def test_the_password_does_not_leave_this_host_unprotected(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile_server() as server, outside_loopback(monkeypatch):
        error = failure(config_of(server))
        server.settle()
        assert (error.stage, error.cause) == (Stage.AUTH, Cause.AUTH_NEEDS_TLS)
        assert server.ledger.count("AUTH") == 0


def test_the_operator_may_let_it_and_is_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile_server() as server, outside_loopback(monkeypatch):
        *_, auth = open_steps(config_of(server, allow_plaintext_auth=True))
        assert (auth.stage, auth.status) == (Stage.AUTH, Status.WARNING)


def test_a_certificate_that_is_not_checked_is_a_warning(
    smtp_server: StartServer, certificates: CertificateFactory
) -> None:
    server = smtp_server(security=Security.IMPLICIT_TLS, certificate=certificates.expired)
    tls = open_steps(server.config(verify=False, ca_pem=""))[2]
    assert isinstance(tls.facts, TlsFacts)
    assert (tls.status, tls.facts.verified) == (Status.WARNING, False)


@pytest.mark.parametrize("security", [Security.IMPLICIT_TLS, Security.STARTTLS])
def test_a_pinned_certificate_replaces_every_other_check(
    smtp_server: StartServer, certificates: CertificateFactory, security: Security
) -> None:
    server = smtp_server(security=security, certificate=certificates.expired)
    pin = certificates.expired.sha256
    steps = open_steps(server.config(ca_pem="", pinned_sha256=pin))
    assert {step.status for step in steps} == {Status.OK}


@pytest.mark.parametrize("verify", [True, False])
def test_another_certificate_than_the_pinned_one_is_refused(
    smtp_server: StartServer, certificates: CertificateFactory, *, verify: bool
) -> None:
    server = smtp_server(security=Security.IMPLICIT_TLS)
    error = failure(server.config(pinned_sha256="0" * 64, verify=verify))
    assert (error.stage, error.cause, server.logins) == (Stage.TLS, Cause.TLS_PIN_MISMATCH, [])
    assert error.certificate is not None
    assert error.certificate.sha256 == certificates.good.sha256


@pytest.mark.parametrize("security", [Security.IMPLICIT_TLS, Security.STARTTLS])
def test_a_refused_certificate_is_shown_without_anything_being_sent(
    smtp_server: StartServer, certificates: CertificateFactory, security: Security
) -> None:
    server = smtp_server(security=security, certificate=certificates.expired)
    error = failure(server.config())
    assert (error.stage, error.cause, error.temporary) == (Stage.TLS, Cause.TLS_EXPIRED, False)
    assert error.certificate is not None
    assert error.certificate.sha256 == certificates.expired.sha256
    assert (server.logins, server.messages) == ([], [])


def test_a_server_of_tls_1_1_is_named() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with hostile_server(context=context, implicit_tls=True) as server:
        error = failure(config_of(server, security=Security.IMPLICIT_TLS, verify=False))
    assert (error.stage, error.cause) == (Stage.TLS, Cause.TLS_VERSION)


def test_a_plain_server_on_a_tls_port_is_named(smtp_server: StartServer) -> None:
    server = smtp_server()
    error = failure(server.config(security=Security.IMPLICIT_TLS))
    assert (error.stage, error.cause) == (Stage.TLS, Cause.PLAIN_ON_TLS_PORT)


@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS])
def test_a_tls_server_on_a_plain_port_is_named(
    certificates: CertificateFactory, monkeypatch: pytest.MonkeyPatch, security: Security
) -> None:
    monkeypatch.setattr("smtpadmin.smtp.opening._PATIENCE", 0.2)
    with hostile_server(context=certificates.good.context(), implicit_tls=True) as server:
        started = monotonic()
        error = failure(config_of(server, security=security, deadlines=Deadlines(greeting=10)))
        assert (error.stage, error.cause) == (Stage.EHLO, Cause.TLS_ON_PLAIN_PORT)
        assert monotonic() - started < 5
        server.settle()
        assert bytes(server.ledger.received) == b""


def test_a_slow_greeting_is_waited_for() -> None:
    with (
        hostile_server({Phase.GREETING: then(pause(0.7), say("220 at last"))}) as server,
        Session(config_of(server)) as session,
    ):
        assert session.usable


def test_the_offer_before_tls_counts_for_nothing_after_it(certificates: CertificateFactory) -> None:
    script: Script = {Phase.EHLO: [ehlo("SIZE 99", "AUTH LOGIN", "STARTTLS"), ehlo("AUTH PLAIN")]}
    with hostile_server(script, context=certificates.good.context()) as server:
        config = config_of(server, security=Security.STARTTLS, ca_pem=certificates.ca_pem)
        with Session(config) as session:
            assert session.extensions == {"AUTH": "PLAIN"}


def test_missing_starttls_ends_it_before_anything_is_said(smtp_server: StartServer) -> None:
    server = smtp_server()
    error = failure(server.config(security=Security.STARTTLS))
    assert (error.stage, error.cause, server.logins) == (Stage.TLS, Cause.STARTTLS_MISSING, [])


def test_helo_is_said_only_where_nothing_is_lost_by_it() -> None:
    script: Script = {Phase.EHLO: say("502 5.5.1 What?")}
    with hostile_server(script) as server:
        error = failure(config_of(server))
        assert (error.stage, error.cause) == (Stage.EHLO, Cause.EHLO_REFUSED)
        assert b"HELO" not in bytes(server.ledger.received).replace(b"EHLO", b"")


def test_an_old_server_is_greeted_with_helo() -> None:
    with old_server() as port:
        config = ServerConfig(
            host="127.0.0.1", port=port, security=Security.NONE, ehlo_name="panel.example.com", deadlines=SHORT
        )
        with Session(config) as session:
            assert (session.usable, session.extensions) == (True, {})
            assert session.transcript[-2:] == ("C: HELO panel.example.com", "S: 250 hello")


@contextmanager
def old_server() -> Iterator[int]:
    """A server of the time before EHLO."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock, sock.makefile("rwb", buffering=0) as stream:
                stream.write(b"220 old\r\n")
                for line in stream:
                    stream.write(b"250 hello\r\n" if line.startswith((b"HELO", b"QUIT")) else b"500 what?\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


@pytest.mark.parametrize(
    ("hostname", "expected"),
    [
        ("mail.example.com", "mail.example.com"),
        ("laptop", "[127.0.0.1]"),
        ("bad_name-.example", "[127.0.0.1]"),
        ("10.0.0.1", "[127.0.0.1]"),
        ("höst.example", "[127.0.0.1]"),
    ],
)
def test_without_a_name_of_its_own_it_uses_the_hosts_or_its_address(
    monkeypatch: pytest.MonkeyPatch, hostname: str, expected: str
) -> None:
    monkeypatch.setattr("smtpadmin.smtp.opening.socket.gethostname", lambda: hostname)
    with hostile_server() as server, Session(config_of(server)) as session:
        assert f"C: EHLO {expected}" in session.transcript


def test_the_configured_name_is_used(smtp_server: StartServer) -> None:
    with Session(smtp_server().config(ehlo_name="panel.example.com")) as session:
        assert "C: EHLO panel.example.com" in session.transcript


def test_a_name_that_leads_to_a_denied_address_is_not_connected_to(smtp_server: StartServer) -> None:
    server = smtp_server()
    policy = AddressPolicy(denied=(ip_network("127.0.0.0/8"),))
    error = failure(server.config(address_policy=policy))
    assert (error.stage, error.cause, error.temporary) == (Stage.DNS, Cause.ADDRESS_DENIED, False)
    assert server.connections == 0


def test_a_failed_connection_tells_of_each_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    steps = open_steps(ServerConfig(host="127.0.0.1", port=port, security=Security.NONE))
    assert [step.status for step in steps] == [Status.OK, Status.FAILED]
    assert steps[1].facts == TcpFacts(address="", failed=(("127.0.0.1", Cause.CONNECTION_REFUSED),))
    assert steps[1].error is not None
    assert (steps[1].error.cause, steps[1].error.temporary) == (Cause.CONNECTION_REFUSED, True)


def test_the_overall_deadline_ends_any_phase() -> None:
    deadlines = Deadlines(overall=0.3)
    with hostile_server({Phase.AUTH: hang}) as server:
        started = monotonic()
        error = failure(config_of(server, deadlines=deadlines))
        assert (error.stage, error.cause) == (Stage.AUTH, Cause.DEADLINE_EXCEEDED)
        assert monotonic() - started < 0.8


def test_closing_never_raises_and_may_be_repeated() -> None:
    with hostile_server({Phase.QUIT: hang}) as server:
        session = Session(config_of(server))
        session.open()
        started = monotonic()
        session.close()
        session.close()
        assert 0.2 < monotonic() - started < 1
        assert not session.usable
    Session(config_of(server)).close()


def test_a_session_is_opened_once(smtp_server: StartServer) -> None:
    with Session(smtp_server().config()) as session, pytest.raises(RuntimeError):
        session.open()


def test_reset_tells_whether_the_server_is_still_there() -> None:
    script: Script = {Phase.RSET: [say("250 ok"), then(say("421 4.3.2 Closing"), close)]}
    with hostile_server(script) as server, Session(config_of(server)) as session:
        assert (session.reset(), session.usable) == (True, True)
        assert (session.reset(), session.usable) == (False, False)
        assert session.reset() is False


def test_the_transcript_holds_neither_credential_nor_more_than_it_should() -> None:
    with hostile_server({Phase.AUTH: [authenticate()]}) as server, Session(config_of(server)) as session:
        lines = session.transcript
        assert lines[0] == "S: 220 mail.example.com ESMTP"
        assert lines[-2:] == ("C: AUTH PLAIN ***", "S: 235 2.7.0 Welcome")
        assert base64.b64encode(f"\0{USERNAME}\0{PASSWORD}".encode()).decode() not in "\n".join(lines)
        for _ in range(MAX_LINES):
            session.reset()
        assert len(session.transcript) == MAX_LINES


def test_what_the_server_says_of_the_credential_is_removed_everywhere() -> None:
    echo = base64.b64encode(f"\0{USERNAME}\0{PASSWORD}".encode()).decode()
    with hostile_server({Phase.AUTH: say(f"535 5.7.8 rejected: AUTH PLAIN {echo}")}) as server:
        session = Session(config_of(server))
        *_, auth = session.opening()
        session.close()
    assert auth.error is not None
    assert auth.reply == auth.error.reply == Reply(535, "5.7.8", ("5.7.8 rejected: AUTH PLAIN ***",))
    assert auth.error.text == "The server refused the sign-in: 535 5.7.8 rejected: AUTH PLAIN ***"
    assert auth.error.__context__ is None
    assert session.transcript[-2:] == ("C: QUIT", "S: 221 2.0.0 Bye")
    assert echo not in "\n".join(session.transcript)
