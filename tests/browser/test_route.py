"""“Which profile, and why” in a real browser: sound in every look, with and without our skin, and by keyboard."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone
from playwright.sync_api import expect

from smtpadmin.models import Circuit
from tests.browser.visitor import Visitor
from tests.support.profiles import make_profile
from tests.support.stock_admin import use_stock_admin

ROUTE = "/admin/smtpadmin/profile/route/"
QUESTION = "?recipient=you@example.org&sender=App+%3Capp@example.net%3E&profile=&lane="


@pytest.fixture
def chain(transactional_db: None) -> None:
    """A paused default, a fallback that may not take over, and one that does."""
    spare = make_profile(slug="spare", password="x", from_policy="replace", provider="qq", host="smtp.qq.com")
    relay = make_profile(slug="relay", security="none", port=25, username="", fallback=spare, name="Old relay")
    main = make_profile(
        password="x", fallback=relay, is_default=True, rate_minute=10, max_recipients=50, test_state="failing",
        tested_at=timezone.now(), name="A profile with quite a long name – receipts and reminders of the shop",
    )  # fmt: skip
    probe = timezone.now() + timedelta(minutes=5)
    Circuit.objects.create(profile=main, reason="connect", probe_at=probe, profile_version=main.updated_at)


def test_question_and_answer_are_sound(visitor: Visitor, administrator: AbstractBaseUser, chain: None) -> None:
    visitor.sign_in(administrator)
    visitor.open(ROUTE)
    visitor.assert_sound("route-question")
    visitor.open(ROUTE + QUESTION)
    visitor.assert_sound("route-answer")


def test_they_are_in_an_untouched_admin_too(
    visitor: Visitor, administrator: AbstractBaseUser, chain: None, settings: Any
) -> None:
    use_stock_admin(settings)
    visitor.sign_in(administrator)
    visitor.open(ROUTE + QUESTION)
    visitor.assert_sound("host-route-answer")


def test_the_question_is_typed_and_sent_with_the_keyboard_alone(
    scriptless: Visitor, administrator: AbstractBaseUser, chain: None
) -> None:
    scriptless.sign_in(administrator)
    page = scriptless.open("/admin/smtpadmin/profile/")
    page.get_by_role("link", name="Which profile, and why").press("Enter")
    page.get_by_label("To", exact=True).fill("you@example.org")
    page.get_by_label("From", exact=True).fill("app@example.net")
    page.get_by_label("From", exact=True).press("Enter")
    expect(page.get_by_role("heading", level=2, name="The message would leave through Spare")).to_be_visible()
    page.get_by_role("link", name="Change this").first.press("Enter")
    expect(page.locator("#id_security")).to_be_visible()
