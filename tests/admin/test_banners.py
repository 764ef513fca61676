"""The dangers that are switched on are said on every page of the profile."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils.formats import date_format

from smtpadmin.models.profile import today
from tests.admin.forms import page, text_of
from tests.support.profiles import make_profile

DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["change", "test"])
@pytest.mark.parametrize("who", ["admin", "tester"])
def test_an_unchecked_certificate_is_said_with_its_reason(request: pytest.FixtureRequest, who: str, name: str) -> None:
    profile = make_profile(skip_verify=True, skip_verify_reason="Replaced next week")
    shown = text_of(request.getfixturevalue(who).get(page(profile, name)))
    assert f"certificate is NOT checked until {date_format(today() + 7 * DAY)}: anyone" in shown
    assert "Reason given: Replaced next week" in shown


@pytest.mark.parametrize("name", ["change", "test"])
@pytest.mark.parametrize("who", ["admin", "tester"])
def test_the_end_of_an_unchecked_time_is_said_with_what_to_do(
    request: pytest.FixtureRequest, who: str, name: str
) -> None:
    profile = make_profile(skip_verify=True, skip_verify_reason="Old device", skip_verify_until=today() - DAY)
    shown = text_of(request.getfixturevalue(who).get(page(profile, name)))
    assert f"Since {date_format(today())} the server’s certificate is checked again" in shown
    assert "offers to trust its CA or to pin it" in shown
    assert "NOT checked until" not in shown


@pytest.mark.parametrize("name", ["change", "test"])
def test_an_unencrypted_password_is_said(admin: Client, name: str) -> None:
    profile = make_profile(security="none", allow_plaintext_auth=True)
    assert "The password is sent unencrypted" in text_of(admin.get(page(profile, name)))


def test_a_safe_profile_has_no_banner(admin: Client) -> None:
    assert "sa-tone-bad" not in admin.get(page(make_profile())).content.decode()
