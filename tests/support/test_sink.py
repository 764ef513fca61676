"""The sink counts what it takes, and takes it in each of the three ways."""

import hashlib
import json
import smtplib
import socket
from pathlib import Path

import pytest

from tests.support.sink import Counts, sink

CONTENT = b"Subject: Hello\r\n\r\n.dot\r\n..\r\nend\r\n"


def exchange(port: int, data: bytes, *, replies: int) -> list[int]:
    """Send all of `data` at once, and return the codes of so many replies."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock, sock.makefile("rb") as lines:
        sock.sendall(data)
        codes: list[int] = []
        while len(codes) < replies:
            line = lines.readline()
            if line[3:4] == b" ":
                codes.append(int(line[:3]))
        return codes


def test_it_takes_what_smtplib_sends(tmp_path: Path) -> None:
    record = tmp_path / "record"
    with sink(record=record) as server:
        with smtplib.SMTP(server.host, server.port) as client:
            for _ in range(3):
                client.sendmail("a@example.com", ["b@example.org", "c@example.org"], CONTENT)
        counts = server.counts()
        entries = [json.loads(line) for line in record.read_text().splitlines()]
    assert (counts.connections, counts.messages, counts.recipients) == (1, 3, 6)
    assert counts.size == 3 * len(CONTENT)
    assert (
        entries
        == [
            {
                "sender": "a@example.com",
                "recipients": ["b@example.org", "c@example.org"],
                "size": len(CONTENT),
                "sha256": hashlib.sha256(CONTENT).hexdigest(),
            }
        ]
        * 3
    )


@pytest.mark.parametrize("content", [CONTENT, b"", b"x" * 70_000 + b"\r\n"])
def test_it_takes_chunks_and_groups(content: bytes, tmp_path: Path) -> None:
    record = tmp_path / "record"
    envelope = b"MAIL FROM:<a@example.com> SIZE=9\r\nRCPT TO:<b@example.org>\r\n"
    chunked = envelope + b"BDAT %d\r\n%bBDAT %d LAST\r\n%b" % (5, b"12345", len(content), content)
    stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
    with sink(record=record) as server:
        greeted = b"EHLO x\r\n"
        assert exchange(server.port, greeted + chunked * 20 + b"QUIT\r\n", replies=2 + 80 + 1)[2:] == [250] * 80 + [221]
        grouped = envelope + b"DATA\r\n" + stuffed
        assert exchange(server.port, greeted + grouped * 3, replies=2 + 12)[2:] == [250, 250, 354, 250] * 3
        counts = server.counts()
        hashes = [json.loads(line)["sha256"] for line in record.read_text().splitlines()]
    assert counts == Counts(connections=2, messages=23, recipients=23, size=23 * len(content) + 100, reads=counts.reads)
    expected = [hashlib.sha256(each).hexdigest() for each in (b"12345" + content, content)]
    assert hashes == [expected[0]] * 20 + [expected[1]] * 3


def test_what_comes_out_of_order_is_refused() -> None:
    with sink(pipelining=False, chunking=False) as server:
        sent = b"DATA\r\nRCPT TO:<a@b>\r\nBDAT 3 LAST\r\nabcWHAT\r\nRSET\r\nQUIT\r\n"
        assert exchange(server.port, sent, replies=7) == [220, 503, 503, 503, 502, 250, 221]
        assert server.counts().messages == 0
        with smtplib.SMTP(server.host, server.port) as client:
            client.ehlo()
            assert (client.has_extn("pipelining"), client.has_extn("chunking")) == (False, False)
