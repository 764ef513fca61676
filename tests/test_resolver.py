"""Tests of `smtpadmin.resolver`: what DNS says, and when it cannot be asked, against a real server."""

from ipaddress import ip_address
from time import monotonic

import dns.resolver
import pytest

from smtpadmin.resolver import Answer, MailHost, Resolver, Service, Trouble, ascii_domain
from tests.support.dns_server import (
    Behaviour,
    DnsServer,
    always_truncated,
    garbage,
    late,
    refused,
    servfail,
    silent,
    truncated,
)


def test_texts_come_whole(dns_server: DnsServer) -> None:
    long = "v=spf1 " + " ".join(f"ip4:192.0.2.{number}" for number in range(60)) + " -all"
    dns_server.add("example.com", "TXT", long, "another")
    assert dns_server.resolver().txt("example.com") == Answer(name="example.com", records=("another", long))


def test_bytes_that_are_not_ascii_are_shown_escaped(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "TXT", r"caf\233")
    assert dns_server.resolver().txt("example.com").records == (r"caf\233",)


def test_mail_hosts_come_in_the_order_of_their_preference(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "MX", "20 Backup.Example.net.", "10 mx.example.net.")
    assert dns_server.resolver().mx("example.com").records == (
        MailHost(10, "mx.example.net"),
        MailHost(20, "backup.example.net"),
    )


def test_a_domain_that_takes_no_mail_has_a_host_without_name(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "MX", "0 .")
    assert dns_server.resolver().mx("example.com").records == (MailHost(0, ""),)


def test_services_come_by_priority_then_weight(dns_server: DnsServer) -> None:
    dns_server.add("_s._tcp.example.com", "SRV", "10 5 465 c.example.", "5 1 465 b.example.", "5 9 465 a.example.")
    assert dns_server.resolver().srv("_s._tcp.example.com").records == (
        Service(5, 9, 465, "a.example"),
        Service(5, 1, 465, "b.example"),
        Service(10, 5, 465, "c.example"),
    )


def test_both_kinds_of_addresses_are_found(dns_server: DnsServer) -> None:
    dns_server.add("mail.example.com", "A", "192.0.2.1")
    dns_server.add("mail.example.com", "AAAA", "2001:db8::1")
    assert dns_server.resolver().addresses("mail.example.com").records == (
        ip_address("192.0.2.1"),
        ip_address("2001:db8::1"),
    )


def test_an_alias_is_followed(dns_server: DnsServer) -> None:
    dns_server.add("sel._domainkey.example.com", "CNAME", "dkim.example.net.")
    dns_server.add("dkim.example.net", "TXT", "v=DKIM1; p=")
    assert dns_server.resolver().txt("sel._domainkey.example.com").records == ("v=DKIM1; p=",)


def test_a_ring_of_aliases_is_a_failure_of_the_server(dns_server: DnsServer) -> None:
    dns_server.add("a.example.com", "CNAME", "b.example.com.")
    dns_server.add("b.example.com", "CNAME", "a.example.com.")
    answer = dns_server.resolver().txt("a.example.com")
    assert (answer.records, answer.trouble is None or answer.trouble is Trouble.SERVER_FAILURE) == ((), True)


def test_a_name_without_such_a_record_is_told_from_one_that_does_not_exist(dns_server: DnsServer) -> None:
    dns_server.add("deep.below.example.com", "A", "192.0.2.1")
    resolver = dns_server.resolver()
    assert resolver.txt("below.example.com") == Answer(name="below.example.com")
    assert resolver.txt("example.net") == Answer(name="example.net", absent=True)


@pytest.mark.parametrize(
    ("behaviour", "trouble"),
    [
        (servfail, Trouble.SERVER_FAILURE),
        (refused, Trouble.SERVER_FAILURE),
        (always_truncated, Trouble.SERVER_FAILURE),
        (garbage, Trouble.TIMEOUT),
        (silent, Trouble.TIMEOUT),
        (late(3), Trouble.TIMEOUT),
    ],
    ids=["servfail", "refused", "always truncated", "garbage", "silent", "late"],
)
def test_what_could_not_be_asked_is_not_called_missing(
    dns_server: DnsServer, behaviour: Behaviour, trouble: Trouble
) -> None:
    dns_server.add("example.com", "TXT", "v=spf1 -all")
    dns_server.behave("example.com", behaviour)
    started = monotonic()
    answer = dns_server.resolver(seconds=1).txt("example.com")
    assert answer == Answer(name="example.com", trouble=trouble)
    assert monotonic() - started < 6


def test_a_server_that_is_not_there_is_a_time_out_or_a_failure() -> None:
    answer = Resolver(servers=("127.0.0.1",), port=1, seconds=1).txt("example.com")
    assert (answer.records, answer.trouble in {Trouble.TIMEOUT, Trouble.SERVER_FAILURE}) == ((), True)


def test_a_system_without_dns_is_said_to_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dns.resolver.Resolver.read_resolv_conf", _no_configuration)
    assert Resolver().txt("example.com").trouble is Trouble.NO_SERVER


def _no_configuration(_resolver: object, _path: str) -> None:
    raise dns.resolver.NoResolverConfiguration


def test_an_answer_cut_on_udp_comes_over_tcp(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "TXT", "v=spf1 -all")
    dns_server.behave("example.com", truncated)
    assert dns_server.resolver().txt("example.com").records == ("v=spf1 -all",)
    assert dns_server.questions == [("example.com", "TXT", "udp"), ("example.com", "TXT", "tcp")]


def test_forty_records_of_a_large_domain_come_over_tcp(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "TXT", *(f"verification-of-something={number:060}" for number in range(60)), "v=spf1")
    assert "v=spf1" in dns_server.resolver().txt("example.com").records
    assert dns_server.questions[-1] == ("example.com", "TXT", "tcp")


def test_hosts_have_an_end(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "MX", *(f"{number} mx{number}.example.net." for number in range(400)))
    assert len(dns_server.resolver().mx("example.com").records) == 50


def test_the_time_is_that_of_all_questions_together(dns_server: DnsServer) -> None:
    dns_server.behave("*", silent)
    resolver = dns_server.resolver(seconds=0.5)
    started = monotonic()
    answers = [resolver.txt(f"{number}.example.com") for number in range(20)]
    assert {answer.trouble for answer in answers} == {Trouble.TIMEOUT}
    assert monotonic() - started < 6


def test_the_questions_have_an_end(dns_server: DnsServer) -> None:
    resolver = dns_server.resolver(questions=2)
    troubles = [resolver.txt(f"{number}.example.com").trouble for number in range(3)]
    assert troubles == [None, None, Trouble.TOO_MANY]


def test_the_same_is_asked_once(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "TXT", "v=spf1 -all")
    resolver = dns_server.resolver()
    assert resolver.txt("example.com").records == resolver.txt("Example.COM.").records
    assert len(dns_server.questions) == 1


@pytest.mark.parametrize(
    "name", ["", "@", ".", "a..b", "a b", "%{i}.example", "ü.example", "x" * 64, "../etc", "a\\046b"]
)
def test_what_is_no_name_is_not_asked_for(dns_server: DnsServer, name: str) -> None:
    assert dns_server.resolver().txt(name).trouble is Trouble.BAD_NAME
    assert dns_server.questions == []


@pytest.mark.parametrize(
    ("typed", "domain"),
    [
        ("Example.COM.", "example.com"),
        (" example.com ", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例子.测试", "xn--fsqu00a.xn--0zwm56d"),
        ("localhost", "localhost"),
    ],
)
def test_a_domain_is_put_into_ascii(typed: str, domain: str) -> None:
    assert ascii_domain(typed) == domain


@pytest.mark.parametrize(
    "typed",
    [
        *("", ".", "a..b", "../../etc/passwd", "example.com/path", "192.0.2.1", "[192.0.2.1]", "a@b", "-a.example"),
        *("a b.c", "x" * 64 + ".example", "ü" * 5000, ".".join(["abc"] * 80), "\u202e.example", "example.com\r\nx"),
    ],
)
def test_what_is_no_domain_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^This is not a domain name\.$"):
        ascii_domain(typed)
