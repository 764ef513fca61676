"""Tests of `smtpadmin.sender_checks.check`: one sender through all checks, against real DNS."""

import re
from time import monotonic

import pytest

from smtpadmin.providers import Provider, load
from smtpadmin.sender_checks import Check, Finding, Record, Sender, Severity, check_sender
from smtpadmin.sender_checks.texts import TEXTS
from tests.sender_checks.keys import rsa
from tests.support.dns_server import Behaviour, DnsServer, servfail, silent, truncated

ADDRESS = "alerts@example.com"
# Mailboxes on own domains, whose SPF record is known.
MAILBOXES = "namecheap"
NEEDED = "spf.privateemail.com"
# A service for programs, which puts its own return path on the mail.
SERVICE = "sendgrid"


def provider(key: str) -> Provider:
    found = load().get(key)
    assert found is not None
    return found


def mailbox(**changes: object) -> Sender:
    """Return a mailbox of the domain at a provider whose needs are known."""
    values: dict[str, object] = {"address": ADDRESS, "username": ADDRESS, "provider": provider(MAILBOXES)}
    return Sender(**values | changes)  # type: ignore[arg-type]


def checked(dns: DnsServer, sender: Sender, *, seconds: float = 10) -> list[Finding]:
    findings = list(check_sender(sender, resolver=dns.resolver(seconds=seconds)))
    for finding in findings:
        assert finding.text.en
        assert finding.text.zh
        assert not re.search(r"\{[a-z]+\}", finding.text.en + finding.text.zh), finding
    return findings


def verdicts(findings: list[Finding], check: Check) -> list[tuple[str, Severity]]:
    return [(finding.code, finding.severity) for finding in findings if finding.check is check]


def one(findings: list[Finding], code: str) -> Finding:
    (finding,) = [finding for finding in findings if finding.code == code]
    return finding


def publish(dns: DnsServer, spf: str | None = None, dmarc: str | None = None, domain: str = "example.com") -> None:
    dns.add(domain, "A", "192.0.2.1")
    if spf is not None:
        dns.add(domain, "TXT", spf)
    if dmarc is not None:
        dns.add(f"_dmarc.{domain}", "TXT", dmarc)
    dns.add(NEEDED, "TXT", "v=spf1 ip4:198.51.100.0/24 ~all")


# All in order


def test_a_domain_in_order_is_said_to_be(dns_server: DnsServer) -> None:
    publish(dns_server, f"v=spf1 include:{NEEDED} -all", "v=DMARC1; p=reject")
    dns_server.add("s1._domainkey.example.com", "TXT", f"v=DKIM1; p={rsa()}")
    findings = checked(dns_server, mailbox(selectors=("s1",)))
    assert [(finding.check, finding.code, finding.severity) for finding in findings] == [
        (Check.FROM, "from_ok", Severity.GOOD),
        (Check.SPF, "spf_ok", Severity.GOOD),
        (Check.DKIM, "dkim_ok", Severity.GOOD),
        (Check.DMARC, "dmarc_reject", Severity.GOOD),
        (Check.DMARC, "aligned", Severity.GOOD),
    ]
    assert one(findings, "aligned").text.en == (
        "Mail through Namecheap Private Email passes DMARC for example.com, by SPF and DKIM."
    )
    assert one(findings, "spf_ok").seen == (f"v=spf1 include:{NEEDED} -all",)
    assert one(findings, "spf_ok").name == "example.com"
    assert one(findings, "dkim_ok").name == "s1._domainkey.example.com"
    assert one(findings, "dmarc_reject").name == "_dmarc.example.com"


@pytest.mark.parametrize("address", ["", "alerts", "a@", "a@..", "a@../../x", "a@exa mple.com"])
def test_an_address_without_a_domain_is_refused(dns_server: DnsServer, address: str) -> None:
    with pytest.raises(ValueError, match="not a domain name"):
        check_sender(mailbox(address=address), resolver=dns_server.resolver())
    assert dns_server.questions == []


def test_an_international_domain_is_checked_in_ascii(dns_server: DnsServer) -> None:
    publish(dns_server, f"v=spf1 include:{NEEDED} -all", domain="xn--bcher-kva.example")
    findings = checked(dns_server, mailbox(address="info@Bücher.example", username="info@Bücher.example"))
    assert verdicts(findings, Check.SPF) == [("spf_ok", Severity.GOOD)]
    assert one(findings, "dmarc_missing").record == Record(name="_dmarc.xn--bcher-kva.example", text="v=DMARC1; p=none")


def test_a_domain_that_does_not_exist_is_the_only_thing_said(dns_server: DnsServer) -> None:
    findings = checked(dns_server, mailbox())
    assert [(finding.code, finding.severity) for finding in findings[1:]] == [("domain_missing", Severity.PROBLEM)]


# From


def test_a_from_that_the_provider_refuses_is_a_problem(dns_server: DnsServer) -> None:
    publish(dns_server)
    sender = Sender(address="other@qq.com", username="me@qq.com", provider=provider("qq"))
    findings = checked(dns_server, sender)
    assert verdicts(findings, Check.FROM) == [("from_refused", Severity.PROBLEM)]


def test_a_from_that_may_be_refused_is_a_warning(dns_server: DnsServer) -> None:
    publish(dns_server)
    sender = Sender(address="other@example.com", username="me@example.com", provider=provider("google-workspace"))
    assert verdicts(checked(dns_server, sender), Check.FROM) == [("from_doubtful", Severity.WARNING)]


def test_a_provider_without_a_rule_takes_any(dns_server: DnsServer) -> None:
    publish(dns_server)
    findings = checked(dns_server, Sender(address=ADDRESS, provider=provider("localhost-postfix")))
    assert verdicts(findings, Check.FROM) == [("from_free", Severity.GOOD)]


@pytest.mark.parametrize(
    ("address", "key"),
    [("me@qq.com", "qq"), ("me@foxmail.com", "qq"), ("me@gmail.com", "gmail"), ("me@gmail.com", "google-workspace")],
)
def test_the_domain_of_the_provider_itself_is_not_asked_about(dns_server: DnsServer, address: str, key: str) -> None:
    findings = checked(dns_server, Sender(address=address, username=address, provider=provider(key)))
    assert verdicts(findings, Check.DMARC) == [("provider_domain", Severity.GOOD)]
    assert dns_server.questions == []


@pytest.mark.parametrize(
    ("policy", "code", "severity"),
    [
        ("v=DMARC1; p=reject", "foreign_domain_refused", Severity.PROBLEM),
        ("v=DMARC1; p=quarantine", "foreign_domain_refused", Severity.PROBLEM),
        ("v=DMARC1; p=none; sp=reject", "foreign_domain", Severity.WARNING),
        (None, "foreign_domain", Severity.WARNING),
    ],
)
def test_a_domain_of_another_provider_is_judged_by_its_policy(
    dns_server: DnsServer, policy: str | None, code: str, severity: Severity
) -> None:
    if policy:
        dns_server.add("_dmarc.gmail.com", "TXT", policy)
    findings = checked(dns_server, Sender(address="me@gmail.com", provider=provider(SERVICE)))
    assert verdicts(findings, Check.DMARC) == [(code, severity)]
    assert all(finding.record is None for finding in findings)


# SPF


def test_a_missing_record_comes_with_the_one_to_publish(dns_server: DnsServer) -> None:
    publish(dns_server)
    dns_server.add("example.com", "TXT", "google-site-verification=x")
    finding = one(checked(dns_server, mailbox()), "spf_missing")
    assert finding.severity is Severity.PROBLEM
    assert finding.record == Record(name="example.com", text=f"v=spf1 include:{NEEDED} ~all")
    assert finding.record.zone_line == f'example.com. IN TXT "v=spf1 include:{NEEDED} ~all"'
    assert "Namecheap" in finding.text.en
    assert finding.text.zh.startswith("example.com 没有 SPF 记录")


def test_a_record_that_is_nearly_one_is_shown(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1; mx -all")
    finding = one(checked(dns_server, mailbox()), "spf_nearly")
    assert (finding.seen, finding.record and finding.record.replaces) == (("v=spf1; mx -all",), ("v=spf1; mx -all",))


def test_several_records_come_with_the_one_in_their_place(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1 mx -all")
    dns_server.add("example.com", "TXT", "v=spf1 a ~all")
    finding = one(checked(dns_server, mailbox()), "spf_multiple")
    assert finding.seen == ("v=spf1 a ~all", "v=spf1 mx -all")
    assert finding.record == Record(
        name="example.com", text=f"v=spf1 a mx include:{NEEDED} -all", replaces=finding.seen
    )


@pytest.mark.parametrize(
    ("spf", "suggested"),
    [
        ("v=spf1 -all", f"v=spf1 include:{NEEDED} -all"),
        ("v=spf1 ip4:192.0.2.7 ~all", f"v=spf1 ip4:192.0.2.7 include:{NEEDED} ~all"),
        ("v=spf1 -include:" + NEEDED + " -all", f"v=spf1 -include:{NEEDED} include:{NEEDED} -all"),
    ],
)
def test_a_record_without_the_provider_comes_with_it_added(dns_server: DnsServer, spf: str, suggested: str) -> None:
    publish(dns_server, spf)
    finding = one(checked(dns_server, mailbox()), "spf_not_included")
    assert finding.severity is Severity.PROBLEM
    assert finding.record == Record(name="example.com", text=suggested, replaces=(spf,))


@pytest.mark.parametrize(
    "spf",
    [
        f"v=spf1 include:{NEEDED} -all",
        f"v=spf1 INCLUDE:{NEEDED.upper()}. -all",
        f"v=spf1 redirect={NEEDED}",
        "v=spf1 include:all.example.com -all",
        "v=spf1 redirect=all.example.com",
        # The provider's networks written out.
        "v=spf1 ip4:198.51.100.0/24 -all",
        "v=spf1 ip4:198.51.0.0/16 -all",
    ],
)
def test_a_record_that_lets_the_provider_send_is_good_however_it_says_so(dns_server: DnsServer, spf: str) -> None:
    publish(dns_server, spf)
    dns_server.add("all.example.com", "TXT", f"v=spf1 include:{NEEDED} -all")
    assert ("spf_ok", Severity.GOOD) in verdicts(checked(dns_server, mailbox()), Check.SPF)


@pytest.mark.parametrize(
    ("spf", "code"),
    [
        ("v=spf1 ipv4:192.0.2.1 -all", "spf_syntax"),
        ("v=spf1 include:nothing.example.com -all", "spf_part_no_record"),
        ("v=spf1 include:two.example.com -all", "spf_part_several_records"),
        ("v=spf1 include:bad.example.com -all", "spf_part_syntax"),
        ("v=spf1 include:loop.example.com -all", "spf_part_loop"),
        ("v=spf1 mx:many.example.com -all", "spf_part_mail_hosts"),
    ],
)
def test_a_void_record_says_where_it_breaks(dns_server: DnsServer, spf: str, code: str) -> None:
    publish(dns_server, spf, "v=DMARC1; p=reject")
    dns_server.add("two.example.com", "TXT", "v=spf1 -all", "v=spf1 mx -all")
    dns_server.add("bad.example.com", "TXT", "v=spf1 ip:1.2.3.4 -all")
    dns_server.add("loop.example.com", "TXT", "v=spf1 include:example.com -all")
    dns_server.add("many.example.com", "MX", *(f"10 mx{number}.example.com." for number in range(12)))
    findings = checked(dns_server, mailbox(selectors=("s1",)))
    assert verdicts(findings, Check.SPF) == [(code, Severity.PROBLEM)]
    # The whole record is void, and no key stands in for it.
    assert verdicts(findings, Check.DMARC)[-1] == ("not_aligned", Severity.PROBLEM)


def test_every_mistake_is_named_up_to_a_few(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1 " + " ".join(f"ip:{number}" for number in range(50)))
    assert verdicts(checked(dns_server, mailbox()), Check.SPF) == [("spf_syntax", Severity.PROBLEM)] * 5


def test_too_many_look_ups_are_counted(dns_server: DnsServer) -> None:
    includes = " ".join(f"include:i{number}.example.com" for number in range(11))
    publish(dns_server, f"v=spf1 {includes} include:{NEEDED} -all")
    for number in range(11):
        dns_server.add(f"i{number}.example.com", "TXT", "v=spf1 -all")
    findings = checked(dns_server, mailbox())
    assert ("spf_too_many_lookups", Severity.PROBLEM) in verdicts(findings, Check.SPF)
    assert "needs 12 look-ups" in one(findings, "spf_too_many_lookups").text.en


def test_a_record_without_room_for_the_provider_says_so(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1 " + " ".join(["a:example.com"] * 10) + " -all")
    finding = one(checked(dns_server, mailbox()), "spf_not_included_full")
    assert "would need 11 look-ups" in finding.text.en


def test_too_many_missing_hosts_are_counted(dns_server: DnsServer) -> None:
    publish(dns_server, f"v=spf1 a:x.example.com a:y.example.com a:z.example.com include:{NEEDED} -all")
    findings = checked(dns_server, mailbox())
    assert ("spf_too_many_voids", Severity.WARNING) in verdicts(findings, Check.SPF)


@pytest.mark.parametrize(
    ("spf", "suggested"),
    [
        (f"v=spf1 include:{NEEDED} +all", f"v=spf1 include:{NEEDED} ~all"),
        ("v=spf1 ip4:0.0.0.0/0 -all", None),
    ],
)
def test_a_record_that_lets_everybody_in_is_a_problem(dns_server: DnsServer, spf: str, suggested: str | None) -> None:
    publish(dns_server, spf)
    finding = one(checked(dns_server, mailbox()), "spf_open")
    assert finding.severity is Severity.PROBLEM
    assert (finding.record.text if finding.record else None) == suggested


@pytest.mark.parametrize(
    ("spf", "code", "severity"),
    [
        (f"v=spf1 include:{NEEDED}", "spf_no_end", Severity.NOTE),
        (f"v=spf1 include:{NEEDED} ptr -all", "spf_ptr", Severity.NOTE),
        (f"v=spf1 include:{NEEDED} -all mx", "spf_unreached", Severity.WARNING),
        (f"v=spf1 include:{NEEDED} ip4=192.0.2.1 -all", "spf_ignored", Severity.WARNING),
    ],
)
def test_slips_are_told_beside_what_works(dns_server: DnsServer, spf: str, code: str, severity: Severity) -> None:
    publish(dns_server, spf)
    found = verdicts(checked(dns_server, mailbox()), Check.SPF)
    assert found == [(code, severity), ("spf_ok", Severity.GOOD)]


def test_a_record_that_depends_on_the_message_cannot_be_judged(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1 exists:%{i}._spf.example.com -all")
    assert verdicts(checked(dns_server, mailbox()), Check.SPF) == [("spf_macros", Severity.UNKNOWN)]


@pytest.mark.parametrize(("behaviour", "reason"), [(servfail, "the server failed"), (silent, "no answer in time")])
def test_dns_that_cannot_be_asked_is_said_to_be_that(dns_server: DnsServer, behaviour: Behaviour, reason: str) -> None:
    publish(dns_server, f"v=spf1 include:{NEEDED} -all", "v=DMARC1; p=reject")
    dns_server.behave("*", behaviour)
    started = monotonic()
    findings = checked(dns_server, mailbox(selectors=("s1",)), seconds=1)
    assert monotonic() - started < 10
    assert [(finding.code, finding.severity) for finding in findings[1:]] == [
        ("spf_not_asked", Severity.UNKNOWN),
        ("dkim_not_asked", Severity.UNKNOWN),
        ("dmarc_not_asked", Severity.UNKNOWN),
    ]
    assert reason in one(findings, "spf_not_asked").text.en
    assert all("could not be asked" in finding.text.en for finding in findings[1:])
    assert all("无法向 DNS 查询" in finding.text.zh for finding in findings[1:])
    assert all(finding.record is None for finding in findings)


def test_a_part_that_cannot_be_asked_is_said_to_be_that(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1 include:broken.example.com -all")
    dns_server.behave("broken.example.com", servfail)
    assert verdicts(checked(dns_server, mailbox()), Check.SPF) == [("spf_part_not_asked", Severity.UNKNOWN)]


def test_records_cut_on_udp_are_read_over_tcp(dns_server: DnsServer) -> None:
    publish(dns_server, f"v=spf1 include:{NEEDED} -all", "v=DMARC1; p=reject")
    dns_server.behave("*", truncated)
    findings = checked(dns_server, mailbox())
    assert ("spf_ok", Severity.GOOD) in verdicts(findings, Check.SPF)


def test_an_unknown_need_is_said_to_be_unknown(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1 mx -all")
    dns_server.add("example.com", "MX", "10 example.com.")
    unknown = Provider(key="x", name=provider(MAILBOXES).name, endpoints=provider(MAILBOXES).endpoints)
    assert verdicts(checked(dns_server, mailbox(provider=unknown)), Check.SPF) == [("spf_need_unknown", Severity.NOTE)]


# A service with a return path of its own


@pytest.mark.parametrize(
    ("spf", "expected"),
    [
        ("v=spf1 include:sendgrid.net -all", ("spf_ok", Severity.GOOD)),
        ("v=spf1 -all", ("spf_own_path", Severity.NOTE)),
        (None, ("spf_own_path", Severity.NOTE)),
    ],
)
def test_a_service_with_its_own_return_path_needs_no_record(
    dns_server: DnsServer, spf: str | None, expected: tuple[str, Severity]
) -> None:
    publish(dns_server, spf)
    dns_server.add("sendgrid.net", "TXT", "v=spf1 ip4:203.0.113.0/24 ~all")
    sender = Sender(address=ADDRESS, username="apikey", provider=provider(SERVICE))
    assert verdicts(checked(dns_server, sender), Check.SPF) == [expected]


def test_for_such_a_service_alignment_rests_on_dkim(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1 include:sendgrid.net -all", "v=DMARC1; p=reject")
    dns_server.add("sendgrid.net", "TXT", "v=spf1 ip4:203.0.113.0/24 ~all")
    sender = Sender(address=ADDRESS, username="apikey", provider=provider(SERVICE), selectors=("s1",))
    assert verdicts(checked(dns_server, sender), Check.DMARC)[-1] == ("not_aligned", Severity.PROBLEM)
    dns_server.add("s1._domainkey.example.com", "CNAME", "s1.domainkey.u1.wl.sendgrid.net.")
    dns_server.add("s1.domainkey.u1.wl.sendgrid.net", "TXT", f"k=rsa; t=s; p={rsa()}")
    findings = checked(dns_server, sender)
    assert verdicts(findings, Check.DMARC)[-1] == ("aligned", Severity.GOOD)
    assert "by DKIM." in one(findings, "aligned").text.en


# An own server


@pytest.mark.parametrize(
    ("spf", "code"),
    [
        ("v=spf1 a:mail.example.com -all", "spf_host_listed"),
        ("v=spf1 ip4:93.184.216.0/24 ip6:2606:2800::/32 -all", "spf_host_listed"),
        ("v=spf1 ip4:93.184.216.0/24 -all", "spf_host_not_listed"),
        ("v=spf1 -all", "spf_host_not_listed"),
    ],
)
def test_an_own_server_is_looked_for_by_its_addresses(dns_server: DnsServer, spf: str, code: str) -> None:
    publish(dns_server, spf)
    dns_server.add("mail.example.com", "A", "93.184.216.34")
    dns_server.add("mail.example.com", "AAAA", "2606:2800:220:1::1")
    findings = checked(dns_server, Sender(address=ADDRESS, username=ADDRESS, host="mail.example.com"))
    assert [code_ for code_, _ in verdicts(findings, Check.SPF)] == [code]
    if code == "spf_host_not_listed":
        record = one(findings, code).record
        assert record is not None
        assert "a:mail.example.com" in record.text


def test_a_missing_record_of_an_own_server_names_it(dns_server: DnsServer) -> None:
    publish(dns_server)
    dns_server.add("mail.example.com", "A", "93.184.216.34")
    finding = one(checked(dns_server, Sender(address=ADDRESS, host="mail.example.com")), "spf_missing")
    assert finding.record == Record(name="example.com", text="v=spf1 a:mail.example.com ~all")
    assert "your server" in finding.text.en


@pytest.mark.parametrize("host", ["localhost", "postfix", "mail.internal.example", "192.168.1.5", ""])
def test_an_own_server_that_others_do_not_see_cannot_be_judged(dns_server: DnsServer, host: str) -> None:
    publish(dns_server, "v=spf1 ip4:93.184.216.34 -all")
    dns_server.add("mail.internal.example", "A", "10.0.0.5")
    findings = checked(dns_server, Sender(address=ADDRESS, host=host))
    assert verdicts(findings, Check.SPF) == [("spf_host_unknown", Severity.NOTE)]


# DKIM


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([f"v=DKIM1; p={rsa(1024)}"], [("dkim_short", Severity.NOTE)]),
        (["v=DKIM1; p="], [("dkim_revoked", Severity.PROBLEM)]),
        (["v=DKIM1; p=broken!"], [("dkim_malformed", Severity.PROBLEM)]),
        (["v=DKIM1; k=dsa; p=abcd"], [("dkim_other_type", Severity.PROBLEM)]),
        ([f"v=DKIM1; s=other; p={rsa()}"], [("dkim_not_for_mail", Severity.PROBLEM)]),
        ([f"v=DKIM1; t=y; p={rsa()}"], [("dkim_ok", Severity.GOOD), ("dkim_testing", Severity.WARNING)]),
        ([f"v=DKIM1; p={rsa()}", "v=DKIM1; p="], [("dkim_multiple", Severity.PROBLEM)]),
        ([], [("dkim_missing", Severity.WARNING)]),
    ],
)
def test_a_key_is_judged_by_what_is_published(
    dns_server: DnsServer, records: list[str], expected: list[tuple[str, Severity]]
) -> None:
    publish(dns_server, "v=spf1 -all")
    if records:
        dns_server.add("s1._domainkey.example.com", "TXT", *records)
    assert verdicts(checked(dns_server, mailbox(selectors=("s1",))), Check.DKIM) == expected


def test_all_of_the_operators_selectors_have_to_be_there(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1 -all")
    dns_server.add("s1._domainkey.example.com", "TXT", f"v=DKIM1; p={rsa()}")
    assert verdicts(checked(dns_server, mailbox(selectors=("s1", "s2"))), Check.DKIM) == [
        ("dkim_ok", Severity.GOOD),
        ("dkim_missing", Severity.WARNING),
    ]


def test_without_any_key_below_the_domain_that_is_said(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1 -all")
    nothing_known = mailbox(provider=None)
    assert verdicts(checked(dns_server, nothing_known), Check.DKIM) == [("dkim_none", Severity.WARNING)]
    dns_server.add("some._domainkey.example.com", "TXT", f"v=DKIM1; p={rsa()}")
    assert verdicts(checked(dns_server, nothing_known), Check.DKIM) == [("dkim_no_selector", Severity.UNKNOWN)]


@pytest.mark.parametrize("selector", ["../x", "a b", "", "x" * 64, "ü", "a..b"])
def test_a_selector_that_is_no_name_is_not_asked_for(dns_server: DnsServer, selector: str) -> None:
    publish(dns_server, "v=spf1 -all")
    findings = checked(dns_server, mailbox(selectors=(selector,)))
    assert verdicts(findings, Check.DKIM) == [("dkim_not_asked", Severity.UNKNOWN)]
    assert not [name for name, _, _ in dns_server.questions if "_domainkey" in name]


def test_a_giant_number_of_selectors_is_not_asked_for(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1 -all")
    checked(dns_server, mailbox(selectors=tuple(f"s{number}" for number in range(500))))
    assert len([name for name, _, _ in dns_server.questions if "_domainkey" in name]) == 10


# DMARC


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], ("dmarc_missing", Severity.WARNING)),
        (["unrelated"], ("dmarc_missing", Severity.WARNING)),
        (["v=DMARC1, p=none"], ("dmarc_nearly", Severity.PROBLEM)),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], ("dmarc_multiple", Severity.PROBLEM)),
        (["v=DMARC1; p=rejct"], ("dmarc_syntax", Severity.PROBLEM)),
        (["v=DMARC1; p=none"], ("dmarc_none", Severity.NOTE)),
        (["v=DMARC1; p=quarantine"], ("dmarc_quarantine", Severity.GOOD)),
        (["v=DMARC1; p=reject"], ("dmarc_reject", Severity.GOOD)),
    ],
)
def test_a_policy_is_judged_by_what_is_published(
    dns_server: DnsServer, records: list[str], expected: tuple[str, Severity]
) -> None:
    publish(dns_server, f"v=spf1 include:{NEEDED} -all")
    if records:
        dns_server.add("_dmarc.example.com", "TXT", *records)
    findings = checked(dns_server, mailbox())
    assert verdicts(findings, Check.DMARC)[0] == expected
    if expected[0] in {"dmarc_missing", "dmarc_nearly"}:
        record = one(findings, expected[0]).record
        assert record is not None
        assert (record.name, record.text) == ("_dmarc.example.com", "v=DMARC1; p=none")


def test_the_policy_of_the_parent_is_shown_where_it_stands(dns_server: DnsServer) -> None:
    publish(dns_server, f"v=spf1 include:{NEEDED} -all", domain="alerts.example.com")
    dns_server.add("_dmarc.example.com", "TXT", "v=DMARC1; p=none; sp=reject")
    findings = checked(dns_server, mailbox(address="a@alerts.example.com", username="a@alerts.example.com"))
    finding = one(findings, "dmarc_reject")
    assert (finding.name, finding.seen) == ("_dmarc.example.com", ("v=DMARC1; p=none; sp=reject",))


def test_spf_alone_is_said_to_break_when_mail_is_forwarded(dns_server: DnsServer) -> None:
    publish(dns_server, f"v=spf1 include:{NEEDED} -all", "v=DMARC1; p=reject")
    findings = checked(dns_server, mailbox(selectors=("s1",)))
    assert verdicts(findings, Check.DMARC)[-1] == ("aligned_by_spf", Severity.NOTE)


@pytest.mark.parametrize(
    ("policy", "severity"),
    [("none", Severity.WARNING), ("quarantine", Severity.PROBLEM), ("reject", Severity.PROBLEM)],
)
def test_mail_that_nothing_stands_for_is_judged_by_the_policy(
    dns_server: DnsServer, policy: str, severity: Severity
) -> None:
    publish(dns_server, "v=spf1 -all", f"v=DMARC1; p={policy}")
    findings = checked(dns_server, mailbox(selectors=("s1",)))
    assert verdicts(findings, Check.DMARC)[-1] == ("not_aligned", severity)
    assert policy in one(findings, "not_aligned").text.en


def test_where_dkim_cannot_be_judged_alignment_cannot_either(dns_server: DnsServer) -> None:
    publish(dns_server, "v=spf1 -all", "v=DMARC1; p=reject")
    dns_server.add("some._domainkey.example.com", "TXT", f"v=DKIM1; p={rsa()}")
    findings = checked(dns_server, mailbox(provider=provider("hetzner")))
    assert verdicts(findings, Check.DMARC)[-1] == ("alignment_unknown", Severity.UNKNOWN)


@pytest.mark.parametrize(
    ("dmarc", "envelope", "expected"),
    [
        ("v=DMARC1; p=reject", "b@bounce.example.com", ("aligned_by_spf", Severity.NOTE)),
        ("v=DMARC1; p=reject; aspf=s", "b@bounce.example.com", ("not_aligned_strict", Severity.PROBLEM)),
        ("v=DMARC1; p=none; aspf=s", "b@bounce.example.com", ("not_aligned_strict", Severity.WARNING)),
        ("v=DMARC1; p=reject; aspf=s", "b@example.com", ("aligned_by_spf", Severity.NOTE)),
        ("v=DMARC1; p=reject", "b@elsewhere.example", ("not_aligned", Severity.PROBLEM)),
    ],
)
def test_an_envelope_in_another_domain_counts_where_the_record_lets_it(
    dns_server: DnsServer, dmarc: str, envelope: str, expected: tuple[str, Severity]
) -> None:
    publish(dns_server, f"v=spf1 include:{NEEDED} -all", dmarc)
    for domain in ("bounce.example.com", "elsewhere.example"):
        dns_server.add(domain, "TXT", f"v=spf1 include:{NEEDED} -all")
    findings = checked(dns_server, mailbox(envelope=envelope, selectors=("s1",)))
    assert verdicts(findings, Check.DMARC)[-1] == expected


# Hostile domains


def test_a_hostile_domain_costs_bounded_time_and_questions(dns_server: DnsServer) -> None:
    def chain(name: str, kind: str) -> list[str] | None:
        if kind != "TXT" or not name.endswith("example.com"):
            return None
        return [f"v=spf1 include:x{name[:50]} include:y{name[:50]} " + "exists:%{i}.example.com " * 50 + "-all"]

    dns_server.make(chain)
    started = monotonic()
    checked(dns_server, mailbox(selectors=("s1",)))
    assert monotonic() - started < 10
    assert len(dns_server.questions) <= 150


def test_every_text_is_said_in_both_languages() -> None:
    han = re.compile(r"[\u4e00-\u9fff]")
    for code, text in TEXTS.items():
        assert text.en, code
        assert han.search(text.zh), code
        assert set(re.findall(r"\{[a-z]+\}", text.en)) == set(re.findall(r"\{[a-z]+\}", text.zh)), code


# What is known of providers


@pytest.mark.parametrize("item", [item for item in load() if item.dkim_selectors], ids=lambda item: item.key)
def test_the_usual_keys_of_a_provider_are_looked_for(dns_server: DnsServer, item: Provider) -> None:
    publish(dns_server, "v=spf1 -all")
    sender = Sender(address=ADDRESS, username=ADDRESS, provider=item)
    assert verdicts(checked(dns_server, sender), Check.DKIM) == [("dkim_usual_missing", Severity.WARNING)]
    dns_server.add(f"{item.dkim_selectors[-1]}._domainkey.example.com", "TXT", f"v=DKIM1; p={rsa()}")
    assert verdicts(checked(dns_server, sender), Check.DKIM) == [("dkim_ok", Severity.GOOD)]


@pytest.mark.parametrize("item", [item for item in load() if item.spf_include], ids=lambda item: item.key)
def test_what_a_provider_needs_is_looked_for_and_offered(dns_server: DnsServer, item: Provider) -> None:
    dns_server.add("example.com", "TXT", "v=spf1 -all")
    dns_server.add(item.spf_include, "TXT", "v=spf1 ip4:203.0.113.0/24 -all")
    sender = Sender(address=ADDRESS, username=ADDRESS, provider=item)
    (finding,) = [finding for finding in checked(dns_server, sender) if finding.check is Check.SPF]
    assert finding.record is not None
    assert finding.record.text == f"v=spf1 include:{item.spf_include} -all"
    dns_server.remove("example.com", "TXT")
    dns_server.add("example.com", "TXT", finding.record.text)
    assert verdicts(checked(dns_server, sender), Check.SPF) == [("spf_ok", Severity.GOOD)]
