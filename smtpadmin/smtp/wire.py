"""Bytes to and from one socket: whole replies in, under a total deadline and bounds; lines and messages out.

It knows the form of a reply and no meaning. Its failures are `WireError`s, which stay inside this package:
`conversation.py` turns them into errors with a stage, and keeps secrets out of them.
"""

import select
import socket
import ssl
from time import monotonic

from smtpadmin.smtp.errors import Cause
from smtpadmin.smtp.replies import MalformedReply, Reply, parse_reply

# RFC 5321 4.5.3.1.5 allows 512 bytes a line; servers exceed it. The bounds are what keeps a hostile one from filling
# our memory: without them an endless greeting took 1.4 GB in four seconds (measured with smtplib).
MAX_LINE = 8192
MAX_REPLY = 65536
MAX_LINES = 100

_CHUNK = 8192

# How much is handed over at a time. Over TLS a slice is sent as a whole or not at all, so its size and the time
# without progress give the slowest line that still works.
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

    __slots__ = ("_buffer", "_readable", "_sock", "_writable")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._buffer = bytearray()
        # Not select.select(), which fails for descriptors from 1024 on.
        self._readable = _poll(sock, select.POLLIN)
        self._writable = _poll(sock, select.POLLOUT)

    @property
    def sock(self) -> socket.socket:
        """The socket, for the TLS handshake on it."""
        return self._sock

    @property
    def buffered(self) -> bool:
        """Whether bytes beyond the last reply have been read already."""
        return bool(self._buffer)

    def send(self, data: bytes, *, until: float) -> None:
        """Send `data`, a line or a few."""
        self._send(memoryview(data), until=until)

    def send_message(self, data: memoryview, *, stall: float, until: float) -> None:
        """Send `data`, allowing `stall` seconds for each part of it."""
        for start in range(0, len(data), _SLICE):
            self._send(data[start : start + _SLICE], until=min(monotonic() + stall, until))

    def read_reply(self, *, until: float) -> Reply:
        """Return the next reply."""
        lines = [self._read_line(until=until)]
        size = len(lines[0])
        while lines[-1][3:4] == b"-" and lines[-1][:3].isdigit():
            lines.append(self._read_line(until=until))
            size += len(lines[-1])
            if len(lines) > MAX_LINES or size > MAX_REPLY:
                raise WireError(Cause.REPLY_TOO_LONG, "The server's answer has no end.")
        try:
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
                self._buffer += self._receive()
            except _NOT_NOW:
                return
        raise WireError(Cause.PROTOCOL_ERROR, "The server spoke out of turn.")

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _read_line(self, *, until: float) -> bytes:
        """Return the next line without its end.

        A line ends with LF, as in Postfix's client: were only CRLF an end, a bare LF could hide a line inside another.
        """
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_LINE:
                raise WireError(Cause.REPLY_TOO_LONG, "A line of the server's answer has no end.")
            if searched and not self._buffer[:3].isdigit():
                # What starts otherwise is no reply. Said at once: a database, say, waits for us without a line end.
                raise WireError(Cause.PROTOCOL_ERROR, "The server's answer is not SMTP.")
            self._fill(until=until)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        if end > MAX_LINE:
            raise WireError(Cause.REPLY_TOO_LONG, "A line of the server's answer is too long.")
        return line.removesuffix(b"\r")

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
        return data

    def _wait_after(self, error: OSError, usual: select.poll, *, until: float) -> None:
        """Wait for what is missing: TLS may have to read before it can write, and the other way round."""
        if isinstance(error, ssl.SSLWantReadError):
            usual = self._readable
        elif isinstance(error, ssl.SSLWantWriteError):
            usual = self._writable
        _wait(usual, until=until)


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
