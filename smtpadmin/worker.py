"""The worker: finds what is due, hands it to `delivery`, and does what the clock asks for.

Any number of workers may run, in one process or on many machines: claims and leases in the database are all that
keeps them apart. A worker that dies is found out by its leases.
"""

import logging
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils import timezone

from smtpadmin import health, outbox
from smtpadmin.alerts import telling
from smtpadmin.courier import Courier
from smtpadmin.crypto import CryptoError
from smtpadmin.delivery import Point, deliver_batch
from smtpadmin.exceptions import KeyringLocked
from smtpadmin.models import Lane, Profile, WorkerBeat
from smtpadmin.outbox import clock
from smtpadmin.retry import FailureClass
from smtpadmin.smtp import AuthError, Cause

logger = logging.getLogger("smtpadmin.worker")

#: How long a worker that was told to stop waits for the answers it is owed: shorter than a container's grace.
GRACE = 25.0

# An urgent message waits for one of these at most. Spread, so that many workers do not ask at once.
_POLL = 0.4
_JITTER = 0.2
_BEAT = 5.0
_SWEEP = 10.0
_CLEAN = 3600.0
# How long a destroyed body may outlive its row in SQLite's log. Emptying that takes 0.3 ms when there is nothing in it,
# and 10 ms after thousands of messages (measured).
_WIPE = 60.0
# How often it is asked whose health is to be looked at, and what is wrong.
_LOOK = 30.0
# An open connection waits this long for the next message, which then needs no new sign-in.
_LINGER = 3.0
_AFTER_ERROR = 1.0
# Our transactions wait for nothing but the database: whoever is silent in one for so long is cut off, or frozen.
_SILENT_IN_TRANSACTION = 10.0
_SAY_NO_ROOM = 60.0
# Where the jobs of profiles have the profile's id.
_CLEANING = (0, False)
# No attempt takes longer; whatever does is stuck, and its lease is left to end.
_LONGEST = 1200.0

Reached = Callable[[Point], None]


def deliver_due(*, profiles: Sequence[str] | None = None, seconds: float | None = None) -> int:
    """Send what is due now and return how many messages were dealt with: for a task queue, cron, or a test.

    It runs in the calling thread, takes profiles (all, or those with these short names) in turn, and ends when nothing
    is due, or after about `seconds`. Any number may run at once, beside workers too. Not inside a transaction: what was
    sent has to be recorded even when the caller then fails.
    """
    return Worker(stop_after=seconds).drain(profiles)


@contextmanager
def keeping_no_locks() -> Iterator[None]:
    """Have PostgreSQL end the transactions of a worker that it hears nothing from.

    It keeps their locks else until TCP gives the connection up, after two hours; the claims of all others wait for them
    (measured with two workers, one of them cut off).
    """
    connection_created.connect(_keep_no_locks)
    try:
        yield
    finally:
        connection_created.disconnect(_keep_no_locks)


def _keep_no_locks(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor == "postgresql":
        milliseconds = str(round(_SILENT_IN_TRANSACTION * 1000))
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", [milliseconds])


class Flag:
    """A `threading.Event` that a signal handler may set.

    A handler runs between two instructions of the main thread. Where those are in the event's own `wait`, the thread
    holds the event's lock, and `set` waits for it for ever (measured: 6 of 200 processes that were frozen, woken and
    stopped). The lock of a `Condition` may be taken again by the thread that has it.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._changed = threading.Condition()

    def set(self) -> None:
        self._is_set = True
        with self._changed:
            self._changed.notify_all()

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Return whether it is set, after `seconds` at most. A handler may come too late to cut the waiting short."""
        with self._changed:
            if not self._is_set:
                self._changed.wait(seconds)
        return self._is_set


class Worker:
    """One worker process. `run` until `stop`, or `drain` what is there."""

    def __init__(self, *, stop_after: float | None = None, reached: Reached = lambda _point: None) -> None:
        """`reached` is told of the instants that matter to a crash; see `delivery.Point`."""
        self.name = f"{socket.gethostname()[:24]}-{os.getpid()}-{secrets.token_hex(3)}"
        self._reached = reached
        self._stopping = Flag()
        self._told_at = 0.0
        self._until = None if stop_after is None else time.monotonic() + stop_after
        self._jobs: dict[tuple[int, bool], threading.Thread] = {}
        self._beside: dict[str, threading.Thread] = {}
        self._holding: dict[str, tuple[outbox.Claim, float]] = {}
        self._lock = threading.Lock()
        self._next = dict.fromkeys(("beat", "sweep", "clean", "wipe", "look", "tell", "room"), 0.0)
        self._started_at = timezone.now()

    # From outside

    def stop(self) -> None:
        """Claim nothing more, finish the messages under way, give back the rest. A signal handler may call it."""
        self._told_at = self._told_at or time.monotonic()
        self._stopping.set()

    def run(self, *, grace: float = GRACE) -> bool:
        """Work until `stop`; False when a message was still under way `grace` seconds after it: its lease then ends."""
        logger.info("Worker %s has started.", self.name)
        with keeping_no_locks(), self._keeping_leases():
            while not self._stopping.is_set():
                try:
                    self._turn()
                except (DatabaseError, InterfaceError) as error:
                    logger.warning("The database is away; trying again. %s", error)
                    connections.close_all()
                    self._stopping.wait(_AFTER_ERROR)
                except KeyringLocked as error:
                    logger.error("Nothing is moved to a fallback. %s", error)  # noqa: TRY400  the text says it all
                    self._stopping.wait(_AFTER_ERROR * 10)
                self._stopping.wait(_POLL * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311  spreads load
            # From when it was told: a database that does not answer may have kept it from hearing.
            until = self._told_at + grace
            for job in list(self._jobs.values()):
                job.join(max(0.0, until - time.monotonic()))
            for beside in self._beside.values():
                # It may be waiting for a server that does not answer. Nothing is lost: its lease ends.
                beside.join(_AFTER_ERROR)
        clean = not any(job.is_alive() for job in self._jobs.values())
        if clean:
            self._leave()
        logger.info("Worker %s has stopped%s.", self.name, "" if clean else " with messages under way")
        return clean

    def drain(self, slugs: Sequence[str] | None = None) -> int:
        """Send what is due, in this thread, and return how many messages were dealt with."""
        self._sweep()
        dealt_with = 0
        with self._keeping_leases():
            while self._has_room() and (due := self._due(slugs)):
                done = sum(self._serve(profile_id, lanes=outbox.ALL_LANES, linger=0) for profile_id in due)
                dealt_with += done
                if not done or self._is_over():
                    break
        return dealt_with

    def _due(self, slugs: Sequence[str] | None) -> list[int]:
        outbox.move_waiting()
        return [each for each in outbox.due_profiles() if slugs is None or _slug(each) in slugs]

    # One turn

    def _turn(self) -> None:
        self._at_times("beat", _BEAT, self._beat)
        self._at_times("sweep", _SWEEP, self._sweep)
        self._at_times("clean", _CLEAN, self._clean)
        self._at_times("wipe", _WIPE, outbox.truncate_log)
        self._at_times("look", _LOOK, self._look)
        self._at_times("tell", telling.EVERY, self._tell)
        self._jobs = {key: job for key, job in self._jobs.items() if job.is_alive()}
        if not self._has_room():
            return
        outbox.move_waiting()
        for profile_id in outbox.due_profiles():
            if (profile_id, False) not in self._jobs:
                self._start(profile_id, urgent=False)
        if self._jobs:
            # A batch of a slow server may take minutes: urgent mail gets a connection of its own beside it.
            for profile_id in outbox.due_profiles([Lane.URGENT]):
                if (profile_id, True) not in self._jobs:
                    self._start(profile_id, urgent=True)

    def _start(self, profile_id: int, *, urgent: bool) -> None:
        lanes = (Lane.URGENT,) if urgent else outbox.ALL_LANES
        job = threading.Thread(
            target=self._job, args=(profile_id, lanes), name=f"deliver-{profile_id}-{int(urgent)}", daemon=True
        )
        self._jobs[profile_id, urgent] = job
        job.start()

    def _job(self, profile_id: int, lanes: Sequence[Lane]) -> None:
        """Serve one profile until it has nothing more; a failure ends this thread only."""
        try:
            self._serve(profile_id, lanes=lanes, linger=_LINGER)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("The database is away; trying again. %s", error)
            self._stopping.wait(_AFTER_ERROR)
        except KeyringLocked as error:
            logger.error("Nothing is sent. %s", error)  # noqa: TRY400  the text says it all
            self._stopping.wait(_AFTER_ERROR * 10)
        except Exception:
            # An error of ours. It would end this thread anyway, but past the log and what keeps secrets out of it, and
            # the next turn would start it again at once. Its messages are held until their leases end.
            logger.exception("Sending through profile %s failed unexpectedly.", profile_id)
            self._stopping.wait(_AFTER_ERROR * 10)
        finally:
            connections.close_all()

    def _serve(self, profile_id: int, *, lanes: Sequence[Lane], linger: float) -> int:
        """Claim and deliver until nothing is due; return how many messages were dealt with."""
        courier: Courier | None = None
        profile = Profile.objects.filter(pk=profile_id).first()
        dealt_with = 0
        try:
            while profile is not None and not self._is_over():
                ready = courier is not None and courier.is_ready
                claim = outbox.claim(profile, worker=self.name, lanes=lanes, ready=ready)
                if claim is None:
                    if courier is None or not self._more_comes(profile_id, lanes, linger):
                        break
                    continue
                if courier is None or courier.profile.updated_at != claim.profile_version:
                    if claim.marked_at is not None:
                        # Ready was another connection; the next one has yet to be made.
                        self._return(claim)
                    profile = Profile.objects.get(pk=profile_id)
                    courier = self._new_courier(courier, profile, claim)
                    if courier is None:
                        break
                    if claim.marked_at is not None:
                        continue
                with self._held(claim):
                    done = deliver_batch(claim, courier, stop=self._is_over, reached=self._reached)
                dealt_with += done.settled
                if done.paused:
                    break
        finally:
            if courier is not None:
                courier.close()
        return dealt_with

    def _new_courier(self, old: Courier | None, profile: Profile, claim: outbox.Claim) -> Courier | None:
        """Return a courier for the profile as it is now; None, with the messages given back, when it has no way in."""
        if old is not None:
            old.close()
        try:
            return Courier(profile)
        except CryptoError:
            self._return(claim)
            outbox.opened(claim, FailureClass.AUTH, AuthError(health.UNOPENED, cause=Cause.PASSWORD_MISSING))
            return None
        except KeyringLocked:
            self._return(claim)
            raise

    def _return(self, claim: outbox.Claim) -> None:
        """Give back all of a claim: nothing of it has left."""
        ids = [message.id for message in claim.messages]
        outbox.persist(lambda: outbox.give_back(claim, ids), patience=outbox.PATIENCE)

    def _more_comes(self, profile_id: int, lanes: Sequence[Lane], linger: float) -> bool:
        """Wait with an open connection for more to send; False when nothing came."""
        until = time.monotonic() + linger
        while time.monotonic() < until and not self._is_over():
            self._stopping.wait(_POLL / 4)
            if profile_id in outbox.due_profiles(lanes):
                return True
        return False

    def _is_over(self) -> bool:
        return self._stopping.is_set() or (self._until is not None and time.monotonic() > self._until)

    def _has_room(self) -> bool:
        if outbox.may_send():
            return True
        self._at_times("room", _SAY_NO_ROOM, self._say_no_room)
        return False

    def _say_no_room(self) -> None:
        logger.error(
            "The disk that holds the database is nearly full. Nothing is sent until %d MB are free: what is sent could "
            "not be recorded as sent.",
            outbox.SEND_FLOOR // 1_000_000,
        )

    # Leases

    @contextmanager
    def _held(self, claim: outbox.Claim) -> Iterator[None]:
        with self._lock:
            self._holding[claim.lease] = claim, time.monotonic() + _LONGEST * len(claim.messages)
        try:
            yield
        finally:
            with self._lock:
                self._holding.pop(claim.lease, None)

    @contextmanager
    def _keeping_leases(self) -> Iterator[None]:
        """Renew the leases of what is under way, from a thread of its own, for as long as the block lasts."""
        ended = threading.Event()
        keeper = threading.Thread(target=self._keep_leases, args=(ended,), name="leases", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            # It may be waiting for a database that does not answer. There is nothing left to renew.
            keeper.join(_AFTER_ERROR)

    def _keep_leases(self, ended: threading.Event) -> None:
        pause = clock.LEASE_SECONDS / 4
        while not ended.wait(pause):
            with self._lock:
                claims = [claim for claim, until in self._holding.values() if time.monotonic() < until]
            try:
                for claim in claims:
                    outbox.renew(claim)
                pause = clock.LEASE_SECONDS / 4
            except (DatabaseError, InterfaceError) as error:
                logger.warning("Leases could not be renewed. %s", error)
                # They have become short, and the database may go away again.
                pause = min(pause, _AFTER_ERROR)
            finally:
                connections.close_all()

    # What the clock asks for

    def _at_times(self, what: str, every: float, act: Callable[[], object]) -> None:
        if time.monotonic() >= self._next[what]:
            act()
            self._next[what] = time.monotonic() + every

    def _beat(self) -> None:
        WorkerBeat.objects.update_or_create(
            name=self.name,
            defaults={"beat_at": timezone.now()},
            create_defaults={
                "beat_at": timezone.now(),
                "started_at": self._started_at,
                "host": socket.gethostname(),
                "pid": os.getpid(),
            },
        )

    def _sweep(self) -> None:
        released = outbox.release()
        if released != outbox.Released():
            logger.warning(
                "A worker has died: %d messages are queued again, %d are uncertain, %d are given up.",
                released.queued,
                released.uncertain,
                released.failed,
            )
        outbox.resend_uncertain()
        outbox.expire()

    def _clean(self) -> None:
        """Forget what is not to be kept, in a thread of its own: there may be much of it, and mail does not wait."""
        WorkerBeat.objects.filter(beat_at__lt=timezone.now() - timedelta(days=1)).delete()
        if _CLEANING not in self._jobs:
            self._jobs[_CLEANING] = threading.Thread(target=self._forget, name="clean", daemon=True)
            self._jobs[_CLEANING].start()

    def _forget(self) -> None:
        try:
            health.prune()
            removed = outbox.clean(stop=self._stopping.is_set)
            if removed.messages or removed.bodies:
                logger.info("%d old messages were removed, and the text of %d.", removed.messages, removed.bodies)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Old messages could not be removed; the next time will do. %s", error)
        finally:
            connections.close_all()

    # What waits for other servers: each in a thread of its own, so that no mail waits with it

    def _look(self) -> None:
        self._start_beside("health", lambda: health.tend(stop=self._stopping.is_set))

    def _tell(self) -> None:
        self._start_beside("alerts", lambda: telling.tell_due(stopping=self._stopping.is_set))

    def _start_beside(self, name: str, act: Callable[[], object]) -> None:
        if name not in self._beside or not self._beside[name].is_alive():
            self._beside[name] = threading.Thread(target=self._do_beside, args=(name, act), name=name, daemon=True)
            self._beside[name].start()

    def _do_beside(self, name: str, act: Callable[[], object]) -> None:
        try:
            act()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("The database is away; the next round of %s will do. %s", name, error)
        except KeyringLocked as error:
            logger.error("There is no round of %s. %s", name, error)  # noqa: TRY400  the text says it all
        except Exception:
            # An error of ours. The log keeps secrets out of it; the end of a thread would print it past the log.
            logger.exception("A round of %s failed unexpectedly.", name)
        finally:
            connections.close_all()

    def _leave(self) -> None:
        try:
            WorkerBeat.objects.filter(name=self.name).delete()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("The worker's last word is not recorded. %s", error)
        connections.close_all()


def last_beat() -> datetime | None:
    """Return when a worker was last alive; None: there is none."""
    beat = WorkerBeat.objects.order_by("-beat_at").first()
    return beat.beat_at if beat else None


def _slug(profile_id: int) -> str:
    return Profile.objects.values_list("slug", flat=True).get(pk=profile_id)
