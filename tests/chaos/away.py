"""PostgreSQL away for a while: workers wait, callers are told at once, and all goes on by itself when it is back."""

import time

from tests.chaos.harness import Counts, Site, Size

RUNS_ON = ("postgresql",)
SMALL = Size(faults=1, messages=30, seconds=2)
FULL = Size(faults=3, messages=100, seconds=35)

WORKERS, CLIENTS = 2, 2
#: A page that queues mail must not hang.
ANSWERED_WITHIN = 3.0


def run(site: Site, size: Size) -> Counts:
    from django.db import connections

    assert site.postgresql is not None
    for _ in range(WORKERS):
        site.add_worker()
    for _ in range(CLIENTS):
        site.add_client()
    times = 0
    while site.goes_on(times, size):
        # Twice within a lease is once for longer than a lease.
        time.sleep(site.rng.uniform(3, 5) if times else 0.5)
        site.until_something_may_have_left()
        connections.close_all()
        site.postgresql.stop()
        time.sleep(size.seconds)
        site.postgresql.start()
        times += 1
        before = site.recorder.count()
        site.wait_for(lambda before=before: site.recorder.count() > before, "Nothing was sent with PostgreSQL back.")
    site.settle_down()
    refusals = site.refusals()
    if not refusals or max(refusals) > ANSWERED_WITHIN:
        site.breaches.append(f"Callers were told after {max(refusals, default=0):.1f} s; there were {len(refusals)}.")
    return site.count(one_copy_each=True, times_away=times, refusals=len(refusals))
