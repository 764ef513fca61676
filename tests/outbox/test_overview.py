"""Figures of the outbox: what waits, what is being sent, how the last hours went, why messages failed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from smtpadmin.models import Lane, Message, State
from smtpadmin.outbox import overview
from tests.support.mail import claimed, put
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def change(message: Message, **fields: Any) -> Message:
    Message.objects.filter(pk=message.pk).update(**fields)
    message.refresh_from_db()
    return message


def ended(profile: Any, state: str, **fields: Any) -> Message:
    values = {"state": state, "ended_at": timezone.now(), "recipients_sent": int(state == "sent")}
    return change(put(profile), **values | fields)


def test_what_waits_is_counted_by_profile_and_lane_with_the_first_of_each() -> None:
    one, two = make_profile(slug="one"), make_profile(slug="two")
    first = put(one, lane=Lane.BULK, due_at=NOON)
    put(one, lane=Lane.BULK, due_at=NOON + timedelta(hours=1))
    other = put(two, lane=Lane.URGENT)
    ended(two, "sent")

    assert overview.waiting() == [
        overview.Waiting(profile_id=one.pk, lane=Lane.BULK, count=2, first_due=first.due_at),
        overview.Waiting(profile_id=two.pk, lane=Lane.URGENT, count=1, first_due=other.due_at),
    ]


def test_counting_ends_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST_COUNTED", 2)
    profile = make_profile()
    for _ in range(4):
        put(profile)
        ended(profile, "uncertain")

    assert [each.count for each in overview.waiting()] == [3]
    assert overview.uncertain() == 3


def test_what_is_being_sent_is_counted_by_lane() -> None:
    profile = make_profile()
    for lane in (Lane.NORMAL, Lane.NORMAL, Lane.BULK):
        put(profile, lane=lane)
    claimed(profile)

    assert overview.sending() == {Lane.NORMAL: 2, Lane.BULK: 1}


def test_messages_are_counted_in_the_hour_of_their_acceptance_by_their_present_state() -> None:
    profile = make_profile()
    for minutes, state in ((-1, "sent"), (0, "sent"), (59, "failed"), (60, "sent"), (119, "sent"), (120, "sent")):
        ended(profile, state, created_at=NOON + timedelta(minutes=minutes))
    change(put(profile), created_at=NOON)

    first, second = overview.by_hour(NOON, 2)

    assert {state: count for state, count in first.items() if count} == {
        State.SENT: 1,
        State.FAILED: 1,
        State.QUEUED: 1,
    }
    assert {state: count for state, count in second.items() if count} == {State.SENT: 2}


def test_failures_are_grouped_by_reason_and_the_most_frequent_comes_first() -> None:
    profile = make_profile()
    refused = {"stage": "rcpt", "cause": "recipient_refused", "code": 550}
    ended(profile, "failed", **refused)
    last = ended(profile, "failed", **refused)
    late = ended(profile, "expired", cause="expired")
    ended(profile, "failed", **refused, created_at=NOON - timedelta(days=8))
    ended(profile, "sent")

    found = overview.failures(timezone.now() - timedelta(days=7), most=6)

    assert found == [
        overview.FailureGroup(
            profile_slug="main", stage="rcpt", cause="recipient_refused", code=550, count=2, last_id=last.pk,
            last_at=last.ended_at,
        ),
        overview.FailureGroup(
            profile_slug="main", stage="", cause="expired", code=None, count=1, last_id=late.pk, last_at=late.ended_at
        ),
    ]  # fmt: skip
