"""Claims and results while the database is away, or ends what it hears nothing of."""

import time

import pytest
from django.db import OperationalError, connection

from smtpadmin import outbox
from smtpadmin.outbox import sql
from tests.support.mail import claimed, columns, put
from tests.support.profiles import make_profile

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


def test_a_claim_whose_commit_has_no_answer_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    # It was the mark as well: with its lease it would become uncertain, and nothing has left.
    profile = make_profile(is_default=True)
    message = put(profile)
    commit = connection.commit

    def committed_unheard() -> None:
        commit()
        monkeypatch.undo()
        raise OperationalError("The server has closed the connection.")

    monkeypatch.setattr(connection, "commit", committed_unheard)
    with pytest.raises(OperationalError):
        outbox.claim(profile, worker="w", ready=True)
    assert columns(message, "state", "phase", "lease") == ("queued", "", "")
    again = claimed(profile)
    assert [each.id for each in again.messages] == [message.pk]
