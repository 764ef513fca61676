"""Who changed what: entries of the admin's own log, with old and new values and never a secret's.

They are written in the log's own JSON form with one more key, so that every other page that shows the log (recent
actions, another admin) still reads them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Field
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy, pgettext
from django.utils.translation import gettext as _

from smtpadmin.admin.forms import ProfileForm, SecretChange
from smtpadmin.diagnosis import provider_of
from smtpadmin.models import Profile
from smtpadmin.profiles import SECRET_BOUND, TRUST_BOUND

_KEY = "smtpadmin"

# What happened besides a change of fields. The first part is what other pages that show the log make of it.
EVENTS: Mapping[str, tuple[str, str | Promise]] = {
    "made_default": ("default", gettext_lazy("Made the default")),
    "enabled": ("enabled", gettext_lazy("Enabled")),
    "disabled": ("enabled", gettext_lazy("Disabled")),
    "duplicated": ("copy", gettext_lazy("Duplicated")),
    "copied": ("copy", gettext_lazy("Made as a copy of another profile, without its secret")),
    "test_started": ("test", gettext_lazy("Test started")),
    "test_started_unsaved": ("test", gettext_lazy("Test of unsaved settings started")),
    "test_abandoned": ("test", gettext_lazy("Test left before its end was shown")),
    "tested": ("test", gettext_lazy("Test succeeded")),
    "test_failed": ("test", gettext_lazy("Test failed")),
    "checked": ("test", gettext_lazy("Check succeeded, nothing was sent")),
    "tested_unsaved": ("test", gettext_lazy("Test of unsaved settings succeeded")),
    "test_failed_unsaved": ("test", gettext_lazy("Test of unsaved settings failed")),
    "checked_unsaved": ("test", gettext_lazy("Check of unsaved settings succeeded, nothing was sent")),
    "secret_replaced": ("secret", gettext_lazy("Secret replaced")),
    "secret_cleared": ("secret", gettext_lazy("Secret cleared")),
    "resumed": ("pause", gettext_lazy("Pause ended by hand")),
    "message_retry": ("state", gettext_lazy("Tried again by hand")),
    "message_cancel": ("state", gettext_lazy("Cancelled")),
    "message_resend": ("state", gettext_lazy("Sent again, though it may have arrived")),
    "message_give-up": ("state", gettext_lazy("Closed without sending again")),
    "message_copied": ("copy", gettext_lazy("Sent once more, as message")),
    "message_copy": ("copy", gettext_lazy("Made as a copy of message")),
    "message_read": ("text", gettext_lazy("Subject and text were opened")),
}
# Too long for a line, and of no use cut short.
_NAMED_ONLY = frozenset({"ca_pem"})
_WHITHER = frozenset({*SECRET_BOUND, *TRUST_BOUND})
_FORM_LABELS = {"address": gettext_lazy("From")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """One line of a log entry: a field with its values, or an event."""

    label: str
    old: str = ""
    new: str = ""
    has_values: bool = False


def event(name: str, *, detail: str = "") -> list[dict[str, Any]]:
    """Return the log message of an event."""
    return [{"changed": {"fields": [EVENTS[name][0]], _KEY: [{"event": name, "detail": detail}]}}]


def tried(form: ProfileForm, *, detail: str) -> list[dict[str, Any]]:
    """Return the log message of a test of unsaved settings: where a secret may have gone, and what was trusted then."""
    message = event("test_started_unsaved", detail=detail)
    message[0]["changed"][_KEY] += [_value_line(name, form) for name in form.changed_data if name in _WHITHER]
    return message


def added(form: ProfileForm) -> list[dict[str, Any]]:
    """Return the log message of a new profile."""
    lines = [{"event": "secret_replaced"}] if form.secret_change is SecretChange.REPLACE else []
    return [{"added": {}, _KEY: lines}]


def changed(form: ProfileForm) -> list[dict[str, Any]]:
    """Return the log message of an edited profile; an empty one when nothing was changed."""
    lines: list[dict[str, str]] = [
        _value_line(name, form) for name in form.changed_data if name not in {"secret", "without_secret"}
    ]
    if form.secret_change is not SecretChange.KEEP:
        lines.append({"event": "secret_replaced" if form.secret_change is SecretChange.REPLACE else "secret_cleared"})
    if not lines:
        return []
    names = [line["field"] if "field" in line else EVENTS[line["event"]][0] for line in lines]
    return [{"changed": {"fields": names, _KEY: lines}}]


def values_changed(changes: Mapping[str, tuple[Any, Any]]) -> list[dict[str, Any]]:
    """Return the log message of fields that were changed without the form, each with its old and its new value."""
    lines = [{"field": name, "old": _plain(old), "new": _plain(new)} for name, (old, new) in changes.items()]
    return [{"changed": {"fields": [*changes], _KEY: lines}}]


def _value_line(name: str, form: ProfileForm) -> dict[str, str]:
    line = {"field": name}
    if name not in _NAMED_ONLY and not (name == "username" and form.user_name_is_secret):
        line |= {"old": _plain(form.initial.get(name)), "new": _plain(form.cleaned_data.get(name))}
    return line


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    return "" if value is None else str(value)


def secret_stored_at(profile: Profile) -> datetime | None:
    """Return when the present secret was typed, as far as the log knows."""
    return (
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(Profile),
            object_id=str(profile.pk),
            change_message__contains='"secret_replaced"',
        )
        .order_by("-action_time")
        .values_list("action_time", flat=True)
        .first()
    )


def lines(entry: LogEntry) -> list[ChangeLine]:
    """Return what the entry says, in the language that is active."""
    if entry.is_deletion():
        return [ChangeLine(label=_("Deleted"))]
    ours = list(_ours(entry.change_message))
    if entry.is_addition():
        return [ChangeLine(label=_("Added")), *ours]
    return ours or [ChangeLine(label=str(entry.get_change_message()))]


def _ours(message: str) -> Iterator[ChangeLine]:
    try:
        parts = json.loads(message)
    except json.JSONDecodeError:
        return
    for part in parts if isinstance(parts, list) else ():
        for line in part.get(_KEY) or (part.get("changed") or {}).get(_KEY) or ():
            yield _line(line)


def _line(line: Mapping[str, str]) -> ChangeLine:
    if "event" in line:
        label = str(EVENTS[line["event"]][1]) if line["event"] in EVENTS else line["event"]
        if line.get("detail"):
            label += pgettext("after a label", ": ") + line["detail"]
        return ChangeLine(label=label)
    name = line["field"]
    if "old" not in line:
        return ChangeLine(label=_label(name))
    return ChangeLine(label=_label(name), old=_shown(name, line["old"]), new=_shown(name, line["new"]), has_values=True)


def _field(name: str) -> "Field[Any, Any] | None":
    field = next((item for item in Profile._meta.get_fields() if item.name == name), None)  # noqa: SLF001
    return field if isinstance(field, Field) else None


def _label(name: str) -> str:
    field = _field(name)
    return str(_FORM_LABELS.get(name) or (capfirst(str(field.verbose_name)) if field else name))


def _shown(name: str, value: str) -> str:
    field = _field(name)
    if field is not None and field.get_internal_type() == "BooleanField":
        return _("yes") if value else _("no")
    if not value:
        return "–"
    if name == "provider":
        provider = provider_of(value)
        return provider.name.get(get_language() or "en") if provider else value
    choices: Iterable[Any] = (field.choices if field else None) or ()
    return str(dict(choices).get(value, value))
