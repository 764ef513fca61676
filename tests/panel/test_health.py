"""/readyz says whether the panel can work: its database answers."""

from typing import Any

import pytest
from django.db import connection
from django.db.utils import InterfaceError, OperationalError
from django.test import Client


@pytest.mark.django_db
def test_it_is_ready_when_the_database_answers(client: Client) -> None:
    response = client.get("/readyz")

    assert (response.status_code, response.content, response["Content-Type"]) == (200, b"ok\n", "text/plain")
    assert response["Cache-Control"] == "no-store"
    assert client.head("/readyz").status_code == 200
    assert client.post("/readyz").status_code == 405


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
