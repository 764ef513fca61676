"""What a result means for a message: a pure function from what was claimed and what the server said."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from smtpadmin import retry
from smtpadmin.models import AttemptOutcome, RecipientState, State
from smtpadmin.outbox.claim import Claimed
from smtpadmin.retry import FailureClass
from smtpadmin.smtp import RecipientResult, Reply, Result, SmtpError, Verdict

_MAX_REPLY = 512


@dataclass(frozen=True, slots=True)
class Answer:
    """What was last said about a recipient, as plain values for a row."""

    stage: str = ""
    cause: str = ""
    code: int | None = None
    enhanced: str = ""
    reply: str = ""


NOTHING = Answer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Another profile that sends the message from now on, and the message as it goes there; see `failover`."""

    profile_id: int
    profile_slug: str
    profile_name: str
    #: Empty: it is back with the profile that it was accepted for.
    origin_slug: str
    because: str
    sender: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What is to be written about one message of a claim."""

    message_id: int
    fence: int
    state: State
    outcome: AttemptOutcome
    answer: Answer
    seconds: float
    #: None: it stays due when it was.
    due_at: datetime | None
    ended_at: datetime | None
    attempts: int
    uncertain: int
    sent: int
    failed: int
    #: Recipient rows by what is written into them.
    recipients: Mapping[tuple[RecipientState, Answer], tuple[int, ...]]
    #: The failure that stops the whole profile, and its class.
    pause: tuple[FailureClass, SmtpError] | None = None
    move: Move | None = None

    @property
    def ends_body(self) -> bool:
        """Whether the body has done its work."""
        return self.state is State.SENT


def judge(message: Claimed, result: Result, *, now: datetime, seconds: float) -> Settlement:
    """Return what `result`, in the order of the message's recipients, means for it.

    Each recipient goes its own way: who was served is never served again, who was refused for good does not keep the
    others waiting, and who was deferred is tried again alone.
    """
    if result.sent:
        return _served(message, result, now=now, seconds=seconds)
    written: dict[tuple[RecipientState, Answer], list[int]] = {}
    counts: Counter[RecipientState] = Counter()
    waits, counted, pause = [], False, None
    for addressee, item in zip(message.recipients, result.recipients, strict=True):
        fate, kind = _fate(item)
        # One row each is written for what failed; the served ones share a statement.
        answer = NOTHING if fate is RecipientState.SENT else answer_of(item.error, item.reply)
        written.setdefault((fate, answer), []).append(addressee.id)
        counts[fate] += 1
        if kind in retry.OF_THE_PROFILE:
            assert kind is not None and item.error is not None  # noqa: S101, PT018  a class comes from an error
            pause = pause or (kind, item.error)
        elif item.verdict is not Verdict.WITHHELD:
            counted = True
        if fate is RecipientState.PENDING and kind is not None and not _is_opening(item.error):
            waits.append(retry.delay(kind, lane=message.lane, attempt=message.attempts + 1))
    sent, failed = message.sent + counts[RecipientState.SENT], message.failed + counts[RecipientState.FAILED]
    pending = counts[RecipientState.PENDING]
    state = _message_state(message, sent=sent, failed=failed, pending=pending)
    return Settlement(
        message_id=message.id,
        fence=message.fence,
        state=state,
        outcome=outcome_of(counts),
        answer=told(result),
        seconds=seconds,
        due_at=now + min(waits) if waits else None,
        ended_at=None if state is State.QUEUED else now,
        attempts=int(counted),
        uncertain=int(counts[RecipientState.UNCERTAIN] > 0),
        sent=counts[RecipientState.SENT],
        failed=counts[RecipientState.FAILED],
        recipients={key: tuple(ids) for key, ids in written.items()},
        pause=pause,
    )


def _served(message: Claimed, result: Result, *, now: datetime, seconds: float) -> Settlement:
    """Return what it means that the server has taken the message for all who were asked about: nearly every time."""
    ids = tuple(addressee.id for addressee, _ in zip(message.recipients, result.recipients, strict=True))
    state = _message_state(message, sent=message.sent + len(ids), failed=message.failed, pending=0)
    return Settlement(
        message_id=message.id,
        fence=message.fence,
        state=state,
        outcome=AttemptOutcome.SENT,
        answer=told(result),
        seconds=seconds,
        due_at=None,
        ended_at=now,
        attempts=1,
        uncertain=0,
        sent=len(ids),
        failed=0,
        recipients={(RecipientState.SENT, NOTHING): ids},
    )


def unsendable(message: Claimed, *, cause: str, now: datetime) -> Settlement:
    """Return the end of a message that cannot be sent at all: its body is gone or does not open."""
    answer = Answer(cause=cause)
    ids = tuple(addressee.id for addressee in message.recipients)
    return Settlement(
        message_id=message.id,
        fence=message.fence,
        state=State.FAILED,
        outcome=AttemptOutcome.REFUSED,
        answer=answer,
        seconds=0,
        due_at=None,
        ended_at=now,
        attempts=1,
        uncertain=0,
        sent=0,
        failed=len(ids),
        recipients={(RecipientState.FAILED, answer): ids} if ids else {},
    )


def answer_of(error: SmtpError | None, reply: Reply | None) -> Answer:
    """Return a failure, or the reply alone, as plain values. The error's text is free of secrets."""
    reply = reply or (error.reply if error else None)
    text = reply.text if reply else error.text if error else ""
    return Answer(
        stage=error.stage.value if error else "",
        cause=error.cause.value if error else "",
        code=reply.code if reply else None,
        enhanced=reply.enhanced[:12] if reply else "",
        reply=text[:_MAX_REPLY],
    )


def _is_opening(error: SmtpError | None) -> bool:
    """Say whether the server was not even asked about the message: it stays due when it was."""
    return error is not None and error.stage in retry.OPENING


def _fate(item: RecipientResult) -> tuple[RecipientState, FailureClass | None]:
    if item.verdict is Verdict.SENT:
        return RecipientState.SENT, None
    if item.error is None:
        return RecipientState.PENDING, None
    kind = retry.classify(item.error)
    if kind is FailureClass.UNCERTAIN:
        return RecipientState.UNCERTAIN, kind
    return (RecipientState.FAILED if kind in retry.FINAL else RecipientState.PENDING), kind


def _message_state(message: Claimed, *, sent: int, failed: int, pending: int) -> State:
    if pending:
        return State.QUEUED
    if sent + failed < message.total:
        return State.UNCERTAIN
    return State.FAILED if failed else State.SENT


def outcome_of(counts: Mapping[RecipientState, int]) -> AttemptOutcome:
    """Return how an attempt ended that left so many recipients in each state."""
    if counts[RecipientState.UNCERTAIN]:
        return AttemptOutcome.UNCERTAIN
    if counts[RecipientState.SENT]:
        others = counts[RecipientState.PENDING] + counts[RecipientState.FAILED]
        return AttemptOutcome.PARTIAL if others else AttemptOutcome.SENT
    return AttemptOutcome.DEFERRED if counts[RecipientState.PENDING] else AttemptOutcome.REFUSED


def told(result: Result) -> Answer:
    """Return what speaks for the attempt: the first failure, else the server's words on accepting (its queue id)."""
    for item in result.recipients:
        if item.error is not None:
            return answer_of(item.error, item.reply)
    return answer_of(None, result.recipients[0].reply) if result.recipients else NOTHING
