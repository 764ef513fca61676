"""The limits of the profile form in a real browser: filled in from the provider, told, and anybody's to change."""

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from playwright.sync_api import Page, expect

from smtpadmin.models import Profile
from tests.browser.test_profiles import ADD, LIST, open_form, value
from tests.browser.visitor import Visitor
from tests.support.profiles import make_profile

NAMES = ("rate_second", "rate_minute", "rate_hour", "rate_day", "max_recipients", "max_message_bytes", "batch")


@pytest.fixture
def form(desktop: Visitor, administrator: AbstractBaseUser) -> Page:
    return open_form(desktop, administrator)


def limits(page: Page) -> list[str]:
    return [value(page, name) for name in NAMES]


def choose(page: Page, words: str) -> None:
    page.focus("#id_provider")
    page.keyboard.press("ArrowDown")
    page.keyboard.type(words)
    page.keyboard.press("Enter")


def test_the_provider_fills_them_in_and_the_summary_tells_them(form: Page) -> None:
    summary = form.locator("[data-section=limits] [data-summary]")
    note = form.locator("[data-limits-note]")
    expect(summary).to_have_text("20 at once")
    form.fill("#id_address", "shop@unknown.example")
    choose(form, "Tencent Cloud SES")
    assert limits(form) == ["20", "", "", "500", "50", "10485760", "20"]
    expect(summary).to_have_text("20 a second · 500 a day · 20 at once")
    form.click("[data-section=limits] summary")
    expect(note).to_be_visible()
    choose(form, "Microsoft 365 (Ex")
    assert limits(form) == ["", "30", "", "10000", "", "", "3"]
    choose(form, "QQ Mail")
    assert limits(form) == ["", "", "", "", "", "", "20"]
    expect(note).to_be_hidden()


def test_the_address_fills_them_in_too_and_what_is_emptied_stays_empty(form: Page) -> None:
    form.fill("#id_address", "shop@gmail.com")
    assert limits(form) == ["", "", "", "500", "100", "", "20"]
    form.click("[data-section=limits] summary")
    form.fill("#id_rate_day", "")
    form.fill("#id_rate_hour", "40")
    form.fill("#id_address", "desk@gmail.com")
    form.fill("#id_secret", "abcdefghijklmnop")
    form.click("[name=_save]")
    expect(form).to_have_url(f"{form.url.split('/admin/')[0]}{LIST}")
    profile = Profile.objects.get()
    assert (profile.rate_day, profile.rate_hour, profile.max_recipients) == (None, 40, 100)


def test_a_form_that_comes_back_is_left_as_it_was_filled_in(form: Page) -> None:
    form.fill("#id_address", "shop@unknown.example")
    choose(form, "Tencent Cloud SES")
    form.click("[data-section=limits] summary")
    form.fill("#id_rate_second", "14")
    form.click("[name=_save]")
    expect(form.locator("[role=alert]")).to_be_visible()
    form.wait_for_selector("[data-profile-form][data-ready]")
    assert [value(form, name) for name in ("provider", "host", "rate_second", "rate_day")] == [
        "tencent-ses", "smtp.qcloudmail.com", "14", "500",
    ]  # fmt: skip


def test_the_fallback_is_checked_while_it_is_chosen(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    profile = make_profile(is_default=True, password="secret")
    make_profile(slug="relay", port=25, security="none")
    page = open_form(desktop, administrator, f"{LIST}{profile.pk}/change/")
    page.click("[data-section=fallback] summary")
    page.select_option("#id_fallback", label="Relay")
    expect(page.locator("[data-field=fallback] [data-notes]")).to_contain_text("“Relay” sends unencrypted")
    expect(page.locator("[data-section=fallback] [data-summary]")).to_have_text("Relay")


@pytest.mark.parametrize("path", [f"{ADD}?provider=tencent-ses&address=a@shop.example"])
def test_the_opened_parts_are_sound(visitor: Visitor, administrator: AbstractBaseUser, path: str) -> None:
    page = open_form(visitor, administrator, path)
    for key in ("limits", "transport", "fallback"):
        page.click(f"[data-section={key}] summary")
    visitor.assert_sound("profile-add-limits")
