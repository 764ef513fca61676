"""A long way to a server: a TCP proxy that lets every byte arrive later by a fixed time, and counts.

    with slow_line(server.port, delay=0.025) as line:      # 50 ms there and back
        ... send to line.host, line.port ...
        assert line.counts().flights < 5

Order is kept and bandwidth is not limited: what is sent within a millisecond arrives within one. It is never sooner
than `delay`, and up to two milliseconds later. It runs in a process of its own.

What a real line has besides is missing: losses, and the slow start of TCP, by which a new connection may have some
14 kB on the way at first. And whoever holds back an answer until the one before is acknowledged (Nagle's algorithm, as
in Postfix) has to do here with this kernel's acknowledgements, 40 ms late, where it would be a round trip.
"""

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial

from tests.support.own_process import OwnProcess, own_process

# What may be on the way in one direction; more is not read from the sender.
_MOST = 64 << 20


@dataclass(slots=True)
class Counts:
    """What has gone over the line."""

    connections: int = 0
    #: How often a client that had been waiting for the server went on: its round trips.
    flights: int = 0
    #: Bytes from clients, and to them.
    up: int = 0
    down: int = 0


class SlowLine:
    """The proxy, as the test sees it."""

    def __init__(self, process: OwnProcess) -> None:
        self._process = process
        self.host, self.port = process.host, process.port

    def counts(self) -> Counts:
        """Return what has gone over it so far."""
        return Counts(**self._process.ask())


@contextmanager
def slow_line(port: int, *, delay: float = 0.025) -> Iterator[SlowLine]:
    """Run a line to `port` of 127.0.0.1, with `delay` seconds each way, until the block ends."""
    with own_process("tests.support.slow_line", port=port, delay=delay) as process:
        yield SlowLine(process)


class _End(asyncio.Protocol):
    """One end of a connection: what arrives here leaves at `other` after the delay."""

    def __init__(self, *, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        # None: nothing more comes.
        self._due: deque[tuple[float, bytes | None]] = deque()
        self._size = 0
        self._paused = False
        self._transport: asyncio.Transport | None = None
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._enter(data)

    def eof_received(self) -> bool:
        self._enter(None)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._enter(None)

    def arrived(self) -> None:
        """Tell that something has been handed to this end."""

    def _enter(self, data: bytes | None) -> None:
        self._due.append((self._loop.time() + self._delay, data))
        self._size += len(data or b"")
        if len(self._due) == 1:
            self._loop.call_at(self._due[0][0], self._leave)
        self._hold_back()

    def _leave(self) -> None:
        if self.other is None:
            # The connection onwards is still being made.
            return
        now = self._loop.time()
        while self._due and self._due[0][0] <= now:
            _, data = self._due.popleft()
            self._size -= len(data or b"")
            self._hand_over(data)
        if self._due:
            self._loop.call_at(self._due[0][0], self._leave)
        self._hold_back()

    def _hand_over(self, data: bytes | None) -> None:
        other = self.other
        if other is None or other._transport is None or other._transport.is_closing():
            return
        if data is None:
            other._transport.close()
            return
        other.arrived()
        other._transport.write(data)

    def _hold_back(self) -> None:
        """Read no more while too much is on the way."""
        if self._transport is None or self._transport.is_closing():
            return
        waiting = 0
        if self.other is not None and self.other._transport is not None:
            waiting = self.other._transport.get_write_buffer_size()
        full = self._size + waiting > _MOST
        if full and not self._paused:
            self._transport.pause_reading()
            self._loop.call_later(self._delay or 0.001, self._look_again)
        elif self._paused and not full:
            self._transport.resume_reading()
        self._paused = full

    def _look_again(self) -> None:
        self._hold_back()
        if self._paused:
            self._loop.call_later(self._delay or 0.001, self._look_again)


class _ServerEnd(_End):
    def __init__(self, counts: Counts, *, delay: float) -> None:
        super().__init__(delay=delay)
        self._counts = counts

    def data_received(self, data: bytes) -> None:
        self._counts.down += len(data)
        super().data_received(data)


class _ClientEnd(_End):
    """The client's end, where the connection onwards is made and round trips are counted."""

    def __init__(self, counts: Counts, *, port: int, delay: float) -> None:
        super().__init__(delay=delay)
        self._counts = counts
        self._port = port
        self._has_heard = False
        self._spoke_at = 0.0
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._counts.connections += 1
        self._connecting = self._loop.create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        now = self._loop.time()
        # A client that goes on sending while answers come in does not wait for them.
        if self._has_heard and now - self._spoke_at >= self._delay:
            self._counts.flights += 1
            self._has_heard = False
        self._spoke_at = now
        self._counts.up += len(data)
        super().data_received(data)

    def arrived(self) -> None:
        self._has_heard = True

    async def _connect(self) -> None:
        assert self._transport is not None
        await asyncio.sleep(self._delay)
        end = _ServerEnd(self._counts, delay=self._delay)
        end.other = self
        try:
            await self._loop.create_connection(lambda: end, "127.0.0.1", self._port)
        except OSError:
            self._transport.abort()
            return
        self.other = end
        self._leave()


async def _run(*, port: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    counts = Counts()
    ended = asyncio.Event()
    server = await loop.create_server(partial(_ClientEnd, counts, port=port, delay=delay), "127.0.0.1", 0, backlog=128)

    def asked() -> None:
        if os.read(sys.stdin.fileno(), 100):
            _print(asdict(counts))
        else:
            ended.set()

    loop.add_reader(sys.stdin.fileno(), asked)
    _print({"port": server.sockets[0].getsockname()[1]})
    await ended.wait()


def _print(answer: dict[str, int]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201  this is how it answers


if __name__ == "__main__":
    asyncio.run(_run(**json.loads(sys.argv[1])))
