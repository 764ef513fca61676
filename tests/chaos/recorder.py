"""The mail server of the fault runs: it writes down the Message-ID of whatever it has accepted, and survives everybody.

What it has written counts as delivered, whether or not the client lived to read the answer. With a delay there is time
to die in between, which is where a copy too many comes from (RFC 1047), and time to die before anything has left.
"""

import asyncio
import contextlib
import os
import re
import socket
from collections import Counter
from pathlib import Path

_MESSAGE_ID = re.compile(rb"^message-id:\s*<([^>\s]+)>", re.IGNORECASE | re.MULTILINE)


class Recorder:
    """A server that listens already. `serve` is for a process of its own; `arrivals` for whoever wants to know."""

    def __init__(self, record: Path, *, host: str = "127.0.0.1", delay: float = 0.0, offers: str = "") -> None:
        self._record = record
        self._record.touch()
        self._delay = delay
        self._offers = offers.split()
        self._listener = socket.create_server((host, 0), backlog=128)
        self.host, self.port = self._listener.getsockname()[:2]

    def arrivals(self) -> Counter[str]:
        """Return how often each message has been accepted."""
        return Counter(self._record.read_text().split())

    def count(self) -> int:
        """Return how many copies have been accepted."""
        return self._record.read_bytes().count(b"\n")

    def close(self) -> None:
        self._listener.close()

    def serve(self) -> None:
        """Answer until the process is ended."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._fd = os.open(self._record, os.O_WRONLY | os.O_APPEND)
        server = await asyncio.start_server(self._connection, sock=self._listener, limit=1 << 20)
        await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 recorder.example.com ESMTP\r\n")
        chunks = b""
        while line := await reader.readline():
            match line[:4].upper():
                case b"EHLO":
                    await asyncio.sleep(self._delay)
                    lines = ["recorder.example.com", *self._offers, "8BITMIME"]
                    writer.writelines(f"250-{each}\r\n".encode() for each in lines[:-1])
                    writer.write(f"250 {lines[-1]}\r\n".encode())
                case b"DATA":
                    writer.write(b"354 Go ahead\r\n")
                    await self._accept(await reader.readuntil(b"\r\n.\r\n"), writer)
                case b"BDAT":
                    chunks += await reader.readexactly(int(line.split()[1]))
                    if b"LAST" in line.upper():
                        await self._accept(chunks, writer)
                        chunks = b""
                    else:
                        writer.write(b"250 2.0.0 Ok\r\n")
                case b"MAIL":
                    await asyncio.sleep(self._delay)
                    writer.write(b"250 2.1.0 Ok\r\n")
                case b"QUIT":
                    writer.write(b"221 2.0.0 Bye\r\n")
                    return
                case _:
                    writer.write(b"250 2.0.0 Ok\r\n")

    async def _accept(self, content: bytes, writer: asyncio.StreamWriter) -> None:
        found = _MESSAGE_ID.search(content)
        assert found, "The message has no Message-ID."
        os.write(self._fd, found[1] + b"\n")
        await asyncio.sleep(self._delay)
        writer.write(b"250 2.0.0 Accepted\r\n")
