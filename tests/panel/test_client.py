"""Which address a limit counts by, and that nobody can choose their own."""

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from panel.client import client_address, client_scope


@pytest.mark.parametrize(
    ("trusted", "forwarded", "expected"),
    [
        (0, None, "192.0.2.9"),
        (0, "198.51.100.1", "192.0.2.9"),
        (1, None, "192.0.2.9"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "203.0.113.66, 198.51.100.1", "198.51.100.1"),
        (2, "198.51.100.1", "192.0.2.9"),
        (2, "203.0.113.66, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (1, "198.51.100.1:50123", "198.51.100.1"),
        (1, "[2001:db8::1]:50123", "2001:db8::1"),
        (1, "2001:DB8:0::1", "2001:db8::1"),
        (1, "unknown", "192.0.2.9"),
        (1, "", "192.0.2.9"),
    ],
)
def test_only_what_a_trusted_proxy_wrote_is_believed(
    rf: RequestFactory, settings: Settings, trusted: int, forwarded: str | None, expected: str
) -> None:
    settings.TRUSTED_PROXIES = trusted
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = rf.get("/", REMOTE_ADDR="192.0.2.9", headers=headers)
    assert client_address(request) == expected


@pytest.mark.parametrize(
    ("peer", "scope"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("", ""),
    ],
)
def test_an_ipv6_client_counts_as_its_network(rf: RequestFactory, peer: str, scope: str) -> None:
    assert client_scope(rf.get("/", REMOTE_ADDR=peer)) == scope
