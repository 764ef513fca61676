"""Each list and the dashboard walk the index that was made for them, on SQLite, whose planner knows no numbers of rows.

A wrong choice is not seen with a few rows: with a million of them and a filter for state and profile, the list once
walked all messages of the profile.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from smtpadmin.admin import message_list
from smtpadmin.models import Profile
from tests.admin.message_people import LIST
from tests.support.message_log import UNKNOWN, story
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

MESSAGE = "smtpadmin_message"


@pytest.fixture
def profile() -> Profile:
    profile = make_profile()
    for state in ("sent", "failed", "queued"):
        steps = ((timedelta(0), "refused", UNKNOWN),) if state == "failed" else ()
        story(profile, "a@example.org", state=state, age=timedelta(0), steps=steps)
    return profile


@contextmanager
def plans() -> Iterator[list[str]]:
    """Gather how SQLite goes about each look at messages and what belongs to them."""
    lines: list[str] = []

    def explain(execute: Callable[..., Any], text: str, params: Any, many: bool, context: Any) -> Any:
        # Whether there is any message at all is answered by the first of any index.
        if text.startswith("SELECT") and MESSAGE in text and not text.startswith("SELECT %s AS"):
            plan = connection.connection.cursor().execute("EXPLAIN QUERY PLAN " + text.replace("%s", "?"), params or ())
            lines.extend(row[3] for row in plan.fetchall() if row[3].startswith(("SCAN", "SEARCH", "USE TEMP")))
        return execute(text, params, many, context)

    with connection.execute_wrapper(explain):
        yield lines


def indexes(lines: list[str]) -> set[str]:
    """Return the indexes through which messages are looked at; a look without one is told as it is."""
    looks = [line for line in lines if f" {MESSAGE} " in f"{line} " or line.startswith(("SEARCH m ", "SCAN m "))]
    return {line.partition("INDEX ")[2].partition(" ")[0].removeprefix(f"{MESSAGE}_") or line for line in looks}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"new"}),
        ("period=week", {"new"}),
        ("lane=1", {"new"}),
        ("state=failed", {"state"}),
        ("state=failed&period=week", {"state"}),
        ("state=failed&lane=1", {"state"}),
        ("state=failed&profile={pk}", {"state"}),
        ("state=queued&profile={pk}&lane=1&period=week", {"state"}),
        ("profile={pk}", {"profile"}),
        ("profile={pk}&lane=1", {"profile"}),
        ("state=sent&profile={pk}", {"profile"}),
    ],
)
def test_a_list_walks_one_index(
    admin: Client, profile: Profile, monkeypatch: pytest.MonkeyPatch, query: str, expected: set[str]
) -> None:
    if connection.vendor != "sqlite":
        return
    # As in a table of more rows than are looked through.
    monkeypatch.setattr(message_list, "LOOKED_THROUGH", 1)
    with plans() as lines:
        admin.get(f"{LIST}?{query.format(pk=profile.pk)}")
    assert indexes(lines) == expected


def test_a_search_walks_the_addresses(admin: Client, profile: Profile) -> None:
    if connection.vendor != "sqlite":
        return
    with plans() as lines:
        admin.get(f"{LIST}?q=a@exam")
    assert not any(line.startswith("SCAN smtpadmin_") and "INDEX" not in line for line in lines)


def test_the_dashboard_walks_indexes_alone(admin: Client, profile: Profile) -> None:
    if connection.vendor != "sqlite":
        return
    with plans() as lines:
        admin.get("/admin/smtpadmin/")
    assert indexes(lines) <= {"due", "leases", "state"}
