"""Readers of the environment: typed, and secrets from the place that suits the installation.

A secret NAME is looked for in this order: the variable NAME, the file named by NAME_FILE (Docker and Kubernetes
secrets), a systemd credential (`LoadCredential=name:…`), and last the data folder, where the first start put it.
"""

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()


def data_dir() -> Path:
    """The folder of database, keys and collected static files."""
    return BASE_DIR / env.str("SMTPADMIN_DATA_DIR", default="data")


def secret(name: str) -> str:
    """Return a secret, or an empty string when no place has it."""
    if value := env.str(name, default=""):
        return str(value)
    path = _secret_file(name)
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: {path} cannot be read: {error.strerror}.") from None


def _secret_file(name: str) -> Path | None:
    if named := env.str(f"{name}_FILE", default=""):
        return Path(named)
    candidates = [data_dir() / name.lower()]
    if credentials := env.str("CREDENTIALS_DIRECTORY", default=""):
        candidates.insert(0, Path(credentials) / name.lower())
    return next((path for path in candidates if path.exists()), None)
