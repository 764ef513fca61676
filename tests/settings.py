"""Settings of the tests: the panel's own, on keys and a database that live as long as the run."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet

if "SMTPADMIN_DATA_DIR" not in os.environ:
    os.environ["SMTPADMIN_DATA_DIR"] = tempfile.mkdtemp(prefix="smtpadmin-tests-")
    atexit.register(shutil.rmtree, os.environ["SMTPADMIN_DATA_DIR"], ignore_errors=True)
os.environ.setdefault("SECRET_KEY", "tests-only-" + "x" * 50)
os.environ.setdefault("SMTPADMIN_KEYS", Fernet.generate_key().decode())

from config.settings import *  # noqa: F403
from config.settings import DATABASES

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: worker processes and live-server threads open it too.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(os.environ["SMTPADMIN_DATA_DIR"]) / "test.sqlite3")}

# Hashing passwords slowly is for attackers, not for tests.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
