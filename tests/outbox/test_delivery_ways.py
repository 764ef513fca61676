"""A claim through a server that takes many messages at once: in turn or together, each is sent once and recorded."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smtpadmin import outbox
from smtpadmin.courier import Courier
from smtpadmin.delivery import Delivered, Point, deliver_batch
from smtpadmin.models import Attempt, Body, Circuit, Message, Profile
from smtpadmin.smtp import MOST_BYTES
from smtpadmin.windows import Pace
from tests.support import canary
from tests.support.behaviours import Behaviour, close, ehlo, say, then
from tests.support.hostile import HostileServer, Phase, Script, hostile_server
from tests.support.mail import CONTENT, claimed, columns, end_leases, put, states
from tests.support.profiles import make_profile
from tests.support.sink import sink

pytestmark = pytest.mark.django_db(transaction=True)

OFFER = ehlo("8BITMIME", "PIPELINING", "CHUNKING", "AUTH PLAIN")
OK = say("250 2.0.0 Ok")
#: Of a server to which everything is sent together, four messages at first; and of one where that has gone wrong.
TOGETHER = Pace(one=10, chunked=0.001, served=0.0001, largest=1)
IN_TURN = Pace(one=0.0001).after_doubt()


def numbered(profile: Profile, count: int, *, size: int = 0) -> list[Message]:
    more = (b"y" * 70 + b"\r\n") * (size // 72)
    return [put(profile, content=CONTENT + b"Number %d.\r\n" % number + more) for number in range(count)]


def profile_for(server: HostileServer, **fields: Any) -> Profile:
    where = {"host": server.host, "port": server.port, "security": "none", "username": canary.USERNAME}
    return make_profile(**{"password": canary.PASSWORD, "is_default": True} | where | fields)


def deliver(profile: Profile, *, pace: Pace = TOGETHER, **options: Any) -> Delivered:
    courier = Courier(profile)
    courier.pace = pace
    try:
        return deliver_batch(claimed(profile), courier, **options)
    finally:
        courier.close()


def script(**phases: Behaviour | list[Behaviour]) -> Script:
    return {Phase.EHLO: OFFER, **{Phase[name]: behaviour for name, behaviour in phases.items()}}


def numbers(server: HostileServer) -> list[int]:
    return [int(body.partition(b"Number ")[2].partition(b".")[0]) for body in server.ledger.bodies]


@pytest.mark.parametrize(("pipelining", "chunking"), [(True, True), (True, False), (False, False)])
def test_whatever_a_server_offers_all_are_sent_once(*, pipelining: bool, chunking: bool, tmp_path: Path) -> None:
    record = tmp_path / "record"
    with sink(pipelining=pipelining, chunking=chunking, record=record) as server:
        profile = make_profile(host=server.host, port=server.port, security="none", username="", batch=20)
        messages = numbered(profile, 45)
        courier = Courier(profile)
        while claim := outbox.claim(profile, worker="w1"):
            assert not deliver_batch(claim, courier).paused
        assert (courier.pace.largest > 1) == chunking
        courier.close()
        counts = server.counts()
        received = Counter(json.loads(line)["sha256"] for line in record.read_text().splitlines())
    sent = [hashlib.sha256(CONTENT + b"Number %d.\r\n" % number).hexdigest() for number in range(45)]
    assert received == Counter(sent)
    assert (counts.messages, counts.connections) == (45, 1)
    assert states(*messages) == ["sent"] * 45
    assert (Attempt.objects.filter(outcome="sent").count(), Body.objects.count()) == (45, 0)


@pytest.mark.parametrize("forbidden", ["pipelining", "chunking"])
def test_a_profile_may_forbid_it(forbidden: str) -> None:
    with hostile_server(script()) as server:
        numbered(profile_for(server, **{forbidden: False}), 4)
        assert deliver(Profile.objects.get()).settled == 4
        assert (server.ledger.count("BDAT"), server.ledger.count("DATA")) == (0, 4)


def test_a_message_alone_is_no_chunk() -> None:
    with hostile_server(script()) as server:
        numbered(profile_for(server), 1)
        assert deliver(Profile.objects.get()).settled == 1
        assert (server.ledger.count("BDAT"), server.ledger.count("DATA")) == (0, 1)


def test_a_window_is_marked_before_any_of_it_leaves_and_settled_at_once() -> None:
    seen: list[tuple[str, int, int, int]] = []

    with hostile_server(script()) as server:
        messages = numbered(profile_for(server), 6)

        def look(point: Point) -> None:
            phases = [columns(message, "phase")[0] for message in messages]
            seen.append((point.value, phases.count("data"), len(server.ledger.bodies), states(*messages).count("sent")))

        assert deliver(Profile.objects.get(), reached=look) == Delivered(settled=6, paused=False)
    assert seen == [
        ("claimed", 0, 0, 0),
        ("opened", 0, 0, 0),
        ("before mark", 0, 0, 0),
        ("marked", 4, 0, 0),
        ("answered", 4, 4, 0),
        ("before settle", 4, 4, 0),
        ("settled", 0, 4, 4),
        ("before mark", 0, 4, 4),
        ("marked", 2, 4, 4),
        ("answered", 2, 6, 4),
        ("before settle", 2, 6, 4),
        ("settled", 0, 6, 6),
    ]


def test_in_turn_each_is_marked_before_it_is_begun() -> None:
    seen: list[tuple[str, list[str], int]] = []

    with hostile_server(script()) as server:
        messages = numbered(profile_for(server, chunking=False), 3)

        def look(point: Point) -> None:
            if point is Point.MARKED:
                phases = [columns(message, "phase")[0] for message in messages]
                seen.append((point.value, phases, len(server.ledger.bodies)))

        # Nothing is known of the server: one by one.
        deliver(Profile.objects.get(), pace=Pace(one=0.2), reached=look)
        assert numbers(server) == [0, 1, 2]
    assert seen[0] == ("marked", ["data", "open", "open"], 0)
    assert seen[1] == ("marked", ["data", "data", "open"], 0)


def test_when_the_session_ends_in_the_middle_nothing_is_sent_twice_and_nothing_lost() -> None:
    # Three messages for each connection: the third is taken, and never answered.
    with hostile_server(script(DOT=[OK, OK, close])) as server:
        messages = numbered(profile_for(server), 9)
        assert deliver(Profile.objects.get()) == Delivered(settled=9, paused=False)
        received = numbers(server)
        # Chunks have led to doubt, so the rest goes in turn.
        assert server.ledger.count("BDAT") == 3
    # Of a flight, all that had left is in doubt; in turn, one at a time.
    assert states(*messages) == ["sent", "sent", "uncertain"] * 3
    assert sorted(received) == list(range(9))


def test_what_a_server_has_refused_for_now_is_no_reason_to_give_up_chunks() -> None:
    with hostile_server(script(RCPT=[OK, say("450 4.2.0 later"), OK])) as server:
        messages = numbered(profile_for(server), 6)
        courier = Courier(Profile.objects.get())
        courier.pace = TOGETHER
        deliver_batch(claimed(courier.profile), courier)
        courier.close()
        assert (courier.pace.broken, server.connections) == (False, 1)
    assert states(*messages) == ["sent", "queued", *["sent"] * 4]
    assert columns(messages[1], "attempts", "cause") == (1, "recipient_deferred")


ENOUGH = then(say("421 4.7.0 Too many messages for one connection"), close)


def test_a_server_that_takes_few_messages_for_each_connection_gets_more_connections() -> None:
    with hostile_server(script(MAIL=[OK, OK, ENOUGH])) as server:
        messages = numbered(profile_for(server), 7)
        assert deliver(Profile.objects.get(), pace=IN_TURN) == Delivered(settled=7, paused=False)
        assert (numbers(server), server.connections) == (list(range(7)), 4)
    assert states(*messages) == ["sent"] * 7
    assert Circuit.objects.get().reason == ""


def test_what_had_left_when_it_said_so_is_in_doubt_and_the_rest_goes_in_turn() -> None:
    with hostile_server(script(MAIL=[*[OK] * 6, ENOUGH])) as server:
        profile = profile_for(server)
        # The first flight shows that this server counts as we do; the next one is chunks only.
        messages = numbered(profile, 10)
        courier = Courier(profile)
        courier.pace = TOGETHER
        assert deliver_batch(claimed(profile), courier) == Delivered(settled=10, paused=False)
        courier.close()
        received = numbers(server)
    # 4 in the first flight, 6 in the second: of these 2 are taken, 1 is refused with its MAIL and 3 had left behind it.
    assert states(*messages) == [*["sent"] * 7, *["uncertain"] * 3]
    assert received == [0, 1, 2, 3, 4, 5, 6]
    assert Circuit.objects.get().reason == ""
    # Another courier to this server does not learn it anew.
    assert (courier.pace.broken, Courier(profile).pace.broken) == (True, True)


@pytest.mark.parametrize("pace", [TOGETHER, IN_TURN])
def test_a_connection_that_died_between_two_batches_is_replaced(pace: Pace) -> None:
    with hostile_server(script(DOT=[OK, OK, then(OK, close)])) as server:
        profile = profile_for(server)
        first = numbered(profile, 3)
        courier = Courier(profile)
        # Alone at the end of its batch, so that the end of the connection is not seen.
        courier.pace = IN_TURN
        assert deliver_batch(claimed(profile), courier) == Delivered(settled=3, paused=False)
        second = numbered(profile, 2)
        courier.pace = pace
        assert deliver_batch(claimed(profile), courier) == Delivered(settled=2, paused=False)
        courier.close()
        assert (server.connections, len(server.ledger.bodies)) == (2, 5)
    assert states(*first, *second) == ["sent"] * 5
    assert [columns(message, "attempts", "crashes") for message in second] == [(1, 0)] * 2


def test_after_a_rest_the_first_message_goes_alone() -> None:
    with hostile_server(script()) as server:
        profile = profile_for(server)
        courier = Courier(profile)
        courier.pace = TOGETHER
        counted = []
        for rest in (0.0, 5.0):
            messages = numbered(profile, 4)
            courier._used_at -= rest
            assert deliver_batch(claimed(profile), courier).settled == 4
            assert states(*messages) == ["sent"] * 4
            counted.append(server.ledger.count("BDAT"))
        courier.close()
        assert counted == [3, 6]
        # Of the first four one proves that the server counts as we do, of the others one went ahead.
        assert (server.ledger.count("DATA"), server.connections) == (2, 1)


@pytest.mark.parametrize(
    ("pace", "expected"), [(TOGETHER, ["uncertain", "uncertain", "queued"]), (IN_TURN, ["queued"] * 3)]
)
def test_a_server_that_ends_every_session_pauses_the_profile(pace: Pace, expected: list[str]) -> None:
    with hostile_server(script(MAIL=close)) as server:
        messages = numbered(profile_for(server), 3)
        assert deliver(Profile.objects.get(), pace=pace).paused
        assert server.ledger.bodies == []
    # What had left was handed over, and nobody has said what became of it.
    assert states(*messages) == expected
    assert columns(messages[2], "attempts", "uncertain") == (0, 0)
    assert Circuit.objects.get().reason == "connect"


def test_a_quota_that_ends_in_the_middle_of_a_window_pauses_the_profile_once() -> None:
    limit = say("550 5.4.5 Daily user sending limit exceeded.")
    with hostile_server(script(RCPT=[OK, limit])) as server:
        messages = numbered(profile_for(server), 6)
        assert deliver(Profile.objects.get()) == Delivered(settled=4, paused=True)
        assert len(set(numbers(server))) == len(numbers(server))
    assert states(*messages) == ["sent", *["queued"] * 5]
    assert (Circuit.objects.get().reason, Circuit.objects.get().failures) == ("quota", 1)


def test_a_body_that_does_not_open_fails_alone_in_its_window() -> None:
    with hostile_server(script()) as server:
        messages = numbered(profile_for(server), 4)
        Body.objects.filter(message=messages[1]).delete()
        assert deliver(Profile.objects.get()) == Delivered(settled=4, paused=False)
        assert numbers(server) == [0, 2, 3]
    assert states(*messages) == ["sent", "failed", "sent", "sent"]


def test_a_message_that_cannot_be_sent_fails_alone_in_its_window() -> None:
    with hostile_server(script(EHLO=ehlo("SIZE 2000", "PIPELINING", "CHUNKING", "AUTH PLAIN"))) as server:
        profile = profile_for(server)
        messages = [*numbered(profile, 1), *numbered(profile, 1, size=3000), *numbered(profile, 2)]
        assert deliver(profile) == Delivered(settled=4, paused=False)
        assert len(server.ledger.bodies) == 3
    assert states(*messages) == ["sent", "failed", "sent", "sent"]
    assert columns(messages[1], "cause", "attempts") == ("too_large", 1)


def test_large_messages_do_not_make_one_flight() -> None:
    marked: list[int] = []

    with hostile_server(script()) as server:
        messages = numbered(profile_for(server), 4, size=MOST_BYTES // 2 - 10_000)

        def look(point: Point) -> None:
            if point is Point.MARKED:
                marked.append([columns(message, "phase")[0] for message in messages].count("data"))

        assert deliver(Profile.objects.get(), reached=look).settled == 4
        assert numbers(server) == [0, 1, 2, 3]
    assert max(marked) == 2


@pytest.mark.parametrize("pace", [TOGETHER, IN_TURN])
def test_a_stop_finishes_what_has_left_and_gives_back_the_rest(pace: Pace) -> None:
    with hostile_server(script()) as server:
        messages = numbered(profile_for(server), 8)
        done = deliver(Profile.objects.get(), pace=pace, stop=lambda: len(server.ledger.bodies) > 1)
        server.settle()
        sent = len(numbers(server))
        assert done == Delivered(settled=sent, paused=False)
    assert sent == (4 if pace is TOGETHER else 2)
    assert states(*messages) == ["sent"] * sent + ["queued"] * (8 - sent)
    assert columns(messages[sent], "attempts", "crashes", "uncertain", "phase") == (0, 0, 0, "")


@pytest.mark.parametrize("pace", [TOGETHER, IN_TURN])
def test_what_is_not_ours_any_more_does_not_leave(pace: Pace) -> None:
    with hostile_server(script()) as server:
        messages = numbered(profile_for(server), 3)
        assert deliver(Profile.objects.get(), pace=pace, reached=once(Point.BEFORE_MARK, lose_all)).settled == 0
        server.settle()
        assert server.ledger.count("MAIL") == 0
    assert states(*messages) == ["queued"] * 3


def test_a_mark_that_has_grown_old_is_asked_for_again_before_the_message_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from smtpadmin import delivery

    monkeypatch.setattr(delivery._Batch, "_MARK_HOLDS", -1.0)
    with hostile_server(script()) as server:
        messages = numbered(profile_for(server), 2)
        done = deliver(Profile.objects.get(), pace=Pace(), reached=once(Point.MARKED, lose_all))
        server.settle()
        # It was begun, and nothing of it has left.
        assert (server.ledger.count("DATA"), server.ledger.bodies) == (1, [])
    assert done.settled == 0
    # Whoever has looked meanwhile could not know that.
    assert states(*messages) == ["uncertain", "queued"]


def lose_all() -> None:
    end_leases()
    outbox.release()


def once(point: Point, act: Callable[[], None]) -> Callable[[Point], None]:
    left = [act]

    def reached(now: Point) -> None:
        if now is point and left:
            left.pop()()

    return reached
