"""Looks at servers: who is looked at when, what is recorded, and what it means for mail."""

import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.test import override_settings
from django.utils import timezone

from smtpadmin import health, incidents, outbox
from smtpadmin.exceptions import KeyringLocked
from smtpadmin.models import Circuit, HealthState, Incident, Look, Message, Profile
from smtpadmin.retry import FailureClass
from smtpadmin.smtp import Security
from smtpadmin.worker import deliver_due
from tests.support import canary, worker_process
from tests.support.behaviours import close, hang, say
from tests.support.certificates import CertificateFactory
from tests.support.hostile import Phase, hostile_server
from tests.support.mail import put, states
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, Login, SmtpServer, StartServer

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
GOOD, BAD = (Login(mechanism="PLAIN", username=USERNAME, accepted=accepted) for accepted in (True, False))


def settled(profile: Profile) -> Profile:
    """Let the profile's last change lie so far back that nobody is at work on it."""
    Profile.objects.filter(pk=profile.pk).update(updated_at=timezone.now() - 2 * DAY)
    profile.refresh_from_db()
    return profile


def profile_on(server: SmtpServer, **fields: Any) -> Profile:
    where = {"host": server.host, "port": server.port, "security": server.security.value, "username": USERNAME}
    return settled(make_profile(**{"password": PASSWORD, "ca_pem": server.ca_pem} | where | fields))


def due_now(profile: Profile) -> None:
    """Let a look be due, and everything that happened lie a little further back."""
    HealthState.objects.filter(pk=profile.pk).update(due_at=timezone.now())


def state_of(profile: Profile) -> HealthState:
    return HealthState.objects.select_related("last", "certificate").get(pk=profile.pk)


def circuit_of(profile: Profile) -> tuple[str, int, str]:
    return Circuit.objects.values_list("reason", "failures", "cause").get(pk=profile.pk)


def found(profile: Profile) -> list[tuple[str, bool, str, str]]:
    return list(Look.objects.filter(profile=profile).order_by("at").values_list("source", "ok", "stage", "cause"))


def test_a_look_signs_in_sends_nothing_and_is_recorded(
    smtp_server: StartServer, certificates: CertificateFactory
) -> None:
    server = smtp_server(security=Security.IMPLICIT_TLS)
    profile = profile_on(server)
    assert health.tend() == 1
    assert (server.logins, server.messages) == ([GOOD], [])
    assert found(profile) == [("sign-in", True, "", "")]
    look = Look.objects.get()
    assert look.certificate_sha256 == certificates.good.sha256
    assert look.certificate_until is not None
    assert look.certificate_from is not None
    assert look.certificate_from < timezone.now() < look.certificate_until
    assert "trustme" in look.certificate_issuer
    state = state_of(profile)
    assert (state.failures, state.lease, state.last, state.certificate) == (0, "", look, look)
    assert state.due_at == health.next_look(profile.uid, look.at, DAY)
    assert health.tend() == 0


def test_looks_are_switched_off_by_a_setting(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile_on(server)
    with override_settings(SMTPADMIN={"CHECK_EVERY_HOURS": 0}):
        assert health.tend() == 0
    assert server.connections == 0


@pytest.mark.parametrize("fields", [{"enabled": False}, {"tested_at": "now"}, {"updated_at": "now"}])
def test_nobody_looks_at_what_is_disabled_or_being_worked_on(smtp_server: StartServer, fields: dict[str, Any]) -> None:
    server = smtp_server()
    profile = profile_on(server)
    values = {name: timezone.now() if value == "now" else value for name, value in fields.items()}
    Profile.objects.filter(pk=profile.pk).update(**values)
    assert health.tend() == 0
    assert server.connections == 0


def test_a_locked_panel_looks_at_nothing(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    with override_settings(SMTPADMIN={"KEYS": []}), pytest.raises(KeyringLocked):
        health.tend()
    assert server.connections == 0
    assert state_of(profile).lease == ""


@pytest.mark.parametrize("hours", [1, 24, 100])
def test_every_profile_has_a_time_of_its_own(hours: int) -> None:
    every, now = timedelta(hours=hours), datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    times = [health.next_look(UUID(int=number), now, every) for number in range(50)]
    assert len(set(times)) > 40
    assert all(every / 2 < at - now <= every * 1.5 for at in times)
    # The same in every process, and from one day to the next.
    assert [health.next_look(UUID(int=number), at, every) for number, at in enumerate(times)] == [
        at + every for at in times
    ]


@pytest.mark.parametrize(
    ("kind", "minutes"),
    [(FailureClass.AUTH, [15, 30, 60, 120, 240, 240]), (FailureClass.CONNECT, [5, 10, 20, 40, 80, 160, 240, 240])],
)
def test_looks_follow_a_failure_ever_more_slowly(kind: FailureClass, minutes: list[int]) -> None:
    waits = [health.look_again(kind, failures=number, every=DAY) for number in range(1, len(minutes) + 1)]
    assert waits == [timedelta(minutes=each) for each in minutes]
    assert health.look_again(kind, failures=9, every=timedelta(hours=1)) == timedelta(hours=1)


# Refused


def test_a_refused_sign_in_pauses_the_profile_so_that_mail_waits(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server, password="wrong")
    assert health.tend() == 1
    assert found(profile) == [("sign-in", False, "auth", "auth_refused")]
    assert circuit_of(profile) == ("auth", 1, "auth_refused")
    message = put(profile)
    assert (deliver_due(), states(message)) == (0, ["queued"])
    assert server.logins == [BAD]


def test_a_refused_password_is_tried_once_in_a_quarter_of_an_hour_at_most(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server, password="wrong")
    health.tend()
    due_now(profile)
    assert health.tend() == 0
    assert server.logins == [BAD]
    Circuit.objects.update(probe_at=timezone.now())
    assert health.tend() == 1
    assert server.logins == [BAD, BAD]
    circuit = Circuit.objects.get()
    assert circuit.failures == 2
    assert circuit.probe_at is not None
    assert circuit.probe_at - timezone.now() > 14 * MINUTE


def test_what_real_mail_was_refused_is_not_tried_by_a_look(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server, password="wrong")
    put(profile)
    deliver_due()
    assert (server.logins, circuit_of(profile)) == ([BAD], ("auth", 1, "auth_refused"))
    assert health.tend() == 0
    # Mail that waits tries by itself when it is time, and need not wait for a look.
    Circuit.objects.update(probe_at=timezone.now())
    assert health.tend() == 0
    assert server.logins == [BAD]
    Message.objects.all().delete()
    assert health.tend() == 1


def test_a_look_that_goes_well_ends_the_pause(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server, password="wrong")
    health.tend()
    server.password = "wrong"
    Circuit.objects.update(probe_at=timezone.now())
    due_now(profile)
    assert health.tend() == 1
    assert circuit_of(profile) == ("", 0, "")
    assert state_of(profile).failures == 0
    message = put(profile)
    assert (deliver_due(), states(message)) == (1, ["sent"])


@pytest.mark.parametrize(("reason", "stage"), [("quota", "mail"), ("quota", "auth"), ("connect", "mail")])
def test_a_pause_that_a_sign_in_says_nothing_of_stays(smtp_server: StartServer, reason: str, stage: str) -> None:
    profile = profile_on(smtp_server())
    Circuit.objects.create(
        profile=profile, reason=reason, stage=stage, failures=1, probe_at=timezone.now(), since=timezone.now(),
        profile_version=profile.updated_at,
    )  # fmt: skip
    assert health.tend() == 1
    assert found(profile) == [("sign-in", True, "", "")]
    assert Circuit.objects.get().reason == reason


def test_a_server_out_of_reach_pauses_nothing_and_is_looked_at_again_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    profile = settled(make_profile(host="127.0.0.1", port=port, security="none", password=PASSWORD))
    assert health.tend() == 1
    assert found(profile) == [("sign-in", False, "tcp", "connection_refused")]
    assert circuit_of(profile) == ("", 0, "")
    state = state_of(profile)
    assert timedelta(0) < state.due_at - timezone.now() <= 5 * MINUTE
    since = state.failing_since
    due_now(profile)
    assert health.tend() == 1
    state = state_of(profile)
    assert (state.failures, state.failing_since) == (2, since)


def test_a_refused_certificate_is_recorded_too(smtp_server: StartServer, certificates: CertificateFactory) -> None:
    server = smtp_server(security=Security.IMPLICIT_TLS, certificate=certificates.expired)
    profile = profile_on(server)
    health.tend()
    look = Look.objects.get()
    assert found(profile) == [("sign-in", False, "tls", "tls_expired")]
    assert look.certificate_sha256 == certificates.expired.sha256
    assert look.certificate_until is not None
    assert look.certificate_until < timezone.now()
    assert state_of(profile).certificate == look
    assert server.logins == []


def test_a_password_that_was_sealed_for_other_settings_is_not_sent(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    Profile.objects.filter(pk=profile.pk).update(username="other@example.com")
    health.tend()
    assert found(profile) == [("sign-in", False, "auth", "password_missing")]
    assert circuit_of(profile) == ("auth", 1, "password_missing")
    assert server.connections == 0


def test_what_a_server_echoes_is_kept_without_the_secret() -> None:
    with hostile_server({Phase.AUTH: say(f"535 5.7.8 {canary.PASSWORD} is wrong for {canary.USERNAME}")}) as server:
        profile = make_profile(
            host=server.host, port=server.port, security="none", username=canary.USERNAME, password=canary.PASSWORD
        )
        settled(profile)
        health.tend()
    look = Look.objects.get()
    assert look.code == 535
    assert canary.PASSWORD not in look.reply
    assert canary.PASSWORD not in str(list(Incident.objects.values_list("details", flat=True)))


def test_an_edited_profile_is_looked_at_again_when_nobody_works_on_it_any_more(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    health.tend()
    profile.refresh_from_db()
    profile.batch = 5
    profile.save()
    assert health.tend() == 0
    Profile.objects.update(updated_at=timezone.now() - health.SETTLED)
    assert health.tend() == 1
    assert health.tend() == 0
    assert server.logins == [GOOD, GOOD]


def test_a_test_that_goes_well_is_a_reason_to_look_again(smtp_server: StartServer) -> None:
    server = smtp_server(security=Security.STARTTLS)
    profile = profile_on(server, ca_pem="")
    health.tend()
    assert found(profile) == [("sign-in", False, "tls", "tls_unknown_ca")]
    assert health.tend() == 0
    ago = timezone.now() - health.SETTLED
    Look.objects.update(at=ago - MINUTE)
    Profile.objects.update(test_state="working", tested_at=ago)
    assert health.tend() == 1


# What mail says


def sent_mail(profile: Profile, *, ago: timedelta) -> None:
    put(profile)
    deliver_due()
    at = timezone.now() - ago
    Message.objects.filter(state="sent").update(created_at=at, ended_at=at)


def test_mail_that_was_sent_lately_is_as_good_as_a_look(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    sent_mail(profile, ago=timedelta(hours=23))
    logins = len(server.logins)
    assert health.tend() == 0
    assert found(profile) == [("mail", True, "", "")]
    # Once: it is not the news of the next look as well.
    due_now(profile)
    assert health.tend() == 1
    assert len(server.logins) == logins + 1


def test_mail_that_was_sent_long_ago_is_not(smtp_server: StartServer) -> None:
    profile = profile_on(smtp_server())
    sent_mail(profile, ago=timedelta(hours=25))
    assert health.tend() == 1


@pytest.mark.parametrize(
    ("seen", "left", "looks"), [(1, 60, 0), (8, 60, 1), (1, 29, 1)], ids=["known", "seen long ago", "ends soon"]
)
def test_a_certificate_is_looked_at_once_a_week_whatever_mail_says(
    smtp_server: StartServer, seen: int, left: int, looks: int
) -> None:
    profile = profile_on(smtp_server(security=Security.STARTTLS))
    health.tend()
    now = timezone.now()
    Look.objects.update(at=now - seen * DAY, certificate_until=now + left * DAY)
    sent_mail(profile, ago=timedelta(hours=1))
    due_now(profile)
    assert health.tend() == looks


def test_mail_that_is_sent_after_a_failure_ends_it(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    yesterday = timezone.now() - DAY
    failed = Look.objects.create(profile=profile, at=yesterday, ok=False)
    HealthState.objects.create(
        profile=profile, due_at=timezone.now() + DAY, profile_version=profile.updated_at, failures=3,
        failing_since=yesterday, last=failed,
    )  # fmt: skip
    sent_mail(profile, ago=timedelta(hours=1))
    assert health.tend() == 0
    state = state_of(profile)
    assert (state.failures, state.failing_since) == (0, None)
    assert [ok for _source, ok, _stage, _cause in found(profile)] == [False, True]


def test_mail_that_was_sent_before_an_edit_says_nothing(smtp_server: StartServer) -> None:
    profile = profile_on(smtp_server())
    sent_mail(profile, ago=timedelta(hours=2))
    Profile.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    assert health.tend() == 1


def test_mail_that_was_sent_before_the_pause_says_nothing(smtp_server: StartServer) -> None:
    profile = profile_on(smtp_server())
    sent_mail(profile, ago=timedelta(hours=2))
    Circuit.objects.filter(profile=profile).update(
        reason="connect", stage="tcp", failures=1, since=timezone.now() - timedelta(hours=1), probe_at=timezone.now(),
        profile_version=profile.updated_at,
    )  # fmt: skip
    assert health.tend() == 1
    assert circuit_of(profile) == ("", 0, "")


# Several workers, and their end


def in_thread(act: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_two_workers_never_look_at_a_profile_at_once() -> None:
    with hostile_server({Phase.GREETING: hang}) as server:
        profile = make_profile(host=server.host, port=server.port, security="none", password=PASSWORD)
        settled(profile)
        stop = threading.Event()
        first = in_thread(lambda: health.tend(stop=stop.is_set))
        wait_for(lambda: HealthState.objects.exclude(lease="").exists())
        assert health.tend() == 0
        stop.set()
    first.join(60)
    assert not first.is_alive()


def test_who_takes_a_look_at_the_same_time_loses(smtp_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = profile_on(smtp_server())
    real = outbox.claim_server
    others: list[int] = []

    def slow(profile: Profile, *, lease: str) -> outbox.Claim | None:
        claim = real(profile, lease=lease)
        if not others:
            others.append(0)
            thread = in_thread(lambda: others.append(health.tend()))
            # SQLite makes the other wait for this transaction, PostgreSQL for the row.
            thread.join(0.5)
        return claim

    monkeypatch.setattr(outbox, "claim_server", slow)
    assert health.tend() == 1
    wait_for(lambda: len(others) == 2)
    assert others == [0, 0]
    assert len(found(profile)) == 1


def test_a_look_that_took_too_long_changes_nothing(smtp_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = profile_on(smtp_server())
    real = health._look

    def slow(*arguments: Any) -> Any:
        finding = real(*arguments)
        HealthState.objects.update(lease="another")
        return finding

    monkeypatch.setattr(health, "_look", slow)
    health.tend()
    assert found(profile) == []
    assert state_of(profile).lease == "another"


def test_a_look_is_broken_off_before_the_password_is_sent(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    asked = iter([False, True])
    assert health.tend(stop=lambda: next(asked, True)) == 0
    assert server.logins == []
    assert found(profile) == []
    # Whoever died may have been refused: it is left alone for as long as after that.
    assert state_of(profile).due_at - timezone.now() > 14 * MINUTE


def test_old_looks_are_forgotten_and_the_state_stays() -> None:
    profile = make_profile()
    now = timezone.now()
    old, new = (Look.objects.create(profile=profile, at=now - days * DAY, ok=True) for days in (91, 89))
    HealthState.objects.create(profile=profile, due_at=now, last=old)
    Incident.objects.create(kind="queue_old", key="0", opened_at=now - 100 * DAY)
    Incident.objects.create(kind="queue_old", key="1", opened_at=now - 100 * DAY, closed_at=now - 91 * DAY)
    assert health.prune() == 2
    assert list(Look.objects.all()) == [new]
    assert state_of(profile).last is None
    assert [incident.key for incident in Incident.objects.all()] == ["0"]


def wait_for(what: Callable[[], bool], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "It did not happen in time."
        time.sleep(0.02)


def test_a_worker_process_looks_beside_mail_and_ends_at_once() -> None:
    with hostile_server({Phase.GREETING: hang}) as silent, hostile_server({Phase.AUTH: close}) as other:
        looked_at = make_profile(slug="silent", host=silent.host, port=silent.port, security="none", password="x")
        settled(looked_at)
        worker = worker_process.start()
        with worker_process.ended(worker):
            wait_for(lambda: HealthState.objects.exclude(lease="").exists())
            # The server above answers nothing for a minute, and mail of others does not wait for that.
            mail = make_profile(slug="mail", host=other.host, port=other.port, security="none", password="x")
            put(mail)
            wait_for(lambda: Circuit.objects.filter(profile=mail).exclude(reason="").exists())
            assert HealthState.objects.exclude(lease="").exists()
            begun = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0
            assert time.monotonic() - begun < 20
    assert found(looked_at) == []


def test_a_worker_process_records_what_it_has_seen(smtp_server: StartServer) -> None:
    server = smtp_server(security=Security.STARTTLS)
    profile = profile_on(server)
    worker = worker_process.start()
    with worker_process.ended(worker):
        wait_for(lambda: bool(found(profile)))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    assert found(profile) == [("sign-in", True, "", "")]
    assert (server.logins, server.messages) == ([GOOD], [])
    assert incidents.update() == incidents.Changes()
