"""System checks: what is wrong with the settings, said at start with its cure, before any mail is lost over it."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from smtpadmin.conf import conf
from smtpadmin.crypto import BadKey, Keyring
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
