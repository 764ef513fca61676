"""The hot statements walk the index that was made for them, on SQLite, whose planner knows no numbers of rows.

A wrong choice is not seen with a few rows: the claim once walked all that was queued, and the count of messages in
flight all that a profile had ever sent.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from smtpadmin import outbox
from smtpadmin.models import Attempt, Message
from smtpadmin.smtp import RecipientResult, Reply, Result, Verdict
from tests.support.mail import claimed, put
from tests.support.profiles import make_profile

MESSAGES = "smtpadmin_message"

pytestmark = pytest.mark.django_db(transaction=True)

# All that may be searched by: keys, what waits, what is held, what a message owns.
MAY_WALK = (
    "PRIMARY KEY", "smtpadmin_message_due", "smtpadmin_message_leases", "smtpadmin_message_expiry",
    "smtpadmin_recipient_message_id", "smtpadmin_attempt_message_id", "sqlite_autoindex",
)  # fmt: skip


def test_no_statement_of_a_drain_walks_what_grows() -> None:
    if connection.vendor != "sqlite":
        return
    profile = make_profile()
    for _ in range(3):
        put(profile)
    searches: list[str] = []

    def explain(execute: Callable[..., Any], text: str, params: Any, many: bool, context: Any) -> Any:
        if text.strip().partition(" ")[0] in ("SELECT", "UPDATE", "DELETE", "WITH"):
            plan = connection.connection.cursor().execute("EXPLAIN QUERY PLAN " + text.replace("%s", "?"), params or ())
            searches.extend(row[3] for row in plan.fetchall() if "smtpadmin_" in row[3])
        return execute(text, params, many, context)

    with connection.execute_wrapper(explain):
        outbox.due_profiles()
        claim = claimed(profile)
        ids = [message.id for message in claim.messages]
        outbox.mark(claim, ids)
        outbox.renew(claim)
        outbox.give_back(claim, ids[:1])
        ok = Result((RecipientResult("you@example.org", Verdict.SENT, reply=Reply(250)),))
        outbox.settle(claim, [outbox.judge(each, ok, now=timezone.now(), seconds=0) for each in claim.messages[1:]])
        outbox.expire()
    assert len(searches) > 10
    assert [search for search in searches if not any(name in search for name in MAY_WALK)] == []


def test_postgresql_keeps_room_for_the_next_version_of_a_row() -> None:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'smtpadmin_%' AND relkind = 'r'")
        found = {name: options for name, options in cursor.fetchall() if options}
    assert found == {
        "smtpadmin_message": ["fillfactor=50"],
        "smtpadmin_recipient": ["fillfactor=70"],
        "smtpadmin_body": ["toast_tuple_target=8160"],
    }


def test_a_mark_leaves_the_indexes_as_they_are_on_postgresql() -> None:
    if connection.vendor != "postgresql":
        return
    profile = make_profile(batch=100)
    for _ in range(50):
        put(profile)
    claim = claimed(profile)
    with transaction.atomic():
        before = updates()
        outbox.mark(claim, [message.id for message in claim.messages])
        updated, without_indexes = (now - then for now, then in zip(updates(), before, strict=True))
    assert updated == len(claim.messages) == 50
    assert without_indexes > updated / 2


def updates() -> tuple[int, int]:
    """Return how many messages were updated that PostgreSQL has not counted yet, and how many without their indexes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = %s", [MESSAGES])
        row: tuple[int, int] = cursor.fetchone()
        return row


def test_an_attempt_goes_with_its_message() -> None:
    profile = make_profile()
    message = put(profile)
    claim = claimed(profile)
    ok = Result((RecipientResult("you@example.org", Verdict.SENT, reply=Reply(250)),))
    outbox.settle(claim, [outbox.judge(claim.messages[0], ok, now=timezone.now(), seconds=0)])
    assert Attempt.objects.count() == 1
    Message.objects.get(pk=message.pk).delete()
    assert Attempt.objects.count() == 0
