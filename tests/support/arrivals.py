"""A mail server that takes everything and tells when each message arrived, by the clock of the network stack.

    with arrivals() as server:
        ... send to server.host, server.port, without TLS and without a sign-in ...
        assert most_in_any_window(server.read(), seconds=1) <= 50

When: the instant at which the kernel had the last byte of the message, which is no later where this process has to
wait for a processor. It runs in a process of its own, and offers PIPELINING and CHUNKING where it is told to.
"""

import json
import selectors
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.support.own_process import OwnProcess, own_process

# Linux: asm-generic/socket.h and net_tstamp.h; Python has no names for them.
_SO_TIMESTAMPING = 37
_RX_SOFTWARE = 1 << 3 | 1 << 4
_TIMES = struct.Struct("6q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message."""

    #: Wall clock of this machine.
    at: float
    recipients: tuple[str, ...]


class Arrivals:
    """The server, as the test sees it."""

    def __init__(self, process: OwnProcess) -> None:
        self._process = process
        self.host, self.port = process.host, process.port

    def read(self) -> list[Arrival]:
        """Return what has arrived so far, in the order of arrival."""
        listed = self._process.ask()["messages"]
        return sorted((Arrival(at=at, recipients=tuple(people)) for at, people in listed), key=lambda each: each.at)


@contextmanager
def arrivals(*, offers: Sequence[str] = ()) -> Iterator[Arrivals]:
    """Run one on a free port of 127.0.0.1 until the block ends."""
    with own_process("tests.support.arrivals", offers=list(offers)) as process:
        yield Arrivals(process)


def most_in_any_window(arrived: Sequence[Arrival], *, seconds: float) -> int:
    """Return the highest number of recipients in a window of that length, wherever it begins."""
    most = total = first = 0
    for arrival in arrived:
        total += len(arrival.recipients)
        while arrived[first].at <= arrival.at - seconds:
            total -= len(arrived[first].recipients)
            first += 1
        most = max(most, total)
    return most


class _Client:
    """One connection: lines and messages in, replies out."""

    def __init__(self, sock: socket.socket, messages: list[Any], offers: Sequence[str]) -> None:
        self._sock = sock
        self._messages = messages
        self._offers = ["arrivals.example.com", *offers, "8BITMIME"]
        self._people: list[str] = []
        self._rest = b""
        self._in_data = False
        sock.sendall(b"220 arrivals.example.com ESMTP\r\n")

    def read(self) -> bool:
        """Take what has come in; False: the client has gone."""
        data, extra, _, _ = self._sock.recvmsg(1 << 18, 1024)
        if not data:
            return False
        self._rest += data
        seconds, nanoseconds, *_ = _TIMES.unpack(next(each for _, kind, each in extra if kind == _SO_TIMESTAMPING))
        replies = b""
        while (answer := self._next(seconds + nanoseconds / 1e9)) is not None:
            replies += answer
        self._sock.sendall(replies)
        return b"221 " not in replies

    def _next(self, at: float) -> bytes | None:
        """Return the answer to what stands first; None: it is not whole yet."""
        if self._in_data:
            _, dot, rest = self._rest.partition(b"\r\n.\r\n")
            return self._arrived(rest, at) if dot else None
        line, line_end, rest = self._rest.partition(b"\r\n")
        if not line_end:
            return None
        verb = line[:4].upper()
        if verb == b"BDAT":
            _, size, *last = line.split()
            if len(rest) < int(size):
                return None
            return self._arrived(rest[int(size) :], at) if last else self._took(rest[int(size) :])
        self._rest = rest
        return self._answer(verb, line)

    def _answer(self, verb: bytes, line: bytes) -> bytes:
        if verb == b"EHLO":
            return b"".join(
                f"250{' ' if each == self._offers[-1] else '-'}{each}\r\n".encode() for each in self._offers
            )
        if verb == b"RCPT":
            self._people.append(line[9:].partition(b">")[0].decode())
        elif verb == b"RSET":
            self._people = []
        elif verb == b"DATA":
            self._in_data = True
            return b"354 Go ahead\r\n"
        return b"221 2.0.0 Bye\r\n" if verb == b"QUIT" else b"250 2.0.0 Ok\r\n"

    def _took(self, rest: bytes) -> bytes:
        self._rest = rest
        return b"250 2.0.0 Ok\r\n"

    def _arrived(self, rest: bytes, at: float) -> bytes:
        self._messages.append([at, self._people])
        self._people, self._in_data = [], False
        return self._took(rest)


def main(*, offers: Sequence[str]) -> None:
    messages: list[Any] = []
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)  # noqa: T201  this is how it answers
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                if not sys.stdin.readline():
                    return
                print(json.dumps({"messages": messages}), flush=True)  # noqa: T201
            elif key.fileobj is listener:
                sock, _address = listener.accept()
                sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _RX_SOFTWARE)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(sock, selectors.EVENT_READ, _Client(sock, messages, offers))
            else:
                alive = False
                with suppress(OSError):
                    alive = key.data.read()
                if not alive:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]  it is a socket


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
