"""The web server: gunicorn, in this process, on the socket that `launch` has opened.

In this process, which `supervisor` has forked, and not in place of it: for the third of a second that a fresh
interpreter imports everything, Ctrl-C and `docker stop` would find nobody who answers them.

Two workers, so that the panel stays up when one dies and a second core is of use; threads in each, because a test that
is being watched holds one for as long as the mail server takes, up to half a minute.
"""

import os
import signal
import socket
from pathlib import Path
from threading import Timer
from typing import Any, NoReturn

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from config.log import HideLinks
from smtpadmin.redaction import ScrubSecrets

STOPS = {signal.SIGTERM, signal.SIGQUIT, signal.SIGINT}


def serve(listener: socket.socket) -> NoReturn:
    """Serve until a signal ends this process, with 0."""
    os.register_at_fork(before=_hold_signals, after_in_parent=_release_signals, after_in_child=_answer_at_once)
    Server(listener).run()
    raise AssertionError("gunicorn ends by itself")


class Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        super().__init__()

    def load_config(self) -> None:
        for name, value in SETTINGS.items():
            self.cfg.set(name, value)
        self.cfg.set("bind", f"fd://{self._listener.detach()}")

    def load(self) -> Any:
        # Not earlier: whitenoise looks for the static files when the application is made.
        from config.wsgi import application  # noqa: PLC0415

        return application


def on_starting(server: Any) -> None:
    """Hide in gunicorn's own log what Django's hides."""
    for handler in server.log.error_log.handlers:
        handler.addFilter(HideLinks())
        handler.addFilter(ScrubSecrets())


def _hold_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _answer_at_once() -> None:
    """Let a signal end a worker that does not listen yet.

    With the handlers that it has from its parent the signal would be lost, and the stop take all of graceful_timeout.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _release_signals()


def post_worker_init(_worker: Any) -> None:
    """Leave Ctrl-C to the parent, which passes it on as SIGQUIT.

    Whoever sends it to the whole group, as a terminal does, would give a worker both, and both handlers shut the thread
    pool down: they can meet at its lock, which is not reentrant, and the stop takes all of graceful_timeout (25 s,
    measured).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def worker_int(_worker: Any) -> None:
    """On Ctrl-C, do not make the person at the terminal wait for a mail server."""
    end = Timer(3, os._exit, args=[0])
    end.daemon = True
    end.start()


SETTINGS: dict[str, Any] = {
    "worker_class": "gthread",
    "workers": 2,
    "threads": 8,
    # Half the memory: what this process has imported is shared.
    "preload_app": True,
    # A test that runs when the panel is stopped may end, within the container's grace of 30 seconds.
    "graceful_timeout": 25,
    # Workers show here that they live. In memory where the machine has such a folder: a container's disk may be
    # read-only.
    "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
    # A socket below the user's home, which a container's user has not, for a tool that nobody uses here.
    "control_socket_disable": True,
    # No access log: the addresses of set-up and password-reset pages are secrets.
    "accesslog": None,
    "loglevel": "warning",
    "on_starting": on_starting,
    "post_worker_init": post_worker_init,
    "worker_int": worker_int,
}
