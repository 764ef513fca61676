"""One message and what becomes of it: what is checked and said for an envelope, and what each answer decides.

Nothing is sent or read here. In which order the commands leave, and how many of them before the first is answered, is
up to `transfer.py` (one by one) and `pipeline.py` (many at once); both go by the same rules of one transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from smtpadmin.smtp.addresses import wire_address
from smtpadmin.smtp.content import check_content, header_is_ascii
from smtpadmin.smtp.conversation import Conversation
from smtpadmin.smtp.errors import Cause, ContentError, RecipientError, SmtpError, Stage, UncertainError
from smtpadmin.smtp.replies import Reply
from smtpadmin.smtp.steps import max_size


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message and whom it is for. An empty sender is the null path of bounces."""

    sender: str
    recipients: tuple[str, ...]
    #: The message, lines ending in CRLF. It may hold a password-reset link: it does not print.
    content: bytes = field(repr=False)
    #: The content has passed `check_content` before, and has not been in reach of anybody since.
    checked: bool = False


class Verdict(StrEnum):
    """What became of the message for one recipient."""

    SENT = "sent"
    #: Not sent, and it may be tried again.
    DEFERRED = "deferred"
    #: Not sent, and trying again changes nothing.
    REFUSED = "refused"
    #: Handed over without an answer: it may have been sent.
    UNCERTAIN = "uncertain"
    #: In a check only: the server would take it, and nothing was sent.
    ACCEPTED = "accepted"
    #: Taken back by the caller's `before_data`, before any of it had left: nothing has happened.
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """One recipient's part. `error` is set for DEFERRED, REFUSED and UNCERTAIN."""

    recipient: str
    verdict: Verdict
    reply: Reply | None = None
    error: SmtpError | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an envelope: a result per recipient, in the envelope's order."""

    recipients: tuple[RecipientResult, ...]

    @property
    def sent(self) -> bool:
        """Whether the server has taken it for every recipient."""
        return bool(self.recipients) and all(item.verdict is Verdict.SENT for item in self.recipients)


class Transaction:
    """One mail transaction (RFC 5321 3.3). Each recipient is decided once, by the first thing that decides it."""

    __slots__ = ("_conversation", "_decided", "_offers", "accepted", "envelope", "paths")

    def __init__(self, conversation: Conversation, offers: Mapping[str, str], envelope: Envelope) -> None:
        self.envelope = envelope
        #: What follows RCPT for each recipient that can be written, by its place in the envelope.
        self.paths: dict[int, str] = {}
        #: The server's answer for each recipient that it takes.
        self.accepted: dict[int, Reply] = {}
        self._conversation = conversation
        self._offers = offers
        self._decided: dict[int, RecipientResult] = {}

    def result(self) -> Result:
        """Return what was decided, in the envelope's order."""
        return Result(recipients=tuple(self._decided[at] for at in range(len(self.envelope.recipients))))

    @property
    def decided(self) -> tuple[RecipientResult, ...]:
        """What has been decided so far, in the envelope's order."""
        return tuple(item for _, item in sorted(self._decided.items()))

    @property
    def is_sent(self) -> bool:
        """Whether the server has taken the message for anybody."""
        return any(item.verdict is Verdict.SENT for item in self._decided.values())

    @property
    def is_decided(self) -> bool:
        """Whether there is nobody left to be decided."""
        return len(self._decided) == len(self.envelope.recipients)

    # What is checked before anything is said

    def prepare(self) -> str:
        """Return the MAIL command, with the parameters that this message needs and this server knows."""
        envelope, offers = self.envelope, self._offers
        if not envelope.checked:
            check_content(envelope.content)
        sender = wire_address(envelope.sender, stage=Stage.MAIL) if envelope.sender else ""
        self._check_recipients(utf8="SMTPUTF8" in offers)
        is_ascii = envelope.content.isascii()
        utf8 = not (sender.isascii() and all(path.isascii() for path in self.paths.values()))
        utf8 = utf8 or not (is_ascii or header_is_ascii(envelope.content))
        if utf8 and "SMTPUTF8" not in offers:
            raise _no_utf8(Stage.MAIL)
        if not is_ascii and "8BITMIME" not in offers:
            text = "The message holds 8-bit characters, and the server takes only 7-bit ones."
            raise ContentError(text, cause=Cause.EIGHTBIT_UNSUPPORTED)
        parameters = self._size_parameter() + ("" if is_ascii else " BODY=8BITMIME") + (" SMTPUTF8" if utf8 else "")
        return f"MAIL FROM:<{sender}>{parameters}"

    def _check_recipients(self, *, utf8: bool) -> None:
        first_error = None
        for at, recipient in enumerate(self.envelope.recipients):
            try:
                path = wire_address(recipient)
                if not utf8 and not path.isascii():
                    raise _no_utf8(Stage.RCPT)
            except ContentError as error:
                self._decide(at, error)
                first_error = first_error or error
            else:
                self.paths[at] = path
        if not self.paths:
            raise first_error or ContentError("There is no recipient.", stage=Stage.RCPT, cause=Cause.BAD_ADDRESS)

    def _size_parameter(self) -> str:
        size = len(self.envelope.content)
        limit = max_size(self._offers)
        if limit is not None and size > limit:
            text = f"The message has {size} bytes, and the server takes {limit} at most."
            raise ContentError(text, stage=Stage.MAIL, cause=Cause.TOO_LARGE)
        return f" SIZE={size}" if "SIZE" in self._offers else ""

    # What the server says

    def mail_answered(self, reply: Reply) -> None:
        """Take the answer to MAIL. Raises when the server does not take the sender."""
        if not reply.positive:
            raise self.refusal(Stage.MAIL, reply)

    def rcpt_answered(self, at: int, reply: Reply) -> SmtpError | None:
        """Take the answer to one RCPT; return why the recipient is refused. Raises when there is no going on."""
        if reply.positive:
            self.accepted[at] = reply
            return None
        error = self._recipient_refusal(reply)
        self._decide(at, error)
        if not self._conversation.usable:
            raise error
        return error

    def message_answered(self, reply: Reply) -> None:
        """Take the answer to the message: 2xx, 4xx or 5xx; it decides for all who were accepted.

        Anything else leaves us without an answer, and the message with the server or not (RFC 1047).
        """
        if reply.intermediate:
            self._conversation.usable = False
            text = f"The message was handed over, and the server's answer does not say what became of it: {reply}"
            raise UncertainError(text, cause=Cause.UNCERTAIN, reply=reply)
        if not reply.positive:
            raise self.refusal(Stage.DATA, reply)
        recipients = self.envelope.recipients
        for at in self.accepted:
            self._decided[at] = RecipientResult(recipients[at], Verdict.SENT, reply=reply)

    def refusal(self, stage: Stage, reply: Reply) -> SmtpError:
        """Return the error for an answer that is not the one hoped for."""
        refused, deferred, text = _REFUSALS[stage]
        if stage is Stage.MAIL and reply.code == 552:
            refused = Cause.TOO_LARGE  # RFC 1870 6.1
        return self._conversation.refusal(stage, reply, refused=refused, deferred=deferred, text=text)

    def _recipient_refusal(self, reply: Reply) -> SmtpError:
        if reply.code == 552 and self.accepted and reply.enhanced in ("", "5.5.3"):
            # RFC 5321 4.5.3.1.10: "too many recipients" used to be 552 and is to be taken as temporary.
            text = f"The server takes no more recipients at once: {reply}"
            return RecipientError(text, cause=Cause.RECIPIENT_DEFERRED, reply=reply, temporary=True)
        return self.refusal(Stage.RCPT, reply)

    # Deciding

    def failed(self, error: SmtpError) -> None:
        """Decide all recipients that are not decided yet by `error`."""
        for at in range(len(self.envelope.recipients)):
            if at not in self._decided:
                self._decide(at, error)

    def unanswered(self, error: SmtpError) -> None:
        """Decide who is not decided: the whole message was handed over, and `error` came in place of an answer."""
        self.failed(unanswered(error))

    def retract(self) -> None:
        """Take back what answers have decided: they may have been the answers to something else."""
        for at in self.paths:
            self._decided.pop(at, None)

    def stop(self, verdict: Verdict) -> None:
        """End before DATA: the accepted recipients are decided by that."""
        for at, reply in self.accepted.items():
            self._decided[at] = RecipientResult(self.envelope.recipients[at], verdict, reply=reply)

    def _decide(self, at: int, error: SmtpError) -> None:
        recipient = self.envelope.recipients[at]
        self._decided[at] = RecipientResult(recipient, verdict_of(error), reply=error.reply, error=error)


def unanswered(error: SmtpError) -> UncertainError:
    """Return what `error` means for a message that was handed over before it."""
    text = f"The message was handed over, and the server's answer is missing: {error.text}"
    return UncertainError(text, cause=Cause.UNCERTAIN)


def verdict_of(error: SmtpError) -> Verdict:
    """Return what `error` means for the recipients that it concerns."""
    if isinstance(error, UncertainError):
        return Verdict.UNCERTAIN
    return Verdict.DEFERRED if error.temporary else Verdict.REFUSED


_REFUSALS = {
    Stage.MAIL: (Cause.SENDER_REFUSED, Cause.SENDER_DEFERRED, "The server refused the sender"),
    Stage.RCPT: (Cause.RECIPIENT_REFUSED, Cause.RECIPIENT_DEFERRED, "The server refused the recipient"),
    Stage.DATA: (Cause.CONTENT_REFUSED, Cause.CONTENT_DEFERRED, "The server refused the message"),
}


def _no_utf8(stage: Stage) -> ContentError:
    text = "An address holds characters beyond ASCII before the @, which the server does not take."
    if stage is Stage.MAIL:
        text = "The sender's address or a header holds characters beyond ASCII, which the server does not take."
    return ContentError(text, stage=stage, cause=Cause.UTF8_UNSUPPORTED)
