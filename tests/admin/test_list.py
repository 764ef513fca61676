"""The profile list: what a row says, and how many queries it takes."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smtpadmin.models import Profile, TestState
from tests.admin.forms import text_of
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

LIST = "/admin/smtpadmin/profile/"

# What each page may ask of the database, however many profiles there are. Session and user are two of them.
QUERIES = {
    "/admin/smtpadmin/profile/": 8,
    "/admin/smtpadmin/": 14,
    "/admin/smtpadmin/profile/{pk}/change/": 9,
    "/admin/smtpadmin/profile/{pk}/test/": 5,
    "/admin/smtpadmin/profile/{pk}/history/": 5,
    "/admin/smtpadmin/profile/{pk}/health/": 8,
    "/admin/smtpadmin/profile/{pk}/delete/": 6,
    "/admin/smtpadmin/profile/add/": 4,
    "/admin/smtpadmin/profile/providers/": 2,
}


@pytest.fixture(autouse=True)
def known_content_types(db: None) -> None:
    """Look them up before counting: a process does that once."""
    ContentType.objects.get_for_model(Profile)


@pytest.mark.parametrize("address", QUERIES)
@pytest.mark.parametrize("count", [1, 3])
def test_a_page_takes_a_fixed_number_of_queries(admin: Client, address: str, count: int) -> None:
    profiles = [
        make_profile(
            slug=f"p{number}", provider="qq", test_state="working", tested_at=timezone.now(), password="x" * 16
        )
        for number in range(count)
    ]
    url = address.format(pk=profiles[0].pk)
    admin.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert admin.get(url).status_code == 200
    assert len(queries) == QUERIES[address], "\n".join(query["sql"] for query in queries)


def report(stage: str) -> dict[str, Any]:
    return {"failure": {"stage": stage}}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Not tested"),
        ({"test_state": TestState.WORKING, "tested_at": timedelta(hours=2, minutes=5)}, "Working 2 hours ago"),
        ({"test_state": TestState.WORKING, "tested_at": timedelta()}, "Working just now"),
        ({"test_state": TestState.FAILING, "tested_at": timedelta(days=3), "test_report": report("auth")},
         "Failing at AUTH 3 days ago"),
        ({"test_state": TestState.FAILING, "tested_at": timedelta(days=3), "test_report": report("rcpt")},
         "Failing at RCPT TO 3 days ago"),
        ({"test_state": TestState.CHANGED, "tested_at": timedelta(days=3)}, "Changed since the test 3 days ago"),
    ],
)  # fmt: skip
def test_a_row_tells_the_profile_s_health(admin: Client, fields: dict[str, Any], words: str) -> None:
    if "tested_at" in fields:
        fields = fields | {"tested_at": timezone.now() - fields["tested_at"]}
    make_profile(**fields)
    assert words in text_of(admin.get(LIST)).replace("\xa0", " ")


def test_a_row_names_server_provider_and_state(admin: Client) -> None:
    make_profile(slug="main", provider="qq", host="smtp.qq.com", is_default=True)
    make_profile(slug="spare", host="relay.example", port=25, security="none", enabled=False)
    shown = text_of(admin.get(LIST))
    assert "Main Default" in shown
    assert "smtp.qq.com:465 SSL/TLS QQ Mail" in shown
    assert "Spare Disabled" in shown
    assert "relay.example:25 not encrypted Other server" in shown


def test_the_list_can_be_filtered_and_searched(admin: Client) -> None:
    make_profile(slug="main", provider="qq", host="smtp.qq.com", test_state="working")
    make_profile(slug="spare", host="relay.example", enabled=False)
    answers = {
        query: [row.slug for row in admin.get(LIST + query).context["cl"].result_list]
        for query in ("?health=working", "?enabled=0", "?provider=qq", "?provider=-", "?q=relay", "?health=nonsense")
    }
    assert answers == {
        "?health=working": ["main"],
        "?enabled=0": ["spare"],
        "?provider=qq": ["main"],
        "?provider=-": ["spare"],
        "?q=relay": ["spare"],
        "?health=nonsense": ["main", "spare"],
    }


def test_an_empty_list_leads_to_the_first_profile(admin: Client) -> None:
    shown = admin.get(LIST).content.decode()
    assert "Add your first SMTP profile" in shown
    assert 'href="/admin/smtpadmin/profile/add/"' in shown


def test_a_search_without_a_hit_is_no_empty_panel(admin: Client) -> None:
    make_profile()
    assert "Add your first SMTP profile" not in admin.get(LIST, {"q": "nobody"}).content.decode()


def test_no_attribute_carries_a_style(admin: Client) -> None:
    make_profile()
    assert "style=" not in admin.get(LIST).content.decode()
