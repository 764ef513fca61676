"""Workers: in this process, and as processes that are stopped and frozen. For worse see `tests/chaos`."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import Any

import pytest
from django.core.management import call_command
from django.db import InternalError, OperationalError, connection, connections, transaction
from django.test import override_settings
from django.utils import timezone

from smtpadmin import outbox
from smtpadmin import worker as module
from smtpadmin.delivery import Point
from smtpadmin.models import Lane, Message, Profile, WorkerBeat
from smtpadmin.worker import Flag, Worker, deliver_due, last_beat
from tests.support import worker_process
from tests.support.mail import outgoing, put, states
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, SmtpServer, StartServer

pytestmark = pytest.mark.django_db(transaction=True)


def profile_on(server: SmtpServer, **fields: Any) -> Profile:
    where = {"host": server.host, "port": server.port, "security": "none", "username": USERNAME}
    return make_profile(**{"password": PASSWORD, "is_default": True} | where | fields)


def fill(profile: Profile, count: int, **fields: Any) -> None:
    """Queue `count` messages that can be told apart by their text."""
    outbox.enqueue(
        [
            outgoing(profile, content=b"From: notify@example.com\r\nSubject: Hello\r\n\r\n%d\r\n" % n, **fields)
            for n in range(count)
        ]
    )


def copies(server: SmtpServer) -> Counter[int]:
    """Return how often each message has arrived."""
    return Counter(int(received.content.rpartition(b"\r\n\r\n")[2]) for received in server.messages)


def wait_for(what: Callable[[], bool], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "It did not happen in time."
        time.sleep(0.02)


def test_deliver_due_sends_what_is_due_and_says_how_many(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server, batch=7)
    fill(profile, 20)
    put(profile, due_at=timezone.now() + timedelta(hours=1))
    assert deliver_due() == 20
    assert (server.connections, copies(server)) == (1, Counter(range(20)))
    assert deliver_due() == 0


def test_deliver_due_takes_the_profiles_it_is_told(smtp_server: StartServer) -> None:
    server = smtp_server()
    first, second = profile_on(server), profile_on(server, slug="second", is_default=False)
    messages = [put(first), put(second)]
    assert deliver_due(profiles=["second"]) == 1
    assert states(*messages) == ["queued", "sent"]


def test_once_drains_and_ends(smtp_server: StartServer, capsys: pytest.CaptureFixture[str]) -> None:
    fill(profile_on(smtp_server()), 3)
    call_command("deliver", "--once")
    assert capsys.readouterr().out == "3 messages dealt with.\n"


def test_one_profile_out_of_reach_does_not_hold_up_another(smtp_server: StartServer) -> None:
    dead = profile_on(smtp_server(), port=1)
    alive = profile_on(smtp_server(), slug="alive", is_default=False)
    messages = [put(dead), put(alive)]
    deliver_due()
    assert states(*messages) == ["queued", "sent"]


def test_a_password_that_does_not_open_pauses_its_profile(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    message = put(profile)
    # Moved to another user's settings behind the panel's back: the secret must not go there.
    Profile.objects.update(username="somebody@example.com")
    assert deliver_due() == 0
    assert (server.connections, states(message)) == (0, ["queued"])
    profile.refresh_from_db()
    assert (profile.circuit.reason, profile.circuit.cause) == ("auth", "password_missing")


def test_what_was_marked_with_its_claim_goes_back_where_the_profile_cannot_be_read(
    smtp_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = profile_on(smtp_server())
    fill(profile, 2)
    claim = outbox.claim
    monkeypatch.setattr(outbox, "claim", lambda profile, **given: claim(profile, **{**given, "ready": True}))

    def away(**_: Any) -> Profile:
        raise OperationalError("The database is away.")

    monkeypatch.setattr(Profile.objects, "get", away)
    with pytest.raises(OperationalError):
        deliver_due()
    assert set(Message.objects.values_list("state", "phase")) == {("queued", "")}


def test_a_locked_keyring_leaves_the_queue_alone(smtp_server: StartServer) -> None:
    profile = profile_on(smtp_server())
    message = put(profile)
    with override_settings(SMTPADMIN={}), pytest.raises(Exception, match="No encryption key"):
        deliver_due()
    assert states(message) == ["queued"]


def test_a_worker_shows_that_it_lives_and_leaves_when_it_is_stopped(smtp_server: StartServer) -> None:
    profile = profile_on(smtp_server())
    worker = Worker()
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        message = put(profile)
        wait_for(lambda: states(message) == ["sent"])
        beat = last_beat()
        assert beat is not None
        assert timezone.now() - beat < timedelta(seconds=10)
    finally:
        worker.stop()
        thread.join(30)
    assert not thread.is_alive()
    assert not WorkerBeat.objects.exists()


def test_a_signal_handler_may_set_a_flag_at_any_instant_of_its_waiting() -> None:
    line = 0
    while set_while_waiting(Flag(), at_line=line):
        line += 1
    assert line > 10


def set_while_waiting(flag: Flag, *, at_line: int) -> bool:
    """Set the flag as a signal handler does, in the thread that waits; False: its waiting has fewer lines."""
    line = -1

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal line
        if event == "line":
            line += 1
            if line == at_line:
                flag.set()
        return trace

    def wait() -> None:
        sys.settrace(trace)
        flag.wait(0.001)
        sys.settrace(None)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), f"It waits for itself at line {at_line}."
    return line >= at_line


@pytest.mark.skipif("sqlite" in connection.vendor, reason="SQLite's locks end with their process.")
def test_a_worker_that_is_silent_in_a_transaction_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SILENT_IN_TRANSACTION", 0.2)
    profile = make_profile()
    put(profile)
    entered, over = threading.Event(), threading.Event()

    def fall_silent() -> None:
        with contextlib.suppress(InternalError), transaction.atomic():
            Profile.objects.select_for_update().get(pk=profile.pk)
            entered.set()
            over.wait(20)
        connections.close_all()

    with module.keeping_no_locks():
        thread = threading.Thread(target=fall_silent)
        thread.start()
        assert entered.wait(10)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '10s'")
            assert Profile.objects.select_for_update().get(pk=profile.pk) == profile
    finally:
        over.set()
        thread.join(10)


def test_a_lease_that_could_not_be_renewed_is_renewed_as_soon_as_that_is_possible(
    smtp_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a database that goes away twice is away for as long as both together."""
    monkeypatch.setattr(module.clock, "LEASE_SECONDS", 4)
    monkeypatch.setattr(module, "_AFTER_ERROR", 0.05)
    worker, renewed, renewals = Worker(), threading.Event(), []

    def renew(claim: outbox.Claim) -> int:
        renewals.append(time.monotonic())
        if len(renewals) == 1:
            raise OperationalError("The database is away.")
        renewed.set()
        return 1

    monkeypatch.setattr(outbox, "renew", renew)
    put(profile_on(smtp_server()))
    claim = outbox.claim(Profile.objects.get(), worker=worker.name)
    assert claim is not None
    with worker._held(claim), worker._keeping_leases():
        assert renewed.wait(10)
    assert renewals[1] - renewals[0] < 0.5


def test_the_grace_begins_when_a_worker_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that waits for the database is a part of it."""
    worker, entered, never = Worker(), threading.Event(), threading.Event()
    stuck = threading.Thread(target=never.wait, args=(30,), daemon=True)
    stuck.start()

    def wait_for_the_database() -> None:
        worker._jobs[1, False] = stuck
        entered.set()
        time.sleep(2)

    monkeypatch.setattr(worker, "_turn", wait_for_the_database)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(worker.run(grace=2.5)))
    thread.start()
    assert entered.wait(10)
    told_at = time.monotonic()
    worker.stop()
    thread.join(20)
    never.set()
    assert answers == [False]
    assert time.monotonic() - told_at < 4


def test_an_urgent_message_does_not_wait_for_a_batch_of_others(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server, batch=10)
    fill(profile, 60, lane=Lane.BULK)
    held, entered = threading.Event(), threading.Event()

    def hold(point: Point) -> None:
        if point is Point.BEFORE_MARK and not threading.current_thread().name.endswith("-1"):
            entered.set()
            held.wait(30)

    worker = Worker(reached=hold)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        assert entered.wait(30)
        urgent = put(profile, lane=Lane.URGENT)
        wait_for(lambda: states(urgent) == ["sent"], seconds=10)
        assert Message.objects.filter(state="sent").count() == 1
    finally:
        held.set()
        worker.stop()
        thread.join(30)


def test_sigterm_finishes_what_is_under_way_and_sends_nothing_twice(smtp_server: StartServer) -> None:
    server = smtp_server()
    fill(profile_on(server), 400)
    for round_ in range(3):
        worker = worker_process.start()
        with worker_process.ended(worker):
            wait_for(lambda seen=round_ * 60: len(server.messages) > seen)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0
        # Nothing is left behind that somebody would have to wait for, or to ask about.
        assert set(Message.objects.values_list("state", "lease", "uncertain", "crashes")) <= {
            ("sent", "", 0, 0),
            ("queued", "", 0, 0),
        }
    deliver_due()
    assert copies(server) == Counter(range(400))


def check(server: SmtpServer, count: int) -> Counter[int]:
    """Everything has arrived, and what came twice bears its mark. Return the copies."""
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}
    arrived = copies(server)
    assert set(arrived) == set(range(count))
    doubted = Message.objects.filter(uncertain__gt=0).count()
    twice = [n for n, copies_ in arrived.items() if copies_ > 1]
    first = Message.objects.order_by("id").values_list("id", flat=True)[0]
    marked = {pk - first for pk in Message.objects.filter(uncertain__gt=0).values_list("pk", flat=True)}
    assert set(twice) <= marked, f"sent twice without a mark, {doubted} marked"
    return arrived


def freeze(process: subprocess.Popen[bytes]) -> None:
    """Stop a process, where it does not hold SQLite's one write lock: that outlives a lease, and nobody could write."""
    process.send_signal(signal.SIGSTOP)
    while connection.vendor == "sqlite" and not database_takes_writes():
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)


def database_takes_writes() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 200")
        try:
            with transaction.atomic():
                return True
        except OperationalError:
            return False
        finally:
            cursor.execute("PRAGMA busy_timeout = 30000")


def test_a_frozen_worker_overwrites_nothing_when_it_wakes(smtp_server: StartServer) -> None:
    server = smtp_server()
    fill(profile_on(server), 150)
    frozen = worker_process.start(lease=1, dwell=0.02)
    other = None
    with worker_process.ended(frozen):
        wait_for(lambda: len(server.messages) > 20)
        freeze(frozen)
        other = worker_process.start(lease=1)
        with worker_process.ended(other):
            wait_for(lambda: not Message.objects.filter(state__in=["queued", "sending"]).exists())
            before = dict(Message.objects.values_list("pk", "state"))
            frozen.send_signal(signal.SIGCONT)
            frozen.send_signal(signal.SIGTERM)
            assert frozen.wait(30) == 0
        assert dict(Message.objects.values_list("pk", "state")) == before
        assert set(before.values()) == {"sent", "uncertain"}
    for message_id in Message.objects.filter(state="uncertain").values_list("pk", flat=True):
        assert outbox.resend(message_id)
    deliver_due()
    check(server, 150)
