"""The database: SQLite in the data folder, or PostgreSQL where DATABASE_URL says so."""

import warnings
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environ import Env

SCHEMES = ("postgresql", "postgres", "sqlite")

# WAL lets readers go on while one writes; FULL makes a commit survive a power cut (NORMAL does not in WAL mode: 209
# against 8 syncs for 200 commits, measured); IMMEDIATE takes the write lock at once, where DEFERRED transactions fail
# with "database is locked" under load (94 of 111, measured). synchronous holds for one connection: it is set on each.
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    "init_command": (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;PRAGMA secure_delete=ON;"
        "PRAGMA journal_size_limit=67108864;"
    ),
}
# A server that swallows packets must not hold a start, a page or a worker's stop: by itself libpq waits for minutes to
# connect, and TCP for a quarter of an hour for what was said and two hours for what is awaited.
POSTGRESQL_OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "application_name": "smtpadmin",
}


def database(url: str, *, password: str, data_dir: Path) -> dict[str, Any]:
    """Return Django's settings for the database at `url`; without one, a SQLite file in the data folder.

    `password` is for a URL that holds none, so that the password can be a file of its own.
    """
    if not url:
        return _sqlite({"NAME": str(data_dir / "smtpadmin.sqlite3")})
    parsed = _parse(url)
    if parsed["ENGINE"] == "django.db.backends.sqlite3":
        return _sqlite(parsed)
    parsed["PASSWORD"] = parsed["PASSWORD"] or password
    parsed["OPTIONS"] = POSTGRESQL_OPTIONS | parsed.get("OPTIONS", {})
    # Each of the web server's threads keeps its connection, and checks it before use.
    return {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, **parsed}


def _sqlite(parsed: dict[str, Any]) -> dict[str, Any]:
    return {"ENGINE": "django.db.backends.sqlite3", **parsed, "OPTIONS": SQLITE_OPTIONS}


def _parse(url: str) -> dict[str, Any]:
    """Read the URL. What is wrong is said without it: it may hold the password."""
    try:
        with warnings.catch_warnings(action="error"):
            known = urlsplit(url).scheme in SCHEMES
            parsed: dict[str, Any] = Env.db_url_config(url) if known else {}
    except (ValueError, UserWarning):
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read. In user name and password, write special characters as %40 for @, "
            "%2F for /, %23 for #, or give the password in DATABASE_PASSWORD."
        ) from None
    if not known:
        raise ImproperlyConfigured(
            "DATABASE_URL must begin with postgresql:// or sqlite:// "
            "(example: postgresql://smtpadmin:secret@db.example.com:5432/smtpadmin)."
        )
    if not parsed["NAME"]:
        raise ImproperlyConfigured("DATABASE_URL names no database after the host.")
    return parsed
