"""Wall clocks that jump by an hour, to and fro, three times a second, apart in each process: leases must not mind.

In full the C library's clock is moved, for all that a process does (`wall_clock.c`); the small run moves what Python
asks.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from tests.chaos.harness import DATABASES, Counts, Site, Size
from tests.chaos.machine import Missing

RUNS_ON = DATABASES
#: Faults: jumps of one process.
SMALL = Size(faults=10, messages=80)
FULL = Size(faults=300, messages=5_000)

WORKERS, CLIENTS = 3, 2
EVERY = 0.3
_SWITCH = "CHAOS_CLOCK"
_SOURCE = Path(__file__).with_name("wall_clock.c")


def before(*, full: bool) -> None:
    """Start this program anew with the moved clock, where it is the whole process's."""
    if not full:
        return
    if library := os.environ.pop("LD_PRELOAD", ""):
        # It is loaded, and nothing else is to load it.
        shutil.rmtree(Path(library).parent)
        return
    compiler = shutil.which("cc")
    if compiler is None:
        raise Missing("A C compiler is missing.")
    made = Path(tempfile.mkdtemp(prefix="smtpadmin-clock-"), "wall_clock.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", made, _SOURCE], check=True)
    command = [sys.executable, "-m", "tests.chaos", *sys.argv[1:]]
    os.execve(sys.executable, command, {**os.environ, "LD_PRELOAD": str(made)})  # noqa: S606  this program, as it is


def run(site: Site, size: Size) -> Counts:
    # Long enough for work, and short beside an hour.
    site.lease = 5.0
    move = _move_all_clocks if site.full else _move_pythons_clock
    for _ in range(WORKERS):
        site.add_worker(prepare=move)
    for _ in range(CLIENTS):
        site.add_client(prepare=move)
    jumps = 0
    while site.goes_on(jumps, size):
        time.sleep(EVERY)
        jumps += 1
    site.settle_down()
    return site.count(one_copy_each=True, jumps=jumps)


def _move_all_clocks() -> None:
    os.environ[_SWITCH] = "1"
    until, seen = time.monotonic() + 5, set()
    while len(seen) < 2 and time.monotonic() < until:
        seen.add(round((time.time() - time.monotonic()) / 3600))
        time.sleep(EVERY / 3)
    assert len(seen) > 1, "The clock does not jump."


def _move_pythons_clock() -> None:
    from django.utils import timezone

    right, right_now = time.time, timezone.now

    def offset() -> int:
        turn = int(time.monotonic() / EVERY) + os.getpid()
        return ((turn * 2654435761 >> 8) % 3 - 1) * 3600

    def moved_now() -> datetime:
        return right_now() + timedelta(seconds=offset())

    time.time = lambda: right() + offset()
    timezone.now = moved_now
