"""The door for Django apps: a mail backend that queues mail for a profile's worker.

Django 5.2: `EMAIL_BACKEND = "smtpadmin.backend.EmailBackend"`. Django 6.1: a `MAILERS` entry with this BACKEND, and
`{"profile": "alerts"}` in its OPTIONS to name a profile. Each message is composed and checked here, once, and stored in
the caller's transaction. With `queue=False` it is sent in the caller's time instead, and recorded.
"""

import copy
import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from smtplib import SMTPException
from time import monotonic, sleep
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import Error
from django.utils import timezone
from django.utils.translation import gettext as _

from smtpadmin import options, outbox, profiles
from smtpadmin.compose import asked_from, compose, split, wants_from
from smtpadmin.conf import conf
from smtpadmin.courier import Courier, failure, never_opened, undelivered
from smtpadmin.crypto import CryptoError
from smtpadmin.exceptions import DeliveryFailed, MessageRefused
from smtpadmin.models import Lane, Profile
from smtpadmin.outbox import pace
from smtpadmin.smtp import Result, SmtpError, Verdict

logger = logging.getLogger("smtpadmin.backend")

# send_mail() of Django 5.2 passes these always, empty unless the app wants to sign in itself: the profile's part.
_IGNORED = frozenset({"username", "password"})
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")

_Choose = Callable[[str], Profile]


class EmailBackend(BaseEmailBackend):
    """Takes each message for the profile named, else the one with its From, else the default."""

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        profile: str = "",
        queue: bool | None = None,
        lane: str | None = None,
        if_uncertain: str | None = None,
        expires_in: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Raise the framework's own error for an option that is none: InvalidMailer on 6.1, on 5.2 TypeError.

        `queue` defaults to the setting QUEUE. For the others see `options`; a message's own headers go over them.
        """
        if django.VERSION >= (6, 1):
            super().__init__(**kwargs)
        else:
            unknown = {name for name, value in kwargs.items() if value or name not in _IGNORED}
            if unknown:
                raise TypeError(f"EmailBackend() got unknown options: {', '.join(sorted(unknown))}")
            super().__init__()
        self.fail_silently = fail_silently
        self.profile = profile
        try:
            self.options = options.read(lane=lane, if_uncertain=if_uncertain, expires_in=expires_in)
        except ValueError as error:
            raise _invalid(str(error), kwargs) from None
        if queue is not None and not isinstance(queue, bool):
            raise _invalid(f"queue must be True or False, not {queue!r}.", kwargs)
        self.queue = queue
        self._couriers: dict[int, Courier] = {}
        self._unreachable: dict[int, SmtpError] = {}
        self._kept_open = False
        self._lock = threading.RLock()

    def open(self) -> bool:
        """Keep connections open from now on, until `close`; return whether that is new. They are made when needed.

        A message names its server only by its From, so there is nothing to connect to before it is there; and a queued
        one needs no connection here.
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
        """Accept each message and return how many: durably stored, or taken by the server where they are not queued.

        One bad message does not keep back the others: those are accepted, then the first failure is raised. Raise
        NoProfile or KeyringLocked, even with `fail_silently`: that is a configuration to mend, not a failed delivery.
        """
        messages = [message for message in email_messages if message.recipients()]
        # Who hands over several at once writes to many; a single one may have somebody waiting for it.
        by_shape = options.Options(lane=Lane.BULK if len(messages) > 1 else Lane.NORMAL)
        take = self._queue_all if (conf.queue if self.queue is None else self.queue) else self._send_all
        failures: list[SMTPException] = []
        accepted = take(messages, by_shape, failures)
        if failures and not self.fail_silently:
            raise failures[0]
        return accepted

    def _queue_all(
        self, messages: Sequence[EmailMessage], by_shape: options.Options, failures: list[SMTPException]
    ) -> int:
        """Store all good messages in one transaction, which is the caller's where there is one."""
        choose = cache(self._choose)  # a list may be long, and its profiles are few
        outgoing: list[outbox.Outgoing] = []
        accepted = 0
        for message in messages:
            try:
                outgoing += self._outgoing(message, by_shape, choose)
            except MessageRefused as error:
                _note(error, failures)
            else:
                accepted += 1
        outbox.enqueue(outgoing)
        return accepted

    def _choose(self, from_address: str) -> Profile:
        return profiles.choose(slug=self.profile, from_address=from_address).profile

    def _outgoing(self, message: EmailMessage, by_shape: options.Options, choose: _Choose) -> list[outbox.Outgoing]:
        """Compose a message, in as many parts as the profile needs.

        How it is treated is said by its own headers, else by our options, else by the call's shape.
        """
        own, headers = options.take_out(message.extra_headers)
        wanted = own.over(self.options).over(by_shape)
        if len(headers) < len(message.extra_headers):
            message = copy.copy(message)
            message.extra_headers = headers
        profile = choose(_storable(wants_from(message)))
        assert wanted.lane is not None  # noqa: S101  the call has a shape
        return [
            outbox.Outgoing(
                profile=profile,
                envelope=envelope,
                lane=wanted.lane,
                expires_at=None if wanted.life is None else timezone.now() + wanted.life,
                resend_uncertain=wanted.resend_uncertain,
                asked_from=_storable(asked_from(message)),
            )
            for envelope in split(compose(message, profile), profile.max_recipients)
        ]

    # In the caller's time

    def _send_all(
        self, messages: Sequence[EmailMessage], by_shape: options.Options, failures: list[SMTPException]
    ) -> int:
        sent = 0
        with self._lock:
            try:
                for message in messages:
                    try:
                        self._send(self._outgoing(message, by_shape, self._choose))
                        sent += 1
                    except (DeliveryFailed, MessageRefused) as error:
                        _note(error, failures)
            finally:
                self._unreachable.clear()
                if not self._kept_open:
                    self.close()
        return sent

    def _send(self, parts: Sequence[outbox.Outgoing]) -> None:
        """Send the parts of one message. Raise DeliveryFailed unless the server took it for everybody."""
        profile = parts[0].profile
        courier = self._courier(profile)
        result = Result(tuple(item for part in parts for item in self._deliver(courier, part).recipients))
        if not result.sent:
            raise failure(profile, result)

    def _deliver(self, courier: Courier, part: outbox.Outgoing) -> Result:
        begun = monotonic()
        known = self._unreachable.get(courier.profile.pk)
        # Where the server could not be reached, or refused the sign-in, a moment ago: asking again for every message of
        # a list would make the caller wait for each, and get the account locked.
        if known:
            result = undelivered(part.envelope, known)
        else:
            result = courier.deliver(part.envelope, before_data=lambda: _may_leave(part))
        if any(item.verdict is Verdict.WITHHELD for item in result.recipients):
            raise _over_the_rate(courier.profile)
        error = result.recipients[0].error
        if error is not None and never_opened(result):
            self._unreachable[courier.profile.pk] = error
        _record(part, result, seconds=monotonic() - begun)
        return result

    def _courier(self, profile: Profile) -> Courier:
        courier = self._couriers.get(profile.pk)
        if courier is None or courier.profile.updated_at != profile.updated_at:
            if courier is not None:
                courier.close()
            courier = self._couriers[profile.pk] = _new_courier(profile)
        return courier


def _may_leave(part: outbox.Outgoing) -> bool:
    """Take the message's part of the profile's rates, waiting for it where that is short; False: there is none."""
    until = monotonic() + pace.PATIENCE
    while wait := pace.take_for(part.profile, part.envelope.recipients, urgent=part.lane == Lane.URGENT):
        if monotonic() + wait > until:
            return False
        sleep(wait)
    return True


def _over_the_rate(profile: Profile) -> MessageRefused:
    text = _("The profile “%(profile)s” has sent as much as it may for now. Queue the message, or send it later.")
    return MessageRefused(text % {"profile": profile.name})


def _invalid(text: str, kwargs: Mapping[str, Any]) -> ImproperlyConfigured:
    """Return the framework's own error for a wrong value."""
    if django.VERSION >= (6, 1):
        from django.core.mail import InvalidMailer  # noqa: PLC0415  new in 6.1

        return InvalidMailer(text, alias=kwargs.get("alias"))
    return ImproperlyConfigured(f"EmailBackend(): {text}")


def _note(error: SMTPException, failures: list[SMTPException]) -> None:
    # An address of the app's may hold line breaks, and a log line must not be two.
    logger.warning("Mail was not sent. %s", _CONTROLS.sub(" ", str(error)))
    failures.append(error)


def _record(part: outbox.Outgoing, result: Result, *, seconds: float) -> None:
    """Write down what was sent. It has left: a database that does not take that must not look like a failed sending."""
    try:
        outbox.record(part.profile, part.envelope, result, lane=part.lane, asked_from=part.asked_from, seconds=seconds)
    except Error as error:
        # The first line only: PostgreSQL's others show the row, and with it who writes to whom.
        text = str(error).partition("\n")[0]
        logger.error("What became of a message is not recorded: the database does not take it. %s", text)  # noqa: TRY400


def _storable(text: str) -> str:
    """Return `text` without what a database takes in no parameter; what goes on the wire is `compose`'s."""
    return _CONTROLS.sub(" ", text).encode("utf-8", "replace").decode()


def _new_courier(profile: Profile) -> Courier:
    try:
        return Courier(profile)
    except CryptoError:
        raise MessageRefused(
            f"The stored password of the SMTP profile {profile.slug!r} was given for other settings than its present "
            "ones. Type it again."
        ) from None
