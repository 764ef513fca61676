"""Tests of `smtpadmin.smtp.transfer`: messages over an open session, and what became of each recipient."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest

from smtpadmin.smtp import (
    Cause,
    ContentError,
    DataError,
    DataFacts,
    Deadlines,
    Envelope,
    RcptFacts,
    RecipientResult,
    Reply,
    Result,
    Secret,
    Security,
    ServerConfig,
    Session,
    Stage,
    Status,
    UncertainError,
    Verdict,
    transmit,
    transmitting,
)
from tests.support.behaviours import PASSWORD, USERNAME, Behaviour, close, ehlo, hang, raw, say, then
from tests.support.hostile import HostileServer, Phase, Script, hostile_server
from tests.support.smtpd import StartServer

SENDER = "notify@example.com"
ALICE, BOB, CHARLIE = "alice@example.org", "bob@example.org", "charlie@example.org"
CONTENT = b"Subject: Test\r\n\r\n.dot\r\n..\r\nend\r\n"
QUEUED = Reply(250, "2.0.0", ("2.0.0 Queued",))
SHORT = Deadlines(greeting=2, ehlo=2, auth=2, mail=1, rcpt=1, data=1, body=0.5, reply=0.5, quit=0.3)


@contextmanager
def session_with(script: Script, **changes: object) -> Iterator[tuple[Session, HostileServer]]:
    """Open a session to a server that follows `script`."""
    with hostile_server(script) as server:
        values: dict[str, object] = {
            "host": server.host,
            "port": server.port,
            "security": Security.NONE,
            "username": USERNAME,
            "password": Secret(PASSWORD),
            "deadlines": SHORT,
        }
        with Session(ServerConfig(**values | changes)) as session:  # type: ignore[arg-type]
            yield session, server


def envelope(*recipients: str, content: bytes = CONTENT, sender: str = SENDER) -> Envelope:
    return Envelope(sender, recipients or (ALICE,), content)


def verdicts(result: Result) -> list[Verdict]:
    return [item.verdict for item in result.recipients]


def causes(result: Result) -> list[Cause | None]:
    return [item.error.cause if item.error else None for item in result.recipients]


def test_a_message_arrives_as_it_was_given(smtp_server: StartServer) -> None:
    server = smtp_server()
    with Session(server.config()) as session:
        result = transmit(session, envelope(ALICE, BOB))
    assert result.sent
    assert verdicts(result) == [Verdict.SENT, Verdict.SENT]
    (received,) = server.messages
    assert (received.sender, received.recipients, received.content) == (SENDER, (ALICE, BOB), CONTENT)


def test_many_messages_go_over_one_connection(smtp_server: StartServer) -> None:
    server = smtp_server()
    with Session(server.config()) as session:
        assert all(transmit(session, envelope()).sent for _ in range(20))
    assert (len(server.messages), server.connections) == (20, 1)


def test_the_null_sender_of_bounces_is_sent(smtp_server: StartServer) -> None:
    server = smtp_server()
    with Session(server.config()) as session:
        assert transmit(session, envelope(sender="")).sent
    assert server.messages[0].sender in ("", "<>")


def test_a_large_message_arrives_whole(smtp_server: StartServer) -> None:
    server = smtp_server(security=Security.STARTTLS)
    content = b"Subject: x\r\n\r\n" + (b"." * 70 + b"\r\n") * 40_000
    with Session(server.config()) as session:
        assert transmit(session, envelope(content=content)).sent
    assert server.messages[0].content == content


def test_a_refused_recipient_does_not_keep_the_others_from_their_message() -> None:
    refusals = {1: say("250 ok"), 2: say("550 5.1.1 Nobody here"), 3: say("450 4.2.0 Greylisted")}
    with session_with({Phase.RCPT: list(refusals.values())}) as (session, server):
        result = transmit(session, envelope(ALICE, BOB, CHARLIE))
        assert session.usable
    alice, bob, charlie = result.recipients
    assert not result.sent
    assert alice == RecipientResult(ALICE, Verdict.SENT, reply=QUEUED)
    assert (bob.verdict, bob.reply) == (Verdict.REFUSED, Reply(550, "5.1.1", ("5.1.1 Nobody here",)))
    assert (charlie.verdict, charlie.reply) == (Verdict.DEFERRED, Reply(450, "4.2.0", ("4.2.0 Greylisted",)))
    assert causes(result) == [None, Cause.RECIPIENT_REFUSED, Cause.RECIPIENT_DEFERRED]
    assert len(server.ledger.bodies) == 1


def test_nothing_is_sent_when_no_recipient_is_accepted() -> None:
    with session_with({Phase.RCPT: [say("550 no"), say("450 later")]}) as (session, server):
        steps = list(transmitting(session, envelope(ALICE, BOB)))
        assert session.usable
        assert (server.ledger.count("DATA"), server.ledger.count("RSET")) == (0, 1)
    assert [step.status for step in steps] == [Status.OK, Status.FAILED]
    assert steps[1].error is not None
    # One of them may be taken later, so the message as a whole may.
    assert (steps[1].error.cause, steps[1].error.temporary) == (Cause.NO_RECIPIENT_ACCEPTED, True)
    assert steps[1].facts == RcptFacts(
        accepted=(), refused=((ALICE, Reply(550, "", ("no",))), (BOB, Reply(450, "", ("later",))))
    )


def test_a_single_refused_recipient_is_the_error_itself() -> None:
    with session_with({Phase.RCPT: say("550 5.1.1 Nobody here")}) as (session, _):
        result = transmit(session, envelope())
    assert (verdicts(result), causes(result)) == ([Verdict.REFUSED], [Cause.RECIPIENT_REFUSED])


@pytest.mark.parametrize("reply", ["552 Too many recipients", "552 5.5.3 Too many recipients"])
def test_too_many_recipients_may_be_tried_again_where_too_much_mail_may_not(reply: str) -> None:
    script: Script = {Phase.RCPT: [say("250 ok"), say(reply), say("552 5.2.2 Mailbox full")]}
    with session_with(script) as (session, _):
        result = transmit(session, envelope(ALICE, BOB, CHARLIE))
    assert verdicts(result) == [Verdict.SENT, Verdict.DEFERRED, Verdict.REFUSED]


def test_421_decides_for_all_that_are_not_decided() -> None:
    script: Script = {Phase.RCPT: [say("250 ok"), say("550 no"), then(say("421 4.7.0 Too much"), close)]}
    with session_with(script) as (session, server):
        result = transmit(session, envelope(ALICE, BOB, CHARLIE, "dora@example.org"))
        assert not session.usable
        assert server.ledger.count("DATA") == 0
    assert verdicts(result) == [Verdict.DEFERRED, Verdict.REFUSED, Verdict.DEFERRED, Verdict.DEFERRED]
    assert causes(result) == [
        Cause.SERVICE_UNAVAILABLE,
        Cause.RECIPIENT_REFUSED,
        Cause.SERVICE_UNAVAILABLE,
        Cause.SERVICE_UNAVAILABLE,
    ]


@pytest.mark.parametrize(
    ("phase", "behaviour", "verdict", "stage", "cause", "usable"),
    [
        (Phase.MAIL, say("550 5.7.1 no"), Verdict.REFUSED, Stage.MAIL, Cause.SENDER_REFUSED, True),
        (Phase.MAIL, say("530 5.7.0 sign in"), Verdict.REFUSED, Stage.MAIL, Cause.SENDER_REFUSED, True),
        (Phase.MAIL, say("452 4.3.1 full"), Verdict.DEFERRED, Stage.MAIL, Cause.SENDER_DEFERRED, True),
        (Phase.MAIL, say("552 5.3.4 big"), Verdict.REFUSED, Stage.MAIL, Cause.TOO_LARGE, True),
        (Phase.MAIL, say("354 go"), Verdict.DEFERRED, Stage.MAIL, Cause.PROTOCOL_ERROR, False),
        (Phase.MAIL, close, Verdict.DEFERRED, Stage.MAIL, Cause.CONNECTION_CLOSED, False),
        (Phase.RCPT, close, Verdict.DEFERRED, Stage.RCPT, Cause.CONNECTION_CLOSED, False),
        (Phase.DATA, say("554 5.5.1 no"), Verdict.REFUSED, Stage.DATA, Cause.CONTENT_REFUSED, True),
        (Phase.DATA, say("451 4.3.0 no"), Verdict.DEFERRED, Stage.DATA, Cause.CONTENT_DEFERRED, True),
        (Phase.DATA, say("250 ok"), Verdict.DEFERRED, Stage.DATA, Cause.PROTOCOL_ERROR, False),
        (Phase.DATA, say("354 go", "250 ok"), Verdict.DEFERRED, Stage.DATA, Cause.PROTOCOL_ERROR, False),
        (Phase.DOT, say("554 5.7.1 spam"), Verdict.REFUSED, Stage.DATA, Cause.CONTENT_REFUSED, True),
        (Phase.DOT, say("552 5.3.4 big"), Verdict.REFUSED, Stage.DATA, Cause.TOO_LARGE, True),
        (Phase.DOT, say("451 4.3.0 no"), Verdict.DEFERRED, Stage.DATA, Cause.CONTENT_DEFERRED, True),
        (Phase.DOT, say("421 4.3.2 no"), Verdict.DEFERRED, Stage.DATA, Cause.SERVICE_UNAVAILABLE, False),
        (Phase.DOT, say("354 more"), Verdict.UNCERTAIN, Stage.DATA, Cause.UNCERTAIN, False),
        (Phase.DOT, say("what"), Verdict.UNCERTAIN, Stage.DATA, Cause.UNCERTAIN, False),
        (Phase.DOT, raw(b"250 o"), Verdict.UNCERTAIN, Stage.DATA, Cause.UNCERTAIN, False),
        (Phase.DOT, then(raw(b"250 ok"), close), Verdict.UNCERTAIN, Stage.DATA, Cause.UNCERTAIN, False),
        (Phase.DOT, close, Verdict.UNCERTAIN, Stage.DATA, Cause.UNCERTAIN, False),
        (Phase.DOT, hang, Verdict.UNCERTAIN, Stage.DATA, Cause.UNCERTAIN, False),
        (Phase.DOT, say("251 ok"), Verdict.SENT, None, None, True),
    ],
)
def test_a_verdict_depends_on_where_it_ended(
    phase: Phase, behaviour: Behaviour, verdict: Verdict, stage: Stage | None, cause: Cause | None, *, usable: bool
) -> None:
    with session_with({phase: behaviour}) as (session, _):
        (item,) = transmit(session, envelope()).recipients
        assert (item.verdict, session.usable) == (verdict, usable)
    assert (item.error.stage if item.error else None, item.error.cause if item.error else None) == (stage, cause)


def test_after_a_refusal_the_next_message_is_sent() -> None:
    script: Script = {
        Phase.MAIL: [say("550 no"), say("250 ok")],
        Phase.RCPT: [say("550 no"), say("250 ok")],
        Phase.DATA: [say("554 no"), say("354 go")],
        Phase.DOT: [say("554 no"), say("250 2.0.0 Queued")],
    }
    with session_with(script) as (session, server):
        results = [transmit(session, envelope()).sent for _ in range(5)]
        # A refusal of all recipients or of DATA leaves a transaction behind, which MAIL may not be said in.
        assert (len(server.ledger.bodies), server.ledger.count("RSET")) == (2, 2)
    assert results == [False, False, False, False, True]


def test_silence_after_the_dot_is_an_error_of_its_own_kind() -> None:
    with session_with({Phase.DOT: close}) as (session, _):
        (item,) = transmit(session, envelope()).recipients
    assert isinstance(item.error, UncertainError)
    assert item.error.text == (
        "The message was handed over, and the server's answer is missing: The connection was closed."
    )


def test_a_refusal_in_the_middle_of_a_message_is_heard() -> None:
    big = CONTENT + (b"x" * 70 + b"\r\n") * 200_000
    with session_with({Phase.BODY: then(say("552 5.3.4 Too big"), close)}) as (session, _):
        (item,) = transmit(session, envelope(content=big)).recipients
    assert isinstance(item.error, DataError)
    assert (item.verdict, item.error.cause) == (Verdict.REFUSED, Cause.TOO_LARGE)


def test_a_server_that_stops_reading_is_left_in_time() -> None:
    big = CONTENT + (b"x" * 70 + b"\r\n") * 200_000

    def stop_reading(peer: object) -> None:
        peer.wait(20)  # type: ignore[attr-defined]

    with session_with({Phase.BODY: stop_reading}) as (session, _):
        started = monotonic()
        (item,) = transmit(session, envelope(content=big)).recipients
        assert monotonic() - started < SHORT.body + 1
    assert item.error is not None
    assert (item.verdict, item.error.cause) == (Verdict.DEFERRED, Cause.DEADLINE_EXCEEDED)


@pytest.mark.parametrize(
    ("extensions", "content", "expected"),
    [
        (("SIZE 1000",), CONTENT, f"MAIL FROM:<{SENDER}> SIZE={len(CONTENT)}"),
        (("SIZE",), CONTENT, f"MAIL FROM:<{SENDER}> SIZE={len(CONTENT)}"),
        (("SIZE 0",), CONTENT, f"MAIL FROM:<{SENDER}> SIZE={len(CONTENT)}"),
        (("8BITMIME", "SMTPUTF8"), CONTENT, f"MAIL FROM:<{SENDER}>"),
        (("8BITMIME",), "Subject: x\r\n\r\nü\r\n".encode(), f"MAIL FROM:<{SENDER}> BODY=8BITMIME"),
        (
            ("8BITMIME", "SMTPUTF8"),
            "Subject: ü\r\n\r\nü\r\n".encode(),
            f"MAIL FROM:<{SENDER}> BODY=8BITMIME SMTPUTF8",
        ),
    ],
)
def test_mail_from_has_the_parameters_that_are_needed_and_known(
    extensions: tuple[str, ...], content: bytes, expected: str
) -> None:
    with session_with({Phase.EHLO: ehlo(*extensions, "AUTH PLAIN")}) as (session, _):
        assert transmit(session, envelope(content=content)).sent
        assert f"C: {expected}" in session.transcript


@pytest.mark.parametrize(
    ("given", "stage", "cause"),
    [
        (envelope(content=b"bare\nlf\r\n"), Stage.DATA, Cause.BAD_LINE),
        (envelope(content=b"x" * 2000 + b"\r\n"), Stage.DATA, Cause.BAD_LINE),
        (envelope(content="Subject: x\r\n\r\nü\r\n".encode()), Stage.DATA, Cause.EIGHTBIT_UNSUPPORTED),
        (envelope(content="Subject: ü\r\n\r\nx\r\n".encode()), Stage.MAIL, Cause.UTF8_UNSUPPORTED),
        (envelope(content=b"x" * 70 + b"\r\n"), Stage.MAIL, Cause.TOO_LARGE),
        (envelope(sender="no address"), Stage.MAIL, Cause.BAD_ADDRESS),
        (envelope(sender="jösé@example.com"), Stage.MAIL, Cause.UTF8_UNSUPPORTED),
        (envelope("a@example.org> ORCPT=x"), Stage.RCPT, Cause.BAD_ADDRESS),
        (envelope("jösé@example.org"), Stage.RCPT, Cause.UTF8_UNSUPPORTED),
    ],
)
def test_what_may_not_be_sent_is_refused_before_anything_is_said(given: Envelope, stage: Stage, cause: Cause) -> None:
    with session_with({Phase.EHLO: ehlo("SIZE 50", "AUTH PLAIN")}) as (session, server):
        (item,) = transmit(session, given).recipients
        assert session.usable
        assert server.ledger.count("MAIL") == 0
    assert isinstance(item.error, ContentError)
    assert (item.verdict, item.error.stage, item.error.cause) == (Verdict.REFUSED, stage, cause)


def test_an_envelope_without_recipients_is_not_sent() -> None:
    with session_with({}) as (session, server):
        result = transmit(session, Envelope(SENDER, (), CONTENT))
        assert (result, result.sent, server.ledger.count("MAIL")) == (Result(()), False, 0)


def test_only_the_recipient_that_cannot_be_written_is_left_out() -> None:
    with session_with({}) as (session, server):
        result = transmit(session, envelope("jösé@example.org", ALICE, "not an address", "bob@bücher.example"))
        assert server.ledger.count("RCPT") == 2
        assert "C: RCPT TO:<bob@xn--bcher-kva.example>" in session.transcript
    assert verdicts(result) == [Verdict.REFUSED, Verdict.SENT, Verdict.REFUSED, Verdict.SENT]
    assert causes(result) == [Cause.UTF8_UNSUPPORTED, None, Cause.BAD_ADDRESS, None]


def test_addresses_beyond_ascii_go_to_a_server_that_knows_them(smtp_server: StartServer) -> None:
    server = smtp_server()
    with Session(server.config()) as session:
        assert transmit(session, envelope("jösé@example.org", sender="用户@bücher.example")).sent
    (received,) = server.messages
    assert (received.sender, received.recipients) == ("用户@xn--bcher-kva.example", ("jösé@example.org",))


def test_a_check_asks_and_sends_nothing() -> None:
    with session_with({Phase.RCPT: [say("250 2.1.5 fine"), say("550 no")]}) as (session, server):
        steps = transmitting(session, envelope(ALICE, BOB), send=False)
        seen = []
        try:
            while True:
                seen.append(next(steps).stage)
        except StopIteration as end:
            result: Result = end.value
        assert session.usable
        assert (server.ledger.count("DATA"), server.ledger.count("RSET")) == (0, 1)
    assert seen == [Stage.MAIL, Stage.RCPT]
    assert (verdicts(result), result.sent) == ([Verdict.ACCEPTED, Verdict.REFUSED], False)


def test_the_steps_tell_what_was_said() -> None:
    with session_with({Phase.RCPT: [say("250 ok"), say("550 no")]}) as (session, _):
        mail, rcpt, data = transmitting(session, envelope(ALICE, BOB))
    assert (mail.stage, mail.status, mail.reply) == (Stage.MAIL, Status.OK, Reply(250, "2.0.0", ("2.0.0 Ok",)))
    assert (rcpt.stage, rcpt.status) == (Stage.RCPT, Status.WARNING)
    assert rcpt.facts == RcptFacts(accepted=(ALICE,), refused=((BOB, Reply(550, "", ("no",))),))
    assert (data.stage, data.status, data.reply) == (Stage.DATA, Status.OK, QUEUED)
    assert data.facts == DataFacts(size=len(CONTENT))


def test_over_a_closed_session_nothing_is_sent_and_nothing_raised() -> None:
    with session_with({}) as (session, server):
        session.close()
        (item,) = transmit(session, envelope()).recipients
        assert server.ledger.count("MAIL") == 0
    assert item.error is not None
    assert (item.verdict, item.error.stage, item.error.cause) == (
        Verdict.DEFERRED,
        Stage.MAIL,
        Cause.CONNECTION_CLOSED,
    )


def test_what_a_server_said_while_idle_is_the_answer_to_the_next_message() -> None:
    with idle_server() as (port, idle):
        config = ServerConfig(host="127.0.0.1", port=port, security=Security.NONE, deadlines=SHORT)
        with Session(config) as session:
            idle.wait(5)
            (item,) = transmit(session, envelope()).recipients
    assert item.error is not None
    assert (item.verdict, item.error.stage, item.error.cause) == (
        Verdict.DEFERRED,
        Stage.MAIL,
        Cause.SERVICE_UNAVAILABLE,
    )


@contextmanager
def idle_server() -> Iterator[tuple[int, threading.Event]]:
    """A server that says 421 and leaves as soon as it has been greeted."""
    left = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"220 mail\r\n")
                sock.recv(1000)
                sock.sendall(b"250 mail\r\n")
                left.wait(0.1)
                sock.sendall(b"421 4.4.2 Idle for too long\r\n")
            left.set()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], left
        thread.join(5)


def test_an_envelope_does_not_print_the_message() -> None:
    assert "reset-link" not in repr(envelope(content=b"Subject: x\r\n\r\nreset-link\r\n"))


def test_a_message_taken_back_before_data_leaves_nothing_behind(smtp_server: StartServer) -> None:
    server = smtp_server(replies={BOB: "550 5.1.1 No such user"})
    with Session(server.config()) as session:
        result = transmit(session, envelope(ALICE, BOB), before_data=lambda: False)
        assert verdicts(result) == [Verdict.WITHHELD, Verdict.REFUSED]
        assert (server.messages, session.usable) == ([], True)
        # The server has forgotten the transaction: the next message is one of its own.
        assert transmit(session, envelope(CHARLIE), before_data=lambda: True).sent
    assert [received.recipients for received in server.messages] == [(CHARLIE,)]


def test_it_is_asked_before_data_only_when_somebody_would_get_the_message(smtp_server: StartServer) -> None:
    asked: list[bool] = []

    def ask() -> bool:
        asked.append(True)
        return True

    server = smtp_server(replies={ALICE: "550 5.1.1 No such user"})
    with Session(server.config()) as session:
        assert verdicts(transmit(session, envelope(ALICE), before_data=ask)) == [Verdict.REFUSED]
        assert asked == []
        assert transmit(session, envelope(BOB), before_data=ask).sent
    assert asked == [True]


def test_nothing_of_the_message_has_left_when_it_is_asked() -> None:
    said: list[str] = []
    with session_with({}) as (session, _server):
        transmit(session, envelope(), before_data=lambda: bool(said.extend(session.transcript) or True))
        assert not any("DATA" in line for line in said)
        assert any("DATA" in line for line in session.transcript)
