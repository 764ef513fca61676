"""Many messages over an open session in few round trips.

    in groups (RFC 2920)   MAIL RCPT DATA ~ message . MAIL RCPT DATA ~ message . ...   a round trip for each message
    in chunks (RFC 3030)   MAIL RCPT BDAT message RSET MAIL RCPT BDAT message ...      one for all of them

`session.pipelines` and `session.chunks` say what a server can do. As in `transfer.py`, nothing is raised for what it
does, and when to try again is the caller's.

The order of the answers is all that tells which message one belongs to. So whatever breaks the order ends the session;
what has been handed over without an answer by then is uncertain, and of what has not been handed over whole nothing can
have been accepted.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial

from smtpadmin.smtp.content import dotted
from smtpadmin.smtp.errors import TEMPORARY, Cause, SenderError, SmtpError, Stage
from smtpadmin.smtp.flight import Flight, is_out_of_step
from smtpadmin.smtp.replies import Reply
from smtpadmin.smtp.session import Session
from smtpadmin.smtp.transaction import Envelope, Result, Transaction, Verdict

#: The most bytes of messages in one flight, unless one message has more. It is more than a fast line holds within one
#: round trip (100 Mbit/s and 50 ms: 0.6 MB), so larger flights would save no time and only take memory.
MOST_BYTES = 1 << 20

_RESET = "RSET"


class _Turn:
    """One message on its way: its transaction, the lines that open it, and where in the flight they end."""

    __slots__ = ("ends", "is_open", "lines", "may_go", "place", "start", "takes_anyone", "transaction", "wants_dot")

    def __init__(self, session: Session, envelope: Envelope, *, place: int) -> None:
        self.place = place
        self.transaction = Transaction(session.conversation, session.offers, envelope)
        #: RSET where it is needed, MAIL, RCPT, and what announces the message; empty: it cannot be sent.
        self.lines: list[str] = []
        self.start = 0
        self.ends: list[int] = []
        #: After DATA: the server waits for the message, and somebody is to get it.
        self.may_go = False
        #: After DATA: the server waits for a message that nobody is to get.
        self.wants_dot = False
        #: The server took a recipient of a sender whom it had refused.
        self.takes_anyone = False
        #: The server may have this transaction in mind still, and the next one must not be mixed with it.
        self.is_open = False
        try:
            if not session.usable:
                raise SenderError("The connection is not open.", cause=Cause.CONNECTION_CLOSED)
            mail = self.transaction.prepare()
        except SmtpError as error:
            self.transaction.failed(error)
        else:
            self.lines = [mail, *(f"RCPT TO:<{path}>" for path in self.transaction.paths.values())]

    def encode(self, last: str, *, reset: bool, start: int) -> bytes:
        """Return the lines, of which `last` is the last, as they leave from `start` on."""
        self.lines.append(last)
        if reset:
            self.lines.insert(0, _RESET)
        self.start = end = start
        pieces = [line.encode() + b"\r\n" for line in self.lines]
        for piece in pieces:
            end += len(piece)
            self.ends.append(end)
        return b"".join(pieces)


class _Pipeline:
    """What both ways have in common."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._conversation = session.conversation
        self._deadlines = session.config.deadlines

    def _hear_lines(self, turn: _Turn, answer: Callable[[Stage], Reply]) -> None:
        """Take the answers to MAIL and RCPT. Raises when the session is over."""
        transaction, conversation = turn.transaction, self._conversation
        reply = answer(Stage.MAIL)
        turn.is_open = reply.positive
        try:
            transaction.mail_answered(reply)
        except SmtpError as error:
            # What is said to RCPT now is no fault of the recipients.
            transaction.failed(error)
            if not conversation.usable:
                raise
            for _ in transaction.paths:
                turn.takes_anyone |= self._not_asked(answer(Stage.RCPT))
            return
        for at in transaction.paths:
            transaction.rcpt_answered(at, answer(Stage.RCPT))

    def _not_asked(self, reply: Reply) -> bool:
        """Take the answer to a command that makes no sense after a refusal; True: it was accepted all the same."""
        if reply.intermediate or not self._conversation.usable:
            raise self._conversation.refusal(
                Stage.RCPT,
                reply,
                refused=Cause.RECIPIENT_REFUSED,
                deferred=Cause.RECIPIENT_DEFERRED,
                text="The server refused the recipient",
            )
        return reply.positive

    def _hear_reset(self, reply: Reply) -> None:
        if reply.positive:
            return
        error = self._conversation.refusal(
            Stage.MAIL,
            reply,
            refused=Cause.SERVICE_UNAVAILABLE,
            deferred=Cause.SERVICE_UNAVAILABLE,
            text="The server does not begin anew",
        )
        # Whether it has forgotten the recipients before is not known.
        self._conversation.usable = False
        raise error

    def _send(self, now: _Turn | None, following: _Turn | None) -> tuple[Flight, int]:
        """Send the end of a transaction and the beginning of the next; return the flight and how long the end is."""
        shown: list[str] = []
        message, end = b"", b""
        if now is not None and (now.may_go or now.wants_dot):
            # RFC 2920 3.1: where nobody is to get it, the message is empty, and the server is to refuse it.
            content = now.transaction.envelope.content if now.may_go else b""
            message, end = dotted(content), b".\r\n"
            shown.append(f"<{len(content)} bytes>")
        size = len(message) + len(end)
        lines = b""
        if following is not None:
            lines = following.encode("DATA", reset=now is not None and now.is_open, start=size)
            shown += following.lines
        flight = Flight(self._conversation)
        if size or lines:
            flight.send(memoryview(b"".join((message, end, lines))), shown=shown)
        elif now is not None and now.is_open:
            self._session.reset()
        return flight, size

    def _end(self, turn: _Turn, flight: Flight, *, size: int) -> None:
        """Take the answer to the message. Afterwards everybody is decided."""
        transaction = turn.transaction
        if not turn.may_go and not turn.wants_dot:
            return
        try:
            until = partial(self._conversation.until, self._deadlines.reply)
            reply = flight.answer(stage=Stage.DATA, after=size, until=until)
        except SmtpError as error:
            # Without its final dot no message is accepted.
            (transaction.unanswered if flight.left >= size else transaction.failed)(error)
            return
        if turn.wants_dot:
            # An empty message for nobody: whatever is said of it, nobody was served.
            return
        try:
            transaction.message_answered(reply)
        except SmtpError as error:
            transaction.failed(error)

    def _begin(self, turn: _Turn, flight: Flight) -> bool:
        """Take the answers to the lines, DATA being the last; False: they are not all answers to these lines.

        When the session is over by that, nobody is served, and it says why.
        """
        transaction = turn.transaction
        ends = iter(turn.ends)
        deadlines = self._deadlines
        # A server may keep an answer until it has the next ones, to send them together.
        until = partial(self._conversation.until, max(deadlines.mail, deadlines.rcpt, deadlines.data))

        def answer(stage: Stage) -> Reply:
            return flight.answer(stage=stage, after=next(ends), until=until)

        try:
            if turn.lines[0] == _RESET:
                self._hear_reset(answer(Stage.MAIL))
            self._hear_lines(turn, answer)
            self._hear_data(turn, answer(Stage.DATA))
        except SmtpError as error:
            in_step = not is_out_of_step(error)
            if not in_step:
                transaction.retract()
            transaction.failed(error)
            return in_step
        surplus = flight.has_more(stage=Stage.DATA)
        if surplus is not None:
            transaction.retract()
            transaction.failed(surplus)
        return surplus is None

    def _hear_data(self, turn: _Turn, reply: Reply) -> None:
        transaction = turn.transaction
        if reply.code == 354 and transaction.accepted:
            turn.may_go, turn.is_open = True, False
        elif reply.code == 354 and not turn.takes_anyone:
            turn.wants_dot, turn.is_open = True, False
        else:
            # 354 for recipients of a sender whom it has refused is among what makes no sense.
            error = transaction.refusal(Stage.DATA, reply)
            if is_out_of_step(error):
                raise error
            transaction.failed(error)


def transmit_in_groups(
    session: Session, envelopes: Iterable[Envelope], *, before_data: Callable[[int], bool] | None = None
) -> Generator[Result, None, None]:
    """Send the envelopes and yield what became of each, in their order, as soon as it is known.

    Each is asked for when the one before is about to leave; where there is none, that one ends the pipeline. It ends
    early when the session does. Of those without a result nothing has left; only the first has one then, so that a
    server which ends every session does not go unnoticed.

    `before_data` is called with the place of a message, from 0, when the server waits for it and nothing of it has
    left. When it returns False, the message is withheld and the connection closed: at this point a server takes every
    word for the message's. Whoever stops iterating while a message is under way closes the connection, too.
    """
    return _Groups(session, envelopes, before_data=before_data or (lambda _place: True)).run()


class _Groups(_Pipeline):
    """Each flight ends one transaction and begins the next."""

    def __init__(self, session: Session, envelopes: Iterable[Envelope], *, before_data: Callable[[int], bool]) -> None:
        super().__init__(session)
        self._envelopes = enumerate(envelopes)
        self._before_data = before_data
        # Taken, and not told what has become of them; those that cannot be sent among them.
        self._untold: deque[_Turn] = deque()

    def run(self) -> Generator[Result, None, None]:
        now: _Turn | None = None
        # Whether the next transaction has been begun: the server then waits for its message, or has something to say.
        is_begun = False
        try:
            while True:
                following = self._next()
                if now is not None and now.may_go and not self._before_data(now.place):
                    now.transaction.stop(Verdict.WITHHELD)
                    self._conversation.close()
                    yield from self._results(now)
                    return
                flight, size = self._send(now, following)
                is_begun = following is not None
                if now is not None:
                    self._end(now, flight, size=size)
                    yield from self._results(now)
                if following is not None and self._conversation.usable:
                    self._begin(following, flight)
                if not self._conversation.usable:
                    if now is None:
                        yield from self._results(following)
                    return
                if following is None:
                    yield from self._results(None)
                    return
                now = following
        finally:
            if is_begun:
                self._conversation.close()

    def _next(self) -> _Turn | None:
        """Return the next message that can be sent."""
        for place, envelope in self._envelopes:
            turn = _Turn(self._session, envelope, place=place)
            self._untold.append(turn)
            if turn.lines:
                return turn
        return None

    def _results(self, turn: _Turn | None) -> Iterator[Result]:
        """Yield what has not been told up to `turn`, or to the end."""
        while self._untold:
            told = self._untold.popleft()
            yield told.transaction.result()
            if told is turn:
                return


def transmit_in_chunks(session: Session, envelopes: Sequence[Envelope]) -> tuple[Result | None, ...]:
    """Send the envelopes, as many in one flight as `MOST_BYTES` allows, and return what became of each.

    None: the session ended before it was begun. The first has a result all the same: see `transmit_in_groups`.
    """
    return _Chunks(session, envelopes).run()


class _Chunks(_Pipeline):
    """Each flight holds several transactions whole.

    Before each but the first comes RSET. A transaction that a server has refused may still be open in its mind; what
    comes next would then be added to it, and a message go to the recipients of another.

    All answers are 250 when all is well. A server that says one too many would have the answer to RCPT taken for that
    to the message, and a refusal for the next one's. So the first flight of a session ends with DATA, whose 354 can be
    nothing else: it proves that this server answers as often as it is asked, and until then nothing is believed.
    """

    def __init__(self, session: Session, envelopes: Sequence[Envelope]) -> None:
        super().__init__(session)
        self._turns = [_Turn(session, envelope, place=place) for place, envelope in enumerate(envelopes)]
        self._sendable = [turn for turn in self._turns if turn.lines]
        self._untouched = {turn.place for turn in self._sendable}

    def run(self) -> tuple[Result | None, ...]:
        for turns in self._divided():
            self._untouched -= {turn.place for turn in turns}
            if self._session.is_in_step or len(turns) == 1:
                self._fly(turns, None)
            else:
                self._fly(turns[:-1], turns[-1])
            if not self._conversation.usable:
                break
        else:
            if self._sendable and self._sendable[-1].is_open:
                self._session.reset()
        return tuple(None if turn.place in self._untouched else turn.transaction.result() for turn in self._turns)

    def _fly(self, turns: list[_Turn], last: _Turn | None) -> None:
        """Send these as chunks; and `last`, if it is given, in the other way behind them."""
        data, shown = self._joined(turns, last)
        flight = Flight(self._conversation)
        flight.send(data, shown=shown)
        if not self._hear(turns, flight, to_the_end=last is None) or last is None:
            if last is not None:
                self._untouched.add(last.place)
            return
        is_in_step = self._begin(last, flight)
        if is_in_step and not last.may_go and not last.wants_dot and self._conversation.usable:
            # It is refused, which proves nothing; the answer to RSET does.
            is_in_step = self._session.reset()
            last.is_open = False
        if not is_in_step:
            error = SenderError("The server's answers are not in step.", cause=Cause.PROTOCOL_ERROR)
            self._doubt(turns, flight, error)
        if not self._conversation.usable:
            self._untouched.add(last.place)
            return
        self._session.is_in_step = last.may_go or last.wants_dot
        flight, size = self._send(last, None)
        self._end(last, flight, size=size)

    def _divided(self) -> Iterator[list[_Turn]]:
        turns: list[_Turn] = []
        size = 0
        for turn in self._sendable:
            more = len(turn.transaction.envelope.content)
            if turns and size + more > MOST_BYTES:
                yield turns
                turns, size = [], 0
            turns.append(turn)
            size += more
        if turns:
            yield turns

    def _joined(self, turns: list[_Turn], last: _Turn | None) -> tuple[memoryview, list[str]]:
        pieces: list[bytes] = []
        shown: list[str] = []
        start = 0
        for turn in turns:
            content = turn.transaction.envelope.content
            lines = turn.encode(f"BDAT {len(content)} LAST", reset=turn is not self._sendable[0], start=start)
            pieces += lines, content
            shown += turn.lines
            start += len(lines) + len(content)
            # Answered when the chunk is through.
            turn.ends[-1] = start
        if last is not None:
            pieces.append(last.encode("DATA", reset=True, start=start))
            shown += last.lines
        return memoryview(b"".join(pieces)), shown

    def _hear(self, turns: list[_Turn], flight: Flight, *, to_the_end: bool) -> bool:
        """Take the answers to these messages; False: the session is over."""
        before = None
        for place, turn in enumerate(turns):
            try:
                self._hear_turn(turn, flight, before)
            except SmtpError as error:
                if is_out_of_step(error):
                    self._doubt(turns, flight, error)
                elif error.stage is Stage.MAIL and turn.transaction.is_decided and turn is not self._sendable[0]:
                    # The session ends with the answer to its MAIL: in another one it can be the first.
                    self._untouched.add(turn.place)
                    turns = turns[1:]
                self._ended(turns[place:], flight, error)
                return False
            before = turn
        surplus = flight.has_more(stage=Stage.DATA, look=True) if to_the_end else None
        if surplus is not None:
            self._doubt(turns, flight, surplus)
        return surplus is None

    def _hear_turn(self, turn: _Turn, flight: Flight, before: _Turn | None) -> None:
        """Take the answers to one message. Raises when the session is over."""
        transaction, conversation = turn.transaction, self._conversation
        # One for them all: a server may keep its answers until it has done with the messages that it has read.
        until = conversation.until(self._deadlines.reply)
        ends = iter(turn.ends)

        def answer(stage: Stage) -> Reply:
            return flight.answer(stage=stage, after=next(ends), until=lambda: until)

        if turn.lines[0] == _RESET:
            reply = answer(Stage.MAIL)
            if not reply.positive and reply.code != 421 and before is not None and before.transaction.is_sent:
                # It may be the refusal of the message before, one place late.
                before.transaction.retract()
                before.transaction.unanswered(transaction.refusal(Stage.MAIL, reply))
            self._hear_reset(reply)
        self._hear_lines(turn, answer)
        reply = answer(Stage.DATA)
        if transaction.accepted:
            self._hear_message(turn, reply)
        elif not (reply.temporary or reply.permanent):
            raise transaction.refusal(Stage.DATA, reply)
        if not conversation.usable:
            raise transaction.refusal(Stage.DATA, reply)

    def _hear_message(self, turn: _Turn, reply: Reply) -> None:
        try:
            turn.transaction.message_answered(reply)
        except SmtpError as error:
            if is_out_of_step(error):
                raise
            turn.transaction.failed(error)
        else:
            turn.is_open = False

    def _doubt(self, turns: list[_Turn], flight: Flight, error: SmtpError) -> None:
        """Take back what the flight's answers have decided: one too many, and each is the next one's."""
        for turn in turns:
            if turn.ends[-1] <= flight.left:
                turn.transaction.retract()
                turn.transaction.unanswered(error)

    def _ended(self, turns: list[_Turn], flight: Flight, error: SmtpError) -> None:
        """Decide what is not decided when `error` comes in place of the next answer."""
        for turn in turns:
            if turn.ends[-1] <= flight.left:
                turn.transaction.unanswered(error)
            elif turn.start < flight.left:
                turn.transaction.failed(self._on_the_way(error))
            elif turn is self._sendable[0]:
                turn.transaction.failed(error)
            else:
                self._untouched.add(turn.place)

    def _on_the_way(self, error: SmtpError) -> SmtpError:
        text = f"The session ended while the message was on its way: {error.text}"
        cause = error.cause if error.cause in TEMPORARY else Cause.CONNECTION_CLOSED
        return self._conversation.error(Stage.DATA, cause, text)
