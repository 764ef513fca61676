"""What an app that sends through a profile has to expect.

    ImproperlyConfigured
    ├── NoProfile            nothing to send through: says where to add or enable a profile
    └── KeyringLocked        the keys are missing or are not the ones the secrets were sealed with
    smtplib.SMTPException
    └── DeliveryFailed       some recipients were not served; `outcome` names each

Configuration errors stay outside SMTPException on purpose: code that shrugs off a failed delivery must not shrug off
a panel that can deliver nothing. Delivery errors are SMTPExceptions because that is what callers of Django's own SMTP
backend catch.
"""

import smtplib

from django.core.exceptions import ImproperlyConfigured


class NoProfile(ImproperlyConfigured):
    """There is no profile for this message."""


class KeyringLocked(ImproperlyConfigured):
    """The stored passwords cannot be opened or sealed with the present keys."""


class DeliveryFailed(smtplib.SMTPException):
    """A message did not reach the server for every recipient."""
