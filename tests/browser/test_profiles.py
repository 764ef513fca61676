"""The profile pages in a real browser: the quick form, the picker, the hints, and the same without scripts."""

import re
from typing import Any

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from playwright.sync_api import Page, expect

from smtpadmin.models import Profile, TestState
from tests.browser.visitor import Visitor
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, StartServer
from tests.support.stock_admin import use_stock_admin

LIST = "/admin/smtpadmin/profile/"
ADD = f"{LIST}add/"


def profiles() -> Profile:
    """Save one of each kind and return the first: default, failing, dangerous, disabled."""
    first = make_profile(slug="main", name="QQ Mail – notify", provider="qq", host="smtp.qq.com",
                         username="notify@qq.com", from_address="notify@qq.com", from_name="通知中心",
                         is_default=True, test_state=TestState.WORKING, password="x" * 16)  # fmt: skip
    make_profile(slug="failing", provider="microsoft365", host="smtp.office365.com", port=587, security="starttls",
                 test_state=TestState.FAILING, test_report={"failure": {"stage": "auth"}})  # fmt: skip
    make_profile(slug="old-relay", host="relay.example", port=25, security="none", skip_verify=True,
                 skip_verify_reason="Replaced next week", allow_plaintext_auth=True)  # fmt: skip
    make_profile(slug="off", enabled=False)
    return first


PAGES = {
    "profiles": "",
    "profile-add": "add/",
    "profile-edit": "{main}/change/",
    "profile-edit-dangerous": "{dangerous}/change/?field=skip_verify",
    "profile-history": "{main}/history/",
    "profile-delete": "{main}/delete/",
}


@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound(visitor: Visitor, administrator: AbstractBaseUser, name: str) -> None:
    main = profiles()
    dangerous = Profile.objects.get(slug="old-relay")
    visitor.sign_in(administrator)
    visitor.open(LIST + PAGES[name].format(main=main.pk, dangerous=dangerous.pk))
    visitor.assert_sound(name)


def test_dashboard_is_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    profiles()
    visitor.sign_in(administrator)
    visitor.open("/admin/")
    visitor.assert_sound("dashboard")


def test_recognised_form_is_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    page = open_form(visitor, administrator)
    page.fill("#id_address", "notify@qq.com")
    expect(page.locator("[data-guide=qq]")).to_be_visible()
    visitor.assert_sound("profile-add-recognised")


def test_refused_form_is_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    page = open_form(visitor, administrator)
    page.fill("#id_address", "me@outlook.com")
    expect(page.locator("[data-guide=outlook]")).to_be_visible()
    page.click("[name=_save]")
    expect(page.locator("[role=alert]")).to_be_visible()
    visitor.assert_sound("profile-add-refused")


def test_locked_page_is_sound(visitor: Visitor, administrator: AbstractBaseUser, settings: Any) -> None:
    main = profiles()
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": []}
    visitor.sign_in(administrator)
    visitor.open(f"{LIST}{main.pk}/change/")
    # Chromium complains about the status itself, which is 503 on purpose.
    visitor.assert_sound("locked")


@pytest.mark.parametrize("name", ["profile-add", "profile-edit", "profile-edit-dangerous", "profile-history"])
def test_page_in_an_untouched_admin_is_sound(
    visitor: Visitor, administrator: AbstractBaseUser, settings: Any, name: str
) -> None:
    use_stock_admin(settings)
    main = profiles()
    visitor.sign_in(administrator)
    visitor.open(LIST + PAGES[name].format(main=main.pk, dangerous=Profile.objects.get(slug="old-relay").pk))
    visitor.assert_sound(f"host-{name}")


# The quick way


def open_form(visitor: Visitor, administrator: AbstractBaseUser, path: str = ADD) -> Page:
    """Open a form and wait until its script has taken over."""
    visitor.sign_in(administrator)
    page = visitor.open(path)
    page.wait_for_selector("[data-profile-form][data-ready]")
    return page


@pytest.fixture
def form(desktop: Visitor, administrator: AbstractBaseUser) -> Page:
    return open_form(desktop, administrator)


def value(page: Page, name: str) -> str:
    return page.locator(f"[name={name}]").input_value()


def filled_in(page: Page) -> dict[str, str]:
    return {name: value(page, name) for name in ("provider", "host", "port", "security", "username", "name")}


def test_two_inputs_and_a_press_lead_to_the_test(form: Page, administrator: AbstractBaseUser) -> None:
    form.fill("#id_address", "notify@qq.com")
    form.fill("#id_secret", "abcdefghijklmnop")
    form.click("[name=_test]")
    expect(form).to_have_url(re.compile(r"/profile/\d+/test/$"))
    assert value(form, "recipient") == "admin@example.com"
    profile = Profile.objects.get()
    assert (profile.host, profile.name, profile.is_default) == ("smtp.qq.com", "QQ Mail – notify", True)


def test_the_address_picks_the_provider_and_fills_the_rest_in(form: Page) -> None:
    form.fill("#id_address", "通知 <notify@qq.com>")
    assert filled_in(form) == {
        "provider": "qq", "host": "smtp.qq.com", "port": "465", "security": "tls", "username": "notify@qq.com",
        "name": "QQ Mail – notify",
    }  # fmt: skip
    expect(form.locator("#id_provider")).to_have_value("QQ Mail · QQ 邮箱")
    expect(form.locator("[data-secret-label-text]")).to_have_text("Authorization code")
    expect(form.locator("[data-field=provider] [data-notes]")).to_have_text("Recognised from the address.")
    expect(form.locator("[data-guide=qq]")).to_contain_text("Set up QQ Mail")
    expect(form.locator("[data-section=server] [data-summary]")).to_contain_text("smtp.qq.com:465")


def test_another_address_changes_everything_that_followed_from_the_first(form: Page) -> None:
    form.fill("#id_address", "notify@qq.com")
    form.fill("#id_address", "shop@gmail.com")
    assert filled_in(form) == {
        "provider": "gmail", "host": "smtp.gmail.com", "port": "465", "security": "tls",
        "username": "shop@gmail.com", "name": "Gmail – shop",
    }  # fmt: skip
    expect(form.locator("[data-secret-label-text]")).to_have_text("App password")


def test_what_a_person_has_typed_is_left_alone(form: Page) -> None:
    form.click("[data-section=sender] summary")
    form.fill("#id_name", "Alerts")
    form.click("[data-section=server] summary")
    form.locator("#id_username").press_sequentially("me@qq.com")
    form.fill("#id_address", "notify@qq.com")
    assert (value(form, "name"), value(form, "username")) == ("Alerts", "me@qq.com")


def test_an_unknown_domain_opens_the_server_s_fields(form: Page) -> None:
    form.fill("#id_address", "shop@unknown.example")
    expect(form.locator("#id_host")).to_be_visible()
    expect(form.locator("[data-field=provider] [data-notes]")).to_contain_text("No provider is known for this address.")
    expect(form.locator("[data-guide=other]")).to_be_visible()
    assert value(form, "username") == "shop@unknown.example"


def test_a_provider_without_passwords_is_said_before_one_is_typed(form: Page) -> None:
    form.fill("#id_address", "me@outlook.com")
    expect(form.locator("[data-guide=outlook]")).to_contain_text("No password works here.")
    expect(form.locator("#id_secret")).to_be_hidden()
    form.locator("#id_address").blur()
    expect(form.locator("[data-field=provider] [data-notes]")).to_contain_text("takes no password of any kind")
    form.fill("#id_address", "me@gmail.com")
    expect(form.locator("#id_secret")).to_be_visible()


def test_the_picker_is_worked_with_the_keyboard_alone(form: Page) -> None:
    form.fill("#id_address", "shop@unknown.example")
    form.focus("#id_provider")
    form.keyboard.press("ArrowDown")
    expect(form.locator("#id_provider")).to_have_attribute("aria-expanded", "true")
    form.keyboard.type("sendgr")
    form.keyboard.press("Enter")
    expect(form.locator("#id_provider")).to_have_value("Twilio SendGrid")
    assert filled_in(form) == {
        "provider": "sendgrid", "host": "smtp.sendgrid.net", "port": "465", "security": "tls", "username": "apikey",
        "name": "Twilio SendGrid – unknown.example",
    }  # fmt: skip
    # A picked provider stays, whatever the address says.
    form.fill("#id_address", "shop@qq.com")
    assert value(form, "provider") == "sendgrid"


@pytest.mark.parametrize("words", ["阿里云", "aliyun", "smtp.aliyun.com"])
def test_the_picker_finds_by_either_language_and_by_server(form: Page, words: str) -> None:
    form.click("#id_provider")
    form.keyboard.type(words)
    expect(form.locator("#sa-option-aliyun-mail")).to_be_visible()
    expect(form.locator("#sa-option-gmail")).to_be_hidden()


def test_escape_leaves_the_picker_as_it_was(form: Page) -> None:
    form.fill("#id_address", "notify@qq.com")
    form.click("#id_provider")
    form.keyboard.type("zoho")
    form.keyboard.press("Escape")
    expect(form.locator("#id_provider")).to_have_value("QQ Mail · QQ 邮箱")
    assert value(form, "provider") == "qq"


def test_the_guide_s_other_servers_fill_the_form(form: Page) -> None:
    form.fill("#id_address", "notify@qq.com")
    form.click("[data-guide=qq] details >> text=servers")
    form.click("[data-guide=qq] a[data-port='587']")
    assert (value(form, "port"), value(form, "security")) == ("587", "starttls")


def test_the_from_rule_is_said_while_filling_in(form: Page) -> None:
    form.fill("#id_address", "notify@qq.com")
    form.click("[data-section=server] summary")
    form.fill("#id_username", "other@qq.com")
    form.locator("#id_username").blur()
    expect(form.locator("[data-field=address] [data-notes]")).to_contain_text("QQ Mail accepts only the address")


def test_a_wrong_combination_of_port_and_encryption_is_mended_with_one_press(form: Page) -> None:
    form.fill("#id_address", "shop@unknown.example")
    form.fill("#id_host", "mail.unknown.example")
    form.fill("#id_port", "587")
    form.locator("#id_port").blur()
    note = form.locator("[data-field=security] [data-notes]")
    expect(note).to_contain_text("Port 587 starts unencrypted")
    note.get_by_role("button", name="Use port 587 with STARTTLS").click()
    assert value(form, "security") == "starttls"
    expect(note).to_be_empty()


def test_the_secret_can_be_looked_at_while_it_is_typed(form: Page) -> None:
    form.fill("#id_secret", "abcdefghijklmnop")
    form.get_by_role("button", name="Show").click()
    expect(form.locator("#id_secret")).to_have_attribute("type", "text")
    form.get_by_role("button", name="Hide").click()
    expect(form.locator("#id_secret")).to_have_attribute("type", "password")


# Editing


def test_moving_a_profile_says_at_once_that_its_secret_stays_behind(
    desktop: Visitor, administrator: AbstractBaseUser
) -> None:
    profile = make_profile(password="x" * 16)
    page = open_form(desktop, administrator, f"{LIST}{profile.pk}/change/")
    note = page.locator("[data-field=secret] [data-notes]")
    expect(note).to_be_empty()
    page.fill("#id_host", "mail.else.example")
    expect(note).to_contain_text("is not sent anywhere else")
    expect(page.locator("#id_without_secret")).to_be_visible()
    page.fill("#id_secret", "a new one")
    expect(note).to_be_empty()
    page.fill("#id_secret", "")
    page.fill("#id_host", "smtp.example.com")
    expect(note).to_be_empty()
    expect(page.locator("#id_without_secret")).to_be_hidden()


def test_a_link_to_a_field_opens_its_section(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    profile = make_profile()
    desktop.sign_in(administrator)
    page = desktop.open(f"{LIST}{profile.pk}/change/?field=ca_pem#id_ca_pem")
    expect(page.locator("#id_ca_pem")).to_be_in_viewport()


def test_settings_are_tested_before_they_are_saved(
    desktop: Visitor, administrator: AbstractBaseUser, smtp_server: StartServer
) -> None:
    server = smtp_server()
    page = open_form(desktop, administrator)
    page.fill("#id_address", USERNAME)
    page.fill("#id_secret", "wrong")
    page.fill("#id_host", server.host)
    page.fill("#id_port", str(server.port))
    page.select_option("#id_security", "none")
    page.click("[data-try] summary")
    page.fill("#id_recipient", "you@example.org")
    page.get_by_role("button", name="Check only").click()
    expect(page.locator("[data-outcome]")).to_contain_text("Stopped at AUTH")
    page.fill("#id_secret", PASSWORD)
    page.get_by_role("button", name="Send test email").click()
    expect(page.locator("[data-outcome]")).to_contain_text("These settings are not saved yet")
    assert (len(server.messages), Profile.objects.count()) == (1, 0)
    # The form is as it was.
    assert value(page, "secret") == PASSWORD


def test_what_is_wrong_stops_a_try_with_a_link_to_it(form: Page) -> None:
    form.fill("#id_address", "notify@qq.com")
    form.click("[data-try] summary")
    form.get_by_role("button", name="Check only").click()
    problems = form.locator("[data-problems]")
    expect(problems).to_contain_text("The test was not started.")
    problems.get_by_role("link", name="Authorization code").click()
    expect(form.locator("#id_secret")).to_be_in_viewport()


# Without scripts


def test_without_scripts_the_address_still_fills_the_form_in(
    scriptless: Visitor, administrator: AbstractBaseUser
) -> None:
    scriptless.sign_in(administrator)
    page = scriptless.open(ADD)
    page.fill("#id_address", "notify@qq.com")
    page.get_by_role("button", name="Find settings").click()
    assert value(page, "host") == "smtp.qq.com"
    expect(page.locator("[data-guide=qq]")).to_be_visible()
    page.fill("#id_secret", "abcdefghijklmnop")
    page.click("[name=_test]")
    expect(page).to_have_url(re.compile(r"/profile/\d+/test/$"))


def test_without_scripts_a_try_opens_beside_the_form(
    scriptless: Visitor, administrator: AbstractBaseUser, smtp_server: StartServer
) -> None:
    server = smtp_server()
    scriptless.sign_in(administrator)
    page = scriptless.open(f"{ADD}?provider=other&address={USERNAME}")
    for name, text in {"host": server.host, "port": str(server.port), "secret": PASSWORD}.items():
        page.fill(f"#id_{name}", text)
    page.select_option("#id_security", "none")
    page.click("[data-try] summary")
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Check only").click()
    expect(popup.value.locator("[data-outcome]")).to_contain_text("It works")
    assert value(page, "secret") == PASSWORD
