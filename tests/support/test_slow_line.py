"""The line delays by the time it was given, keeps the order, and counts round trips."""

import contextlib
import smtplib
import socket
from time import monotonic

from tests.support.sink import sink
from tests.support.slow_line import SlowLine, slow_line

CONTENT = b"Subject: Hello\r\n\r\nText\r\n"


def test_a_round_trip_takes_both_ways_and_is_counted() -> None:
    with sink() as server, slow_line(server.port, delay=0.02) as line, smtplib.SMTP(line.host, line.port) as client:
        client.ehlo()
        before = line.counts().flights
        started = monotonic()
        client.sendmail("a@example.com", ["b@example.org"], CONTENT)
        seconds = monotonic() - started
        # MAIL, RCPT, DATA, and the message.
        assert line.counts().flights - before == 4
        assert server.counts().messages == 1
    assert 0.16 <= seconds < 0.3


def test_it_keeps_the_order_and_does_not_slow_what_follows() -> None:
    size = 30_000_000
    envelope = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n"
    with sink() as server, slow_line(server.port, delay=0.05) as line:
        started = monotonic()
        with socket.create_connection((line.host, line.port), timeout=10) as sock, sock.makefile("rb") as replies:
            sock.sendall(envelope + b"BDAT %d LAST\r\n" % size + bytes(size) + envelope + b"BDAT 1 LAST\r\nxQUIT\r\n")
            codes = [line[:3] for line in replies]
        seconds = monotonic() - started
        counts = line.counts()
    assert codes == [b"220", *[b"250"] * 6, b"221"]
    assert counts.up > size
    assert 0.1 <= seconds < 3


def test_the_end_of_either_side_reaches_the_other() -> None:
    with sink() as server, slow_line(server.port, delay=0.01) as line:
        assert all_that_comes(line, b"QUIT\r\n").endswith(b"221 2.0.0 Bye\r\n")
    with slow_line(1, delay=0.01) as line, contextlib.suppress(ConnectionResetError):
        assert all_that_comes(line, b"") == b""


def all_that_comes(line: SlowLine, data: bytes) -> bytes:
    with socket.create_connection((line.host, line.port), timeout=5) as sock, sock.makefile("rb") as replies:
        sock.sendall(data)
        return replies.read()
