"""Immediate restarts of PostgreSQL, as after a power cut: every transaction and every connection is lost.

A result that cannot be written is kept and written when the server is back, within the lease: nothing comes twice.
"""

import time

from tests.chaos.harness import Counts, Site, Size

RUNS_ON = ("postgresql",)
SMALL = Size(faults=3, messages=50)
FULL = Size(faults=100, messages=2_000)

WORKERS, CLIENTS = 3, 2


def run(site: Site, size: Size) -> Counts:
    from django.db import connections

    assert site.postgresql is not None
    # A claim whose COMMIT had no answer is nobody's until its lease ends; the server is away for a fraction of that.
    site.lease = 8.0
    for _ in range(WORKERS):
        site.add_worker()
    for _ in range(CLIENTS):
        site.add_client()
    restarts = 0
    while site.goes_on(restarts, size):
        time.sleep(site.rng.uniform(0.1, 0.5))
        site.until_something_may_have_left()
        connections.close_all()
        site.postgresql.stop()
        site.postgresql.start()
        restarts += 1
    site.settle_down()
    return site.count(one_copy_each=True, restarts=restarts)
