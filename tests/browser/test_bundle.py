"""The support bundle's page in a real browser: sound in every look, copied with one press, saved as it is seen."""

from pathlib import Path
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from playwright.sync_api import expect

from smtpadmin.models import Profile
from tests.browser.visitor import Visitor
from tests.commands.test_support_bundle import report
from tests.support.profiles import make_profile
from tests.support.stock_admin import use_stock_admin


def address_of(profile: Profile) -> str:
    return f"/admin/smtpadmin/profile/{profile.pk}/support/"


def test_the_page_is_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    visitor.sign_in(administrator)
    visitor.open(address_of(make_profile(test_report=report("No such user"))))
    visitor.assert_sound("bundle")


def test_it_is_in_an_untouched_admin_too(visitor: Visitor, administrator: AbstractBaseUser, settings: Any) -> None:
    use_stock_admin(settings)
    visitor.sign_in(administrator)
    visitor.open(address_of(make_profile(test_report=report("No such user"))))
    visitor.assert_sound("host-bundle")


def test_what_is_copied_is_what_is_in_sight(desktop: Visitor, administrator: AbstractBaseUser) -> None:
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desktop.sign_in(administrator)
    page = desktop.open(address_of(make_profile()))
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("pre").text_content()


def test_without_scripts_it_is_saved_as_it_is_in_sight(
    scriptless: Visitor, administrator: AbstractBaseUser, tmp_path: Path
) -> None:
    scriptless.sign_in(administrator)
    page = scriptless.open(address_of(make_profile(name="Laden é", test_report=report("No such user"))))
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Save as a file").click()
    assert downloading.value.suggested_filename == "smtpadmin-main.md"
    downloading.value.save_as(tmp_path / "bundle.md")
    assert (tmp_path / "bundle.md").read_text(encoding="utf-8") == page.locator("pre").text_content()
