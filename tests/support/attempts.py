"""One submission, and what came of it, in a form that tests compare.

`send` goes the way of real mail (`Session`, `transmit`), `watch` the way of the test button (`probe`). They are to find
the same, so `both` runs the two side by side.
"""

import traceback
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic

from smtpadmin.smtp import (
    Cause,
    Envelope,
    RecipientResult,
    Result,
    ServerConfig,
    Session,
    SmtpError,
    Stage,
    Status,
    Step,
    Verdict,
    probe,
    transmit,
)

SENDER = "notify@example.com"
RECIPIENT = "you@example.org"
CONTENT = b"From: notify@example.com\r\nTo: you@example.org\r\nSubject: Test\r\n\r\nHello.\r\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a submission ended and what that means for the message."""

    verdict: Verdict
    stage: Stage | None = None
    cause: Cause | None = None


SENT = Outcome(Verdict.SENT)


def deferred(stage: Stage, cause: Cause) -> Outcome:
    """Not sent, may be tried again."""
    return Outcome(Verdict.DEFERRED, stage, cause)


def refused(stage: Stage, cause: Cause) -> Outcome:
    """Not sent, trying again changes nothing."""
    return Outcome(Verdict.REFUSED, stage, cause)


UNCERTAIN = Outcome(Verdict.UNCERTAIN, Stage.DATA, Cause.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one submission."""

    outcome: Outcome
    seconds: float
    error: SmtpError | None
    #: Every text that could reach a page, a log or a record, variables of tracebacks included.
    texts: str = field(repr=False)
    recipients: tuple[RecipientResult, ...] = ()
    steps: tuple[Step, ...] = ()


def envelope(*recipients: str, content: bytes = CONTENT) -> Envelope:
    """Return a small message to `recipients`."""
    return Envelope(SENDER, recipients or (RECIPIENT,), content)


def send(config: ServerConfig, message: Envelope) -> Attempt:
    """Submit `message` the way real mail goes."""
    started = monotonic()
    session = Session(config)
    error: SmtpError | None = None
    recipients: tuple[RecipientResult, ...] = ()
    try:
        session.open()
        recipients = transmit(session, message).recipients
    except SmtpError as opening_error:
        error = opening_error
    finally:
        session.close()
    error = error or next((item.error for item in recipients if item.error), None)
    return Attempt(
        outcome=_outcome(error),
        seconds=monotonic() - started,
        error=error,
        texts="\n".join([*_texts(error), *map(repr, recipients), *session.transcript, repr(session), repr(config)]),
        recipients=recipients,
    )


def watch(config: ServerConfig, message: Envelope) -> Attempt:
    """Submit `message` the way the test button does."""
    started = monotonic()
    steps = tuple(probe(config, message))
    error = steps[-1].error
    assert [step.status is Status.FAILED for step in steps] == [False] * (len(steps) - 1) + [error is not None]
    return Attempt(
        outcome=_outcome(error),
        seconds=monotonic() - started,
        error=error,
        texts="\n".join([*_texts(error), *map(repr, steps)]),
        steps=steps,
    )


def both(config: ServerConfig, message: Envelope) -> tuple[Attempt, Attempt]:
    """Submit `message` both ways at the same time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        attempts = [pool.submit(way, config, message) for way in (send, watch)]
        return attempts[0].result(), attempts[1].result()


def texts_of(result: Result) -> Iterable[str]:
    """Return every text of a result that could reach a page, a log or a record."""
    for item in result.recipients:
        yield repr(item)
        yield from _texts(item.error)


def _outcome(error: SmtpError | None) -> Outcome:
    if error is None:
        return SENT
    verdict = Verdict.DEFERRED if error.temporary else Verdict.REFUSED
    if error.cause is Cause.UNCERTAIN:
        verdict = Verdict.UNCERTAIN
    return Outcome(verdict, error.stage, error.cause)


def _texts(error: SmtpError | None) -> Iterable[str]:
    if error is None:
        return
    yield from (str(error), repr(error), repr(error.args), error.text, repr(error.reply), repr(vars(error)))
    yield "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
