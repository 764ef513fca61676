"""Bytes to and from one socket: whole replies in, under a total deadline and bounds; lines and messages out.

It knows the form of a reply and no meaning. Its failures are `WireError`s, which stay inside this package:
`conversation.py` turns them into errors with a stage, and keeps secrets out of them.
"""

import socket
import ssl
from time import monotonic

from smtpadmin.smtp.errors import Cause
from smtpadmin.smtp.replies import MalformedReply, Reply, parse_line, parse_reply

# RFC 5321 4.5.3.1.5 allows 512 bytes a line; servers exceed it. The bounds are what keeps a hostile one from filling
# our memory: without them an endless greeting took 1.4 GB in four seconds (measured with smtplib).
MAX_LINE = 8192
MAX_REPLY = 65536
MAX_LINES = 100

_CHUNK = 8192

# How much is handed over at a time. Over TLS a slice is sent as a whole or not at all, so its size and the time
# without progress give the slowest line that still works.
_SLICE = 16384


class WireError(Exception):
    """The connection, or what came over it, is of no further use."""

    def __init__(self, cause: Cause, text: str) -> None:
        super().__init__(text)
        self.cause = cause
        self.text = text


class Wire:
    """One connected socket. After any `WireError` it must not be used again, except to be closed.

    `until` is always an instant of the monotonic clock by which the whole operation has to be over: a timeout for
    each read would let a server that sends a byte a second keep us for as long as it likes.
    """

    __slots__ = ("_buffer", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()

    @property
    def sock(self) -> socket.socket:
        """The socket, for the TLS handshake on it."""
        return self._sock

    def send(self, data: bytes, *, until: float) -> None:
        """Send `data`, a line or a few."""
        self._send_some(memoryview(data), until=until)

    def send_message(self, data: memoryview, *, stall: float, until: float) -> None:
        """Send `data`, allowing `stall` seconds for each part of it."""
        for start in range(0, len(data), _SLICE):
            self._send_some(data[start : start + _SLICE], until=min(monotonic() + stall, until))

    def read_reply(self, *, until: float) -> Reply:
        """Return the next reply."""
        lines: list[bytes] = []
        size = 0
        more = True
        try:
            while more:
                line = self._read_line(until=until)
                size += len(line)
                if len(lines) == MAX_LINES or size > MAX_REPLY:
                    raise WireError(Cause.REPLY_TOO_LONG, "The server's answer has no end.")
                _, more, _ = parse_line(line)
                lines.append(line)
            return parse_reply(lines)
        except MalformedReply as error:
            # Its bytes are not shown: a port that is not SMTP may have said anything.
            raise WireError(Cause.PROTOCOL_ERROR, f"The server's answer is not SMTP: {error}.") from None

    def wait(self, *, until: float) -> bool:
        """Wait for a first byte; False when none came by `until`. A closed connection is left for the read to tell."""
        try:
            if not self._buffer:
                self._fill(until=until)
        except WireError as error:
            return error.cause is not Cause.DEADLINE_EXCEEDED
        return True

    def expect_silence(self) -> None:
        """Raise unless the connection is open and the server has said nothing that was not asked for."""
        if not self._buffer:
            try:
                self._sock.settimeout(0)
                data = self._sock.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except OSError:
                raise _closed() from None
            if not data:
                raise _closed()
            self._buffer += data
        raise WireError(Cause.PROTOCOL_ERROR, "The server spoke out of turn.")

    @property
    def buffered(self) -> bool:
        """Whether bytes beyond the last reply have been read already."""
        return bool(self._buffer)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _send_some(self, data: memoryview, *, until: float) -> None:
        try:
            while data:
                self._sock.settimeout(_left(until))
                data = data[self._sock.send(data) :]
        except TimeoutError:
            raise _too_late() from None
        except OSError:
            raise _closed() from None

    def _read_line(self, *, until: float) -> bytes:
        """Return the next line without its end.

        A line ends with LF, as in Postfix's client: were only CRLF an end, a bare LF could hide a line inside another.
        """
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_LINE:
                raise WireError(Cause.REPLY_TOO_LONG, "A line of the server's answer has no end.")
            if not self._buffer[:3].isdigit() and searched:
                # What starts otherwise is no reply. Said at once: a database, say, waits for us without a line end.
                raise WireError(Cause.PROTOCOL_ERROR, "The server's answer is not SMTP.")
            self._fill(until=until)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        if len(line) > MAX_LINE:
            raise WireError(Cause.REPLY_TOO_LONG, "A line of the server's answer is too long.")
        return line.removesuffix(b"\r")

    def _fill(self, *, until: float) -> None:
        try:
            self._sock.settimeout(_left(until))
            data = self._sock.recv(_CHUNK)
        except TimeoutError:
            raise _too_late() from None
        except OSError:
            raise _closed() from None
        if not data:
            raise _closed()
        self._buffer += data


def _left(until: float) -> float:
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _too_late() -> WireError:
    return WireError(Cause.DEADLINE_EXCEEDED, "The server did not answer in time.")


def _closed() -> WireError:
    return WireError(Cause.CONNECTION_CLOSED, "The connection was closed.")
