"""The parent of web server and worker, with children that do nothing but answer signals in their own way."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.config.conftest import ROOT, Started, follow
from tests.support.processes import wait_until

PARENT = """
import logging, os, signal, sys, time
from config.supervisor import Child, Supervisor

logging.basicConfig(format="%(message)s")

def say(word):
    os.write(1, f"{word} {os.getpid()}\\n".encode())

def answer(name, *, stays):
    # What its parent has asked for while it was being started must not be lost.
    def act(number, frame):
        say(f"{name}-got-{signal.Signals(number).name}")
        if not stays:
            time.sleep(0.5)
            os._exit(0)
    return act

def sleeper(name, *, stays=False):
    def run():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, answer(name, stays=stays))
        say(name)
        while True:
            time.sleep(60)
    return run

def failing():
    say("failing")
    raise LookupError("a bug")

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
supervisor = Supervisor(patience={patience})
supervisor.add(Child(name="web server", run={web}, typed=signal.SIGINT))
supervisor.add(Child(name="worker", run={worker}, restarts=True))
sys.exit(supervisor.watch())
"""

Run = Callable[..., Started]


@pytest.fixture
def run() -> Iterator[Run]:
    started: list[Started] = []

    def start(*, web: str = "sleeper('web')", worker: str = "sleeper('worker')", patience: float = 10) -> Started:
        code = PARENT.replace("{web}", web).replace("{worker}", worker).replace("{patience}", str(patience))
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        started.append(follow(process))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.wait()


def said(panel: Started, word: str, *, times: int = 1) -> int:
    """Wait until a child has said `word` so often; return the process that said it last."""
    assert wait_until(lambda: _pids(panel, word)[times - 1 :] != [], seconds=20), panel.output
    return _pids(panel, word)[-1]


def _pids(panel: Started, word: str) -> list[int]:
    return [int(line.split()[1]) for line in panel.output.splitlines() if line.startswith(f"{word} ")]


def lives(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_both_at_the_same_time(run: Run, stop_signal: signal.Signals) -> None:
    panel = run()
    pids = said(panel, "web"), said(panel, "worker")
    begun = monotonic()
    assert panel.stop(stop_signal) == 0
    # Each takes half a second.
    assert monotonic() - begun < 1.0 + 1.0
    assert [lives(pid) for pid in pids] == [False, False]
    assert (said(panel, "web-got-SIGTERM"), said(panel, "worker-got-SIGTERM")) == pids


def test_ctrl_c_reaches_the_parent_alone_which_says_what_it_means(run: Run) -> None:
    panel = run()
    pids = said(panel, "web"), said(panel, "worker")
    os.killpg(panel.process.pid, signal.SIGINT)
    assert panel.wait() == 0
    assert (said(panel, "web-got-SIGINT"), said(panel, "worker-got-SIGTERM")) == pids
    assert "Stopping. Ctrl-C again ends it at once." in panel.output


def test_a_second_ctrl_c_ends_what_is_left(run: Run) -> None:
    panel = run(worker="sleeper('worker', stays=True)")
    worker = said(panel, "worker")
    panel.process.send_signal(signal.SIGINT)
    said(panel, "worker-got-SIGTERM")
    begun = monotonic()
    assert panel.stop(signal.SIGINT) == 1
    assert monotonic() - begun < 2
    assert not lives(worker)


def test_a_repeated_sigterm_is_no_hurry(run: Run) -> None:
    panel = run()
    said(panel, "worker")
    panel.process.send_signal(signal.SIGTERM)
    said(panel, "worker-got-SIGTERM")
    assert panel.stop(signal.SIGTERM) == 0


def test_who_does_not_end_in_time_is_killed(run: Run) -> None:
    panel = run(worker="sleeper('worker', stays=True)", patience=1)
    worker = said(panel, "worker")
    assert panel.stop() == 1
    assert not lives(worker)
    assert panel.output.count("Not everything has ended within 1 s; the rest is killed.") == 1


def test_a_stop_that_comes_while_children_start_is_not_lost(run: Run) -> None:
    # Python itself takes some hundredths of a second to start; the tries cover the forks after it.
    for wait in (0.02, 0.05, 0.08, 0.12, 0.2):
        panel = run()
        wait_until(lambda: False, seconds=wait)
        code = panel.stop()
        assert code in (0, -signal.SIGTERM), panel.output


def test_a_worker_that_keeps_dying_is_started_after_longer_and_longer_pauses(run: Run) -> None:
    begun = monotonic()
    panel = run(worker="failing")
    said(panel, "failing", times=3)
    assert monotonic() - begun > 2.9
    # Its third end is noticed a moment after its last word.
    assert wait_until(lambda: panel.output.count("started again") == 3, seconds=20)
    assert panel.stop() == 0
    assert panel.output.count("LookupError: a bug") == 3
    assert [line for line in panel.output.splitlines() if "started again" in line] == [
        "The worker has ended (code 1); it is started again in 1 s.",
        "The worker has ended (code 1); it is started again in 2 s.",
        "The worker has ended (code 1); it is started again in 4 s.",
    ]


def test_the_end_of_the_web_server_is_the_end_of_all(run: Run) -> None:
    panel = run()
    worker = said(panel, "worker")
    os.kill(said(panel, "web"), signal.SIGKILL)
    assert panel.wait() == 1
    assert said(panel, "worker-got-SIGTERM") == worker
    assert "The web server has ended (signal 9), so everything ends." in panel.output


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the children")
def test_a_killed_parent_leaves_nobody_behind(run: Run) -> None:
    panel = run()
    pids = said(panel, "web"), said(panel, "worker")
    panel.process.kill()
    assert wait_until(lambda: not any(lives(pid) for pid in pids), seconds=10)
    panel.wait()
