"""The mail backend as an app meets it: configured in the way of the Django version at hand.

@pytest.fixture(autouse=True)
def through_our_backend():
    with installed():
        yield
"""

from contextlib import AbstractContextManager
from typing import Any

import django
from django.core import mail
from django.core.mail import EmailMessage, get_connection
from django.test import override_settings

from smtpadmin.backend import EmailBackend
from smtpadmin.models import Profile
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, SmtpServer

PATH = "smtpadmin.backend.EmailBackend"
HAS_MAILERS = django.VERSION >= (6, 1)


def installed() -> AbstractContextManager[Any]:
    """Let mail go through our backend: the test runner swaps every mailer for one in memory."""
    named = {"default": {"BACKEND": PATH}, "alerts": {"BACKEND": PATH, "OPTIONS": {"profile": "alerts"}}}
    return override_settings(**({"MAILERS": named} if HAS_MAILERS else {"EMAIL_BACKEND": PATH}))


def backend(**options: Any) -> EmailBackend:
    """Return the backend with options, made in the way of this Django version."""
    if not HAS_MAILERS:
        return get_connection(**options)
    with override_settings(MAILERS={"it": {"BACKEND": PATH, "OPTIONS": options}}):
        return mail.mailers["it"]


def message(**fields: Any) -> EmailMessage:
    return EmailMessage(**{"subject": "Hello", "body": "Text", "to": ["you@example.org"]} | fields)


def profile_on(server: SmtpServer, **fields: Any) -> Profile:
    """Make the default profile, on `server`."""
    where = {"host": server.host, "port": server.port, "security": "none", "username": USERNAME}
    return make_profile(**{"password": PASSWORD, "is_default": True} | where | fields)
