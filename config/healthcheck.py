"""The container's health check: ends with 0 or 1.

Asks /readyz, by a name that the panel answers to; with `worker`, the database, whether this machine's worker beats.
"""

import os
import socket
import sys
from datetime import timedelta
from urllib.request import ProxyHandler, Request, build_opener

from config import env

# Twelve beats of a worker.
_MISSING_AFTER = timedelta(seconds=60)


def main() -> int:
    return worker() if sys.argv[1:] == ["worker"] else web()


def web() -> int:
    request = Request(f"http://127.0.0.1:{env.number('PORT', 8000)}/readyz", headers={"Host": _host()})
    # A proxy that the container is told to use is not for itself.
    direct = build_opener(ProxyHandler({}))
    try:
        with direct.open(request, timeout=5) as response:
            sys.stdout.write(response.read().decode())
    except OSError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


def worker() -> int:
    import django  # noqa: PLC0415  the other check runs every ten seconds, and needs none of it

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.db import Error  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from smtpadmin.models import WorkerBeat  # noqa: PLC0415

    try:
        since = timezone.now() - _MISSING_AFTER
        lives = WorkerBeat.objects.filter(host=socket.gethostname(), beat_at__gt=since).exists()
    except Error:
        sys.stdout.write("the database does not answer\n")
        return 1
    sys.stdout.write("ok\n" if lives else "the worker has not been alive for a minute\n")
    return int(not lives)


def _host() -> str:
    """Return a name out of ALLOWED_HOSTS, which refuses requests for any other."""
    name = env.listing("ALLOWED_HOSTS", ["localhost"])[0].removeprefix(".")
    return "localhost" if name == "*" else name


if __name__ == "__main__":
    sys.exit(main())
