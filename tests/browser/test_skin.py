"""The panel's own pages look right to a browser, in every variant."""

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from pytest_django import Settings

from panel import first_run, health
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Variant, Visitor
from tests.support.profiles import make_profile

SIGNED_IN = {
    "dashboard-first-run": "/admin/",
    "users": "/admin/auth/user/",
    "users-found": "/admin/auth/user/?q=admin&is_active__exact=1",
    "user-add": "/admin/auth/user/add/",
    "user": "/admin/auth/user/{pk}/change/",
    "user-password": "/admin/auth/user/{pk}/password/",
    "user-delete": "/admin/auth/user/{pk}/delete/",
    "user-history": "/admin/auth/user/{pk}/history/",
    "groups": "/admin/auth/group/",
    "group-add": "/admin/auth/group/add/",
    "app-index": "/admin/auth/",
    "password-change": "/admin/password_change/",
    "password-changed": "/admin/password_change/done/",
}
ANONYMOUS = {
    "login": "/admin/login/",
    "reset": "/password-reset/",
    "reset-sent": "/password-reset/sent/",
    "reset-bad-link": "/password-reset/x/y/",
    "reset-done": "/password-reset/done/",
    "error-404": "/nowhere/",
}


@pytest.mark.parametrize("name", SIGNED_IN)
def test_page_for_the_administrator_is_sound(visitor: Visitor, administrator: AbstractBaseUser, name: str) -> None:
    visitor.sign_in(administrator)
    visitor.open(SIGNED_IN[name].format(pk=administrator.pk))
    visitor.assert_sound(name)


@pytest.mark.parametrize("name", ANONYMOUS)
def test_page_before_login_is_sound(visitor: Visitor, name: str) -> None:
    visitor.open(ANONYMOUS[name])
    visitor.assert_sound(name)


def test_dashboard_with_profiles_is_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    now = timezone.now()
    make_profile(slug="alerts", name="Alerts", is_default=True, test_state="working", tested_at=now)
    make_profile(slug="receipts", name="Receipts", host="smtp.163.com", test_state="failing", tested_at=now)
    make_profile(slug="spare", name="Spare", enabled=False)
    visitor.sign_in(administrator)
    visitor.open("/admin/")
    visitor.assert_sound("dashboard")


def test_list_with_many_rows_is_sound(visitor: Visitor, administrator: AbstractBaseUser) -> None:
    for number in range(120):
        User.objects.create(username=f"user{number:03}", email=f"user{number:03}@example.com", is_active=number % 3 > 0)
    Group.objects.create(name="Operators")
    visitor.sign_in(administrator)
    visitor.open("/admin/auth/user/?p=2")
    visitor.assert_sound("users-many")


def test_setup_page_is_sound(visitor: Visitor, transactional_db: None) -> None:
    page = visitor.open(reverse("setup", args=[first_run.new_token()]))
    visitor.assert_sound("setup")
    page.get_by_role("textbox").first.fill("alice")
    page.locator("#id_password1").fill("short")
    page.locator("#id_password2").fill("shorter")
    visitor.submit()
    visitor.assert_sound("setup-errors")


def test_new_password_page_is_sound(visitor: Visitor, administrator: User) -> None:

    uid = urlsafe_base64_encode(force_bytes(administrator.pk))
    visitor.open(reverse("password_reset_confirm", args=[uid, default_token_generator.make_token(administrator)]))
    visitor.assert_sound("reset-new-password")


def test_refused_login_is_sound(visitor: Visitor, transactional_db: None) -> None:
    page = visitor.open("/admin/login/")
    page.locator("#id_username").fill("admin")
    page.locator("#id_password").fill("wrong")
    visitor.submit()
    visitor.assert_sound("login-refused")


def test_forbidden_page_is_sound(visitor: Visitor, transactional_db: None) -> None:
    visitor.sign_in(User.objects.create_user("charlie", is_staff=True))
    visitor.open("/admin/auth/user/")
    visitor.assert_sound("error-403")


def test_unknown_host_page_is_sound(visitor: Visitor, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = []
    visitor.open("/")
    visitor.assert_sound("error-400")


def test_server_error_page_is_sound(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "connection", None)
    visitor.open("/readyz")
    visitor.assert_sound("error-500")


def test_unchecked_form_page_is_sound(visitor: Visitor, transactional_db: None) -> None:
    page = visitor.open("/admin/login/")
    page.locator("#id_username").fill("admin")
    page.locator("#id_password").fill("wrong")
    visitor.context.clear_cookies()
    visitor.submit()
    visitor.assert_sound("error-csrf")


@pytest.mark.parametrize("width", [320, 768, 1024, 1920])
@pytest.mark.parametrize("path", ["/admin/", "/admin/auth/user/", "/admin/auth/user/add/", "/admin/login/"])
def test_no_page_is_wider_than_the_window(
    new_visitor: NewVisitor, administrator: AbstractBaseUser, path: str, width: int
) -> None:
    visitor = new_visitor(Variant(f"{width}px", width=width))
    if path != "/admin/login/":
        visitor.sign_in(administrator)
    visitor.open(path)
    visitor.assert_sound(f"width{path.replace('/', '-')}")
