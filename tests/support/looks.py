"""Looks at servers, as rows: what a profile's health has been, for pages and incidents."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from smtpadmin.models import HealthState, Look, LookSource, Profile

DAY = timedelta(days=1)
SHA256 = "4fb9c2f1d6a0e58b7c3d9e1f20a4b6c8d0e2f4a6b8c0d2e4f60718293a4b5c6d"


def look(profile: Profile, *, ago: timedelta, left: timedelta | None = None, **fields: Any) -> Look:
    """Record a look of some time ago, with a certificate that has `left` to live; with a cause it has failed."""
    now = timezone.now()
    seen = {} if left is None else {
        "certificate_from": now + left - 90 * DAY, "certificate_until": now + left, "certificate_sha256": SHA256,
        "certificate_issuer": "CN=E8, O=Example CA",
    }  # fmt: skip
    values = {"ok": "cause" not in fields, "seconds": 0.8, "source": LookSource.SIGN_IN} | seen | fields
    return Look.objects.create(profile=profile, at=now - ago, **values)


def last_look(profile: Profile, *, ago: timedelta = timedelta(hours=3), failures: int = 2, **fields: Any) -> Look:
    """Record the last look, and the state that follows from it."""
    profile.refresh_from_db()
    last = look(profile, ago=ago, **fields)
    state = {
        "due_at": timezone.now() + timedelta(hours=21), "profile_version": profile.updated_at, "last": last,
        "failures": 0 if last.ok else failures, "failing_since": None if last.ok else last.at,
        "certificate": last if last.certificate_until else None,
    }  # fmt: skip
    HealthState.objects.update_or_create(profile=profile, defaults=state)
    return last


def month_of_looks(
    profile: Profile, *, failing: tuple[int, ...] = (), mixed: tuple[int, ...] = (), **fields: Any
) -> None:
    """Record a look a day for the last 30 days but the first three; those so many days ago failed."""
    for days in range(1, 27):
        ago = days * DAY + timedelta(minutes=5)
        if days in failing or days in mixed:
            look(profile, ago=ago, **fields)
        if days not in failing:
            look(profile, ago=ago - timedelta(minutes=1))
