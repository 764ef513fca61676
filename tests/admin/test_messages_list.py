"""The message list: what a row says, filters, search, and what it asks of the database."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smtpadmin.admin import message_list
from smtpadmin.diagnosis import diagnose
from smtpadmin.models import Circuit, Lane, Message
from smtpadmin.outbox import overview
from smtpadmin.providers import Failure
from smtpadmin.wording.figures import moment
from tests.admin.forms import text_of
from tests.admin.message_people import LIST
from tests.support.mail import put
from tests.support.message_log import GREYLISTED, NO_CONNECTION, SPAM, UNKNOWN, story
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def change(message: Message, **fields: Any) -> Message:
    Message.objects.filter(pk=message.pk).update(**fields)
    message.refresh_from_db()
    return message


def rows(response: Any) -> list[list[str]]:
    """Return the cells of each row as plain text, without the box to tick."""
    _head, _body, table = response.content.decode().partition('<table id="result_list">')
    found = []
    for row in table.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr")[1:]:
        cells = [cell.partition(">")[2] for cell in row.split("<td")[1:]]
        found.append([_words(cell) for cell in cells if "action-checkbox" not in cell and "_selected" not in cell])
    return found


def _words(html: str) -> str:
    class Page:
        content = html.partition("</td>")[0].encode()

    return text_of(Page).strip()


def listed(client: Client, query: str = "") -> list[str]:
    """Return the first recipients that the list shows, in its order."""
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200
    return [message.row.address for message in response.context["cl"].result_list]


def test_messages_are_listed_newest_first(admin: Client) -> None:
    profile = make_profile()
    for number, age in enumerate((2, 1, 3)):
        change(put(profile, f"{number}@example.org"), created_at=timezone.now() - timedelta(hours=age))
    assert listed(admin) == ["1@example.org", "0@example.org", "2@example.org"]


def test_a_row_says_to_whom_and_how_it_stands(admin: Client) -> None:
    profile = make_profile(slug="main", name="Main")
    make_profile(slug="first", name="First choice")
    story(
        profile, "a@example.org", "b@example.org", "c@example.org", state="sent", age=timedelta(0), lane=Lane.BULK,
        steps=((SECOND, "deferred", NO_CONNECTION | {"slug": "first"}), (SECOND, "sent", {})), origin_slug="first",
        moved_because="connect",
    )  # fmt: skip
    (row,) = rows(admin.get(LIST))
    assert row[:4] == ["a@example.org +2 and 2 more recipients", "Sent", "First choice via Main Bulk", "2"]


@pytest.mark.parametrize(
    ("state", "step", "fields", "expected"),
    [
        ("queued", None, {}, ["a@example.org", "Waiting"]),
        ("queued", ("deferred", GREYLISTED), {},
         ["a@example.org The recipient’s server makes new senders wait", "Waiting"]),
        ("sending", None, {}, ["a@example.org", "Being sent"]),
        ("sent", ("sent", {}), {}, ["a@example.org", "Sent"]),
        ("failed", ("refused", SPAM), {}, ["a@example.org NetEase 163.com Mail took the message for spam", "Failed"]),
        ("failed", ("refused", UNKNOWN), {"recipients_sent": 1, "recipients_total": 2},
         ["a@example.org +1 and 1 more recipient The recipient’s mailbox does not exist", "Partly failed"]),
        ("failed", None, {"cause": "no_profile"}, ["a@example.org Its profile was deleted", "Failed"]),
        ("cancelled", None, {}, ["a@example.org", "Cancelled"]),
        ("expired", ("deferred", GREYLISTED), {"cause": "expired"},
         ["a@example.org It was not sent in time", "Expired"]),
    ],
)  # fmt: skip
def test_a_row_says_the_state_and_the_last_failure_in_words(
    admin: Client, state: str, step: Any, fields: dict[str, Any], expected: list[str]
) -> None:
    profile = make_profile(provider="netease-163")
    steps = ((SECOND, *step),) if step else ()
    story(profile, "a@example.org", state=state, age=timedelta(0), steps=steps, **fields)
    (row,) = rows(admin.get(LIST))
    assert row[:2] == expected


def test_the_failure_is_told_in_the_reader_s_language(admin: Client) -> None:
    story(make_profile(), "a@example.org", state="failed", age=timedelta(0), steps=((SECOND, "refused", UNKNOWN),))
    shown = admin.get(LIST, headers={"accept-language": "zh-hans"}).content.decode()
    assert diagnose(Failure(stage="rcpt", cause="recipient_refused", code=550, enhanced="5.1.1"), "").title.zh in shown


def test_a_waiting_message_says_when_it_is_tried_next(admin: Client) -> None:
    message = put(make_profile())
    change(message, due_at=timezone.now().replace(hour=23, minute=59))
    assert rows(admin.get(LIST))[0][5] in ("next: 11:59 p.m.", "–")  # in the last minute of a day it is due


@pytest.mark.parametrize(
    ("probe", "due", "next_try"),
    [(400, -1, 400), (400, 200, 400), (400, 800, 800), (-1, -1, None)],
)
def test_a_message_of_a_paused_profile_waits_until_that_is_tried_again(
    admin: Client, probe: int, due: int, next_try: int | None
) -> None:
    days = {number: timezone.now() + timedelta(days=number) for number in (probe, due)}
    profile = make_profile()
    change(put(profile), due_at=days[due])
    Circuit.objects.create(profile=profile, reason="connect", probe_at=days[probe])
    assert rows(admin.get(LIST))[0][5] == f"next: {'now' if next_try is None else moment(days[next_try])}"


def test_a_disabled_profile_is_not_tried_at_all(admin: Client) -> None:
    profile = make_profile(enabled=False)
    put(profile)
    Circuit.objects.create(profile=profile, reason="connect", probe_at=timezone.now() + timedelta(days=1))
    assert rows(admin.get(LIST))[0][5] == "–"


@pytest.fixture
def various() -> dict[str, Message]:
    one, two = make_profile(slug="one"), make_profile(slug="two")
    now = timezone.now()
    return {
        "waiting": put(one, "waiting@example.org"),
        "urgent": change(put(two, "urgent@example.org", lane=Lane.URGENT), created_at=now - timedelta(minutes=2)),
        "failed": story(one, "failed@example.org", state="failed", age=timedelta(hours=2)),
        "old": story(two, "old@example.org", state="sent", age=timedelta(days=20), lane=Lane.BULK),
    }


@pytest.mark.parametrize("bound", [100_000, 2])
def test_filters_narrow_the_list_alone_and_together(
    admin: Client, various: dict[str, Message], monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    monkeypatch.setattr(message_list, "LOOKED_THROUGH", bound)
    one, two = various["waiting"].profile_id, various["urgent"].profile_id
    answers = {
        query: [address.partition("@")[0] for address in listed(admin, query)]
        for query in (
            "state=queued", "state=sending", f"profile={one}", "lane=0", "period=hour", "period=week",
            f"state=queued&profile={two}", f"state=failed&profile={one}&period=day", f"profile={two}&lane=0",
            "state=nonsense", "profile=9999", "lane=99999999999999999999999", "period=nonsense",
        )
    }  # fmt: skip
    everything = ["waiting", "urgent", "failed", "old"]
    assert answers == {
        "state=queued": ["waiting", "urgent"],
        "state=sending": [],
        f"profile={one}": ["waiting", "failed"],
        "lane=0": ["urgent"],
        "period=hour": ["waiting", "urgent"],
        "period=week": ["waiting", "urgent", "failed"],
        f"state=queued&profile={two}": ["urgent"],
        f"state=failed&profile={one}&period=day": ["failed"],
        f"profile={two}&lane=0": ["urgent"],
        "state=nonsense": everything,
        "profile=9999": everything,
        "lane=99999999999999999999999": everything,
        "period=nonsense": everything,
    }


def test_where_no_index_serves_all_filters_the_list_is_bounded_and_says_so(
    admin: Client, various: dict[str, Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "were looked through" not in text_of(admin.get(f"{LIST}?lane=2"))
    monkeypatch.setattr(message_list, "LOOKED_THROUGH", 2)
    response = admin.get(f"{LIST}?lane=2")
    assert list(response.context["cl"].result_list) == []
    assert "Only the newest 2 messages were looked through for this choice of filters." in text_of(response)
    assert "were looked through" not in text_of(admin.get(f"{LIST}?state=sent"))


def test_a_search_finds_an_address_or_its_beginning_or_an_identifier(admin: Client) -> None:
    profile = make_profile()
    put(profile, "bob@example.org")
    put(profile, "alice@example.org", "bob@example.org.au")
    chosen = put(profile, "carol@example.org")
    put(profile, "Dave@example.org")
    put(profile, "user@xn--bcher-kva.example")
    answers = {
        term: sorted(listed(admin, f"q={term}"))
        for term in (
            "bob@example.org", "bob@exam", "Bob@Example.org", "alice", "lice", chosen.uid, chosen.uid[:8], "Dave@",
            "user@bücher.example", "Carol <carol@example.org>", "nobody@example.org",
        )
    }  # fmt: skip
    assert answers == {
        "bob@example.org": ["bob@example.org"],
        "bob@exam": ["bob@example.org", "bob@example.org.au"],
        "Bob@Example.org": ["bob@example.org"],
        "alice": ["alice@example.org"],
        "lice": [],
        chosen.uid: ["carol@example.org"],
        chosen.uid[:8]: [],
        "Dave@": ["Dave@example.org"],
        "user@bücher.example": ["user@xn--bcher-kva.example"],
        "Carol <carol@example.org>": ["carol@example.org"],
        "nobody@example.org": [],
    }


def test_a_search_takes_up_the_newest_messages_to_an_address(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_list, "MOST_FOUND", 2)
    profile = make_profile()
    ages = {put(profile, "ops@example.org").uid: number for number in range(3)}
    found = admin.get(f"{LIST}?q=ops@example.org").context["cl"].result_list
    assert [ages[message.uid] for message in found] == [2, 1]


def test_a_search_and_filters_work_together(admin: Client, various: dict[str, Message]) -> None:
    assert listed(admin, "q=waiting@&state=queued") == ["waiting@example.org"]
    assert listed(admin, "q=waiting@&state=failed") == []


@pytest.mark.parametrize("query", ["", "state=sent"])
def test_counting_ends_at_a_bound_and_so_do_the_pages(
    admin: Client, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(overview, "MOST_COUNTED", 3)
    monkeypatch.setattr(message_list, "MOST_COUNTED", 3)
    profile = make_profile()
    for number in range(5):
        story(profile, f"{number}@example.org", state="sent", age=timedelta(minutes=number))
    response = admin.get(f"{LIST}?{query}")
    assert response.context["cl"].result_count == 3
    shown = text_of(response)
    assert "More than 3 messages" in shown
    assert "There are more than 3: the pages end there." in shown


def test_an_empty_log_says_what_it_is_for_and_leads_on(admin: Client) -> None:
    shown = admin.get(LIST).content.decode()
    assert "No message yet" in shown
    assert 'href="/admin/smtpadmin/profile/"' in shown


@pytest.mark.parametrize(
    ("query", "words"),
    [("q=nobody@", "No message was found for this address"), ("state=failed", "No message fits these filters.")],
)
def test_a_list_without_a_hit_says_so_and_leads_back(admin: Client, query: str, words: str) -> None:
    put(make_profile())
    response = admin.get(f"{LIST}?{query}")
    assert words in text_of(response)
    assert '<a class="sa-button sa-small" href="?">' in response.content.decode()


def test_the_way_to_a_message_and_back_keeps_the_filters(admin: Client) -> None:
    message = put(make_profile())
    shown = admin.get(f"{LIST}?state=queued").content.decode()
    link = f"{LIST}{message.pk}/change/?_changelist_filters=state%3Dqueued"
    assert f'href="{link}"' in shown
    assert f'href="{LIST}?state=queued"' in admin.get(link).content.decode()


@pytest.mark.parametrize("count", [2, 6])
def test_the_list_takes_a_fixed_number_of_queries(admin: Client, count: int) -> None:
    ContentType.objects.get_for_model(Message)
    profile = make_profile()
    for number in range(count):
        state, outcome = (("failed", "refused"), ("sent", "sent"))[number % 2]
        answer = {} if state == "sent" else UNKNOWN
        story(
            profile, *(f"{number}.{each}@example.org" for each in range(number + 1)), state=state,
            age=timedelta(minutes=number), steps=((SECOND, outcome, answer),),
        )  # fmt: skip
    counted = {}
    for query in ("", "state=failed", "lane=1&state=failed", "q=0.0@example.org"):
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(f"{LIST}?{query}").status_code == 200
        counted[query] = len(queries)
    # Session, user, whether there is any, profiles, count, page, recipients, last attempts; the bound; the search.
    assert counted == {"": 8, "state=failed": 8, "lane=1&state=failed": 9, "q=0.0@example.org": 9}


def test_no_attribute_carries_a_style(admin: Client) -> None:
    put(make_profile())
    assert "style=" not in admin.get(LIST).content.decode()
