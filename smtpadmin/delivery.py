"""Envelopes through one profile's server: claims in, outcomes out.

The one delivery path. The worker sends claims through it, and the mail backend what is not to be queued; the test
button runs the same session and transfer code, step by step (`smtp.probe`). Which profile, and what the message says,
was decided before; when to try again is not decided here.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import islice
from time import monotonic
from types import TracebackType
from typing import Self

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from smtpadmin import keys, outbox, profiles
from smtpadmin.crypto import CryptoError, Keyring
from smtpadmin.diagnosis import diagnose, failure_of
from smtpadmin.exceptions import DeliveryFailed
from smtpadmin.models import Profile, State, body_context
from smtpadmin.outbox import clock
from smtpadmin.outbox.pace import rules
from smtpadmin.outbox.turn import Turns
from smtpadmin.smtp import (
    MOST_BYTES,
    ContentError,
    Envelope,
    RecipientResult,
    Result,
    Session,
    SmtpError,
    Stage,
    Verdict,
    transmit,
    transmit_in_chunks,
    transmit_in_groups,
)
from smtpadmin.windows import Pace

logger = logging.getLogger("smtpadmin.delivery")

# Servers that have left chunks without an answer, and until when they get none.
_DOUBTS: dict[tuple[str, int], float] = {}
_DOUBT_SECONDS = 3600.0
# Some relays and routers forget connections soon; a worker keeps one for some seconds after its last message.
_REST_SECONDS = 1.0


class Courier:
    """Carries envelopes to a profile's server, over one connection for as long as that connection is good."""

    def __init__(self, profile: Profile) -> None:
        """Raise KeyringLocked, or WrongContext when the stored password belongs to other settings."""
        self.profile = profile
        self._config = profiles.server_config(profile, password=profiles.password(profile))
        self._session: Session | None = None
        # Nothing has been sent over this connection: it has had no time to die of old age.
        self._is_fresh = True
        self._used_at = -math.inf
        self._has_rates = bool(rules(profile))
        #: What is known of the server's pace, from one batch to the next.
        self.pace = Pace(broken=_DOUBTS.get(self._server, 0.0) > monotonic())

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        return self._session is not None and self._config.verify == self.profile.verifies_certificate

    def open(self) -> None:
        """Connect and sign in, unless that is done. Raise SmtpError."""
        if self.is_open:
            return
        # Leaving the check of certificates out ends on a day, which a courier may live to see.
        self.close()
        self._config = replace(self._config, verify=self.profile.verifies_certificate)
        session = Session(self._config)
        try:
            session.open()
        except SmtpError:
            session.close()
            raise
        self._session, self._is_fresh, self._used_at = session, True, monotonic()

    def close(self) -> None:
        """Leave the server. Never raises: whatever was accepted stays accepted."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def deliver(self, envelope: Envelope, *, before_data: Callable[[], bool] = lambda: True) -> Result:
        """Send one envelope and return what became of each recipient; a server out of reach is an outcome too.

        `before_data` is asked when nothing of the message has left; when it says False, the message is withheld.

        A connection that has died since the last message is replaced once, and only while none of this message has
        left; after that nothing is sent a second time here.
        """
        while True:
            try:
                self.open()
            except SmtpError as error:
                return undelivered(envelope, error)
            results = list(self.relay([envelope], before_data=lambda _place: before_data()))
            if results:
                return results[0]

    def relay(
        self, envelopes: Iterable[Envelope], *, before_data: Callable[[int], bool] = lambda _place: True
    ) -> Generator[Result, None, None]:
        """Send envelopes over the open connection, one after the other, and yield what became of each in their order.

        Each is asked for when it is about to be begun. It ends early when the connection does; of those without a
        result nothing has left. `before_data` is as in `smtp.transmit_in_groups`.

        A connection may have died since the last message. That shows at the first one, which then has no result: it is
        to be sent again, over a new connection.
        """
        session = self._in_use()
        may_be_old, self._is_fresh = not self._is_fresh, False
        send = transmit_in_groups if self.pipelines else _one_by_one
        try:
            with closing(send(session, envelopes, before_data=before_data)) as results:
                for result in results:
                    if may_be_old and not session.usable and _nothing_had_left(result):
                        return
                    may_be_old &= _is_local(result)
                    self._used_at = monotonic()
                    yield result
        finally:
            self._leave_if_over()

    def relay_together(self, envelopes: Sequence[Envelope]) -> tuple[Result | None, ...]:
        """Send envelopes in as few flights as possible, and return what became of each; None: it was not begun.

        As with `relay`, that is so with all of them where the connection has died since the last message.
        """
        session = self._in_use()
        may_be_old, self._is_fresh = not self._is_fresh, False
        results = transmit_in_chunks(session, envelopes)
        self._used_at = monotonic()
        is_over = not session.usable
        self._leave_if_over()
        if may_be_old and is_over:
            first = next((result for result in results if result is not None and not _is_local(result)), None)
            if first is not None and _nothing_had_left(first):
                return tuple(None if result is first else result for result in results)
        return results

    @property
    def pipelines(self) -> bool:
        """Whether the next message may be begun before the one before is answered."""
        return self._session is not None and self._session.pipelines

    @property
    def chunks(self) -> bool:
        """Whether many messages may leave together."""
        return self._session is not None and self._session.chunks

    @property
    def is_ready(self) -> bool:
        """Whether a whole batch would leave at once: over an open connection, and without waiting for a turn."""
        if self._session is None or self.has_rested or self._has_rates:
            return False
        most = self.profile.batch
        if self.chunks and not self.pace.broken:
            return self.pace.window(most=most, round_trip=self.round_trip) >= most
        return self.pace.marks(most=most) >= most

    @property
    def has_rested(self) -> bool:
        """Whether nothing has been said for so long that the connection may have died unnoticed."""
        return monotonic() - self._used_at > _REST_SECONDS

    def doubt(self) -> None:
        """Send nothing together any more, here and for a while in the whole process: it has led to doubt.

        A server that takes so many messages for each connection, say, would else do the same to every courier.
        """
        self.pace = self.pace.after_doubt()
        _DOUBTS[self._server] = monotonic() + _DOUBT_SECONDS

    @property
    def _server(self) -> tuple[str, int]:
        return self._config.host, self._config.port

    @property
    def round_trip(self) -> float:
        """How long the way to the server and back takes at most, in seconds; 0: not known."""
        seconds = self._in_use().round_trip
        return 0.0 if math.isinf(seconds) else seconds

    def _in_use(self) -> Session:
        if self._session is None:
            raise RuntimeError("There is no connection.")
        return self._session

    def _leave_if_over(self) -> None:
        if self._session is not None and not self._session.usable:
            self.close()


def _one_by_one(
    session: Session, envelopes: Iterable[Envelope], *, before_data: Callable[[int], bool]
) -> Generator[Result, None, None]:
    for place, envelope in enumerate(envelopes):
        yield transmit(session, envelope, before_data=partial(before_data, place))
        if not session.usable:
            return


def undelivered(envelope: Envelope, error: SmtpError) -> Result:
    """Return the outcome of an envelope for which there was no session."""
    return Result(
        recipients=tuple(
            RecipientResult(recipient=recipient, verdict=Verdict.DEFERRED, reply=error.reply, error=error)
            for recipient in envelope.recipients
        )
    )


def _nothing_had_left(result: Result) -> bool:
    """Say whether the session died at MAIL: an idle connection that the server has closed shows there."""
    return all(
        item.verdict is Verdict.DEFERRED and item.error is not None and item.error.stage is Stage.MAIL
        for item in result.recipients
    )


def _is_local(result: Result) -> bool:
    """Say whether it was never begun, because it cannot be sent."""
    return all(isinstance(item.error, ContentError) for item in result.recipients)


def never_opened(result: Result) -> bool:
    """Say whether no session could be had at all: the server is out of reach, untrusted, or refuses the sign-in."""
    opening = (Stage.DNS, Stage.TCP, Stage.TLS, Stage.EHLO, Stage.AUTH)
    return all(item.error is not None and item.error.stage in opening for item in result.recipients)


def failure(profile: Profile, result: Result) -> DeliveryFailed:
    """Return the exception that tells an app what became of its message, in words for whoever reads its log."""
    first = next(item for item in result.recipients if item.verdict is not Verdict.SENT)
    words = [f"SMTP profile {profile.slug!r} ({profile.endpoint}):"]
    if first.error is not None:
        words.append(diagnose(failure_of(first.error), profile.provider).title.en + ".")
    if first.reply is not None:
        words.append(f"The server said: {first.reply.code} {first.reply.text}")
    for verdict in Verdict:
        count = sum(item.verdict is verdict for item in result.recipients)
        if count:
            words.append(f"[{verdict.value}: {count}]")
    return DeliveryFailed(" ".join(words), profile=profile.slug, result=result)


class Point(StrEnum):
    """The instants of a batch between which a crash makes a difference."""

    CLAIMED = "claimed"
    OPENED = "opened"
    BEFORE_MARK = "before mark"
    MARKED = "marked"
    ANSWERED = "answered"
    BEFORE_SETTLE = "before settle"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What came of a batch: how many messages were dealt with, and whether the profile has to wait."""

    settled: int
    paused: bool


def deliver_batch(
    claim: outbox.Claim,
    courier: Courier,
    *,
    stop: Callable[[], bool] = lambda: False,
    reached: Callable[[Point], None] = lambda _point: None,
) -> Delivered:
    """Send the claim's messages over one connection and record what became of each.

    What is not begun when `stop` says so, or when the profile has to wait, goes back to the queue untouched. `reached`
    is told of each instant that matters to a crash. Raise KeyringLocked, or what the database raises last when it stays
    away.
    """
    return _Batch(claim, courier, stop=stop, reached=reached).run()


class _Batch:
    """One claim on its way. A window of messages is marked at once, and settled at once when it is through."""

    # A mark that is older than this is asked for again: its lease has to hold when the message leaves.
    _MARK_HOLDS = 15.0

    def __init__(
        self, claim: outbox.Claim, courier: Courier, *, stop: Callable[[], bool], reached: Callable[[Point], None]
    ) -> None:
        self._claim = claim
        self._courier = courier
        self._stop = stop
        self._reached = reached
        self._turns = Turns(courier.profile, stop=stop)
        self._hold = self._turns.hold or self._MARK_HOLDS
        self._paused = False
        # To be sent, in this order.
        self._waiting = deque(claim.messages)
        # Of these nothing has left, whatever their mark says.
        self._untouched = {message.id for message in claim.messages}
        # When each was marked, and those that were the last in a window.
        self._marked_at: dict[int, float] = {}
        self._last: set[int] = set()
        if claim.marked_at is not None:
            self._marked_at = dict.fromkeys((message.id for message in claim.messages), claim.marked_at)
            self._last.add(claim.messages[-1].id)
        self._finished: list[outbox.Settlement] = []
        self._settled = 0

    def run(self) -> Delivered:
        self._reached(Point.CLAIMED)
        try:
            ring = keys.keyring()
            while self._waiting and not self._paused and not self._stop():
                if not self._is_open():
                    continue
                count = self._together()
                if count:
                    self._send_together(ring, count)
                else:
                    self._send_in_turn(ring)
        finally:
            # Whatever has happened: what is known is recorded, what has not left goes back.
            self._settle()
            untouched = sorted(self._untouched)
            outbox.persist(lambda: outbox.give_back(self._claim, untouched), patience=outbox.PATIENCE)
        if not self._paused and self._settled:
            outbox.succeeded(self._claim, batch=self._courier.profile.batch)
        return Delivered(settled=self._settled, paused=self._paused)

    def _is_open(self) -> bool:
        """Connect before anything is marked: a turn that waits for a connection would be no turn."""
        if self._courier.is_open:
            return True
        try:
            self._courier.open()
        except SmtpError as error:
            message = self._waiting.popleft()
            # What it says is not looked at.
            self._conclude(message, undelivered(_envelope(message, b""), error), seconds=0.0)
            return False
        self._reached(Point.OPENED)
        return True

    # One after the other

    def _send_in_turn(self, ring: Keyring) -> None:
        """Send one message after the other, until the rest is better sent together."""
        begun: list[outbox.Claimed] = []
        left_at: float | None = None

        def before_data(place: int) -> bool:
            nonlocal left_at
            may_leave = self._may_leave(begun[place])
            left_at = monotonic()
            return may_leave

        done = 0
        with closing(self._courier.relay(self._envelopes(ring, begun), before_data=before_data)) as results:
            since, self._turns.waited = monotonic(), 0.0
            for result in results:
                message, now = begun[done], monotonic()
                done += 1
                self._reached(Point.ANSWERED)
                if any(item.verdict is Verdict.WITHHELD for item in result.recipients):
                    # Not ours any more: on with the next. Not its turn, or the mark could not be written: all go back.
                    self._paused |= message.id in self._untouched
                else:
                    self._conclude(message, result, seconds=now - since - self._turns.waited)
                    if left_at is not None:
                        self._courier.pace = self._courier.pace.after_one(now - left_at)
                if message.id in self._last:
                    self._settle()
                if self._paused or self._stop():
                    break
                since, self._turns.waited, left_at = monotonic(), 0.0, None
        self._waiting.extendleft(reversed(begun[done:]))

    def _envelopes(self, ring: Keyring, begun: list[outbox.Claimed]) -> Iterator[Envelope]:
        """Yield what is to be sent next, each when it is about to be begun, which is then in `begun`."""
        while self._waiting and not self._stop():
            message = self._waiting[0]
            if begun and (self._together(begun=True) or _size(message) > MOST_BYTES):
                # A large one waits for its turn, so that there are not two of them in memory.
                return
            if self._courier.pipelines and not self._is_marked(message):
                if begun and self._turns.hold is not None:
                    # It may have to wait for its turn, and the one before it must not.
                    return
                if message not in self._mark(self._next_ones()):
                    if self._paused:
                        return
                    continue
            self._waiting.popleft()
            content = self._open_body(ring, message)
            if content is not None:
                begun.append(message)
                yield _envelope(message, content)

    def _may_leave(self, message: outbox.Claimed) -> bool:
        """Say whether the message may leave, which is recorded; it is not untouched then."""
        if not self._is_marked(message) and message not in self._mark(self._next_ones(message)):
            return False
        self._untouched.discard(message.id)
        return True

    # Together

    def _together(self, *, begun: bool = False) -> int:
        """Return how many messages to send in one flight; 0: one after the other, the first of which has `begun`.

        After a rest the first goes alone: it finds out whether the connection still lives, and leaves nothing in doubt.
        """
        courier = self._courier
        if not courier.chunks or (courier.has_rested and not begun):
            return 0
        count = courier.pace.window(most=len(self._waiting), round_trip=courier.round_trip, hold=self._turns.hold)
        size = 0
        for fitting, message in enumerate(islice(self._waiting, count)):
            size += _size(message)
            if size > MOST_BYTES:
                return fitting if fitting > 1 else 0
        return count

    def _send_together(self, ring: Keyring, count: int) -> None:
        """Mark messages, send them in one flight, and settle them."""
        begun: list[outbox.Claimed] = []
        envelopes: list[Envelope] = []
        wanted = list(islice(self._waiting, count))
        for message in wanted if all(map(self._is_marked, wanted)) else self._mark(wanted):
            self._waiting.remove(message)
            content = self._open_body(ring, message)
            if content is not None:
                begun.append(message)
                envelopes.append(_envelope(message, content))
        if len(begun) < 2:
            # Alone it saves nothing together.
            self._waiting.extendleft(begun)
            self._send_in_turn(ring)
            return
        self._untouched.difference_update(message.id for message in begun)
        started = monotonic()
        results = self._courier.relay_together(envelopes)
        seconds = monotonic() - started
        self._reached(Point.ANSWERED)
        untouched = []
        for message, result in zip(begun, results, strict=True):
            if result is None:
                untouched.append(message)
            else:
                self._conclude(message, result, seconds=seconds / len(begun))
        self._untouched.update(message.id for message in untouched)
        self._waiting.extendleft(reversed(untouched))
        self._learn(results, seconds=seconds)
        self._settle()

    def _learn(self, results: Sequence[Result | None], *, seconds: float) -> None:
        items = [item for result in results if result is not None for item in result.recipients]
        pace = self._courier.pace
        if any(item.verdict is Verdict.UNCERTAIN for item in items):
            self._courier.doubt()
        elif self._courier.is_open:
            self._courier.pace = pace.after_window(len(results), seconds, round_trip=self._courier.round_trip)

    # What both need

    def _mark(self, wanted: Sequence[outbox.Claimed]) -> list[outbox.Claimed]:
        """Mark these and return those that may leave; where none is, because the profile has to wait, it is paused."""
        self._reached(Point.BEFORE_MARK)
        try:
            turn = self._turns.ask(self._claim, wanted)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("The database is away; nothing is sent until it is back. %s", error)
            self._paused = True
            return []
        marked = [message for message in wanted if message.id in turn.marked]
        self._marked_at |= dict.fromkeys(turn.marked, turn.at)
        if marked:
            self._last.add(marked[-1].id)
        if turn.gone:
            self._untouched -= turn.gone
            self._waiting = deque(message for message in self._waiting if message.id not in turn.gone)
        self._paused |= not (turn.marked or turn.gone)
        self._reached(Point.MARKED)
        return marked

    def _next_ones(self, *before: outbox.Claimed) -> list[outbox.Claimed]:
        """Return those to be marked together that leave one after the other, `before` first."""
        most = len(before) + len(self._waiting)
        count = self._courier.pace.marks(most=most, hold=self._turns.hold)
        return [*before, *islice(self._waiting, count)][:count]

    def _is_marked(self, message: outbox.Claimed) -> bool:
        return clock.uptime() - self._marked_at.get(message.id, -math.inf) <= self._hold

    def _open_body(self, ring: Keyring, message: outbox.Claimed) -> bytes | None:
        """Return the message as it is to be sent; None: it does not open, and has failed for good."""
        try:
            return ring.open_bytes(body_context(message.uid), message.sealed or b"")
        except CryptoError as error:
            logger.error("The body of message %s cannot be opened: %s", message.uid, error)  # noqa: TRY400
            self._finish(outbox.unsendable(message, cause="body_unreadable", now=timezone.now()))
            return None

    def _conclude(self, message: outbox.Claimed, result: Result, *, seconds: float) -> None:
        """Note what has become of a message. Where it says that the profile has to wait, the profile is paused."""
        settlement = outbox.judge(message, result, now=timezone.now(), seconds=seconds)
        if settlement.state is not State.SENT:
            settlement = outbox.elsewhere(self._claim, message, settlement, result)
        self._finish(settlement)
        if settlement.pause is not None and not self._paused:
            self._paused = True
            self._settle()
            outbox.opened(self._claim, *settlement.pause)

    def _finish(self, settlement: outbox.Settlement) -> None:
        self._untouched.discard(settlement.message_id)
        self._finished.append(settlement)

    def _settle(self) -> None:
        if not self._finished:
            return
        self._reached(Point.BEFORE_SETTLE)
        finished, self._finished = self._finished, []
        self._settled += len(outbox.settle(self._claim, finished))
        self._reached(Point.SETTLED)


def _size(message: outbox.Claimed) -> int:
    """Return how many bytes the message has, and a few more: those of the seal."""
    return len(message.sealed or b"")


def _envelope(message: outbox.Claimed, content: bytes) -> Envelope:
    """Return the envelope of a message that was checked when it was accepted, and sealed since."""
    return Envelope(message.sender, tuple(each.address for each in message.recipients), content, checked=True)
