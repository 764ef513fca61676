"""Make default, enable, disable, duplicate, delete."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from smtpadmin.models import Profile
from tests.admin.forms import page, text_of
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db


def test_another_profile_becomes_the_default(admin: Client) -> None:
    old, new = make_profile(slug="old", is_default=True), make_profile(slug="new")
    response = admin.post(page(new, "make-default"), follow=True)
    assert "“New” is the default now" in text_of(response)
    assert list(Profile.objects.filter(is_default=True)) == [new]
    assert response.redirect_chain == [(page(new), 302)]
    assert not Profile.objects.get(pk=old.pk).is_default


def test_the_press_on_the_test_page_leads_back_to_it(admin: Client, profile: Profile) -> None:
    assert admin.post(page(profile, "make-default"), {"back": "test"})["Location"] == page(profile, "test")


def test_disabling_the_default_says_that_there_is_none_now(admin: Client) -> None:
    profile = make_profile(is_default=True)
    response = admin.post(page(profile, "disable"), follow=True)
    assert "there is no default now" in text_of(response)
    assert Profile.objects.filter(enabled=False, is_default=False).exists()


def test_disabling_another_says_just_that(admin: Client, profile: Profile) -> None:
    assert "no mail leaves through it" in text_of(admin.post(page(profile, "disable"), follow=True))


def test_a_copy_is_disabled_and_has_no_secret(admin: Client, profile: Profile) -> None:
    response = admin.post(page(profile, "duplicate"), follow=True)
    copy = Profile.objects.exclude(pk=profile.pk).get()
    assert (copy.name, copy.slug, copy.enabled, copy.sealed_password) == ("Main (copy)", "main-copy", False, "")
    assert response.redirect_chain == [(page(copy), 302)]
    assert "It is disabled and has no secret yet" in text_of(response)


def test_a_copy_of_a_copy_gets_a_name_of_its_own(admin: Client, profile: Profile) -> None:
    for _ in range(2):
        admin.post(page(profile, "duplicate"))
    assert set(Profile.objects.values_list("name", flat=True)) == {"Main", "Main (copy)", "Main (copy) 2"}


# Deleting


def test_the_delete_page_says_what_a_deletion_affects(admin: Client, settings: Any) -> None:
    profile = make_profile(slug="alerts", is_default=True)
    settings.MAILERS = {"alerts": {"BACKEND": "smtpadmin.backend.EmailBackend", "OPTIONS": {"profile": "alerts"}},
                        "other": {"BACKEND": "smtpadmin.backend.EmailBackend"}}  # fmt: skip
    shown = text_of(admin.get(page(profile, "delete")))
    assert "There is no other enabled profile" in shown
    assert "The setting MAILERS['alerts'] names it" in shown.replace("&#x27;", "'")
    assert "MAILERS['other']" not in shown
    assert "short name “alerts”" in shown


def test_with_another_profile_left_the_delete_page_says_to_make_it_the_default(admin: Client) -> None:
    profile = make_profile(is_default=True)
    make_profile(slug="other")
    assert "until you make another one the default" in text_of(admin.get(page(profile, "delete")))


def test_the_delete_page_of_any_other_profile_does_not_speak_of_the_default(admin: Client, profile: Profile) -> None:
    assert "This is the default profile." not in text_of(admin.get(page(profile, "delete")))


def test_deleting_takes_a_press_and_is_logged(admin: Client, profile: Profile) -> None:
    response = admin.post(page(profile, "delete"), {"post": "yes"}, follow=True)
    assert not Profile.objects.exists()
    assert "was deleted successfully" in text_of(response)
    assert LogEntry.objects.get().is_deletion()


def test_nothing_can_be_deleted_in_bulk(admin: Client, profile: Profile) -> None:
    shown = admin.get("/admin/smtpadmin/profile/").content.decode()
    assert "delete_selected" not in shown
    admin.post(
        "/admin/smtpadmin/profile/", {"action": "delete_selected", "_selected_action": [profile.pk], "post": "yes"}
    )
    assert Profile.objects.exists()
