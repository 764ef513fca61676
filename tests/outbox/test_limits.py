"""Rates at the server: whatever the workers do, no window of time sees more messages arrive than the profile allows."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from smtpadmin import outbox
from smtpadmin.models import Message, Profile
from tests.support import worker_process
from tests.support.arrivals import Arrivals, arrivals, most_in_any_window
from tests.support.mail import outgoing
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db(transaction=True)


def profile_on(server: Arrivals, **fields: Any) -> Profile:
    where = {"host": server.host, "port": server.port, "security": "none", "sign_in": "none", "username": ""}
    return make_profile(**{"is_default": True} | where | fields)


def wait_for(what: Callable[[], bool], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "It did not happen in time."
        time.sleep(0.1)


def drain(workers: int, *, seconds: float) -> None:
    """Let that many worker processes send what is queued."""
    with ExitStack() as stack:
        for _ in range(workers):
            stack.enter_context(worker_process.ended(worker_process.start()))
        wait_for(lambda: not Message.objects.exclude(state="sent").exists(), seconds=seconds)


@pytest.mark.parametrize("offers", [(), ("PIPELINING", "CHUNKING")], ids=["plain", "pipelined"])
@pytest.mark.parametrize(
    ("workers", "rate", "count"),
    [(3, 20, 50), pytest.param(16, 50, 1000, marks=[pytest.mark.chaos, pytest.mark.timeout(400)])],
)
def test_workers_together_never_exceed_a_rate_per_second_in_any_window(
    offers: tuple[str, ...], workers: int, rate: int, count: int
) -> None:
    with arrivals(offers=offers) as server:
        profile = profile_on(server, rate_second=rate, batch=100)
        outbox.enqueue([outgoing(profile) for _ in range(count)])
        drain(workers, seconds=count / 3 + 30)
        arrived = server.read()
    assert len(arrived) == count
    assert most_in_any_window(arrived, seconds=1) <= rate


@pytest.mark.chaos
@pytest.mark.timeout(400)
def test_workers_together_never_exceed_a_rate_per_minute_in_any_window() -> None:
    with arrivals() as server:
        profile = profile_on(server, rate_minute=30)
        outbox.enqueue([outgoing(profile) for _ in range(50)])
        drain(16, seconds=350)
        arrived = server.read()
    assert len(arrived) == 50
    assert most_in_any_window(arrived, seconds=60) <= 30
