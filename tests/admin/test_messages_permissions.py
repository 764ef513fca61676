"""Who may see messages, decide about them, and read their text."""

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from smtpadmin.models import Message
from tests.admin.message_people import LIST, address, client_of, state
from tests.support.mail import put
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

PEOPLE: dict[str, tuple[str, ...]] = {
    "stranger": (),
    "profile viewer": ("view_profile", "change_profile"),
    "viewer": ("view_message",),
    "decider": ("view_message", "decide_message"),
    "reader": ("view_message", "read_message_body"),
    "blind decider": ("decide_message",),
    "blind reader": ("read_message_body",),
}
SEES = {"viewer", "decider", "reader"}
DECISIONS = ("retry", "cancel", "resend", "give-up", "copy")


@pytest.fixture
def message() -> Message:
    return put(make_profile())


@pytest.fixture
def who() -> Callable[[str], Client]:
    return lambda name: client_of(*PEOPLE[name])


@pytest.mark.parametrize("name", PEOPLE)
def test_the_log_and_its_pages_open_for_those_who_may_see_messages(
    who: Callable[[str], Client], message: Message, name: str
) -> None:
    client = who(name)
    codes = {client.get(LIST).status_code, client.get(address(message)).status_code}
    assert codes == ({200} if name in SEES else {403})


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("decision", DECISIONS)
def test_a_decision_is_taken_from_those_who_may_decide_and_see(
    who: Callable[[str], Client], message: Message, name: str, decision: str
) -> None:
    response = who(name).post(address(message, decision), {"confirmed": "yes"})
    assert response.status_code == (302 if name == "decider" else 403)


@pytest.mark.parametrize("name", PEOPLE)
def test_the_list_offers_and_takes_actions_from_those_who_may_decide(
    who: Callable[[str], Client], message: Message, name: str
) -> None:
    client = who(name)
    data = {"action": "cancel", "index": "0", "_selected_action": [message.pk], "confirmed": "yes"}
    client.post(LIST, data)
    assert state(message) == ("cancelled" if name == "decider" else "queued")
    if name in SEES:
        assert ('name="action"' in client.get(LIST).content.decode()) == (name == "decider")


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_text_is_for_those_with_a_permission_of_its_own(
    who: Callable[[str], Client], message: Message, name: str, method: str
) -> None:
    response = getattr(who(name), method)(address(message, "text"))
    assert response.status_code == (200 if name == "reader" else 403)


@pytest.mark.parametrize("name", sorted(SEES))
def test_no_page_but_the_text_s_shows_subject_or_text(
    who: Callable[[str], Client], message: Message, name: str
) -> None:
    client = who(name)
    for page in (LIST, address(message), "/admin/", "/admin/smtpadmin/"):
        shown = client.get(page).content.decode()
        assert "Hello" not in shown
        assert "Text\r\n" not in shown


@pytest.mark.parametrize("page", ["", "{pk}/change/", "{pk}/text/"])
def test_a_visitor_who_is_not_logged_in_is_sent_to_the_login_page(client: Client, message: Message, page: str) -> None:
    response = client.get(LIST + page.format(pk=message.pk))
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("decision", DECISIONS)
def test_nothing_is_decided_by_following_a_link(admin: Client, message: Message, decision: str) -> None:
    assert admin.get(address(message, decision)).status_code == 405
    assert state(message) == "queued"


@pytest.mark.parametrize("page", ["add/", "{pk}/delete/"])
def test_nobody_adds_or_deletes_a_message(admin: Client, message: Message, page: str) -> None:
    assert admin.get(LIST + page.format(pk=message.pk)).status_code == 403


def test_nobody_edits_a_message(admin: Client, message: Message) -> None:
    admin.post(address(message), {"state": "sent", "profile_slug": "other"})
    assert Message.objects.values_list("state", "profile_slug").get() == ("queued", "main")
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("page", ["change", "text"])
def test_a_message_that_does_not_exist_is_not_found(admin: Client, page: str) -> None:
    assert admin.get(f"{LIST}999/{page}/").status_code == 404
    assert admin.post(f"{LIST}999/retry/").status_code == 404
    assert admin.get(f"{LIST}{'9' * 30}/{page}/").status_code == 404


@pytest.mark.parametrize("query", ["sender__icontains=x", "body__sealed__startswith=s", "profile__sealed_password=x"])
def test_the_list_is_filtered_by_its_filters_alone(admin: Client, message: Message, query: str) -> None:
    assert admin.get(f"{LIST}?{query}").status_code == 400
