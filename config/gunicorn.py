"""gunicorn's settings. The address comes from `launch`, as a socket that is open already.

Two processes, so that the panel stays up when one dies and a second core is of use; threads in each, because a test
that is being watched holds one for as long as the mail server takes, up to half a minute.
"""

from pathlib import Path
from typing import Any

from config.log import HideLinks
from smtpadmin.redaction import ScrubSecrets

wsgi_app = "config.wsgi"
worker_class = "gthread"
workers = 2
threads = 8
# Imported once, before the processes part: half the memory, and an import error is one error instead of a loop.
preload_app = True

# A test that runs when the panel is stopped may end: longer than the longest test of 30 s, of the container's grace.
graceful_timeout = 25
# Workers say here that they live. In memory where the machine has such a folder: a container's own may be read-only.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# It would be a socket below the user's home, which a container's user has not, for a tool that nobody here uses.
control_socket_disable = True

# No access log: addresses of set-up and password-reset pages are secrets.
accesslog = None
loglevel = "warning"


def on_starting(server: Any) -> None:
    """Hide in gunicorn's own log what Django's hides."""
    for handler in server.log.error_log.handlers:
        handler.addFilter(HideLinks())
        handler.addFilter(ScrubSecrets())
