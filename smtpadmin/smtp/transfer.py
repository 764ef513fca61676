"""Messages over an open session: MAIL, RCPT, DATA, and what became of each recipient.

Nothing is raised for what a server does: it is in the result. Deciding whether to try again is the caller's.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import StrEnum

from smtpadmin.smtp.addresses import wire_address
from smtpadmin.smtp.content import check_content, header_is_ascii, stuffed
from smtpadmin.smtp.errors import Cause, ContentError, RecipientError, SenderError, SmtpError, Stage, UncertainError
from smtpadmin.smtp.replies import Reply
from smtpadmin.smtp.session import Session
from smtpadmin.smtp.steps import DataFacts, Outcome, RcptFacts, Step, max_size, timed


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message and whom it is for. An empty sender is the null path of bounces."""

    sender: str
    recipients: tuple[str, ...]
    #: The message, lines ending in CRLF. It may hold a password-reset link: it does not print.
    content: bytes = field(repr=False)


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


def transmit(session: Session, envelope: Envelope, *, before_data: Callable[[], bool] | None = None) -> Result:
    """Send `envelope` and return what became of each recipient. For `before_data` see `transmitting`."""
    steps = transmitting(session, envelope, before_data=before_data)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def transmitting(
    session: Session, envelope: Envelope, *, send: bool = True, before_data: Callable[[], bool] | None = None
) -> Generator[Step, None, Result]:
    """Send `envelope`, yielding a step after MAIL, RCPT and DATA; a failed one is the last.

    Without `send` it stops after RCPT: nothing is sent. `before_data` is called when the server takes at least one
    recipient and nothing of the message has left, so that it can be recorded that it may be delivered from here on;
    when it returns False the transaction is given up.
    """
    transaction = _Transaction(session, envelope)
    transcript = session.conversation.transcript
    for stage, act in ((Stage.MAIL, transaction.mail), (Stage.RCPT, transaction.rcpt)):
        step = timed(stage, act, transcript=transcript)
        yield step
        if step.error is not None:
            return transaction.result()
    if not send:
        transaction.stop(Verdict.ACCEPTED)
    elif before_data is not None and not before_data():
        transaction.stop(Verdict.WITHHELD)
    else:
        yield timed(Stage.DATA, transaction.data, transcript=transcript)
    return transaction.result()


class _Transaction:
    """One mail transaction (RFC 5321 3.3). Each recipient is decided once, by the first thing that decides it."""

    def __init__(self, session: Session, envelope: Envelope) -> None:
        self._session = session
        self._conversation = session.conversation
        self._deadlines = session.config.deadlines
        self._envelope = envelope
        self._decided: dict[int, RecipientResult] = {}
        self._paths: dict[int, str] = {}
        self._accepted: dict[int, Reply] = {}

    def result(self) -> Result:
        """Return what was decided, in the envelope's order."""
        return Result(recipients=tuple(self._decided[at] for at in range(len(self._envelope.recipients))))

    def mail(self) -> Outcome:
        """Check what was given, and say MAIL."""
        try:
            line = self._prepare()
            reply = self._ask(line, stage=Stage.MAIL, seconds=self._deadlines.mail)
            if not reply.positive:
                raise self._refusal(Stage.MAIL, reply)
        except SmtpError as error:
            return self._failed(error)
        return Outcome(reply=reply)

    def rcpt(self) -> Outcome:
        """Say RCPT for each recipient."""
        refusal = None
        reply = None
        try:
            for at, path in self._paths.items():
                reply = self._ask(f"RCPT TO:<{path}>", stage=Stage.RCPT, seconds=self._deadlines.rcpt)
                if reply.positive:
                    self._accepted[at] = reply
                    continue
                error = self._recipient_refusal(reply)
                self._decide(at, error)
                refusal = refusal or error
                if not self._conversation.usable:
                    raise error
        except SmtpError as error:
            return self._failed(error)
        if self._accepted:
            return Outcome(reply=reply, facts=self._facts(), warning=bool(self._decided))
        self._forget()
        return Outcome(reply=reply, facts=self._facts(), error=self._none_accepted(refusal))

    def data(self) -> Outcome:
        """Say DATA, send the message, and wait for the answer that decides."""
        envelope, conversation = self._envelope, self._conversation
        try:
            until = conversation.until(self._deadlines.data)
            conversation.send_line("DATA", stage=Stage.DATA, until=until)
            # Made while the server thinks about it.
            body = memoryview(stuffed(envelope.content))
            reply = conversation.read_reply(stage=Stage.DATA, until=until)
            if reply.code != 354:
                refusal = self._refusal(Stage.DATA, reply)
                self._forget()
                raise refusal
            conversation.send_message(body, size=len(envelope.content))
            reply = self._answer()
            if not reply.positive:
                raise self._refusal(Stage.DATA, reply)
        except SmtpError as error:
            return self._failed(error)
        for at in self._accepted:
            self._decided[at] = RecipientResult(envelope.recipients[at], Verdict.SENT, reply=reply)
        return Outcome(reply=reply, facts=DataFacts(size=len(envelope.content)))

    def stop(self, verdict: Verdict) -> None:
        """End before DATA: the accepted recipients are decided by that, and the server forgets them."""
        for at, reply in self._accepted.items():
            self._decided[at] = RecipientResult(self._envelope.recipients[at], verdict, reply=reply)
        self._forget()

    # What is checked before anything is said

    def _prepare(self) -> str:
        """Return the MAIL command, with the parameters that this message needs and this server knows."""
        if not self._session.usable:
            raise SenderError("The connection is not open.", cause=Cause.CONNECTION_CLOSED)
        envelope, offers = self._envelope, self._session.offers
        check_content(envelope.content)
        sender = wire_address(envelope.sender, stage=Stage.MAIL) if envelope.sender else ""
        self._check_recipients(utf8="SMTPUTF8" in offers)
        is_ascii = envelope.content.isascii()
        utf8 = not (sender.isascii() and all(path.isascii() for path in self._paths.values()))
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
        for at, recipient in enumerate(self._envelope.recipients):
            try:
                path = wire_address(recipient)
                if not utf8 and not path.isascii():
                    raise _no_utf8(Stage.RCPT)
            except ContentError as error:
                self._decide(at, error)
                first_error = first_error or error
            else:
                self._paths[at] = path
        if not self._paths:
            raise first_error or ContentError("There is no recipient.", stage=Stage.RCPT, cause=Cause.BAD_ADDRESS)

    def _size_parameter(self) -> str:
        size = len(self._envelope.content)
        limit = max_size(self._session.offers)
        if limit is not None and size > limit:
            text = f"The message has {size} bytes, and the server takes {limit} at most."
            raise ContentError(text, stage=Stage.MAIL, cause=Cause.TOO_LARGE)
        return f" SIZE={size}" if "SIZE" in self._session.offers else ""

    # What the server said

    def _ask(self, line: str, *, stage: Stage, seconds: float) -> Reply:
        return self._conversation.command(line, stage=stage, until=self._conversation.until(seconds))

    def _answer(self) -> Reply:
        """Return the answer to the message: 2xx, 4xx or 5xx.

        Anything else leaves us without an answer, and the message with the server or not (RFC 1047).
        """
        conversation = self._conversation
        try:
            reply = conversation.read_reply(stage=Stage.DATA, until=conversation.until(self._deadlines.reply))
        except SmtpError as error:
            text = f"The message was handed over, and the server's answer is missing: {error.text}"
            raise UncertainError(text, cause=Cause.UNCERTAIN) from None
        if reply.intermediate:
            conversation.usable = False
            text = f"The message was handed over, and the server's answer does not say what became of it: {reply}"
            raise UncertainError(text, cause=Cause.UNCERTAIN, reply=reply)
        return reply

    def _refusal(self, stage: Stage, reply: Reply) -> SmtpError:
        refused, deferred, text = _REFUSALS[stage]
        if stage is Stage.MAIL and reply.code == 552:
            refused = Cause.TOO_LARGE  # RFC 1870 6.1
        return self._conversation.refusal(stage, reply, refused=refused, deferred=deferred, text=text)

    def _recipient_refusal(self, reply: Reply) -> SmtpError:
        if reply.code == 552 and self._accepted and reply.enhanced in ("", "5.5.3"):
            # RFC 5321 4.5.3.1.10: "too many recipients" used to be 552 and is to be taken as temporary.
            text = f"The server takes no more recipients at once: {reply}"
            return RecipientError(text, cause=Cause.RECIPIENT_DEFERRED, reply=reply, temporary=True)
        return self._refusal(Stage.RCPT, reply)

    def _none_accepted(self, refusal: SmtpError | None) -> SmtpError | None:
        if refusal is None or len(self._envelope.recipients) == 1:
            return refusal
        temporary = any(item.verdict is Verdict.DEFERRED for item in self._decided.values())
        text = f"The server takes the message for none of its {len(self._decided)} recipients: {refusal.reply}"
        return RecipientError(text, cause=Cause.NO_RECIPIENT_ACCEPTED, reply=refusal.reply, temporary=temporary)

    def _facts(self) -> RcptFacts:
        return RcptFacts(
            accepted=tuple(self._envelope.recipients[at] for at in self._accepted),
            refused=tuple((item.recipient, item.reply) for _, item in sorted(self._decided.items())),
        )

    # Deciding

    def _failed(self, error: SmtpError) -> Outcome:
        """Decide all recipients that are not decided yet by `error`."""
        for at in range(len(self._envelope.recipients)):
            if at not in self._decided:
                self._decide(at, error)
        return Outcome(reply=error.reply, error=error)

    def _decide(self, at: int, error: SmtpError) -> None:
        recipient = self._envelope.recipients[at]
        self._decided[at] = RecipientResult(recipient, verdict_of(error), reply=error.reply, error=error)

    def _forget(self) -> None:
        """Let the server forget this transaction, where it would stand in the way of the next."""
        self._session.reset()


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
