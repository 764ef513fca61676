"""The health check of containers and proxies: answers 200 when the database does and has the panel's tables.

A missing worker is said in the answer and leaves it at 200: mail waits then, and the panel has to stay reachable to
show that. A proxy that took it away would hide the cause. The worker's own service has a check of its own.
"""

from datetime import timedelta

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from smtpadmin.worker import last_beat

# Twelve beats.
_MISSING_AFTER = timedelta(seconds=60)


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Read a row: SQLite answers SELECT 1 without a look at its file."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
            cursor.fetchone()
        beat = last_beat()
    except Error:
        return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")
    if beat is None or timezone.now() - beat > _MISSING_AFTER:
        return HttpResponse("ok, but no worker is alive, so mail waits\n", content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")
