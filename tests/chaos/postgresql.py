"""A PostgreSQL server of a run's own, which it may restart, stop and start as it likes."""

import contextlib
import os
import secrets
import subprocess
from pathlib import Path

from tests.chaos.machine import Missing
from tests.with_postgresql import USER, as_unprivileged, find_programs, free_port, run_program


class PostgreSQL:
    """A server in a folder of its own; `url` is where its database is, whether or not it runs."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", template: Path | None = None) -> None:
        """Make the server, or copy the one of `template`, which `keep` has made."""
        programs = find_programs()
        if programs is None:
            raise Missing("PostgreSQL is missing.")
        self._programs = programs
        self._folder = folder
        self._data = folder / "data"
        if template is None:
            folder.mkdir()
        else:
            self._copy(template, folder)
        self._as_user = as_unprivileged(str(folder))
        password = folder / "password"
        if template is None:
            password.write_text(secrets.token_hex(16))
            password.chmod(0o644)
            initdb = ["initdb", "-U", USER, "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
            self._run([*initdb, "-D", str(self._data), "--encoding=UTF8", "--locale=C.UTF-8"])
            with (self._data / "pg_hba.conf").open("a", encoding="ascii") as access:
                # In a network of its own there is nobody else.
                access.write("host all all all scram-sha-256\n")
        port = free_port()
        self.url = f"postgresql://{USER}:{password.read_text()}@{host}:{port}/postgres"
        # Without fsync a commit outlives the server's processes, which is all that dies here.
        self._options = f"-p {port} -c listen_addresses={host} -c unix_socket_directories= -c fsync=off"

    @staticmethod
    def is_there() -> bool:
        return find_programs() is not None

    def start(self) -> None:
        log = self._folder / "log"
        self._run(["pg_ctl", "start", "-D", str(self._data), "-l", str(log), "-w", "-o", self._options])

    def stop(self) -> None:
        """End it as a power cut would end its processes: nobody is waited for, nothing is written."""
        self._run(["pg_ctl", "stop", "-D", str(self._data), "-m", "immediate", "-w"])

    def keep(self, template: Path) -> None:
        """Leave a copy of it, as it is now, for others to begin with; or that of somebody who was faster."""
        self._run(["pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-w"])
        copy = template.with_name(f"{template.name}-{os.getpid()}")
        self._copy(self._folder, copy)
        with contextlib.suppress(OSError):
            copy.rename(template)
        self.start()

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        # Owners are kept, which Python's own copying does not do.
        subprocess.run(["cp", "--archive", source, target], check=True)

    def _run(self, command: list[str]) -> None:
        run_program(self._programs, command, self._as_user)
