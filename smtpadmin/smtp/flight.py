"""Commands that leave together, before the first is answered, and their answers in the order of the commands.

An answer that has come in before its command had left is no answer to it. What the answers mean is for `pipeline.py`.
"""

from collections.abc import Callable, Iterable
from time import monotonic

from smtpadmin.smtp.conversation import Conversation
from smtpadmin.smtp.errors import Cause, SmtpError, Stage
from smtpadmin.smtp.replies import Reply
from smtpadmin.smtp.wire import WireError

# What a server has said before the connection broke is there, or comes in a moment.
_PARTING = 0.2


class Flight:
    """One flight. `left` says how much of it has left: all, unless the connection has broken."""

    __slots__ = ("_begun_at", "_conversation", "_failure", "_wire", "left")

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._wire = conversation.wire
        self._failure: WireError | None = None
        self._begun_at = 0.0
        self.left = 0

    def send(self, data: memoryview, *, shown: Iterable[str]) -> None:
        """Send `data`, which is noted as `shown`; a view, because views do not print.

        What goes wrong is told with the first answer that is missing: those to what has left may still come in.
        """
        conversation, wire = self._conversation, self._wire
        try:
            # What is there already would be taken for an answer.
            wire.expect_silence()
        except WireError as error:
            self._failure = error
            return
        for line in shown:
            conversation.transcript.client(line)
        self._begun_at = monotonic()
        try:
            wire.send_flight(data, stall=conversation.deadlines.body, until=conversation.patience(len(data)))
        except WireError as error:
            self._failure = error
        self.left = wire.flown

    def answer(self, *, stage: Stage, after: int, until: Callable[[], float]) -> Reply:
        """Return the next answer: to the command that ends `after` bytes into the flight. Raises `SmtpError`.

        A refusal may come early; nobody knows then how much of the rest the server still reads, so the session is not
        used any more. `until` is asked when the answer has to be waited for.
        """
        conversation, wire = self._conversation, self._wire
        failure: WireError | None = None
        try:
            reply = wire.take_reply() or wire.read_reply(until=self._until(until), promptly=True)
        except WireError as error:
            failure = self._failure or error
        # Handled out here, so that what is raised does not lead to the frames that held a message.
        if failure is not None:
            raise conversation.broken(stage, failure)
        if self._begun_at:
            conversation.round_trip = min(conversation.round_trip, monotonic() - self._begun_at)
            self._begun_at = 0.0
        cleaned = conversation.heard(reply)
        if after > self.left or wire.is_early(after):
            conversation.usable = False
            if not (reply.temporary or reply.permanent):
                text = f"The server's answer came before the command: {cleaned}"
                raise conversation.error(stage, Cause.PROTOCOL_ERROR, text, reply=cleaned)
        return cleaned

    def _until(self, until: Callable[[], float]) -> float:
        return until() if self._failure is None else min(until(), monotonic() + _PARTING)

    def has_more(self, *, stage: Stage, look: bool = False) -> SmtpError | None:
        """Return the error where the server has said more than it was asked for, as far as that has been read.

        With `look` it is read first; a connection that has ended says nothing more, and is of no further use.
        """
        if not look and not self._wire.buffered:
            return None
        try:
            self._conversation.expect_silence(stage=stage)
        except SmtpError as error:
            return error if error.cause is Cause.PROTOCOL_ERROR else None
        return None


def is_out_of_step(error: SmtpError) -> bool:
    """Say whether the server has said something well-formed where it makes no sense: it answers something else."""
    return error.reply is not None and error.cause in (Cause.PROTOCOL_ERROR, Cause.UNCERTAIN)
