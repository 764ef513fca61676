"""The pages of alert channels, as people see them."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone

from smtpadmin.models import AlertChannel
from tests.browser.visitor import Visitor
from tests.support.alerts import make_channel
from tests.support.profiles import make_profile

LIST = "/admin/smtpadmin/alertchannel/"


def make_channels() -> tuple[AlertChannel, AlertChannel]:
    """Save one that works and one that does not, and return both."""
    now = timezone.now()
    profile = make_profile(slug="backup", name="Backup – company mail")
    make_profile(slug="main", name="QQ Mail – notify")
    mail = make_channel(
        name="Email to the owner", profile=profile, addresses="owner@example.org", last_at=now, last_ok=True
    )
    webhook = make_channel(
        kind="webhook", name="Night shift", url="https://hooks.example.com/x", secret="s", hint="hooks.example.com",
        kinds=["profile_failing", "queue_old"], last_at=now, last_ok=False, last_reason="not_found",
        last_detail="HTTP 404", enabled=False,
    )  # fmt: skip
    return mail, webhook


def test_the_first_page_is_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    visitor.sign_in(administrator)
    visitor.open(LIST)
    visitor.assert_sound("alerts-none")


def test_the_pages_are_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    mail, webhook = make_channels()
    visitor.sign_in(administrator)
    for name, address in {
        "list": LIST,
        "choose": f"{LIST}add/",
        "add-webhook": f"{LIST}add/?kind=webhook",
        "change-mail": f"{LIST}{mail.pk}/change/",
        "change-webhook": f"{LIST}{webhook.pk}/change/",
        "test-failed": f"{LIST}{webhook.pk}/test/",
        "test-ok": f"{LIST}{mail.pk}/test/",
        "history": f"{LIST}{mail.pk}/history/",
        "delete": f"{LIST}{mail.pk}/delete/",
    }.items():
        visitor.open(address)
        visitor.assert_sound(f"alerts-{name}")


def test_a_form_that_comes_back_is_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    visitor.sign_in(administrator)
    visitor.open(f"{LIST}add/?kind=service")
    visitor.page.get_by_role("button").filter(has=visitor.page.locator("xpath=self::*[@name='_save']")).click()
    visitor.page.wait_for_selector(".sa-callout.sa-tone-bad")
    visitor.assert_sound("alerts-errors")
