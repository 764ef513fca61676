"""Room on the disk: accepting and sending stop before SQLite can write nothing any more."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction

from smtpadmin import outbox
from smtpadmin.exceptions import OutboxFull
from smtpadmin.models import Body, Message, Recipient
from smtpadmin.outbox import space, sql
from smtpadmin.worker import Worker, deliver_due
from tests.support.mail import outgoing, put, states
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, StartServer

pytestmark = pytest.mark.django_db(transaction=True)

on_sqlite = pytest.mark.skipif("postgresql" in connection.vendor, reason="PostgreSQL's disk is not ours to watch.")


def leave(megabytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk have so much left."""
    usage = shutil.disk_usage("/")._replace(free=megabytes * 1_000_000)
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _path: usage)


@on_sqlite
def test_it_is_the_disk_of_the_database_that_is_looked_at() -> None:
    left = space.free()
    assert left is not None
    assert left == pytest.approx(shutil.disk_usage(Path(connection.settings_dict["NAME"]).parent).free, rel=0.2)


@on_sqlite
@pytest.mark.parametrize(
    ("megabytes", "accepts", "sends"), [(65, True, True), (63, False, True), (33, False, True), (31, False, False)]
)
def test_accepting_stops_before_sending_does(
    megabytes: int, accepts: bool, sends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(megabytes, monkeypatch)
    assert (outbox.may_accept(), outbox.may_send()) == (accepts, sends)


@on_sqlite
def test_nothing_is_accepted_on_a_disk_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = make_profile()
    leave(63, monkeypatch)
    with pytest.raises(OutboxFull) as refused:
        outbox.enqueue([outgoing(profile)])
    assert str(refused.value) == (
        "The message is not accepted: the disk that holds the database has 63 MB left, and 64 MB must stay free."
    )
    assert not Message.objects.exists()


@on_sqlite
def test_nothing_is_sent_on_a_disk_that_is_full_and_it_goes_on_by_itself(
    smtp_server: StartServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = smtp_server()
    where = {"host": server.host, "port": server.port, "security": "none", "username": USERNAME}
    message = put(make_profile(password=PASSWORD, **where))
    with monkeypatch.context() as patched:
        leave(31, patched)
        worker = Worker()
        with caplog.at_level(logging.ERROR):
            assert (worker.drain(), worker.drain()) == (0, 0)
        (said,) = [record.getMessage() for record in caplog.records]
        assert said.startswith("The disk that holds the database is nearly full. Nothing is sent until 32 MB are free")
        assert outbox.claim(message.profile, worker="w1") is None
    assert (server.messages, states(message)) == ([], ["queued"])
    assert deliver_due() == 1
    assert states(message) == ["sent"]


@pytest.fixture
def full_database() -> Iterator[None]:
    """Let SQLite's file have no more pages than it needs now."""
    sql.rows("VACUUM")
    (pages,) = sql.rows("PRAGMA page_count")[0]
    sql.rows(f"PRAGMA max_page_count = {pages}")
    yield
    sql.rows("PRAGMA max_page_count = 1073741823")


@on_sqlite
@pytest.mark.usefixtures("full_database")
def test_what_does_not_fit_is_refused_as_a_whole() -> None:
    profile = make_profile()
    content = b"Subject: Hello\r\n\r\n" + b"x" * 200_000
    with pytest.raises(OperationalError, match="full"), transaction.atomic():
        outbox.enqueue([outgoing(profile), outgoing(profile, content=content)])
    assert (Message.objects.count(), Body.objects.count(), Recipient.objects.count()) == (0, 0, 0)
    assert sql.rows("PRAGMA integrity_check") == [("ok",)]
