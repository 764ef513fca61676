"""Recording results while the database is away, or ends what it hears nothing of."""

import time

import pytest
from django.db import connection

from smtpadmin import outbox
from smtpadmin.outbox import sql

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.skipif("sqlite" in connection.vendor, reason="SQLite ends nobody's transaction.")
def test_a_transaction_that_the_server_has_ended_is_repeated() -> None:
    tries = 0

    def act() -> int:
        nonlocal tries
        tries += 1
        with sql.changes():
            sql.rows("SELECT set_config('idle_in_transaction_session_timeout', '50', true)")
            # As a worker that is frozen here.
            time.sleep(0.5 if tries == 1 else 0)
            return len(sql.rows("SELECT 1"))

    assert outbox.persist(act, patience=10) == 1
    assert tries == 2
