"""Tests of `smtpadmin.smtp.dialing`: names to sockets, in bounded time.

The resolver is replaced: a name with fifty addresses, or one that takes a minute, cannot be had offline.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from time import monotonic

import pytest

from smtpadmin.smtp import AddressPolicy, Cause, ConnectError, Stage
from smtpadmin.smtp.dialing import MAX_TRIED, connect, resolve

Resolver = Callable[..., list[tuple[object, ...]]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Resolver], None]:
    """Put another resolver in the system's place."""
    return lambda resolver: monkeypatch.setattr("smtpadmin.smtp.dialing.socket.getaddrinfo", resolver)


@pytest.fixture
def closed_port() -> int:
    """A port of the loopback addresses on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def soon(seconds: float = 5) -> float:
    return monotonic() + seconds


def found(*addresses: str) -> Resolver:
    return lambda *_args, **_options: [(None, None, None, "", (address, 0)) for address in addresses]


def failing(error: Exception) -> Resolver:
    def resolver(*_args: object, **_options: object) -> list[tuple[object, ...]]:
        raise error

    return resolver


def hanging(released: threading.Event, waiting: list[int] | None = None) -> Resolver:
    def resolver(*_args: object, **_options: object) -> list[tuple[object, ...]]:
        if waiting is not None:
            waiting.append(1)
        released.wait(30)
        return []

    return resolver


def test_an_address_is_not_looked_up(answers: Callable[[Resolver], None]) -> None:
    answers(failing(AssertionError("It was looked up.")))
    assert resolve("192.0.2.7", 25, until=soon()) == (ip_address("192.0.2.7"),)


def test_both_families_take_turns_and_repetitions_go(answers: Callable[[Resolver], None]) -> None:
    answers(found("2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "2001:db8::1", "192.0.2.2"))
    assert [str(address) for address in resolve("mail.example.com", 25, until=soon())] == [
        "2001:db8::1",
        "192.0.2.1",
        "2001:db8::2",
        "192.0.2.2",
        "2001:db8::3",
    ]


@pytest.mark.parametrize(
    ("error", "cause", "temporary"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), Cause.NAME_NOT_FOUND, False),
        (socket.gaierror(socket.EAI_NODATA, "no address"), Cause.NAME_NOT_FOUND, False),
        (UnicodeError("label too long"), Cause.NAME_NOT_FOUND, False),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), Cause.DNS_FAILED, True),
        (socket.gaierror(socket.EAI_FAIL, "broken"), Cause.DNS_FAILED, True),
    ],
)
def test_a_failed_look_up_says_whether_the_name_or_dns_is_at_fault(
    answers: Callable[[Resolver], None], error: Exception, cause: Cause, *, temporary: bool
) -> None:
    answers(failing(error))
    with pytest.raises(ConnectError) as raised:
        resolve("mail.example.com", 25, until=soon())
    assert (raised.value.stage, raised.value.cause, raised.value.temporary) == (Stage.DNS, cause, temporary)


def test_a_look_up_that_hangs_ends_at_the_deadline(answers: Callable[[Resolver], None]) -> None:
    released = threading.Event()
    answers(hanging(released))
    started = monotonic()
    try:
        with pytest.raises(ConnectError) as raised:
            resolve("mail.example.com", 25, until=soon(0.2))
    finally:
        released.set()
    assert raised.value.cause is Cause.DNS_TIMEOUT
    assert monotonic() - started < 1


def test_no_more_look_ups_hang_at_a_time_than_are_allowed(answers: Callable[[Resolver], None]) -> None:
    released = threading.Event()
    waiting: list[int] = []
    answers(hanging(released, waiting))
    try:
        for _ in range(20):
            with pytest.raises(ConnectError):
                resolve("mail.example.com", 25, until=soon(0.01))
        assert len(waiting) <= 16
    finally:
        released.set()


def test_the_first_address_that_answers_is_used_and_the_others_are_told(listener: socket.socket) -> None:
    addresses = [ip_address(text) for text in ("169.254.169.254", "127.0.0.2", "127.0.0.1")]
    port = listener.getsockname()[1]
    dialed = connect(addresses, port, policy=AddressPolicy(), until=soon(), each=5)
    assert dialed.sock is not None
    with dialed.sock as sock:
        assert sock.getpeername() == ("127.0.0.1", port)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    assert dialed.address == ip_address("127.0.0.1")
    assert dialed.failed == (
        ("169.254.169.254", Cause.ADDRESS_DENIED),
        ("127.0.0.2", Cause.CONNECTION_REFUSED),
    )


def test_only_a_few_of_many_addresses_are_tried(closed_port: int) -> None:
    addresses = [ip_address(f"127.0.1.{number}") for number in range(1, 51)]
    dialed = connect(addresses, closed_port, policy=AddressPolicy(), until=soon(), each=5)
    assert dialed.sock is None
    assert len(dialed.failed) == MAX_TRIED
    assert dialed.error(port=closed_port).cause is Cause.CONNECTION_REFUSED


def test_an_address_that_does_not_answer_costs_its_own_time_only() -> None:
    # A backlog that is full drops what comes after it, as a firewall would.
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for sock in (first, second):
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        started = monotonic()
        addresses = [ip_address("127.0.0.1"), ip_address("127.0.0.2")]
        dialed = connect(addresses, full.getsockname()[1], policy=AddressPolicy(), until=soon(), each=0.2)
    assert dialed.failed == (("127.0.0.1", Cause.CONNECT_TIMEOUT), ("127.0.0.2", Cause.CONNECTION_REFUSED))
    assert monotonic() - started < 1


def test_nothing_is_tried_when_no_time_is_left(closed_port: int) -> None:
    dialed = connect([ip_address("127.0.0.1")], closed_port, policy=AddressPolicy(), until=monotonic(), each=5)
    assert dialed.failed == (("127.0.0.1", Cause.DEADLINE_EXCEEDED),)
