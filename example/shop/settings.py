"""A host project's settings. What concerns smtpadmin is marked."""

import os
from pathlib import Path

import django

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "an example, never a real key"
DEBUG = True
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]

INSTALLED_APPS = [
    "shop",
    "smtpadmin",  # the app: its pages appear in the admin
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

# The key that seals the SMTP passwords. It stays outside the database and outside the repository.
SMTPADMIN = {"KEYS": os.environ.get("SMTPADMIN_KEYS", "").split()}

# All mail of the project goes through smtpadmin's queue. Django 6.1 names its mailers, 5.2 has one backend.
if django.VERSION >= (6, 1):
    MAILERS = {
        "default": {"BACKEND": "smtpadmin.backend.EmailBackend"},
        "alerts": {"BACKEND": "smtpadmin.backend.EmailBackend", "OPTIONS": {"profile": "alerts"}},
    }
else:
    EMAIL_BACKEND = "smtpadmin.backend.EmailBackend"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "shop.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("EXAMPLE_DATABASE", str(BASE_DIR / "shop.sqlite3")),
        # The queue is in the same database, and a worker writes to it beside the web server.
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",  # wait for each other, where the default fails with "database is locked"
            "timeout": 30,
            "init_command": (
                "PRAGMA journal_mode=WAL;"  # readers go on while one writes
                "PRAGMA synchronous=FULL;"  # an accepted message survives a power cut
                "PRAGMA secure_delete=ON;"  # the text of a sent message is overwritten
            ),
        },
    }
}
STATIC_URL = "static/"
USE_TZ = True
