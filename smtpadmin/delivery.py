"""Envelopes through one profile's server: claims in, outcomes out.

The one delivery path. The worker sends claims through it, and the mail backend what is not to be queued; the test
button runs the same session and transfer code, step by step (`smtp.probe`). Which profile, and what the message says,
was decided before; when to try again is not decided here.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from types import TracebackType
from typing import Self

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from smtpadmin import keys, outbox, profiles
from smtpadmin.crypto import CryptoError
from smtpadmin.diagnosis import diagnose, failure_of
from smtpadmin.exceptions import DeliveryFailed
from smtpadmin.models import Profile, State, body_context
from smtpadmin.outbox import clock
from smtpadmin.outbox.turn import Turns
from smtpadmin.smtp import Envelope, RecipientResult, Result, Session, SmtpError, Stage, Verdict, transmit

logger = logging.getLogger("smtpadmin.delivery")


class Courier:
    """Carries envelopes to a profile's server, over one connection for as long as that connection is good."""

    def __init__(self, profile: Profile) -> None:
        """Raise KeyringLocked, or WrongContext when the stored password belongs to other settings."""
        self.profile = profile
        self._config = profiles.server_config(profile, password=profiles.password(profile))
        self._session: Session | None = None
        #: What is known of the server's pace, from one batch to the next.
        self.window = Window()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def open(self) -> None:
        """Connect and sign in, unless that is done. Raise SmtpError."""
        if self._session is not None:
            return
        session = Session(self._config)
        try:
            session.open()
        except SmtpError:
            session.close()
            raise
        self._session = session

    def close(self) -> None:
        """Leave the server. Never raises: whatever was accepted stays accepted."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def deliver(self, envelope: Envelope, *, before_data: Callable[[], bool] | None = None) -> Result:
        """Send one envelope and return what became of each recipient; a server out of reach is an outcome too.

        `before_data` is called before any of it leaves; False takes it back (see `smtp.transmitting`).

        A connection that has died since the last message is replaced once, and only while none of this message has
        left; after that nothing is sent a second time here.
        """
        reused = self._session is not None
        result = self._attempt(envelope, before_data)
        if reused and self._session is None and _nothing_had_left(result):
            result = self._attempt(envelope, before_data)
        return result

    def _attempt(self, envelope: Envelope, before_data: Callable[[], bool] | None) -> Result:
        try:
            self.open()
        except SmtpError as error:
            return undelivered(envelope, error)
        assert self._session is not None  # noqa: S101  open() returned, so there is one
        result = transmit(self._session, envelope, before_data=before_data)
        if not self._session.usable:
            self.close()
        return result


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


@dataclass(frozen=True, slots=True)
class Window:
    """How many messages are marked at once: as many as leave within `SPAN`, so a crash leaves few in doubt.

    A slow server gets its mark message by message, where a commit costs nothing beside the round trips; a fast one
    gets the whole batch, where commits would cost most.
    """

    SPAN = 0.1

    seconds_each: float | None = None

    def size(self, *, most: int, hold: float | None = None) -> int:
        """Return how many to mark now, `most` being what is left of the batch; a mark is good for `hold` seconds."""
        if self.seconds_each is None:
            return 1
        # Whatever leaves after that is paid for again out of the profile's rate, so there is time to spare.
        span = self.SPAN if hold is None else min(self.SPAN, hold / 3)
        return max(1, min(most, int(span / max(self.seconds_each, 1e-6))))

    def after(self, seconds: float) -> "Window":
        """Return the window after a message that took `seconds`; growing slowly and shrinking at once."""
        if self.seconds_each is None or seconds > self.seconds_each:
            return Window(seconds)
        return Window(self.seconds_each * 0.75 + seconds * 0.25)


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

    # A window that takes longer than this is asked for again: its lease has to hold when each message leaves.
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
        self._marked: frozenset[int] = frozenset()
        self._marked_at = 0.0
        self._finished: list[outbox.Settlement] = []
        self._settled = 0
        # Of these nothing has left, whatever their mark says.
        self._untouched = [message.id for message in claim.messages]

    def run(self) -> Delivered:
        self._reached(Point.CLAIMED)
        paused = False
        try:
            ring = keys.keyring()
            for index, message in enumerate(self._claim.messages):
                if self._stop() or paused:
                    break
                try:
                    content = ring.open(body_context(message.uid), message.token or "")
                except CryptoError as error:
                    logger.error("The body of message %s cannot be opened: %s", message.uid, error)  # noqa: TRY400
                    self._finish(outbox.unsendable(message, cause="body_unreadable", now=timezone.now()))
                    continue
                addresses = tuple(each.address for each in message.recipients)
                paused = not self._send(index, message, Envelope(message.sender, addresses, content))
        finally:
            # Whatever has happened: what is known is recorded, what has not left goes back.
            self._settle()
            outbox.persist(lambda: outbox.give_back(self._claim, self._untouched), patience=outbox.PATIENCE)
        if not paused and self._settled:
            outbox.succeeded(self._claim, batch=self._courier.profile.batch)
        return Delivered(settled=self._settled, paused=paused)

    def _send(self, index: int, message: outbox.Claimed, envelope: Envelope) -> bool:
        """Send one message; False: no more may be sent now."""
        begun, self._turns.waited = monotonic(), 0.0
        result = self._courier.deliver(envelope, before_data=lambda: self._may_leave(index))
        self._reached(Point.ANSWERED)
        seconds = monotonic() - begun - self._turns.waited
        if any(item.verdict is Verdict.WITHHELD for item in result.recipients):
            # Not ours any more: on with the next. Not its turn, or the mark could not be written: all go back.
            return message.id not in self._untouched
        settlement = outbox.judge(message, result, now=timezone.now(), seconds=seconds)
        if settlement.state is not State.SENT:
            settlement = outbox.elsewhere(self._claim, message, settlement, result)
        self._finish(settlement)
        if settlement.pause is not None:
            self._settle()
            outbox.opened(self._claim, *settlement.pause)
            return False
        self._courier.window = self._courier.window.after(seconds)
        if not self._is_marked(index + 1):
            self._settle()
        return True

    def _may_leave(self, index: int) -> bool:
        """Mark the message, with those after it that are likely to leave soon; False: it must not leave."""
        message_id = self._claim.messages[index].id
        if not self._is_marked(index) or clock.uptime() - self._marked_at > self._hold:
            left = self._claim.messages[index:]
            wanted = left[: self._courier.window.size(most=len(left), hold=self._turns.hold)]
            self._reached(Point.BEFORE_MARK)
            try:
                turn = self._turns.ask(self._claim, wanted)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("The database is away; nothing is sent until it is back. %s", error)
                return False
            self._marked, self._marked_at = turn.marked, turn.at
            self._forget(turn.gone)
            self._reached(Point.MARKED)
        if message_id not in self._marked:
            return False
        self._forget({message_id})
        return True

    def _is_marked(self, index: int) -> bool:
        messages = self._claim.messages
        return index < len(messages) and messages[index].id in self._marked

    def _finish(self, settlement: outbox.Settlement) -> None:
        self._forget({settlement.message_id})
        self._finished.append(settlement)

    def _forget(self, ids: Collection[int]) -> None:
        self._untouched = [each for each in self._untouched if each not in ids]

    def _settle(self) -> None:
        if not self._finished:
            return
        self._reached(Point.BEFORE_SETTLE)
        finished, self._finished = self._finished, []
        self._settled += len(outbox.settle(self._claim, finished))
        self._reached(Point.SETTLED)
