"""The worker's round: beside mail, and gone quickly when it stops."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from smtpadmin.models import AlertNotice, Circuit
from smtpadmin.worker import Worker
from tests.support.alerts import REFUSED_SIGN_IN, make_channel
from tests.support.certificates import CertificateFactory
from tests.support.mail import put
from tests.support.profiles import make_profile
from tests.support.receiver import Receiver, StartReceiver
from tests.support.smtpd import PASSWORD, USERNAME, StartServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver(start_receiver: StartReceiver, certificates: CertificateFactory, settings: Any) -> Receiver:
    receiver = start_receiver(certificates.good)
    make_channel(kind="webhook", url=receiver.url(), ca_pem=certificates.ca_pem)
    # No checks: the server of this profile is nobody's.
    settings.SMTPADMIN = {**settings.SMTPADMIN, "CHECK_EVERY_HOURS": 0}
    Circuit.objects.create(
        profile=make_profile(slug="failing"), reason="auth", since=timezone.now(), failures=3, **REFUSED_SIGN_IN
    )
    return receiver


def wait_for(what: Callable[[], Any], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "It did not happen in time."
        time.sleep(0.02)


def start(worker: Worker) -> threading.Thread:
    def run() -> None:
        try:
            worker.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_worker_tells(receiver: Receiver) -> None:
    worker = Worker()
    thread = start(worker)
    try:
        wait_for(lambda: AlertNotice.objects.filter(state="sent").exists())
    finally:
        worker.stop()
        thread.join(60)
    assert [call.json["subject"] for call in receiver.calls] == ["“Failing” is paused, its mail waits"]


def test_mail_does_not_wait_for_an_alert_and_stopping_neither(receiver: Receiver, smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = make_profile(host=server.host, port=server.port, security="none", username=USERNAME, password=PASSWORD)
    receiver.awake.clear()
    worker = Worker()
    thread = start(worker)
    try:
        wait_for(lambda: receiver.calls)
        put(profile)
        wait_for(lambda: server.messages)
        assert not AlertNotice.objects.filter(state="sent").exists()
    finally:
        begun = time.monotonic()
        worker.stop()
        thread.join(60)
        receiver.awake.set()
    # A webhook is given ten seconds; a sign-in over a kept connection has nothing to wait for.
    assert time.monotonic() - begun < 9
    wait_for(lambda: not [each for each in threading.enumerate() if each.name == "alerts"])
