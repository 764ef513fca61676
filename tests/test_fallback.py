"""Which profile may take over, and what the From then is."""

import email
import email.policy
from datetime import date
from typing import Any

import pytest

from smtpadmin import fallback
from smtpadmin.fallback import Address
from smtpadmin.models import Profile

CONTENT = (
    b"Subject: Hello\r\nFROM: A very long name that goes on\r\n and on <app@example.com>\r\nTo: you@example.org\r\n"
    b"\r\nFrom: this is text\r\n.\r\n"
)


def profile(pk: int, **fields: Any) -> Profile:
    return Profile(pk=pk, slug=str(pk), **{"from_address": "own@example.net", "from_name": "Own"} | fields)


def test_a_chain_follows_the_fallbacks_and_ends_where_it_leads_back() -> None:
    first, second, third = profile(1, fallback_id=2), profile(2, fallback_id=3), profile(3, fallback_id=1)
    known = {each.pk: each for each in (first, second, third)}
    assert fallback.chain(first, known) == (second, third)
    assert fallback.chain(profile(4, fallback_id=4), {4: profile(4)}) == ()
    # A disabled profile is not among the known ones, and nothing is passed through it.
    assert fallback.chain(first, {1: first, 3: third}) == ()


@pytest.mark.parametrize(
    ("fields", "strength"),
    [
        ({"security": "tls"}, 2),
        ({"security": "starttls"}, 2),
        ({"security": "starttls", "pinned_sha256": "AB"}, 2),
        ({"security": "tls", "skip_verify": True, "skip_verify_until": date.max}, 1),
        ({"security": "tls", "skip_verify": True, "skip_verify_until": date(2026, 1, 1)}, 2),
        ({"security": "none"}, 0),
    ],
)
def test_checked_encryption_is_stronger_than_unchecked_and_that_than_none(
    fields: dict[str, Any], strength: int
) -> None:
    assert fallback.strength(profile(1, **fields)) == strength


@pytest.mark.parametrize(
    ("policy", "asked", "expected"),
    [
        ("keep", "", Address("own@example.net", '"Own" <own@example.net>')),
        ("keep", "App <app@example.com>", Address("app@example.com", '"App" <app@example.com>')),
        ("refuse", "App <Own@Example.net>", Address("Own@Example.net", '"App" <Own@Example.net>')),
        ("refuse", "app@example.com", None),
        ("replace", "app@example.com", Address("own@example.net", '"Own" <own@example.net>', "app@example.com")),
        (
            "replace",
            "应用 <app@例子.example>",
            Address("own@example.net", '"应用" <own@example.net>', '"应用" <app@xn--fsqu00a.example>'),
        ),
    ],
)
def test_the_from_follows_the_policy_of_the_profile_that_sends(
    policy: str, asked: str, expected: Address | None
) -> None:
    assert fallback.address(profile(1, from_policy=policy), asked_from=asked) == expected


def test_a_readdressed_message_differs_in_its_from_alone() -> None:
    changed = fallback.readdressed(CONTENT, Address("own@example.net", '"Öwn" <own@example.net>'))
    assert changed == (
        b"Subject: Hello\r\nFrom: =?utf-8?q?=C3=96wn?= <own@example.net>\r\nTo: you@example.org\r\n"
        b"\r\nFrom: this is text\r\n.\r\n"
    )


@pytest.mark.parametrize(
    ("content", "reply_to"),
    [(CONTENT, "app@example.com"), (b"Reply-To: help@example.com\r\n" + CONTENT, "help@example.com")],
    ids=["had none", "had one"],
)
def test_a_reply_to_is_added_only_where_there_is_none(content: bytes, reply_to: str) -> None:
    changed = fallback.readdressed(content, Address("own@example.net", "own@example.net", "app@example.com"))
    headers = email.message_from_bytes(changed, policy=email.policy.default)
    assert headers.get_all("Reply-To") == [reply_to]
    assert headers.get_all("From") == ["own@example.net"]
