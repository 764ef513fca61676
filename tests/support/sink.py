"""A mail server that takes everything at once, as lean as Python allows: for measuring who sends, and counting.

    with sink() as server:
        ... send to server.host, server.port, without TLS and without a sign-in ...
        assert server.counts().messages == 5000

It offers PIPELINING and CHUNKING, unless told otherwise, answers all that has arrived with one write, and runs in a
process of its own, so that it takes no time from a client in Python. With `record` it writes a line of JSON for each
message that it has accepted: sender, recipients, size and the SHA-256 of the bytes, dots undone. It knows no errors but
the wrong order; for a server that misbehaves see `hostile.py`.
"""

import contextlib
import hashlib
import json
import os
import select
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from tests.support.own_process import OwnProcess, own_process

_CHUNK = 1 << 18
_END = b"\r\n.\r\n"

_OK = b"250 2.0.0 Ok\r\n"
_GO = b"354 Go ahead\r\n"
_BYE = b"221 2.0.0 Bye\r\n"
_WRONG_ORDER = b"503 5.5.1 Not now\r\n"
_UNKNOWN = b"502 5.5.1 Unknown command\r\n"


@dataclass(slots=True)
class Counts:
    """What has arrived."""

    connections: int = 0
    messages: int = 0
    recipients: int = 0
    #: Of the messages accepted, dots undone.
    size: int = 0
    #: How often bytes came in: a client that sends much at once makes few of them.
    reads: int = 0


class Sink:
    """The server, as the test sees it."""

    def __init__(self, process: OwnProcess) -> None:
        self._process = process
        self.host, self.port = process.host, process.port

    def counts(self) -> Counts:
        """Return what has arrived so far. What it has recorded is in the file by then."""
        return Counts(**self._process.ask())


@contextmanager
def sink(*, pipelining: bool = True, chunking: bool = True, record: Path | None = None) -> Iterator[Sink]:
    """Run one on a free port of 127.0.0.1 until the block ends."""
    options = {"pipelining": pipelining, "chunking": chunking, "record": str(record) if record else ""}
    with own_process("tests.support.sink", **options) as process:
        yield Sink(process)


class _Client:
    """One connection: bytes in, replies out."""

    def __init__(self, counts: Counts, *, offer: bytes, record: IO[str] | None) -> None:
        self._counts = counts
        self._offer = offer
        self._record = record
        self._rest = b""
        # What of a chunk is still to come, whether it is the last, and what a message consists of so far.
        self._missing = 0
        self._last = False
        self._in_data = False
        self._parts: list[bytes] = []
        self._forget()
        #: Replies that have not left yet.
        self.out = b"220 sink.example.com ESMTP\r\n"
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Take what came in."""
        replies: list[bytes] = []
        data = self._rest + data
        at, end = 0, len(data)
        while at < end:
            if self._missing:
                at = self._take_chunk(data, at, replies)
            elif self._in_data:
                ahead = self._take_data(data, at, replies)
                if ahead < 0:
                    break
                at = ahead
            else:
                line_end = data.find(b"\r\n", at)
                if line_end < 0:
                    break
                replies.append(self._answer(data[at:line_end]))
                at = line_end + 2
        self._rest = data[at:]
        self.out += b"".join(replies)

    def _answer(self, line: bytes) -> bytes:
        match line[:4].upper():
            case b"MAIL" if self._sender is None:
                self._sender = line[11:].partition(b">")[0]
                return _OK
            case b"RCPT" if self._sender is not None:
                self._recipients.append(line[9:].partition(b">")[0])
                return _OK
            case b"BDAT":
                return self._begin_chunk(line.split())
            case b"DATA" if self._recipients:
                self._in_data = True
                return _GO
            case b"MAIL" | b"RCPT" | b"DATA":
                return _WRONG_ORDER
            case b"RSET" | b"NOOP" | b"EHLO" | b"HELO" as verb:
                if verb != b"NOOP":
                    self._forget()
                return self._offer if verb == b"EHLO" else _OK
            case b"QUIT":
                self.ended = True
                return _BYE
        return _UNKNOWN

    def _begin_chunk(self, words: list[bytes]) -> bytes:
        # The octets follow whatever the answer is (RFC 3030 section 2), so they are counted before it is given.
        self._missing, self._last = int(words[1]), len(words) == 3
        return b"" if self._missing else self._chunk_taken()

    def _take_chunk(self, data: bytes, at: int, replies: list[bytes]) -> int:
        end = min(at + self._missing, len(data))
        if self._record:
            self._parts.append(data[at:end])
        self._size += end - at
        self._missing -= end - at
        if not self._missing:
            replies.append(self._chunk_taken())
        return end

    def _chunk_taken(self) -> bytes:
        if not self._recipients:
            self._parts.clear()
            return _WRONG_ORDER
        return self._accept() if self._last else _OK

    def _take_data(self, data: bytes, at: int, replies: list[bytes]) -> int:
        """Return where the message ends; -1: not yet."""
        if data.startswith(b".\r\n", at):
            content, after = b"", at + 3
        else:
            end = data.find(_END, at)
            if end < 0:
                return -1
            content, after = data[at : end + 2], end + 5
        self._in_data = False
        self._size = len(content)
        if self._record:
            undone = (b"\r\n" + content).replace(b"\r\n..", b"\r\n.")[2:]
            self._size = len(undone)
            self._parts = [undone]
        replies.append(self._accept())
        return after

    def _accept(self) -> bytes:
        counts = self._counts
        counts.messages += 1
        counts.recipients += len(self._recipients)
        counts.size += self._size
        if self._record:
            entry = {
                "sender": (self._sender or b"").decode(),
                "recipients": [each.decode() for each in self._recipients],
                "size": self._size,
                "sha256": hashlib.sha256(b"".join(self._parts)).hexdigest(),
            }
            self._record.write(json.dumps(entry) + "\n")
        self._forget()
        return _OK

    def _forget(self) -> None:
        self._sender: bytes | None = None
        self._recipients: list[bytes] = []
        self._size = 0
        if self._parts:
            self._parts = []


class _Server:
    """All connections in one thread. `select.poll` and no event loop around it: that would cost more than the work."""

    def __init__(self, *, pipelining: bool, chunking: bool, record: str) -> None:
        names = ["PIPELINING"] * pipelining + ["CHUNKING"] * chunking + ["8BITMIME", "SMTPUTF8", "SIZE 104857600"]
        lines = ["sink.example.com", *names]
        self._offer = "".join(
            f"250{' ' if at == len(lines) - 1 else '-'}{line}\r\n" for at, line in enumerate(lines)
        ).encode()
        self._counts = Counts()
        # Open until the process ends.
        self._record = Path(record).open("w", encoding="utf-8") if record else None  # noqa: SIM115
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._clients: dict[int, tuple[socket.socket, _Client]] = {}
        self._poll = select.poll()

    def run(self) -> None:
        _print({"port": self._listener.getsockname()[1]})
        listener, stdin = self._listener.fileno(), sys.stdin.fileno()
        self._poll.register(listener, select.POLLIN)
        self._poll.register(stdin, select.POLLIN)
        while True:
            for number, _ in self._poll.poll():
                if number == listener:
                    self._accept()
                elif number != stdin:
                    self._serve(number)
                elif os.read(stdin, 100):
                    if self._record:
                        self._record.flush()
                    _print(asdict(self._counts))
                else:
                    return

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._counts.connections += 1
        self._clients[sock.fileno()] = sock, _Client(self._counts, offer=self._offer, record=self._record)
        self._poll.register(sock, select.POLLOUT)

    def _serve(self, number: int) -> None:
        sock, client = self._clients[number]
        try:
            # While replies wait to be taken nothing more is read, as in most servers.
            if not client.out:
                data = sock.recv(_CHUNK)
                self._counts.reads += 1
                if not data:
                    raise ConnectionError
                client.feed(data)
                if not client.out:
                    return
            left = client.out = client.out[sock.send(client.out) :]
            if client.ended and not left:
                raise ConnectionError
            self._poll.modify(sock, select.POLLOUT if left else select.POLLIN)
        except BlockingIOError:
            self._poll.modify(sock, select.POLLOUT)
        except OSError:
            self._poll.unregister(sock)
            del self._clients[number]
            with contextlib.suppress(OSError):
                sock.close()


def _print(answer: dict[str, int]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201  this is how it answers


if __name__ == "__main__":
    _Server(**json.loads(sys.argv[1])).run()
