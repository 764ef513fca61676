"""The parent of web server and worker: starts both, watches them, and ends them together.

Each is a child that is forked from this process when all is prepared, so nothing is imported twice. The parent itself
only waits: for a child that ends, for a signal, for the time of a restart. It takes signals one by one and is never
interrupted by them, so none is lost while a child is being started.

What the children do is theirs; how they end on SIGTERM too.
"""

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

logger = logging.getLogger("config.supervisor")

_STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}
# What a person at a terminal types; they are in more of a hurry than whoever stops a service.
_TYPED = {signal.SIGINT, signal.SIGQUIT}
_AWAITED = _STOPS | {signal.SIGCHLD, signal.SIGALRM}

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
# Whoever has lived for so long starts anew without a past.
_HEALTHY = 60.0

# From linux/prctl.h.
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True, kw_only=True)
class Child:
    """A process to run, and how it is doing."""

    name: str
    run: Callable[[], object]
    #: Started again when it ends by itself; else its end is the end of all.
    restarts: bool = False
    #: What ends it when somebody types Ctrl-C; everybody else sends SIGTERM.
    typed: signal.Signals = signal.SIGTERM
    pid: int = 0
    started_at: float = 0.0
    failures: int = 0
    due_at: float = 0.0


class Supervisor:
    """Start children with `add`, then `watch` them."""

    def __init__(self, *, patience: float) -> None:
        """`patience`: the seconds that children get to end; the one that needs longest should manage with less."""
        self._patience = patience
        self._children: list[Child] = []
        self._is_stopping = False
        self._kill_at = 0.0
        self._code = 0
        signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
        # Some systems keep no signal that would be ignored anyway, even where it is blocked.
        signal.signal(signal.SIGCHLD, _keep)

    def add(self, child: Child) -> None:
        self._children.append(child)
        self._start(child)

    def watch(self) -> int:
        """Wait until every child has ended; return the exit code of the whole."""
        while self._is_needed():
            self._set_alarm()
            got = signal.Signals(signal.sigwait(_AWAITED))
            if got in _STOPS:
                self._stop(got)
            self._reap()
            self._look_at_the_clock()
        return self._code

    def _is_needed(self) -> bool:
        return any(child.pid or child.due_at for child in self._children)

    def _start(self, child: Child) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        child.started_at, child.due_at = time.monotonic(), 0.0
        child.pid = os.fork()
        if not child.pid:
            _become(child, parent)
        # Here too: whichever of the two comes first, the group is there when it is needed.
        with suppress(OSError):
            os.setpgid(child.pid, child.pid)

    def _stop(self, why: signal.Signals) -> None:
        """Ask every child to end; whoever types it a second time gets it at once."""
        if self._is_stopping:
            if why in _TYPED:
                self._kill()
            return
        if why in _TYPED:
            sys.stdout.write("Stopping. Ctrl-C again ends it at once.\n")
            sys.stdout.flush()
        self._is_stopping, self._kill_at = True, time.monotonic() + self._patience
        for child in self._children:
            child.due_at = 0.0
            if child.pid:
                os.kill(child.pid, child.typed if why in _TYPED else signal.SIGTERM)

    def _kill(self) -> None:
        """End what is left, and what it has started, at once."""
        self._code, self._kill_at = 1, 0.0
        for child in self._children:
            if child.pid:
                _signal_group(child.pid, signal.SIGKILL)

    def _reap(self) -> None:
        """Take note of every process that has ended; as a container's first one, this one gets strangers' too."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                for child in self._children:
                    if child.pid == pid:
                        child.pid = 0
                        self._ended(child, pid, os.waitstatus_to_exitcode(status))

    def _ended(self, child: Child, pid: int, code: int) -> None:
        how = f"signal {-code}" if code < 0 else f"code {code}"
        if self._is_stopping:
            self._code = self._code or int(code != 0)
        elif child.restarts:
            now = time.monotonic()
            child.failures = 1 if now - child.started_at > _HEALTHY else child.failures + 1
            pause = min(_FIRST_PAUSE * 2 ** (child.failures - 1), _LONGEST_PAUSE)
            child.due_at = now + pause
            logger.error("The %s has ended (%s); it is started again in %d s.", child.name, how, pause)
        else:
            logger.error("The %s has ended (%s), so everything ends.", child.name, how)
            self._code = 1
            _signal_group(pid, signal.SIGTERM)
            self._stop(signal.SIGTERM)

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        if self._kill_at and now >= self._kill_at:
            logger.error("Not everything has ended within %d s; the rest is killed.", self._patience)
            self._kill()
        for child in self._children:
            if child.due_at and now >= child.due_at:
                self._start(child)

    def _set_alarm(self) -> None:
        times = [due for due in (self._kill_at, *(child.due_at for child in self._children)) if due]
        # Zero would be no alarm at all.
        signal.setitimer(signal.ITIMER_REAL, max(0.01, min(times) - time.monotonic()) if times else 0)


def _become(child: Child, parent: int) -> NoReturn:
    """Be the child, in a process group of its own: Ctrl-C reaches the parent alone, which says what it means."""
    own = os.getpid()
    code = 1
    try:
        os.setpgid(0, 0)
        _end_with(parent)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # What was sent meanwhile comes now, to the handlers that the parent had before.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
        child.run()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        raise
    except Exception:
        logger.exception("The %s has failed.", child.name)
    finally:
        # Not by the end of the interpreter: what the parent has prepared is not ours to take down. Processes that the
        # child has forked come by here too, and end in their own way.
        if os.getpid() == own:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    raise AssertionError("A process that the child has forked did not end by itself.")


def _end_with(parent: int) -> None:
    """Let the kernel send SIGTERM when the parent is gone, even killed. Linux only; elsewhere a terminal has to."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _keep(_signal: int, _frame: object) -> None:
    """Do nothing: the signal is taken by sigwait."""
