"""The navigation and the front page, as an administrator, somebody who may look, and somebody who may nothing."""

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.support.profiles import make_profile


def navigation(client: Client, path: str = "/admin/") -> dict[str, bool]:
    """Return the lines of the navigation and whether each is marked as the current one."""
    return {str(link.label): link.current for link in client.get(path).context["panel_navigation"]}


def test_the_administrator_sees_everything(as_alice: Client) -> None:
    assert list(navigation(as_alice)) == ["Dashboard", "SMTP profiles", "Messages", "Alerts", "Providers", "Users"]


def test_others_see_what_they_may_open(client: Client, bob: User, charlie: User) -> None:
    client.force_login(bob)
    assert list(navigation(client)) == ["Dashboard", "SMTP profiles", "Providers"]
    client.force_login(charlie)
    assert list(navigation(client)) == ["Dashboard"]


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/admin/", ["Dashboard"]),
        ("/admin/smtpadmin/profile/", ["SMTP profiles"]),
        ("/admin/smtpadmin/profile/add/", ["SMTP profiles"]),
        ("/admin/smtpadmin/message/", ["Messages"]),
        ("/admin/auth/user/", ["Users"]),
        ("/admin/auth/group/add/", ["Users"]),
        ("/admin/password_change/", []),
    ],
)
def test_one_line_at_most_is_where_the_reader_is(as_alice: Client, path: str, current: list[str]) -> None:
    assert [label for label, is_current in navigation(as_alice, path).items() if is_current] == current


def test_the_providers_page_is_current_though_it_may_lie_below_the_profiles(as_alice: Client) -> None:
    lines = navigation(as_alice, reverse("admin:smtpadmin_providers"))
    assert [label for label, is_current in lines.items() if is_current] == ["Providers"]


def test_before_login_there_is_no_navigation(client: Client, db: None) -> None:
    assert "panel_navigation" not in client.get("/admin/login/").context


def test_a_new_panel_asks_for_the_first_profile(as_alice: Client) -> None:
    page = as_alice.get("/admin/").content.decode()
    assert "Add your first SMTP profile" in page
    assert reverse("admin:smtpadmin_profile_add") in page


def test_who_may_not_add_a_profile_is_not_sent_to_do_it(client: Client, bob: User) -> None:
    client.force_login(bob)
    page = client.get("/admin/").content.decode()
    assert "Your account may not add one" in page
    assert reverse("admin:smtpadmin_profile_add") not in page


def test_who_may_not_see_profiles_is_not_told_whether_there_are_any(client: Client, charlie: User) -> None:
    def page() -> str:
        # The form token is masked anew for each answer.
        return re.sub(r'value="\w{64}"', "", client.get("/admin/").content.decode())

    client.force_login(charlie)
    empty = page()
    make_profile()
    assert page() == empty


def test_with_a_profile_the_front_page_shows_it(as_alice: Client) -> None:
    make_profile(name="Alerts")
    page = as_alice.get("/admin/").content.decode()
    assert "Alerts" in page
    assert "Add your first SMTP profile" not in page


def test_the_bare_address_leads_to_the_dashboard(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/admin/"


def test_the_number_of_queries_does_not_grow_with_the_profiles(as_alice: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            as_alice.get("/admin/")
        return len(captured)

    make_profile(slug="one")
    queries()  # fills the content types' cache
    with_one = queries()
    for number in range(5):
        make_profile(slug=f"more{number}")
    assert queries() == with_one
