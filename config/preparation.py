"""What a start does with the panel itself: check, migrate, make the encryption key, and say where it is.

`launch` imports this once Django is set up; folder, port and serving are left to it.
"""

import sys

from django.conf import settings
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import DatabaseError
from django.urls import reverse

from config import env, keys, static
from config.errors import CannotStart
from panel import first_run
from smtpadmin.crypto import generate_key
from smtpadmin.exceptions import KeyringLocked
from smtpadmin.keys import is_anything_sealed, keyring

RULE = "=" * 78


def run() -> None:
    """Bring database, keys and static files to where the panel can be served. Raise CannotStart."""
    _check_settings()
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        raise CannotStart(f"The database cannot be used: {_one_line(error)}") from None
    _provide_encryption_key()
    static.collect()


def announce(address: str) -> None:
    """Print where the panel is and what is wrong with it; on the first start the way in, so that nobody misses it."""
    sys.stdout.write(f"smtpadmin is at {address}/ (Ctrl-C stops it)\n")
    try:
        keyring()
    except KeyringLocked as error:
        sys.stdout.write(f"\nThe panel is locked: it stores no password, and neither accepts nor sends mail. {error}\n")
    if first_run.is_needed():
        link = address + reverse("setup", args=[first_run.new_token()])
        minutes = int(first_run.LIFETIME.total_seconds() // 60)
        sys.stdout.write(
            f"\n{RULE}\n  Open this link to create the administrator:\n\n  {link}\n\n"
            f"  It works once, within {minutes} minutes. The next start prints a new one.\n{RULE}\n\n"
        )
    sys.stdout.flush()


def _check_settings() -> None:
    """Run Django's checks and the app's, but for a malformed key: that one locks the panel, which explains it."""
    found_all = run_checks()
    for found in found_all:
        if not found.is_serious() and not found.is_silenced():
            sys.stdout.write(f"Warning: {_one_line(found.msg)} {found.hint or ''}\n")
    problems = [found for found in found_all if found.is_serious() and found.id != "smtpadmin.E001"]
    if problems:
        raise CannotStart(" ".join(f"{_one_line(found.msg)} {found.hint or ''}".strip() for found in problems))


def _provide_encryption_key() -> None:
    """Make the key on the first start.

    Not where sealed passwords exist: a new key would only hide that theirs is lost.
    """
    if settings.SMTPADMIN["KEYS"] or env.text("SMTPADMIN_KEYS_FILE") or is_anything_sealed():
        return
    keys.make(env.data_dir() / "smtpadmin_keys", generate_key())
    settings.SMTPADMIN["KEYS"] = env.secret("SMTPADMIN_KEYS").split()


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
