"""The round that a worker makes: plan, take, tell, write down. Any number of workers may make it at once."""

import logging
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from smtpadmin.alerts import channels, notices, writing
from smtpadmin.alerts.alert import Event
from smtpadmin.alerts.outcome import Outcome, Reason
from smtpadmin.models import AlertChannel, AlertNotice, ChannelKind

logger = logging.getLogger("smtpadmin.alerts")

#: Seconds between two rounds.
EVERY = 10.0

Stopping = Callable[[], bool]


def tell_due(*, stopping: Stopping = lambda: False) -> int:
    """Tell what is due and return how many notices were sent. Ends early when `stopping` says so."""
    notices.plan(timezone.now())
    sent = 0
    silent: set[int] = set()
    for notice in notices.due(timezone.now()):
        if stopping():
            break
        # A channel that does not answer takes its time once in a round: others wait behind it.
        if notice.channel_id in silent or not notices.take(notice, now=timezone.now()):
            continue
        if _tell(notice, stopping).ok:
            sent += 1
        else:
            silent.add(notice.channel_id)
    return sent


def try_out(channel: AlertChannel) -> Outcome:
    """Send a test alert, the very way that others go."""
    return channels.tell(channel, writing.of_test(channel))


def _tell(notice: AlertNotice, stopping: Stopping) -> Outcome:
    if notice.channel.kind == ChannelKind.MAIL:
        # In one transaction with what it queues: told once, whenever the worker dies.
        with transaction.atomic():
            return _told(notice, stopping)
    return _told(notice, stopping)


def _told(notice: AlertNotice, stopping: Stopping) -> Outcome:
    now = timezone.now()
    incident, channel = notice.incident, notice.channel
    times = notices.times_lately(incident, now=now)
    try:
        alert = writing.of_incident(incident, channel, Event(notice.event), uid=notice.uid, times=times, now=now)
        outcome = channels.tell(channel, alert, stopping=stopping)
    except (LookupError, TypeError, ValueError):
        # An error of ours in one alert. It would keep all others from being told, every round anew.
        logger.exception("The notice %s could not be written.", notice.pk)
        outcome = Outcome(Reason.UNEXPECTED)
    if not outcome.ok and stopping():
        notices.give_back(notice, now=timezone.now())
    else:
        notices.settle(notice, outcome, now=timezone.now())
    return outcome
