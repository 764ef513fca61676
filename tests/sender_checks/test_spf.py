"""Tests of `smtpadmin.sender_checks.spf`: records as text."""

from ipaddress import ip_network
from time import monotonic

import pytest

from smtpadmin.sender_checks.spf import (
    Term,
    is_nearly_spf,
    is_spf,
    merged,
    parse,
    parts,
    with_end,
    with_term,
)


@pytest.mark.parametrize("text", ["v=spf1", "v=spf1 -all", "V=SPF1 mx", "v=spf1  a"])
def test_what_begins_with_the_version_is_a_record(text: str) -> None:
    assert (is_spf(text), is_nearly_spf(text)) == (True, False)


@pytest.mark.parametrize(
    "text",
    [
        *("v=spf10 -all", "v=spf1; mx -all", "v=spf1,mx", " v=spf1 -all", '"v=spf1 -all"', "“v=spf1 -all”"),
        *("v=spf2.0/pra mx", "spf2.0/mfrom mx", "spf1 mx -all", "v:spf1 mx", "v = spf1 mx"),
    ],
)
def test_what_only_looks_like_a_record_is_nearly_one(text: str) -> None:
    assert (is_spf(text), is_nearly_spf(text)) == (False, True)


@pytest.mark.parametrize("text", ["", "google-site-verification=abc", "v=DMARC1; p=none", "spfoo"])
def test_other_texts_are_neither(text: str) -> None:
    assert (is_spf(text), is_nearly_spf(text)) == (False, False)


def test_a_record_is_taken_apart() -> None:
    record = parse("v=spf1 ip4:192.0.2.0/24 a mx:Mail.Example.com./28//64 ?include:_spf.example.net ~all")
    assert record.errors == ()
    assert record.terms == (
        Term(text="ip4:192.0.2.0/24", qualifier="+", mechanism="ip4", network=ip_network("192.0.2.0/24")),
        Term(text="a", qualifier="+", mechanism="a"),
        Term(
            text="mx:Mail.Example.com./28//64",
            qualifier="+",
            mechanism="mx",
            domain="mail.example.com",
            v4=28,
            v6=64,
        ),
        Term(text="?include:_spf.example.net", qualifier="?", mechanism="include", domain="_spf.example.net"),
        Term(text="~all", qualifier="~", mechanism="all"),
    )
    assert record.end == record.terms[-1]


@pytest.mark.parametrize(
    "term",
    [
        "all",
        "-ALL",
        "a/24",
        "a//64",
        "a/24//64",
        "a:example.com",
        "mx",
        "ptr",
        "ptr:example.com",
        "ip4:192.0.2.1",
        "ip6:2001:db8::/32",
        "ip6:2001:db8::1",
        "include:example.com",
        "include:xn--bcher-kva.xn--0zwm56d",
        "exists:%{ir}.%{v}._spf.%{d2}",
        "exists:%{l1r-}.example.com",
        "include:%{d}.spf.example.net",
        "redirect=_spf.example.com",
        "exp=explain.%{d}",
        "unknown=anything",
        "ra=postmaster",
    ],
)
def test_terms_of_the_standard_are_read(term: str) -> None:
    assert parse(f"v=spf1 {term}").errors == ()


@pytest.mark.parametrize(
    "term",
    [
        "ipv4:192.0.2.1",
        "ip:192.0.2.1",
        "ip4",
        "ip4:",
        "ip4:192.0.2",
        "ip4:192.0.2.1/33",
        "ip4:192.0.2.0/255.255.255.0",
        "ip4:2001:db8::1",
        "ip6:192.0.2.1",
        "ip4:mail.example.com",
        "include",
        "include:",
        "include:localhost",
        "include:https://example.com",
        "include:example.com/24",
        "include:a@example.com",
        "include:192.0.2.1",
        "a:",
        "a:/24",
        "a/33",
        "a//129",
        "mx/024",
        "all:example.com",
        "exists",
        "exists:%(d).example.com",
        "exists:%{x}.example.com",
        "exists:100%.example.com",
        "-",
        "mx,a",
        "-all;",
        "“all”",
        "ptr:",
        "redirect=",
        "redirect=localhost",
    ],
)
def test_terms_that_cannot_be_read_are_named(term: str) -> None:
    assert parse(f"v=spf1 {term} -all").errors == (term,)


def test_a_second_redirect_is_a_mistake() -> None:
    assert parse("v=spf1 redirect=a.example redirect=b.example").errors == ("redirect=b.example",)


def test_with_all_there_is_no_redirect() -> None:
    assert parse("v=spf1 redirect=a.example").redirect == "a.example"
    assert parse("v=spf1 redirect=a.example -all").redirect == ""


def test_what_stands_after_all_is_never_reached() -> None:
    record = parse("v=spf1 mx -all include:spf.example.net a")
    assert record.unreached == ("include:spf.example.net", "a")
    assert [term.text for term in record.terms] == ["mx", "-all"]


def test_a_mechanism_with_an_equals_sign_means_nothing() -> None:
    assert parse("v=spf1 include=spf.example.net ip4=192.0.2.1 -all").ignored == (
        "include=spf.example.net",
        "ip4=192.0.2.1",
    )


@pytest.mark.parametrize(
    ("record", "extended"),
    [
        ("v=spf1 -all", "v=spf1 include:x.example -all"),
        ("v=spf1 mx ~all", "v=spf1 mx include:x.example ~all"),
        ("v=spf1 mx", "v=spf1 mx include:x.example"),
        ("v=spf1", "v=spf1 include:x.example"),
        ("v=spf1 redirect=y.example", "v=spf1 include:x.example redirect=y.example"),
        ("v=spf1 include:all.example ?ALL", "v=spf1 include:all.example include:x.example ?ALL"),
    ],
)
def test_a_term_is_added_in_front_of_the_end(record: str, extended: str) -> None:
    assert with_term(record, "include:x.example") == extended


@pytest.mark.parametrize(
    ("record", "ended"),
    [
        ("v=spf1 mx +all", "v=spf1 mx ~all"),
        ("v=spf1 mx all a", "v=spf1 mx ~all"),
        ("v=spf1 mx", "v=spf1 mx ~all"),
    ],
)
def test_an_end_is_replaced(record: str, ended: str) -> None:
    assert with_end(record, "~all") == ended


@pytest.mark.parametrize(
    ("records", "joined"),
    [
        (["v=spf1 mx -all", "v=spf1 include:a.example ~all"], "v=spf1 mx include:a.example -all"),
        (["v=spf1 mx ~all", "v=spf1 mx a ?all"], "v=spf1 mx a ~all"),
        (["v=spf1 redirect=a.example", "v=spf1 mx -all"], "v=spf1 mx include:a.example -all"),
    ],
)
def test_several_records_become_one(records: list[str], joined: str) -> None:
    assert merged(records) == joined
    assert parse(joined).errors == ()


def test_a_long_record_is_cut_into_strings_of_255() -> None:
    record = "v=spf1 " + " ".join(["ip4:192.0.2.1"] * 40)
    assert [len(part) for part in parts(record)] == [255, 255, len(record) - 510]
    assert "".join(parts(record)) == record


@pytest.mark.parametrize(
    "text",
    [
        *("v=spf1 " + "a " * 30_000, "v=spf1 " + "x" * 60_000, "v=spf1 include:" + "a." * 30_000),
        *("v=spf1 a" + "/" * 60_000, "v=spf1 exists:" + "%{d}" * 15_000, "v=spf1 exists:" + "%" * 60_000),
        *("v=spf1" + " " * 60_000 + "all", "v=spf1 a:" + "1" * 60_000, "v=spf1 a:" + "1." * 30_000 + "1"),
    ],
)
def test_giant_records_are_read_in_little_time(text: str) -> None:
    started = monotonic()
    parse(text)
    is_nearly_spf(text)
    with_term(text, "a")
    merged([text, text])
    assert monotonic() - started < 10
