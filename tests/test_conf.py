"""The app's settings: their defaults, their types, and what is said about nonsense."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from smtpadmin.conf import conf


def test_the_defaults_of_the_queue(settings: Settings) -> None:
    settings.SMTPADMIN = {}
    assert (conf.queue, conf.retention) == (True, timedelta(days=90))
    assert (conf.keep_sent_bodies, conf.keep_failed_bodies) == (timedelta(0), timedelta(hours=24))


def test_the_defaults_of_look_ups(settings: Settings) -> None:
    settings.SMTPADMIN = {}
    assert (conf.autoconfig, conf.dns_servers) == (True, ())
    settings.SMTPADMIN = {"AUTOCONFIG": False, "DNS_SERVERS": ["192.0.2.1", "2001:DB8::1"]}
    assert (conf.autoconfig, conf.dns_servers) == (False, ("192.0.2.1", "2001:db8::1"))


@pytest.mark.parametrize(
    ("name", "value", "attribute", "text"),
    [
        ("QUEUE", "no", "queue", "SMTPADMIN['QUEUE'] must be True or False, not 'no'."),
        ("AUTOCONFIG", "off", "autoconfig", "SMTPADMIN['AUTOCONFIG'] must be True or False, not 'off'."),
        (
            "DNS_SERVERS",
            ["dns.example.com"],
            "dns_servers",
            "SMTPADMIN['DNS_SERVERS']: 'dns.example.com' does not appear to be an IPv4 or IPv6 address.",
        ),
        (
            "RETENTION_DAYS",
            0,
            "retention",
            "SMTPADMIN['RETENTION_DAYS'] must be a whole number from 1 to 36500, not 0.",
        ),
        (
            "KEEP_SENT_BODIES_DAYS",
            "7",
            "keep_sent_bodies",
            "SMTPADMIN['KEEP_SENT_BODIES_DAYS'] must be a whole number from 0 to 36500, not '7'.",
        ),
        (
            "KEEP_FAILED_BODIES_HOURS",
            True,
            "keep_failed_bodies",
            "SMTPADMIN['KEEP_FAILED_BODIES_HOURS'] must be a whole number from 0 to 36500, not True.",
        ),
    ],
)
def test_a_value_that_makes_no_sense_is_named(
    settings: Settings, name: str, value: Any, attribute: str, text: str
) -> None:
    settings.SMTPADMIN = {name: value}
    with pytest.raises(ImproperlyConfigured) as caught:
        getattr(conf, attribute)
    assert str(caught.value) == text
