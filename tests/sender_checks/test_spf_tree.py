"""Tests of `smtpadmin.sender_checks.spf_tree`: records followed through real DNS, well-formed and hostile."""

from ipaddress import ip_network
from time import monotonic

import pytest

from smtpadmin.sender_checks.spf import parse
from smtpadmin.sender_checks.spf_tree import FOLLOWED, Fault, Tree, follow
from tests.support.dns_server import DnsServer, servfail, silent


def followed(dns: DnsServer, record: str, *, seconds: float = 10) -> Tree:
    return follow("example.com", parse(record), resolver=dns.resolver(seconds=seconds))


def test_look_ups_are_counted_as_receivers_count_them(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "A", "192.0.2.1")
    dns_server.add("example.com", "MX", "10 mx.example.com.")
    dns_server.add("mx.example.com", "A", "192.0.2.2")
    dns_server.add("_spf.example.net", "TXT", "v=spf1 include:_spf2.example.net ip4:198.51.100.0/24 -all")
    dns_server.add("_spf2.example.net", "TXT", "v=spf1 a:mail.example.net ?all")
    dns_server.add("mail.example.net", "A", "203.0.113.1")
    tree = followed(dns_server, "v=spf1 ip4:192.0.2.9 a mx include:_spf.example.net -all")
    # a, mx, two includes and the a of the inner one; ip4, all and the addresses of mail hosts are free.
    assert (tree.lookups, tree.voids, tree.faults, tree.unknown) == (5, 0, [], [])
    assert tree.included == {"_spf.example.net", "_spf2.example.net"}
    assert sorted(map(str, tree.networks)) == [
        "192.0.2.1/32",
        "192.0.2.2/32",
        "192.0.2.9/32",
        "198.51.100.0/24",
        "203.0.113.1/32",
    ]
    assert not tree.is_open


def test_a_prefix_widens_the_addresses(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "A", "192.0.2.77")
    dns_server.add("example.com", "AAAA", "2001:db8::77")
    tree = followed(dns_server, "v=spf1 a/24//64 -all")
    assert tree.covers(ip_network("192.0.2.0/25"))
    assert tree.covers(ip_network("2001:db8::/64"))
    assert not tree.covers(ip_network("192.0.3.1/32"))


def test_only_what_passes_may_send(dns_server: DnsServer) -> None:
    dns_server.add("a.example.net", "TXT", "v=spf1 ip4:192.0.2.1 -all")
    tree = followed(dns_server, "v=spf1 -include:a.example.net ~ip4:192.0.2.2 -all")
    assert (tree.networks, tree.included, tree.lookups) == (set(), set(), 1)


def test_a_redirect_is_followed(dns_server: DnsServer) -> None:
    dns_server.add("_spf.example.net", "TXT", "v=spf1 ip4:192.0.2.1 -all")
    tree = followed(dns_server, "v=spf1 redirect=_SPF.example.net")
    assert (tree.lookups, tree.included, list(map(str, tree.networks))) == (1, {"_spf.example.net"}, ["192.0.2.1/32"])


@pytest.mark.parametrize(
    "record", ["v=spf1 +all", "v=spf1 all", "v=spf1 ip4:0.0.0.0/0 -all", "v=spf1 include:open.example -all"]
)
def test_a_record_that_lets_everybody_in_is_open(dns_server: DnsServer, record: str) -> None:
    dns_server.add("open.example", "TXT", "v=spf1 +all")
    assert followed(dns_server, record).is_open


def test_names_without_an_answer_are_counted(dns_server: DnsServer) -> None:
    dns_server.add("empty.example.com", "TXT", "nothing")
    tree = followed(dns_server, "v=spf1 a:gone.example.com mx:gone.example.com a:empty.example.com -all")
    assert (tree.lookups, tree.voids) == (3, 3)


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        (None, Fault.NO_RECORD),
        (["something else"], Fault.NO_RECORD),
        (["v=spf1 -all", "v=spf1 mx -all"], Fault.SEVERAL_RECORDS),
        (["v=spf1 ipv4:192.0.2.1 -all"], Fault.SYNTAX),
        (["v=spf1 include:example.com -all"], Fault.LOOP),
        (["v=spf1 redirect=a.example.net"], Fault.LOOP),
    ],
)
@pytest.mark.parametrize("way", ["include:a.example.net", "redirect=a.example.net"])
def test_a_broken_part_is_named(dns_server: DnsServer, target: list[str] | None, fault: Fault, way: str) -> None:
    if target is not None:
        dns_server.add("a.example.net", "TXT", *target)
    faults = followed(dns_server, f"v=spf1 {way}").faults
    name = "example.com" if target == ["v=spf1 include:example.com -all"] else "a.example.net"
    assert faults == [(fault, name)]


def test_more_than_ten_mail_hosts_are_a_fault(dns_server: DnsServer) -> None:
    dns_server.add("example.com", "MX", *(f"10 mx{number}.example.com." for number in range(11)))
    tree = followed(dns_server, "v=spf1 mx -all")
    assert tree.faults == [(Fault.MAIL_HOSTS, "example.com")]
    assert len([question for question in dns_server.questions if question[1] == "A"]) == 10


@pytest.mark.parametrize("behaviour", [servfail, silent])
def test_what_could_not_be_asked_is_neither_missing_nor_void(dns_server: DnsServer, behaviour: object) -> None:
    dns_server.behave("a.example.net", behaviour)  # type: ignore[arg-type]
    tree = followed(dns_server, "v=spf1 include:a.example.net a:a.example.net mx:a.example.net -all", seconds=1)
    assert tree.unknown == ["a.example.net"] * 3
    assert (tree.faults, tree.voids) == ([], 0)


@pytest.mark.parametrize(
    "term", ["exists:%{i}._spf.example.net", "include:%{d}.example.net", "a:%{d}", "ptr", "mx:%{d}"]
)
def test_what_depends_on_the_message_is_counted_and_not_asked(dns_server: DnsServer, term: str) -> None:
    tree = followed(dns_server, f"v=spf1 {term} -all")
    assert (tree.lookups, tree.has_macros, tree.uses_ptr, dns_server.questions) == (1, True, term == "ptr", [])


def test_an_endless_chain_ends(dns_server: DnsServer) -> None:
    def chain(name: str, kind: str) -> list[str] | None:
        if not name.endswith(".chain.example") or kind != "TXT":
            return None
        number = int(name.split(".", maxsplit=1)[0])
        return [f"v=spf1 include:{number + 1}.chain.example -all"]

    dns_server.make(chain)
    tree = followed(dns_server, "v=spf1 include:0.chain.example -all")
    assert (tree.cut, tree.lookups) == (True, FOLLOWED + 1)
    assert len(dns_server.questions) == FOLLOWED


def test_a_tree_that_doubles_at_each_step_ends(dns_server: DnsServer) -> None:
    for number in range(40):
        target = f"{number + 1}.tree.example"
        dns_server.add(f"{number}.tree.example", "TXT", f"v=spf1 include:{target} include:{target} -all")
    started = monotonic()
    tree = followed(dns_server, "v=spf1 include:0.tree.example -all")
    assert tree.cut
    assert monotonic() - started < 10


def test_a_record_of_thousands_of_terms_ends(dns_server: DnsServer) -> None:
    started = monotonic()
    tree = followed(dns_server, "v=spf1 " + "a:x.example.com " * 4000 + "-all")
    assert (tree.cut, len(dns_server.questions)) == (True, 2)
    assert monotonic() - started < 10


def test_mail_hosts_of_mail_hosts_ask_a_bounded_number_of_questions(dns_server: DnsServer) -> None:
    for number in range(40):
        dns_server.add(f"d{number}.example.com", "MX", *(f"10 h{number}-{host}.example.com." for host in range(10)))
    record = "v=spf1 " + " ".join(f"mx:d{number}.example.com" for number in range(40)) + " -all"
    followed(dns_server, record)
    assert len(dns_server.questions) <= 150


def test_thousands_of_networks_are_compared_in_little_time() -> None:
    tree = Tree(networks={ip_network(f"10.{high}.{low}.0/24") for high in range(256) for low in range(0, 256, 2)})
    needed = [ip_network(f"172.16.{number}.0/24") for number in range(200)]
    started = monotonic()
    assert not any(tree.covers(network) for network in needed)
    # Comparing each with each takes minutes.
    assert monotonic() - started < 5
