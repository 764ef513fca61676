"""Incidents: what counts as wrong, told once, and closed when it is over."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import override_settings
from django.utils import timezone

from smtpadmin import incidents
from smtpadmin.incidents import Changes, Key, LaneAge, Trouble
from smtpadmin.models import Allowance, Circuit, HealthState, Incident, IncidentKind, Lane, Look, Message, Profile
from tests.support.mail import put
from tests.support.message_log import NO_CONNECTION, REFUSED_SIGN_IN
from tests.support.profiles import make_profile

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FAILING, PAUSED = ("profile_failing", "1"), ("profile_paused", "1")


def trouble(kind: IncidentKind = IncidentKind.PROFILE_FAILING, key: str = "1") -> Trouble:
    return Trouble(kind=kind, key=key, profile_id=None, details={})


def test_what_is_new_is_opened_and_what_is_gone_is_closed() -> None:
    first, second = trouble(key="1"), trouble(key="2")
    assert incidents.changes([], []) == Changes()
    assert incidents.changes([], [first]) == Changes(opened=(first,))
    assert incidents.changes([first.name], [first]) == Changes()
    assert incidents.changes([first.name], [second]) == Changes(opened=(second,), closed=(("profile_failing", "1"),))
    assert incidents.changes([PAUSED, FAILING], []) == Changes(closed=(FAILING, PAUSED))


def profile_with(
    *, failures: int = 0, certificate: Look | None = None, paused: dict[str, Any] | None = None, **fields: Any
) -> Profile:
    """Return a profile as `troubles_of` reads it; nothing is saved."""
    profile = Profile(**{"pk": 1, "name": "Main", "security": "tls", "host": "smtp.example.com"} | fields)
    last = Look(ok=not failures, **(NO_CONNECTION if failures else {}))
    profile.health_state = HealthState(failures=failures, last=last, certificate=certificate)
    # In place of `select_related`, which reads that there is none, too.
    circuit = None if paused is None else Circuit(profile=profile, **paused)
    Profile._meta.get_field("circuit").set_cached_value(profile, circuit)
    return profile


def names(profile: Profile, *known: Key) -> list[Key]:
    return [trouble.name for trouble in incidents.troubles_of(profile, known, NOW)]


def test_one_look_that_fails_may_have_met_a_restart() -> None:
    assert names(profile_with(failures=1)) == []
    assert names(profile_with(failures=2)) == [FAILING]
    # Once it is told it is over with the first look that goes well, and not before.
    assert names(profile_with(failures=1), FAILING) == [FAILING]
    assert names(profile_with(failures=0), FAILING) == []


def paused(reason: str, *, minutes: int = 0) -> dict[str, Any]:
    return {"reason": reason, "since": NOW - minutes * MINUTE} | REFUSED_SIGN_IN


@pytest.mark.parametrize(
    ("reason", "minutes", "told"),
    [("auth", 0, True), ("tls", 0, True), ("connect", 4, False), ("connect", 6, True), ("quota", 4, False),
     ("quota", 6, True)],
)  # fmt: skip
def test_a_pause_is_told_when_it_lasts(reason: str, minutes: int, told: bool) -> None:
    profile = profile_with(paused=paused(reason, minutes=minutes))
    assert names(profile) == ([PAUSED] if told else [])
    assert names(profile, PAUSED) == [PAUSED]


def test_a_server_that_lets_nobody_in_is_one_trouble_whoever_has_met_it() -> None:
    both = profile_with(failures=2, paused=paused("auth"))
    assert names(both) == [PAUSED]
    assert names(both, FAILING) == [FAILING]
    assert names(both, PAUSED) == [PAUSED]
    assert names(profile_with(paused=paused("auth")), FAILING) == [PAUSED]


def certificate(*, left: timedelta, life: timedelta = 90 * DAY) -> Look:
    return Look(certificate_until=NOW + left, certificate_from=NOW + left - life, certificate_issuer="CN=R3")


@pytest.mark.parametrize(
    ("left", "life", "days"),
    [
        (22, 90, []),
        (21, 90, [21]),
        (8, 90, [21]),
        (7, 90, [21, 7]),
        (-1, 90, [21, 7]),
        (21, 398, [21]),
        # Renewed by a program at a third of its life: until then all is well.
        (16, 47, []),
        (15, 47, [21]),
        (5, 47, [21, 7]),
        (3, 6, []),
        (2, 6, [21]),
    ],
)
def test_the_end_of_a_certificate_is_told_twice(left: int, life: int, days: list[int]) -> None:
    profile = profile_with(certificate=certificate(left=left * DAY, life=life * DAY))
    assert names(profile) == [("certificate_expires", f"1:{number}") for number in days]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"security": "none"}, False),
        ({"enabled": False}, False),
        ({"skip_verify": True, "skip_verify_until": datetime(2199, 1, 1, tzinfo=UTC).date()}, False),
        ({"skip_verify": True, "skip_verify_until": datetime(2001, 1, 1, tzinfo=UTC).date()}, True),
        ({"pinned_sha256": "0" * 64}, True),
    ],
)
def test_a_certificate_that_nobody_checks_may_end(fields: dict[str, Any], told: bool) -> None:
    profile = profile_with(certificate=certificate(left=DAY), **fields)
    assert bool(names(profile)) is told


@pytest.mark.parametrize(
    ("lane", "minutes", "told"),
    [(Lane.URGENT, 10, False), (Lane.URGENT, 11, True), (Lane.NORMAL, 60, False), (Lane.NORMAL, 61, True),
     (Lane.BULK, 1440, False), (Lane.BULK, 1441, True), (Lane.URGENT, -60, False)],
)  # fmt: skip
def test_mail_may_wait_for_as_long_as_its_lane_allows(lane: Lane, minutes: int, told: bool) -> None:
    age = LaneAge(lane=lane, since=NOW - minutes * MINUTE, count=3)
    found = list(incidents.troubles_of_queue([age], NOW))
    details = {"lane": lane.value, "since": age.since.isoformat(), "count": 3}
    expected = Trouble(kind=IncidentKind.QUEUE_OLD, key=str(lane.value), profile_id=None, details=details)
    assert found == ([expected] if told else [])


# The table


def update() -> tuple[list[Key], list[Key]]:
    """Return what was opened and closed, as if a while had passed since the last time."""
    Allowance.objects.filter(scope="incidents").delete()
    found = incidents.update()
    return [trouble.name for trouble in found.opened], list(found.closed)


def open_() -> list[tuple[str, str, int | None]]:
    return list(Incident.objects.filter(closed_at=None).order_by("id").values_list("kind", "key", "profile_id"))


@pytest.mark.django_db
def test_an_incident_is_opened_once_and_closed_when_it_is_over() -> None:
    profile = make_profile(provider="gmail")
    key = str(profile.pk)
    Circuit.objects.create(profile=profile, reason="auth", since=timezone.now(), **REFUSED_SIGN_IN)
    assert update() == ([("profile_paused", key)], [])
    assert update() == ([], [])
    (incident,) = Incident.objects.all()
    assert (incident.kind, incident.profile, incident.closed_at) == ("profile_paused", profile, None)
    assert incident.details == {"profile": "Main", "provider": "gmail", "reason": "auth"} | REFUSED_SIGN_IN
    Circuit.objects.update(reason="")
    assert update() == ([], [("profile_paused", key)])
    incident.refresh_from_db()
    assert incident.closed_at is not None
    # When it comes back it is another one.
    Circuit.objects.update(reason="auth")
    assert update() == ([("profile_paused", key)], [])
    assert Incident.objects.count() == 2


@pytest.mark.django_db
def test_what_looks_have_found_is_told_with_its_details() -> None:
    profile, now = make_profile(), timezone.now()
    seen = Look.objects.create(
        profile=profile, at=now, ok=False, certificate_from=now - 84 * DAY, certificate_until=now + 6 * DAY,
        certificate_issuer="CN=R3", certificate_sha256="ab" * 32, **NO_CONNECTION,
    )  # fmt: skip
    HealthState.objects.create(profile=profile, due_at=now, failures=2, failing_since=now, last=seen, certificate=seen)
    update()
    about = {"profile": "Main", "provider": ""}
    ends = {"host": "smtp.example.com", "until": (now + 6 * DAY).isoformat(), "issuer": "CN=R3", "sha256": "ab" * 32}
    assert list(Incident.objects.order_by("id").values_list("kind", "details")) == [
        ("profile_failing", about | NO_CONNECTION),
        ("certificate_expires", about | ends | {"days": 21}),
        ("certificate_expires", about | ends | {"days": 7}),
    ]
    with override_settings(SMTPADMIN={"CHECK_EVERY_HOURS": 0}):
        assert len(update()[1]) == 3


@pytest.mark.django_db
def test_old_mail_is_told_unless_a_rate_holds_it_back() -> None:
    profile = make_profile()
    put(profile)
    put(profile, lane=Lane.URGENT)
    Message.objects.update(due_at=timezone.now() - timedelta(minutes=30))
    assert update() == ([("queue_old", "0")], [])
    Circuit.objects.create(profile=profile, limited_until=timezone.now() + timedelta(hours=1))
    assert update() == ([], [("queue_old", "0")])


@pytest.mark.django_db
def test_a_profile_that_is_disabled_or_deleted_is_no_trouble_any_more() -> None:
    first, second = make_profile(), make_profile(slug="second")
    for profile in (first, second):
        Circuit.objects.create(profile=profile, reason="auth", since=timezone.now())
    update()
    Profile.objects.filter(pk=first.pk).update(enabled=False)
    key = str(second.pk)
    second.delete()
    assert open_() == [("profile_paused", str(first.pk), first.pk), ("profile_paused", key, None)]
    assert sorted(update()[1]) == sorted([("profile_paused", str(first.pk)), ("profile_paused", key)])


@pytest.mark.django_db
def test_workers_that_ask_at_the_same_time_get_one_answer() -> None:
    Circuit.objects.create(profile=make_profile(), reason="auth", since=timezone.now())
    assert len(incidents.update().opened) == 1
    Circuit.objects.update(reason="")
    assert incidents.update() == Changes()
    assert update() == ([], [("profile_paused", str(Profile.objects.get().pk))])


@pytest.mark.django_db
def test_the_database_takes_no_second_open_incident_of_the_same_name() -> None:
    Incident.objects.create(kind="queue_old", key="0", opened_at=NOW, closed_at=NOW)
    Incident.objects.create(kind="queue_old", key="0", opened_at=NOW)
    with pytest.raises(IntegrityError):
        Incident.objects.create(kind="queue_old", key="0", opened_at=NOW)
