"""How profiles have been, in a real browser: the strip on the dashboard, the page of a profile, in any admin."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from playwright.sync_api import expect

from smtpadmin import incidents
from smtpadmin.models import Profile
from tests.browser.visitor import Visitor
from tests.support.looks import last_look, month_of_looks
from tests.support.message_log import NO_CONNECTION, REFUSED_SIGN_IN
from tests.support.profiles import make_profile
from tests.support.stock_admin import use_stock_admin

PAGES = {"dashboard": "/admin/", "failing": "health/", "settings": "change/"}


def fill() -> dict[str, Profile]:
    """Save a profile that is well and one that is not, and return them by the page that they are looked at on."""
    well, failing = make_profile(is_default=True), make_profile(slug="failing", provider="microsoft365")
    month_of_looks(well, failing=(3, 4), mixed=(9,), **NO_CONNECTION)
    last_look(well, left=timedelta(days=61))
    last_look(failing, left=timedelta(days=6, minutes=5), **REFUSED_SIGN_IN)
    incidents.update()
    return {"settings": well, "failing": failing}


def address(profiles: dict[str, Profile], name: str) -> str:
    return f"/admin/smtpadmin/profile/{profiles[name].pk}/{PAGES[name]}" if name in profiles else PAGES[name]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound(visitor: Visitor, administrator: AbstractBaseUser, name: str) -> None:
    profiles = fill()
    visitor.sign_in(administrator)
    visitor.open(address(profiles, name))
    visitor.assert_sound(f"health-{name}")


def test_page_in_an_untouched_admin_is_sound(visitor: Visitor, administrator: AbstractBaseUser, settings: Any) -> None:
    use_stock_admin(settings)
    profiles = fill()
    visitor.sign_in(administrator)
    visitor.open(address(profiles, "failing"))
    visitor.assert_sound("host-health-failing")


def test_the_strip_on_the_dashboard_leads_to_what_happened(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    fill()
    desktop.sign_in(administrator)
    page = desktop.open("/admin/")
    page.get_by_role("link", name="Health: Main").click()
    expect(page.get_by_role("heading", name="The last checks")).to_be_visible()
    expect(page.get_by_role("img", name="The last 30 days: well on ")).to_be_visible()
