"""Who may see and do what."""

from collections.abc import Callable

import pytest
from django.test import Client

from smtpadmin.models import Profile
from tests.admin.forms import values

BASE = "/admin/smtpadmin/profile/"

PAGES = {
    # page: who may open it
    "": {"admin", "editor", "viewer", "tester"},
    "add/": {"admin", "editor"},
    "{pk}/change/": {"admin", "editor", "viewer", "tester"},
    "{pk}/test/": {"admin", "tester"},
    "{pk}/support/": {"admin", "editor"},
    "{pk}/history/": {"admin", "editor", "viewer", "tester"},
    "{pk}/health/": {"admin", "editor", "viewer", "tester"},
    "{pk}/delete/": {"admin"},
    "route/": {"admin", "editor", "viewer", "tester"},
    "providers/": {"admin", "editor", "viewer", "tester"},
    "providers/presets.json": {"admin", "editor", "viewer", "tester"},
    "providers/qq/guide/": {"admin", "editor", "viewer", "tester"},
}
PRESSES = {
    # address: who may post to it
    "{pk}/make-default/": {"admin", "editor"},
    "{pk}/enable/": {"admin", "editor"},
    "{pk}/disable/": {"admin", "editor"},
    "{pk}/duplicate/": {"admin", "editor"},
    "{pk}/change/": {"admin", "editor"},
    "{pk}/check/": {"admin", "editor"},
    "check/": {"admin", "editor"},
    "{pk}/try/": {"admin"},
    "try/": {"admin"},
    "{pk}/test/run/": {"admin", "tester"},
    "{pk}/test/way/": {"admin"},
    "{pk}/delete/": {"admin"},
}
PEOPLE = ("admin", "editor", "viewer", "tester", "stranger")


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_for_those_who_may_see_it(
    visitor_named: Callable[[str], Client], profile: Profile, who: str, page: str
) -> None:
    response = visitor_named(who).get(BASE + page.format(pk=profile.pk))
    assert response.status_code == (200 if who in PAGES[page] else 403)


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("address", PRESSES)
def test_a_press_works_for_those_who_may_do_it(
    visitor_named: Callable[[str], Client], profile: Profile, who: str, address: str
) -> None:
    # The recipient is no address: tests are refused for that, after the permission and before anything is connected to.
    data = values(profile, recipient="nobody", post="yes")
    response = visitor_named(who).post(BASE + address.format(pk=profile.pk), data)
    assert (response.status_code == 403) == (who not in PRESSES[address])


@pytest.mark.parametrize("address", [address for address in PRESSES if address not in {"{pk}/change/", "{pk}/delete/"}])
def test_nothing_is_done_by_following_a_link(admin: Client, profile: Profile, address: str) -> None:
    assert admin.get(BASE + address.format(pk=profile.pk)).status_code == 405


@pytest.mark.parametrize("page", [*PAGES, *PRESSES])
def test_a_visitor_who_is_not_logged_in_is_sent_to_the_login_page(client: Client, profile: Profile, page: str) -> None:
    response = client.post(BASE + page.format(pk=profile.pk))
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_a_viewer_reads_the_settings_and_gets_no_form_and_no_word_of_the_secret(
    viewer: Client, profile: Profile
) -> None:
    response = viewer.get(f"{BASE}{profile.pk}/change/")
    page = response.content.decode()
    assert "smtp.example.com:465" in page
    assert "data-profile-form" not in page
    assert 'name="secret"' not in page
    assert "secret" not in page.lower()


def test_a_viewer_is_offered_nothing_that_would_be_refused(viewer: Client, profile: Profile) -> None:
    page = viewer.get(f"{BASE}{profile.pk}/change/").content.decode() + viewer.get(BASE).content.decode()
    for address in ("/test/", "/make-default/", "/disable/", "/duplicate/", "/delete/", "/add/"):
        assert address not in page


def test_an_editor_without_the_right_to_test_saves_with_the_main_button(editor: Client, profile: Profile) -> None:
    page = editor.get(f"{BASE}{profile.pk}/change/").content.decode()
    assert 'name="_save"' in page
    assert 'name="_test"' not in page
    assert "data-try-button" not in page


def test_a_profile_that_does_not_exist_is_not_found(admin: Client) -> None:
    assert admin.get(f"{BASE}999/test/").status_code == 404
    assert admin.post(f"{BASE}999/make-default/").status_code == 404
