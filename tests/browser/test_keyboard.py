"""The panel without a mouse, and without scripts."""

from typing import Any

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from playwright.sync_api import expect

from tests.browser.visitor import Visitor

# How the element with the focus shows it: a ring or an outline, in the light and in the dark.
_FOCUS = """
() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    name: `${element.tagName.toLowerCase()} ${element.id || element.value || element.textContent.trim().slice(0, 30)}`,
    marked: style.boxShadow !== "none" || (style.outlineStyle !== "none" && style.outlineColor !== "rgba(0, 0, 0, 0)"),
    seen: box.width > 0 && box.height > 0 && box.right > 0 && box.bottom > 0,
  };
}
"""


@pytest.mark.parametrize("path", ["/admin/", "/admin/auth/user/", "/admin/auth/user/add/"])
def test_every_stop_of_the_tab_key_is_seen(desktop: Visitor, administrator: AbstractBaseUser, path: str) -> None:
    desktop.sign_in(administrator)
    page = desktop.open(path)
    page.locator(".skip-to-content-link").focus()
    stops: list[dict[str, Any]] = []
    for _ in range(60):
        stop = page.evaluate(_FOCUS)
        page.keyboard.press("Tab")
        if stop is None or stop["name"] in [known["name"] for known in stops]:
            break
        stops.append(stop)
    assert len(stops) > 8
    assert [stop["name"] for stop in stops if not (stop["marked"] and stop["seen"])] == []


def test_the_first_stop_skips_to_the_content(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    desktop.sign_in(administrator)
    page = desktop.open("/admin/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-to-content-link")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content-start"


def test_escape_closes_the_menu_and_gives_the_focus_back(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    desktop.sign_in(administrator)
    page = desktop.open("/admin/")
    page.locator("#user-menu > summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Change password")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Change password")).to_be_hidden()
    expect(page.locator("#user-menu > summary")).to_be_focused()


def test_a_click_elsewhere_closes_the_menu(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    desktop.sign_in(administrator)
    page = desktop.open("/admin/auth/user/")
    page.get_by_text("Active: All").click()
    expect(page.get_by_role("link", name="Yes")).to_be_visible()
    page.locator("h1").click()
    expect(page.get_by_role("link", name="Yes")).to_be_hidden()


def test_the_theme_button_changes_the_colours_and_stays_chosen(desktop: Visitor) -> None:
    page = desktop.open("/admin/login/")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator(".theme-toggle").click()
    dark = page.evaluate(background)
    assert dark != light
    desktop.open("/password-reset/")
    assert page.evaluate(background) == dark


def test_everything_works_without_scripts(scriptless: Visitor, administrator: AbstractBaseUser) -> None:
    page = scriptless.open("/admin/login/")
    expect(page.locator(".theme-toggle")).to_be_hidden()
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    page.get_by_role("button", name="EN").click()
    page.locator("#id_username").fill("admin")
    page.locator("#id_password").fill("correct horse 9")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.get_by_role("link", name="Users").click()
    page.get_by_text("Superuser status: All").click()
    page.get_by_role("link", name="No", exact=True).click()
    expect(page.get_by_text("0 users")).to_be_visible()
    page.locator("#user-menu > summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
    assert scriptless.complaints == []


def test_a_phone_has_the_navigation_in_view(phone: Visitor, administrator: AbstractBaseUser) -> None:
    phone.sign_in(administrator)
    page = phone.open("/admin/")
    for name in ("Dashboard", "SMTP profiles", "Providers", "Users"):
        expect(page.get_by_role("navigation", name="Main").get_by_role("link", name=name)).to_be_in_viewport(ratio=1)
