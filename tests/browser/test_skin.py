"""The panel's own pages look right to a browser, in every variant."""

import pytest
from django.contrib.auth.base_user import AbstractBaseUser

from tests.browser.visitor import Visitor

SIGNED_IN = {
    "dashboard-first-run": "/admin/",
    "users": "/admin/auth/user/",
    "user-add": "/admin/auth/user/add/",
    "user": "/admin/auth/user/{pk}/change/",
    "user-password": "/admin/auth/user/{pk}/password/",
    "user-delete": "/admin/auth/user/{pk}/delete/",
    "user-history": "/admin/auth/user/{pk}/history/",
    "groups": "/admin/auth/group/",
    "app-index": "/admin/auth/",
    "password-change": "/admin/password_change/",
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
