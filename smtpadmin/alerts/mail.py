"""Alerts by mail: composed as every message is, and queued before others in a profile that is not in trouble."""

from django.core.mail import EmailMessage

from smtpadmin import outbox
from smtpadmin.alerts.alert import Alert
from smtpadmin.alerts.outcome import LONGEST_DETAIL, Outcome, Reason
from smtpadmin.compose import compose, split
from smtpadmin.exceptions import KeyringLocked, MessageRefused, OutboxFull
from smtpadmin.models import AlertChannel, Circuit, Incident, IncidentKind, Lane, PauseReason, Profile

# These keep mail from leaving through a profile.
_STOPPING = (IncidentKind.PROFILE_FAILING, IncidentKind.PROFILE_PAUSED)


def send(channel: AlertChannel, alert: Alert) -> Outcome:
    """Queue the alert. Whether it then arrives is said by its message, like any other's."""
    profile = channel.profile
    reason = unusable(profile, alert)
    if reason is not None or profile is None:
        return Outcome(reason or Reason.NO_PROFILE)
    if not channel.recipients:
        return Outcome(Reason.NO_RECIPIENT)
    message = EmailMessage(
        subject=f"[smtpadmin] {alert.subject}",
        body=alert.text,
        to=list(channel.recipients),
        # RFC 3834: no automatic answer is wanted.
        headers={"Auto-Submitted": "auto-generated"},
    )
    try:
        parts = split(compose(message, profile), profile.max_recipients)
        queued = outbox.enqueue([outbox.Outgoing(profile=profile, envelope=part, lane=Lane.URGENT) for part in parts])
    except MessageRefused as error:
        return Outcome(Reason.MESSAGE_REFUSED, str(error)[:LONGEST_DETAIL])
    except OutboxFull:
        return Outcome(Reason.NO_ROOM)
    except KeyringLocked:
        return Outcome(Reason.LOCKED)
    return Outcome(message_uid=queued[0].uid)


def unusable(profile: Profile | None, alert: Alert) -> Reason | None:
    """Say why the alert may not leave through `profile`; None: it may.

    A fallback of the profile in trouble may, unless it is in trouble too.
    """
    if profile is None:
        return Reason.NO_PROFILE
    if profile.pk == alert.profile_id:
        return Reason.SAME_PROFILE
    if not profile.enabled:
        return Reason.PROFILE_DISABLED
    failing = Incident.objects.filter(profile=profile, kind__in=_STOPPING, closed_at=None).exists()
    paused = Circuit.objects.filter(profile=profile).exclude(reason=PauseReason.NONE).exists()
    return Reason.PROFILE_FAILING if failing or paused else None
