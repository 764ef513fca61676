"""`manage.py deliver`: run a worker, or with `--once` send what is due and end."""

import os
import signal
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from smtpadmin import outbox
from smtpadmin.worker import Worker


class Command(BaseCommand):
    """Sends queued mail until it is told to stop (SIGTERM, Ctrl-C)."""

    help = "Send queued mail. Any number of workers may run, on PostgreSQL on any number of machines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Send what is due now, then end.")

    def handle(self, *_args: Any, **options: Any) -> None:
        worker = Worker()
        with _stopped_by_signals(worker):
            if options["once"]:
                count = worker.drain()
                outbox.truncate_log()
                self.stdout.write(f"{count} messages dealt with.")
                return
            if not worker.run():
                # Threads that wait for a server's answer would be waited for.
                sys.stdout.flush()
                os._exit(1)


@contextmanager
def _stopped_by_signals(worker: Worker) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the worker's work in good order, for as long as the block lasts."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are then whoever's has called us
        return
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, _frame: object) -> None:
        if number == signal.SIGINT:
            # Typed a second time by somebody in a hurry: leases end by themselves. SIGTERM may come twice from a
            # service manager, which sends it to a whole group of processes.
            signal.signal(signal.SIGINT, _now)
        worker.stop()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _now(_signal: int, _frame: object) -> NoReturn:
    os._exit(1)
