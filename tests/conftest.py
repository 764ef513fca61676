"""Fixtures for every test; each module of `tests.support` says what its own are for."""

import signal
from collections.abc import Iterator

import pytest
from django.utils import translation

pytest_plugins = [
    "tests.support.certificates",
    "tests.support.dns_server",
    "tests.support.https_server",
    "tests.support.real_servers",
    "tests.support.receiver",
    "tests.support.smtpd",
]

# A shell's background job ignores Ctrl-C, and so would the processes that tests press it for.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_language_is_left_over() -> Iterator[None]:
    """Start without a chosen language: a test client's request for a Chinese page leaves Chinese switched on."""
    translation.deactivate()
    yield
    translation.deactivate()
