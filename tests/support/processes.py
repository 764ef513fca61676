"""Server programs that tests start: on free ports, in directories of their own, and gone when the test is over."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

from tests.support import watch

_T = TypeVar("_T")

_RUN_SECONDS = 30
_START_SECONDS = 20
_STOP_SECONDS = 10
_PAUSE = 0.02
_TAIL = 3000


class StartFailed(Exception):
    """The program ended, or did not listen in time; the text holds the end of its log."""


def run_python(*arguments: str, environment: Mapping[str, str] | None = None) -> Any:
    """Run this Python in the project's folder and return what it prints, read as JSON."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **(environment or {})},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=_RUN_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def find_program(name: str, *directories: Path) -> Path | None:
    """Return where a program is, also in the directories that are not in everybody's PATH."""
    places = [os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", *map(str, directories)]
    found = shutil.which(name, path=os.pathsep.join(places))
    return Path(found) if found else None


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody uses at this moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [sock.getsockname()[1] for sock in sockets]


@contextmanager
def open_directory(prefix: str) -> Iterator[Path]:
    """Make a directory that other users may enter: servers give up root, and pytest's own are closed to them."""
    directory = Path(tempfile.mkdtemp(prefix=f"smtpadmin-{prefix}-"))
    try:
        directory.chmod(0o755)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def retrying(start: Callable[[], _T]) -> _T:
    """Return what `start` returns, which may fail: between finding a free port and using it another may take it."""
    for _ in range(2):
        with contextlib.suppress(StartFailed):
            return start()
    return start()


@contextmanager
def running(
    command: Sequence[str | Path], *, log: Path, is_ready: Callable[[], bool], directory: Path
) -> Iterator[None]:
    """Run `command`, a program that stays in the foreground, until the block ends.

    `directory` is the program's own: whatever still runs in it afterwards is a failure.
    """
    output = log.with_name(f"{log.name}.output")
    with output.open("wb") as sink:
        # It reads a pipe of which this process alone holds the other end, however this process ends.
        process = subprocess.Popen(
            [sys.executable, "-S", "-E", watch.__file__, *command],
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            cwd=directory,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, is_ready, logs=(output, log))
        yield
    finally:
        _stop(process)
    left = _processes_in(directory)
    assert left == [], f"Still running: {left}"


def listens(port: int) -> bool:
    """Say whether somebody accepts connections on `port`."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def wait_until(is_true: Callable[[], bool], *, seconds: float) -> bool:
    """Return whether `is_true` became true within `seconds`."""
    until = monotonic() + seconds
    while not is_true():
        if monotonic() > until:
            return False
        sleep(_PAUSE)
    return True


def _wait_until_ready(process: subprocess.Popen[bytes], is_ready: Callable[[], bool], *, logs: Sequence[Path]) -> None:
    wait_until(lambda: process.poll() is not None or is_ready(), seconds=_START_SECONDS)
    if process.poll() is None and is_ready():
        return
    texts = [path.read_text(errors="replace")[-_TAIL:] for path in logs if path.exists()]
    raise StartFailed("\n".join([f"{process.args!r} did not start (exit code {process.poll()}).", *texts]))


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(_STOP_SECONDS)


def _processes_in(directory: Path) -> list[str]:
    """Return the command lines of what runs below `directory`; killed processes get a moment to go."""
    found: list[str] = []

    def are_gone() -> bool:
        found[:] = [_command_line(path.parent) for path in Path("/proc").glob("[0-9]*/cwd") if _is_in(path, directory)]
        return not found

    wait_until(are_gone, seconds=_STOP_SECONDS)
    return found


def _is_in(link: Path, directory: Path) -> bool:
    with contextlib.suppress(OSError):
        return link.readlink().is_relative_to(directory)
    return False


def _command_line(process: Path) -> str:
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return process.name
