"""The link for the first administrator: works once, for a while, and only while there is nobody."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from panel import first_run
from panel.models import SetupLink

pytestmark = pytest.mark.django_db


def create(token: str, username: str = "ada") -> object:
    return first_run.create_administrator(token, username=username, email="ada@example.com", password="correct horse")


def expire(token: str) -> None:
    assert SetupLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1)) == 1
    assert not first_run.is_valid(token)


def test_a_fresh_panel_needs_an_administrator() -> None:
    assert first_run.is_needed()


@pytest.mark.parametrize(
    ("properties", "needed"),
    [
        ({"is_superuser": True}, False),
        ({"is_superuser": True, "is_active": False}, True),
        ({"is_superuser": False, "is_staff": True}, True),
    ],
)
def test_only_an_active_superuser_counts_as_an_administrator(properties: dict[str, bool], needed: bool) -> None:
    get_user_model().objects.create_user("grace", **properties)

    assert first_run.is_needed() is needed


def test_a_link_makes_one_administrator_who_can_log_in() -> None:
    token = first_run.new_token()
    assert first_run.is_valid(token)

    create(token)

    user = get_user_model().objects.get()
    assert (user.username, user.email, user.is_superuser, user.is_staff, user.is_active) == (
        "ada",
        "ada@example.com",
        True,
        True,
        True,
    )
    assert user.check_password("correct horse")
    assert not first_run.is_needed()
    assert not first_run.is_valid(token)
    assert not SetupLink.objects.exists()


def test_a_used_link_makes_nobody() -> None:
    token = first_run.new_token()
    create(token)

    with pytest.raises(first_run.LinkUsed):
        create(token, username="mallory")

    assert list(get_user_model().objects.values_list("username", flat=True)) == ["ada"]


def test_an_expired_link_makes_nobody() -> None:
    token = first_run.new_token()
    expire(token)

    with pytest.raises(first_run.LinkUsed):
        create(token)

    assert not get_user_model().objects.exists()


def test_a_link_lives_half_an_hour() -> None:
    first_run.new_token()

    left = SetupLink.objects.get().expires_at - timezone.now()
    assert timedelta(minutes=29) < left <= timedelta(minutes=30)


def test_a_new_link_ends_the_one_before() -> None:
    first, second = first_run.new_token(), first_run.new_token()

    assert first != second
    assert not first_run.is_valid(first)
    assert first_run.is_valid(second)


def test_a_link_is_worthless_once_there_is_an_administrator_by_another_way() -> None:
    token = first_run.new_token()
    get_user_model().objects.create_superuser("grace")

    assert not first_run.is_valid(token)
    with pytest.raises(first_run.LinkUsed):
        create(token)
    assert list(get_user_model().objects.values_list("username", flat=True)) == ["grace"]


@pytest.mark.parametrize("token", ["", "x", "é", "a" * 10_000])
def test_what_was_never_a_link_is_none(token: str) -> None:
    first_run.new_token()

    assert not first_run.is_valid(token)


def test_the_database_does_not_hold_the_token() -> None:
    token = first_run.new_token()

    link = SetupLink.objects.get()
    assert token not in (link.token_hash, str(link))
    assert len(token) >= 43


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_a_link_at_once_one_becomes_administrator() -> None:
    token = first_run.new_token()

    def attempt(number: int) -> str:
        try:
            create(token, username=f"user{number}")
        except first_run.LinkUsed:
            return "late"
        finally:
            connection.close()
        return "made"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(attempt, range(8)))

    assert outcomes == ["late"] * 7 + ["made"]
    assert get_user_model().objects.count() == 1
