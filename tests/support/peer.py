"""One client's connection, as seen by a server that follows a script: bytes in, bytes out, TLS, and rude endings.

The TLS is done over buffers rather than on the socket, so that every byte is kept as it came over the wire too.
"""

import contextlib
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field
from typing import NoReturn

_CHUNK = 65536


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What all connections of one server have in common, and what arrived on them."""

    context: ssl.SSLContext | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    #: Everything that arrived, as it came over the wire.
    wire: bytearray = field(default_factory=bytearray)
    #: What it said, TLS removed.
    received: bytearray = field(default_factory=bytearray)
    #: Reasons of handshakes that failed.
    tls_errors: list[str] = field(default_factory=list)
    #: Messages that arrived up to the final dot, as they were sent (dots doubled), whatever was answered.
    bodies: list[bytes] = field(default_factory=list)

    def count(self, verb: str) -> int:
        """Return how many lines that start with `verb` arrived."""
        return sum(line.upper().startswith(verb.encode()) for line in bytes(self.received).split(b"\r\n"))


class Gone(Exception):
    """The connection is over, from either side."""


class Peer:
    """One client, as behaviours see it."""

    def __init__(self, sock: socket.socket, ledger: Ledger) -> None:
        self._socket = sock
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._buffer = bytearray()
        self.ledger = ledger
        #: The command that is being answered, without its line end.
        self.line = b""
        #: What the client gave with AUTH, decoded: `\0user\0password`, or the password alone with LOGIN.
        self.credential = b""
        #: What was sent last.
        self.last_sent = b""

    @property
    def encrypted(self) -> bool:
        return self._tls is not None

    def send(self, data: bytes) -> None:
        """Send `data` as it is."""
        self.last_sent = data
        try:
            if self._tls is None:
                self._socket.sendall(data)
                return
            self._tls.write(data)
            self._flush()
        except (OSError, ValueError) as error:
            raise Gone from error

    def read_line(self) -> bytes:
        """Return the next line without its end."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._fill()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        while len(self._buffer) < size:
            self._fill()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def shrink(self, size: int) -> None:
        """Let the kernel hold about so many bytes that the client has not taken, no more."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

    def delay_small_packets(self) -> None:
        """Let the kernel hold back what is small until the client has acknowledged what came before (Nagle)."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)

    def start_tls(self) -> None:
        """Do the server's side of a handshake."""
        assert self.ledger.context is not None, "This server has no certificate."
        tls = self.ledger.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(self._receive())
            except ssl.SSLError as error:
                # The alert that tells the client why is still in the buffer.
                with contextlib.suppress(Gone):
                    self._flush()
                self.ledger.tls_errors.append(error.reason or "")
                raise Gone from error
        self._flush()
        self._tls = tls
        self._buffer.clear()

    def wait(self, seconds: float) -> None:
        """Do nothing for `seconds`, or until the server is stopped."""
        if self.ledger.stopping.wait(seconds):
            raise Gone

    def wait_until_gone(self) -> NoReturn:
        """Read and say nothing until the client leaves."""
        while True:
            self._fill()
            self._buffer.clear()

    def send_plain(self, data: bytes) -> None:
        """Send `data` beside TLS, as someone on the way could."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Gone from error

    def close_tls(self) -> None:
        """Say, inside TLS, that nothing more will come."""
        assert self._tls is not None
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        with contextlib.suppress(Gone):
            self._flush()

    def half_close(self) -> None:
        """Say that nothing more will come, and stay to listen."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> NoReturn:
        """End the connection with RST in place of FIN: lingering for no time means dropping what is unsent."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def _fill(self) -> None:
        data = self._receive() if self._tls is None else self._decrypted(self._tls)
        self.ledger.received += data
        self._buffer += data

    def _decrypted(self, tls: ssl.SSLObject) -> bytes:
        while True:
            try:
                data = tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                self._incoming.write(self._receive())
            except ssl.SSLError as error:
                raise Gone from error
            else:
                if not data:
                    raise Gone
                return data

    def _receive(self) -> bytes:
        try:
            data = self._socket.recv(_CHUNK)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        self.ledger.wire += data
        return data

    def _flush(self) -> None:
        if self._outgoing.pending:
            try:
                self._socket.sendall(self._outgoing.read())
            except OSError as error:
                raise Gone from error
