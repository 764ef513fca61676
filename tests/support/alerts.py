"""Incidents and channels for tests."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from smtpadmin.alerts import channels
from smtpadmin.models import AlertChannel, AlertNotice, Incident, Profile
from smtpadmin.smtp import Secret

REFUSED_SIGN_IN = {
    "stage": "auth",
    "cause": "auth_refused",
    "code": 535,
    "enhanced": "5.7.8",
    "reply": "Username and Password not accepted",
}


def make_incident(
    profile: Profile | None, *, kind: str = "profile_failing", key: str = "", ago: float = 0, **fields: Any
) -> Incident:
    """Open an incident `ago` minutes ago."""
    details = {"profile": profile.name, "provider": profile.provider, **REFUSED_SIGN_IN} if profile else {}
    return Incident.objects.create(
        kind=kind,
        profile=profile,
        key=key or str(profile.pk if profile else 0),
        opened_at=timezone.now() - timedelta(minutes=ago),
        **{"details": details, **fields},
    )


def close(incident: Incident, *, ago: float = 0) -> None:
    """End it `ago` minutes ago."""
    incident.closed_at = timezone.now() - timedelta(minutes=ago)
    incident.save(update_fields=["closed_at"])


def make_channel(
    *, kind: str = "mail", name: str = "Ops", url: str = "", secret: str = "", hint: str = "", **fields: Any
) -> AlertChannel:
    """Save and return a channel; `url` and `secret` are sealed into it."""
    channel = AlertChannel(kind=kind, name=name, **fields)
    if url:
        channels.set_target(channel, Secret(url), hint=hint)
    channels.set_secret(channel, Secret(secret))
    channel.save()
    return channel


def notices(**fields: Any) -> list[tuple[str, str]]:
    """Return event and state of what was to be told, in order."""
    return list(AlertNotice.objects.filter(**fields).order_by("pk").values_list("event", "state"))


def let_pass(span: timedelta) -> None:
    """Move everything that is on record into the past, as if `span` had gone by."""
    for model, names in (
        (AlertNotice, ("created_at", "due_at", "sent_at")),
        (Incident, ("opened_at", "closed_at")),
    ):
        for row in model._default_manager.all():
            moved: dict[str, datetime] = {
                name: value - span for name in names if (value := getattr(row, name)) is not None
            }
            model._default_manager.filter(pk=row.pk).update(**moved)
