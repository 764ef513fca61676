"""The keyring in force, and the locked state."""

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries

from smtpadmin import keys, profiles
from smtpadmin.crypto import generate_key
from smtpadmin.exceptions import KeyringLocked
from smtpadmin.keys import LockReason
from smtpadmin.models import KeyCheck, Profile
from smtpadmin.smtp import Secret
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

OTHER = {"KEYS": [generate_key()]}


def test_a_fresh_panel_is_not_locked_and_has_stored_nothing() -> None:
    assert keys.lock_reason() is None
    assert not KeyCheck.objects.exists()


@pytest.mark.parametrize(
    ("configured", "reason"),
    [([], LockReason.MISSING), (["nonsense"], LockReason.MALFORMED), (OTHER["KEYS"], LockReason.WRONG)],
)
def test_the_panel_locks_when_the_keys_cannot_be_the_right_ones(configured: list[str], reason: LockReason) -> None:
    make_profile(password="s3cret-value")
    with override_settings(SMTPADMIN={"KEYS": configured}):
        assert keys.lock_reason() is reason
        with pytest.raises(KeyringLocked):
            keys.keyring()


def test_a_locked_panel_changes_no_stored_secret_and_works_again_with_the_right_key() -> None:
    profile = make_profile(password="s3cret-value")
    before = Profile.objects.values().get()
    with override_settings(SMTPADMIN=OTHER):
        with pytest.raises(KeyringLocked):
            profiles.set_password(profile, Secret("another"))
        with pytest.raises(KeyringLocked):
            profiles.password(profile)
    assert Profile.objects.values().get() == before
    assert profiles.password(Profile.objects.get()).reveal() == "s3cret-value"


def test_the_wrong_key_is_noticed_even_when_the_canary_is_lost() -> None:
    make_profile(password="s3cret-value")
    KeyCheck.objects.all().delete()
    with override_settings(SMTPADMIN=OTHER):
        assert keys.lock_reason() is LockReason.WRONG
        assert not KeyCheck.objects.exists()


def test_a_new_key_in_front_of_the_old_one_opens_everything() -> None:
    from django.conf import settings

    make_profile(password="s3cret-value")
    with override_settings(SMTPADMIN={"KEYS": [generate_key(), *settings.SMTPADMIN["KEYS"]]}):
        assert keys.lock_reason() is None
        assert profiles.password(Profile.objects.get()).reveal() == "s3cret-value"


def test_a_canary_that_guards_nothing_does_not_lock_the_panel() -> None:
    keys.keyring()
    with override_settings(SMTPADMIN=OTHER):
        assert keys.lock_reason() is None
        make_profile(password="s3cret-value")
        assert keys.lock_reason() is None


def test_rotating_leaves_the_old_key_behind() -> None:
    from django.conf import settings

    make_profile(password="s3cret-value")
    newest = generate_key()
    with override_settings(SMTPADMIN={"KEYS": [newest, *settings.SMTPADMIN["KEYS"]]}):
        call_command("rotate_keys")
    with override_settings(SMTPADMIN={"KEYS": [newest]}):
        assert keys.lock_reason() is None
        assert profiles.password(Profile.objects.get()).reveal() == "s3cret-value"


def test_keys_that_another_process_has_left_behind_are_noticed_at_once() -> None:
    from django.conf import settings

    make_profile(password="s3cret-value")
    newest = generate_key()
    keys.keyring()
    with override_settings(SMTPADMIN={"KEYS": [newest, *settings.SMTPADMIN["KEYS"]]}):
        keys.keyring()
        call_command("rotate_keys")
        assert keys.keyring().open("x", keys.keyring().seal("x", b"y")) == b"y"
    with pytest.raises(KeyringLocked):
        keys.keyring()


def test_asking_for_the_keyring_again_costs_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    keys.keyring()
    with django_assert_num_queries(1):
        keys.keyring()


def test_after_a_lost_key_the_passwords_it_guarded_can_be_given_up() -> None:
    make_profile(slug="old", password="s3cret-value")
    with override_settings(SMTPADMIN=OTHER):
        call_command("forget_passwords", "--yes")
        assert keys.lock_reason() is None
        make_profile(slug="new", password="another-value")
        call_command("forget_passwords", "--yes")
        assert profiles.password(Profile.objects.get(slug="new")).reveal() == "another-value"
    assert Profile.objects.get(slug="old").sealed_password == ""


def test_without_a_key_nothing_is_given_up() -> None:
    make_profile(password="s3cret-value")
    with override_settings(SMTPADMIN={"KEYS": []}), pytest.raises(CommandError, match="No encryption key is set"):
        call_command("forget_passwords", "--yes")
    assert profiles.password(Profile.objects.get()).reveal() == "s3cret-value"


def test_giving_up_passwords_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    make_profile(password="s3cret-value")
    monkeypatch.setattr("builtins.input", lambda _question: "no")
    with override_settings(SMTPADMIN=OTHER), pytest.raises(CommandError, match="Nothing was changed"):
        call_command("forget_passwords")
    assert profiles.password(Profile.objects.get()).reveal() == "s3cret-value"
