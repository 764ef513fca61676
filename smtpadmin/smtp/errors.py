"""What can go wrong, by the phase in which it did.

    SmtpError
    ├── ConnectError      DNS, TCP: there is no connection
    ├── TlsError          TLS: there is no protected connection
    ├── HelloError        EHLO: the greeting or EHLO failed
    ├── AuthError         AUTH: not signed in
    ├── SenderError       MAIL: the server does not take mail from this sender
    ├── RecipientError    RCPT: the server does not take mail for this recipient
    ├── DataError         DATA: the server did not take the message
    │   └── UncertainError    it went silent after the final dot: it may have taken it
    └── ContentError      refused here, before anything left: an address, a header, a line (a ValueError too)

Every error says its stage, its cause, the server's reply where there was one, and whether trying again later makes
sense. A code is always one that the server sent. Texts are free of the credentials in use.
"""

from enum import StrEnum
from typing import ClassVar

from smtpadmin.smtp.certificates import Certificate
from smtpadmin.smtp.replies import Reply


class Stage(StrEnum):
    """The phases of a submission, by the command that opens each."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    EHLO = "ehlo"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    QUIT = "quit"


class Cause(StrEnum):
    """What a client can find out by itself about a failure."""

    # DNS and TCP
    NAME_NOT_FOUND = "name_not_found"
    DNS_FAILED = "dns_failed"
    DNS_TIMEOUT = "dns_timeout"
    ADDRESS_DENIED = "address_denied"
    CONNECTION_REFUSED = "connection_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    UNREACHABLE = "unreachable"
    #: The server, or something between, ended the connection.
    CONNECTION_CLOSED = "connection_closed"

    # The greeting
    NOT_SMTP = "not_smtp"
    #: We spoke plain text and the server waits for TLS.
    TLS_ON_PLAIN_PORT = "tls_on_plain_port"
    #: We spoke TLS and the server answered in plain text.
    PLAIN_ON_TLS_PORT = "plain_on_tls_port"
    EHLO_REFUSED = "ehlo_refused"

    # TLS
    TLS_EXPIRED = "tls_expired"
    TLS_NOT_YET_VALID = "tls_not_yet_valid"
    TLS_SELF_SIGNED = "tls_self_signed"
    TLS_UNKNOWN_CA = "tls_unknown_ca"
    TLS_WRONG_NAME = "tls_wrong_name"
    TLS_VERSION = "tls_version"
    TLS_PIN_MISMATCH = "tls_pin_mismatch"
    TLS_FAILED = "tls_failed"
    STARTTLS_MISSING = "starttls_missing"
    STARTTLS_REFUSED = "starttls_refused"
    #: Plain text came after the server had agreed to start TLS: a broken server, or someone in between.
    STARTTLS_INJECTED = "starttls_injected"

    # Signing in
    AUTH_REFUSED = "auth_refused"
    AUTH_DEFERRED = "auth_deferred"
    AUTH_NOT_OFFERED = "auth_not_offered"
    #: The server offers no mechanism that we use, or not the one that is configured.
    AUTH_MECHANISM = "auth_mechanism"
    AUTH_NEEDS_TLS = "auth_needs_tls"
    PASSWORD_MISSING = "password_missing"  # noqa: S105 - the name of a cause

    # The envelope and the message
    SENDER_REFUSED = "sender_refused"
    SENDER_DEFERRED = "sender_deferred"
    RECIPIENT_REFUSED = "recipient_refused"
    RECIPIENT_DEFERRED = "recipient_deferred"
    NO_RECIPIENT_ACCEPTED = "no_recipient_accepted"
    CONTENT_REFUSED = "content_refused"
    CONTENT_DEFERRED = "content_deferred"
    TOO_LARGE = "too_large"

    # At any stage
    PROTOCOL_ERROR = "protocol_error"
    REPLY_TOO_LONG = "reply_too_long"
    #: 421, or a greeting that refuses: the server does not serve now.
    SERVICE_UNAVAILABLE = "service_unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    #: The message was handed over and no answer came: it may have been accepted.
    UNCERTAIN = "uncertain"

    # Refused here
    BAD_ADDRESS = "bad_address"
    BAD_HEADER = "bad_header"
    BAD_LINE = "bad_line"
    UTF8_UNSUPPORTED = "utf8_unsupported"
    EIGHTBIT_UNSUPPORTED = "eightbit_unsupported"


#: Causes that may be gone at the next attempt with nothing changed on our side. A reply, where there is one, decides
#: before this set does. `UNCERTAIN` is not in it: trying again may deliver twice, which is for the caller to weigh.
TEMPORARY = frozenset(
    {
        Cause.DNS_FAILED,
        Cause.DNS_TIMEOUT,
        Cause.CONNECTION_REFUSED,
        Cause.CONNECT_TIMEOUT,
        Cause.UNREACHABLE,
        Cause.CONNECTION_CLOSED,
        Cause.STARTTLS_REFUSED,
        Cause.AUTH_DEFERRED,
        Cause.SENDER_DEFERRED,
        Cause.RECIPIENT_DEFERRED,
        Cause.CONTENT_DEFERRED,
        Cause.PROTOCOL_ERROR,
        Cause.REPLY_TOO_LONG,
        Cause.SERVICE_UNAVAILABLE,
        Cause.DEADLINE_EXCEEDED,
    }
)

#: Longer texts are cut: an error is read by a person and stored in a row.
MAX_TEXT = 1000


class SmtpError(Exception):
    """A submission failed. `text` (and `str()`) says how, in English, without secrets."""

    #: The stage of errors that belong to one only.
    STAGE: ClassVar[Stage | None] = None

    def __init__(
        self,
        text: str,
        *,
        cause: Cause,
        stage: Stage | None = None,
        reply: Reply | None = None,
        temporary: bool | None = None,
        chain: tuple[Certificate, ...] = (),
    ) -> None:
        place = stage or self.STAGE
        if place is None:
            raise TypeError(f"{type(self).__name__} needs a stage.")
        self.text = shorten(text, limit=MAX_TEXT)
        self.stage = place
        self.cause = cause
        self.reply = reply
        #: The certificates that the server showed, its own first.
        self.chain = chain
        self.temporary = _temporary(cause, reply) if temporary is None else temporary
        super().__init__(self.text)

    @property
    def certificate(self) -> Certificate | None:
        """The server's own certificate, where it showed one."""
        return self.chain[0] if self.chain else None


class ConnectError(SmtpError):
    """DNS or TCP: there is no connection."""


class TlsError(SmtpError):
    """There is no protected connection; `chain` is what the server showed, where it showed something."""

    STAGE = Stage.TLS


class HelloError(SmtpError):
    """The greeting or EHLO failed."""

    STAGE = Stage.EHLO


class AuthError(SmtpError):
    """Not signed in."""

    STAGE = Stage.AUTH


class SenderError(SmtpError):
    """The server does not take mail from this sender."""

    STAGE = Stage.MAIL


class RecipientError(SmtpError):
    """The server does not take mail for this recipient."""

    STAGE = Stage.RCPT


class DataError(SmtpError):
    """The server did not take the message."""

    STAGE = Stage.DATA


class UncertainError(DataError):
    """The server went silent after the final dot: it may have taken the message."""


class ContentError(SmtpError, ValueError):
    """Refused here, before anything left: this address, header or line may not go on the wire."""

    STAGE = Stage.DATA


_BY_STAGE: dict[Stage, type[SmtpError]] = {
    Stage.DNS: ConnectError,
    Stage.TCP: ConnectError,
    Stage.TLS: TlsError,
    Stage.EHLO: HelloError,
    Stage.AUTH: AuthError,
    Stage.MAIL: SenderError,
    Stage.RCPT: RecipientError,
    Stage.DATA: DataError,
    # A failing QUIT is never raised; the stage has a class so that this table is complete.
    Stage.QUIT: SmtpError,
}


def error_class(stage: Stage) -> type[SmtpError]:
    """Return the class of errors of `stage`."""
    return _BY_STAGE[stage]


def shorten(text: str, *, limit: int) -> str:
    """Return `text`, cut to `limit` characters with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _temporary(cause: Cause, reply: Reply | None) -> bool:
    if reply is not None and (reply.temporary or reply.permanent):
        return reply.temporary
    return cause in TEMPORARY
