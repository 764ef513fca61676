"""smtpadmin: the panel's own settings, a profile for the server, and what `manage.py deliver` does."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import django

from benchmarks import rows, workload
from benchmarks.peer import Measured, Task, measured, measured_each

_ROOT = Path(__file__).resolve().parents[2]
# An app's list is one call; this many are in one here.
_LIST = 1000
_LOOK = 0.005


def start(task: Task) -> None:
    from cryptography.fernet import Fernet

    keys = Path(task.folder, "keys")
    if not keys.exists():
        keys.write_text(Fernet.generate_key().decode())
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SMTPADMIN_DATA_DIR": task.folder,
        "SECRET_KEY": "benchmark",
        "SMTPADMIN_KEYS": keys.read_text(),
        "DATABASE_URL": _url(task.database or {}),
        "LOG_LEVEL": "WARNING",
    }
    sys.path.insert(0, str(_ROOT))
    django.setup()


def _url(database: Any) -> str:
    if database["ENGINE"].endswith("sqlite3"):
        return f"sqlite:///{database['NAME']}"
    return "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format_map(database)


def fill(task: Task) -> Measured:
    from django.core.management import call_command

    from smtpadmin import outbox
    from smtpadmin.models import Lane

    call_command("migrate", verbosity=0)
    profiles = _make_profiles(task)
    for at, profile in enumerate(profiles):
        share = range(at, task.count, len(profiles))
        ready = _ready(profile, share, short=task.options.get("short", False), lane=Lane.BULK)
        for begin in range(0, len(share), _LIST):
            outbox.enqueue(ready[begin : begin + _LIST])
    for state, count in task.options.get("rows", {}).items():
        rows.add(profiles[0], state, count)
    _analyse()
    return measured(lambda: task.count)


def drain(task: Task) -> Measured:
    """Be one worker; with `start_at`, from that instant on, so that several begin together."""
    from smtpadmin.worker import deliver_due

    time.sleep(max(0.0, task.options.get("start_at", 0) - time.time()))
    return measured(deliver_due)


def drain_some(task: Task) -> Measured:
    """Do what a worker does until `count` messages are gone, or a few more, and leave the others."""
    from smtpadmin import outbox
    from smtpadmin.courier import Courier
    from smtpadmin.delivery import deliver_batch

    profile = _profile()

    def send() -> int:
        done = 0
        with Courier(profile) as courier:
            while done < task.count and (claim := outbox.claim(profile, worker="benchmark")):
                done += deliver_batch(claim, courier).settled
        return done

    return measured(send)


def enqueue_each(task: Task) -> Measured:
    """Through Django's mail API: what composing costs is in it."""
    made = _messages(range(task.count))
    return measured_each(lambda number: _send([made[number]]), task.count)


def enqueue_list(task: Task) -> Measured:
    made = _messages(range(task.count))
    return measured(lambda: _send(made))


def accept_each(task: Task) -> Measured:
    """Messages that are bytes already: what the outbox itself costs."""
    from smtpadmin import outbox

    ready = _ready(_profile(), range(task.count))
    return measured_each(lambda number: outbox.enqueue([ready[number]]), task.count)


def accept_list(task: Task) -> Measured:
    from smtpadmin import outbox

    ready = _ready(_profile(), range(task.count))
    return measured(lambda: len(outbox.enqueue(ready)))


def work(task: Task) -> Measured:
    """Be a worker until standard input ends."""
    del task
    from smtpadmin.worker import Worker

    worker = Worker()

    def run() -> int:
        worker.run()
        return 0

    _when_input_ends(worker.stop)
    return measured(run)


def urgent(task: Task) -> Measured:
    """Take the time from accepting an urgent message to the record that it was sent, beside a busy worker."""
    command = [sys.executable, "-m", "benchmarks.peer", "ours", "work", json.dumps(asdict(task))]
    worker = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        _wait_until(_is_sent, seconds=60)
        return measured_each(_send_urgently, task.options["urgent"])
    finally:
        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait(60)


def _send_urgently(number: int) -> None:
    """Send one and wait until it is gone."""
    from smtpadmin.models import Message

    last = Message.objects.filter(lane=0).order_by("id").values_list("id", flat=True).last() or 0
    _send(_messages([number], short=True), lane="urgent")
    _wait_until(lambda: _is_sent(lane=0, id__gt=last), seconds=60)


def _is_sent(**which: Any) -> bool:
    from smtpadmin.models import Message

    return Message.objects.filter(state="sent", **which).exists()


def _wait_until(is_true: Callable[[], bool], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > until:
            raise TimeoutError("It did not happen in time.")
        time.sleep(_LOOK)


def _when_input_ends(act: Callable[[], None]) -> None:
    def wait() -> None:
        sys.stdin.read()
        act()

    threading.Thread(target=wait, daemon=True).start()


def _make_profiles(task: Task) -> list[Any]:
    from smtpadmin.models import Profile

    options = {name: task.options[name] for name in ("batch", "pipelining", "chunking") if name in task.options}
    return [
        Profile.objects.create(
            slug=f"profile-{number}",
            name=f"Profile {number}",
            host=task.smtp_host,
            port=task.smtp_port,
            security="none",
            from_address=workload.SENDER,
            is_default=number == 0,
            **options,
        )
        for number in range(task.options.get("profiles", 1))
    ]


def _messages(numbers: Sequence[int], *, short: bool = False) -> list[Any]:
    from benchmarks.peers import common

    messages = [common.message(number) for number in numbers]
    if short:
        for message in messages:
            message.body, message.alternatives = workload.SHORT, []
    return messages


def _send(messages: Sequence[Any], *, lane: str | None = None) -> int:
    from smtpadmin.backend import EmailBackend

    return EmailBackend(lane=lane).send_messages(messages)


def _ready(profile: Any, numbers: Sequence[int], *, short: bool = False, **fields: Any) -> list[Any]:
    """Return messages as they are handed to the outbox; all are the first one with another recipient."""
    from smtpadmin import outbox
    from smtpadmin.compose import compose
    from smtpadmin.smtp import Envelope

    (first,) = _messages([0], short=short)
    content = compose(first, profile).content
    return [
        outbox.Outgoing(
            profile=profile,
            envelope=Envelope(
                workload.SENDER,
                (workload.recipient(number),),
                content.replace(workload.recipient(0).encode(), workload.recipient(number).encode()),
            ),
            **fields,
        )
        for number in numbers
    ]


def _profile() -> Any:
    from smtpadmin.models import Profile

    return Profile.objects.get(is_default=True)


def _analyse() -> None:
    """Let PostgreSQL count its rows, which it does by itself within a minute."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
