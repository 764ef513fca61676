"""What is forgotten, when, and that the statements stay fast however much is kept."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone
from pytest_django import Settings

from smtpadmin import outbox
from smtpadmin.models import Attempt, Body, Message, Profile, Recipient
from smtpadmin.worker import Worker, deliver_due
from tests.support.mail import LONG_AGO, put
from tests.support.processes import wait_until
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, StartServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def profile() -> Profile:
    return make_profile(is_default=True)


def over(profile: Profile, state: str, *, age: timedelta, keep_body: bool = True) -> Message:
    """Return a message that was accepted and came to `state` so long ago."""
    message = put(profile)
    then = timezone.now() - age
    sent = {"recipients_sent": 1} if state == "sent" else {}
    ended = None if state == "queued" else then
    Message.objects.filter(pk=message.pk).update(state=state, created_at=then, ended_at=ended, expires_at=then, **sent)
    Attempt.objects.create(
        message=message, at=then, fence=1, worker="w1", profile_slug=profile.slug, outcome="sent", seconds=0
    )
    if not keep_body:
        Body.objects.filter(message=message).delete()
    return message


def left() -> list[str]:
    return sorted(Message.objects.values_list("state", flat=True))


def with_body() -> set[int]:
    return set(Body.objects.values_list("message_id", flat=True))


def test_messages_that_are_over_go_with_all_that_is_theirs(profile: Profile) -> None:
    for state in ("queued", "sent", "failed", "cancelled", "expired", "uncertain"):
        over(profile, state, age=timedelta(days=91))
    over(profile, "cancelled", age=timedelta(days=89))
    assert outbox.prune(older_than=timedelta(days=90)) == 4
    assert left() == ["cancelled", "queued", "uncertain"]
    assert sorted(Recipient.objects.values_list("message__state", flat=True)) == ["cancelled", "queued", "uncertain"]
    assert sorted(Attempt.objects.values_list("message__state", flat=True)) == ["cancelled", "queued", "uncertain"]


def test_an_uncertain_message_goes_when_nobody_can_send_it_any_more(profile: Profile) -> None:
    over(profile, "uncertain", age=timedelta(days=91), keep_body=False)
    kept = over(profile, "uncertain", age=timedelta(days=89), keep_body=False)
    assert outbox.prune(older_than=timedelta(days=90)) == 1
    assert list(Message.objects.values_list("pk", flat=True)) == [kept.pk]


def test_many_go_in_steps(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[outbox.prune.__module__], "_CHUNK", 3)
    # What stays is walked past, and several are of the same instant.
    for _ in range(4):
        over(profile, "queued", age=timedelta(days=100))
    for _ in range(10):
        over(profile, "sent", age=timedelta(days=95))
    Message.objects.filter(state="sent").update(created_at=LONG_AGO)
    assert outbox.prune(older_than=timedelta(days=90)) == 10
    assert left() == ["queued"] * 4


def test_it_stops_when_it_is_told_to(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[outbox.prune.__module__], "_CHUNK", 3)
    for _ in range(9):
        over(profile, "sent", age=timedelta(days=95))
    answers = iter([False, True])
    assert outbox.prune(older_than=timedelta(days=90), stop=lambda: next(answers)) == 3


def test_the_text_of_a_failed_message_goes_after_a_day(profile: Profile) -> None:
    old, young = (over(profile, "failed", age=timedelta(hours=hours)) for hours in (25, 23))
    assert outbox.prune_bodies() == 1
    assert with_body() == {young.pk}
    assert outbox.retry_now(old.pk) is False


def test_the_text_of_an_uncertain_message_goes_when_it_is_no_longer_worth_sending(profile: Profile) -> None:
    expired, other = (over(profile, "uncertain", age=timedelta(hours=1)) for _ in range(2))
    Message.objects.filter(pk=other.pk).update(expires_at=timezone.now() + timedelta(hours=1))
    assert outbox.prune_bodies() == 1
    assert with_body() == {other.pk}
    assert outbox.resend(expired.pk) is False


def test_the_text_of_what_was_sent_is_kept_for_as_long_as_the_setting_says(
    profile: Profile, settings: Settings
) -> None:
    settings.SMTPADMIN = settings.SMTPADMIN | {"KEEP_SENT_BODIES_DAYS": 7, "KEEP_FAILED_BODIES_HOURS": 48}
    _old, young = (over(profile, "sent", age=timedelta(days=days)) for days in (8, 6))
    failed = over(profile, "failed", age=timedelta(hours=47))
    waiting = over(profile, "queued", age=timedelta(days=9))
    assert outbox.prune_bodies() == 1
    assert with_body() == {young.pk, failed.pk, waiting.pk}
    settings.SMTPADMIN = settings.SMTPADMIN | {"KEEP_SENT_BODIES_DAYS": 0}
    assert outbox.prune_bodies() == 1
    assert with_body() == {failed.pk, waiting.pk}


def test_the_command_goes_by_the_settings_and_says_what_it_did(
    profile: Profile, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SMTPADMIN = settings.SMTPADMIN | {"RETENTION_DAYS": 30}
    over(profile, "sent", age=timedelta(days=31), keep_body=False)
    over(profile, "failed", age=timedelta(days=29))
    call_command("prune")
    assert capsys.readouterr().out == (
        "1 messages older than 30 days were removed, and the text of 1 messages that are over.\n"
    )
    assert (left(), with_body()) == (["failed"], set())


def test_a_setting_that_makes_no_sense_removes_nothing(profile: Profile, settings: Settings) -> None:
    over(profile, "sent", age=timedelta(days=91))
    settings.SMTPADMIN = settings.SMTPADMIN | {"RETENTION_DAYS": "30"}
    with pytest.raises(ImproperlyConfigured, match="RETENTION_DAYS"):
        call_command("prune")
    assert left() == ["sent"]


# SQLite


def write_ahead_log() -> Path:
    return Path(f"{connection.settings_dict['NAME']}-wal")


def test_a_destroyed_body_is_in_no_file_any_more(profile: Profile) -> None:
    if connection.vendor != "sqlite":
        return
    message = put(profile)
    sealed = Body.objects.get(message=message).sealed
    assert outbox.cancel(message.pk)
    assert sealed in write_ahead_log().read_bytes()
    assert outbox.truncate_log() is True
    folder = write_ahead_log().parent
    assert [path.name for path in folder.iterdir() if path.is_file() and sealed in path.read_bytes()] == []


def test_a_reader_holds_up_neither_the_log_nor_those_who_write(profile: Profile) -> None:
    if connection.vendor != "sqlite":
        return
    put(profile)
    with reading():
        put(profile)
        begun = timezone.now()
        assert outbox.truncate_log() is False
        assert timezone.now() - begun < timedelta(seconds=2)
    assert outbox.truncate_log() is True
    assert write_ahead_log().stat().st_size == 0
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (30_000,)


@contextmanager
def reading() -> Iterator[None]:
    """Hold a read transaction open on a connection of its own."""
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            cursor.execute("SELECT count(*) FROM smtpadmin_message")
            yield
            cursor.execute("ROLLBACK")
    finally:
        other.close()


def test_no_statement_of_the_cleaning_walks_what_grows(profile: Profile) -> None:
    if connection.vendor != "sqlite":
        return
    for state in ("sent", "failed", "uncertain"):
        over(profile, state, age=timedelta(days=91))
    plans: list[str] = []

    def explain(execute: Callable[..., Any], text: str, params: Any, many: bool, context: Any) -> Any:
        if text.strip().partition(" ")[0] in ("SELECT", "DELETE"):
            plan = connection.connection.cursor().execute("EXPLAIN QUERY PLAN " + text.replace("%s", "?"), params or ())
            plans.extend(row[3] for row in plan.fetchall())
        return execute(text, params, many, context)

    with connection.execute_wrapper(explain):
        outbox.prune_bodies()
        assert outbox.prune(older_than=timedelta(days=90)) == 3
    assert [plan for plan in plans if plan.startswith("SCAN") or "TEMP B-TREE" in plan] == []
    assert {plan for plan in plans if plan.startswith(("SEARCH m ", "SEARCH smtpadmin_message "))} == {
        "SEARCH m USING INDEX smtpadmin_message_state (state=? AND created_at<?)",
        "SEARCH m USING INDEX smtpadmin_message_state (state=?)",
        "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH smtpadmin_message USING COVERING INDEX smtpadmin_message_new (created_at<?)",
        "SEARCH smtpadmin_message USING INDEX smtpadmin_message_new (created_at>? AND created_at<?)",
        "SEARCH smtpadmin_message USING INTEGER PRIMARY KEY (rowid=?)",
    }


# By itself


def test_a_worker_forgets_by_itself_and_empties_the_log(profile: Profile) -> None:
    over(profile, "sent", age=timedelta(days=91))
    body = put(profile, due_at=timezone.now() + timedelta(hours=1))
    sealed = Body.objects.get(message=body).sealed
    assert outbox.cancel(body.pk)
    worker = Worker()
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        assert wait_until(lambda: left() == ["cancelled"], seconds=30)
        if connection.vendor == "sqlite":
            assert wait_until(lambda: sealed not in write_ahead_log().read_bytes(), seconds=30)
    finally:
        worker.stop()
        thread.join(30)
    assert not thread.is_alive()


def test_a_text_outlives_the_sending_only_where_the_setting_says_so(
    smtp_server: StartServer, settings: Settings
) -> None:
    server = smtp_server()
    profile = make_profile(
        is_default=True, host=server.host, port=server.port, security="none", username=USERNAME, password=PASSWORD
    )
    put(profile)
    deliver_due()
    settings.SMTPADMIN = settings.SMTPADMIN | {"KEEP_SENT_BODIES_DAYS": 1}
    kept = put(profile)
    deliver_due()
    assert (left(), with_body()) == (["sent", "sent"], {kept.pk})
