"""One step of one peer, in a process of its own: `python -m benchmarks.peer NAME STEP TASK`, the task as JSON.

The steps, which the modules of `peers` have as functions:

    fill           make the tables, and put `count` messages into the queue
    drain          send what is queued
    enqueue_each   put `count` messages into the queue one by one, as an app does
    enqueue_list   put `count` messages into the queue with one call

Each measures its own part, which leaves out what is only preparation, and returns `Measured`; it is printed as a line
of JSON. CPU is that of this process and its children; that of a database server is not in it.
"""

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a peer is to do, and where."""

    count: int
    #: Django's settings for the database; None: it uses none.
    database: Mapping[str, Any] | None
    #: A folder of the run's own: lock files, keys.
    folder: str
    smtp_host: str
    smtp_port: int
    #: What is special to the peer: its batch, its processes.
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a step cost."""

    seconds: float
    cpu_seconds: float
    #: The most that this process or a child of it has held.
    peak_mb: float
    count: int
    #: The seconds of each message, where they were taken one by one.
    each: Sequence[float] = ()


def measured(act: Callable[[], int]) -> Measured:
    """Run `act`, which returns how many messages it dealt with, and return what it cost."""
    begun, cpu = time.perf_counter(), _cpu_seconds()
    count = act()
    return Measured(
        seconds=time.perf_counter() - begun, cpu_seconds=_cpu_seconds() - cpu, peak_mb=_peak_mb(), count=count
    )


def measured_each(act: Callable[[int], object], count: int) -> Measured:
    """Run `act` for each number and return what it cost, with the seconds of each."""
    each: list[float] = []

    def run() -> int:
        for number in range(count):
            begun = time.perf_counter()
            act(number)
            each.append(time.perf_counter() - begun)
        return count

    return replace(measured(run), each=each)


def _cpu_seconds() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _peak_mb() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return max(each.ru_maxrss for each in used) / unit


def main(name: str, step: str, text: str) -> None:
    task = Task(**json.loads(text))
    os.chdir(task.folder)
    peer = importlib.import_module(f"benchmarks.peers.{name}")
    peer.start(task)
    print(json.dumps(asdict(getattr(peer, step)(task))))


if __name__ == "__main__":
    main(*sys.argv[1:4])
