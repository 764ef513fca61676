"""Tests of `smtpadmin.smtp.addresses`: what may stand in an envelope."""

import pytest

from smtpadmin.smtp import Cause, ContentError, Stage, ascii_domain, check_address, wire_address


@pytest.mark.parametrize(
    "address",
    [
        "you@example.org",
        "first.last+tag@sub.example.org",
        "o'brien@example.org",
        "!#$%&'*+/=?^_`{|}~-@example.org",
        "root@localhost",
        "you@xn--bcher-kva.example",
        "you@host_name.example",
        "you@[192.0.2.7]",
        "you@[IPv6:2001:db8::7]",
        '"two..dots."@example.ne.jp',
        "jösé@example.org",
        "用户@example.org",
        "a" * 64 + "@example.org",
    ],
)
def test_a_mail_address_is_accepted(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "you",
        "@example.org",
        "you@",
        "you@@example.org",
        # A quoted local part that adds a parameter to RCPT TO, and its relatives.
        '"foo@psres.net> ORCPT=x"@test.com',
        '"a b"@example.org',
        '"a@b"@example.org',
        '"a,b"@example.org',
        '"a;b"@example.org',
        '"a\\"b"@example.org',
        '"a<b"@example.org',
        '""@example.org',
        '"a@example.org',
        "a@b,c@example.org",
        "a,b@example.org",
        "a;b@example.org",
        "a b@example.org",
        "a(comment)@example.org",
        "<you@example.org>",
        "You <you@example.org>",
        "you@example.org>",
        "you@example.org\r\nRCPT TO:<x@example.org>",
        "you\0@example.org",
        "you@exam\0ple.org",
        "you\x7f@example.org",
        "you\u200b@example.org",
        "you\u202e@example.org",
        "you\xa0@example.org",
        "you\ud800@example.org",
        ".you@example.org",
        "you.@example.org",
        "two..dots@example.org",
        "you@-example.org",
        "you@example-.org",
        "you@example..org",
        "you@.example.org",
        "you@example.org.",
        "you@exam ple.org",
        "you@[192.0.2.256]",
        "you@[192.0.2.7",
        "you@[2001:db8::7]",
        "you@[IPv6:192.0.2.7]",
        "you@[IPv6:fe80::1%eth0]",
        "you@[]",
        "you@" + "a" * 64 + ".org",
        "you@" + "é" * 3000 + ".org",
        "you@faß.example",
        "you@a\u200db.example",
        "a" * 65 + "@example.org",
        "é" * 33 + "@example.org",
        "you@" + ".".join(["a" * 62] * 4) + ".org",
    ],
)
def test_what_could_mean_something_else_is_refused(address: str) -> None:
    with pytest.raises(ContentError) as raised:
        check_address(address)
    assert (raised.value.cause, raised.value.stage) == (Cause.BAD_ADDRESS, Stage.RCPT)


def test_the_text_of_a_refusal_does_not_repeat_the_address() -> None:
    with pytest.raises(ContentError) as raised:
        check_address("a\r\nb@example.org", stage=Stage.MAIL)
    assert (raised.value.stage, "a\r\nb" in str(raised.value)) == (Stage.MAIL, False)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("you@example.org", "you@example.org"),
        ("you@bücher.example", "you@xn--bcher-kva.example"),
        ("you@邮件。example", "you@xn--5nq051n.example"),
        ("jösé@bücher.example", "jösé@xn--bcher-kva.example"),
        ("jösé@example.org", "jösé@example.org"),
    ],
)
def test_on_the_wire_a_domain_is_ascii_and_a_local_part_is_left(address: str, expected: str) -> None:
    assert wire_address(address) == expected


def test_a_domain_is_converted_alone_too() -> None:
    assert ascii_domain("bücher.example") == "xn--bcher-kva.example"
    assert ascii_domain("[192.0.2.7]") == "[192.0.2.7]"
