"""Tests of `smtpadmin.sender_checks.dmarc`: records as text, and the tree walk through real DNS."""

import pytest

from smtpadmin.sender_checks.dmarc import (
    Dmarc,
    Policy,
    discover,
    is_dmarc,
    is_nearly_dmarc,
    organization_of,
    parse,
)
from tests.support.dns_server import DnsServer, servfail


@pytest.mark.parametrize("text", ["v=DMARC1", "v=DMARC1; p=none", "v = DMARC1 ;p=none", " v=DMARC1;p=none"])
def test_what_begins_with_the_version_is_a_record(text: str) -> None:
    assert (is_dmarc(text), is_nearly_dmarc(text)) == (True, False)


@pytest.mark.parametrize(
    "text", ["v=dmarc1; p=none", "v=DMARC1, p=none", "v=DMARC2; p=none", "DMARC1; p=none", "p=none; v=DMARC1"]
)
def test_what_only_looks_like_a_record_is_nearly_one(text: str) -> None:
    assert (is_dmarc(text), is_nearly_dmarc(text)) == (False, True)


def test_a_record_is_taken_apart() -> None:
    text = "v=DMARC1; p=Quarantine; sp=reject; adkim=s; aspf=S; rua=mailto:a@example.com; pct=100; fo=1; psd=n; t=y"
    assert parse(text) == Dmarc(
        text=text,
        policy=Policy.QUARANTINE,
        subdomains=Policy.REJECT,
        strict_dkim=True,
        strict_spf=True,
        psd="n",
        testing=True,
    )


def test_subdomains_have_the_policy_of_the_domain_unless_told_otherwise() -> None:
    assert parse("v=DMARC1; p=reject").subdomains is Policy.REJECT


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("v=DMARC1; p=none", ()),
        ("v=DMARC1; p=none;", ()),
        ("v=DMARC1; p=non", ("p=non",)),
        ("v=DMARC1", ("p=",)),
        ("v=DMARC1; rua=mailto:a@example.com", ("p=",)),
        ("v=DMARC1; p=none; sp=all", ("sp=all",)),
        ("v=DMARC1; p=none; aspf=strict", ("aspf=strict",)),
        ("v=DMARC1; p=none rua", ("p=none rua",)),
        ("v=DMARC1; p=none; nonsense", ("nonsense",)),
        ("v=DMARC1; p=none; p=reject", ("p=reject",)),
        ("v=DMARC1; p=none; new=tag", ()),
    ],
)
def test_mistakes_are_named(text: str, errors: tuple[str, ...]) -> None:
    assert parse(text).errors == errors


def test_a_record_of_the_domain_itself_is_found_first(dns_server: DnsServer) -> None:
    dns_server.add("_dmarc.mail.example.com", "TXT", "v=DMARC1; p=reject", "unrelated")
    dns_server.add("_dmarc.example.com", "TXT", "v=DMARC1; p=none")
    found = discover("mail.example.com", resolver=dns_server.resolver())
    assert found.source is not None
    assert (found.source.name, found.policy) == ("_dmarc.mail.example.com", Policy.REJECT)
    assert found.organization == "example.com"


def test_a_subdomain_follows_the_parent_and_its_own_part_of_it(dns_server: DnsServer) -> None:
    dns_server.add("_dmarc.example.com", "TXT", "v=DMARC1; p=reject; sp=quarantine")
    found = discover("a.b.example.com", resolver=dns_server.resolver())
    assert (found.policy, found.organization, found.own.records) == (Policy.QUARANTINE, "example.com", ())


def test_without_any_record_a_domain_stands_for_itself(dns_server: DnsServer) -> None:
    found = discover("a.example.com", resolver=dns_server.resolver())
    assert (found.source, found.policy, found.organization, found.unknown) == (None, None, "a.example.com", False)


def test_a_public_suffix_ends_the_walk_below_it(dns_server: DnsServer) -> None:
    dns_server.add("_dmarc.bank", "TXT", "v=DMARC1; p=reject; psd=y")
    found = discover("mail.shop.bank", resolver=dns_server.resolver())
    assert (found.organization, found.policy) == ("shop.bank", Policy.REJECT)
    dns_server.add("_dmarc.shop.bank", "TXT", "v=DMARC1; p=none")
    assert discover("mail.shop.bank", resolver=dns_server.resolver()).policy is Policy.NONE


def test_a_domain_that_says_so_stands_for_itself(dns_server: DnsServer) -> None:
    dns_server.add("_dmarc.tenant.host.example", "TXT", "v=DMARC1; p=none; psd=n")
    dns_server.add("_dmarc.host.example", "TXT", "v=DMARC1; p=reject")
    assert organization_of("a.tenant.host.example", resolver=dns_server.resolver()) == "tenant.host.example"


def test_a_long_name_takes_eight_questions(dns_server: DnsServer) -> None:
    discover(".".join(["a"] * 60) + ".example.com", resolver=dns_server.resolver())
    assert len(dns_server.questions) == 8
    assert dns_server.questions[1][0] == "_dmarc.a.a.a.a.a.example.com"


@pytest.mark.parametrize("name", ["_dmarc.mail.example.com", "_dmarc.example.com"])
def test_dns_that_cannot_be_asked_is_not_taken_for_no_record(dns_server: DnsServer, name: str) -> None:
    dns_server.behave(name, servfail)
    assert discover("mail.example.com", resolver=dns_server.resolver()).unknown


def test_a_parent_that_cannot_be_asked_matters_only_without_an_own_record(dns_server: DnsServer) -> None:
    dns_server.add("_dmarc.mail.example.com", "TXT", "v=DMARC1; p=reject")
    dns_server.behave("_dmarc.example.com", servfail)
    found = discover("mail.example.com", resolver=dns_server.resolver())
    assert (found.unknown, found.policy) == (False, Policy.REJECT)


def test_several_records_count_as_none(dns_server: DnsServer) -> None:
    dns_server.add("_dmarc.example.com", "TXT", "v=DMARC1; p=reject", "v=DMARC1; p=none")
    found = discover("example.com", resolver=dns_server.resolver())
    assert (found.policy, len(found.own.records)) == (None, 2)
