"""`manage.py deliver`: run a worker, or with `--once` send what is due and end."""

import os
import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from smtpadmin.worker import Worker, deliver_due


class Command(BaseCommand):
    """Sends queued mail until it is told to stop (SIGTERM, Ctrl-C)."""

    help = "Send queued mail. Any number of workers may run, on PostgreSQL on any number of machines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Send what is due now, then end.")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["once"]:
            count = deliver_due()
            self.stdout.write(f"{count} messages dealt with.")
            return
        worker = Worker()

        def stop(_signal: int, _frame: object) -> None:
            # The second time somebody is in a hurry: leases end by themselves.
            signal.signal(signal.SIGTERM, _now)
            signal.signal(signal.SIGINT, _now)
            worker.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        clean = worker.run()
        if not clean:
            # Threads that wait for a server's answer would be waited for.
            sys.stdout.flush()
            os._exit(1)


def _now(_signal: int, _frame: object) -> None:
    os._exit(1)
