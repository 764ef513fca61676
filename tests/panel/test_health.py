"""/readyz says whether the panel can work: its database answers. It also says when mail would wait."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.utils import InterfaceError, OperationalError
from django.test import Client
from django.utils import timezone

from smtpadmin.models import WorkerBeat


def beat(*, seconds_ago: int) -> None:
    """Let a worker have been alive so long ago."""
    then = timezone.now() - timedelta(seconds=seconds_ago)
    WorkerBeat.objects.create(name="w1", host="here", pid=1, started_at=then, beat_at=then)


@pytest.mark.django_db
def test_it_is_ready_when_the_database_answers(client: Client) -> None:
    beat(seconds_ago=50)
    response = client.get("/readyz")

    assert (response.status_code, response.content, response["Content-Type"]) == (200, b"ok\n", "text/plain")
    assert response["Cache-Control"] == "no-store"
    assert client.head("/readyz").status_code == 200
    assert client.post("/readyz").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("seconds_ago", [None, 70])
def test_a_missing_worker_is_said_and_the_panel_stays_reachable(client: Client, seconds_ago: int | None) -> None:
    if seconds_ago is not None:
        beat(seconds_ago=seconds_ago)

    response = client.get("/readyz")

    assert (response.status_code, response.content) == (200, b"ok, but no worker is alive, so mail waits\n")


@pytest.mark.django_db
def test_it_is_not_ready_without_the_tables(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO gone")

    response = client.get("/readyz")

    assert (response.status_code, response.content) == (503, b"the database does not answer\n")


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError("server closed the connection"), InterfaceError("closed")])
def test_it_is_not_ready_when_the_database_fails(client: Client, error: Exception) -> None:
    def fail(*_: Any) -> None:
        raise error

    with connection.execute_wrapper(fail):
        response = client.get("/readyz")

    assert (response.status_code, response.content) == (503, b"the database does not answer\n")
