"""The command line as a person has it: `manage.py` in a process of its own, on the database of the test.

In-process calls see what the test has not committed; this does not, so its tests need `transaction=True`.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that is over."""

    code: int
    out: str
    err: str


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a panel on the test's database and keys, with `changes`."""
    from django.conf import settings
    from django.db import connection

    values = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{values['NAME']}"
    else:
        password = quote(values["PASSWORD"])
        url = f"postgresql://{values['USER']}:{password}@{values['HOST']}:{values['PORT']}/{values['NAME']}"
    ours = {
        "DATABASE_URL": url,
        "SMTPADMIN_KEYS": " ".join(settings.SMTPADMIN["KEYS"]),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUTF8": "1",
    }
    return {**os.environ, **ours, **changes}


def manage(*words: str, stdin: str = "", **variables: str) -> Ended:
    """Run a command and return what it said."""
    ran = subprocess.run(
        command(*words),
        cwd=ROOT,
        env=environment(**variables),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    return Ended(code=ran.returncode, out=ran.stdout, err=ran.stderr)


def at_a_terminal(*words: str, answers: Mapping[str, str] = MappingProxyType({}), **variables: str) -> Ended:
    """Run a command at a terminal of its own, type what `answers` has for each prompt, and return the screen."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        command(*words),
        cwd=ROOT,
        env=environment(**variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    with os.fdopen(ours, "r+b", buffering=0) as terminal:
        screen = b""
        for prompt, answer in answers.items():
            while not screen.endswith(prompt.encode()) and (piece := _read(terminal.fileno())):
                screen += piece
            terminal.write(f"{answer}\n".encode())
        while piece := _read(terminal.fileno()):
            screen += piece
    code = process.wait(_SECONDS)
    return Ended(code=code, out=screen.decode().replace("\r\n", "\n"), err="")


def command(*words: str) -> list[str]:
    return [sys.executable, "manage.py", *words]


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""  # Linux says EIO when the last process has left the terminal
