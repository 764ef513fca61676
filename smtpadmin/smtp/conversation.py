"""Commands and replies on one connection: deadlines, transcript, and errors free of secrets.

Everything that the server says passes through here and is cleaned by value before anyone else sees it. What the
commands are, and in which order, belongs to `opening.py` and `transfer.py`.
"""

import contextlib
import math
import socket
from collections.abc import Callable
from time import monotonic

from smtpadmin.smtp.config import ServerConfig
from smtpadmin.smtp.errors import Cause, SmtpError, Stage, error_class
from smtpadmin.smtp.replies import Reply
from smtpadmin.smtp.secrets import Scrubber
from smtpadmin.smtp.transcript import Transcript
from smtpadmin.smtp.wire import Wire, WireError

_CRLF = b"\r\n"

# Longer replies are cut for those who show and store them; parsing has seen the whole.
_MAX_TEXT = 2000

# After 3 minutes a message must have been read at 500 bytes a second on average: a reader of one byte a minute makes
# progress too, and would hold us for days (as in Postfix, smtp_min_data_rate).
_BODY_PATIENCE = 180
_BODY_RATE = 500

# RFC 3463 3.3 and 3.4: the message is too big for the mailbox, or for the system.
_TOO_LARGE = frozenset({"5.2.3", "5.3.4"})

# Answers that are the same again and again are cleaned once.
_SEEN = 32

# What a server said before it closed has arrived with the end of the connection, or a moment later.
_PARTING = 0.2


class Conversation:
    """What is said over one connection. `usable` says whether both sides still agree on where they are."""

    def __init__(self, config: ServerConfig) -> None:
        self.deadlines = config.deadlines
        self.transcript = Transcript()
        self.usable = False
        #: The least time in which an answer has come: what the way to the server takes at most.
        self.round_trip = math.inf
        self._scrubber = Scrubber([config.password], username=config.username)
        self._overall: float | None = None
        self._wire: Wire | None = None
        self._early: Reply | None = None
        self._seen: dict[tuple[str, ...], tuple[str, ...]] = {}

    def begin(self) -> None:
        """Start the clock of the overall deadline, where there is one."""
        if self.deadlines.overall is not None:
            self._overall = monotonic() + self.deadlines.overall

    def until(self, seconds: float) -> float:
        """Return the instant by which something that may take `seconds` has to be over."""
        until = monotonic() + seconds
        return until if self._overall is None else min(until, self._overall)

    def patience(self, size: int) -> float:
        """Return the instant by which `size` bytes have to have been read, however steady the progress."""
        return self.until(_BODY_PATIENCE + size / _BODY_RATE)

    @property
    def sock(self) -> socket.socket:
        """The connection's socket."""
        return self.wire.sock

    @property
    def wire(self) -> Wire:
        """The bytes beneath, for flights."""
        if self._wire is None:
            raise RuntimeError("There is no connection yet.")
        return self._wire

    def attach(self, sock: socket.socket) -> None:
        """Speak over `sock` from now on; what was read before is forgotten."""
        self._wire = Wire(sock)
        self.usable = True

    def close(self) -> None:
        """Close the connection, without a word."""
        self.usable = False
        if self._wire is not None:
            self._wire.close()

    def quit(self) -> None:
        """Say QUIT where that makes sense, and close. Whatever comes of it changes nothing (RFC 5321 4.1.1.10)."""
        if self.usable:
            with contextlib.suppress(SmtpError):
                self.command("QUIT", stage=Stage.QUIT, until=self.until(self.deadlines.quit))
        self.close()

    def command(self, line: str, *, stage: Stage, until: float) -> Reply:
        """Send `line` and return the reply."""
        begun = monotonic()
        self.send_line(line, stage=stage, until=until)
        reply = self.read_reply(stage=stage, until=until)
        self.round_trip = min(self.round_trip, monotonic() - begun)
        return reply

    def secret_command(self, make: Callable[[], bytes], *, shown: str, stage: Stage, until: float) -> Reply:
        """Send the line that `make` returns, recorded as `shown`, and return the reply.

        It is made at the last moment and held by no variable here: reports of errors show variables.
        """
        self._send(lambda wire: wire.send(make() + _CRLF, until=until), shown=shown, stage=stage)
        return self.read_reply(stage=stage, until=until)

    def send_line(self, line: str, *, stage: Stage, until: float) -> None:
        """Send `line`, which goes into the transcript as it is."""
        if "\r" in line or "\n" in line:
            raise ValueError("A command is one line.")
        data = line.encode() + _CRLF
        self._send(lambda wire: wire.send(data, until=until), shown=line, stage=stage)

    def send_message(self, data: memoryview, *, size: int) -> None:
        """Send `data`, the message in its transport form with the final dot; `size` is what the transcript shows.

        A view, because views do not print: a report of an error that shows variables does not show the message.

        When this raises, the dot has not been sent. When it returns, the message may have been taken, or a refusal that
        came before its end is the reply that is read next.
        """

        def send(wire: Wire) -> None:
            # An answer that is there already could be taken for the answer to the message, and the message be lost.
            wire.expect_silence()
            wire.send_flight(data, stall=self.deadlines.body, until=self.patience(len(data)))

        self._send(send, shown=f"<{size} bytes>", stage=Stage.DATA)

    def read_reply(self, *, stage: Stage, until: float) -> Reply:
        """Return the next reply, cleaned."""
        return self.read_offer(stage=stage, until=until)[0]

    def read_offer(self, *, stage: Stage, until: float) -> tuple[Reply, tuple[str, ...]]:
        """Return the next reply, cleaned, and its lines as they came, for a machine to parse and nobody to see."""
        reply, self._early = self._early, None
        failure = None
        try:
            reply = reply or self.wire.read_reply(until=until)
        except WireError as error:
            failure = self.broken(stage, error)
        if reply is None:
            raise failure or RuntimeError("Neither a reply nor a failure.")
        return self.heard(reply), reply.lines

    def heard(self, reply: Reply) -> Reply:
        """Return what was read, cleaned and noted."""
        lines = self._seen.get(reply.lines)
        if lines is None:
            lines = self._cleaned(reply.lines)
            if len(self._seen) < _SEEN and len(lines) == 1:
                self._seen[reply.lines] = lines
        cleaned = reply if lines == reply.lines else Reply(code=reply.code, enhanced=reply.enhanced, lines=lines)
        self.transcript.server(cleaned)
        if reply.code == 421:
            # RFC 5321 3.8: 421 may answer any command, and the connection ends with it.
            self.usable = False
        return cleaned

    def refusal(self, stage: Stage, reply: Reply, *, refused: Cause, deferred: Cause, text: str) -> SmtpError:
        """Return the error for a reply that is not the one hoped for."""
        if reply.code == 421:
            cause, text = Cause.SERVICE_UNAVAILABLE, "The server ended the connection"
        elif reply.enhanced in _TOO_LARGE:
            cause = Cause.TOO_LARGE
        elif reply.permanent:
            cause = refused
        elif reply.temporary:
            cause = deferred
        else:
            # 2xx or 3xx out of place: no telling what it thinks is going on.
            self.usable = False
            cause, text = Cause.PROTOCOL_ERROR, "The server's answer does not fit the command"
        return self.error(stage, cause, f"{text}: {reply}", reply=reply)

    def error(self, stage: Stage, cause: Cause, text: str, *, reply: Reply | None = None) -> SmtpError:
        """Return an error of this conversation."""
        return error_class(stage)(self._scrubber.clean(text), stage=stage, cause=cause, reply=reply)

    def broken(self, stage: Stage, error: WireError) -> SmtpError:
        """Return the error for a connection that is of no further use."""
        self.usable = False
        self.transcript.note(error.text)
        return self.error(stage, error.cause, error.text)

    def clean(self, text: str) -> str:
        """Return `text` without the credentials of this conversation."""
        return self._scrubber.clean(text)

    def wait(self, *, until: float) -> bool:
        """Wait for the server to say something, or to close; False when it did neither by `until`."""
        return self.wire.wait(until=until)

    def expect_silence(self, *, stage: Stage) -> None:
        """Raise unless the connection is open and the server has said nothing that was not asked for."""
        try:
            self.wire.expect_silence()
        except WireError as error:
            raise self.broken(stage, error) from None

    def _send(self, act: Callable[[Wire], None], *, shown: str, stage: Stage) -> None:
        wire = self.wire
        failure = None
        try:
            if wire.buffered:
                # It answered more than it was asked: its answers could be taken for those to later commands.
                wire.expect_silence()
            self.transcript.client(shown)
            act(wire)
        except WireError as error:
            failure = self.broken(stage, error)
        # Handled out here, so that what is raised does not lead to the frames that held a credential.
        if failure is not None:
            # A server that gives up says why before it closes (421 while we were idle, 552 in the middle of a message).
            self._early = self._refusal_in_advance()
            if self._early is None:
                raise failure

    def _refusal_in_advance(self) -> Reply | None:
        with contextlib.suppress(WireError):
            reply = self.wire.read_reply(until=self.until(_PARTING))
            if reply.temporary or reply.permanent:
                return reply
        return None

    def _cleaned(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        cleaned = self._scrubber.clean_lines(lines)
        return _cut(cleaned) if sum(map(len, cleaned)) > _MAX_TEXT else cleaned


def _cut(lines: tuple[str, ...]) -> tuple[str, ...]:
    kept: list[str] = []
    left = _MAX_TEXT
    for line in lines:
        kept.append(line if len(line) <= left else line[:left] + "…")
        left -= len(line)
        if left <= 0:
            break
    return tuple(kept)
