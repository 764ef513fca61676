"""The whole way: an incident opens and closes, and what each channel hears of it."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import override_settings

from smtpadmin.alerts import channels, telling
from smtpadmin.crypto import generate_key
from smtpadmin.models import AlertChannel, AlertNotice, Message, Profile
from tests.support import alerts
from tests.support.alerts import close, make_channel, make_incident
from tests.support.certificates import CertificateFactory
from tests.support.profiles import make_profile
from tests.support.receiver import Receiver, StartReceiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver(start_receiver: StartReceiver, certificates: CertificateFactory) -> Receiver:
    return start_receiver(certificates.good)


@pytest.fixture
def failing(db: None) -> Profile:
    return make_profile(slug="failing")


def webhook(receiver: Receiver, certificates: CertificateFactory, **fields: Any) -> AlertChannel:
    return make_channel(kind="webhook", url=receiver.url(), ca_pem=certificates.ca_pem, **fields)


def heard(receiver: Receiver) -> list[tuple[str, str]]:
    return [(call.json["event"], call.json["subject"]) for call in receiver.calls]


def test_a_channel_hears_of_the_beginning_and_of_the_end(
    receiver: Receiver, certificates: CertificateFactory, failing: Profile
) -> None:
    channel = webhook(receiver, certificates)
    incident = make_incident(failing)
    assert [telling.tell_due(), telling.tell_due()] == [1, 0]
    close(incident)
    assert [telling.tell_due(), telling.tell_due()] == [1, 0]
    assert heard(receiver) == [
        ("opened", "“Failing” cannot send mail"),
        ("resolved", "Over: “Failing” can send again"),
    ]
    channel.refresh_from_db()
    assert (channel.last_ok, channel.last_reason) == (True, "")


def test_each_kind_of_channel_speaks_its_own_language(
    start_receiver: StartReceiver, receiver: Receiver, certificates: CertificateFactory, failing: Profile
) -> None:
    plain = start_receiver()
    webhook(receiver, certificates, name="A", language="zh-hans")
    make_channel(kind="service", name="B", url=f"json://127.0.0.1:{plain.port}/x")
    make_channel(name="C", profile=make_profile(slug="backup"), addresses="ops@example.org")
    make_incident(failing)
    assert telling.tell_due() == 3
    assert heard(receiver) == [("opened", "“Failing”无法发信")]
    assert plain.calls[0].json["title"] == "“Failing” cannot send mail"
    assert Message.objects.get().profile_slug == "backup"


def test_when_the_mail_channel_uses_the_failing_profile_the_other_one_speaks(
    receiver: Receiver, certificates: CertificateFactory, failing: Profile
) -> None:
    make_channel(name="A", profile=failing, addresses="ops@example.org")
    webhook(receiver, certificates, name="B")
    make_incident(failing)
    assert telling.tell_due() == 1
    assert [event for event, _subject in heard(receiver)] == ["opened"]
    assert alerts.notices(channel__name="A") == [("opened", "dropped")]
    assert Message.objects.count() == 0


def test_what_the_receiver_did_not_take_is_told_again_with_the_same_identifier(
    receiver: Receiver, certificates: CertificateFactory, failing: Profile
) -> None:
    channel = webhook(receiver, certificates)
    receiver.answers.append((500, {}))
    incident = make_incident(failing)
    assert telling.tell_due() == 0
    channel.refresh_from_db()
    assert (channel.last_ok, channel.last_reason, channel.last_detail) == (False, "server_error", "HTTP 500")
    assert telling.tell_due() == 0
    alerts.let_pass(timedelta(minutes=2))
    assert telling.tell_due() == 1
    first, second = receiver.calls
    assert first.json["id"] == second.json["id"] == AlertNotice.objects.get().uid
    incident.refresh_from_db()
    close(incident)
    assert telling.tell_due() == 1
    assert receiver.calls[2].json["id"] != first.json["id"]


def test_a_channel_that_fails_keeps_others_waiting_once_in_a_round(
    start_receiver: StartReceiver, receiver: Receiver, certificates: CertificateFactory, failing: Profile
) -> None:
    other = start_receiver(certificates.good)
    webhook(receiver, certificates, name="A")
    webhook(other, certificates, name="B")
    receiver.answers += [(503, {})] * 3
    for key in ("a", "b", "c"):
        make_incident(failing, key=key)
    assert telling.tell_due() == 3
    assert (len(receiver.calls), len(other.calls)) == (1, 3)


def test_whoever_was_never_told_of_the_beginning_is_not_told_of_the_end(
    receiver: Receiver, certificates: CertificateFactory, failing: Profile
) -> None:
    webhook(receiver, certificates)
    receiver.answers.append((500, {}))
    incident = make_incident(failing)
    telling.tell_due()
    close(incident)
    alerts.let_pass(timedelta(minutes=2))
    assert telling.tell_due() == 0
    assert alerts.notices() == [("opened", "dropped")]


def test_several_workers_tell_a_real_receiver_once(
    receiver: Receiver, certificates: CertificateFactory, failing: Profile
) -> None:
    webhook(receiver, certificates)
    make_channel(name="Mail", profile=make_profile(slug="backup"), addresses="ops@example.org")
    for key in ("a", "b", "c"):
        make_incident(failing, key=key)
    start = threading.Barrier(3)

    def work() -> None:
        try:
            start.wait(60)
            telling.tell_due()
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len({call.json["id"] for call in receiver.calls}) == len(receiver.calls) == 3
    assert Message.objects.count() == 3


def test_a_locked_panel_tells_later(
    receiver: Receiver, certificates: CertificateFactory, failing: Profile, settings: Any
) -> None:
    webhook(receiver, certificates)
    make_incident(failing)
    with override_settings(SMTPADMIN={**settings.SMTPADMIN, "KEYS": [generate_key()]}):
        assert telling.tell_due() == 0
        assert AlertNotice.objects.get().reason == "locked"
    alerts.let_pass(timedelta(minutes=2))
    assert telling.tell_due() == 1


def test_a_stopping_worker_begins_nothing_more(
    receiver: Receiver, certificates: CertificateFactory, failing: Profile
) -> None:
    webhook(receiver, certificates)
    make_incident(failing)
    assert telling.tell_due(stopping=lambda: True) == 0
    assert receiver.calls == []
    assert telling.tell_due() == 1


def test_the_button_goes_the_same_way(receiver: Receiver, certificates: CertificateFactory) -> None:
    channel = webhook(receiver, certificates)
    assert telling.try_out(channel).ok
    assert heard(receiver) == [("test", "Test alert: this channel works")]
    assert AlertNotice.objects.count() == 0
    channel.refresh_from_db()
    assert channel.last_ok


def test_an_address_sealed_for_another_channel_does_not_open(
    receiver: Receiver, certificates: CertificateFactory
) -> None:
    first = webhook(receiver, certificates, name="A")
    second = make_channel(kind="webhook", name="B", ca_pem=certificates.ca_pem)
    AlertChannel.objects.filter(pk=second.pk).update(sealed_target=first.sealed_target)
    second.refresh_from_db()
    assert telling.try_out(second).reason == "unreadable"
    assert channels.tell(make_channel(kind="webhook", name="C"), telling.writing.of_test(second)).reason == "unreadable"


def test_a_round_with_nothing_to_tell_costs_few_statements(django_assert_max_num_queries: Any) -> None:
    make_channel()
    with django_assert_max_num_queries(8):
        telling.tell_due()
