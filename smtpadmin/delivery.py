"""One claim through one courier: which of its messages leave together, marked before and recorded after.

The worker's delivery path. Which profile, and what the message says, was decided before; how it is said to the server
is the courier's; when to try again is not decided here.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from time import monotonic

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from smtpadmin import keys, outbox
from smtpadmin.courier import Courier, undelivered
from smtpadmin.crypto import CryptoError, Keyring
from smtpadmin.models import State, body_context
from smtpadmin.outbox import clock
from smtpadmin.outbox.turn import Turns
from smtpadmin.smtp import MOST_BYTES, Envelope, Result, SmtpError, Verdict

logger = logging.getLogger("smtpadmin.delivery")


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
