"""Run a command with DATABASE_URL set to a PostgreSQL server that lives as long as the command does.

    python tests/with_postgresql.py pytest tests

The server is the machine's own (PATH, or where Debian keeps it), started on a free port of the loopback address with a
password and a data folder of its own. Where there is none the command is skipped, which in CI is a failure.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER = "smtpadmin"
# The server refuses to run as root; root runs it as one of these.
UNPRIVILEGED = ("postgres", "nobody")


def main(command: Sequence[str]) -> int:
    found = find_programs()
    if found is None:
        sys.stdout.write("SKIPPED: the suite on PostgreSQL: it is not installed.\n")
        return int(os.environ.get("CI", "").lower() in ("1", "true", "yes"))
    # As Ctrl-C does: end the command and stop the server.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with running(found) as url:
        return subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode


@contextmanager
def running(programs: Path) -> Iterator[str]:
    """Start a server in a folder of its own; give its URL, and stop it in the end."""
    password = secrets.token_hex(16)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="smtpadmin-postgresql-") as folder:
        as_user = as_unprivileged(folder)
        secret = Path(folder, "password")
        secret.write_text(password)
        secret.chmod(0o644)
        data = f"{folder}/data"
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        initdb = ["initdb", "-D", data, "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync"]
        run_program(programs, [*initdb, "--encoding=UTF8", "--locale=C.UTF-8"], as_user)
        run_program(programs, ["pg_ctl", "start", "-D", data, "-l", f"{folder}/log", "-w", "-o", options], as_user)
        try:
            yield f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres"
        finally:
            run_program(programs, ["pg_ctl", "stop", "-D", data, "-m", "immediate", "-w"], as_user)


def find_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs; Debian keeps those of each version apart and off PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max((path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None)


def as_unprivileged(folder: str) -> Mapping[str, Any]:
    """Return who runs the server, and give them the folder."""
    if os.getuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = next(known[name] for name in UNPRIVILEGED if name in known)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def run_program(programs: Path, command: Sequence[str], as_user: Mapping[str, Any]) -> None:
    """Run one of PostgreSQL's programs to its end, as the user that `as_unprivileged` has found."""
    ran = subprocess.run(
        [programs / command[0], *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        text=True,
        check=False,
        **as_user,
    )
    if ran.returncode:
        sys.exit(f"{command[0]} ended with {ran.returncode}:\n{ran.stdout}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
