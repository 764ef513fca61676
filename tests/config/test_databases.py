"""DATABASE_URL: what becomes of it, and that a wrong one is never shown with its password."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.databases import POSTGRESQL_OPTIONS, SQLITE_OPTIONS, database

FOLDER = Path("/srv/a folder?")


def read(url: str, *, password: str = "") -> dict[str, Any]:
    return database(url, password=password, data_dir=FOLDER)


def test_without_a_url_it_is_sqlite_in_the_data_folder() -> None:
    assert read("") == {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "/srv/a folder?/smtpadmin.sqlite3",
        "OPTIONS": SQLITE_OPTIONS,
    }


def test_a_sqlite_url_gets_the_same_options() -> None:
    found = read("sqlite:////srv/other.sqlite3")

    assert (found["ENGINE"], found["NAME"]) == ("django.db.backends.sqlite3", "/srv/other.sqlite3")
    assert found["OPTIONS"] == SQLITE_OPTIONS


def test_a_postgresql_url_is_taken_apart() -> None:
    assert read("postgresql://user:p%40ss%2Fw+rd@db.example.com:5433/mail?sslmode=require&conn_max_age=0") == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "mail",
        "USER": "user",
        "PASSWORD": "p@ss/w+rd",
        "HOST": "db.example.com",
        "PORT": 5433,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**POSTGRESQL_OPTIONS, "sslmode": "require"},
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [("postgresql://user@db/mail", "from a file"), ("postgresql://user:in-url@db/mail", "in-url")],
)
def test_a_password_of_its_own_serves_a_url_without_one(url: str, expected: str) -> None:
    assert read(url, password="from a file")["PASSWORD"] == expected


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mysql://user:hunter2@db/mail", "DATABASE_URL must begin with postgresql:// or sqlite://"),
        ("hunter2", "DATABASE_URL must begin with postgresql:// or sqlite://"),
        ("postgresql://user:hunter2@db:port/mail", "DATABASE_URL cannot be read."),
        ("postgresql://user:hunter2[@db/mail", "DATABASE_URL cannot be read."),
        ("postgresql://user:hunter2@db", "DATABASE_URL names no database"),
        ("sqlite://hunter2/mail.sqlite3", "DATABASE_URL cannot be read."),
    ],
)
def test_a_wrong_url_is_refused_without_being_shown(url: str, problem: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read(url)

    assert str(refused.value).startswith(problem)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None or refused.value.__suppress_context__
