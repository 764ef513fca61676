"""Readers of the environment: typed, refusing nonsense, and secrets from the place that suits the installation.

An empty variable counts as one that is not set: compose files pass `NAME: ${NAME:-}`.

A secret NAME is looked for in this order: the variable NAME, the file named by NAME_FILE (Docker and Kubernetes
secrets), a systemd credential (`LoadCredential=name:…`), and last the data folder, where the first start puts the keys.
"""

import os
import stat
from collections.abc import Collection, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

_SWITCH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class SecretFileMissing(ImproperlyConfigured):
    """A file that NAME_FILE names is not there."""


def text(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def number(name: str, default: int, *, highest: int | None = None) -> int:
    """Return a whole number from 0 on."""
    value = text(name, str(default))
    if not (value.isascii() and value.isdecimal()):
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.")
    if highest is not None and int(value) > highest:
        raise ImproperlyConfigured(f"{name} must be at most {highest}, not {value}.")
    return int(value)


def switch(name: str, *, default: bool) -> bool:
    value = text(name)
    if not value:
        return default
    if value.lower() not in _SWITCH:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return _SWITCH[value.lower()]


def choice(name: str, default: str, choices: Collection[str]) -> str:
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def time_zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ImproperlyConfigured(f"{name}: no time zone is called {value!r}. Example: Europe/Berlin.") from None
    return value


def listing(name: str, default: Sequence[str] = ()) -> list[str]:
    """Return what stands between commas."""
    return [part.strip() for part in text(name).split(",") if part.strip()] or list(default)


def data_dir() -> Path:
    """The folder of database, keys and collected static files."""
    return BASE_DIR / text("SMTPADMIN_DATA_DIR", "data")


def secret(name: str) -> str:
    """Return a secret, or an empty string when no place has it."""
    if value := text(name):
        return value
    path = secret_file(name)
    if path is None:
        return ""
    try:
        _refuse_if_others_can_read(path)
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise SecretFileMissing(f"{name}_FILE names {path}, which does not exist.") from None
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: {path} cannot be read: {error.strerror}.") from None


def secret_file(name: str) -> Path | None:
    """Return the file a secret is read from, or None when no place has one."""
    if named := text(f"{name}_FILE"):
        return Path(named)
    candidates = [data_dir() / name.lower()]
    if credentials := text("CREDENTIALS_DIRECTORY"):
        candidates.insert(0, Path(credentials) / name.lower())
    return next((path for path in candidates if path.exists()), None)


def _refuse_if_others_can_read(path: Path) -> None:
    """Refuse a file of our own that others can read.

    One that belongs to somebody else was put there by Docker, Kubernetes or systemd, which choose its mode: 0444 for
    Docker's secrets, and nobody could mend it from here.
    """
    found = path.stat()
    if found.st_uid == os.getuid() and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(found.st_mode)
        raise ImproperlyConfigured(
            f"{path} holds a secret that others on this machine can read (mode {mode:04o}). Mend it: chmod 600 {path}"
        )
