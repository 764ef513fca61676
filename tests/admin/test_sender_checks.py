"""The sender's page: From, SPF, DKIM and DMARC with a badge and a sentence each, and the record to publish."""

import html
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from smtpadmin.models import Allowance, Profile
from smtpadmin.resolver import Resolver
from tests.admin.forms import page, text_of, values
from tests.sender_checks.keys import rsa
from tests.support.dns_server import DnsServer, servfail
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, StartServer

pytestmark = pytest.mark.django_db

STREAM = {"accept": "application/x-smtpadmin-steps"}
NEEDED = "spf.privateemail.com"


@pytest.fixture(autouse=True)
def dns(dns_server: DnsServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> DnsServer:
    """The DNS that the panel asks, whose port cannot be set: all questions go there, and nowhere else."""
    settings.SMTPADMIN = settings.SMTPADMIN | {"DNS_SERVERS": [dns_server.host]}
    monkeypatch.setattr(
        "smtpadmin.advice.Resolver", lambda servers: Resolver(servers=servers, port=dns_server.port, seconds=10)
    )
    return dns_server


def publish(dns: DnsServer, *, spf: str = "", dmarc: str = "", selector: str = "") -> None:
    dns.add("example.com", "A", "192.0.2.1")
    dns.add(NEEDED, "TXT", "v=spf1 ip4:198.51.100.0/24 ~all")
    if spf:
        dns.add("example.com", "TXT", spf)
    if dmarc:
        dns.add("_dmarc.example.com", "TXT", dmarc)
    if selector:
        dns.add(f"{selector}._domainkey.example.com", "TXT", f"v=DKIM1; p={rsa()}")


@pytest.fixture
def sender(db: None) -> Profile:
    return make_profile(provider="namecheap", host="mail.privateemail.com")


def badges(response: Any) -> dict[str, str]:
    """Return the badge of each check."""
    found = re.findall(r'data-check="(\w+)".*?data-status>([^<]*)<', response.content.decode(), flags=re.DOTALL)
    return {check: html.unescape(label) for check, label in found}


def checked(client: Client, profile: Profile) -> Any:
    """Open the page as a browser without scripts does, and return it whole."""
    response = client.get(page(profile, "sender"), {"now": "1"})
    assert response.status_code == 200
    return response


def test_a_sender_in_order_is_said_to_be(admin: Client, sender: Profile, dns: DnsServer) -> None:
    publish(dns, spf=f"v=spf1 include:{NEEDED} -all", dmarc="v=DMARC1; p=reject", selector="s1")
    Profile.objects.update(dkim_selector="s1")
    response = checked(admin, sender)
    assert badges(response) == {"from": "In order", "spf": "In order", "dkim": "In order", "dmarc": "In order"}
    text = text_of(response)
    assert "All is in order: receivers can tell that mail from this address is yours." in text
    assert "The DKIM key s1 of example.com is published and long enough" in text
    assert "Add this record" not in text


def test_what_is_missing_comes_with_the_record_to_add(admin: Client, sender: Profile, dns: DnsServer) -> None:
    publish(dns)
    response = checked(admin, sender)
    assert badges(response) == {"from": "In order", "spf": "To mend", "dkim": "To improve", "dmarc": "To improve"}
    records = re.findall(r"<pre[^>]*>([^<]*)</pre><button", response.content.decode(), flags=re.DOTALL)
    assert records == [
        "example.com", f"v=spf1 include:{NEEDED} ~all", "_dmarc.example.com", "v=DMARC1; p=none",
    ]  # fmt: skip
    assert 'example.com. IN TXT "v=spf1 include:spf.privateemail.com ~all"' in html.unescape(response.content.decode())


def test_a_record_to_change_says_which_it_replaces(admin: Client, sender: Profile, dns: DnsServer) -> None:
    publish(dns, spf="v=spf1 mx -all", dmarc="v=DMARC1; p=none")
    dns.add("example.com", "MX", "10 mx.example.com.")
    dns.add("mx.example.com", "A", "192.0.2.2")
    text = text_of(checked(admin, sender))
    assert "Change this record at your DNS provider:" in text
    assert f"v=spf1 mx include:{NEEDED} -all" in text
    assert "In place of v=spf1 mx -all" in text


def test_dns_that_does_not_answer_is_told_from_no_record(admin: Client, sender: Profile, dns: DnsServer) -> None:
    dns.behave("*", servfail)
    response = checked(admin, sender)
    assert badges(response)["spf"] == "DNS did not answer"
    text = text_of(response)
    assert "That does not mean that there is none: try again." in text
    assert "has no SPF record" not in text
    assert "Add this record" not in text


def test_the_selector_of_the_profile_is_looked_up(admin: Client, sender: Profile, dns: DnsServer) -> None:
    publish(dns, selector="own2024")
    assert badges(checked(admin, sender))["dkim"] == "Not known"
    admin.post(page(sender), values(sender, dkim_selector="own2024", without_secret="on"))
    assert badges(checked(admin, sender))["dkim"] == "In order"
    assert ("own2024._domainkey.example.com", "TXT", "udp") in dns.questions


def test_an_unknown_selector_leads_to_its_field(admin: Client, viewer: Client, dns: DnsServer) -> None:
    publish(dns, selector="hidden")
    profile = make_profile(host="mail.shop.example")
    link = f"{page(profile)}?field=dkim_selector#id_dkim_selector"
    assert link in checked(admin, profile).content.decode()
    assert link not in checked(viewer, profile).content.decode()


def test_a_provider_s_own_domain_leaves_nothing_to_set_up(admin: Client, dns: DnsServer) -> None:
    profile = make_profile(
        provider="gmail", host="smtp.gmail.com", username="me@gmail.com", from_address="me@gmail.com"
    )
    response = checked(admin, profile)
    assert badges(response) == {"from": "In order", "spf": "Left out", "dkim": "Left out", "dmarc": "In order"}
    assert dns.questions == []


def test_a_from_that_the_provider_refuses_is_said(admin: Client, dns: DnsServer) -> None:
    publish(dns)
    profile = make_profile(provider="qq", host="smtp.qq.com", username="me@qq.com", from_address="a@example.com")
    response = checked(admin, profile)
    assert badges(response)["from"] == "To mend"
    assert "QQ Mail accepts only the address you sign in with" in text_of(response)


def test_a_server_without_a_known_rule_is_not_judged(admin: Client, dns: DnsServer) -> None:
    publish(dns)
    response = checked(admin, make_profile(host="mail.shop.example"))
    assert badges(response)["from"] == "Left out"
    assert "No rule of this server is known." in text_of(response)


def test_the_page_is_there_before_dns_is_asked(admin: Client, sender: Profile, dns: DnsServer) -> None:
    response = admin.get(page(sender, "sender"))
    content = response.content.decode()
    assert "data-waits" in content
    # A browser without scripts goes on by itself.
    assert '<noscript><meta http-equiv="refresh" content="0; url=?now=1"></noscript>' in content
    assert dns.questions == []


def test_the_script_gets_each_check_as_a_piece_and_the_summary_last(
    admin: Client, sender: Profile, dns: DnsServer
) -> None:
    publish(dns, spf=f"v=spf1 include:{NEEDED} -all", dmarc="v=DMARC1; p=reject", selector="s1")
    Profile.objects.update(dkim_selector="s1")
    response = admin.post(page(sender, "sender/run"), headers=STREAM)
    *rows, summary = response.pieces  # type: ignore[attr-defined]
    assert [re.search(r'data-check="(\w+)"', row)[1] for row in rows] == ["from", "spf", "dkim", "dmarc"]  # type: ignore[index]
    assert "All is in order" in summary


def test_what_strangers_publish_is_text_and_cuts_no_piece(admin: Client, sender: Profile, dns: DnsServer) -> None:
    publish(dns, spf=f"v=spf1 include:{NEEDED} -all", dmarc="v=DMARC1; p=none; x=<script>\x1e\x1b")
    pieces = admin.post(page(sender, "sender/run"), headers=STREAM).pieces  # type: ignore[attr-defined]
    assert len(pieces) == 5
    assert "<script>" not in "".join(pieces)
    assert "&lt;script&gt;" in pieces[3]


def test_without_a_script_the_button_answers_with_the_whole_page(
    admin: Client, sender: Profile, dns: DnsServer
) -> None:
    publish(dns)
    response = admin.post(page(sender, "sender/run"))
    assert badges(response)["spf"] == "To mend"


@pytest.mark.parametrize(("who", "status"), [("admin", 200), ("viewer", 200), ("tester", 200), ("stranger", 403)])
def test_whoever_sees_the_profile_may_check_its_sender(
    request: pytest.FixtureRequest, sender: Profile, dns: DnsServer, who: str, status: int
) -> None:
    client = request.getfixturevalue(who)
    publish(dns)
    assert client.get(page(sender, "sender")).status_code == status
    assert client.get(page(sender, "sender"), {"now": "1"}).status_code == status
    assert client.post(page(sender, "sender/run"), headers=STREAM).status_code == status


def test_nobody_checks_without_end(admin: Client, sender: Profile, settings: Settings, dns: DnsServer) -> None:
    settings.SMTPADMIN = settings.SMTPADMIN | {"TESTS_PER_MINUTE": 1}
    publish(dns)
    checked(admin, sender)
    refused = admin.post(page(sender, "sender/run"), headers=STREAM)
    assert refused.status_code == 422
    assert "You have checked 1 times within a minute." in text_of(refused)
    assert admin.get(page(sender, "sender"), {"now": "1"}).status_code == 429
    assert Allowance.objects.filter(scope__startswith="sender.").count() == 2


def test_the_profile_and_a_test_that_went_well_lead_to_it(
    admin: Client, smtp_server: StartServer, dns: DnsServer
) -> None:
    server = smtp_server()
    profile = make_profile(host=server.host, port=server.port, security="none", username=USERNAME, password=PASSWORD)
    link = f'href="{page(profile, "sender")}"'
    assert link in admin.get(page(profile)).content.decode()
    admin.post(page(profile, "test/run"), {"recipient": "you@example.org"})
    assert link in admin.get(page(profile, "test")).content.decode()
    assert dns.questions == []
