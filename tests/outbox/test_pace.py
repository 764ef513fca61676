"""What the rates of a profile, and its provider's for one recipient, do to claims and marks."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smtpadmin import outbox
from smtpadmin.courier import Courier
from smtpadmin.delivery import Delivered, deliver_batch
from smtpadmin.models import Circuit, Lane, Profile, RateLog
from smtpadmin.outbox import clock, pace, turn
from smtpadmin.worker import Worker, deliver_due
from tests.support.mail import claimed, columns, put, states
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, SmtpServer, StartServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PATIENCE", 0.0)


def ask(profile: Profile, claim: outbox.Claim, *, stop: bool = False) -> turn.Turn:
    return turn.Turns(profile, stop=lambda: stop).ask(claim, claim.messages)


def seconds_until(instant: datetime | None) -> float:
    assert instant is not None
    return (instant - timezone.now()).total_seconds()


def limited(profile: Profile) -> tuple[datetime | None, datetime | None]:
    circuit = Circuit.objects.get(profile=profile)
    return circuit.limited_until, circuit.urgent_limited_until


# Without rates


def test_a_profile_without_rates_pays_nothing_for_them() -> None:
    free, bound = make_profile(is_default=True), make_profile(slug="bound", rate_minute=100)
    counted = []
    for profile in (free, bound):
        put(profile)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            claim = claimed(profile)
            assert len(ask(profile, claim).marked) == 1
        counted.append([query["sql"] for query in queries])
    assert [statement for statement in counted[0] if "ratelog" in statement] == []
    assert len([statement for statement in counted[1] if "ratelog" in statement]) > 0
    # The mark is one statement, and no transaction around it.
    assert counted[0][-1].startswith("UPDATE")


# Marks


def test_a_mark_takes_as_many_as_the_rate_has_left_and_leaves_the_rest_claimed() -> None:
    profile = make_profile(is_default=True, rate_minute=10)
    messages = [put(profile) for _ in range(5)]
    first = claimed(profile)
    # Somebody else's claim, made while there was room, leaves first.
    assert pace.take_for(profile, ["you@example.org"] * 7) == 0
    got = ask(profile, first)
    assert (len(got.marked), got.gone) == (2, frozenset())
    assert [columns(message, "state", "phase") for message in messages] == [("sending", "data")] * 2 + [
        ("sending", "open")
    ] * 3
    assert outbox.give_back(first, [message.pk for message in messages[2:]]) == 3


def test_what_is_not_let_through_leaves_the_profile_alone_until_there_is_room() -> None:
    profile = make_profile(is_default=True, rate_minute=10)
    message = put(profile)
    claim = claimed(profile)
    pace.take_for(profile, ["you@example.org"] * 9)
    assert ask(profile, claim) == turn.Turn()
    outbox.give_back(claim, [message.pk])
    usual, urgent = limited(profile)
    assert 50 < seconds_until(usual) < 63
    assert urgent is None
    assert columns(message, "state", "attempts", "crashes") == ("queued", 0, 0)
    assert outbox.due_profiles() == []
    Circuit.objects.update(limited_until=timezone.now())
    assert outbox.due_profiles() == [profile.pk]


def test_urgent_mail_goes_when_the_others_may_not() -> None:
    profile = make_profile(is_default=True, rate_minute=10)
    pace.take_for(profile, ["you@example.org"] * 9)
    waiting = put(profile, lane=Lane.BULK)
    assert outbox.claim(profile, worker="w1") is None
    assert outbox.due_profiles() == []
    urgent = put(profile, lane=Lane.URGENT)
    assert outbox.due_profiles() == [profile.pk]
    claim = claimed(profile)
    assert [each.id for each in claim.messages] == [urgent.pk]
    assert ask(profile, claim).marked == {urgent.pk}
    # Now there is nothing left for them either.
    put(profile, lane=Lane.URGENT)
    assert outbox.claim(profile, worker="w1") is None
    assert [50 < seconds_until(each) < 63 for each in limited(profile)] == [True, True]
    assert outbox.due_profiles() == []
    assert states(waiting) == ["queued"]


def test_a_claim_takes_no_more_than_may_soon_go() -> None:
    profile = make_profile(is_default=True, rate_hour=10, batch=20)
    for _ in range(12):
        put(profile)
    assert len(claimed(profile).messages) == 9
    assert RateLog.objects.get().log == ""


def test_messages_of_different_urgency_are_not_marked_as_one() -> None:
    profile = make_profile(is_default=True, rate_minute=10)
    pace.take_for(profile, ["you@example.org"] * 7)
    usual, urgent = put(profile), put(profile, lane=Lane.URGENT)
    assert ask(profile, claimed(profile)).marked == {urgent.pk}
    assert states(usual, urgent) == ["sending", "sending"]


def test_each_recipient_counts() -> None:
    profile = make_profile(is_default=True, rate_minute=10)
    put(profile, *(f"{n}@example.org" for n in range(6)))
    put(profile, *(f"{n}@example.org" for n in range(6)))
    claim = claimed(profile)
    assert ask(profile, claim).marked == {claim.messages[0].id}


def test_one_that_needs_more_than_there_is_for_long_is_put_off_alone() -> None:
    profile = make_profile(is_default=True, rate_hour=10)
    pace.take_for(profile, ["you@example.org"] * 5)
    large, small = put(profile, *(f"{n}@example.org" for n in range(6))), put(profile)
    claim = claimed(profile)
    assert ask(profile, claim).gone == {large.pk}
    assert columns(large, "state", "attempts") == ("queued", 0)
    assert 3500 < seconds_until(columns(large, "due_at")[0]) < 3800
    assert turn.Turns(profile, stop=lambda: False).ask(claim, claim.messages[1:]).marked == {small.pk}
    assert limited(profile) == (None, None)


def test_one_that_needs_more_than_there_is_just_now_is_made_way_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PATIENCE", 3.0)
    profile = make_profile(is_default=True, rate_second=10)
    pace.take_for(profile, ["you@example.org"] * 5)
    large = put(profile, *(f"{n}@example.org" for n in range(9)))
    claim = claimed(profile)
    refused: list[float] = []

    def meanwhile() -> bool:
        refused.append(pace.take_for(profile, ["you@example.org"]))
        return False

    assert turn.Turns(profile, stop=meanwhile).ask(claim, claim.messages).marked == {large.pk}
    assert refused
    assert min(refused) > 0


def test_what_was_lost_meanwhile_is_told_from_what_has_to_wait() -> None:
    profile = make_profile(is_default=True, rate_minute=10)
    lost, kept = put(profile), put(profile)
    claim = claimed(profile)
    outbox.give_back(claim, [lost.pk])
    got = ask(profile, claim)
    assert (got.marked, got.gone) == ({kept.pk}, {lost.pk})


def test_changed_rates_let_a_profile_be_asked_at_once() -> None:
    profile = make_profile(is_default=True, rate_day=1)
    pace.take_for(profile, ["you@example.org"])
    put(profile)
    assert outbox.claim(profile, worker="w1") is None
    assert outbox.due_profiles() == []
    Profile.objects.update(rate_day=100)
    pace.reconsider(profile.pk)
    assert outbox.due_profiles() == [profile.pk]
    assert len(claimed(profile).messages) == 1


def test_a_stop_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PATIENCE", 3.0)
    profile = make_profile(is_default=True, rate_second=2)
    put(profile)
    claim = claimed(profile)
    pace.take_for(profile, ["you@example.org"])
    begun = clock.uptime()
    assert ask(profile, claim, stop=True) == turn.Turn()
    assert clock.uptime() - begun < 0.5
    assert limited(profile) == (None, None)


def test_a_turn_that_came_too_late_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = make_profile(is_default=True, rate_second=50)
    put(profile)
    claim = claimed(profile)
    instants: Iterator[float] = iter([100.0, 100.2, 200.0, 200.05])
    real = clock.uptime()
    monkeypatch.setattr(clock, "now_sql", lambda: ("%s", [real]))
    monkeypatch.setattr(clock, "uptime", lambda: next(instants))
    assert ask(profile, claim).at == 200.0
    monkeypatch.setattr(clock, "uptime", lambda: 300.0)
    # Paid for twice, because nobody knows when the first would have arrived.
    assert pace.take_for(profile, ["you@example.org"] * 44) > 0


# One recipient


def test_a_recipient_who_has_had_enough_waits_and_keeps_nobody_else_back() -> None:
    profile = make_profile(is_default=True, provider="tencent-ses")
    for _ in range(9):
        assert pace.take_for(profile, ["Often@example.org"]) == 0
    often = put(profile, "you@example.org", "often@example.org")
    others = [put(profile, "seldom@example.org") for _ in range(2)]
    claim = claimed(profile)
    assert ask(profile, claim).gone == {often.pk}
    assert columns(often, "state", "phase", "attempts", "crashes") == ("queued", "", 0, 0)
    assert 3500 < seconds_until(columns(often, "due_at")[0]) < 3800
    left = turn.Turns(profile, stop=lambda: False).ask(claim, claim.messages[1:])
    assert left.marked == {each.pk for each in others}
    # A reset link for him still goes.
    assert pace.take_for(profile, ["often@example.org"], urgent=True) == 0
    assert pace.take_for(profile, ["often@example.org"], urgent=True) > 3500


def test_a_mark_stops_before_a_recipient_who_has_had_enough() -> None:
    profile = make_profile(is_default=True, provider="tencent-ses")
    for _ in range(8):
        pace.take_for(profile, ["often@example.org"])
    messages = [put(profile, each) for each in ("often@example.org", "you@example.org", "often@example.org")]
    claim = claimed(profile)
    got = ask(profile, claim)
    assert (got.marked, got.gone) == ({messages[0].pk, messages[1].pk}, frozenset())


def test_recipients_are_not_named_where_they_are_counted() -> None:
    pace.take_for(make_profile(is_default=True, provider="tencent-ses"), ["secret@example.org"])
    scopes = list(RateLog.objects.values_list("scope", flat=True))
    assert [scope.partition(":")[0] for scope in scopes] == ["recipient"]
    assert "secret" not in "".join(scopes)


# Clocks and forgetting


def test_a_log_of_another_clock_goes_on_from_its_last_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = make_profile(is_default=True, rate_minute=10)
    pace.take_for(profile, ["you@example.org"] * 10, urgent=True)
    # The machine is started again, and its clock begins at nothing.
    monkeypatch.setattr(clock, "boot", lambda: "another")
    for second, granted in ((5.0, False), (30.0, False), (64.0, False), (68.0, True)):
        monkeypatch.setattr(clock, "now_sql", lambda at=second: ("%s", [at]))
        wait = pace.take_for(profile, ["you@example.org"], urgent=True)
        assert (wait == 0) is granted


def test_a_clock_that_was_set_back_lets_nothing_through_sooner_nor_keeps_it_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    profile = make_profile(is_default=True, rate_minute=10)
    for second, granted in ((10_000.0, True), (6_400.0, False), (6_430.0, False), (6_464.0, True)):
        monkeypatch.setattr(clock, "now_sql", lambda at=second: ("CAST(%s AS double precision)", [at]))
        wait = pace.take_for(profile, ["you@example.org"] * 10, urgent=True)
        assert (wait == 0) is granted


def test_what_limits_nothing_any_more_is_forgotten() -> None:
    profile = make_profile(is_default=True, provider="tencent-ses", rate_second=20)
    pace.take_for(profile, ["you@example.org"])
    assert (pace.forget(), RateLog.objects.count()) == (0, 2)
    RateLog.objects.filter(scope__startswith="recipient").update(until=timezone.now() - timedelta(seconds=1))
    outbox.clean()
    assert RateLog.objects.get().scope == f"profile:{profile.pk}"


# Through a server


def profile_on(server: SmtpServer, **fields: object) -> Profile:
    where: dict[str, object] = {"host": server.host, "port": server.port, "security": "none", "username": USERNAME}
    return make_profile(**{"password": PASSWORD, "is_default": True} | where | fields)


def test_who_waits_for_a_near_turn_keeps_the_connection(
    smtp_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "PATIENCE", 3.0)
    server = smtp_server()
    profile = profile_on(server, rate_second=5)
    messages = [put(profile) for _ in range(11)]
    begun = clock.uptime()
    assert deliver_due() == 11
    assert 2 < clock.uptime() - begun < 10
    assert (states(*messages), server.connections) == (["sent"] * 11, 1)
    # Waiting is no work of the server's, and nothing was taken back there.
    assert max(message.attempt_rows.get().seconds for message in messages) < 0.9


def test_what_has_to_wait_for_long_goes_back_as_it_was(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server, rate_hour=3)
    messages = [put(profile) for _ in range(5)]
    with Courier(profile) as courier:
        claim = claimed(profile)
        assert len(claim.messages) == 2
        assert deliver_batch(claim, courier) == Delivered(settled=2, paused=False)
    assert deliver_due() == 0
    assert states(*messages) == ["sent"] * 2 + ["queued"] * 3
    assert 3500 < seconds_until(limited(profile)[0]) < 3800
    assert [columns(each, "attempts", "crashes", "uncertain") for each in messages[2:]] == [(0, 0, 0)] * 3


def test_a_batch_that_others_have_left_no_room_for_ends_without_a_failure(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server, rate_hour=10)
    messages = [put(profile) for _ in range(3)]
    claim = claimed(profile)
    pace.take_for(profile, ["you@example.org"] * 8)
    with Courier(profile) as courier:
        delivered = deliver_batch(claim, courier)
    assert delivered.settled == 1
    assert states(*messages) == ["sent", "queued", "queued"]
    assert Circuit.objects.get().reason == ""


def test_a_recipient_s_own_limit_does_not_end_the_batch(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server, provider="tencent-ses")
    for _ in range(9):
        pace.take_for(profile, ["often@example.org"])
    messages = [put(profile, each) for each in ("a@example.org", "often@example.org", "b@example.org")]
    assert deliver_due() == 2
    assert states(*messages) == ["sent", "queued", "sent"]


def test_a_worker_leaves_a_used_up_profile_alone(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server, rate_hour=2)
    for _ in range(3):
        put(profile)
    worker = Worker()
    assert worker.drain() == 1
    before = Circuit.objects.get().claims
    for _ in range(5):
        worker.drain()
    assert (Circuit.objects.get().claims, server.connections) == (before, 1)
