"""Submission to real servers: what they take arrives unchanged, what they refuse is told with their own words."""

import hashlib
import uuid

import pytest

from smtpadmin.smtp import (
    AuthFacts,
    Cause,
    Deadlines,
    Envelope,
    Secret,
    Security,
    SignIn,
    Stage,
    Status,
    TlsFacts,
    Verdict,
    probe,
    serialise,
    stages,
)
from tests.support.attempts import SENT, Attempt, both, refused, send, watch
from tests.support.exim import UNANNOUNCED_MAX_SIZE
from tests.support.mime import telling_message
from tests.support.real_servers import FOREIGN_RECIPIENT, OTHER_RECIPIENT, UNKNOWN_RECIPIENT, RealServer

ENCRYPTED = [pytest.param(security, id=security.name) for security in (Security.STARTTLS, Security.IMPLICIT_TLS)]
EVERY_SECURITY = [pytest.param(security, id=security.name) for security in Security]


def message(server: RealServer, *recipients: str, sender: str = "", size: int = 0) -> tuple[Envelope, str]:
    """Return a message that would show any change on its way, and a text that is in no other."""
    token = uuid.uuid4().hex
    mail = telling_message(server.sender, server.recipient, token=token, size=size)
    return Envelope(sender or server.sender, recipients or (server.recipient,), serialise(mail)), token


def body_hash(content: bytes) -> str:
    """Return the hash of what follows the header; servers add lines to the header and change nothing below."""
    return hashlib.sha256(content.partition(b"\r\n\r\n")[2]).hexdigest()


def reply_of(attempt: Attempt) -> tuple[int, str]:
    """Return code and enhanced status code of the server's refusal."""
    assert attempt.error is not None
    assert attempt.error.reply is not None
    return attempt.error.reply.code, attempt.error.reply.enhanced


@pytest.mark.parametrize("security", EVERY_SECURITY)
@pytest.mark.parametrize("way", [send, watch])
def test_a_message_arrives_unchanged(server: RealServer, security: Security, way: object) -> None:
    envelope, token = message(server)
    assert callable(way)
    assert way(server.config(security), envelope).outcome == SENT

    arrived = server.mailbox(server.recipient).wait_for(f"X-Token: {token}")
    assert body_hash(arrived) == body_hash(envelope.content)


@pytest.mark.parametrize("security", EVERY_SECURITY)
def test_a_wrong_password_is_refused_at_sign_in(server: RealServer, security: Security) -> None:
    envelope, _ = message(server)
    attempts = both(server.config(security, password=Secret("wrong")), envelope)

    assert [attempt.outcome for attempt in attempts] == [refused(Stage.AUTH, Cause.AUTH_REFUSED)] * 2
    # Exim's answer has no enhanced status code.
    assert [reply_of(attempt) for attempt in attempts] == [(535, "5.7.8" if server.name == "Postfix" else "")] * 2


@pytest.mark.parametrize("security", ENCRYPTED)
@pytest.mark.parametrize("mechanism", [SignIn.PLAIN, SignIn.LOGIN])
def test_both_mechanisms_sign_in(server: RealServer, security: Security, mechanism: SignIn) -> None:
    envelope, _ = message(server)
    steps = list(probe(server.config(security, sign_in=mechanism), envelope, send=False))

    facts = next(step.facts for step in steps if step.stage is Stage.AUTH)
    assert isinstance(facts, AuthFacts)
    assert (set(facts.offered), facts.used) == ({"PLAIN", "LOGIN"}, mechanism.name)


@pytest.mark.parametrize("security", EVERY_SECURITY)
def test_the_test_shows_every_stage(server: RealServer, security: Security) -> None:
    envelope, _ = message(server)
    steps = list(probe(server.config(security), envelope))

    assert tuple(step.stage for step in steps) == stages(security)
    # Without TLS the sign-in is one to be warned of, though it does not leave this host.
    assert {step.status for step in steps} <= {Status.OK, Status.WARNING}
    for step in steps:
        if isinstance(step.facts, TlsFacts):
            assert (step.facts.version, step.facts.verified) == ("TLSv1.3", True)
            assert step.facts.certificate is not None
            assert "localhost" in step.facts.certificate.names


@pytest.mark.parametrize("security", ENCRYPTED)
def test_a_sender_of_somebody_else_is_refused(server: RealServer, security: Security) -> None:
    envelope, _ = message(server, sender="ceo@example.com")
    attempts = both(server.config(security), envelope)

    assert [attempt.outcome for attempt in attempts] == [refused(Stage.MAIL, Cause.SENDER_REFUSED)] * 2
    assert [reply_of(attempt) for attempt in attempts] == [(553, "5.7.1")] * 2


@pytest.mark.parametrize("security", ENCRYPTED)
def test_mail_without_sign_in_is_refused(server: RealServer, security: Security) -> None:
    envelope, _ = message(server)
    attempts = both(server.config(security, username="", password=Secret("")), envelope)

    assert [attempt.outcome for attempt in attempts] == [refused(Stage.MAIL, Cause.SENDER_REFUSED)] * 2
    expected = (553, "5.7.1") if server.name == "Postfix" else (530, "5.7.0")
    assert [reply_of(attempt) for attempt in attempts] == [expected] * 2


@pytest.mark.parametrize("security", ENCRYPTED)
def test_relaying_is_denied(server: RealServer, security: Security) -> None:
    envelope, _ = message(server, FOREIGN_RECIPIENT)
    attempts = both(server.config(security), envelope)

    assert [attempt.outcome for attempt in attempts] == [refused(Stage.RCPT, Cause.RECIPIENT_REFUSED)] * 2
    assert [reply_of(attempt) for attempt in attempts] == [(554 if server.name == "Postfix" else 550, "5.7.1")] * 2


@pytest.mark.parametrize("security", ENCRYPTED)
def test_an_unknown_recipient_is_refused(server: RealServer, security: Security) -> None:
    envelope, _ = message(server, UNKNOWN_RECIPIENT)
    attempts = both(server.config(security), envelope)

    assert [attempt.outcome for attempt in attempts] == [refused(Stage.RCPT, Cause.RECIPIENT_REFUSED)] * 2
    assert [reply_of(attempt) for attempt in attempts] == [(550, "5.1.1")] * 2


@pytest.mark.parametrize("security", ENCRYPTED)
def test_known_recipients_get_it_where_one_is_unknown(server: RealServer, security: Security) -> None:
    envelope, token = message(server, server.recipient, UNKNOWN_RECIPIENT, OTHER_RECIPIENT)
    attempt = send(server.config(security), envelope)

    assert [(item.recipient, item.verdict) for item in attempt.recipients] == [
        (server.recipient, Verdict.SENT),
        (UNKNOWN_RECIPIENT, Verdict.REFUSED),
        (OTHER_RECIPIENT, Verdict.SENT),
    ]
    for recipient in (server.recipient, OTHER_RECIPIENT):
        assert server.mailbox(recipient).wait_for(f"X-Token: {token}")


@pytest.mark.parametrize("security", ENCRYPTED)
def test_a_message_above_the_announced_size_is_not_sent(server: RealServer, security: Security) -> None:
    envelope, _ = message(server, size=server.max_size)
    attempts = both(server.config(security), envelope)

    assert [attempt.outcome for attempt in attempts] == [refused(Stage.MAIL, Cause.TOO_LARGE)] * 2
    for attempt in attempts:
        assert attempt.error is not None
        assert attempt.error.reply is None


def test_a_message_above_a_size_that_was_not_announced_is_refused_in_the_end(server: RealServer) -> None:
    # Postfix keeps its limit to itself on the port without TLS, Exim keeps a second one to itself everywhere.
    unannounced = server.max_size if server.name == "Postfix" else UNANNOUNCED_MAX_SIZE
    envelope, _ = message(server, size=unannounced)
    attempts = both(server.config(Security.NONE), envelope)

    assert [attempt.outcome for attempt in attempts] == [refused(Stage.DATA, Cause.TOO_LARGE)] * 2
    assert [reply_of(attempt) for attempt in attempts] == [(552, "5.3.4")] * 2


@pytest.mark.parametrize("security", ENCRYPTED)
def test_a_certificate_of_an_unknown_authority_ends_it_before_sign_in(server: RealServer, security: Security) -> None:
    envelope, _ = message(server)
    attempts = both(server.config(security, ca_pem=""), envelope)

    assert [attempt.outcome for attempt in attempts] == [refused(Stage.TLS, Cause.TLS_UNKNOWN_CA)] * 2


@pytest.mark.parametrize(
    ("dialled", "spoken", "stage", "cause"),
    [
        pytest.param(
            Security.STARTTLS, Security.IMPLICIT_TLS, Stage.TLS, Cause.PLAIN_ON_TLS_PORT, id="TLS to the STARTTLS port"
        ),
        pytest.param(
            Security.IMPLICIT_TLS, Security.STARTTLS, Stage.EHLO, Cause.TLS_ON_PLAIN_PORT, id="STARTTLS to the TLS port"
        ),
        pytest.param(
            Security.STARTTLS, Security.NONE, Stage.AUTH, Cause.AUTH_NOT_OFFERED, id="no TLS to the STARTTLS port"
        ),
        pytest.param(
            Security.NONE, Security.STARTTLS, Stage.TLS, Cause.STARTTLS_MISSING, id="STARTTLS to the port without TLS"
        ),
    ],
)
def test_the_wrong_security_for_a_port_is_named(
    server: RealServer, dialled: Security, spoken: Security, stage: Stage, cause: Cause
) -> None:
    envelope, _ = message(server)
    # A server that waits for TLS says nothing, and is asked about it after half of the time that it has.
    config = server.config(
        spoken, port=server.ports[dialled], ca_pem=server.ca_pem, deadlines=Deadlines(greeting=2, overall=20)
    )
    attempts = both(config, envelope)

    assert [attempt.outcome for attempt in attempts] == [refused(stage, cause)] * 2
