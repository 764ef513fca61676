"""The app's system checks of the queue."""

from typing import Any

import django
import pytest
from django.db import connections
from pytest_django import Settings

from smtpadmin.checks import check_look_up_settings, check_outbox_database, check_outbox_settings

PATH = "smtpadmin.backend.EmailBackend"


def ids() -> list[str | None]:
    return [found.id for check in (check_outbox_settings, check_outbox_database) for found in check()]


def use(settings: Settings, path: str, **options: Any) -> None:
    """Let mail go through the backend at `path`."""
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": path, "OPTIONS": options}}
    else:
        settings.EMAIL_BACKEND = path


def test_the_panels_own_settings_are_sound(settings: Settings) -> None:
    use(settings, PATH)
    assert ids() == []


def test_each_value_that_makes_no_sense_is_an_error(settings: Settings) -> None:
    settings.SMTPADMIN = settings.SMTPADMIN | {"QUEUE": 1, "RETENTION_DAYS": 0}
    assert ids() == ["smtpadmin.E005", "smtpadmin.E005"]


def test_look_ups_that_cannot_be_made_are_an_error(settings: Settings) -> None:
    assert check_look_up_settings() == []
    settings.SMTPADMIN = settings.SMTPADMIN | {"AUTOCONFIG": "off", "DNS_SERVERS": ["dns.example.com"]}
    assert [found.id for found in check_look_up_settings()] == ["smtpadmin.E006", "smtpadmin.E006"]


def test_a_queue_in_a_database_that_cannot_hold_it_is_a_warning(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections["default"], "vendor", "mysql", raising=False)
    use(settings, "django.core.mail.backends.locmem.EmailBackend")
    assert ids() == []
    use(settings, PATH)
    assert ids() == ["smtpadmin.W001"]
    settings.SMTPADMIN = settings.SMTPADMIN | {"QUEUE": False}
    assert ids() == []
    if django.VERSION >= (6, 1):
        use(settings, PATH, queue=True)
        assert ids() == ["smtpadmin.W001"]
