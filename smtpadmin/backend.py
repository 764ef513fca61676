"""The door for Django apps: a mail backend that sends through a profile.

Django 5.2: `EMAIL_BACKEND = "smtpadmin.backend.EmailBackend"`. Django 6.1: a `MAILERS` entry with this BACKEND, and
`{"profile": "alerts"}` in its OPTIONS to name a profile. Mail is sent directly, in the caller's time.
"""

import logging
import re
import threading
from collections.abc import Sequence
from smtplib import SMTPException
from typing import Any

import django
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from smtpadmin import profiles
from smtpadmin.compose import compose, wants_from
from smtpadmin.crypto import CryptoError
from smtpadmin.delivery import Courier, failure, never_opened
from smtpadmin.exceptions import DeliveryFailed, MessageRefused
from smtpadmin.models import Profile

logger = logging.getLogger("smtpadmin.backend")

# send_mail() of Django 5.2 passes these always, empty unless the app wants to sign in itself: the profile's part.
_IGNORED = frozenset({"username", "password"})
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


class EmailBackend(BaseEmailBackend):
    """Sends each message through the profile named, else the one with its From, else the default."""

    def __init__(self, fail_silently: bool = False, *, profile: str = "", **kwargs: Any) -> None:
        """Raise the framework's own error for an unknown option: InvalidMailer on 6.1, TypeError before."""
        if django.VERSION >= (6, 1):
            super().__init__(**kwargs)
        else:
            unknown = {name for name, value in kwargs.items() if value or name not in _IGNORED}
            if unknown:
                raise TypeError(f"EmailBackend() got unknown options: {', '.join(sorted(unknown))}")
            super().__init__()
        self.fail_silently = fail_silently
        self.profile = profile
        self._couriers: dict[int, Courier] = {}
        self._unreachable: dict[int, DeliveryFailed] = {}
        self._kept_open = False
        self._lock = threading.RLock()

    def open(self) -> bool:
        """Keep connections open from now on, until `close`; return whether that is new. They are made when needed.

        A message names its server only by its From, so there is nothing to connect to before it is there.
        """
        with self._lock:
            new, self._kept_open = not self._kept_open, True
            return new

    def close(self) -> None:
        with self._lock:
            self._kept_open = False
            couriers, self._couriers = self._couriers, {}
            for courier in couriers.values():
                courier.close()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send each message and return how many the server took for all their recipients.

        One bad message does not keep back the others: they are all tried, then the first failure is raised. Raise
        NoProfile or KeyringLocked, even with `fail_silently`: that is a configuration to mend, not a failed delivery.
        """
        failures: list[SMTPException] = []
        sent = 0
        with self._lock:
            try:
                for message in email_messages:
                    if not message.recipients():
                        continue
                    try:
                        self._send(message)
                        sent += 1
                    except (DeliveryFailed, MessageRefused) as error:
                        # An address of the app's may hold line breaks, and a log line must not be two.
                        logger.warning("Mail was not sent. %s", _CONTROLS.sub(" ", str(error)))
                        failures.append(error)
            finally:
                self._unreachable.clear()
                if not self._kept_open:
                    self.close()
        if failures and not self.fail_silently:
            raise failures[0]
        return sent

    def _send(self, message: EmailMessage) -> None:
        profile = profiles.choose(slug=self.profile, from_address=wants_from(message)).profile
        envelope = compose(message, profile)
        courier = self._courier(profile)
        if profile.pk in self._unreachable:
            # The server could not be reached, or refused the sign-in, a moment ago: asking again for every message of
            # a list would make the caller wait for each, and get the account locked.
            raise self._unreachable[profile.pk]
        result = courier.deliver(envelope)
        if not result.sent:
            failed = failure(profile, result)
            if never_opened(result):
                self._unreachable[profile.pk] = failed
            raise failed

    def _courier(self, profile: Profile) -> Courier:
        courier = self._couriers.get(profile.pk)
        if courier is None or courier.profile.updated_at != profile.updated_at:
            if courier is not None:
                courier.close()
            courier = self._couriers[profile.pk] = _new_courier(profile)
        return courier


def _new_courier(profile: Profile) -> Courier:
    try:
        return Courier(profile)
    except CryptoError:
        raise MessageRefused(
            f"The stored password of the SMTP profile {profile.slug!r} was given for other settings than its present "
            "ones. Type it again."
        ) from None
