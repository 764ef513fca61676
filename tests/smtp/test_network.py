"""Tests of `smtpadmin.smtp.network`: which addresses are never connected to, however they are written."""

from ipaddress import IPv6Address, ip_address, ip_network

import pytest

from smtpadmin.smtp import AddressPolicy
from smtpadmin.smtp.network import is_loopback

FORBIDDEN = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
]


def disguises(text: str) -> list[str]:
    """Return IPv6 addresses that stand for an IPv4 address."""
    number = int(ip_address(text))
    high, low = number >> 16, number & 0xFFFF
    return [
        f"::ffff:{text}",
        f"::{text}",
        f"::ffff:0:{text}",
        f"64:ff9b::{text}",
        f"64:ff9b:1::{text}",
        f"64:ff9b:1:{high:x}:{low >> 8:x}:{(low & 0xFF) << 8:x}::",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:{high:x}:{low:x}::1",
        str(IPv6Address(int(IPv6Address("2001:0:4136:e378::")) | (number ^ 0xFFFFFFFF))),
        f"fe00::5efe:{text}",
        f"2001:db8::200:5efe:{text}",
    ]


@pytest.mark.parametrize("text", [*FORBIDDEN, "::", "fe80::1", "febf::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254"])
def test_an_address_where_no_mail_server_lives_is_denied(text: str) -> None:
    assert not AddressPolicy().allows(ip_address(text))


@pytest.mark.parametrize("text", [form for text in FORBIDDEN[2:4] + FORBIDDEN[5:7] for form in disguises(text)])
def test_a_denied_address_is_denied_in_disguise(text: str) -> None:
    assert not AddressPolicy().allows(ip_address(text))


def test_a_scope_changes_nothing() -> None:
    assert not AddressPolicy().allows(ip_address("fe80::1%eth0"))


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "::1",
        "10.0.0.5",
        "192.168.1.1",
        "172.17.0.2",
        "fd12:3456::1",
        "203.0.113.7",
        "2001:db8::1",
        "64:ff9b::203.0.113.7",
        "64:ff9b:1::203.0.113.7",
        "64:ff9b:1:cb00:71:700::",
        "::ffff:10.0.0.5",
    ],
)
def test_public_private_and_loopback_addresses_are_allowed(text: str) -> None:
    assert AddressPolicy().allows(ip_address(text))


def test_an_operator_denies_more_networks_and_their_disguises_with_them() -> None:
    policy = AddressPolicy(denied=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))
    answers = {text: policy.allows(ip_address(text)) for text in ("10.1.2.3", *disguises("10.1.2.3"), "fd01::1")}
    assert set(answers.values()) == {False}
    assert policy.allows(ip_address("192.168.1.1"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        # These go out to a translator or a tunnel, and with them the password.
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
    ],
)
def test_loopback_is_what_stays_inside_this_host(text: str, *, expected: bool) -> None:
    assert is_loopback(ip_address(text)) is expected
