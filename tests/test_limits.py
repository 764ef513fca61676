"""Counted limits."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from smtpadmin import limits
from smtpadmin.models import Allowance


@pytest.mark.django_db
def test_grants_end_with_the_count_and_each_scope_has_its_own() -> None:
    assert [limits.take("a", count=2, seconds=60) for _ in range(3)] == [True, True, False]
    assert limits.take("b", count=2, seconds=60)


@pytest.mark.django_db
def test_a_new_window_grants_anew() -> None:
    assert limits.take("a", count=1, seconds=60)
    assert not limits.take("a", count=1, seconds=60)
    Allowance.objects.update(window_start=F("window_start") - timedelta(seconds=61))
    assert limits.take("a", count=1, seconds=60)
    assert Allowance.objects.get().used == 1


@pytest.mark.django_db
def test_a_limit_of_none_grants_nothing() -> None:
    assert not limits.take("a", count=0, seconds=60)


@pytest.mark.django_db
def test_scopes_that_limit_nothing_any_more_are_forgotten() -> None:
    limits.take("old", count=1, seconds=60)
    Allowance.objects.update(window_start=F("window_start") - limits.LONGEST_WINDOW - timedelta(seconds=1))
    limits.take("new", count=1, seconds=60)
    assert list(Allowance.objects.values_list("scope", flat=True)) == ["new"]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_no_more_than_the_limit() -> None:
    def ask(_number: int) -> bool:
        try:
            return limits.take("a", count=10, seconds=60)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(40))) == 10
