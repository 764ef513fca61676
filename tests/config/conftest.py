"""A panel as `make run` starts it: a process of its own, on a free port, with a data folder of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"smtpadmin is at (\S+)/ ")


@dataclass(slots=True)
class Started:
    """One start, and everything it said."""

    process: subprocess.Popen[str]
    said: list[str]
    reader: Thread

    @property
    def output(self) -> str:
        return "".join(self.said)

    @property
    def address(self) -> str:
        found = ADDRESS.search(self.output)
        assert found, self.output
        return found[1]

    @property
    def link(self) -> str | None:
        found = re.search(r"http://\S+/setup/\S+", self.output)
        return found[0] if found else None

    def stop(self, stop_signal: int = signal.SIGTERM) -> int:
        """Signal it as a container does, and return its exit code."""
        self.process.send_signal(stop_signal)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(timeout=30)
        self.reader.join(timeout=10)
        return code


Start = Callable[..., Started]


def environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return a newcomer's environment: nothing of this run's settings is in it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PORT": "0", "SMTPADMIN_DATA_DIR": str(folder), **extra}


@pytest.fixture
def launch() -> Iterator[Start]:
    """Start panels, which are stopped when the test is done."""
    with launching() as start:
        yield start


@contextmanager
def launching() -> Iterator[Start]:
    started: list[Started] = []

    def start(folder: Path, **extra: str) -> Started:
        panel = _start(folder, extra)
        started.append(panel)
        _wait_until_it_serves_or_ends(panel)
        return panel

    yield start
    running = [panel for panel in started if panel.process.poll() is None]
    for panel in running:
        panel.process.terminate()
    for panel in running:
        panel.wait()


def _start(folder: Path, extra: Mapping[str, str]) -> Started:
    process = subprocess.Popen(
        [sys.executable, "-m", "config.launch"],
        cwd=ROOT,
        env=environment(folder, extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return follow(process)


def follow(process: subprocess.Popen[str]) -> Started:
    """Keep what a process says."""
    said: list[str] = []
    reader = Thread(target=_read, args=(process, said), daemon=True)
    reader.start()
    return Started(process=process, said=said, reader=reader)


def _read(process: subprocess.Popen[str], said: list[str]) -> None:
    assert process.stdout
    with process.stdout as lines:
        said.extend(lines)


def _wait_until_it_serves_or_ends(panel: Started) -> None:
    """The address is printed when the port is open: from then on a request is answered, however early it comes."""
    give_up = monotonic() + 60
    while panel.process.poll() is None and not ADDRESS.search(panel.output):
        assert monotonic() < give_up, panel.output
        panel.reader.join(timeout=0.02)
    if panel.process.poll() is not None:
        panel.reader.join(timeout=10)
