"""Tests of `smtpadmin.sender_checks.dkim`: key records as text."""

import base64
from time import monotonic

import pytest

from smtpadmin.sender_checks.dkim import Key, KeyState, read_key
from tests.sender_checks.keys import bare_rsa, ed25519, rsa, short_rsa


@pytest.mark.parametrize(
    "record",
    [
        f"v=DKIM1; k=rsa; p={rsa()}",
        f"v=DKIM1;p={rsa()};",
        f"p={rsa()}",
        f"k=rsa; p={rsa()}",
        f"v=DKIM1; h=sha256; s=email; t=s; n=a note; p={rsa()}",
        f"v=DKIM1; s=*; p={rsa()[:40]} {rsa()[40:]}",
        f"v=DKIM1; p={bare_rsa()}",
    ],
)
def test_a_good_key_is_good_however_it_is_written(record: str) -> None:
    assert read_key(record) == Key(state=KeyState.GOOD, kind="rsa", bits=2048)


def test_a_key_of_the_newer_kind_is_good() -> None:
    assert read_key(f"v=DKIM1; k=ed25519; p={ed25519()}") == Key(state=KeyState.GOOD, kind="ed25519", bits=256)


@pytest.mark.parametrize(
    ("bits", "state"), [(512, KeyState.TOO_SHORT), (768, KeyState.TOO_SHORT), (1023, KeyState.TOO_SHORT)]
)
def test_a_key_that_receivers_ignore_is_too_short(bits: int, state: KeyState) -> None:
    key = read_key(f"v=DKIM1; p={short_rsa(bits)}")
    assert (key.state, key.bits, key.usable) == (state, bits, False)


def test_a_key_of_1024_counts_and_is_short() -> None:
    key = read_key(f"v=DKIM1; p={rsa(1024)}")
    assert (key.state, key.bits, key.usable) == (KeyState.SHORT, 1024, True)


@pytest.mark.parametrize("record", ["v=DKIM1; p=", "p=", "v=DKIM1; k=rsa; p= ;", "v=DKIM1; k=ed25519; p="])
def test_an_empty_key_is_revoked(record: str) -> None:
    assert read_key(record).state is KeyState.REVOKED


def test_a_test_key_counts_for_nothing() -> None:
    key = read_key(f"v=DKIM1; t=y:s; p={rsa()}")
    assert (key.state, key.testing, key.usable) == (KeyState.GOOD, True, False)


@pytest.mark.parametrize(
    "record",
    [
        "",
        "v=DKIM1",
        "v=DKIM1; k=rsa",
        "v=spf1 -all",
        f"v=DKIM2; p={rsa()}",
        f"k=rsa; v=DKIM1; p={rsa()}",
        f"v=DKIM1; p={rsa()}; p={rsa()}",
        f"v=DKIM1; p={rsa()[:-30]}",
        f"v=DKIM1; p={rsa()[20:]}",
        "v=DKIM1; p=not base64!",
        "v=DKIM1; p=aGVsbG8=",
        f"v=DKIM1; k=rsa; p={ed25519()}",
        f"v=DKIM1; k=ed25519; p={rsa()}",
        "v=DKIM1 p=abc",
        "v=DKIM1; =; p=",
        "-----BEGIN PUBLIC KEY-----",
    ],
)
def test_what_holds_no_key_is_malformed(record: str) -> None:
    key = read_key(record)
    assert (key.state, key.bits, key.usable) == (KeyState.MALFORMED, 0, False)


def test_other_kinds_and_uses_are_told() -> None:
    assert read_key("v=DKIM1; k=dsa; p=abcd").state is KeyState.OTHER_TYPE
    assert read_key(f"v=DKIM1; s=tlsrpt; p={rsa()}").state is KeyState.NOT_FOR_MAIL


def test_a_giant_key_costs_little() -> None:
    started = monotonic()
    giant = base64.b64encode(b"\x30" * 48_000).decode()
    assert read_key(f"v=DKIM1; p={giant}").state is KeyState.MALFORMED
    assert read_key("v=DKIM1" + "; a=b" * 12_000).state is KeyState.MALFORMED
    assert monotonic() - started < 10
