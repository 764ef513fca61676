"""Finding settings in a real browser: on the form, after a failed test, and both without scripts."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from playwright.sync_api import Page, expect
from pytest_django import Settings

from smtpadmin import profiles
from smtpadmin.finding import Options
from smtpadmin.models import Profile
from smtpadmin.models.profile import today
from smtpadmin.resolver import Resolver
from smtpadmin.smtp import Security
from tests.admin.test_finding import KNOWN
from tests.browser.visitor import Visitor
from tests.support.certificates import CertificateFactory
from tests.support.dns_server import DnsServer, late
from tests.support.hostile import HostileServer, hostile_server
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, SmtpServer, StartServer
from tests.support.stock_admin import use_stock_admin

LIST = "/admin/smtpadmin/profile/"
ADD = f"{LIST}add/"
ADDRESS = "ada@example.com"


@pytest.fixture
def asked(system_dns: DnsServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> DnsServer:
    """The DNS server that every look-up of the panel goes to."""
    settings.SMTPADMIN = settings.SMTPADMIN | {"DNS_SERVERS": [system_dns.host], "AUTOCONFIG": False}
    monkeypatch.setattr("smtpadmin.advice.Resolver", lambda servers: Resolver(servers=servers, port=system_dns.port))
    return system_dns


@pytest.fixture
def hosted(asked: DnsServer) -> DnsServer:
    """A domain whose mail is at a known provider, and that names a server elsewhere besides."""
    asked.add("example.com", "MX", "10 mxbiz1.qq.com.")
    asked.add("_submissions._tcp.example.com", "SRV", "0 1 465 out.hoster.example.")
    return asked


@pytest.fixture
def likely(
    asked: DnsServer, certificates: CertificateFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HostileServer]:
    """A server of a usual name, which offers sign-in on a port of the test's own."""
    asked.add("smtp.example.com", "A", "127.0.0.1")
    with hostile_server(context=certificates.for_names("smtp.example.com").context(), implicit_tls=True) as server:
        ways = ((server.port, Security.IMPLICIT_TLS),)
        monkeypatch.setattr("smtpadmin.advice.finding.Options", partial(Options, ways=ways, ca_pem=certificates.ca_pem))
        yield server


def open_form(visitor: Visitor, administrator: AbstractBaseUser, path: str = ADD) -> Page:
    visitor.sign_in(administrator)
    page = visitor.open(path)
    page.wait_for_selector("[data-profile-form][data-ready]")
    return page


def find(page: Page, address: str = ADDRESS) -> None:
    page.fill("#id_address", address)
    page.get_by_role("button", name="Find settings").click()
    expect(page.locator("[data-found]")).to_be_visible(timeout=60_000)


def value(page: Page, name: str) -> str:
    return page.locator(f"[name={name}]").input_value()


def filled_in(page: Page) -> dict[str, str]:
    return {name: value(page, name) for name in ("provider", "host", "port", "security", "username")}


def assert_sound(visitor: Visitor, name: str) -> None:
    # Chromium reports a stream that was read to its end by hand as aborted.
    ends = ("/find/", "/test/run/", "/test/way/", "/try/")
    visitor.complaints[:] = [text for text in visitor.complaints if not text.endswith(ends)]
    visitor.assert_sound(name)


EXMAIL = {
    "provider": "tencent-exmail",
    "host": "smtp.exmail.qq.com",
    "port": "465",
    "security": "tls",
    "username": ADDRESS,
}


# The form


@pytest.mark.usefixtures("hosted")
def test_findings_are_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    page = open_form(visitor, administrator)
    page.fill("#id_address", ADDRESS)
    page.locator("[data-find-button]").click()
    expect(page.locator("[data-found]")).to_be_visible(timeout=60_000)
    assert_sound(visitor, "find-found")
    page.locator("[data-use]").first.click()
    assert filled_in(page) == EXMAIL


def test_nothing_found_is_sound(desktop: Visitor, administrator: AbstractBaseUser, asked: DnsServer) -> None:
    asked.add("example.com", "A", "192.0.2.1")
    page = open_form(desktop, administrator)
    find(page)
    expect(page.locator("[data-found]")).to_contain_text("No settings were found for this address.")
    assert_sound(desktop, "find-nothing")


@pytest.mark.usefixtures("hosted")
def test_findings_in_an_untouched_admin_are_sound(
    desktop: Visitor, administrator: AbstractBaseUser, settings: Settings
) -> None:
    use_stock_admin(settings)
    page = open_form(desktop, administrator)
    find(page)
    assert_sound(desktop, "host-find-found")


@pytest.mark.usefixtures("hosted")
def test_one_press_fills_the_form_in_and_leaves_everything_else(
    desktop: Visitor, administrator: AbstractBaseUser
) -> None:
    page = open_form(desktop, administrator)
    page.fill("#id_secret", PASSWORD)
    page.fill("#id_address", ADDRESS)
    # What opens for an unknown address moves what is below.
    expect(page.locator("[data-find-button]")).to_be_visible()
    page.click("[data-section=limits] summary")
    page.fill("#id_batch", "7")
    find(page)
    page.get_by_role("button", name="Use these settings").first.click()
    assert filled_in(page) == EXMAIL
    assert (value(page, "secret"), value(page, "batch")) == (PASSWORD, "7")
    expect(page.locator("#id_secret")).to_be_focused()
    expect(page.locator("[data-guide=tencent-exmail]")).to_be_visible()
    expect(page.locator("[data-used]:visible")).to_have_text("Filled in below. Type the secret, then send a test.")
    expect(page.locator("[data-section=server] [data-summary]")).to_contain_text("smtp.exmail.qq.com:465")


@pytest.mark.usefixtures("hosted")
def test_another_finding_takes_the_place_of_the_first(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    page = open_form(desktop, administrator)
    find(page)
    page.get_by_role("button", name="Use these settings").first.click()
    page.get_by_role("button", name="Use these settings").click()
    assert filled_in(page) == EXMAIL | {"provider": "other", "host": "out.hoster.example"}


@pytest.mark.usefixtures("hosted")
def test_the_search_is_told_the_address_and_nothing_else(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    page = open_form(desktop, administrator)
    page.fill("#id_secret", PASSWORD)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or "") if "/find/" in request.url else None)
    find(page)
    (body,) = sent
    assert ADDRESS in body
    assert PASSWORD not in body
    assert [name in body for name in ("csrfmiddlewaretoken", '"address"', '"secret"', '"host"')] == [
        True,
        True,
        False,
        False,
    ]


def test_steps_are_shown_as_they_happen(desktop: Visitor, administrator: AbstractBaseUser, asked: DnsServer) -> None:
    asked.add("example.com", "A", "192.0.2.1")
    asked.behave("_submission._tcp.example.com", late(3))
    page = open_form(desktop, administrator)
    page.fill("#id_address", ADDRESS)
    page.locator("[data-find-button]").click()
    steps = page.locator("[data-find-steps]")
    expect(steps.locator("[data-stage=mx]")).to_contain_text("names no server for its mail")
    expect(steps.locator(".sa-running")).to_have_attribute("data-stage", "srv")
    expect(page.locator("[data-find-button]")).to_be_disabled()
    expect(page.locator("[data-found]")).to_be_visible(timeout=60_000)
    expect(steps.locator(".sa-running")).to_have_count(0)
    expect(page.locator("[data-find-button]")).to_be_enabled()


def test_a_server_that_answers_is_used_and_the_user_name_stays(
    desktop: Visitor, administrator: AbstractBaseUser, likely: HostileServer
) -> None:
    page = open_form(desktop, administrator)
    find(page)
    page.get_by_role("button", name="Use these settings").click()
    assert filled_in(page) == {
        "provider": "other", "host": "smtp.example.com", "port": str(likely.port), "security": "tls",
        "username": ADDRESS,
    }  # fmt: skip
    likely.settle()
    assert likely.ledger.count("AUTH") == 0


@pytest.mark.usefixtures("hosted")
def test_what_was_found_for_another_domain_goes(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    page = open_form(desktop, administrator)
    find(page)
    page.fill("#id_address", "ada@another.example")
    expect(page.locator("[data-found]")).to_have_count(0)
    page.fill("#id_address", "ada@qq.com")
    expect(page.locator("[data-find-button]")).to_be_hidden()
    assert value(page, "host") == "smtp.qq.com"


def test_a_saved_profile_of_another_server_can_be_searched_for_and_its_secret_stays_behind(
    desktop: Visitor, administrator: AbstractBaseUser, hosted: DnsServer
) -> None:
    profile = make_profile(password=PASSWORD, username=ADDRESS, from_address=ADDRESS)
    page = open_form(desktop, administrator, f"{LIST}{profile.pk}/change/")
    find(page)
    page.get_by_role("button", name="Use these settings").first.click()
    assert filled_in(page) == EXMAIL
    expect(page.locator("[data-field=secret] [data-notes]")).to_contain_text("is not sent anywhere else")


def test_twenty_providers_are_filled_in_while_typing_without_asking_anybody(
    desktop: Visitor, administrator: AbstractBaseUser
) -> None:
    page = open_form(desktop, administrator)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for address, (provider, host) in KNOWN.items():
        page.fill("#id_address", address)
        assert (value(page, "provider"), value(page, "host")) == (provider, host)
        assert value(page, "username") != ""
        expect(page.locator("[data-find-button]")).to_be_hidden()
    assert [url for url in requests if "/find/" in url] == []


@pytest.mark.usefixtures("hosted")
def test_without_scripts_the_button_leads_back_to_the_filled_form(
    scriptless: Visitor, administrator: AbstractBaseUser
) -> None:
    scriptless.sign_in(administrator)
    page = scriptless.open(ADD)
    page.fill("#id_address", ADDRESS)
    page.fill("#id_secret", PASSWORD)
    page.get_by_role("button", name="Find settings").click()
    assert filled_in(page) == EXMAIL
    expect(page.locator("[data-find-steps]")).to_contain_text("Mail for example.com arrives at")
    expect(page.locator("[data-field=secret]")).to_contain_text("Type the secret again")
    page.get_by_role("button", name="Use these settings").click()
    assert value(page, "host") == "out.hoster.example"
    page.fill("#id_secret", PASSWORD)
    page.click("[name=_save]")
    assert (Profile.objects.get().host, Profile.objects.get().from_address) == ("out.hoster.example", ADDRESS)


# After a failed test


@pytest.fixture
def server(smtp_server: StartServer) -> SmtpServer:
    return smtp_server(security=Security.STARTTLS)


@pytest.fixture
def mistaken(server: SmtpServer, transactional_db: None) -> Profile:
    """A profile with everything right but the encryption."""
    return make_profile(
        name="Office relay", host=server.host, port=server.port, security="tls", username=USERNAME, password=PASSWORD,
        ca_pem=server.ca_pem,
    )  # fmt: skip


OpenTest = Callable[[Visitor], Page]


@pytest.fixture
def open_test(administrator: AbstractBaseUser, mistaken: Profile) -> OpenTest:
    """Open the test page of the mistaken profile and run its test."""

    def open_page(visitor: Visitor) -> Page:
        visitor.sign_in(administrator)
        page = visitor.open(f"{LIST}{mistaken.pk}/test/")
        page.fill("#id_recipient", "you@example.org")
        page.click("button[name=mode][value=send]")
        return page

    return open_page


def test_the_way_that_works_is_sound(visitor: Visitor, open_test: OpenTest) -> None:
    page = open_test(visitor)
    expect(page.locator("[data-way-form]")).to_be_visible(timeout=60_000)
    assert_sound(visitor, "test-other-way")


def test_one_press_takes_the_way_that_works_and_tests_again(
    desktop: Visitor, open_test: OpenTest, mistaken: Profile, server: SmtpServer
) -> None:
    page = open_test(desktop)
    page.get_by_role("button", name=f"Use port {server.port} with STARTTLS instead").click(timeout=60_000)
    expect(page.locator("[data-outcome].sa-tone-ok")).to_be_visible(timeout=60_000)
    expect(page.locator("[data-outcome]")).to_have_count(1)
    expect(page.locator("[data-other-ways]")).to_have_count(0)
    mistaken.refresh_from_db()
    assert (mistaken.security, profiles.password(mistaken).reveal()) == ("starttls", PASSWORD)
    assert len(server.messages) == 1
    # The page's own buttons test the profile as it is now.
    expect(page.locator("#test-steps [data-stage]")).to_have_count(8)
    page.click("button[name=mode][value=check]")
    expect(page.locator("[data-outcome]")).to_contain_text("Nothing was sent, as you asked.", timeout=60_000)


def test_without_scripts_the_same_press_is_there(
    scriptless: Visitor, open_test: OpenTest, mistaken: Profile, server: SmtpServer
) -> None:
    page = open_test(scriptless)
    page.get_by_role("button", name=f"Use port {server.port} with STARTTLS instead").click()
    expect(page.locator("[data-outcome]")).to_contain_text("It works")
    mistaken.refresh_from_db()
    assert (mistaken.security, len(server.messages)) == ("starttls", 1)


def test_the_link_that_asks_for_the_secret_says_so_at_once(
    desktop: Visitor, open_test: OpenTest, mistaken: Profile, server: SmtpServer
) -> None:
    Profile.objects.update(skip_verify=True, skip_verify_reason="x", skip_verify_until=today() + timedelta(days=7))
    page = open_test(desktop)
    page.get_by_role("link", name=f"Use port {server.port} with STARTTLS instead").click(timeout=60_000)
    page.wait_for_selector("[data-profile-form][data-ready]")
    assert value(page, "security") == "starttls"
    expect(page.locator("[data-field=secret] [data-notes]")).to_contain_text("is not sent anywhere else")
    expect(page.locator("#id_without_secret")).to_be_visible()
    page.fill("#id_secret", PASSWORD)
    page.click("[name=_save]")
    mistaken.refresh_from_db()
    assert (mistaken.security, profiles.password(mistaken).reveal()) == ("starttls", PASSWORD)


def test_before_saving_one_press_fills_the_way_in_and_tests_again(
    desktop: Visitor, administrator: AbstractBaseUser, server: SmtpServer
) -> None:
    page = open_form(desktop, administrator)
    page.fill("#id_address", USERNAME)
    page.fill("#id_secret", PASSWORD)
    page.fill("#id_host", server.host)
    page.fill("#id_port", str(server.port))
    page.select_option("#id_security", "tls")
    page.click("[data-section=certificates] summary")
    page.fill("#id_ca_pem", server.ca_pem)
    page.click("[data-try] summary")
    page.fill("#id_recipient", "you@example.org")
    page.locator("[data-try-button][value=check]").click()
    page.get_by_role("button", name=f"Use port {server.port} with STARTTLS instead").click(timeout=60_000)
    expect(page.locator("[data-outcome].sa-tone-ok")).to_contain_text("Nothing was sent, as you asked.", timeout=60_000)
    assert (value(page, "security"), value(page, "secret")) == ("starttls", PASSWORD)
    assert (Profile.objects.count(), server.messages) == (0, [])
