"""Addresses and signing secrets of channels: sealed, rotated, forgotten, and seen nowhere."""

import json
import logging

import pytest
from django.core.management import call_command
from django.test import override_settings

from smtpadmin import keys
from smtpadmin.alerts import telling
from smtpadmin.crypto import generate_key
from smtpadmin.keys import LockReason
from smtpadmin.models import AlertChannel, AlertNotice, KeyCheck
from tests.support.alerts import make_channel, make_incident
from tests.support.certificates import CertificateFactory
from tests.support.profiles import make_profile
from tests.support.receiver import StartReceiver

pytestmark = pytest.mark.django_db

URL_CANARY = "canary-Zx81-in-url"
SECRET_CANARY = "canary-Zx81-signing"


def both(receiver_url: str, ca_pem: str, plain_port: int, *, names: str = "AB") -> list[AlertChannel]:
    return [
        make_channel(
            kind="webhook", name=names[0], url=f"{receiver_url}/{URL_CANARY}", secret=SECRET_CANARY, ca_pem=ca_pem
        ),
        make_channel(kind="service", name=names[1], url=f"json://127.0.0.1:{plain_port}/{URL_CANARY}"),
    ]


def everything_stored() -> str:
    rows = [list(AlertChannel.objects.values()), list(AlertNotice.objects.values())]
    return json.dumps(rows, default=str)


@pytest.mark.django_db(transaction=True)
def test_neither_is_in_the_database_or_in_the_log(
    start_receiver: StartReceiver, certificates: CertificateFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    good, plain = start_receiver(certificates.good), start_receiver()
    channels = both(good.url(""), certificates.ca_pem, plain.port)
    make_incident(make_profile())
    for status in (200, 403, 500):
        good.answers.append((status, {}))
        plain.answers.append((status, {}))
        for channel in channels:
            telling.try_out(channel)
    telling.tell_due()
    for channel in both("https://no-such-host.invalid", "", 1, names="CD"):
        telling.try_out(channel)
    assert len(good.calls) == 4
    assert SECRET_CANARY not in good.calls[0].body.decode() + str(good.calls[0].headers)
    written = everything_stored() + caplog.text
    assert URL_CANARY not in written
    assert SECRET_CANARY not in written


def opens(channel: AlertChannel) -> tuple[str, str]:
    channel.refresh_from_db()
    ring = keys.keyring()
    return (
        ring.open(channel.target_context, channel.sealed_target).decode(),
        ring.open(channel.secret_context, channel.sealed_secret).decode(),
    )


def test_rotating_leaves_the_old_key_behind() -> None:
    from django.conf import settings

    channel = make_channel(kind="webhook", url="https://example.com/x", secret="s3cret")
    newest = generate_key()
    with override_settings(SMTPADMIN={"KEYS": [newest, *settings.SMTPADMIN["KEYS"]]}):
        call_command("rotate_keys")
    with override_settings(SMTPADMIN={"KEYS": [newest]}):
        assert opens(channel) == ("https://example.com/x", "s3cret")


def test_what_a_lost_key_guarded_can_be_given_up() -> None:
    channel = make_channel(kind="webhook", url="https://example.com/x", secret="s3cret")
    with override_settings(SMTPADMIN={"KEYS": [generate_key()]}):
        assert keys.lock_reason() is LockReason.WRONG
        call_command("forget_passwords", "--yes")
        assert keys.lock_reason() is None
    channel.refresh_from_db()
    assert (channel.sealed_target, channel.sealed_secret) == ("", "")


def test_a_channel_alone_shows_that_the_key_is_another_one() -> None:
    make_channel(kind="webhook", url="https://example.com/x")
    KeyCheck.objects.all().delete()
    with override_settings(SMTPADMIN={"KEYS": [generate_key()]}):
        assert keys.lock_reason() is LockReason.WRONG
    assert keys.lock_reason() is None


def test_the_columns_take_nothing_in_clear() -> None:
    with pytest.raises(ValueError, match="takes sealed values only"):
        AlertChannel.objects.create(name="x", kind="webhook", sealed_target="https://example.com/x")
