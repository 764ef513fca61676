"""The provider page in a real browser."""

import re

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from playwright.sync_api import Page, expect

from tests.browser.visitor import Visitor
from tests.support.stock_admin import use_stock_admin

PROVIDERS = "/admin/smtpadmin/profile/providers/"


def open_providers(visitor: Visitor, administrator: AbstractBaseUser, query: str = "") -> Page:
    visitor.sign_in(administrator)
    return visitor.open(PROVIDERS + query)


def test_the_page_is_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    open_providers(visitor, administrator)
    visitor.assert_sound("providers")


def test_an_open_card_is_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    page = open_providers(visitor, administrator, "?q=tencent")
    page.eval_on_selector_all("main details", "all => all.forEach((details) => { details.open = true; })")
    visitor.assert_sound("providers-open")


def test_the_page_in_an_untouched_admin_is_sound(
    visitor: Visitor, administrator: AbstractBaseUser, settings: object
) -> None:
    use_stock_admin(settings)
    open_providers(visitor, administrator, "?q=zoho")
    visitor.assert_sound("host-providers")


def cards(page: Page) -> list[str]:
    return [card.get_attribute("id") or "" for card in page.locator(".sa-provider:visible").all()]


def test_typing_filters_at_once(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    page = open_providers(desktop, administrator)
    page.fill("#provider-search", "zeptomail")
    assert cards(page) == ["provider-zeptomail"]
    expect(page.locator("[data-count]")).to_have_text(re.compile(r"1 of \d+ providers"))
    expect(page).to_have_url(re.compile(r"\?q=zeptomail$"))
    page.fill("#provider-search", "no such provider")
    expect(page.locator("[data-none]")).to_be_visible()
    page.fill("#provider-search", "")
    assert len(cards(page)) > 100


@pytest.mark.parametrize("words", ["me@gmail.com", "谷歌邮箱", "smtp.gmail.com"])
def test_an_address_another_name_or_a_server_finds_the_provider(
    desktop: Visitor, administrator: AbstractBaseUser, words: str
) -> None:
    page = open_providers(desktop, administrator)
    page.fill("#provider-search", words)
    assert "provider-gmail" in cards(page)


def test_after_a_search_by_the_server_typing_filters_all_of_them(
    desktop: Visitor, administrator: AbstractBaseUser
) -> None:
    page = open_providers(desktop, administrator, "?q=zoho")
    page.fill("#provider-search", "fastmail")
    expect(page.locator("#provider-fastmail")).to_be_visible()
    assert cards(page) == ["provider-fastmail"]


def test_without_scripts_the_search_asks_the_server(scriptless: Visitor, administrator: AbstractBaseUser) -> None:
    page = open_providers(scriptless, administrator)
    page.fill("#provider-search", "fastmail")
    page.get_by_role("button", name="Search").click()
    assert cards(page) == ["provider-fastmail"]


def test_use_this_fills_the_form(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    page = open_providers(desktop, administrator, "?q=sendgrid")
    page.get_by_role("link", name="Use this Twilio SendGrid").click()
    expect(page.locator("[name=host]")).to_have_value("smtp.sendgrid.net")
    expect(page.locator("[name=username]")).to_have_value("apikey")
    expect(page.locator("#id_address")).to_be_visible()
    # An address typed now does not change the provider that was chosen.
    page.fill("#id_address", "shop@gmail.com")
    assert page.locator("[name=provider]").input_value() == "sendgrid"
