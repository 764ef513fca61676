"""A worker in a process of its own, on the test's database, that can be stopped, frozen and killed.

Run as a module: `python -m tests.support.worker_process '{"lease": 1.0}'`.
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


def main(*, lease: float = 60, dwell: float = 0) -> None:
    """Work with leases of `lease` seconds until SIGTERM.

    `dwell` seconds are spent after each answer of the server, where being frozen is worst.
    """
    import django

    django.setup()
    from smtpadmin import worker as module
    from smtpadmin.outbox import clock

    clock.LEASE_SECONDS = lease
    module._SWEEP, module._POLL = lease / 3, 0.05

    def reached(point: str) -> None:
        if dwell and point == "answered":
            time.sleep(dwell)

    worker = module.Worker(reached=reached)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: worker.stop())
    os._exit(0 if worker.run() else 1)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
