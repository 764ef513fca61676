"""Tests of `smtpadmin.smtp.wire` and `conversation`: bytes in bounded time and space, one answer to one question."""

import socket
import ssl
import threading
from collections.abc import Iterator
from time import monotonic

import pytest

from smtpadmin.smtp import Cause, Deadlines, Reply, Secret, Security, ServerConfig, SmtpError, Stage
from smtpadmin.smtp.conversation import Conversation
from smtpadmin.smtp.wire import MAX_LINE, MAX_LINES, Wire, WireError
from tests.support.certificates import CertificateFactory

PASSWORD = "correct horse battery"


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end of a connection, and the server's."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    with ours, theirs:
        yield ours, theirs


Ends = tuple[socket.socket, socket.socket]


def soon(seconds: float = 5) -> float:
    return monotonic() + seconds


def conversation_over(sock: socket.socket) -> Conversation:
    config = ServerConfig(
        host="mail.example.com",
        port=25,
        security=Security.NONE,
        username="me@example.com",
        password=Secret(PASSWORD),
        deadlines=Deadlines(body=0.3),
    )
    conversation = Conversation(config)
    conversation.attach(sock)
    return conversation


def test_replies_are_read_one_by_one_however_they_arrive(ends: Ends) -> None:
    ours, theirs = ends
    wire = Wire(ours)
    theirs.sendall(b"250-a\r\n250 b\r\n354 go\r\n55")
    assert wire.read_reply(until=soon()) == Reply(250, "", ("a", "b"))
    assert wire.read_reply(until=soon()) == Reply(354, "", ("go",))
    threading.Timer(0.05, theirs.sendall, [b"0 no\r\n"]).start()
    assert wire.read_reply(until=soon()) == Reply(550, "", ("no",))


def test_a_deadline_that_has_passed_is_no_reason_to_wait(ends: Ends) -> None:
    started = monotonic()
    with pytest.raises(WireError) as raised:
        Wire(ends[0]).read_reply(until=started - 1)
    assert raised.value.cause is Cause.DEADLINE_EXCEEDED
    assert monotonic() - started < 0.5


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"250 " + b"x" * (MAX_LINE + 1), Cause.REPLY_TOO_LONG),
        (b"250 " + b"x" * MAX_LINE + b"\r\n", Cause.REPLY_TOO_LONG),
        (b"250-x\r\n" * MAX_LINES + b"250 x\r\n", Cause.REPLY_TOO_LONG),
        ((b"250-" + b"x" * 8000 + b"\r\n") * 9, Cause.REPLY_TOO_LONG),
        (b"SSH-2.0-OpenSSH\r\n", Cause.PROTOCOL_ERROR),
        (b"J\0\0\0", Cause.PROTOCOL_ERROR),
    ],
)
def test_what_is_no_reply_is_given_up_at_once(ends: Ends, data: bytes, cause: Cause) -> None:
    ours, theirs = ends
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    theirs.sendall(data)
    with pytest.raises(WireError) as raised:
        Wire(ours).read_reply(until=soon())
    assert raised.value.cause is cause


@pytest.mark.parametrize("data", [b"250-x\r\n" * (MAX_LINES - 1) + b"250 x\r\n", b"250 " + b"x" * 8000 + b"\r\n"])
def test_a_reply_within_the_bounds_is_read(ends: Ends, data: bytes) -> None:
    ends[1].sendall(data)
    assert Wire(ends[0]).read_reply(until=soon()).code == 250


def test_silence_is_told_from_speech_and_from_the_end(ends: Ends) -> None:
    ours, theirs = ends
    wire = Wire(ours)
    wire.expect_silence()
    theirs.sendall(b"250 ok\r\n")
    with pytest.raises(WireError) as spoken:
        wire.expect_silence()
    assert wire.read_reply(until=soon()) == Reply(250, "", ("ok",))
    theirs.close()
    with pytest.raises(WireError) as ended:
        wire.expect_silence()
    assert (spoken.value.cause, ended.value.cause) == (Cause.PROTOCOL_ERROR, Cause.CONNECTION_CLOSED)


def test_an_answer_that_is_there_before_the_message_is_not_taken_for_the_answer_to_it(ends: Ends) -> None:
    ours, theirs = ends
    conversation = conversation_over(ours)
    theirs.sendall(b"250 queued\r\n")
    with pytest.raises(SmtpError) as raised:
        conversation.send_message(memoryview(b"x\r\n.\r\n"), size=3)
    assert (raised.value.stage, raised.value.cause) == (Stage.DATA, Cause.PROTOCOL_ERROR)
    assert not conversation.usable
    conversation.close()
    assert theirs.recv(100) == b""


@pytest.mark.parametrize("secret", [True, False])
def test_nothing_is_said_to_a_server_that_has_answered_twice(ends: Ends, *, secret: bool) -> None:
    ours, theirs = ends
    conversation = conversation_over(ours)
    theirs.sendall(b"250 ok\r\n250 ok\r\n")
    conversation.read_reply(stage=Stage.EHLO, until=soon())
    with pytest.raises(SmtpError) as raised:  # noqa: PT012 - two ways to say something
        if secret:
            conversation.secret_command(lambda: b"secret", shown="***", stage=Stage.AUTH, until=soon())
        else:
            conversation.send_line("AUTH LOGIN", stage=Stage.AUTH, until=soon())
    assert (raised.value.stage, raised.value.cause) == (Stage.AUTH, Cause.PROTOCOL_ERROR)
    conversation.close()
    assert theirs.recv(100) == b""


def test_a_command_is_one_line(ends: Ends) -> None:
    conversation = conversation_over(ends[0])
    for line in ("NOOP\r\nQUIT", "NOOP\nQUIT", "NOOP\r"):
        with pytest.raises(ValueError, match="one line"):
            conversation.send_line(line, stage=Stage.MAIL, until=soon())


def test_a_message_that_makes_no_progress_is_given_up(ends: Ends) -> None:
    conversation = conversation_over(ends[0])
    started = monotonic()
    with pytest.raises(SmtpError) as raised:
        conversation.send_message(memoryview(bytes(50_000_000)), size=50_000_000)
    assert raised.value.cause is Cause.DEADLINE_EXCEEDED
    assert 0.3 <= monotonic() - started < 1.3


def test_an_error_names_no_credential_and_leads_to_none(ends: Ends) -> None:
    ours, theirs = ends
    conversation = conversation_over(ours)
    theirs.sendall(f"what about {PASSWORD}?\r\n".encode())
    with pytest.raises(SmtpError) as raised:
        conversation.read_reply(stage=Stage.AUTH, until=soon())
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    assert PASSWORD not in str(raised.value)
    assert PASSWORD not in "\n".join(conversation.transcript.lines())


def test_a_long_reply_is_cut_for_those_who_show_it(ends: Ends) -> None:
    ours, theirs = ends
    theirs.sendall((b"550-" + b"x" * 900 + b"\r\n") * 5 + b"550 end\r\n")
    reply = conversation_over(ours).read_reply(stage=Stage.RCPT, until=soon())
    assert [len(line) for line in reply.lines] == [900, 900, 201]
    assert reply.lines[-1].endswith("…")


def test_bytes_that_tls_has_decrypted_already_are_not_waited_for(certificates: CertificateFactory) -> None:
    ours, theirs = socket.socketpair()
    reply = b"250-" + b"x" * 7000 + b"\r\n"
    server = threading.Thread(target=_serve_tls, args=(theirs, certificates.good.context(), reply * 2 + b"250 end\r\n"))
    server.start()
    context = ssl.create_default_context(cadata=certificates.ca_pem)
    with context.wrap_socket(ours, server_hostname="localhost") as sock:
        # One TLS record of 14 kB, read in parts: the socket has nothing more to announce after the first.
        assert len(Wire(sock).read_reply(until=soon()).lines) == 3
        sock.setblocking(True)
        sock.sendall(b"x")
    server.join(5)


def _serve_tls(sock: socket.socket, context: ssl.SSLContext, data: bytes) -> None:
    with context.wrap_socket(sock, server_side=True) as tls:
        tls.sendall(data)
        tls.recv(1)
