"""Incidents: what is wrong now, and what has changed since that was last asked.

What is wrong is read from the looks of `health`, the paused profiles and the queue, and told once: an incident is
opened when something has been wrong for long enough to matter, and closed when it is over. Telling people is not done
here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from smtpadmin import limits
from smtpadmin.conf import conf
from smtpadmin.models import Circuit, HealthState, Incident, IncidentKind, Lane, Look, PauseReason, Profile
from smtpadmin.models.profile import Security
from smtpadmin.outbox import overview, sql

#: Days before the end of a certificate at which somebody is told. Of a certificate with a short life it is a third
#: and a ninth of that life: those are renewed by programs, at about a third.
CERTIFICATE_DAYS = (21, 7)
_SHARES = {21: 3, 7: 9}

#: For how long mail that is due may wait.
PATIENCE: Mapping[Lane, timedelta] = {
    Lane.URGENT: timedelta(minutes=10),
    Lane.NORMAL: timedelta(hours=1),
    Lane.BULK: timedelta(days=1),
}
#: A lost connection mends itself mostly; a refused sign-in and a certificate that is not trusted do not.
_PASSING = timedelta(minutes=5)
_LASTING = frozenset({PauseReason.AUTH, PauseReason.TLS})
#: Looks in a row that have to fail: the first may have met a server that was being restarted.
_FAILURES = 2

# Workers ask at about the same time, and one answer is enough.
_ONCE_IN = 5

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that is wrong now. Kind and key are what it is known by."""

    kind: IncidentKind
    key: str
    profile_id: int | None
    details: Mapping[str, Any]

    @property
    def name(self) -> Key:
        return self.kind.value, self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What began to be wrong, and what is over."""

    opened: tuple[Trouble, ...] = ()
    closed: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneAge:
    """What waits in a lane."""

    lane: Lane
    since: datetime
    count: int


def changes(known: Collection[Key], troubles: Sequence[Trouble]) -> Changes:
    """Return what has changed between the incidents that are open and what is wrong now."""
    names = {trouble.name for trouble in troubles}
    return Changes(
        opened=tuple(trouble for trouble in troubles if trouble.name not in known),
        closed=tuple(sorted(set(known) - names)),
    )


def troubles_of(profile: Profile, known: Collection[Key], now: datetime) -> Iterator[Trouble]:
    """Yield what is wrong with a profile, from its row, its pause and its looks, which have to be read with it.

    A server that refuses us is one trouble, whether a look or mail has met it: it keeps the name it was opened under.
    """
    circuit: Circuit | None = getattr(profile, "circuit", None)
    health: HealthState | None = getattr(profile, "health_state", None) if conf.check_every else None
    key = str(profile.pk)
    is_known_failing = (IncidentKind.PROFILE_FAILING.value, key) in known
    failed = health.failures if health is not None and health.last is not None else 0
    if failed and is_known_failing:
        yield _failing(profile, health)
    elif circuit is not None and circuit.reason and _matters(circuit, known, now):
        yield _paused(profile, circuit)
    elif failed >= _FAILURES:
        yield _failing(profile, health)
    if health is not None and health.certificate is not None:
        for days in certificate_warnings(profile, health.certificate, now):
            yield _expiring(profile, health.certificate, days)


def troubles_of_queue(lanes: Sequence[LaneAge], now: datetime) -> Iterator[Trouble]:
    """Yield the lanes in which mail that is due waits for too long."""
    for each in lanes:
        if now - each.since > PATIENCE[each.lane]:
            details = {"lane": each.lane.value, "since": each.since.isoformat(), "count": each.count}
            yield Trouble(kind=IncidentKind.QUEUE_OLD, key=str(each.lane.value), profile_id=None, details=details)


def certificate_warnings(profile: Profile, look: Look, now: datetime) -> tuple[int, ...]:
    """Return which of `CERTIFICATE_DAYS` have come for the certificate that a look has seen."""
    until = look.certificate_until
    if until is None or not profile.enabled or not _checks_certificate(profile):
        return ()
    life = until - (look.certificate_from or until - timedelta(days=365))
    return tuple(days for days in CERTIFICATE_DAYS if until - now <= min(timedelta(days=days), life / _SHARES[days]))


def update(now: datetime | None = None) -> Changes:
    """Open and close incidents by what is wrong now, and return what has changed; one worker at a time."""
    now = now or timezone.now()
    with sql.changes():
        # The row of this limit is locked until the end: whoever comes meanwhile waits, and is then told "not again".
        if not limits.take("incidents", count=1, seconds=_ONCE_IN):
            return Changes()
        rows = {(row.kind, row.key): row for row in Incident.objects.filter(closed_at=None)}
        found = changes(rows, _troubles(rows, now))
        Incident.objects.filter(pk__in=[rows[name].pk for name in found.closed]).update(closed_at=now)
        Incident.objects.bulk_create(
            Incident(
                kind=trouble.kind, key=trouble.key, profile_id=trouble.profile_id, opened_at=now,
                details=dict(trouble.details),
            )
            for trouble in found.opened
        )  # fmt: skip
    return found


def _troubles(known: Collection[Key], now: datetime) -> list[Trouble]:
    rows = Profile.objects.filter(enabled=True).defer("test_report", "ca_pem").order_by("pk")
    rows = rows.select_related("circuit", "health_state__last", "health_state__certificate")
    limited = {
        profile.pk
        for profile in rows
        if (circuit := getattr(profile, "circuit", None)) and circuit.limited_until and circuit.limited_until > now
    }
    return [
        *(trouble for profile in rows for trouble in troubles_of(profile, known, now)),
        *troubles_of_queue(_lanes(limited), now),
    ]


def _lanes(limited: Collection[int]) -> list[LaneAge]:
    """Return what waits in each lane, but for profiles whose rate is used up: that mail is meant to wait."""
    waiting = [each for each in overview.waiting() if each.profile_id not in limited]
    return [
        LaneAge(lane=lane, since=min(each.first_due for each in here), count=sum(each.count for each in here))
        for lane in Lane
        if (here := [each for each in waiting if each.lane is lane])
    ]


def _matters(circuit: Circuit, known: Collection[Key], now: datetime) -> bool:
    """Say whether a pause is worth telling: not one that a second connection ends."""
    if circuit.reason in _LASTING or (IncidentKind.PROFILE_PAUSED.value, str(circuit.profile_id)) in known:
        return True
    return circuit.since is not None and now - circuit.since > _PASSING


def _checks_certificate(profile: Profile) -> bool:
    return profile.security != Security.NONE and (profile.verifies_certificate or bool(profile.pinned_sha256))


def _failing(profile: Profile, health: HealthState | None) -> Trouble:
    assert health is not None and health.last is not None  # noqa: S101, PT018  asked before
    return Trouble(
        kind=IncidentKind.PROFILE_FAILING,
        key=str(profile.pk),
        profile_id=profile.pk,
        details=_about(profile) | _answer(health.last),
    )


def _paused(profile: Profile, circuit: Circuit) -> Trouble:
    return Trouble(
        kind=IncidentKind.PROFILE_PAUSED,
        key=str(profile.pk),
        profile_id=profile.pk,
        details=_about(profile) | _answer(circuit) | {"reason": circuit.reason},
    )


def _expiring(profile: Profile, look: Look, days: int) -> Trouble:
    assert look.certificate_until is not None  # noqa: S101  asked before
    return Trouble(
        kind=IncidentKind.CERTIFICATE_EXPIRES,
        key=f"{profile.pk}:{days}",
        profile_id=profile.pk,
        details=_about(profile)
        | {
            "host": profile.host,
            "until": look.certificate_until.isoformat(),
            "days": days,
            "issuer": look.certificate_issuer,
            "sha256": look.certificate_sha256,
        },
    )


def _about(profile: Profile) -> dict[str, Any]:
    return {"profile": profile.name, "provider": profile.provider}


def _answer(row: Look | Circuit) -> dict[str, Any]:
    """Return what the server last said. It was scrubbed of secrets when it was written."""
    return {name: getattr(row, name) for name in ("stage", "cause", "code", "enhanced", "reply")}
