"""What an app that sends through a profile has to expect.

    ImproperlyConfigured
    ├── NoProfile            nothing to send through: says where to add or enable a profile
    └── KeyringLocked        the keys are missing or are not the ones the secrets were sealed with
    OSError
    └── OutboxFull           the disk is nearly full: nothing more is accepted
    smtplib.SMTPException
    ├── MessageRefused       we refuse to send this message; the text names the rule
    └── DeliveryFailed       the server did not take it for every recipient; `result` names each

Configuration errors stay outside SMTPException on purpose: code that shrugs off a failed delivery must not shrug off
a panel that can deliver nothing. Delivery errors are SMTPExceptions because that is what callers of Django's own SMTP
backend catch.
"""

import smtplib
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from smtpadmin.smtp import Result


class NoProfile(ImproperlyConfigured):
    """There is no profile for this message."""


class KeyringLocked(ImproperlyConfigured):
    """The stored passwords cannot be opened or sealed with the present keys."""


class OutboxFull(OSError):
    """Accepting one more message could keep those that are being sent from being recorded as sent."""


class MessageRefused(smtplib.SMTPException):
    """The message breaks a rule of the profile or of mail itself, so nothing was sent."""


class DeliveryFailed(smtplib.SMTPException):
    """The message did not reach the server for every recipient.

    `result` has a verdict and the server's reply for each: some may have been served, and UNCERTAIN ones may have been.
    """

    def __init__(self, text: str, *, profile: str, result: "Result") -> None:
        super().__init__(text)
        self.profile = profile
        self.result = result
