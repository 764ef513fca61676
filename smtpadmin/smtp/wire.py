"""Bytes to and from one socket: whole replies in, under a total deadline and bounds; lines and messages out.

It knows the form of a reply and no meaning. Its failures are `WireError`s, which stay inside this package:
`conversation.py` turns them into errors with a stage, and keeps secrets out of them.
"""

import contextlib
import select
import socket
import ssl
from functools import lru_cache
from time import monotonic

from smtpadmin.smtp.errors import Cause
from smtpadmin.smtp.replies import MalformedReply, Reply, parse_reply

# RFC 5321 4.5.3.1.5 allows 512 bytes a line; servers exceed it. The bounds are what keeps a hostile one from filling
# our memory: without them an endless greeting took 1.4 GB in four seconds (measured with smtplib).
MAX_LINE = 8192
MAX_REPLY = 65536
MAX_LINES = 100

_CHUNK = 8192

# What of a server's answers is read while we still send: more than any honest window earns. Whoever says more is read
# again when we are done, or finds our patience at an end.
_MOST_AHEAD = 1 << 20

# Short acceptances are the same few lines again and again: parsed once. Refusals, which may tell of us, are not kept.
_OFTEN = 60

# Linux only.
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)

# Over TLS a slice is sent as a whole or not at all, so its size and the time without progress give the slowest line
# that still works.
_SLICE = 16384


# What a socket that never blocks says when it would have to.
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class WireError(Exception):
    """The connection, or what came over it, is of no further use."""

    def __init__(self, cause: Cause, text: str) -> None:
        super().__init__(text)
        self.cause = cause
        self.text = text


class Wire:
    """One connected socket. After any `WireError` it must not be used again, except to be closed.

    `until` is always an instant of the monotonic clock by which the whole operation has to be over: a timeout for
    each read would let a server that sends a byte a second keep us for as long as it likes. The socket itself never
    blocks; waiting is done here, which also takes fewer system calls than a socket with a timeout.
    """

    __slots__ = (
        "_arrivals", "_begun", "_begun_size", "_buffer", "_either", "_readable", "_received", "_searched", "_sock",
        "_writable", "flown",
    )  # fmt: skip

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._buffer = bytearray()
        # How much of the buffer holds no line end, and the lines of a reply whose last one is still to come.
        self._searched = 0
        self._begun: list[bytes] = []
        self._begun_size = 0
        # How many bytes have come in so far; and, while a flight was on its way, how much of it had left by then.
        self._received = 0
        self._arrivals: list[tuple[int, int]] = []
        #: How much of the latest flight has left.
        self.flown = 0
        # Not select.select(), which fails for descriptors from 1024 on.
        self._readable = _poll(sock, select.POLLIN)
        self._writable = _poll(sock, select.POLLOUT)
        self._either = _poll(sock, select.POLLIN | select.POLLOUT)

    @property
    def sock(self) -> socket.socket:
        """The socket, for the TLS handshake on it."""
        return self._sock

    @property
    def buffered(self) -> bool:
        """Whether bytes beyond the last reply have been read already."""
        return bool(self._buffer or self._begun)

    def send(self, data: bytes, *, until: float) -> None:
        """Send `data`, a line or a few."""
        self._send(memoryview(data), until=until)

    def send_flight(self, data: memoryview, *, stall: float, until: float) -> None:
        """Send `data`, allowing `stall` seconds without progress, and hearing the server all the while.

        `flown` says how much of it has left, also when this raises.
        A server that finds nobody to take its answers stops reading, and then both wait for ever (RFC 2920 3.1).
        """
        self.flown = 0
        self._arrivals.clear()
        at_once = _SLICE if isinstance(self._sock, ssl.SSLSocket) else len(data)
        stalled = min(monotonic() + stall, until)
        while self.flown < len(data):
            try:
                self.flown += self._sock.send(data[self.flown : self.flown + at_once])
            except _NOT_NOW as error:
                may_hear = len(self._buffer) < _MOST_AHEAD
                self._wait_after(error, self._either if may_hear else self._writable, until=stalled)
                if may_hear and self._hear():
                    self._arrivals.append((self._received, self.flown))
            except OSError:
                raise _closed() from None
            else:
                stalled = min(monotonic() + stall, until)

    def is_early(self, after: int) -> bool:
        """Say whether the reply taken last had come in before so much of the flight had left."""
        if not self._arrivals:
            return False
        taken = self._received - len(self._buffer)
        return any(received >= taken and flown < after for received, flown in self._arrivals)

    def read_reply(self, *, until: float, promptly: bool = False) -> Reply:
        """Return the next reply. `promptly` is for several answers in a row: see `_acknowledge`."""
        while (reply := self.take_reply()) is None:
            if promptly:
                self._acknowledge()
            self._fill(until=until)
        return reply

    def take_reply(self) -> Reply | None:
        """Return the next reply, if all of it has been read."""
        while (line := self._take_line()) is not None:
            begun = self._begun
            if line[3:4] != b"-" or not line[:3].isdigit():
                if not begun:
                    return _parsed_often(line) if len(line) <= _OFTEN and line[:1] in b"23" else _parsed((line,))
                self._begun, self._begun_size = [], 0
                return _parsed((*begun, line))
            begun.append(line)
            self._begun_size += len(line)
            if len(begun) >= MAX_LINES or self._begun_size > MAX_REPLY:
                raise WireError(Cause.REPLY_TOO_LONG, "The server's answer has no end.")
        return None

    def wait(self, *, until: float) -> bool:
        """Wait for a first byte; False when none came by `until`. A closed connection is left for the read to tell."""
        try:
            if not self.buffered:
                self._fill(until=until)
        except WireError as error:
            return error.cause is not Cause.DEADLINE_EXCEEDED
        return True

    def expect_silence(self) -> None:
        """Raise unless the connection is open and the server has said nothing that was not asked for."""
        if not self.buffered:
            is_tls = isinstance(self._sock, ssl.SSLSocket)
            # Asked first where that is all: an exception for nothing to read costs more than the question.
            if (not is_tls and not self._readable.poll(0)) or not self._hear():
                return
        raise WireError(Cause.PROTOCOL_ERROR, "The server spoke out of turn.")

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _acknowledge(self) -> None:
        """Let what arrives next be acknowledged at once.

        A server that writes its answers one by one holds back each until the one before is acknowledged (Nagle), and
        our kernel waits 40 ms for something to send along with that. Postfix's answers to a flight of chunks: 44 ms
        late without this, at once with it (measured). The kernel forgets it, so it is said before each wait.
        """
        if _QUICKACK is not None:
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _take_line(self) -> bytes | None:
        """Return the next line without its end, if all of it has been read.

        A line ends with LF, as in Postfix's client: were only CRLF an end, a bare LF could hide a line inside another.
        """
        buffer = self._buffer
        end = buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(buffer)
            if self._searched > MAX_LINE:
                raise WireError(Cause.REPLY_TOO_LONG, "A line of the server's answer has no end.")
            if self._searched and not buffer[:3].isdigit():
                # What starts otherwise is no reply. Said at once: a database, say, waits for us without a line end.
                raise WireError(Cause.PROTOCOL_ERROR, "The server's answer is not SMTP.")
            return None
        line = bytes(buffer[:end])
        del buffer[: end + 1]
        self._searched = 0
        if end > MAX_LINE:
            raise WireError(Cause.REPLY_TOO_LONG, "A line of the server's answer is too long.")
        return line.removesuffix(b"\r")

    def _hear(self) -> bool:
        """Take what has come in; False: nothing has."""
        try:
            self._buffer += self._receive()
        except _NOT_NOW:
            return False
        return True

    def _send(self, data: memoryview, *, until: float) -> None:
        while data:
            try:
                data = data[self._sock.send(data) :]
            except _NOT_NOW as error:
                self._wait_after(error, self._writable, until=until)
            except OSError:
                raise _closed() from None

    def _fill(self, *, until: float) -> None:
        # TLS may have decrypted more than was read, of which the socket knows nothing.
        if not (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()):
            _wait(self._readable, until=until)
        while True:
            try:
                self._buffer += self._receive()
            except _NOT_NOW as error:
                self._wait_after(error, self._readable, until=until)
            else:
                return

    def _receive(self) -> bytes:
        try:
            data = self._sock.recv(_CHUNK)
        except _NOT_NOW:
            raise
        except OSError:
            raise _closed() from None
        if not data:
            raise _closed()
        self._received += len(data)
        return data

    def _wait_after(self, error: OSError, usual: select.poll, *, until: float) -> None:
        """Wait for what is missing: TLS may have to read before it can write, and the other way round."""
        if isinstance(error, ssl.SSLWantReadError):
            usual = self._readable
        elif isinstance(error, ssl.SSLWantWriteError):
            usual = self._writable
        _wait(usual, until=until)


@lru_cache(maxsize=64)
def _parsed_often(line: bytes) -> Reply:
    return _parsed((line,))


def _parsed(lines: tuple[bytes, ...]) -> Reply:
    try:
        return parse_reply(lines)
    except MalformedReply as error:
        # Its bytes are not shown: a port that is not SMTP may have said anything.
        raise WireError(Cause.PROTOCOL_ERROR, f"The server's answer is not SMTP: {error}.") from None


def _poll(sock: socket.socket, events: int) -> select.poll:
    poller = select.poll()
    poller.register(sock, events)
    return poller


def _wait(poller: select.poll, *, until: float) -> None:
    left = until - monotonic()
    if left <= 0 or not poller.poll(left * 1000):
        raise WireError(Cause.DEADLINE_EXCEEDED, "The server did not answer in time.")


def _closed() -> WireError:
    return WireError(Cause.CONNECTION_CLOSED, "The connection was closed.")
