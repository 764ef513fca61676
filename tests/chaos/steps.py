"""os._exit at every instant between claim and settle, in each way of transfer: where a message is then, exactly.

    claimed, before mark     nothing has left: queued again at once, and nobody is asked
    claimed over an open connection, which is the mark, and
    marked                   nothing has arrived, and that cannot be known: in doubt
    answered, before settle  it has arrived, and that is not recorded: in doubt
    settled                  recorded: nothing is in doubt

With PIPELINING and CHUNKING the next ones may be marked by then, and are in doubt too. In no way of transfer has
anything arrived that is neither recorded nor in doubt. The operator sends again what is in doubt, so what had arrived
of that comes twice.
"""

import os
import time
from collections import Counter

from tests.chaos.harness import DATABASES, Counts, Site, Size

RUNS_ON = DATABASES
# Faults: how often at each point, each time one occurrence later.
SMALL = Size(faults=1, messages=0)
FULL = Size(faults=25, messages=0)
SITE = {"delay": 0.0}

BATCH, MESSAGES, DIED = 6, 16, 99
#: A worker dies when it comes to the point for the first time, the second, up to this one.
TURNS = 6
MODES = {
    "one by one": {"pipelining": False, "chunking": False},
    "pipelined": {"pipelining": True, "chunking": False},
    "in chunks": {"pipelining": True, "chunking": True},
}


def run(site: Site, size: Size) -> Counts:
    from smtpadmin.delivery import Point
    from smtpadmin.models import Profile

    deaths: Counter[str] = Counter()
    for mode, switches in MODES.items():
        Profile.objects.update(batch=BATCH, **switches)
        for point in Point:
            for turn in range(size.faults):
                times = turn % TURNS + 1
                _queue(site, f"{mode}-{point}-{turn}".replace(" ", "-"))
                if _die(site, point, times):
                    deaths[point.value] += 1
                    _check(site, mode, point, times)
                _finish(site)
    for point in Point:
        if not deaths[point.value]:
            site.breaches.append(f"No worker came to the point {point.value!r}.")
    return site.count(**{f"deaths_{name}": count for name, count in deaths.items()})


def _queue(site: Site, name: str) -> None:
    from smtpadmin import outbox
    from smtpadmin.models import Profile
    from tests.support.mail import outgoing

    profile = Profile.objects.order_by("pk")[0]
    tokens = [f"{name}-{at}" for at in range(MESSAGES)]
    text = "From: notify@example.com\r\nMessage-ID: <{}>\r\nSubject: Hello\r\n\r\nHello\r\n"
    outbox.enqueue([outgoing(profile, content=text.format(token).encode()) for token in tokens])
    with (site.folder / "accepted-0").open("a", encoding="ascii") as journal:
        journal.writelines(f"{token}\n" for token in tokens)


def _die(site: Site, point: str, times: int) -> bool:
    """Let a worker die on reaching the point for the `times`-th time; False: it came to its end before."""
    worker = site.fork(_work_until, point, times)
    worker.join(60)
    if worker.exitcode not in (0, DIED):
        site.breaches.append(f"A worker that was to die at {point!r} ended with {worker.exitcode}.")
        worker.kill()
    return worker.exitcode == DIED


def _work_until(point: str, times: int) -> None:
    from smtpadmin.worker import Worker

    left = times

    def reached(here: str) -> None:
        nonlocal left
        left -= here == point
        if left == 0:
            os._exit(DIED)

    Worker(reached=reached).drain()


def _check(site: Site, mode: str, point: str, times: int) -> None:
    """Hold every message against what the table says of the point."""
    from smtpadmin import outbox
    from smtpadmin.delivery import Point
    from smtpadmin.models import Message

    # As the dead worker has left it.
    left = list(Message.objects.exclude(state="sent").values_list("pk", "message_id", "phase"))
    arrived = site.recorder.arrivals()
    open_ = {pk for pk, _, phase in left if phase == "open"}
    doubtful = {pk: arrived[token.strip("<>")] for pk, token, phase in left if phase == "data"}
    unknown = [token for _, token, phase in left if phase != "data" and arrived[token.strip("<>")]]
    Message.objects.filter(state="sending").update(lease_until=0)
    released = outbox.release()

    may_be_marked = mode != "one by one"
    match point:
        case Point.CLAIMED:
            # The first claim comes before the connection.
            right = not any(doubtful.values()) and (times > 1 or not doubtful)
        case Point.OPENED | Point.BEFORE_MARK | Point.SETTLED:
            right = not doubtful or may_be_marked
        case Point.MARKED:
            right = bool(doubtful) and (may_be_marked or not any(doubtful.values()))
        case _:
            right = any(doubtful.values())
    after = dict(Message.objects.filter(pk__in=[*open_, *doubtful]).values_list("pk", "state"))
    expected = dict.fromkeys(open_, "queued") | dict.fromkeys(doubtful, "uncertain")
    if (
        unknown
        or not right
        or (after, released)
        != (
            expected,
            outbox.Released(queued=len(open_), uncertain=len(doubtful)),
        )
    ):
        site.breaches.append(
            f"{mode}, {point} for the {times}. time: {len(open_)} open, in doubt with copies {doubtful}, "
            f"arrived and unmarked {unknown}, then {released}, {after}."
        )


def _finish(site: Site) -> None:
    """Let the operator send again what is in doubt, and wait until all is sent."""
    from smtpadmin.models import Message
    from smtpadmin.worker import deliver_due

    site.decide(all_of_it=True)
    until = time.monotonic() + 30
    while Message.objects.exclude(state="sent").exists() and time.monotonic() < until:
        deliver_due()
