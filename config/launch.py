"""`make run` and the container's command: from an empty folder to a panel that serves.

Whatever a person can mend ends in one line and a non-zero exit. The steps that need Django are in `preparation`, the
web server is in `server`, and `supervisor` runs it together with the worker.
"""

import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections

from config import env, keys
from config.errors import CannotStart
from config.supervisor import Child, Supervisor
from panel.address import panel_address


def main() -> NoReturn:
    # Database and keys are for the owner alone, also in a folder that others may enter.
    os.umask(0o077)
    # A container's first process ignores every signal that it has no handler for.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    try:
        _run()
    except (CannotStart, ImproperlyConfigured) as error:
        sys.exit(f"smtpadmin cannot start. {error}")


def _run() -> NoReturn:
    _make_folder(env.data_dir())
    if not env.secret("SECRET_KEY"):
        keys.make(env.data_dir() / "secret_key", keys.new_secret_key())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    listener = _listen(settings.HOST, settings.PORT)

    # These import models, which cannot be done before now.
    from config import preparation, server  # noqa: PLC0415
    from smtpadmin.worker import GRACE  # noqa: PLC0415

    preparation.run()
    host, port = listener.getsockname()[:2]
    preparation.announce(panel_address(host=host, port=port))
    # Both children are forked off, and a database connection cannot be shared.
    connections.close_all()
    supervisor = Supervisor(patience=GRACE + 5)
    # Ctrl-C does not make the person at the terminal wait for a request that hangs: see `server.worker_int`.
    supervisor.add(Child(name="web server", run=lambda: server.serve(listener), typed=signal.SIGINT))
    # Theirs alone: with the server gone, nobody is to wait in a queue that nobody serves.
    listener.close()
    if settings.WORKER:
        supervisor.add(Child(name="worker", run=lambda: call_command("deliver"), restarts=True))
    sys.exit(supervisor.watch())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotStart(
            f"The data folder {folder} cannot be written: {error.strerror}. Another can be named in SMTPADMIN_DATA_DIR."
        ) from None


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else is done. Who connects early waits until gunicorn accepts."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    # Without it the port stays taken for a minute after a stop, by connections that are closing.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        raise CannotStart(
            f"Port {port} of {host} cannot be had: {error.strerror}. Others can be chosen with PORT and HOST."
        ) from None
    return listener


def _leave(_signal: int, _frame: object) -> NoReturn:
    """End at once; nothing here is left half-done by that.

    Not by sys.exit: the signal may come while a finaliser runs, which swallows exceptions (measured: the panel stayed).
    """
    os._exit(0)


if __name__ == "__main__":
    main()
