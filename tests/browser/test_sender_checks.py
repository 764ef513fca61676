"""The sender's page and the page of a refused certificate: with and without scripts, in every variant."""

import re

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from playwright.sync_api import expect
from pytest_django import Settings

from smtpadmin.models import Profile
from smtpadmin.resolver import Resolver
from tests.browser.visitor import Visitor
from tests.support.certificates import CertificateFactory
from tests.support.dns_server import DnsServer, servfail
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, Security, StartServer
from tests.support.stock_admin import use_stock_admin

PROFILES = "/admin/smtpadmin/profile/"
# A look-up and a stalled machine; nothing here is about speed.
PATIENCE = 60_000


@pytest.fixture
def dns(dns_server: DnsServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> DnsServer:
    """The DNS that the panel asks: a domain with a record for SPF that lacks its provider, and nothing else."""
    settings.SMTPADMIN = settings.SMTPADMIN | {"DNS_SERVERS": [dns_server.host]}
    monkeypatch.setattr("smtpadmin.advice.Resolver", lambda servers: Resolver(servers=servers, port=dns_server.port))
    dns_server.add("example.com", "TXT", "v=spf1 ip4:192.0.2.7 -all")
    dns_server.add("spf.privateemail.com", "TXT", "v=spf1 ip4:198.51.100.0/24 ~all")
    return dns_server


@pytest.fixture
def sender(administrator: AbstractBaseUser) -> Profile:
    return make_profile(provider="namecheap", host="mail.privateemail.com")


def wait_for_result(visitor: Visitor) -> None:
    expect(visitor.page.locator("[data-sender-summary]")).to_be_visible(timeout=PATIENCE)


def test_the_page_is_sound(visitor: Visitor, administrator: AbstractBaseUser, sender: Profile, dns: DnsServer) -> None:
    visitor.sign_in(administrator)
    visitor.open(f"{PROFILES}{sender.pk}/sender/")
    wait_for_result(visitor)
    visitor.assert_sound("sender")


def test_the_page_is_sound_in_a_stock_admin_too(
    desktop: Visitor, administrator: AbstractBaseUser, sender: Profile, dns: DnsServer, settings: Settings
) -> None:
    use_stock_admin(settings)
    desktop.sign_in(administrator)
    desktop.open(f"{PROFILES}{sender.pk}/sender/")
    wait_for_result(desktop)
    desktop.assert_sound("host-sender")


def test_dns_that_does_not_answer_is_sound_too(
    desktop: Visitor, administrator: AbstractBaseUser, sender: Profile, dns: DnsServer
) -> None:
    dns.behave("*", servfail)
    desktop.sign_in(administrator)
    page = desktop.open(f"{PROFILES}{sender.pk}/sender/")
    wait_for_result(desktop)
    expect(page.locator("[data-check=spf] [data-status]")).to_have_text(re.compile("DNS"))
    desktop.assert_sound("sender-unanswered")


def test_a_record_is_copied_and_the_check_repeated(
    desktop: Visitor, administrator: AbstractBaseUser, sender: Profile, dns: DnsServer
) -> None:
    desktop.sign_in(administrator)
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = desktop.open(f"{PROFILES}{sender.pk}/sender/")
    wait_for_result(desktop)
    spf = page.locator("[data-check=spf]")
    spf.locator("[data-copy-button]").nth(1).click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "v=spf1 ip4:192.0.2.7 include:spf.privateemail.com -all"
    dns.remove("example.com", "TXT")
    dns.add("example.com", "TXT", copied)
    page.get_by_role("button", name="Check again").click()
    expect(spf).to_contain_text("lets Namecheap Private Email send for it", timeout=PATIENCE)
    assert desktop.complaints == []


def test_without_scripts_the_browser_is_led_to_the_finished_page(
    scriptless: Visitor, administrator: AbstractBaseUser, sender: Profile, dns: DnsServer
) -> None:
    scriptless.sign_in(administrator)
    page = scriptless.open(f"{PROFILES}{sender.pk}/sender/")
    wait_for_result(scriptless)
    assert page.url.endswith("/sender/?now=1")
    expect(page.locator("[data-check=spf]")).to_contain_text("Change this record")
    page.get_by_role("button", name="Check again").click()
    wait_for_result(scriptless)


def test_a_refused_certificate_is_sound(
    visitor: Visitor, administrator: AbstractBaseUser, smtp_server: StartServer, certificates: CertificateFactory
) -> None:
    server = smtp_server(security=Security.IMPLICIT_TLS, certificate=certificates.good)
    profile = make_profile(host="localhost", port=server.port, username=USERNAME, password=PASSWORD)
    visitor.sign_in(administrator)
    show_result(visitor, profile)
    visitor.assert_sound("certificate-unknown-ca")


def test_a_refused_certificate_is_sound_in_a_stock_admin_too(
    phone: Visitor,
    administrator: AbstractBaseUser,
    smtp_server: StartServer,
    certificates: CertificateFactory,
    settings: Settings,
) -> None:
    use_stock_admin(settings)
    server = smtp_server(security=Security.IMPLICIT_TLS, certificate=certificates.good)
    phone.sign_in(administrator)
    show_result(phone, make_profile(host="localhost", port=server.port, username=USERNAME, password=PASSWORD))
    phone.assert_sound("host-certificate")


@pytest.mark.parametrize("kind", ["expired", "wrong_name", "intermediate_missing"])
def test_other_faults_are_sound_too(
    desktop: Visitor,
    administrator: AbstractBaseUser,
    smtp_server: StartServer,
    certificates: CertificateFactory,
    kind: str,
) -> None:
    server = smtp_server(security=Security.IMPLICIT_TLS, certificate=getattr(certificates, kind))
    where = {"host": "localhost", "port": server.port, "username": USERNAME, "ca_pem": certificates.ca_pem}
    profile = make_profile(password=PASSWORD, **where)
    desktop.sign_in(administrator)
    show_result(desktop, profile)
    desktop.assert_sound(f"certificate-{kind.replace('_', '-')}")


def show_result(visitor: Visitor, profile: Profile) -> None:
    """Run the check of a profile and unfold all that its result says of the certificate."""
    page = visitor.open(f"{PROFILES}{profile.pk}/test/")
    page.locator("[data-run] button[value=check]").click()
    expect(page.locator(".sa-certificate")).to_be_visible(timeout=PATIENCE)
    page.locator(".sa-certificate details").evaluate_all("all => all.forEach(details => { details.open = true; })")


def test_a_ca_is_trusted_by_the_links_of_the_result(
    desktop: Visitor, administrator: AbstractBaseUser, smtp_server: StartServer, certificates: CertificateFactory
) -> None:
    server = smtp_server(security=Security.IMPLICIT_TLS, certificate=certificates.good)
    profile = make_profile(host="localhost", port=server.port, username=USERNAME, password=PASSWORD)
    desktop.sign_in(administrator)
    page = desktop.open(f"{PROFILES}{profile.pk}/test/")
    page.locator("[data-run] button[value=check]").click()
    page.get_by_role("link", name="Trust this CA").click(timeout=PATIENCE)
    expect(page.locator("#id_ca_pem")).to_have_value(re.compile("BEGIN CERTIFICATE"))
    # The secret was given for a server known by other means, so it is asked for again.
    page.locator("#id_secret").fill(PASSWORD)
    page.get_by_role("button", name="Save and send test").click()
    page.locator("[data-run] button[value=check]").click()
    expect(page.locator(".sa-outcome.sa-tone-ok")).to_be_visible(timeout=PATIENCE)
    assert desktop.complaints == []
