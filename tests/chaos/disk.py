"""A disk that fills up to the last byte while mail is sent, and is freed again.

Sending has to stop before: on a full disk nothing can be recorded. What was under way is recorded by then, callers are
refused, and all goes on by itself when there is room.
"""

import contextlib
import os
import time
from pathlib import Path

from tests.chaos.harness import Counts, Site, Size

RUNS_ON = ("sqlite",)
SMALL = Size(faults=1, messages=40)
FULL = Size(faults=20, messages=1_000)
# Slow answers leave mail waiting while the disk fills.
SITE = {"disk": 48_000_000, "delay": 0.1}

WORKERS = 2
#: How much another program writes at once, and how often: some fifty megabytes per second.
STEP, PAUSE = 512 * 1024, 0.01
#: So many wait when it begins.
WAITING = 60


def run(site: Site, size: Size) -> Counts:
    from django.db import connection

    from smtpadmin.outbox import space

    # On a disk of gigabytes these are 64 and 32 MB.
    space.ACCEPT_FLOOR, space.SEND_FLOOR = 16_000_000, 10_000_000
    for _ in range(WORKERS):
        site.add_worker()
    site.add_client()
    ballast = site.disk / "ballast"
    fillings = 0
    while site.goes_on(fillings, size):
        site.wait_for(lambda: _count("queued") >= WAITING, "No mail waits.")
        _fill(site, ballast, floor=space.SEND_FLOOR)
        site.wait_for(lambda: not _count("sending"), "Something is still under way below the floor.")
        if not _count("queued"):
            site.breaches.append("Everything was sent before the disk was full.")
        _fill(site, ballast, floor=0)
        before = site.recorder.count()
        _be_refused(site)
        time.sleep(0.5)
        if site.recorder.count() != before:
            site.breaches.append("Something was sent on a full disk.")
        ballast.unlink()
        fillings += 1
        site.wait_for(lambda before=before: site.recorder.count() > before, "Nothing was sent with room again.")
    site.settle_down()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        if (answer := cursor.fetchall()) != [("ok",)]:
            site.breaches.append(f"integrity_check: {answer[0]}")
    return site.count(one_copy_each=True, fillings=fillings, refusals=len(site.refusals()))


def _fill(site: Site, ballast: Path, *, floor: int) -> None:
    """Write until less than `floor` is free, or until nothing more can be written."""
    block = b"x" * STEP
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while (left := os.statvfs(site.disk)).f_bavail * left.f_frsize >= floor:
            if not file.write(block):
                break
            time.sleep(PAUSE if floor else 0)


def _be_refused(site: Site) -> None:
    from smtpadmin import outbox
    from smtpadmin.exceptions import OutboxFull
    from tests.support.mail import outgoing

    try:
        outbox.enqueue([outgoing(site.profiles[0])])
    except OutboxFull:
        return
    site.breaches.append("A message was accepted on a full disk.")


def _count(state: str) -> int:
    from smtpadmin.models import Message

    return Message.objects.filter(state=state).count()
