"""The page of one message: where it is in words, the way it took, its recipients, its attempts."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smtpadmin.models import Attempt, Circuit, Lane, Message, Profile, WorkerBeat
from tests.admin.forms import text_of
from tests.admin.message_people import address, client_of
from tests.support.mail import put
from tests.support.message_log import GREYLISTED, NO_ANSWER, NO_CONNECTION, REFUSED_SIGN_IN, SPAM, UNKNOWN, story
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def shown(client: Client, message: Message) -> str:
    response = client.get(address(message))
    assert response.status_code == 200
    return text_of(response).replace("\xa0", " ")


def at_noon(message: Message, **fields: Any) -> Message:
    """Let its times be yesterday's noon, so that a test knows how they are written."""
    noon = (timezone.now() - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    times = {name: noon for name in ("due_at", "ended_at") if getattr(message, name) is not None}
    Message.objects.filter(pk=message.pk).update(**times | fields)
    message.refresh_from_db()
    return message


@pytest.mark.parametrize(
    ("state", "steps", "fields", "words"),
    [
        ("queued", 0, {}, "Waiting to be sent"),
        ("queued", 2, {}, "Waiting for its third attempt"),
        ("queued", 14, {}, "Waiting for its next attempt"),
        ("sending", 0, {}, "Being sent now"),
        ("sent", 1, {}, "Sent at {noon} The server has accepted it."),
        ("failed", 1, {}, "Failed at {noon}"),
        ("failed", 1, {"cause": "uncertain"}, "Closed at {noon}: unclear whether it was delivered"),
        ("uncertain", 1, {}, "Unclear whether it was delivered"),
        ("cancelled", 0, {}, "Cancelled at {noon} It was not sent, and its text is destroyed."),
        ("expired", 1, {"cause": "expired"}, "Not sent in time: given up at {noon}"),
    ],
)
def test_the_page_says_where_the_message_is(
    admin: Client, state: str, steps: int, fields: dict[str, Any], words: str
) -> None:
    taken = ((SECOND, "sent", {}),) if state == "sent" else ((SECOND, "deferred", GREYLISTED),) * steps
    message = at_noon(story(make_profile(), "a@example.org", state=state, age=timedelta(0), steps=taken, **fields))
    noon = f"{(timezone.now() - timedelta(days=1)):%b %-d}, noon"
    assert words.format(noon=noon) in shown(admin, message)


def test_a_later_attempt_is_named_with_its_time(admin: Client) -> None:
    due = (timezone.now() + timedelta(days=1)).replace(hour=14, minute=5)
    message = story(
        make_profile(), "a@example.org", state="queued", age=timedelta(0), due_at=due,
        steps=((SECOND, "deferred", GREYLISTED),),
    )  # fmt: skip
    assert f"Waiting for its second attempt at {due:%b %-d}, 2:05 p.m." in shown(admin, message)


def test_some_of_several_recipients_failed(admin: Client) -> None:
    message = story(
        make_profile(), "a@example.org", "b@example.org", "c@example.org", state="failed", age=timedelta(0),
        steps=((SECOND, "partial", UNKNOWN),), answers={"a@example.org": ("sent", {}), "c@example.org": ("sent", {})},
    )  # fmt: skip
    page = shown(admin, message)
    assert "for 1 of 3 recipients" in page
    assert "2 of 3 recipients have it." in page
    assert page.index("b@example.org Failed") < page.index("a@example.org Sent") < page.index("c@example.org Sent")


def disable(profile: Profile) -> None:
    Profile.objects.filter(pk=profile.pk).update(enabled=False)


def pause(profile: Profile) -> None:
    probe_at = timezone.now() + timedelta(days=400)
    Circuit.objects.update_or_create(profile=profile, defaults={"reason": "auth", "probe_at": probe_at})


@pytest.mark.parametrize(
    ("obstacle", "words"),
    [
        (disable, "The profile “Main” is disabled: its mail waits until it is enabled."),
        (pause, "The profile “Main” is paused. The sign-in is refused. Next try: "),
        (Profile.delete, "The profile “Main” was deleted, so it cannot be sent."),
        (lambda _profile: None, "No worker is running, and so nothing is sent."),
    ],
)
def test_a_waiting_message_says_what_it_waits_for(admin: Client, obstacle: Any, words: str) -> None:
    profile = make_profile()
    message = put(profile)
    Message.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    obstacle(profile)
    assert words in shown(admin, message)


def test_with_a_worker_alive_it_waits_for_nothing_else(admin: Client) -> None:
    now = timezone.now()
    WorkerBeat.objects.create(name="w", host="h", pid=1, started_at=now, beat_at=now)
    message = put(make_profile())
    Message.objects.update(due_at=now - timedelta(minutes=1))
    assert "No worker is running" not in shown(admin, message)


@pytest.mark.parametrize(
    ("because", "words"),
    [
        ("connect", "because the server of “First choice” was out of reach."),
        ("quota", "because the limit of “First choice” was used up."),
        ("something new", "because the server of “First choice” did not take it."),
    ],
)
def test_the_way_over_the_fallback_is_told(admin: Client, because: str, words: str) -> None:
    make_profile(slug="first", name="First choice")
    message = story(
        make_profile(name="Main"), "a@example.org", state="sent", age=timedelta(0), origin_slug="first",
        moved_because=because, steps=((SECOND, "deferred", NO_CONNECTION | {"slug": "first"}), (SECOND, "sent", {})),
    )  # fmt: skip
    page = shown(admin, message)
    assert f"First meant for “First choice”, and moved to “Main”, {words}" in page
    assert "First choice · at TCP" in page


def test_an_attempt_is_told_with_stage_reply_cause_and_next_step(admin: Client) -> None:
    profile = make_profile(provider="netease-163")
    message = story(profile, "a@example.org", state="failed", age=timedelta(0), steps=((SECOND, "refused", SPAM),))
    page = shown(admin, message)
    assert "Refused" in page
    assert "at DATA" in page
    assert "400 ms" in page
    assert "NetEase 163.com Mail took the message for spam" in page
    assert f"The server said: 554 {SPAM['reply']}" in page


@pytest.mark.parametrize(
    ("outcome", "answer", "words"),
    [
        ("lost", {"cause": "worker_lost"}, "Interrupted"),
        ("lost", {"cause": "worker_lost"}, "Nothing was sent, and the message waits for the next worker."),
        ("late", UNKNOWN, "The result came too late"),
        ("refused", {"cause": "body_unreadable"}, "The stored text cannot be opened"),
    ],
)
def test_what_only_we_know_is_explained_too(admin: Client, outcome: str, answer: dict[str, Any], words: str) -> None:
    message = story(
        make_profile(), "a@example.org", state="queued", age=timedelta(0), steps=((SECOND, outcome, answer),)
    )
    assert words in shown(admin, message)


def test_a_message_that_workers_died_over_says_so(admin: Client) -> None:
    message = story(
        make_profile(), "a@example.org", state="failed", age=timedelta(0),
        steps=((SECOND, "lost", {"cause": "worker_lost"}),) * 5,
    )  # fmt: skip
    assert "Workers were interrupted over it, time and again" in shown(admin, message)


def test_an_expired_message_says_so_and_why_it_was_not_sent_earlier(admin: Client) -> None:
    message = story(
        make_profile(provider="microsoft365"), "a@example.org", state="expired", age=timedelta(hours=2),
        steps=((SECOND, "deferred", REFUSED_SIGN_IN),), cause="expired", lane=Lane.URGENT,
    )  # fmt: skip
    page = shown(admin, message)
    assert "It was not sent in time" in page
    assert "sending by SMTP is off for your whole organisation" in page
    assert "a@example.org Not sent" in page


def test_many_recipients_and_attempts_are_shown_in_part(admin: Client) -> None:
    message = story(
        make_profile(), *(f"{number}@example.org" for number in range(60)), state="sent", age=timedelta(0),
        steps=((SECOND, "deferred", GREYLISTED),) * 33,
    )  # fmt: skip
    page = shown(admin, message)
    assert page.count("@example.org Sent") == 50
    assert "Show 10 more" in page
    assert "These are the last 30; there were more." in page
    everything = text_of(admin.get(address(message), {"recipients": "all"}))
    assert everything.count("@example.org Sent") == 60


def test_what_was_sent_at_once_says_so(admin: Client) -> None:
    message = story(make_profile(), "a@example.org", state="sent", age=timedelta(0), direct=True)
    assert "How sent at once, while the app waited" in shown(admin, message)


def test_a_profile_s_new_name_is_used_where_it_still_exists(admin: Client) -> None:
    profile = make_profile(slug="main", name="Old name")
    message = story(profile, "a@example.org", state="sent", age=timedelta(0), steps=((SECOND, "sent", {}),))
    Profile.objects.update(name="New name")
    assert "New name" in shown(admin, message)
    profile.delete()
    assert "Old name" in shown(admin, message)


def decisions(client: Client, message: Message) -> list[str]:
    """Return what the page offers, by address."""
    page = client.get(address(message)).content.decode()
    return [name for name in ("retry", "resend", "give-up", "cancel", "copy") if f'{address(message, name)}"' in page]


@pytest.mark.parametrize(
    ("state", "keeps_text", "expected"),
    [
        ("queued", True, ["retry", "cancel"]),
        ("sending", True, []),
        ("sent", True, ["copy"]),
        ("sent", False, []),
        ("failed", True, ["retry"]),
        ("failed", False, []),
        ("uncertain", True, ["resend", "give-up"]),
        ("uncertain", False, ["give-up"]),
        ("cancelled", False, []),
        ("expired", False, []),
    ],
)
def test_the_page_offers_what_can_be_done(admin: Client, state: str, keeps_text: bool, expected: list[str]) -> None:
    steps = ((SECOND, "uncertain", NO_ANSWER),) if state == "uncertain" else ()
    message = story(make_profile(), "a@example.org", state=state, age=timedelta(0), keeps_text=keeps_text, steps=steps)
    assert decisions(admin, message) == expected
    lost = "Its text is not kept any more, so it cannot be sent again from here."
    assert (lost in shown(admin, message)) == (state in ("failed", "uncertain") and not keeps_text)
    assert decisions(client_of("view_message"), message) == []


@pytest.mark.parametrize(("state", "expected"), [("failed", []), ("uncertain", ["give-up"]), ("queued", ["cancel"])])
def test_without_its_profile_nothing_can_be_sent(admin: Client, state: str, expected: list[str]) -> None:
    profile = make_profile()
    message = story(profile, "a@example.org", state=state, age=timedelta(0))
    profile.delete()
    assert decisions(admin, message) == expected


@pytest.mark.parametrize("count", [1, 4])
def test_the_page_takes_a_fixed_number_of_queries(admin: Client, count: int) -> None:
    ContentType.objects.get_for_model(Message)
    profile = make_profile()
    people = [f"{number}@example.org" for number in range(count)]
    counted = {}
    for state in ("queued", "failed"):
        steps = ((SECOND, "deferred", GREYLISTED),) * count
        message = story(profile, *people, state=state, age=timedelta(minutes=5), steps=steps)
        with CaptureQueriesContext(connection) as queries:
            admin.get(address(message))
        counted[state] = len(queries)
    # Session, user, message, profiles, whether there is a text, attempts, recipients, log; the profile and the worker.
    assert counted == {"queued": 10, "failed": 8}


def test_the_attempts_of_other_messages_are_theirs(admin: Client) -> None:
    profile = make_profile()
    message = put(profile)
    story(profile, "b@example.org", state="failed", age=timedelta(0), steps=((SECOND, "refused", UNKNOWN),))
    assert Attempt.objects.count() == 1
    assert "No attempt so far." in shown(admin, message)
