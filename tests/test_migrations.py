"""The migrations say what the models say, and lose nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from smtpadmin import keys
from smtpadmin.models import Profile
from smtpadmin.models.profile import today
from tests.support.mail import put
from tests.support.profiles import make_profile

TOKENS = ("smtpadmin", "0008_alerts")
BYTES = ("smtpadmin", "0009_sealed_bytes")


@pytest.mark.django_db
def test_no_model_has_changed_without_a_migration() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=1)


@pytest.mark.django_db(transaction=True)
def test_a_waiting_message_is_sealed_anew_in_both_directions() -> None:
    message = put(make_profile())
    before = keys.keyring().open_bytes(message.body_context, message.body.sealed)
    try:
        token = _body_after(TOKENS).token
        assert keys.keyring().open(message.body_context, token) == before
    finally:
        body = _body_after(BYTES)
    assert keys.keyring().open_bytes(message.body_context, bytes(body.sealed)) == before


def _body_after(migration: tuple[str, str]) -> Any:
    """Migrate to there, and return the one body as it is then."""
    executor = MigrationExecutor(connection)
    executor.migrate([migration])
    return executor.loader.project_state([migration]).apps.get_model("smtpadmin", "Body").objects.get()


@pytest.mark.django_db(transaction=True)
def test_profiles_that_skip_the_check_already_get_an_end() -> None:
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes("smtpadmin")
    before = ("smtpadmin", "0005_storage")
    executor.migrate([before])
    try:
        old = executor.loader.project_state([before]).apps.get_model("smtpadmin", "Profile")
        common = {"host": "smtp.example.com", "from_address": "notify@example.com"}
        old.objects.create(name="Old", slug="old", skip_verify=True, skip_verify_reason="Old device", **common)
        old.objects.create(name="New", slug="new", **common)
    finally:
        MigrationExecutor(connection).migrate(newest)
    ends = dict(Profile.objects.values_list("slug", "skip_verify_until"))
    assert ends == {"old": today() + timedelta(days=30), "new": None}
