"""A PostgreSQL server of a run's own, which it may restart, stop and start as it likes."""

import secrets
import shutil
from pathlib import Path

from tests.with_postgresql import USER, as_unprivileged, find_programs, free_port, run_program


class PostgreSQL:
    """A server in a folder of its own; `url` is where its database is, whether or not it runs."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1") -> None:
        programs = find_programs()
        assert programs is not None
        self._programs = programs
        self._folder = folder
        self._data = folder / "data"
        folder.mkdir()
        self._as_user = as_unprivileged(str(folder))
        password = secrets.token_hex(16)
        secret = folder / "password"
        secret.write_text(password)
        secret.chmod(0o644)
        port = free_port()
        self.url = f"postgresql://{USER}:{password}@{host}:{port}/postgres"
        # Without fsync a commit outlives the server's processes, which is all that dies here.
        self._options = f"-p {port} -c listen_addresses={host} -c unix_socket_directories= -c fsync=off"
        initdb = ["initdb", "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync"]
        self._run([*initdb, "-D", str(self._data), "--encoding=UTF8", "--locale=C.UTF-8"])
        if host != "127.0.0.1":
            with (self._data / "pg_hba.conf").open("a", encoding="ascii") as access:
                access.write("host all all all scram-sha-256\n")

    @staticmethod
    def is_there() -> bool:
        return find_programs() is not None

    def start(self) -> None:
        log = self._folder / "log"
        self._run(["pg_ctl", "start", "-D", str(self._data), "-l", str(log), "-w", "-o", self._options])

    def stop(self) -> None:
        """End it as a power cut would end its processes: nobody is waited for, nothing is written."""
        self._run(["pg_ctl", "stop", "-D", str(self._data), "-m", "immediate", "-w"])

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, command: list[str]) -> None:
        run_program(self._programs, command, self._as_user)
