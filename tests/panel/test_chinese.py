"""The Simplified Chinese of the panel, where Django's own has gaps."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import translation

from panel.stock_strings import STRINGS, plurals


@pytest.mark.parametrize("text", STRINGS)
def test_no_gap_of_the_stock_admin_is_left(text: str) -> None:
    with translation.override("zh-hans"):
        assert translation.gettext(text) != text


@pytest.mark.parametrize("count", [1, 7])
def test_no_gap_with_a_plural_is_left(count: int) -> None:
    with translation.override("zh-hans"):
        assert all(text.isascii() is False and "more" not in text for text in plurals(count))


def test_a_short_password_is_refused_in_chinese(as_alice: Client, alice: User) -> None:
    answers = {"username": "zoe", "password1": "Zt8", "password2": "Zt8"}
    page = as_alice.post("/admin/auth/user/add/", answers, headers={"accept-language": "zh-CN"}).content.decode()
    assert "密码太短，至少需要 10 个字符。" in page
