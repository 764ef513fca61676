"""The choice of permissions in a user's or group's form: checkboxes by model, in the reader's language.

Django's own widget is a pair of list boxes that needs scripts, fails accessibility rules (measured with axe-core) and
shows the names as the database has them, in English. It offers the framework's inner tables too.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django import forms
from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.forms.models import ModelChoiceIterator
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import pgettext_lazy

# The models that have pages; permissions on sessions, log entries and the like open nothing.
MODELS = (
    ("smtpadmin", "profile"),
    ("smtpadmin", "message"),
    ("smtpadmin", "alertchannel"),
    ("auth", "user"),
    ("auth", "group"),
)
VERBS: dict[str, str | Promise] = {
    "view": pgettext_lazy("permission", "View"),
    "add": pgettext_lazy("permission", "Add"),
    "change": pgettext_lazy("permission", "Change"),
    "delete": pgettext_lazy("permission", "Delete"),
    "test": pgettext_lazy("permission", "Send test emails"),
    "decide": pgettext_lazy("permission", "Try again, cancel, send again"),
    "read": pgettext_lazy("permission", "Read subjects and texts (private)"),
}
_ORDER = {verb: position for position, verb in enumerate(VERBS)}


def offered() -> QuerySet[Permission]:
    """Return the permissions that mean something in the panel."""
    permissions = Permission.objects.none()
    for app_label, model in MODELS:
        permissions |= Permission.objects.filter(content_type__app_label=app_label, content_type__model=model)
    return permissions.select_related("content_type").order_by("-content_type__app_label", "-content_type__model", "pk")


class _ByModel(ModelChoiceIterator):  # type: ignore[type-arg]  # generic in the stubs only
    def __iter__(self) -> Iterator[Any]:
        for content_type, permissions in groupby(self.queryset, key=lambda permission: permission.content_type):
            in_order = sorted(permissions, key=lambda permission: _ORDER.get(_verb(permission), len(_ORDER)))
            yield (capfirst(content_type.name), [self.choice(permission) for permission in in_order])


class PermissionsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """One line of checkboxes for each model."""

    iterator = _ByModel
    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        return str(VERBS.get(_verb(obj), obj.name))


def _verb(permission: Permission) -> str:
    return permission.codename.partition("_")[0]
