"""Messages over an open session, one command after the other: MAIL, RCPT, DATA, and what became of each recipient.

Nothing is raised for what a server does: it is in the result. Deciding whether to try again is the caller's. Each
stage is a step that can be shown; `pipeline.py` is for many messages in few round trips.
"""

from collections.abc import Callable, Generator

from smtpadmin.smtp.content import stuffed
from smtpadmin.smtp.errors import Cause, RecipientError, SenderError, SmtpError, Stage
from smtpadmin.smtp.replies import Reply
from smtpadmin.smtp.session import Session
from smtpadmin.smtp.steps import DataFacts, Outcome, RcptFacts, Step, timed
from smtpadmin.smtp.transaction import Envelope, Result, Transaction, Verdict, unanswered


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
    transfer = _Transfer(session, envelope)
    transcript = session.conversation.transcript
    for stage, act in ((Stage.MAIL, transfer.mail), (Stage.RCPT, transfer.rcpt)):
        step = timed(stage, act, transcript=transcript)
        yield step
        if step.error is not None:
            return transfer.result()
    if not send:
        transfer.stop(Verdict.ACCEPTED)
    elif before_data is not None and not before_data():
        transfer.stop(Verdict.WITHHELD)
    else:
        yield timed(Stage.DATA, transfer.data, transcript=transcript)
    return transfer.result()


class _Transfer:
    """A transaction in three steps, each of which waits for its answers."""

    def __init__(self, session: Session, envelope: Envelope) -> None:
        self._session = session
        self._conversation = session.conversation
        self._deadlines = session.config.deadlines
        self._envelope = envelope
        self._transaction = Transaction(session.conversation, session.offers, envelope)

    def result(self) -> Result:
        return self._transaction.result()

    def mail(self) -> Outcome:
        """Check what was given, and say MAIL."""
        try:
            if not self._session.usable:
                raise SenderError("The connection is not open.", cause=Cause.CONNECTION_CLOSED)
            line = self._transaction.prepare()
            reply = self._ask(line, stage=Stage.MAIL, seconds=self._deadlines.mail)
            self._transaction.mail_answered(reply)
        except SmtpError as error:
            return self._failed(error)
        return Outcome(reply=reply)

    def rcpt(self) -> Outcome:
        """Say RCPT for each recipient."""
        transaction = self._transaction
        refusal = None
        reply = None
        try:
            for at, path in transaction.paths.items():
                reply = self._ask(f"RCPT TO:<{path}>", stage=Stage.RCPT, seconds=self._deadlines.rcpt)
                error = transaction.rcpt_answered(at, reply)
                refusal = refusal or error
        except SmtpError as error:
            return self._failed(error)
        if transaction.accepted:
            return Outcome(reply=reply, facts=self._facts(), warning=bool(transaction.decided))
        self._forget()
        return Outcome(reply=reply, facts=self._facts(), error=self._none_accepted(refusal))

    def data(self) -> Outcome:
        """Say DATA, send the message, and wait for the answer that decides."""
        conversation, content = self._conversation, self._envelope.content
        try:
            until = conversation.until(self._deadlines.data)
            conversation.send_line("DATA", stage=Stage.DATA, until=until)
            # Made while the server thinks about it.
            body = memoryview(stuffed(content))
            reply = conversation.read_reply(stage=Stage.DATA, until=until)
            if reply.code != 354:
                refusal = self._transaction.refusal(Stage.DATA, reply)
                self._forget()
                raise refusal
            conversation.send_message(body, size=len(content))
            reply = self._answer()
            self._transaction.message_answered(reply)
        except SmtpError as error:
            return self._failed(error)
        return Outcome(reply=reply, facts=DataFacts(size=len(content)))

    def stop(self, verdict: Verdict) -> None:
        """End before DATA, and let the server forget it."""
        self._transaction.stop(verdict)
        self._forget()

    def _ask(self, line: str, *, stage: Stage, seconds: float) -> Reply:
        return self._conversation.command(line, stage=stage, until=self._conversation.until(seconds))

    def _answer(self) -> Reply:
        conversation = self._conversation
        try:
            return conversation.read_reply(stage=Stage.DATA, until=conversation.until(self._deadlines.reply))
        except SmtpError as error:
            raise unanswered(error) from None

    def _none_accepted(self, refusal: SmtpError | None) -> SmtpError | None:
        if refusal is None or len(self._envelope.recipients) == 1:
            return refusal
        decided = self._transaction.decided
        temporary = any(item.verdict is Verdict.DEFERRED for item in decided)
        text = f"The server takes the message for none of its {len(decided)} recipients: {refusal.reply}"
        return RecipientError(text, cause=Cause.NO_RECIPIENT_ACCEPTED, reply=refusal.reply, temporary=temporary)

    def _facts(self) -> RcptFacts:
        return RcptFacts(
            accepted=tuple(self._envelope.recipients[at] for at in self._transaction.accepted),
            refused=tuple((item.recipient, item.reply) for item in self._transaction.decided),
        )

    def _failed(self, error: SmtpError) -> Outcome:
        self._transaction.failed(error)
        return Outcome(reply=error.reply, error=error)

    def _forget(self) -> None:
        """Let the server forget this transaction, where it would stand in the way of the next."""
        self._session.reset()
