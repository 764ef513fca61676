"""Where the mail goes to, and the databases: on this machine, for as long as they are needed."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from tests.with_postgresql import as_unprivileged, find_programs, free_port, run_program

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
_USER = "benchmark"

# As the panel sets it: a commit survives a power cut.
_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;",
}


class Databases:
    """Gives each run an empty database of its own."""

    def __init__(self, folder: Path, *, port: int = 0, password: str = "") -> None:
        self._folder = folder
        self._port, self._password = port, password
        self._count = 0

    @property
    def engines(self) -> tuple[str, ...]:
        return (SQLITE, POSTGRESQL) if self._port else (SQLITE,)

    @contextmanager
    def empty(self, engine: str) -> Iterator[Mapping[str, Any]]:
        """Make a database and give Django's settings for it; it is gone afterwards."""
        self._count += 1
        name = f"run{self._count}"
        if engine == SQLITE:
            path = self._folder / f"{name}.sqlite3"
            yield {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": _SQLITE_OPTIONS}
            for each in self._folder.glob(f"{name}.sqlite3*"):
                each.unlink()
            return
        self._run(f"CREATE DATABASE {name}")
        yield {
            "ENGINE": "django.db.backends.postgresql", "NAME": name, "USER": _USER, "PASSWORD": self._password,
            "HOST": "127.0.0.1", "PORT": self._port,
        }  # fmt: skip
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        where = make_conninfo(host="127.0.0.1", port=self._port, user=_USER, password=self._password, dbname="postgres")
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def databases() -> Iterator[Databases]:
    """Start PostgreSQL where it is installed, with its own defaults: a commit is on the disk."""
    programs = find_programs()
    with tempfile.TemporaryDirectory(prefix="smtpadmin-benchmark-") as name:
        folder = Path(name)
        if programs is None:
            yield Databases(folder)
            return
        home = folder / "postgresql"
        home.mkdir()
        folder.chmod(0o755)
        as_user = as_unprivileged(str(home))
        password, port = secrets.token_hex(16), free_port()
        secret = home / "password"
        secret.write_text(password)
        secret.chmod(0o644)
        data = str(home / "data")
        initdb = ["initdb", "-D", data, "-U", _USER, "--auth=scram-sha-256", f"--pwfile={secret}"]
        run_program(programs, [*initdb, "--encoding=UTF8", "--locale=C.UTF-8"], as_user)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        run_program(programs, ["pg_ctl", "start", "-D", data, "-l", f"{home}/log", "-w", "-o", options], as_user)
        try:
            yield Databases(folder, port=port, password=password)
        finally:
            run_program(programs, ["pg_ctl", "stop", "-D", data, "-m", "immediate", "-w"], as_user)


def raw_tools() -> tuple[Path, Path] | None:
    """Return Postfix's smtp-source and smtp-sink, where they are installed."""
    found = [shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin") for name in ("smtp-source", "smtp-sink")]
    return (Path(found[0]), Path(found[1])) if found[0] and found[1] else None
