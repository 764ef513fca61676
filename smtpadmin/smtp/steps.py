"""What happened at one stage: a value for the page, the log and the record, made by `session.py` and `transfer.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from time import monotonic

from smtpadmin.smtp.certificates import Certificate
from smtpadmin.smtp.config import Security
from smtpadmin.smtp.errors import Cause, SmtpError, Stage
from smtpadmin.smtp.replies import Reply
from smtpadmin.smtp.transcript import Transcript


class Status(StrEnum):
    """How a stage ended."""

    OK = "ok"
    #: It went on, with something that a person should know: an unchecked certificate, a refused recipient.
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DnsFacts:
    """The addresses that the server's name led to, in the order in which they are tried."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TcpFacts:
    """The address that answered (empty when none did), and those before it that did not."""

    address: str
    failed: tuple[tuple[str, Cause], ...] = ()


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """The protected connection. `verified` is False where the certificate was not checked at all."""

    version: str
    cipher: str
    certificate: Certificate | None
    verified: bool


@dataclass(frozen=True, slots=True)
class EhloFacts:
    """What the server calls itself and what it offers; `max_size` is its SIZE limit in bytes, None without one."""

    greeting: str
    extensions: tuple[str, ...]
    max_size: int | None


@dataclass(frozen=True, slots=True)
class AuthFacts:
    """The AUTH mechanisms offered (after TLS, where there is TLS) and the one used; empty: no sign-in was wanted."""

    offered: tuple[str, ...]
    used: str


@dataclass(frozen=True, slots=True)
class RcptFacts:
    """Which recipients the server takes, and its answer for each that it does not (None: refused here)."""

    accepted: tuple[str, ...]
    refused: tuple[tuple[str, Reply | None], ...]


@dataclass(frozen=True, slots=True)
class DataFacts:
    """How many bytes the message has."""

    size: int


Facts = DnsFacts | TcpFacts | TlsFacts | EhloFacts | AuthFacts | RcptFacts | DataFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage that is over. `error` is set exactly where `status` is FAILED."""

    stage: Stage
    status: Status
    seconds: float
    reply: Reply | None = None
    facts: Facts | None = None
    error: SmtpError | None = None
    #: What was said meanwhile: the part of the transcript that belongs to this stage.
    said: tuple[str, ...] = ()


_BEFORE: dict[Security, tuple[Stage, ...]] = {
    Security.IMPLICIT_TLS: (Stage.DNS, Stage.TCP, Stage.TLS, Stage.EHLO, Stage.AUTH),
    Security.STARTTLS: (Stage.DNS, Stage.TCP, Stage.EHLO, Stage.TLS, Stage.AUTH),
    Security.NONE: (Stage.DNS, Stage.TCP, Stage.EHLO, Stage.AUTH),
}


def stages_before_mail(security: Security) -> tuple[Stage, ...]:
    """Return the stages of opening a connection, in their order."""
    return _BEFORE[security]


def stages(security: Security) -> tuple[Stage, ...]:
    """Return the stages of a whole submission, in the order in which they happen."""
    return (*_BEFORE[security], Stage.MAIL, Stage.RCPT, Stage.DATA)


def max_size(extensions: Mapping[str, str]) -> int | None:
    """Return the server's SIZE limit; None where it names none (RFC 1870: 0 is no limit either)."""
    return _size(extensions.get("SIZE", ""))


@lru_cache(maxsize=16)
def _size(limit: str) -> int | None:
    # More digits than any size needs; `int` itself refuses thousands of them.
    return int(limit) or None if limit.isascii() and limit.isdigit() and len(limit) < 20 else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one stage returns to be made a step of."""

    reply: Reply | None = None
    facts: Facts | None = None
    warning: bool = False
    error: SmtpError | None = None


def timed(stage: Stage, act: Callable[[], Outcome], *, transcript: Transcript) -> Step:
    """Run one stage and return its step; a raised `SmtpError` is an outcome too."""
    started, mark = monotonic(), transcript.added
    try:
        outcome = act()
    except SmtpError as raised:
        outcome = Outcome(reply=raised.reply, error=raised)
    error = outcome.error
    return Step(
        stage=error.stage if error else stage,
        status=Status.FAILED if error else Status.WARNING if outcome.warning else Status.OK,
        seconds=monotonic() - started,
        reply=outcome.reply,
        facts=outcome.facts,
        error=error,
        said=transcript.since(mark),
    )
