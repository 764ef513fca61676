"""The health check of containers and proxies: answers 200 when the database does and has the panel's tables."""

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Read a row: SQLite answers SELECT 1 without a look at its file."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
            cursor.fetchone()
    except Error:
        return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")
