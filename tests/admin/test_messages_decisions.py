"""Pressing the buttons of a message, and the actions of the list."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from smtpadmin import outbox
from smtpadmin.admin import message_decisions
from smtpadmin.models import Body, Circuit, Message, Profile, Recipient
from tests.admin.forms import text_of
from tests.admin.message_people import LIST, address, state, told
from tests.support.mail import put
from tests.support.message_log import NO_ANSWER, UNKNOWN, story
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
YES = {"confirmed": "yes"}


def message_in(state: str, *, profile: Profile | None = None, **fields: Any) -> Message:
    steps = {"uncertain": ((SECOND, "uncertain", NO_ANSWER),), "failed": ((SECOND, "refused", UNKNOWN),)}
    profile = profile or make_profile()
    return story(profile, "a@example.org", state=state, age=timedelta(0), steps=steps.get(state, ()), **fields)


def history(message: Message) -> list[str]:
    entries = LogEntry.objects.filter(object_id=str(message.pk)).order_by("pk")
    return [
        f"{entry.user.get_username()}: {entry.change_message.partition('event')[2][4:].split(chr(34))[0]}"
        for entry in entries
    ]


@pytest.mark.parametrize(
    ("decision", "before", "after", "says"),
    [
        ("retry", "queued", "queued", "The message is tried at once."),
        ("retry", "failed", "queued", "The message is tried at once."),
        ("cancel", "queued", "cancelled", "The message is cancelled and will not be sent."),
        ("resend", "uncertain", "queued", "The message is sent again."),
        ("give-up", "uncertain", "failed", "The message is closed and will not be sent again."),
    ],
)
def test_a_decision_is_carried_out_said_and_logged(
    admin: Client, decision: str, before: str, after: str, says: str
) -> None:
    message = message_in(before)
    response = admin.post(address(message, decision), YES)
    assert (response.status_code, response["Location"]) == (302, address(message))
    assert state(message) == after
    assert told(response) == [says]
    assert history(message) == [f"admin: message_{decision}"]


@pytest.mark.parametrize(
    ("decision", "before", "words"),
    [
        ("cancel", "queued", "its text is destroyed. This cannot be taken back."),
        ("resend", "uncertain", "the recipient gets it twice."),
        ("give-up", "uncertain", "Whether it arrived stays unknown"),
        ("copy", "sent", "A copy goes to all its recipients"),
    ],
)
def test_what_cannot_be_taken_back_is_asked_first(admin: Client, decision: str, before: str, words: str) -> None:
    message = message_in(before)
    response = admin.post(address(message, decision))
    assert response.status_code == 200
    page = text_of(response)
    assert words in page
    assert "a@example.org" in page
    assert 'name="confirmed" value="yes"' in response.content.decode()
    assert (state(message), history(message)) == (before, [])


def test_the_way_back_from_a_question_keeps_the_filters(admin: Client) -> None:
    message = message_in("queued")
    query = "?_changelist_filters=state%3Dqueued"
    response = admin.post(address(message, "cancel") + query)
    assert f'href="{address(message)}{query}"' in response.content.decode()
    assert admin.post(address(message, "cancel") + query, YES)["Location"] == address(message) + query


@pytest.mark.parametrize(
    ("decision", "now", "word"),
    [
        ("retry", "sending", "Being sent"),
        ("retry", "sent", "Sent"),
        ("cancel", "sending", "Being sent"),
        ("cancel", "cancelled", "Cancelled"),
        ("resend", "queued", "Waiting"),
        ("give-up", "failed", "Failed"),
        ("copy", "queued", "Waiting"),
    ],
)
def test_where_something_was_faster_nothing_is_changed_and_that_is_said(
    admin: Client, decision: str, now: str, word: str
) -> None:
    message = message_in(now, keeps_text=now == "queued")
    response = admin.post(address(message, decision), YES)
    assert told(response) == [f"Nothing was changed: that is no longer possible. State of the message: {word}."]
    assert (state(message), history(message)) == (now, [])


def test_a_message_that_is_pruned_meanwhile_is_said_to_be_gone(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    message = message_in("queued")
    url = address(message, "retry")

    def pruned(pk: int) -> bool:
        Message.objects.filter(pk=pk).delete()
        return outbox.retry_now(pk)

    decision = message_decisions.RETRY
    monkeypatch.setattr(type(decision), "act", property(lambda _self: pruned))
    assert told(admin.post(url)) == ["Nothing was changed: the message is not in the log any more."]


def test_a_copy_is_a_message_of_its_own_and_both_say_so(admin: Client) -> None:
    message = message_in("sent")
    response = admin.post(address(message, "copy"), YES)
    copy = Message.objects.exclude(pk=message.pk).get()
    assert response["Location"] == address(copy)
    assert told(response) == ["A copy is on its way. This is its page."]
    assert list(Recipient.objects.filter(message=copy).values_list("address", flat=True)) == ["a@example.org"]
    assert f"Sent once more, as message: {copy.uid}" in text_of(admin.get(address(message)))
    assert f"Made as a copy of message: {message.uid}" in text_of(admin.get(address(copy)))


def test_a_copy_of_a_text_that_does_not_open_is_refused(admin: Client) -> None:
    message, other = message_in("sent"), put(make_profile(slug="other"))
    Body.objects.filter(message=message).update(sealed=Body.objects.get(message=other).sealed)
    response = admin.post(address(message, "copy"), YES)
    assert told(response) == ["Nothing was sent: the stored text cannot be opened with the keys that are set."]
    assert Message.objects.count() == 2


def test_while_the_panel_is_locked_nothing_is_copied(admin: Client, settings: Any) -> None:
    message = message_in("sent")
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": []}
    assert admin.post(address(message, "copy"), YES).status_code == 503
    assert Message.objects.count() == 1


# Some at once


def act(client: Client, action: str, *messages: Message, **extra: str) -> Any:
    data = {"action": action, "_selected_action": [message.pk for message in messages], "index": "0"}
    return client.post(LIST, data | extra)


def test_an_action_is_carried_out_where_it_can_be_and_the_rest_is_counted(admin: Client) -> None:
    profile = make_profile()
    messages = [message_in(state, profile=profile) for state in ("queued", "queued", "sending", "sent")]
    response = act(admin, "cancel", *messages, confirmed="yes")
    assert [state(message) for message in messages] == ["cancelled", "cancelled", "sending", "sent"]
    assert told(response) == [
        "2 messages are cancelled and will not be sent.",
        "2 messages were left as they were: in their state that is not possible.",
    ]
    assert [history(message) for message in messages] == [["admin: message_cancel"], ["admin: message_cancel"], [], []]


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("retry", "failed", "queued"),
        ("cancel", "queued", "cancelled"),
        ("resend", "uncertain", "queued"),
        ("give_up", "uncertain", "failed"),
    ],
)
def test_every_action_works_after_its_question(admin: Client, action: str, before: str, after: str) -> None:
    message = message_in(before)
    asked = act(admin, action, message)
    if action == "retry":
        assert state(message) == after
        return
    assert asked.status_code == 200
    assert state(message) == before
    page = asked.content.decode()
    assert "This is about 1 message." in text_of(asked)
    assert f'name="_selected_action" value="{message.pk}"' in page
    assert f'name="action" value="{action}"' in page
    # What the question's form posts: no `index`.
    data = {"action": action, "_selected_action": [message.pk], "select_across": "0", "confirmed": "yes"}
    assert admin.post(LIST, data).status_code == 302
    assert state(message) == after


def test_all_of_them_at_once_is_not_taken(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = make_profile()
    messages = [message_in("queued", profile=profile) for _ in range(3)]
    across = act(admin, "cancel", messages[0], select_across="1", confirmed="yes")
    monkeypatch.setattr(message_decisions, "MOST_AT_ONCE", 2)
    many = act(admin, "cancel", *messages, confirmed="yes")
    assert told(across) == ["Nothing was changed: tick at most 100 messages at once."]
    assert told(many)[-1] == "Nothing was changed: tick at most 2 messages at once."
    assert [state(message) for message in messages] == ["queued"] * 3


def test_nonsense_instead_of_messages_changes_nothing(admin: Client) -> None:
    message = message_in("queued")
    data = {"action": "cancel", "_selected_action": ["x", "9" * 40, "-1"], "index": "0", "confirmed": "yes"}
    assert told(admin.post(LIST, data)) == ["Nothing was changed: tick at most 100 messages at once."]
    assert state(message) == "queued"


# The pause of a profile


def pause(profile: Profile) -> None:
    paused = {"reason": "auth", "failures": 3}
    Circuit.objects.update_or_create(profile=profile, defaults=paused)


@pytest.mark.parametrize("back", ["", "dashboard"])
def test_a_paused_profile_can_be_made_to_try_at_once(admin: Client, back: str) -> None:
    profile = make_profile()
    pause(profile)
    response = admin.post(f"/admin/smtpadmin/profile/{profile.pk}/resume/", {"back": back})
    assert response["Location"] == ("/admin/" if back else f"/admin/smtpadmin/profile/{profile.pk}/change/")
    assert told(response)[0].startswith("The next message through “Main” is tried at once.")
    profile.refresh_from_db()
    assert (profile.circuit.failures, profile.circuit.probe_at is not None) == (0, True)
    assert "Pause ended by hand" in text_of(admin.get(f"/admin/smtpadmin/profile/{profile.pk}/history/"))


def test_a_profile_that_is_not_paused_is_left_alone(admin: Client) -> None:
    profile = make_profile()
    response = admin.post(f"/admin/smtpadmin/profile/{profile.pk}/resume/")
    assert told(response) == ["“Main” is not paused any more."]
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("page", ["change", "test"])
def test_a_paused_profile_s_pages_say_so(admin: Client, page: str) -> None:
    profile = make_profile()
    pause(profile)
    shown = text_of(admin.get(f"/admin/smtpadmin/profile/{profile.pk}/{page}/"))
    assert "Paused: nothing is sent through this profile now. The sign-in is refused. Next try: now." in shown
