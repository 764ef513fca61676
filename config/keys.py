"""The key files of the first start: made once, for their owner alone, never overwritten."""

import os
import secrets
import tempfile
from pathlib import Path


def make(path: Path, value: str) -> None:
    """Write `value` to `path` with mode 0600, unless the file is there already.

    Written beside its place and then linked there: a crash cannot leave half a key, and of two starts at once the
    second finds the first one's key.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            # Not left to mkstemp: the umask may have taken even the owner's bits.
            os.fchmod(file.fileno(), 0o600)
            file.write(f"{value}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        Path(name).unlink()


def new_secret_key() -> str:
    """Return a value for Django's SECRET_KEY."""
    return secrets.token_urlsafe(64)
