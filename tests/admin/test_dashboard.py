"""The dashboard: health at a glance, and nothing for those who may not see it."""

import pytest
from django.test import Client

from smtpadmin.models import TestState
from tests.admin.forms import page, text_of, values
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

DASHBOARD = "/admin/smtpadmin/"


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
        ({"skip_verify": True, "skip_verify_reason": "x"}, "“Main” does NOT check the server’s certificate."),
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
