"""The dangers that are switched on are said on every page of the profile."""

import pytest
from django.test import Client

from tests.admin.forms import page, text_of
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["change", "test"])
@pytest.mark.parametrize("who", ["admin", "tester"])
def test_an_unchecked_certificate_is_said_with_its_reason(request: pytest.FixtureRequest, who: str, name: str) -> None:
    profile = make_profile(skip_verify=True, skip_verify_reason="Replaced next week")
    shown = text_of(request.getfixturevalue(who).get(page(profile, name)))
    assert "certificate is NOT checked" in shown
    assert "Reason given: Replaced next week" in shown


@pytest.mark.parametrize("name", ["change", "test"])
def test_an_unencrypted_password_is_said(admin: Client, name: str) -> None:
    profile = make_profile(security="none", allow_plaintext_auth=True)
    assert "The password is sent unencrypted" in text_of(admin.get(page(profile, name)))


def test_a_safe_profile_has_no_banner(admin: Client) -> None:
    assert "sa-tone-bad" not in admin.get(page(make_profile())).content.decode()
