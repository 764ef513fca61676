"""Two workers on machines of their own, one of which loses the database, or the mail server too, in a batch's middle.

Each worker has a network namespace, with one line to the database and one to the mail server. A worker without the
first goes on sending what it had marked, and cannot record it; the other takes over what it held. What the first one
has to say when the line is back comes too late, and changes nothing.
"""

import os
import time
from multiprocessing.context import ForkProcess

from tests.chaos import machine
from tests.chaos.harness import Counts, Site, Size

RUNS_ON = ("postgresql",)
SMALL = Size(faults=1, messages=30)
FULL = Size(faults=40, messages=1_000)

#: A worker's own grace, and what the supervisor and containers add to it at least.
STOPPED_WITHIN = 30.0
# The addresses of the servers, and what those of the two machines begin with.
LINES = {"database": "10.77.0.", "mail": "10.78.0."}
SITE = {"delay": 0.05, "hosts": (LINES["database"] + "1", LINES["mail"] + "1")}


def run(site: Site, size: Size) -> Counts:
    site.lease = 2.0
    workers = {number: _add_machine(site, number) for number in (2, 3)}
    site.add_client()
    cuts = 0
    while site.goes_on(cuts, size):
        number, worker = site.rng.choice(list(workers.items()))
        lines = site.rng.choice((["database"], ["database", "mail"]))
        site.wait_for(lambda held=worker: site.held_by(held, phase="data"), "The worker has marked nothing.")
        taken = site.held_by(worker)
        for line in lines:
            machine.ip("link", "set", f"{line}{number}", "down")
        cuts += 1
        site.wait_for(lambda held=worker: not site.held_by(held), "Nobody has taken over what the worker held.")
        time.sleep(site.rng.uniform(0, 1))
        in_doubt = _in_doubt(taken)
        for line in lines:
            _connect(line, number)
        site.wait_for(lambda held=worker: site.held_by(held), "The worker has not come back.")
        if changed := in_doubt - _in_doubt(taken):
            site.breaches.append(f"Late results have changed the state of {len(changed)} messages.")
        site.decide()
    if site.full:
        _stop_in_the_dark(site, *site.rng.choice(list(workers.items())))
    site.settle_down()
    return site.count(cuts=cuts)


def _stop_in_the_dark(site: Site, number: int, worker: ForkProcess) -> None:
    """Tell a worker to stop that cannot record what it has sent: it ends in time all the same."""
    site.wait_for(lambda: site.held_by(worker, phase="data"), "The worker has marked nothing.")
    for line in LINES:
        machine.ip("link", "set", f"{line}{number}", "down")
    site.stop_worker(worker, within=STOPPED_WITHIN, codes=(0, 1))


def _add_machine(site: Site, number: int) -> ForkProcess:
    """Start a worker in a network of its own, with a line to each server."""
    moved_out, connected = os.pipe(), os.pipe()

    def move_out() -> None:
        machine.own_network()
        os.write(moved_out[1], b".")
        os.read(connected[0], 1)

    worker = site.add_worker(prepare=move_out)
    assert worker.pid is not None
    os.read(moved_out[0], 1)
    for line, network in LINES.items():
        here = f"{line}{number}"
        machine.ip("link", "add", here, "type", "veth", "peer", "name", line, "netns", str(worker.pid))
        for words in (
            f"address add {network}{number}/32 dev {line}",
            f"link set {line} up",
            f"route add {network}1/32 dev {line} src {network}{number}",
        ):
            machine.ip_of(worker.pid, *words.split())
        _connect(line, number)
    os.write(connected[1], b".")
    return worker


def _connect(line: str, number: int) -> None:
    """Put a machine's line up; the way to the machine goes with it whenever it is put down."""
    machine.ip("link", "set", f"{line}{number}", "up")
    network = LINES[line]
    machine.ip("route", "add", f"{network}{number}/32", "dev", f"{line}{number}", "src", f"{network}1")


def _in_doubt(ids: set[int]) -> set[int]:
    from smtpadmin.models import Message

    return set(Message.objects.filter(pk__in=ids, state="uncertain").values_list("pk", flat=True))
