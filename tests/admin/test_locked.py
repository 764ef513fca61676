"""With a missing or wrong key nothing can be changed or tested, and every page says why."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.test import Client

from smtpadmin.models import Profile
from tests.admin.forms import ADD, page, text_of, values

pytestmark = pytest.mark.django_db

KEYS = {
    "missing": ([], "the encryption key is missing"),
    "malformed": (["not a key"], "the encryption key is damaged"),
    "wrong": ([Fernet.generate_key().decode()], "this is another encryption key"),
}


@pytest.fixture(params=KEYS)
def reason(request: pytest.FixtureRequest, profile: Profile, settings: Any) -> str:
    """Lock the panel, after a secret was stored with the right key."""
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": KEYS[request.param][0]}
    return KEYS[request.param][1]


@pytest.mark.parametrize("name", ["change", "test", "history", "delete"])
def test_a_profile_s_pages_explain_the_lock_and_the_way_out(
    admin: Client, profile: Profile, reason: str, name: str
) -> None:
    response = admin.get(page(profile, name))
    shown = text_of(response)
    assert response.status_code == 503
    assert reason in shown
    assert "The way out" in shown
    assert "nothing has been changed" in shown.lower() or "Nothing has been changed" in shown


def test_nothing_can_be_changed_tested_or_deleted(admin: Client, profile: Profile, reason: str) -> None:
    before = Profile.objects.values().get()
    data = values(profile, batch="5", secret="another", recipient="you@example.org", post="yes")
    presses = ["change", "delete", "make-default", "disable", "enable", "duplicate", "test/run", "try"]
    assert {name: admin.post(page(profile, name), data).status_code for name in presses} == dict.fromkeys(presses, 503)
    assert admin.post(ADD, {"address": "a@qq.com", "secret": "x"}).status_code == 503
    assert admin.post("/admin/smtpadmin/profile/try/", data).status_code == 503
    assert Profile.objects.values().get() == before


def test_the_list_and_the_dashboard_stay_readable_with_a_banner(admin: Client, reason: str) -> None:
    for address in ("/admin/smtpadmin/profile/", "/admin/smtpadmin/"):
        response = admin.get(address)
        assert response.status_code == 200
        shown = text_of(response)
        assert reason in shown
        assert "smtp.example.com:465" in shown
        assert "/test/" not in response.content.decode()


def test_a_stranger_learns_nothing_of_it(stranger: Client, profile: Profile, reason: str) -> None:
    assert stranger.get(page(profile)).status_code == 403
    assert stranger.get(ADD).status_code == 403


def test_the_providers_can_be_read_all_the_same(admin: Client, reason: str) -> None:
    assert admin.get("/admin/smtpadmin/profile/providers/").status_code == 200


def test_with_the_right_key_again_everything_is_as_before(admin: Client, profile: Profile, settings: Any) -> None:
    right = settings.SMTPADMIN
    settings.SMTPADMIN = {**right, "KEYS": []}
    assert admin.get(page(profile)).status_code == 503
    settings.SMTPADMIN = right
    assert admin.get(page(profile)).status_code == 200
