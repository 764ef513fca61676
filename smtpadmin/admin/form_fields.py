"""The parts of the profile form that Django has no field for: the sender, the provider, the secret."""

import re
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from smtpadmin.admin import presets
from smtpadmin.models.profile import MOST_UNCHECKED, USUAL_UNCHECKED, today
from smtpadmin.names import Sender, parse_sender
from smtpadmin.smtp import Secret

# Copied along from web pages, and never part of a secret.
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


class SenderField(forms.CharField):
    """`name@example.com` or `Display Name <name@example.com>`, as a `Sender`."""

    default_error_messages = {
        "long_address": _("The address is longer than 254 characters, which no server accepts."),
        "long_name": _("The name before the address is longer than 200 characters."),
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault(
            "widget",
            forms.TextInput(
                attrs={"inputmode": "email", "autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"}
            ),
        )
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return str(value) if isinstance(value, Sender) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        sender = parse_sender(text)
        if len(sender.address) > 254:
            raise ValidationError(self.error_messages["long_address"], code="long_address")
        if len(sender.name) > 200:
            raise ValidationError(self.error_messages["long_name"], code="long_name")
        return sender

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial) != (data or "").strip())


class ProviderField(forms.ChoiceField):
    """A provider of the catalogue, or `presets.OTHER`; the choices follow the reader's language."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=self._choices, **kwargs)

    def add_choice(self, key: str) -> None:
        """Offer a provider that the catalogue has no record of any more: the profile that names it stays as it is."""
        self.choices = [*self._choices(), (key, key)]

    @staticmethod
    def _choices() -> list[Any]:
        return [
            ("", _("Recognise from the address")),
            *presets.choices(get_language() or "en"),
            (presets.OTHER, _("Other server")),
        ]


class EndDateField(forms.DateField):
    """The last day of something that ends by itself; an empty one proposes the usual span.

    Whether it has to be given, and may be the day that it is, depends on other fields; see `checked_end`.
    """

    def __init__(self, *, most: timedelta = MOST_UNCHECKED, usual: timedelta = USUAL_UNCHECKED, **kwargs: Any) -> None:
        self.most, self.usual = most, usual
        # The one form that a browser's date box takes and gives.
        kwargs.setdefault("widget", forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "off"}))
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return today() + self.usual if value is None else value

    def checked_end(self, end: date | None) -> date:
        """Return `end`, a day from today to the last one that is allowed. Raise ValidationError."""
        first, last = today(), today() + self.most
        if end is None:
            raise ValidationError(_("Choose the last day without the check."), code="required")
        if end < first:
            raise ValidationError(_("This day is over. Choose today or a later one."), code="past")
        if end > last:
            text = _("At most %(days)d days ahead: no later than %(last)s.")
            raise ValidationError(text, code="far", params={"days": self.most.days, "last": date_format(last)})
        return end


class MarkField(forms.CharField):
    """What one turn of the form leaves for the next; no setting, so it never counts as changed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.HiddenInput, required=False, max_length=60, **kwargs)

    def has_changed(self, initial: Any, data: Any) -> bool:  # noqa: ARG002  Django's signature
        return False


class SecretField(forms.CharField):
    """A secret that is typed and never shown again; empty means that nothing was typed."""

    def __init__(self, **kwargs: Any) -> None:
        # No browser should offer the panel's own login for it, nor remember it.
        attrs = {"autocomplete": "new-password", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(widget=forms.PasswordInput(render_value=False, attrs=attrs), max_length=4000, **kwargs)

    def clean(self, value: Any) -> Any:
        text = str(super().clean(value) or "").translate(_INVISIBLE).strip()
        if "\0" in text:
            raise ValidationError(_("The secret holds a character that cannot be sent. Copy it once more."), code="nul")
        return Secret(text)

    def has_changed(self, initial: Any, data: Any) -> bool:  # noqa: ARG002  Django's signature
        return bool(data and str(data).strip())


def without_groups(secret: Secret) -> Secret:
    """Return an app password without the spaces that the provider shows it with, such as Gmail's four groups."""
    return Secret(re.sub(r"\s+", "", secret.reveal()))
