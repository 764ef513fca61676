"""What happened at one stage: a value for the page, the log and the record, made by `session.py` and `transfer.py`."""

from dataclasses import dataclass
from enum import StrEnum

from smtpadmin.smtp.certificates import Certificate
from smtpadmin.smtp.errors import Cause, SmtpError, Stage
from smtpadmin.smtp.replies import Reply


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
