"""Standing health: when each profile's server is looked at, and what is found there.

A look connects and signs in, as `checking` does, and sends nothing. One worker at a time looks at a profile; a
password that was refused is tried no more often than the breaker allows; and what real mail has shown lately is not
asked again. All of it is for a thread of its own: mail never waits for a look. `incidents` draws the conclusions.
"""

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from smtpadmin import checking, incidents, outbox, profiles, retry
from smtpadmin.conf import conf
from smtpadmin.crypto import CryptoError
from smtpadmin.models import Circuit, HealthState, Incident, Look, LookSource, Profile, TestState
from smtpadmin.models.profile import Security
from smtpadmin.outbox import overview, sql
from smtpadmin.outbox.judge import answer_of
from smtpadmin.retry import FailureClass
from smtpadmin.smtp import AuthError, Cause, Certificate, Deadlines, Secret, SmtpError, Stage, Step, TlsFacts

logger = logging.getLogger("smtpadmin.health")

#: How long looks, and incidents that are over, are kept.
KEEP = timedelta(days=90)
#: Somebody is at work on a profile that was changed or tested so lately, and sees for himself what becomes of it.
SETTLED = timedelta(minutes=15)
# Real mail says nothing of the certificate, so that is seen by a look at least this often.
_CERTIFICATE_SEEN = timedelta(days=7)
# From so long before its end on, a certificate is looked at daily: a new one ends the warning.
_CERTIFICATE_SOON = timedelta(days=30)
# Whoever looks at a server says nothing of it for so long; a worker that died may have had its password refused.
_LEASE = timedelta(seconds=900)
# Nobody waits for it, so it has the patience that real mail has with a slow server.
_DEADLINES = Deadlines(overall=120)
# The next look after one that failed, at first and at most. A password may have been mended at the provider's.
_SOONEST, _LATEST = timedelta(minutes=5), timedelta(hours=4)

UNOPENED = "The stored password does not open for the profile's present settings. Enter it again."

Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one look has found."""

    error: SmtpError | None
    seconds: float
    certificate: Certificate | None


def tend(*, stop: Stop = lambda: False) -> int:
    """Look at every server whose time has come, keep the incidents true, and return how many were looked at.

    Raise KeyringLocked when the stored passwords do not open.
    """
    every, looked = conf.check_every, 0
    if every is None:
        incidents.update()
        return 0
    _add_new()
    _notice_mail(every)
    incidents.update()
    for profile_id in _due(timezone.now()):
        if stop():
            break
        if _see_to(profile_id, every, stop):
            looked += 1
            incidents.update()
    return looked


def next_look(uid: UUID, now: datetime, every: timedelta) -> datetime:
    """Return when a profile that is well is looked at next: a time of its own, so that not all come at once."""
    seconds = int(every.total_seconds())
    offset = int.from_bytes(hashlib.sha256(uid.bytes).digest()[:8]) % seconds
    passed = (int(now.timestamp()) - offset) // seconds
    coming = datetime.fromtimestamp((passed + 1) * seconds + offset, tz=UTC)
    return coming if coming - now > every / 2 else coming + every


def look_again(kind: FailureClass, *, failures: int, every: timedelta) -> timedelta:
    """Return how long after the `failures`-th failure in a row the next look follows: ever longer, never too soon."""
    first = max(retry.pause(kind, failures=1, error=None), _SOONEST)
    doubled: timedelta = first * 2 ** min(failures - 1, 10)
    return min(doubled, _LATEST, every)


def prune() -> int:
    """Forget old looks and incidents; return how many rows that were."""
    before = timezone.now() - KEEP
    looks, _ = Look.objects.filter(at__lt=before).delete()
    over, _ = Incident.objects.filter(closed_at__lt=before).delete()
    return looks + over


# Whose time has come


def _add_new() -> None:
    new = Profile.objects.filter(enabled=True, health_state=None).values_list("pk", flat=True)
    now = timezone.now()
    HealthState.objects.bulk_create([HealthState(profile_id=pk, due_at=now) for pk in new], ignore_conflicts=True)


def _states() -> QuerySet[HealthState]:
    """Return the states of enabled profiles, with these and what is known of them."""
    rows = HealthState.objects.filter(profile__enabled=True)
    return rows.select_related("profile__circuit", "last", "certificate").defer("profile__test_report")


def _coming(now: datetime) -> QuerySet[HealthState]:
    """Return the states whose time has come, those that have waited longest first."""
    edited = Q(profile_version__isnull=False) & ~Q(profile_version=F("profile__updated_at"))
    # Mail has met something since the last look, and there may be no more of it to find out when it is over.
    paused_since = Q(profile__circuit__since__gt=F("last__at")) & ~Q(profile__circuit__reason="")
    mended_since = Q(failures__gt=0, profile__test_state=TestState.WORKING, profile__tested_at__gt=F("last__at"))
    settled = now - SETTLED
    return (
        _states()
        .filter(Q(due_at__lte=now) | Q(lease="") & (edited | paused_since | mended_since))
        .filter(Q(profile__tested_at=None) | Q(profile__tested_at__lte=settled), profile__updated_at__lte=settled)
        .order_by("due_at")
    )


def _due(now: datetime) -> Iterator[int]:
    """Yield the profiles to look at, by their ids."""
    found = list(_coming(now))
    with_mail = set(outbox.due_profiles()) if any(_pause(state.profile) for state in found) else set()
    for state in found:
        pause = _pause(state.profile)
        # Mail that is there tries a paused server by itself, and would have to wait for the look to end.
        if pause is None or (state.pk not in with_mail and _may_try(state.profile, pause, now)):
            yield state.pk


def _pause(profile: Profile) -> Circuit | None:
    circuit: Circuit | None = getattr(profile, "circuit", None)
    return circuit if circuit is not None and circuit.reason else None


def _may_try(profile: Profile, pause: Circuit, now: datetime) -> bool:
    return pause.probe_at is None or pause.probe_at <= now or pause.profile_version != profile.updated_at


# What real mail has shown


def _notice_mail(every: timedelta) -> None:
    """Note for profiles whose last look failed that mail has been sent since."""
    for state in _states().filter(failures__gt=0, lease=""):
        if state.last is None:
            continue
        # What was sent before an edit says nothing of the settings as they are now.
        since = max(state.last.at, state.profile.updated_at)
        if sent_at := overview.last_sent(state.pk, since=since):
            _note_mail(state, sent_at, every)


def _is_known_from_mail(state: HealthState, every: timedelta, now: datetime) -> datetime | None:
    """Return when mail was sent, where that was lately and says all that there is to know."""
    if state.profile.security != Security.NONE and not _certificate_is_known(state, now):
        return None
    pause = _pause(state.profile)
    begins = [now - every, state.profile.updated_at]
    if state.last is not None:
        begins.append(state.last.at)
    if pause is not None and pause.since is not None:
        begins.append(pause.since)
    return overview.last_sent(state.pk, since=max(begins))


def _certificate_is_known(state: HealthState, now: datetime) -> bool:
    seen = state.certificate
    if seen is None or seen.certificate_until is None:
        return False
    return now - seen.at < _CERTIFICATE_SEEN and seen.certificate_until - now > _CERTIFICATE_SOON


def _note_mail(state: HealthState, sent_at: datetime, every: timedelta) -> None:
    """Record that real mail has shown the profile to be well. Changes nothing where somebody looks, or has looked."""
    with sql.changes():
        if _as_read(state).update(lease="", profile_version=state.profile.updated_at):
            look = Look.objects.create(profile=state.profile, at=sent_at, source=LookSource.MAIL, ok=True)
            _write_well(state, look, every)


def _as_read(state: HealthState) -> QuerySet[HealthState]:
    """Return the row, where nobody has taken or ended a look since it was read."""
    return HealthState.objects.filter(pk=state.pk, lease=state.lease, due_at=state.due_at)


# A look


def _see_to(profile_id: int, every: timedelta, stop: Stop) -> bool:
    """Look at a profile's server, unless mail or another worker has; True when it was looked at."""
    now = timezone.now()
    # Read again: the looks before this one may have taken minutes.
    state = _coming(now).filter(pk=profile_id).first()
    if state is None:
        return False
    if sent_at := _is_known_from_mail(state, every, now):
        _note_mail(state, sent_at, every)
        return False
    password: Secret | None
    try:
        password = profiles.password(state.profile)
    except CryptoError:
        password = None
    claim = _take(state)
    if claim is None:
        return False
    at = timezone.now()
    try:
        finding = _look(state.profile, password, stop)
    except ValueError as error:
        # Settings that no server can have; forms let none through. The lease keeps it from being tried at once.
        logger.error("“%s” cannot be looked at: %s", state.profile.slug, error)  # noqa: TRY400  the text says it all
        return False
    if finding is None:
        return False
    _conclude(state, claim, finding, at=at, every=every)
    return True


def _take(state: HealthState) -> outbox.Claim | None:
    """Take the look: nobody else looks at this profile before it has ended, or its lease has."""
    profile, lease = state.profile, secrets.token_hex(16)
    until, claim = timezone.now() + _LEASE, None
    with sql.changes():
        if _as_read(state).update(lease=lease, due_at=until, profile_version=profile.updated_at):
            claim = outbox.claim_server(profile, lease=lease)
        if claim is None:
            transaction.set_rollback(True, using=sql.database().alias)
    return claim


def _look(profile: Profile, password: Secret | None, stop: Stop) -> Finding | None:
    """Connect and sign in. None: it was broken off, before any password was sent."""
    if password is None:
        return Finding(error=AuthError(UNOPENED, cause=Cause.PASSWORD_MISSING), seconds=0, certificate=None)
    error, seconds, certificate = None, 0.0, None
    with closing(checking.check(profile, password=password, deadlines=_DEADLINES)) as events:  # type: ignore[type-var]
        for event in events:
            if not isinstance(event, Step):
                continue
            seconds += event.seconds
            error = event.error
            certificate = _certificate_of(event) or certificate
            if error is None and event.stage is not Stage.AUTH and stop():
                return None
    return Finding(error=error, seconds=seconds, certificate=certificate)


def _certificate_of(step: Step) -> Certificate | None:
    """Return the certificate that the server has shown, trusted or not."""
    if step.error is not None:
        return step.error.certificate
    return step.facts.certificate if isinstance(step.facts, TlsFacts) else None


def _conclude(state: HealthState, claim: outbox.Claim, finding: Finding, *, at: datetime, every: timedelta) -> None:
    """Write what was found, and pause the profile or end its pause as a message in its place would have done."""
    profile, error = state.profile, finding.error
    with sql.changes():
        if not HealthState.objects.filter(pk=profile.pk, lease=claim.lease).update(lease=""):
            logger.warning("A look at “%s” took too long, and is not recorded.", profile.slug)
            return
        look = _write_look(profile, finding, at)
        if error is None:
            outbox.succeeded(claim, batch=profile.batch)
            _write_well(state, look, every)
            return
        kind = retry.classify(error)
        if kind is FailureClass.AUTH or (claim.probe and kind in retry.OF_THE_PROFILE):
            outbox.opened(claim, kind, error)
        _write_failed(state, look, kind, every)
    logger.warning("A look at “%s” failed. %s", profile.slug, error)


def _write_look(profile: Profile, finding: Finding, at: datetime) -> Look:
    answer = answer_of(finding.error, finding.error.reply if finding.error else None)
    seen = finding.certificate
    return Look.objects.create(
        profile=profile,
        at=at,
        ok=finding.error is None,
        seconds=round(finding.seconds, 3),
        stage=answer.stage,
        cause=answer.cause,
        code=answer.code,
        enhanced=answer.enhanced,
        reply=answer.reply,
        certificate_from=seen.not_before if seen else None,
        certificate_until=seen.not_after if seen else None,
        certificate_sha256=seen.sha256 if seen else "",
        certificate_issuer=seen.issuer[:255] if seen else "",
    )


def _write_well(state: HealthState, look: Look, every: timedelta) -> None:
    if state.failures:
        logger.info("“%s” is well again.", state.profile.slug)
    due_at = next_look(state.profile.uid, timezone.now(), every)
    _write(state, look, failures=0, failing_since=None, due_at=due_at)


def _write_failed(state: HealthState, look: Look, kind: FailureClass, every: timedelta) -> None:
    failures = state.failures + 1
    wait = look_again(kind, failures=failures, every=every)
    since = state.failing_since or look.at
    _write(state, look, failures=failures, failing_since=since, due_at=timezone.now() + wait)


def _write(state: HealthState, look: Look, **values: Any) -> None:
    if look.certificate_until is not None:
        values["certificate"] = look
    HealthState.objects.filter(pk=state.pk).update(last=look, **values)
