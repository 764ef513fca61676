"""SIGSTOP for longer than a lease: a machine that sleeps, a container that is paused. By then what it
held is another's.

The worker that wakes must not send what it had not marked, and must not overwrite what others have recorded.
"""

import os
import signal
import time

from tests.chaos.harness import DATABASES, Counts, Site, Size

RUNS_ON = DATABASES
SMALL = Size(faults=4, messages=50)
FULL = Size(faults=200, messages=2_000)

WORKERS = 3


def run(site: Site, size: Size) -> Counts:
    site.lease = 0.8
    for _ in range(WORKERS):
        site.add_worker()
    site.add_client()
    freezes = 0
    while site.goes_on(freezes, size):
        time.sleep(site.rng.uniform(0.05, 0.4))
        frozen = site.rng.choice(site.workers)
        assert frozen.pid is not None
        os.kill(frozen.pid, signal.SIGSTOP)
        time.sleep(site.lease * 1.7)
        os.kill(frozen.pid, signal.SIGCONT)
        freezes += 1
        site.decide()
    site.settle_down()
    return site.count(freezes=freezes)
