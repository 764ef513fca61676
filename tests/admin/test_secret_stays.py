"""A secret is given to one server for one user: it is never shown, and never sent to another by an edit or a test.

Whoever may edit could otherwise point the profile at a server of their own and have the password sent there
(CVE-2024-5967 is that mistake).
"""

import pytest
from django.test import Client

from smtpadmin import profiles
from smtpadmin.models import Profile, TestState
from tests.admin.conftest import CANARY
from tests.admin.forms import errors, page, values
from tests.support.certificates import CertificateFactory
from tests.support.profiles import make_profile
from tests.support.smtpd import USERNAME, Security, StartServer

MOVES = {
    "host": "mail.else.example",
    "port": "2525",
    "security": "starttls",
    "username": "someone@example.com",
}


def stored(profile: Profile) -> str:
    return profiles.password(Profile.objects.get(pk=profile.pk)).reveal()


def test_an_empty_box_keeps_the_secret(admin: Client, profile: Profile) -> None:
    response = admin.post(page(profile), values(profile, batch="5"))
    assert response.status_code == 302
    assert stored(profile) == CANARY
    assert Profile.objects.get().batch == 5


def test_a_typed_secret_replaces_the_stored_one_and_the_last_test_counts_no_more(
    admin: Client, profile: Profile
) -> None:
    Profile.objects.update(test_state=TestState.WORKING)
    admin.post(page(profile), values(profile, secret="another one"))
    assert stored(profile) == "another one"
    assert Profile.objects.get().test_state == TestState.CHANGED


@pytest.mark.parametrize(("field", "value"), MOVES.items())
def test_another_server_or_user_needs_the_secret_again(admin: Client, profile: Profile, field: str, value: str) -> None:
    response = admin.post(page(profile), values(profile, **{field: value}))
    assert errors(response) == {
        "secret": [
            (
                "The stored secret was given for notify@example.com at smtp.example.com:465 and is not sent anywhere "
                "else. Type the secret again for the new settings, or tick “Save without a secret for now”."
            )
        ]
    }
    assert Profile.objects.get().host == "smtp.example.com"
    assert stored(profile) == CANARY


@pytest.mark.parametrize(("field", "value"), MOVES.items())
def test_with_the_tick_the_secret_is_cleared_and_the_rest_saved(
    admin: Client, profile: Profile, field: str, value: str
) -> None:
    response = admin.post(page(profile), values(profile, **{field: value}, without_secret="on"))
    assert response.status_code == 302
    changed = Profile.objects.get()
    assert (str(getattr(changed, field)), changed.sealed_password) == (value, "")


def test_with_the_secret_typed_again_the_profile_moves(admin: Client, profile: Profile) -> None:
    assert admin.post(page(profile), values(profile, host="mail.else.example", secret="new one")).status_code == 302
    assert stored(profile) == "new one"


TRUSTS = (
    {"skip_verify": "on", "skip_verify_reason": "x"},
    {"pinned_sha256": "ab" * 32},
    {"security": "none", "allow_plaintext_auth": "on"},
)


@pytest.mark.parametrize("changes", TRUSTS)
def test_weaker_trust_needs_the_secret_again(admin: Client, changes: dict[str, str]) -> None:
    profile = make_profile(password=CANARY, security=changes.get("security", "tls"))
    (text,) = errors(admin.post(page(profile), values(profile, **changes)))["secret"]
    assert "given for a server known by other means" in text
    assert stored(profile) == CANARY
    assert admin.post(page(profile), values(profile, **changes, without_secret="on")).status_code == 302
    assert Profile.objects.get().sealed_password == ""


def test_stronger_trust_keeps_the_secret(admin: Client) -> None:
    profile = make_profile(password=CANARY, skip_verify=True, skip_verify_reason="x", pinned_sha256="ab" * 32)
    posted = values(profile, pinned_sha256="")
    del posted["skip_verify"]
    assert admin.post(page(profile), posted).status_code == 302
    assert stored(profile) == CANARY


def test_a_try_with_an_impostor_s_pin_does_not_get_the_stored_secret(
    admin: Client, smtp_server: StartServer, certificates: CertificateFactory
) -> None:
    impostor = smtp_server(security=Security.IMPLICIT_TLS, certificate=certificates.self_signed)
    profile = make_profile(host=impostor.host, port=impostor.port, username=USERNAME, password=CANARY)
    for trust in ({"pinned_sha256": certificates.self_signed.sha256}, TRUSTS[0], {"ca_pem": certificates.ca_pem}):
        for tick in ({}, {"without_secret": "on"}):
            tried(admin, profile, **trust, **tick)
    assert impostor.logins == []


def test_a_server_without_sign_in_gets_no_secret_and_asks_for_none(admin: Client, profile: Profile) -> None:
    moved = values(profile, host="relay.example", username="", sign_in="none")
    assert admin.post(page(profile), moved).status_code == 302
    assert Profile.objects.get().sealed_password == ""


def test_the_server_s_name_in_other_letters_is_no_other_server(admin: Client, profile: Profile) -> None:
    assert admin.post(page(profile), values(profile, host="SMTP.Example.com ")).status_code == 302
    assert stored(profile) == CANARY


def test_the_server_compares_with_what_is_stored_and_not_with_what_the_form_began_with(
    admin: Client, profile: Profile
) -> None:
    """Somebody else moved the profile while this form was open; its old values would move it back."""
    form = values(profile)
    Profile.objects.update(host="moved.example")
    assert "secret" in errors(admin.post(page(profile), form))


def test_the_form_offers_the_tick_only_when_it_is_needed(admin: Client, profile: Profile) -> None:
    hidden = "data-without-secret hidden"
    assert hidden in admin.get(page(profile)).content.decode()
    assert hidden not in admin.post(page(profile), values(profile, port="2525")).content.decode()


def test_no_page_of_a_profile_shows_its_secret(admin: Client, profile: Profile) -> None:
    for name in ("change", "history", "delete", "test"):
        assert admin.get(page(profile, name)).status_code == 200
    admin.post(page(profile), values(profile, host="no good", secret=CANARY))


# The test of what stands in the form


@pytest.fixture
def account(smtp_server: StartServer) -> Profile:
    """A profile whose stored secret is right for a server that runs."""
    server = smtp_server()
    server.password = CANARY
    return make_profile(host=server.host, port=server.port, security="none", username=USERNAME, password=CANARY)


def tried(client: Client, profile: Profile, **changes: str) -> list[str]:
    """Press the test button of the form and return the pieces that come back."""
    response = client.post(
        page(profile, "try"),
        values(profile, recipient="you@example.org", **changes),
        headers={"accept": "application/x-smtpadmin-steps"},
    )
    return response.pieces if response.streaming else [response.content.decode()]  # type: ignore[attr-defined]


def test_a_try_of_unmoved_settings_uses_the_stored_secret(admin: Client, account: Profile) -> None:
    assert "It works" in tried(admin, account, batch="5")[-1]
    assert Profile.objects.get().batch == 20


def test_a_try_of_another_server_does_not_get_the_stored_secret(
    admin: Client, account: Profile, smtp_server: StartServer
) -> None:
    thief = smtp_server()
    (answer,) = tried(admin, account, port=str(thief.port))
    assert "is not sent anywhere else" in answer
    assert thief.connections == 0


def test_the_tick_does_not_give_a_try_the_stored_secret_either(
    admin: Client, account: Profile, smtp_server: StartServer
) -> None:
    thief = smtp_server()
    tried(admin, account, port=str(thief.port), without_secret="on")
    assert thief.logins == []


def test_a_try_of_another_server_uses_what_was_typed(admin: Client, account: Profile, smtp_server: StartServer) -> None:
    other = smtp_server()
    assert "It works" in tried(admin, account, port=str(other.port), secret=other.password)[-1]
    assert [login.accepted for login in other.logins] == [True]


def test_a_secret_that_belongs_to_other_settings_is_not_used(admin: Client, account: Profile) -> None:
    """The row was changed behind the panel's back, in the database."""
    Profile.objects.update(username="someone@example.com")
    moved = Profile.objects.get()
    response = admin.post(page(moved, "test/run"), {"recipient": "you@example.org"}, follow=True)
    assert "Type it again on the settings page." in response.content.decode()
