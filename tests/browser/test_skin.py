"""The panel's own pages look right to a browser, in every variant."""

import pytest
from django.contrib.auth.base_user import AbstractBaseUser

from tests.browser.visitor import Visitor

SIGNED_IN = {
    "dashboard-first-run": "/admin/",
    "users": "/admin/auth/user/",
    "user-add": "/admin/auth/user/add/",
    "password-change": "/admin/password_change/",
}
ANONYMOUS = {
    "login": "/admin/login/",
}


@pytest.mark.parametrize("name", SIGNED_IN)
def test_page_for_the_administrator_is_sound(visitor: Visitor, administrator: AbstractBaseUser, name: str) -> None:
    visitor.sign_in(administrator)
    visitor.open(SIGNED_IN[name])
    visitor.assert_sound(name)


@pytest.mark.parametrize("name", ANONYMOUS)
def test_page_before_login_is_sound(visitor: Visitor, name: str) -> None:
    visitor.open(ANONYMOUS[name])
    visitor.assert_sound(name)
