"""Who is told what, when, and how often: never twice, and not for ever."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from smtpadmin.alerts import notices
from smtpadmin.alerts.notices import Past
from smtpadmin.alerts.outcome import Outcome, Reason
from smtpadmin.models import AlertNotice
from tests.support import alerts
from tests.support.alerts import close, make_channel, make_incident
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DEFERRED = Outcome(Reason.SERVER_ERROR, "HTTP 500")


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        (Past(), NOON),
        (Past(ended_at=NOON - 10 * MINUTE), NOON),
        (Past(ended_at=NOON - 10 * MINUTE, told_at=NOON - 20 * MINUTE), NOON + 40 * MINUTE),
        (Past(ended_at=NOON - 29 * MINUTE, told_at=NOON - 70 * MINUTE), NOON),
        (Past(told_at=NOON - 20 * MINUTE), NOON),
    ],
)
def test_what_comes_back_within_half_an_hour_is_announced_once_an_hour(past: Past, expected: datetime) -> None:
    assert notices.when(NOON, past, now=NOON) == expected


def test_the_pauses_between_tries_grow_to_an_hour() -> None:
    assert [notices.pause_after(number) // MINUTE for number in range(1, 10)] == [1, 2, 5, 10, 20, 30, 60, 60, 60]


def plan() -> int:
    return notices.plan(timezone.now())


def take_one() -> AlertNotice:
    (notice,) = notices.due(timezone.now())
    assert notices.take(notice, now=timezone.now())
    return notice


def settle(outcome: Outcome) -> None:
    notices.settle(take_one(), outcome, now=timezone.now())


def test_every_channel_is_told_once_of_an_open_incident() -> None:
    make_channel(name="A")
    make_channel(name="B", kinds=["queue_old"])
    make_channel(name="C", kinds=["queue_old", "profile_failing"])
    make_channel(name="D", enabled=False)
    make_incident(make_profile())
    assert (plan(), plan()) == (2, 0)
    assert set(AlertNotice.objects.values_list("channel__name", "event")) == {("A", "opened"), ("C", "opened")}


def test_the_end_is_told_where_the_beginning_was() -> None:
    for name in ("told", "not told"):
        make_channel(name=name)
    incident = make_incident(make_profile())
    plan()
    AlertNotice.objects.filter(channel__name="told").update(state="sent", sent_at=timezone.now())
    close(incident)
    assert plan() == 1
    assert alerts.notices(channel__name="told") == [("opened", "sent"), ("resolved", "waiting")]
    assert alerts.notices(channel__name="not told") == [("opened", "dropped")]


def test_what_is_back_already_is_not_told_to_be_over() -> None:
    make_channel()
    profile = make_profile()
    first = make_incident(profile)
    plan()
    settle(Outcome())
    close(first)
    make_incident(profile)
    plan()
    assert alerts.notices(incident=first) == [("opened", "sent")]


def test_what_was_over_before_anybody_looked_is_not_told() -> None:
    make_channel()
    close(make_incident(make_profile(), ago=10), ago=5)
    assert plan() == 0


def test_a_beginning_is_not_told_after_the_end() -> None:
    make_channel()
    incident = make_incident(make_profile())
    plan()
    (notice,) = notices.due(timezone.now())
    close(incident)
    assert not notices.take(notice, now=timezone.now())


def test_what_was_being_told_as_it_ended_was_told() -> None:
    make_channel()
    incident = make_incident(make_profile())
    plan()
    notice = take_one()
    close(incident)
    plan()  # another worker's round, while this one waits for the receiver
    notices.settle(notice, Outcome(), now=timezone.now())
    plan()
    assert alerts.notices() == [("opened", "sent"), ("resolved", "waiting")]


def test_what_is_being_told_is_not_told_anew_by_a_changed_channel() -> None:
    channel = make_channel()
    make_incident(make_profile())
    plan()
    settle(DEFERRED)
    alerts.let_pass(2 * MINUTE)
    take_one()
    notices.reconsider(channel, now=timezone.now())
    assert notices.due(timezone.now()) == []


def test_a_channel_with_much_to_tell_leaves_room_for_others() -> None:
    first = make_channel(name="A")
    for number in range(60):
        make_incident(None, key=f"lane {number}")
    plan()
    second = make_channel(name="B")
    plan()
    assert {notice.channel_id for notice in notices.due(timezone.now())} == {first.pk, second.pk}


def test_a_notice_is_taken_once() -> None:
    make_channel()
    make_incident(make_profile())
    plan()
    first, second = notices.due(timezone.now()), notices.due(timezone.now())
    assert notices.take(first[0], now=timezone.now())
    assert not notices.take(second[0], now=timezone.now())
    assert notices.due(timezone.now()) == []


def test_what_a_dead_worker_had_taken_is_taken_again() -> None:
    make_channel()
    make_incident(make_profile())
    plan()
    take_one()
    assert len(notices.due(timezone.now() + 4 * MINUTE)) == 1


def test_what_failed_is_tried_again_and_given_up_after_a_day() -> None:
    make_channel()
    make_incident(make_profile())
    plan()
    tries = 0
    while AlertNotice.objects.get().state == "waiting":
        settle(DEFERRED)
        tries += 1
        assert tries < 50
        wait = AlertNotice.objects.get().due_at - timezone.now()
        alerts.let_pass(max(wait, timedelta()))
    notice = AlertNotice.objects.get()
    assert (notice.state, notice.reason, notice.detail) == ("failed", "server_error", "HTTP 500")
    # A minute, two, five, ten, twenty, thirty, and then each hour of the day.
    assert tries == 29


def test_a_channel_that_cannot_tell_of_its_own_profile_is_not_tried_again() -> None:
    make_channel()
    make_incident(make_profile())
    plan()
    settle(Outcome(Reason.SAME_PROFILE))
    assert alerts.notices() == [("opened", "dropped")]


def test_a_stopping_worker_gives_its_notice_back() -> None:
    make_channel()
    make_incident(make_profile())
    plan()
    notices.give_back(take_one(), now=timezone.now())
    assert AlertNotice.objects.get().attempts == 0
    assert len(notices.due(timezone.now())) == 1


def test_a_changed_channel_tries_again_at_once() -> None:
    channel = make_channel()
    make_incident(make_profile())
    plan()
    settle(DEFERRED)
    assert notices.due(timezone.now()) == []
    notices.reconsider(channel, now=timezone.now())
    assert len(notices.due(timezone.now())) == 1


def test_trouble_that_comes_and_goes_is_told_once_an_hour() -> None:
    make_channel()
    profile = make_profile()
    announced = []
    for turn in range(9):
        # Ten minutes of trouble, ten of peace, for three hours.
        incident = make_incident(profile)
        plan()
        for notice in notices.due(timezone.now()):
            notices.take(notice, now=timezone.now())
            notices.settle(notice, Outcome(), now=timezone.now())
            announced += [turn] if notice.event == "opened" else []
        alerts.let_pass(10 * MINUTE)
        incident.refresh_from_db()
        close(incident)
        alerts.let_pass(10 * MINUTE)
    assert announced == [0, 3, 6]
    assert notices.times_lately(incident, now=timezone.now()) == 2


def test_trouble_that_comes_back_and_stays_is_told_when_the_hour_is_over() -> None:
    make_channel()
    profile = make_profile()
    first = make_incident(profile)
    plan()
    settle(Outcome())
    alerts.let_pass(10 * MINUTE)
    first.refresh_from_db()
    close(first)
    plan()
    settle(Outcome())
    alerts.let_pass(10 * MINUTE)
    make_incident(profile)
    plan()
    assert notices.due(timezone.now()) == []
    assert len(notices.due(timezone.now() + 41 * MINUTE)) == 1


def test_another_profile_s_trouble_does_not_count() -> None:
    make_channel()
    first = make_incident(make_profile())
    plan()
    settle(Outcome())
    close(first)
    make_incident(make_profile(slug="other"))
    plan()
    assert "opened" in [notice.event for notice in notices.due(timezone.now())]


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_tell_each_thing_once() -> None:
    for name in ("A", "B"):
        make_channel(name=name)
    for slug in ("one", "two", "three"):
        make_incident(make_profile(slug=slug))
    told: list[tuple[int, int]] = []
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait(60)
            plan()
            for notice in notices.due(timezone.now()):
                if notices.take(notice, now=timezone.now()):
                    told.append((notice.incident_id, notice.channel_id))
                    notices.settle(notice, Outcome(), now=timezone.now())
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(told) == len(set(told)) == 6
    assert alerts.notices() == [("opened", "sent")] * 6


@pytest.mark.django_db(transaction=True)
def test_whoever_has_waited_for_another_worker_takes_nothing() -> None:
    make_channel()
    make_incident(make_profile())
    plan()
    (notice,) = notices.due(timezone.now())
    (same,) = notices.due(timezone.now())
    taken: list[bool] = []

    def take() -> None:
        try:
            taken.append(notices.take(same, now=timezone.now()))
        finally:
            connections.close_all()

    worker = threading.Thread(target=take)
    with transaction.atomic():
        assert notices.take(notice, now=timezone.now())
        worker.start()
        # It waits for the row, or for SQLite's one write lock.
        worker.join(1)
        assert worker.is_alive()
    worker.join(60)
    assert taken == [False]
