"""SIGTERM to one worker after the other under load, as every deployment does it: nothing may come twice by that."""

import time

from tests.chaos.harness import DATABASES, Counts, Site, Size

RUNS_ON = DATABASES
SMALL = Size(faults=6, messages=50)
FULL = Size(faults=200, messages=2_000)
# Slow enough that every worker has a message under way when it is told to stop.
SITE = {"delay": 0.1}

WORKERS = 3
#: A container's grace is 10 s by default; answers come after a tenth of a second here.
GRACE = 10.0


def run(site: Site, size: Size) -> Counts:
    for _ in range(WORKERS):
        site.add_worker()
    site.add_client()
    stops, longest = 0, 0.0
    while site.goes_on(stops, size):
        time.sleep(site.rng.uniform(0.05, 0.5))
        site.add_worker()
        leaving = site.workers[site.rng.randrange(WORKERS)]
        site.until_up(leaving)
        longest = max(longest, site.stop_worker(leaving, within=GRACE))
        stops += 1
        if left := site.held_by(leaving):
            site.breaches.append(f"A worker that was told to stop has left {len(left)} messages behind.")
    site.settle_down()
    return site.count(one_copy_each=True, stops=stops, milliseconds_for_the_slowest=round(longest * 1000))
