"""Saving beside others, and what saving must not do."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from smtpadmin.admin.profile import ProfileAdmin
from smtpadmin.admin.rules import findings
from smtpadmin.models import Circuit, Profile, TestState
from tests.admin.forms import errors, page, values
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("changes", "state"), [({"batch": "5"}, TestState.WORKING), ({"ehlo_name": "a.example"}, TestState.CHANGED)]
)
def test_a_test_that_ended_while_the_row_was_edited_counts(
    admin: Client, profile: Profile, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], state: TestState
) -> None:
    save = ProfileAdmin.save_model

    def meanwhile(self: ProfileAdmin, *args: object) -> None:
        Profile.objects.update(test_state=TestState.WORKING)
        save(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(ProfileAdmin, "save_model", meanwhile)
    admin.post(page(profile), values(profile, **changes))
    assert Profile.objects.get().test_state == state


@pytest.mark.parametrize("name", ["a\nb", "a\x07b", "a\u2028b"])
def test_a_name_holds_no_control_characters(admin: Client, profile: Profile, name: str) -> None:
    found = errors(admin.post(page(profile), values(profile, name=name)))
    assert found == {"name": ["Line breaks and control characters are not allowed here."]}


@pytest.mark.parametrize("name", ["bad name", "[IPv6:2001:db8::1]"])
def test_a_bad_ehlo_name_is_a_field_s_error(admin: Client, profile: Profile, name: str) -> None:
    assert list(errors(admin.post(page(profile), values(profile, ehlo_name=name)))) == ["ehlo_name"]


@pytest.mark.parametrize("field", ["host", "ehlo_name"])
def test_what_no_server_can_have_is_found_and_not_raised(field: str) -> None:
    found = findings(make_profile(**{field: "bad name"}), language="en")
    assert [item.field for item in found] == [field]


def test_changed_rates_hold_at_once(admin: Client, profile: Profile) -> None:
    later = timezone.now() + timedelta(hours=5)
    Circuit.objects.create(profile=profile, limited_until=later, urgent_limited_until=later)
    admin.post(page(profile), values(profile, batch="5"))
    assert Circuit.objects.get().limited_until == later
    admin.post(page(profile), values(profile, batch="5", rate_day="100"))
    circuit = Circuit.objects.get()
    assert (circuit.limited_until, circuit.urgent_limited_until) == (None, None)


def test_ticks_that_are_taken_off_are_saved(admin: Client, profile: Profile) -> None:
    admin.post(page(profile), {name: value for name, value in values(profile).items() if name != "chunking"})
    profile.refresh_from_db()
    assert (profile.pipelining, profile.chunking) == (True, False)
