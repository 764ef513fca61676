"""A worker in a process of its own, on the test's database, that can be killed or dies where it is told to.

Run as a module: `python -m tests.support.worker_process '{"lease": 1.0, "die_at": "marked", "times": 2}'`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent.parent
DIED = 99


def start(**options: Any) -> subprocess.Popen[bytes]:
    """Start a worker process on the database of the test. `options` are those of `main`."""
    from django.conf import settings
    from django.db import connection

    values = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{values['NAME']}"
    else:
        password = quote(values["PASSWORD"])
        url = f"postgresql://{values['USER']}:{password}@{values['HOST']}:{values['PORT']}/{values['NAME']}"
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "SMTPADMIN_KEYS": " ".join(settings.SMTPADMIN["KEYS"]),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "tests.support.worker_process", json.dumps(options)]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


@contextmanager
def ended(*workers: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill the workers at the end of the block, if they still live."""
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def main(*, lease: float = 60, die_at: str = "", times: int = 1, drain: bool = False, dwell: float = 0) -> None:
    """Work with leases of `lease` seconds; die on reaching the point `die_at` for the `times`-th time.

    `dwell` seconds are spent after each answer of the server, where being killed is worst.
    """
    import django

    django.setup()
    from smtpadmin import worker as module
    from smtpadmin.outbox import clock

    clock.LEASE_SECONDS = lease
    module._SWEEP, module._POLL = lease / 3, 0.05
    left = times

    def reached(point: str) -> None:
        nonlocal left
        if dwell and point == "answered":
            time.sleep(dwell)
        if point == die_at:
            left -= 1
            if left == 0:
                os._exit(DIED)

    worker = module.Worker(reached=reached)
    if drain:
        worker.drain()
        return
    signal.signal(signal.SIGTERM, lambda _signal, _frame: worker.stop())
    os._exit(0 if worker.run() else 1)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
