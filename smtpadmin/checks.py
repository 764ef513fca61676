"""System checks: what is wrong with the settings, said at start with its cure, before any mail is lost over it."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router

from smtpadmin.conf import conf
from smtpadmin.crypto import BadKey, Keyring
from smtpadmin.models import Message
from smtpadmin.outbox.sql import ENGINES
from smtpadmin.providers import CatalogueError, load


@register(Tags.security)
def check_keys(**_: Any) -> Sequence[CheckMessage]:
    """E001: a key is malformed. That none is set is no error: the panel runs locked and says so."""
    if not conf.keys:
        return []
    try:
        Keyring(conf.keys)
    except BadKey as error:
        return [
            Error(
                f"SMTPADMIN['KEYS']: {error}",
                hint="Make one with: python -c "
                "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
                id="smtpadmin.E001",
            )
        ]
    return []


@register()
def check_setting_names(**_: Any) -> Sequence[CheckMessage]:
    """E002: a name in SMTPADMIN that the app does not know."""
    return [
        Error(
            f"SMTPADMIN[{name!r}] is not a setting of smtpadmin.",
            hint=f"The settings are: {', '.join(sorted(conf.NAMES))}.",
            id="smtpadmin.E002",
        )
        for name in conf.unknown()
    ]


@register()
def check_providers_file(**_: Any) -> Sequence[CheckMessage]:
    """E003: the operator's own provider records cannot be used."""
    try:
        load(conf.providers_file)
    except CatalogueError as error:
        return [Error(f"SMTPADMIN['PROVIDERS_FILE']: {error}", id="smtpadmin.E003")]
    return []


@register()
def check_denied_networks(**_: Any) -> Sequence[CheckMessage]:
    """E004: a denied network that is none."""
    try:
        _networks = conf.denied_networks
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="Example: 10.0.0.0/8", id="smtpadmin.E004")]
    return []


@register()
def check_look_up_settings(**_: Any) -> Sequence[CheckMessage]:
    """E006: a setting of the look-ups for settings and sender checks makes no sense."""
    found: list[CheckMessage] = []
    for name in ("autoconfig", "dns_servers"):
        try:
            getattr(conf, name)
        except ImproperlyConfigured as error:
            found.append(Error(str(error), id="smtpadmin.E006"))
    return found


@register()
def check_outbox_settings(**_: Any) -> Sequence[CheckMessage]:
    """E005: a setting of the queue, of looks or of what is kept has a value that makes no sense."""
    found: list[CheckMessage] = []
    for name in ("queue", "check_every", "retention", "keep_sent_bodies", "keep_failed_bodies"):
        try:
            getattr(conf, name)
        except ImproperlyConfigured as error:
            found.append(Error(str(error), id="smtpadmin.E005"))
    return found


@register()
def check_outbox_database(**_: Any) -> Sequence[CheckMessage]:
    """W001: mail is queued, in a database that the outbox does not know."""
    vendor = connections[router.db_for_write(Message)].vendor
    try:
        if vendor in ENGINES or not _queues():
            return []
    except ImproperlyConfigured:
        return []  # E005 says so
    return [
        checks.Warning(
            f"smtpadmin's mail backend queues mail, and its outbox runs on SQLite and PostgreSQL, not on {vendor}.",
            hint="Keep smtpadmin's tables in one of them (DATABASE_ROUTERS), or set SMTPADMIN['QUEUE'] = False.",
            id="smtpadmin.W001",
        )
    ]


def _queues() -> bool:
    """Say whether some mail of this project goes through our backend and is queued."""
    mailers = getattr(settings, "MAILERS", None)
    if mailers is None:
        mailers = {"default": {"BACKEND": settings.EMAIL_BACKEND}}
    ours = [mailer for mailer in mailers.values() if mailer.get("BACKEND") == "smtpadmin.backend.EmailBackend"]
    return any(mailer.get("OPTIONS", {}).get("queue", conf.queue) is not False for mailer in ours)
