"""Who is to be told what, and when: the rows that keep workers from telling a thing twice.

A notice is made once for each incident, channel and event, which a constraint holds; it is taken by moving its time on,
in one statement that only one worker's can win. A worker that dies over one leaves it to be taken again: rarely twice,
never not at all. Sending is `channels`'.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q

from smtpadmin.alerts.outcome import FOR_GOOD, Outcome
from smtpadmin.models import AlertChannel, AlertEvent, AlertNotice, Incident, NoticeState

#: Trouble that comes back within this time of its end is the same trouble,
RETURNS_WITHIN = timedelta(minutes=30)
#: and is announced once in this time.
ONCE_PER = timedelta(hours=1)
#: How long a notice that cannot be sent is tried again.
PATIENCE = timedelta(hours=24)

# Longer than any kind of channel takes.
_LEASE = timedelta(minutes=3)
_BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20, 30))
_THEN = timedelta(hours=1)
# Of a channel in one round; what is more waits for the next.
_MOST = 50

# Whether a notice's incident goes on. Not as a join: Django puts that, and every condition beside it, into a subquery,
# and PostgreSQL does not ask that again when it has waited for another worker's change of the row.
_INCIDENT = Incident.objects.filter(pk=OuterRef("incident_id"))
_IS_OPEN = Exists(_INCIDENT.filter(closed_at=None))
_IS_OVER = Exists(_INCIDENT.filter(closed_at__isnull=False))


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of one series of incidents when one of them is announced to a channel."""

    #: When the last one before it ended; None: there was none.
    ended_at: datetime | None = None
    #: When the channel was last told that one of them had begun.
    told_at: datetime | None = None


def when(opened_at: datetime, past: Past, *, now: datetime) -> datetime:
    """Return when the beginning of an incident is announced: at once, or later when it comes and goes."""
    returned = past.ended_at is not None and past.ended_at >= opened_at - RETURNS_WITHIN
    if not returned or past.told_at is None:
        return now
    return max(now, past.told_at + ONCE_PER)


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many tries that failed."""
    return _BACK_OFF[attempts - 1] if attempts <= len(_BACK_OFF) else _THEN


def plan(now: datetime) -> int:
    """Make the notices that are missing, and drop those that are too late; return how many were made."""
    channels = list(AlertChannel.objects.filter(enabled=True).only("pk", "kinds"))
    if not channels:
        return 0
    recent = Q(closed_at=None) | Q(closed_at__gt=now - PATIENCE)
    incidents = list(Incident.objects.filter(recent).order_by("opened_at"))
    have = {
        (notice.incident_id, notice.channel_id, notice.event): notice.state
        for notice in AlertNotice.objects.filter(incident__in=incidents).only("incident", "channel", "event", "state")
    }
    still = {(incident.kind, incident.key) for incident in incidents if incident.closed_at is None}
    missing = [
        notice
        for incident in incidents
        # What is back already is not told to be over.
        if incident.closed_at is None or (incident.kind, incident.key) not in still
        for notice in _missing(incident, channels, have, now)
    ]
    if (AlertEvent.OPENED, NoticeState.WAITING) in {(event, state) for (_, _, event), state in have.items()}:
        _drop_what_is_over()
    AlertNotice.objects.bulk_create(missing, ignore_conflicts=True)
    return len(missing)


def _missing(
    incident: Incident, channels: Iterable[AlertChannel], have: dict[tuple[int, int, str], str], now: datetime
) -> Iterable[AlertNotice]:
    for channel in channels:
        told = have.get((incident.pk, channel.pk, AlertEvent.OPENED))
        if incident.closed_at is None:
            if told is None and hears_of(channel, incident.kind):
                due = when(incident.opened_at, _past(incident, channel), now=now)
                yield _notice(incident, channel, AlertEvent.OPENED, now=now, due=due)
        elif told == NoticeState.SENT and (incident.pk, channel.pk, AlertEvent.RESOLVED) not in have:
            yield _notice(incident, channel, AlertEvent.RESOLVED, now=now, due=now)


def hears_of(channel: AlertChannel, kind: str) -> bool:
    """Say whether the channel tells of this kind of incident."""
    return not channel.kinds or kind in channel.kinds


def _notice(
    incident: Incident, channel: AlertChannel, event: AlertEvent, *, now: datetime, due: datetime
) -> AlertNotice:
    return AlertNotice(incident=incident, channel=channel, event=event, created_at=now, due_at=due)


def _past(incident: Incident, channel: AlertChannel) -> Past:
    series = Incident.objects.filter(kind=incident.kind, key=incident.key).exclude(pk=incident.pk)
    ended = series.filter(closed_at__gte=incident.opened_at - RETURNS_WITHIN).order_by("-closed_at").first()
    told = (
        AlertNotice.objects.filter(
            channel=channel, event=AlertEvent.OPENED, state=NoticeState.SENT, incident__in=series
        )
        .order_by("-sent_at")
        .first()
    )
    return Past(ended_at=ended.closed_at if ended else None, told_at=told.sent_at if told else None)


def times_lately(incident: Incident, *, now: datetime) -> int:
    """Return how often this trouble has begun within the last hour."""
    series = Incident.objects.filter(kind=incident.kind, key=incident.key)
    return series.filter(opened_at__gt=now - ONCE_PER).count()


def _drop_what_is_over() -> None:
    """Drop what was not told in time: nobody is told of a beginning after the end."""
    waiting = AlertNotice.objects.filter(state=NoticeState.WAITING, event=AlertEvent.OPENED)
    waiting.filter(_IS_OVER).update(state=NoticeState.DROPPED)


def due(now: datetime) -> Sequence[AlertNotice]:
    """Return the notices to send now, some of each channel: nobody waits behind what another does not take."""
    waiting = AlertNotice.objects.filter(state=NoticeState.WAITING, due_at__lte=now, channel__enabled=True)
    rows = waiting.select_related("incident__profile", "channel__profile").order_by("due_at", "pk")
    channels = waiting.order_by("channel").values_list("channel", flat=True).distinct()
    found = [notice for channel in channels for notice in rows.filter(channel=channel)[:_MOST]]
    return sorted(found, key=lambda notice: (notice.due_at, notice.pk))


def take(notice: AlertNotice, *, now: datetime) -> bool:
    """Take a notice for sending; False: another worker was faster, or there is nothing to tell any more."""
    until = now + _LEASE
    rows = AlertNotice.objects.filter(pk=notice.pk, state=NoticeState.WAITING, due_at=notice.due_at)
    if notice.event == AlertEvent.OPENED:
        rows = rows.filter(_IS_OPEN)
    # Without the reason of the try before, which `reconsider` goes by.
    if not rows.update(due_at=until, attempts=F("attempts") + 1, reason="", detail=""):
        return False
    notice.due_at, notice.attempts = until, notice.attempts + 1
    return True


def give_back(notice: AlertNotice, *, now: datetime) -> None:
    """Undo `take`: the worker stops, and nothing was sent."""
    AlertNotice.objects.filter(pk=notice.pk, state=NoticeState.WAITING, due_at=notice.due_at).update(
        due_at=now, attempts=F("attempts") - 1
    )


def settle(notice: AlertNotice, outcome: Outcome, *, now: datetime) -> None:
    """Write what became of a notice that was taken."""
    taken = AlertNotice.objects.filter(pk=notice.pk, due_at=notice.due_at)
    if outcome.ok:
        # Also where it was dropped meanwhile, because the incident ended: who has heard of it hears of the end, too.
        told = taken.filter(state__in=(NoticeState.WAITING, NoticeState.DROPPED))
        told.update(state=NoticeState.SENT, sent_at=now, reason="", detail="")
        return
    rows = taken.filter(state=NoticeState.WAITING)
    reason = outcome.reason or ""
    next_try = now + pause_after(notice.attempts)
    if outcome.reason in FOR_GOOD:
        rows.update(state=NoticeState.DROPPED, reason=reason, detail=outcome.detail)
    elif next_try > notice.created_at + PATIENCE:
        rows.update(state=NoticeState.FAILED, reason=reason, detail=outcome.detail)
    else:
        rows.update(due_at=next_try, reason=reason, detail=outcome.detail)


def reconsider(channel: AlertChannel, *, now: datetime) -> None:
    """Try at once what could not be sent: the channel has been changed. Trouble that comes and goes still waits."""
    AlertNotice.objects.filter(channel=channel, state=NoticeState.WAITING, attempts__gt=0).exclude(reason="").update(
        due_at=now
    )
