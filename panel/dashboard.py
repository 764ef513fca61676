"""What the front page shows besides the profiles themselves: whether there are any, and who changed what lately."""

from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from smtpadmin.models import Profile

RECENT = 6


def context(request: HttpRequest) -> dict[str, Any]:
    """Return the dashboard's own variables."""
    return {"has_profiles": Profile.objects.exists(), "recent_changes": recent_changes(request)}


def recent_changes(request: HttpRequest) -> QuerySet[LogEntry]:
    """Return the latest changes to whatever this user may look at."""
    models: list[type[Model]] = [model for model in (Profile, get_user_model()) if _may_view(request, model)]
    types = ContentType.objects.get_for_models(*models).values()
    return LogEntry.objects.filter(content_type__in=types).select_related("user", "content_type")[:RECENT]


def _may_view(request: HttpRequest, model: type[Model]) -> bool:
    label, name = model._meta.app_label, model._meta.model_name  # noqa: SLF001
    return any(request.user.has_perm(f"{label}.{verb}_{name}") for verb in ("view", "change"))
