"""Channels: what is sealed in them, and telling one of them something. The test button and the worker both call `tell`.

Secrets go in through `set_target` and `set_secret`, and come out nowhere but here.
"""

import logging
from collections.abc import Callable

from django.utils import timezone

from smtpadmin import keys
from smtpadmin.alerts import mail, services, webhook
from smtpadmin.alerts.alert import Alert
from smtpadmin.alerts.outcome import LONGEST_DETAIL, Outcome, Reason
from smtpadmin.conf import conf
from smtpadmin.crypto import CryptoError
from smtpadmin.exceptions import KeyringLocked
from smtpadmin.models import AlertChannel, ChannelKind
from smtpadmin.smtp import AddressPolicy, Secret, scrub

logger = logging.getLogger("smtpadmin.alerts")

Stopping = Callable[[], bool]


def set_target(channel: AlertChannel, url: Secret, *, hint: str) -> None:
    """Seal the address, and keep what of it may be shown. The caller saves. Raise KeyringLocked."""
    channel.sealed_target = keys.keyring().seal(channel.target_context, url.reveal().encode())
    channel.hint = hint


def set_secret(channel: AlertChannel, value: Secret) -> None:
    """Seal the signing secret; an empty one removes it. The caller saves. Raise KeyringLocked."""
    sealed = keys.keyring().seal(channel.secret_context, value.reveal().encode()) if value else ""
    channel.sealed_secret = sealed


def tell(channel: AlertChannel, alert: Alert, *, stopping: Stopping = lambda: False) -> Outcome:
    """Tell the channel, record on it how that went, and return it. An error of ours is an outcome too."""
    try:
        outcome = _tell(channel, alert, stopping)
    except KeyringLocked:
        outcome = Outcome(Reason.LOCKED)
    except CryptoError:
        outcome = Outcome(Reason.UNREADABLE)
    if not outcome.ok:
        logger.warning("The alert channel %s was not told: %s %s", channel.pk, outcome.reason, outcome.detail)
    channel.last_at, channel.last_ok = timezone.now(), outcome.ok
    channel.last_reason, channel.last_detail = outcome.reason or "", outcome.detail
    AlertChannel.objects.filter(pk=channel.pk).update(
        last_at=channel.last_at,
        last_ok=channel.last_ok,
        last_reason=channel.last_reason,
        last_detail=channel.last_detail,
    )
    return outcome


def _tell(channel: AlertChannel, alert: Alert, stopping: Stopping) -> Outcome:
    if channel.kind == ChannelKind.MAIL:
        return mail.send(channel, alert)
    policy = AddressPolicy(denied=conf.denied_networks)
    ring = keys.keyring()
    url = Secret(ring.open(channel.target_context, channel.sealed_target).decode())
    if channel.kind == ChannelKind.SERVICE:
        return services.send(url, alert, policy=policy, stopping=stopping)
    secret = ring.open(channel.secret_context, channel.sealed_secret).decode() if channel.sealed_secret else ""
    signing = Secret(secret)
    outcome = webhook.send(url, alert, secret=signing, policy=policy, ca_pem=channel.ca_pem)
    return Outcome(outcome.reason, scrub(outcome.detail, [url, signing])[:LONGEST_DETAIL])
