"""kill -9 of random workers, and of clients while they queue: as when memory runs out, or somebody pulls a plug."""

import time

from tests.chaos.harness import DATABASES, Counts, Site, Size

RUNS_ON = DATABASES
SMALL = Size(faults=12, messages=80)
FULL = Size(faults=500, messages=5_000)

WORKERS, CLIENTS = 3, 2


def run(site: Site, size: Size) -> Counts:
    site.lease = 1.5
    for _ in range(WORKERS):
        site.add_worker()
    for _ in range(CLIENTS):
        site.add_client()
    kills = client_kills = 0
    while site.goes_on(kills, size):
        time.sleep(site.rng.uniform(0.05, 0.3))
        site.replace(site.workers, site.add_worker)
        kills += 1
        if kills % 5 == 0:
            site.replace(site.clients, site.add_client)
            client_kills += 1
        site.decide()
    site.settle_down()
    return site.count(kills=kills, client_kills=client_kills)
