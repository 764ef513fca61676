"""Tests of `smtpadmin.smtp.pipeline`: many messages over one session, each with the fate that is its own."""

import hashlib
import json
import random
import select
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from smtpadmin.smtp import (
    MOST_BYTES,
    Cause,
    Deadlines,
    Envelope,
    Result,
    Security,
    ServerConfig,
    Session,
    Stage,
    Verdict,
    transmit,
    transmit_in_chunks,
    transmit_in_groups,
)
from tests.support.behaviours import Behaviour, close, drip_once, ehlo, nothing, pause, raw, read, reset, say, then
from tests.support.hostile import HostileServer, Phase, Script, hostile_server
from tests.support.peer import Peer
from tests.support.sink import sink
from tests.support.slow_line import slow_line

SENDER = "notify@example.com"
ALICE, BOB, CHARLIE = "alice@example.org", "bob@example.org", "charlie@example.org"
CONTENT = b"Subject: Test\r\n\r\n.dot\r\n..\r\nend\r\n"
CALM = Deadlines(mail=10, rcpt=10, data=10, body=10, reply=10, quit=0.3)
SHORT = Deadlines(mail=0.5, rcpt=0.5, data=0.5, body=0.5, reply=0.5, quit=0.3)
OFFER = ("8BITMIME", "SIZE 52428800", "PIPELINING", "CHUNKING", "AUTH PLAIN LOGIN")
SENT = [Verdict.SENT]


def one_by_one(session: Session, envelopes: Iterable[Envelope]) -> list[Result | None]:
    return [transmit(session, envelope) for envelope in envelopes]


def in_groups(session: Session, envelopes: Iterable[Envelope]) -> list[Result | None]:
    given = list(envelopes)
    results: list[Result | None] = [*transmit_in_groups(session, given)]
    return results + [None] * (len(given) - len(results))


def in_chunks(session: Session, envelopes: Iterable[Envelope]) -> list[Result | None]:
    return list(transmit_in_chunks(session, list(envelopes)))


WAYS = [one_by_one, in_groups, in_chunks]
PIPELINED = [in_groups, in_chunks]


@contextmanager
def session_with(script: Script, **changes: object) -> Iterator[tuple[Session, HostileServer]]:
    """Open a session to a server that follows `script` and offers both extensions."""
    with hostile_server({Phase.EHLO: ehlo(*OFFER), **script}) as server:
        config = server.config(**{"deadlines": CALM} | changes)
        with Session(config) as session:
            yield session, server


def session_to(port: int, **changes: object) -> Session:
    return Session(ServerConfig(host="127.0.0.1", port=port, security=Security.NONE, **changes))  # type: ignore[arg-type]


def envelope(*recipients: str, number: int = 0, content: bytes = CONTENT) -> Envelope:
    return Envelope(SENDER, recipients or (ALICE,), content + b"Number %d.\r\n" % number)


def numbered(count: int) -> list[Envelope]:
    return [envelope(number=number) for number in range(count)]


def verdicts(results: Sequence[Result | None]) -> list[list[Verdict] | None]:
    return [None if result is None else [item.verdict for item in result.recipients] for result in results]


def causes(results: Sequence[Result | None]) -> list[list[Cause | None] | None]:
    return [
        None if result is None else [item.error.cause if item.error else None for item in result.recipients]
        for result in results
    ]


def numbers(server: HostileServer) -> list[int]:
    """Return which messages arrived, in their order."""
    return [int(body.rpartition(b"Number ")[2].rstrip(b".\r\n")) for body in server.ledger.bodies if b"Number" in body]


# What is sent


@pytest.mark.parametrize("way", WAYS)
def test_every_message_arrives_once_as_it_was_given(way: object, tmp_path: Path) -> None:
    assert callable(way)
    contents = [
        CONTENT,
        b".\r\n",
        b"Subject: x\r\n\r\n" + b".\r\n" * 1000,
        b"Subject: x\r\n\r\n" + (b"." * 70 + b"\r\n") * (MOST_BYTES // 72 - 100),
        b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * (3 * MOST_BYTES // 72),
        "Subject: x\r\n\r\nGrüße\r\n".encode(),
        "Subject: Grüße\r\n\r\n世界\r\n".encode(),
    ]
    envelopes = [Envelope(SENDER, (ALICE, BOB), content) for content in contents]
    record = tmp_path / "record"
    with sink(record=record) as server:
        with session_to(server.port) as session:
            assert verdicts(way(session, envelopes)) == [SENT * 2] * len(contents)
            assert session.usable
            # And what comes after a window is in step.
            assert verdicts(way(session, envelopes[:1])) == [SENT * 2]
        assert server.counts().messages == len(contents) + 1
        entries = [json.loads(line) for line in record.read_text().splitlines()]
    assert [entry["sha256"] for entry in entries[:-1]] == [hashlib.sha256(each).hexdigest() for each in contents]
    assert {tuple(entry["recipients"]) for entry in entries} == {(ALICE, BOB)}


@pytest.mark.parametrize(
    ("extensions", "changes", "expected"),
    [
        (("PIPELINING", "CHUNKING"), {}, (True, True)),
        (("PIPELINING",), {}, (True, False)),
        # Without PIPELINING each chunk would wait for its answer.
        (("CHUNKING",), {}, (False, False)),
        ((), {}, (False, False)),
        (("PIPELINING", "CHUNKING"), {"chunking": False}, (True, False)),
        (("PIPELINING", "CHUNKING"), {"pipelining": False}, (False, False)),
    ],
)
def test_a_session_tells_what_the_server_offers_and_the_profile_wants(
    extensions: tuple[str, ...], changes: dict[str, object], expected: tuple[bool, bool]
) -> None:
    with session_with({Phase.EHLO: ehlo(*extensions, "AUTH PLAIN")}, **changes) as (session, _):
        assert (session.pipelines, session.chunks) == expected


def test_mail_has_the_same_parameters_however_it_is_sent() -> None:
    offer = ehlo("8BITMIME", "SMTPUTF8", "SIZE 1000", "PIPELINING", "CHUNKING", "AUTH PLAIN")
    given = [Envelope(SENDER, ("jösé@example.org",), "Subject: ü\r\n\r\nü\r\n".encode()), envelope()]
    for way in WAYS:
        with session_with({Phase.EHLO: offer}) as (session, _):
            assert verdicts(way(session, given)) == [SENT, SENT]
            lines = [line for line in session.transcript if line.startswith(("C: MAIL", "C: RCPT"))]
        assert lines == [
            f"C: MAIL FROM:<{SENDER}> SIZE=19 BODY=8BITMIME SMTPUTF8",
            "C: RCPT TO:<jösé@example.org>",
            f"C: MAIL FROM:<{SENDER}> SIZE={len(given[1].content)}",
            f"C: RCPT TO:<{ALICE}>",
        ]


def test_the_transcript_shows_what_was_said_and_no_message() -> None:
    size = len(envelope().content)
    for way, said in {in_groups: ["C: DATA", f"C: <{size} bytes>"], in_chunks: [f"C: BDAT {size} LAST"]}.items():
        with session_with({}) as (session, _):
            session.is_in_step = True
            way(session, numbered(2))
            text = "\n".join(session.transcript)
            assert [line for line in session.transcript if line in said] == said * 2
        assert "Number" not in text
        assert "dot" not in text


def test_a_round_trip_is_one_for_each_message_and_one_for_all_chunks() -> None:
    with sink() as server, slow_line(server.port, delay=0.01) as line, session_to(line.port) as session:
        taken = []
        for way in (*WAYS, in_chunks):
            before = line.counts().flights
            assert verdicts(way(session, numbered(10))) == [SENT] * 10
            taken.append(line.counts().flights - before)
        assert 0.02 <= session.round_trip < 0.04
    # The first flight of chunks ends with DATA, to see whether the server counts as we do.
    assert taken == [40, 11, 2, 1]


def test_the_next_message_is_asked_for_when_the_one_before_is_about_to_leave() -> None:
    asked: list[tuple[int, int]] = []
    with session_with({}) as (session, server):

        def envelopes() -> Iterator[Envelope]:
            for each in numbered(3):
                asked.append((len(asked), len(server.ledger.bodies)))
                yield each

        assert len(list(transmit_in_groups(session, envelopes()))) == 3
    assert asked == [(0, 0), (1, 0), (2, 1)]


# Refusals


@pytest.mark.parametrize("way", PIPELINED)
def test_what_cannot_be_sent_is_not_put_on_the_wire_and_disturbs_nobody(way: object) -> None:
    assert callable(way)
    bad = [
        envelope(content=b"bare\nlf\r\n"),
        Envelope("no address", (ALICE,), CONTENT),
        envelope("not an address"),
        envelope(content=b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 900_000),
        envelope("jösé@example.org"),
        Envelope(SENDER, (), CONTENT),
    ]
    with session_with({}) as (session, server):
        results = way(session, [bad[0], *numbered(1), *bad[1:], envelope(number=1), bad[0]])
        assert session.usable
        assert numbers(server) == [0, 1]
        assert server.ledger.count("MAIL") == 2
        # All of them, and nothing is said at all.
        said = len(server.ledger.received)
        assert verdicts(way(session, bad[:2])) == [[Verdict.REFUSED]] * 2
        assert len(server.ledger.received) == said
    assert verdicts(results) == [
        [Verdict.REFUSED], SENT, [Verdict.REFUSED], [Verdict.REFUSED], [Verdict.REFUSED], [Verdict.REFUSED], [], SENT,
        [Verdict.REFUSED],
    ]  # fmt: skip
    assert causes(results)[3:6] == [[Cause.BAD_ADDRESS], [Cause.TOO_LARGE], [Cause.UTF8_UNSUPPORTED]]


@pytest.mark.parametrize("way", PIPELINED)
def test_each_recipient_has_the_answer_that_is_its_own(way: object) -> None:
    assert callable(way)
    ok, no, later = say("250 ok"), say("550 5.1.1 no"), say("450 4.2.0 later")
    script: Script = {Phase.RCPT: [ok, no, later, no, later, no, ok, ok, ok]}
    with session_with(script) as (session, server):
        results = way(session, [envelope(ALICE, BOB, CHARLIE, number=number) for number in range(3)])
        assert session.usable
        assert set(numbers(server)) >= {0, 2}
    refused, deferred, sent = Verdict.REFUSED, Verdict.DEFERRED, Verdict.SENT
    assert verdicts(results) == [[sent, refused, deferred], [refused, deferred, refused], [sent] * 3]
    assert causes(results)[1] == [Cause.RECIPIENT_REFUSED, Cause.RECIPIENT_DEFERRED, Cause.RECIPIENT_REFUSED]


@pytest.mark.parametrize("way", PIPELINED)
def test_a_transaction_that_was_refused_is_forgotten_before_the_next(way: object) -> None:
    assert callable(way)
    # This server keeps the sender of a message that it has refused for want of recipients, and takes no second one.
    with session_with({Phase.RCPT: [say("550 no"), say("250 ok")]}) as (session, server):
        results = way(session, numbered(2))
        assert numbers(server)[-1] == 1
        assert server.ledger.count("RSET") == 1
        # The last one of a window may leave one behind, too.
        assert verdicts(way(session, numbered(1))) == [SENT]
    assert verdicts(results) == [[Verdict.REFUSED], SENT]


@pytest.mark.parametrize("way", PIPELINED)
def test_a_refused_sender_is_no_fault_of_the_recipients(way: object) -> None:
    assert callable(way)
    script: Script = {Phase.MAIL: [say("553 5.7.1 not this sender"), say("250 ok")]}
    with session_with(script) as (session, _):
        results = way(session, [envelope(ALICE, BOB), envelope(CHARLIE)])
        assert session.usable
    assert causes(results) == [[Cause.SENDER_REFUSED] * 2, [None]]
    assert [item.reply.code for item in results[0].recipients] == [553, 553]


@pytest.mark.parametrize(("answer", "usable"), [("554 5.5.1 no valid recipients", True), ("250 ok", True)])
def test_where_the_server_waits_for_a_message_that_nobody_gets_it_is_empty(answer: str, *, usable: bool) -> None:
    script: Script = {
        Phase.RCPT: [say("550 no"), say("550 no"), say("250 ok")],
        Phase.DATA: say("354 go"),
        Phase.DOT: [say(answer), say("250 ok")],
    }
    with session_with(script) as (session, server):
        results = in_groups(session, [envelope(ALICE, BOB), envelope(number=1)])
        assert (session.usable, server.ledger.bodies[0], numbers(server)) == (usable, b"", [1])
    assert verdicts(results) == [[Verdict.REFUSED] * 2, SENT]


def test_a_server_that_takes_recipients_of_a_refused_sender_gets_no_message() -> None:
    script: Script = {
        Phase.MAIL: [say("250 ok"), say("550 no"), say("250 ok")],
        Phase.RCPT: say("250 ok"),
        Phase.DATA: say("354 go"),
    }
    with session_with(script) as (session, server):
        results = in_groups(session, numbered(3))
        assert not session.usable
        server.settle()
        assert numbers(server) == [0]
        # Not even an empty one.
        assert len(server.ledger.bodies) == 1
    assert verdicts(results) == [SENT, None, None]
    with session_with(script) as (session, server):
        next(transmit_in_groups(session, numbered(1)))
        (refused,) = in_groups(session, numbered(1))
    assert refused is not None
    assert causes([refused]) == [[Cause.PROTOCOL_ERROR]]


@pytest.mark.parametrize("way", PIPELINED)
@pytest.mark.parametrize("reply", ["554 5.7.1 spam", "451 4.3.0 later", "552 5.3.4 big"])
def test_a_refused_message_leaves_the_others_alone(way: object, reply: str) -> None:
    assert callable(way)
    script: Script = {Phase.DOT: [say("250 ok"), say(reply), say("250 ok")]}
    with session_with(script) as (session, server):
        results = way(session, numbered(3))
        assert (session.usable, numbers(server)) == (True, [0, 1, 2])
    expected = Verdict.DEFERRED if reply.startswith("4") else Verdict.REFUSED
    assert verdicts(results) == [SENT, [expected], SENT]


# The order of things


@pytest.mark.parametrize("way", PIPELINED)
def test_an_answer_that_was_there_before_anything_was_sent_is_none(way: object) -> None:
    assert callable(way)
    for early in ("250 ok", "354 go"):
        with session_with({Phase.AUTH: say("235 welcome", early)}) as (session, server):
            results = way(session, numbered(2))
            assert not session.usable
            session.close()
            server.settle()
            assert server.ledger.count("MAIL") == 0
        assert verdicts(results) == [[Verdict.DEFERRED], None]
        assert causes(results)[0] == [Cause.PROTOCOL_ERROR]


@pytest.mark.parametrize("way", PIPELINED)
def test_what_a_server_said_while_idle_is_the_answer_to_the_next_message(way: object) -> None:
    assert callable(way)
    with session_with({Phase.AUTH: then(say("235 welcome", "421 4.4.2 idle"), close)}) as (session, _):
        rest(session)
        results = way(session, numbered(2))
        assert not session.usable
    assert (verdicts(results), causes(results)[0]) == ([[Verdict.DEFERRED], None], [Cause.SERVICE_UNAVAILABLE])


@pytest.mark.parametrize("way", PIPELINED)
def test_an_acceptance_before_the_message_has_left_is_none(way: object) -> None:
    assert callable(way)
    # The server accepts what it has not read, then reads it and accepts it again.
    big = envelope(content=b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 200_000)
    script: Script = {Phase.BODY: then(read(1000), say("250 2.0.0 Queued"), pause_until_full, nothing)}
    with session_with(script) as (session, _):
        results = way(session, [big, *numbered(1)])
        assert not session.usable
    (first, second) = verdicts(results)
    assert first in ([Verdict.UNCERTAIN], [Verdict.DEFERRED])
    assert second is None


def pause_until_full(peer: Peer) -> None:
    """Wait until the client cannot have sent everything, and has seen what was said."""
    peer.wait(0.2)


@pytest.mark.parametrize("way", PIPELINED)
def test_answers_that_arrive_byte_by_byte_are_answers(way: object) -> None:
    assert callable(way)
    script: Script = {
        Phase.MAIL: drip_once(b"250-2.1.0 yes\r\n250 2.1.0 ok\r\n"),
        Phase.RCPT: drip_once(b"250 2.1.5 ok\r\n"),
        Phase.DOT: [drip_once(b"250 2.0.0 ok\r\n"), drip_once(b"554 5.7.1 no\r\n"), drip_once(b"250 ok\n")],
    }
    with session_with(script) as (session, _):
        results = way(session, numbered(3))
        assert session.usable
    assert verdicts(results) == [SENT, [Verdict.REFUSED], SENT]


@pytest.mark.parametrize("way", PIPELINED)
def test_an_idle_connection_that_was_closed_leaves_all_untouched_but_the_first(way: object) -> None:
    assert callable(way)
    with session_with({Phase.AUTH: then(say("235 welcome"), close)}) as (session, _):
        rest(session)
        results = way(session, numbered(2))
    assert verdicts(results) == [[Verdict.DEFERRED], None]
    (item,) = results[0].recipients
    assert (item.error.stage, item.error.cause) == (Stage.MAIL, Cause.CONNECTION_CLOSED)


def rest(session: Session) -> None:
    """Do nothing until the server has said something, or closed."""
    assert select.select([session.conversation.sock], [], [], 10)[0]


# Taking back


def test_a_message_that_is_withheld_does_not_leave_and_nothing_after_it() -> None:
    asked: list[int] = []

    def before_data(place: int) -> bool:
        asked.append(place)
        return place != 2

    with session_with({Phase.RCPT: [say("250 ok"), say("550 no"), say("250 ok")]}) as (session, server):
        results = list(transmit_in_groups(session, numbered(4), before_data=before_data))
        assert not session.usable
        server.settle()
        assert numbers(server) == [0]
    # Of a message that nobody is to get it is not asked.
    assert (asked, verdicts(results)) == ([0, 2], [SENT, [Verdict.REFUSED], [Verdict.WITHHELD]])


def test_nothing_more_leaves_when_nobody_asks_for_results() -> None:
    with session_with({}) as (session, server):
        results = transmit_in_groups(session, numbered(3))
        assert next(results).sent
        results.close()
        # The server waits for the next message, and every word would be taken for it.
        assert not session.usable
        server.settle()
        assert numbers(server) == [0]
    with session_with({}) as (session, server):
        results = transmit_in_groups(session, numbered(1))
        assert next(results).sent
        results.close()
        assert session.usable


# Much at once


@pytest.mark.parametrize("way", PIPELINED)
def test_neither_side_waits_for_the_other_when_both_have_much_to_say(way: object) -> None:
    assert callable(way)
    recipients = tuple(f"user{number}@example.org" for number in range(100))
    # The server does not read on before its answers are taken, and they are more than all buffers hold.
    wordy = "".join(f"250-{'word ' * 18}\r\n" for _ in range(40)) + "250 ok"
    big = (b"y" * 70 + b"\r\n") * 160_000
    script: Script = {
        Phase.GREETING: then(lambda peer: peer.shrink(4096), say("220 mail")),
        Phase.RCPT: say(wordy),
        Phase.DOT: say(wordy),
    }
    with session_with(script) as (session, server):
        given = [envelope(*recipients, number=number, content=CONTENT + big) for number in range(2)]
        results = way(session, given)
        assert (session.usable, numbers(server)) == (True, [0, 1])
    assert verdicts(results) == [SENT * 100] * 2


@pytest.mark.parametrize("way", PIPELINED)
def test_a_server_that_stops_reading_is_left_in_time(way: object) -> None:
    assert callable(way)
    big = (b"y" * 70 + b"\r\n") * 200_000
    script: Script = {Phase.BODY: [nothing, lambda peer: peer.wait(20)]}
    with session_with(script, deadlines=SHORT) as (session, server):
        started = monotonic()
        results = way(session, [envelope(), envelope(number=1, content=CONTENT + big), envelope(number=2)])
        assert monotonic() - started < SHORT.body + 2
        assert numbers(server) == [0]
    assert verdicts(results) == [SENT, [Verdict.DEFERRED], None]
    assert causes(results)[1] == [Cause.DEADLINE_EXCEEDED]


def test_a_flight_is_bounded_and_what_has_not_left_is_untouched() -> None:
    third = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * (MOST_BYTES // 3 // 72)
    # Three fit into one flight. The server leaves in the middle of the second flight.
    script: Script = {Phase.DOT: [*[say("250 ok")] * 4, close]}
    with session_with(script) as (session, server):
        results = in_chunks(session, [envelope(number=number, content=third) for number in range(9)])
        server.settle()
        assert numbers(server) == [0, 1, 2, 3, 4]
    assert verdicts(results) == [*[SENT] * 4, [Verdict.UNCERTAIN], [Verdict.UNCERTAIN], None, None, None]


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="This kernel does not let us acknowledge at once.")
@pytest.mark.parametrize("way", PIPELINED)
def test_answers_that_are_held_back_for_an_acknowledgement_get_it_at_once(way: object) -> None:
    assert callable(way)
    script: Script = {Phase.GREETING: then(Peer.delay_small_packets, say("220 mail"))}
    with session_with(script) as (session, _):
        way(session, numbered(2))
        taken = []
        for _ in range(10):
            started = monotonic()
            assert verdicts(way(session, numbered(2))) == [SENT, SENT]
            taken.append(monotonic() - started)
    # The kernel's own acknowledgement comes after 40 ms.
    assert min(taken) < 0.03


# Whatever a server does


def test_the_first_flight_of_chunks_ends_with_an_answer_that_can_be_no_other() -> None:
    with session_with({}) as (session, server):
        for count, data in ((3, 1), (3, 1)):
            assert verdicts(in_chunks(session, numbered(count))) == [SENT] * count
            assert (server.ledger.count("DATA"), session.is_in_step) == (data, True)
        assert server.ledger.count("BDAT") == 5
    # A message that is refused proves nothing: it is tried again with the next flight.
    with session_with({Phase.RCPT: [*[say("250 ok")] * 3, say("550 no"), say("250 ok")]}) as (session, server):
        assert verdicts(in_chunks(session, numbered(2))) == [SENT, SENT]
        session.is_in_step = False
        assert verdicts(in_chunks(session, numbered(2))) == [SENT, [Verdict.REFUSED]]
        assert (session.usable, session.is_in_step) == (True, False)
        assert verdicts(in_chunks(session, numbered(2))) == [SENT, SENT]
        assert (session.is_in_step, server.ledger.count("DATA")) == (True, 3)


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.RSET, Phase.BODY, Phase.DOT])
@pytest.mark.parametrize("dot", ["250 ok", "554 no"])
def test_a_server_that_always_answers_once_too_often_is_found_out(phase: Phase, dot: str) -> None:
    once_more: dict[Phase, Behaviour] = {
        Phase.BODY: say("250 go on"),
        Phase.DOT: say(dot, "250 ok"),
    }
    # Slowly: the surplus is not there yet when the answers that are owed are.
    script: Script = {Phase.DOT: then(pause(0.02), say(dot)), phase: once_more.get(phase, say("250 ok", "250 ok"))}
    with session_with(script) as (session, server):
        results = in_chunks(session, numbered(4))
        assert not session.usable
        session.close()
        server.settle()
        assert 3 not in numbers(server)
    *first, last = verdicts(results)
    assert last is None
    # Of what it refuses nothing is taken for sent, and of what it takes nothing for refused.
    true = [[Verdict.UNCERTAIN], [Verdict.REFUSED]] if dot.startswith("5") else [[Verdict.UNCERTAIN]]
    assert all(verdict in true for verdict in first)


@pytest.mark.parametrize("way", PIPELINED)
def test_whenever_a_server_dies_no_message_is_taken_for_sent_or_unsent_wrongly(way: object) -> None:
    assert callable(way)
    for answers in range(4 * 4 + 1):
        server_has_accepted, results = run_and_die(way, answers)
        check(results, server_has_accepted)


def run_and_die(way: object, answers: int) -> tuple[dict[tuple[int, str], bool], list[Result | None]]:
    left = answers

    def counted(reply: str, *, then_do: Behaviour = nothing) -> Behaviour:
        def run(peer: Peer) -> None:
            nonlocal left
            if left == 0:
                close(peer)
            left -= 1
            say(reply)(peer)
            then_do(peer)

        return run

    accepted: dict[tuple[int, str], bool] = {}

    def note(peer: Peer) -> None:
        accepted[int(peer.ledger.bodies[-1].rpartition(b"Number ")[2].rstrip(b".\r\n")), ALICE] = True

    script: Script = {
        Phase.RSET: counted("250 ok"),
        Phase.MAIL: counted("250 ok"),
        Phase.RCPT: counted("250 ok"),
        Phase.DATA: counted("354 go"),
        Phase.DOT: counted("250 ok", then_do=note),
    }
    with session_with(script) as (session, server):
        results = way(session, numbered(4))  # type: ignore[operator]
        session.close()
        server.settle()
    return accepted, results


ODD_REPLIES = ("354 go", "250 ok\r\n250 ok", "250 ok\r\n550 no", "550 no\r\n250 ok", "220 hello")
ENDINGS: tuple[Behaviour, ...] = (close, reset, then(say("421 4.3.2 bye"), close), raw(b"what?\r\n"), raw(b"25"))


@pytest.mark.parametrize("way", PIPELINED)
@pytest.mark.parametrize("seed", range(100))
def test_a_server_that_does_anything_is_never_believed_too_much(way: object, seed: int) -> None:
    server_does = Anything(random.Random(seed))  # noqa: S311  repeatable, and guards nothing
    with session_with(server_does.script()) as (session, server):
        given = [envelope(ALICE, BOB, number=number) for number in range(5)]
        results = way(session, given)  # type: ignore[operator]
        session.close()
        server.settle()
        received = numbers(server)
    assert len(received) == len(set(received))
    check(results, server_does.accepted)


class Anything:
    """A server that does anything at any time, and remembers whom it has accepted what for.

    It says too much or ends too early, not both: an answer that comes twice and another that does not come at all look
    like the right number of answers, to everybody.
    """

    def __init__(self, rng: random.Random) -> None:
        self.accepted: dict[tuple[int, str], bool] = {}
        self._rng = rng
        self._ends_early = rng.random() < 0.5
        self._recipients: set[str] = set()

    def script(self) -> Script:
        usual = {
            Phase.RSET: "250 ok",
            Phase.MAIL: "250 ok",
            Phase.RCPT: "250 ok",
            Phase.DATA: "354 go",
            Phase.DOT: "250 ok",
        }
        return {phase: partial(self._act, phase, reply) for phase, reply in usual.items()}

    def _act(self, phase: Phase, usual: str, peer: Peer) -> None:
        reply = usual
        if self._rng.random() < 0.15:
            reply = self._rng.choice(("550 5.0.0 no", "450 4.0.0 later"))
        if self._rng.random() < 0.04:
            if self._ends_early:
                self._rng.choice(ENDINGS)(peer)
                close(peer)
            reply = self._rng.choice(ODD_REPLIES)
        self._note(phase, peer, is_positive=reply.startswith("2"))
        (drip_once(f"{reply}\r\n".encode(), every=0) if self._rng.random() < 0.2 else say(reply))(peer)

    def _note(self, phase: Phase, peer: Peer, *, is_positive: bool) -> None:
        if phase in (Phase.MAIL, Phase.RSET):
            self._recipients.clear()
        elif phase is Phase.RCPT and is_positive:
            self._recipients.add(peer.line.decode().partition("<")[2].rstrip(">"))
        elif phase is Phase.DOT and is_positive and b"Number" in peer.ledger.bodies[-1]:
            number = int(peer.ledger.bodies[-1].rpartition(b"Number ")[2].rstrip(b".\r\n"))
            self.accepted |= {(number, recipient): True for recipient in self._recipients}


def check(results: Sequence[Result | None], accepted: dict[tuple[int, str], bool]) -> None:
    """Compare what we say has become of each message with what the server has said itself."""
    for number, result in enumerate(results):
        if result is None:
            assert not any(each == number for each, _ in accepted)
            continue
        for item in result.recipients:
            if item.verdict is Verdict.SENT:
                assert accepted.get((number, item.recipient))
            elif item.verdict is not Verdict.UNCERTAIN:
                assert not accepted.get((number, item.recipient))
