"""The login form, with limits on guessing: per client, and per account name over all clients.

Counted before the password is looked at, and alike for names that exist and names that do not, so neither the answer
nor its time tells which exist. The limits end by themselves; whoever keeps a name at its limit from many addresses
keeps its owner out meanwhile, but not from `manage.py` on the server.
"""

import hashlib
import logging
import unicodedata
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from panel.client import client_scope
from smtpadmin import limits

logger = logging.getLogger("panel.login")

WINDOW_SECONDS = 300
PER_CLIENT = 10
# Higher than for one client, so that a single stranger cannot keep the owner of a name out; low enough that guessing
# from many addresses gets about 6,000 tries a day.
PER_ACCOUNT = 20


class LoginForm(AdminAuthenticationForm):
    """Django's own form, refusing to look at a password when too many were tried."""

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": _("Wrong username or password, or the account has no access."),
        "throttled": _("Too many attempts to log in. Please wait five minutes, then try again."),
    }
    throttled = False

    def clean(self) -> dict[str, Any]:
        username = self.cleaned_data.get("username")
        if username and self.cleaned_data.get("password") and not self._may_try(username):
            self.throttled = True
            raise ValidationError(self.error_messages["throttled"], code="throttled")
        return super().clean()

    def _may_try(self, username: str) -> bool:
        assert self.request is not None  # noqa: S101  LoginView always passes it
        client = client_scope(self.request)
        # The client first: its limit also bounds how many account names one client can have counted.
        for scope, count in (
            (f"login:client:{client}", PER_CLIENT),
            (f"login:account:{_digest(username)}", PER_ACCOUNT),
        ):
            if not limits.take(scope, count=count, seconds=WINDOW_SECONDS):
                logger.warning("Too many attempts to log in from %s", client or "a client without an address")
                return False
        return True


def _digest(username: str) -> str:
    """Return a stand-in for the name: people also type their password there, and it has no length limit of use here."""
    normal = unicodedata.normalize("NFKC", username).casefold()
    return hashlib.sha256(normal.encode()).hexdigest()[:32]
