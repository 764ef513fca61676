"""Fixtures for every test; each module of `tests.support` says what its own are for."""

pytest_plugins = [
    "tests.support.certificates",
    "tests.support.real_servers",
    "tests.support.smtpd",
]
