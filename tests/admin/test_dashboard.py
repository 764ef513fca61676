"""The dashboard: health and mail at a glance, and nothing for those who may not see it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smtpadmin.models import Circuit, Lane, Message, Profile, TestState, WorkerBeat
from smtpadmin.models.profile import today
from smtpadmin.outbox import space
from tests.admin.forms import page, text_of, values
from tests.admin.message_people import address, client_of
from tests.support.alerts import make_channel
from tests.support.mail import put
from tests.support.message_log import (
    GREYLISTED,
    NO_ANSWER,
    REFUSED_SIGN_IN,
    SPAM,
    UNKNOWN,
    all_is_well,
    fill_log,
    story,
    trouble,
)
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

DASHBOARD = "/admin/smtpadmin/"


@pytest.fixture(autouse=True)
def somebody_is_told(db: None) -> None:
    """Have a way for alerts: that there is none is a line of its own."""
    make_channel(kind="webhook")


def attention(client: Client) -> list[str]:
    """Return the lines of "Needs attention"."""
    shown = client.get(DASHBOARD).content.decode()
    return [part.split("</span>")[0].split("<span>")[1] for part in shown.split("sa-attention-item")[1:]]


def test_a_working_default_profile_needs_no_attention(admin: Client) -> None:
    make_profile(is_default=True, test_state=TestState.WORKING)
    assert attention(admin) == []
    assert "Main Default" in text_of(admin.get(DASHBOARD))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"is_default": False}, "No profile is the default"),
        ({"test_state": TestState.FAILING}, "“Main” failed its last test."),
        ({"test_state": TestState.CHANGED}, "“Main” was changed after its last test."),
        ({"skip_verify": True, "skip_verify_reason": "x"}, "“Main” does NOT check the server’s certificate until"),
        (
            {"skip_verify": True, "skip_verify_reason": "x", "skip_verify_until": today() - timedelta(days=1)},
            "“Main” checks the server’s certificate again: test it.",
        ),
        ({"allow_plaintext_auth": True, "security": "none"}, "“Main” sends its password unencrypted."),
        ({"provider": "microsoft365"}, "Microsoft 365 (Exchange Online): "),
    ],
)
def test_what_needs_attention_is_said(admin: Client, fields: dict[str, object], words: str) -> None:
    make_profile(**{"is_default": True} | fields)
    assert any(words in line for line in attention(admin))


def test_a_disabled_profile_needs_none(admin: Client) -> None:
    make_profile(is_default=True)
    make_profile(slug="off", enabled=False, test_state=TestState.FAILING)
    assert attention(admin) == []


def test_an_empty_panel_calls_for_the_first_profile(admin: Client) -> None:
    assert "Add your first SMTP profile" in text_of(admin.get(DASHBOARD))


def test_recent_changes_are_told_to_those_who_may_see_profiles(admin: Client, viewer: Client) -> None:
    profile = make_profile()
    admin.post(page(profile), values(profile, batch="5"))
    for client in (admin, viewer):
        assert "Batch: 20 → became 5" in text_of(client.get(DASHBOARD))


def test_the_front_page_tells_a_stranger_nothing(stranger: Client) -> None:
    make_profile()
    shown = text_of(stranger.get("/admin/"))
    assert "smtp.example.com" not in shown
    assert "You have no permission to see SMTP profiles." in shown


def test_a_viewer_is_not_offered_tests(viewer: Client) -> None:
    make_profile()
    assert "/test/" not in viewer.get(DASHBOARD).content.decode()


# Mail


SECOND = timedelta(seconds=1)
NOBODY = "No worker is running: mail waits"


def shown(client: Client) -> str:
    return text_of(client.get(DASHBOARD)).replace("\xa0", " ")


def beat(age: timedelta) -> None:
    at = timezone.now() - age
    WorkerBeat.objects.create(name="w", host="web-1", pid=77, started_at=at, beat_at=at)


def waiting(profile: Profile, **fields: Any) -> Message:
    message = put(profile, **fields)
    Message.objects.filter(pk=message.pk).update(due_at=timezone.now() - timedelta(minutes=5))
    return message


def test_mail_that_waits_while_no_worker_is_alive_is_the_first_thing_said(admin: Client) -> None:
    profile = make_profile()
    beat(timedelta(seconds=61))
    assert NOBODY not in shown(admin)
    waiting(profile)
    page = shown(admin)
    assert NOBODY in page
    assert "manage.py deliver" in page
    assert "Silent web-1 process 77, started 1 minute ago, last heard of 1 minute ago" in page


def test_a_worker_that_is_alive_is_shown_and_nothing_else_is_said(admin: Client) -> None:
    waiting(make_profile())
    beat(timedelta(seconds=50))
    page = shown(admin)
    assert NOBODY not in page
    assert "Running web-1 process 77" in page


def test_a_worker_that_was_stopped_is_missed_once_mail_waits(admin: Client) -> None:
    profile = make_profile()
    story(profile, "a@example.org", state="sent", age=timedelta(hours=1), steps=((SECOND, "sent", {}),))
    assert "No worker has ever run" not in shown(admin)
    waiting(profile)
    assert NOBODY in shown(admin)


def test_a_panel_on_which_no_worker_ever_ran_says_so_before_mail_waits(admin: Client) -> None:
    make_profile()
    assert "No worker has ever run: mail that apps hand over will wait" in shown(admin)


def test_what_is_due_later_needs_no_worker_yet(admin: Client) -> None:
    profile = make_profile()
    beat(timedelta(hours=1))
    put(profile, due_at=timezone.now() + timedelta(hours=1))
    assert NOBODY not in shown(admin)


@pytest.mark.parametrize(
    ("free", "words"),
    [
        (63_000_000, "The disk is nearly full: no mail is accepted"),
        (31_000_000, "The disk is full: no mail is accepted, and none is sent"),
        (64_000_000, ""),
        (None, ""),
    ],
)
def test_a_full_disk_is_said(viewer: Client, monkeypatch: pytest.MonkeyPatch, free: int | None, words: str) -> None:
    make_profile()
    monkeypatch.setattr(space, "free", lambda: free)
    page = shown(viewer)
    assert ("disk" in page) is bool(words)
    assert words in page


def test_a_paused_profile_is_told_with_reason_and_cure_and_may_try_at_once(admin: Client) -> None:
    fill_log()
    trouble()
    receipts = Profile.objects.get(slug="receipts")
    waiting(receipts)
    page = shown(admin)
    assert "Microsoft 365 – receipts : The sign-in is refused Paused 40 minutes ago · Next try: " in page
    assert "1 message waits · “QQ Mail – notify” takes over where its settings allow" in page
    assert "Microsoft 365 (Exchange Online): sending by SMTP is off for your whole organisation" in page
    assert f"In the original: {REFUSED_SIGN_IN['code']} {REFUSED_SIGN_IN['reply']}" in page
    assert f'action="/admin/smtpadmin/profile/{receipts.pk}/resume/"' in admin.get(DASHBOARD).content.decode()


def test_a_disabled_profile_that_mail_waits_for_is_told(admin: Client) -> None:
    make_profile(is_default=True)
    waiting(make_profile(slug="spare", enabled=False))
    assert attention(admin) == ["“Spare” is disabled, and 1 message waits for it."]


def test_a_limit_that_is_used_up_is_told_when_it_lasts(admin: Client) -> None:
    profile, other = make_profile(is_default=True), make_profile(slug="other")
    now = timezone.now()
    Circuit.objects.create(profile=profile, limited_until=now + timedelta(days=400))
    Circuit.objects.create(profile=other, limited_until=now + timedelta(seconds=1))
    (line,) = attention(admin)
    assert line.startswith("“Main” has used up its limit and goes on at ")


def test_what_waits_is_counted_by_lane_with_how_long_it_is_overdue(admin: Client) -> None:
    profile = make_profile()
    waiting(profile, lane=Lane.URGENT)
    put(profile, lane=Lane.BULK, due_at=timezone.now() + timedelta(hours=1))
    assert "Urgent 1 0 5 minutes Normal 0 0 – Bulk 1 0 –" in shown(admin)


def test_the_last_day_is_drawn_and_told_in_numbers(admin: Client) -> None:
    profile = make_profile()
    for state, age in (("sent", 0), ("sent", 5), ("failed", 5), ("expired", 5), ("sent", 30), ("cancelled", 1)):
        story(profile, "a@example.org", state=state, age=timedelta(hours=age), cause="expired" * (state == "expired"))
    put(profile)
    response = admin.get(DASHBOARD)
    page = text_of(response)
    assert "Sent, 24 hours 2 Failed, 24 hours 2 Waiting now 1 Unclear 0" in page
    assert "Most in an hour: 3" in page
    chart = response.context["chart"]
    assert [hour.counts for hour in chart.hours if any(count != "0" for count in hour.counts)] == [
        ("1", "0", "0", "2"),
        ("1", "1", "0", "0"),
    ]
    assert chart.summary == "2 sent, 1 still waiting, 2 failed"
    assert "style=" not in response.content.decode()


def test_an_unclear_message_asks_for_its_decision(admin: Client) -> None:
    profile = make_profile()
    unclear = [
        story(
            profile, f"{number}@example.org", state="uncertain", age=timedelta(minutes=number),
            steps=((SECOND, "uncertain", NO_ANSWER),),
        )
        for number in range(7)
    ]  # fmt: skip
    response = admin.get(DASHBOARD)
    html, page = response.content.decode(), text_of(response)
    assert "Unclear whether delivered 7" in page
    assert [number for number in range(7) if address(unclear[number]) in html] == [0, 1, 2, 3, 4]
    assert 'href="/admin/smtpadmin/message/?state=uncertain"' in html
    assert "Decide" in page
    assert "Decide" not in shown(client_of("view_message"))


def test_failures_are_told_by_their_cause(admin: Client) -> None:
    profile = make_profile(provider="netease-163")
    for answer in (UNKNOWN, SPAM, UNKNOWN):
        last = story(profile, "a@example.org", state="failed", age=timedelta(0), steps=((SECOND, "refused", answer),))
    story(profile, "a@example.org", state="expired", age=timedelta(0), steps=((SECOND, "deferred", GREYLISTED),),
          cause="expired", stage="", code=None)  # fmt: skip
    page = shown(admin)
    order = ["2 The recipient’s mailbox does not exist", "1 It was not sent in time", "1 NetEase 163.com Mail took the"]
    assert all(words in page for words in order)
    assert page.index(order[0]) < min(page.index(words) for words in order[1:])
    assert f'href="{address(last)}"' in admin.get(DASHBOARD).content.decode()


def test_nothing_has_failed_yet(admin: Client) -> None:
    put(make_profile())
    assert "Why messages failed last 7 days No message failed." in shown(admin)


@pytest.mark.parametrize("codenames", [("view_profile",), ("change_profile",)])
def test_whoever_sees_no_messages_is_told_no_recipient_and_no_failure(codenames: tuple[str, ...]) -> None:
    fill_log()
    trouble()
    page = shown(client_of(*codenames))
    for words in (
        "@example.org",
        "@greylisted.example",
        "Why messages failed",
        "The last 24 hours",
        "mailbox does",
        "Unclear",
    ):
        assert words not in page
    # That their profiles send nothing is theirs to know.
    assert NOBODY in page
    assert "The sign-in is refused" in page


def test_whoever_sees_messages_alone_sees_no_settings() -> None:
    fill_log()
    trouble()
    client = client_of("view_message")
    page = shown(client)
    assert "Why messages failed" in page
    assert "Paused profiles" in page
    assert "smtp.qq.com" not in page
    html = client.get(DASHBOARD).content.decode()
    assert "/admin/smtpadmin/profile/" not in html


@pytest.mark.parametrize(
    ("codenames", "offered"),
    [(("view_profile",), False), (("view_profile", "change_profile"), True), (("view_message",), False),
     (("view_message", "decide_message"), True)],
)  # fmt: skip
def test_the_pause_is_ended_by_those_who_may(codenames: tuple[str, ...], offered: bool) -> None:
    fill_log()
    trouble()
    assert ("/resume/" in client_of(*codenames).get(DASHBOARD).content.decode()) is offered


def one_profile() -> None:
    make_profile(password="x" * 16)


@pytest.mark.parametrize("fill", [fill_log, one_profile])
def test_the_dashboard_takes_a_fixed_number_of_queries(admin: Client, fill: Callable[[], Any]) -> None:
    ContentType.objects.get_for_model(Profile)
    fill()
    all_is_well()
    admin.get(DASHBOARD)
    with CaptureQueriesContext(connection) as queries:
        admin.get(DASHBOARD)
    # Session, user, profiles, keys, looks, changes; what waits, workers, hours, what is sent, unclear ones,
    # reasons, who is told. Where there is something of it: the unclear ones with their recipients, the last attempt for
    # each reason.
    assert len(queries) == (16 if fill is fill_log else 13)
