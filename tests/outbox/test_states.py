"""The state machine: every way from one state to the next, and those that are closed."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smtpadmin import keys, outbox
from smtpadmin.models import Attempt, Body, Lane, Message, Profile, Recipient
from smtpadmin.outbox.claim import shares
from smtpadmin.smtp import Cause, RecipientError, RecipientResult, Reply, Result, UncertainError, Verdict
from tests.support.mail import CONTENT, LONG_AGO, claimed, columns, end_leases, outgoing, put, states
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db(transaction=True)

OK = Reply(250, "2.0.0", ("2.0.0 queued as 1",))


@pytest.fixture
def profile() -> Profile:
    return make_profile(is_default=True)


def sent(*recipients: str) -> Result:
    return Result(tuple(RecipientResult(each, Verdict.SENT, reply=OK) for each in recipients or ("you@example.org",)))


def refused(recipient: str, *, code: int = 550) -> RecipientResult:
    reply = Reply(code, "", ("No",))
    cause = Cause.RECIPIENT_REFUSED if code >= 500 else Cause.RECIPIENT_DEFERRED
    error = RecipientError("The server refused the recipient: No", cause=cause, reply=reply)
    return RecipientResult(recipient, Verdict.REFUSED if code >= 500 else Verdict.DEFERRED, reply=reply, error=error)


def silent(recipient: str) -> RecipientResult:
    return RecipientResult(recipient, Verdict.UNCERTAIN, error=UncertainError("No answer.", cause=Cause.UNCERTAIN))


def settle(claim: outbox.Claim, *results: Result) -> frozenset[int]:
    now = timezone.now()
    judged = [
        outbox.judge(message, result, now=now, seconds=0.1)
        for message, result in zip(claim.messages, results, strict=True)
    ]
    return outbox.settle(claim, judged)


def test_a_queued_message_is_stored_whole_and_sealed(profile: Profile) -> None:
    message = put(profile, "a@example.org", "b@example.org")
    assert (message.state, message.phase, message.fence, message.size) == ("queued", "", 0, len(CONTENT))
    assert (message.profile_slug, message.profile_name, message.message_id) == ("main", "Main", "<1@example.com>")
    assert list(message.recipients.values_list("address", "state")) == [
        ("a@example.org", "pending"),
        ("b@example.org", "pending"),
    ]
    assert b"Hello" not in message.body.sealed
    assert keys.keyring().open_bytes(message.body_context, message.body.sealed) == CONTENT


def test_a_rollback_unsends(profile: Profile) -> None:
    with transaction.atomic():
        put(profile)
        transaction.set_rollback(True)
    assert (Message.objects.count(), Body.objects.count(), Recipient.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize(("count", "statements"), [(4, 2), (60, 30)])
def test_large_bodies_are_stored_few_at_a_time(
    profile: Profile, monkeypatch: pytest.MonkeyPatch, count: int, statements: int
) -> None:
    # PostgreSQL takes no statement of a gigabyte.
    content = CONTENT + b"x" * 70 + b"\r\n"
    size = len(keys.keyring().seal_bytes("", content))
    monkeypatch.setitem(outbox.enqueue.__globals__, "_BODY_BYTES", 2 * size)
    with CaptureQueriesContext(connection) as said:
        outbox.enqueue([outgoing(profile, f"{n}@example.org", content=content) for n in range(count)])
    assert sum("INTO smtpadmin_body" in each["sql"] for each in said.captured_queries) == statements
    assert Body.objects.count() == count


def test_a_list_is_accepted_as_a_whole_with_each_body_at_its_message(profile: Profile) -> None:
    items = [outgoing(profile, f"{n}@example.org", content=CONTENT + b"%d\r\n" % n) for n in range(450)]
    queued = outbox.enqueue(items)
    assert len({each.id for each in queued}) == 450
    for n, each in enumerate(queued):
        message = Message.objects.select_related("body").get(pk=each.id)
        assert message.uid == each.uid
        assert keys.keyring().open_bytes(message.body_context, message.body.sealed).endswith(b"%d\r\n" % n)
        assert message.recipients.get().address == f"{n}@example.org"


def test_from_the_queue_to_sent(profile: Profile) -> None:
    message = put(profile)
    claim = claimed(profile)
    assert columns(message, "state", "phase", "fence", "lease") == ("sending", "open", 1, claim.lease)
    assert outbox.mark(claim, [message.pk]) == {message.pk}
    assert columns(message, "state", "phase") == ("sending", "data")
    assert settle(claim, sent()) == {message.pk}
    assert columns(message, "state", "phase", "lease", "recipients_sent", "attempts") == ("sent", "", "", 1, 1)
    assert message.recipients.get().state == "sent"
    assert not Body.objects.exists()
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.code, attempt.fence, attempt.worker) == ("sent", 250, 1, claim.lease)
    assert attempt.reply == "2.0.0 queued as 1"


def test_what_is_claimed_is_not_claimed_again(profile: Profile) -> None:
    put(profile)
    claimed(profile)
    assert outbox.claim(profile, worker="w2") is None
    assert outbox.due_profiles() == []


def test_the_batch_bounds_what_is_in_flight_over_all_workers(profile: Profile) -> None:
    profile.batch = 3
    profile.save()
    for _ in range(5):
        put(profile, lane=Lane.URGENT)
    assert len(claimed(profile).messages) == 3
    assert outbox.claim(profile, worker="w2") is None


def test_a_place_is_kept_for_urgent_mail(profile: Profile) -> None:
    profile.batch = 3
    profile.save()
    for _ in range(5):
        put(profile, lane=Lane.BULK)
    assert len(claimed(profile).messages) == 2
    urgent = put(profile, lane=Lane.URGENT)
    assert [each.id for each in claimed(profile, worker="w2").messages] == [urgent.pk]


@pytest.mark.parametrize(
    ("free", "due", "expected"),
    [
        (20, {Lane.URGENT: 0, Lane.NORMAL: 0, Lane.BULK: 500}, {Lane.BULK: 18}),
        (20, {Lane.URGENT: 500, Lane.NORMAL: 0, Lane.BULK: 0}, {Lane.URGENT: 20}),
        (13, {Lane.URGENT: 99, Lane.NORMAL: 99, Lane.BULK: 99}, {Lane.URGENT: 8, Lane.NORMAL: 4, Lane.BULK: 1}),
        (20, {Lane.URGENT: 1, Lane.NORMAL: 0, Lane.BULK: 99}, {Lane.URGENT: 1, Lane.BULK: 18}),
        (2, {Lane.URGENT: 0, Lane.NORMAL: 9, Lane.BULK: 9}, {}),
        (1, {Lane.URGENT: 5, Lane.NORMAL: 9, Lane.BULK: 9}, {Lane.URGENT: 1}),
    ],
)
def test_lanes_share_what_is_free(free: int, due: dict[Lane, int], expected: dict[Lane, int]) -> None:
    assert shares(free, due, reserve=2) == expected


@pytest.mark.parametrize("field", ["due_at", "expires_at"])
def test_what_is_not_due_or_no_longer_worth_sending_stays(profile: Profile, field: str) -> None:
    put(profile, **{field: timezone.now() + timedelta(hours=1) if field == "due_at" else LONG_AGO})
    assert outbox.due_profiles() == []
    assert outbox.claim(profile, worker="w1") is None


def test_a_disabled_profile_sends_nothing(profile: Profile) -> None:
    put(profile)
    Profile.objects.update(enabled=False, is_default=False)
    assert outbox.due_profiles() == []
    assert outbox.claim(profile, worker="w1") is None


def test_what_was_not_begun_is_given_back_untouched(profile: Profile) -> None:
    first, second = put(profile), put(profile)
    claim = claimed(profile)
    outbox.mark(claim, [first.pk])
    assert outbox.give_back(claim, [first.pk, second.pk]) == 2
    assert columns(first, "state", "phase", "attempts", "crashes") == ("queued", "", 0, 0)
    assert len(claimed(profile).messages) == 2


def test_each_recipient_goes_its_own_way(profile: Profile) -> None:
    message = put(profile, "a@example.org", "b@example.org", "c@example.org")
    claim = claimed(profile)
    outbox.mark(claim, [message.pk])
    settle(
        claim, Result((*sent("a@example.org").recipients, refused("b@example.org"), refused("c@example.org", code=450)))
    )
    assert columns(message, "state", "recipients_sent", "recipients_failed", "attempts") == ("queued", 1, 1, 1)
    assert list(message.recipients.order_by("id").values_list("state", "code")) == [
        ("sent", None),
        ("failed", 550),
        ("pending", 450),
    ]
    assert columns(message, "due_at")[0] > timezone.now() + timedelta(minutes=3)
    assert Body.objects.exists()
    assert Attempt.objects.get().outcome == "partial"
    # Only the deferred one is offered again, and then the whole is decided.
    Message.objects.update(due_at=LONG_AGO)
    again = claimed(profile)
    assert [each.address for each in again.messages[0].recipients] == ["c@example.org"]
    settle(again, sent("c@example.org"))
    assert columns(message, "state", "recipients_sent", "recipients_failed") == ("failed", 2, 1)


def test_silence_after_the_dot_is_uncertain_and_waits_for_a_decision(profile: Profile) -> None:
    message = put(profile)
    claim = claimed(profile)
    outbox.mark(claim, [message.pk])
    settle(claim, Result((silent("you@example.org"),)))
    assert columns(message, "state", "uncertain") == ("uncertain", 1)
    assert outbox.claim(profile, worker="w2") is None
    assert outbox.resend(message.pk) is True
    again = claimed(profile)
    settle(again, sent())
    # Sent, and marked for ever as one that may have come twice.
    assert columns(message, "state", "uncertain") == ("sent", 1)
    assert outbox.resend(message.pk) is False


def test_an_uncertain_message_can_be_given_up(profile: Profile) -> None:
    message = put(profile)
    claim = claimed(profile)
    settle(claim, Result((silent("you@example.org"),)))
    assert outbox.give_up(message.pk) is True
    assert (states(message), Body.objects.exists()) == (["failed"], False)
    assert outbox.give_up(message.pk) is False


def test_a_dead_workers_messages_go_back_where_nothing_had_left_and_are_uncertain_else(profile: Profile) -> None:
    marked, untouched = put(profile), put(profile)
    claim = claimed(profile)
    outbox.mark(claim, [marked.pk])
    assert outbox.release() == outbox.Released()
    end_leases()
    assert outbox.release() == outbox.Released(queued=1, uncertain=1)
    assert columns(untouched, "state", "fence", "crashes", "attempts") == ("queued", 2, 1, 0)
    assert columns(marked, "state", "fence", "uncertain", "attempts") == ("uncertain", 2, 1, 1)
    assert marked.recipients.get().state == "uncertain"
    assert list(Attempt.objects.values_list("outcome", "worker", "fence")) == [("lost", claim.lease, 1)] * 2


def test_a_late_worker_changes_nothing_and_its_result_is_recorded(profile: Profile) -> None:
    message = put(profile)
    late = claimed(profile, worker="late")
    end_leases()
    assert outbox.mark(late, [message.pk]) == frozenset()
    outbox.release()
    now = claimed(profile, worker="now")
    assert (outbox.mark(late, [message.pk]), outbox.renew(late), outbox.give_back(late, [message.pk])) == (
        frozenset(), 0, 0,
    )  # fmt: skip
    assert settle(late, sent()) == frozenset()
    assert columns(message, "state", "lease", "fence") == ("sending", now.lease, 3)
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["lost", "late"]
    assert settle(now, sent()) == {message.pk}


def test_a_late_result_of_a_message_that_was_removed_leaves_nothing(profile: Profile) -> None:
    put(profile)
    late = claimed(profile, worker="late")
    Message.objects.all().delete()
    assert settle(late, sent()) == frozenset()
    assert not Attempt.objects.exists()


def test_a_result_that_was_recorded_already_is_not_late(profile: Profile) -> None:
    # The connection was lost at COMMIT, and the worker tries again.
    put(profile)
    claim = claimed(profile)
    settle(claim, sent())
    assert settle(claim, sent()) == frozenset()
    assert Attempt.objects.get().outcome == "sent"


def test_a_renewed_lease_holds(profile: Profile) -> None:
    message = put(profile)
    claim = claimed(profile)
    before = columns(message, "lease_until")[0]
    assert outbox.renew(claim) == 1
    assert columns(message, "lease_until")[0] > before


def test_a_lease_of_another_start_of_the_machine_is_over(profile: Profile) -> None:
    message = put(profile)
    claim = claimed(profile)
    Message.objects.update(lease_boot="another")
    assert outbox.mark(claim, [message.pk]) == frozenset()
    assert outbox.release() == outbox.Released(queued=1)


def test_a_message_that_workers_die_over_is_claimed_alone_and_given_up(profile: Profile) -> None:
    poison = put(profile)
    for _ in range(5):
        Message.objects.exclude(pk=poison.pk).filter(state="queued").update(due_at=timezone.now() + timedelta(hours=1))
        claimed(profile)
        end_leases()
        outbox.release()
    assert columns(poison, "state", "cause", "crashes") == ("failed", "worker_lost", 5)


def test_a_suspect_takes_no_other_message_with_it(profile: Profile) -> None:
    suspect = put(profile)
    others = [put(profile) for _ in range(3)]
    Message.objects.filter(pk=suspect.pk).update(crashes=2)
    claims = [claim for _ in range(5) if (claim := outbox.claim(profile, worker="w"))]
    assert sorted(len(claim.messages) for claim in claims) == [1, 3]
    assert {each.id for claim in claims if len(claim.messages) == 1 for each in claim.messages} == {suspect.pk}
    assert states(*others) == ["sending"] * 3


def test_cancel_takes_back_what_is_queued_and_nothing_else(profile: Profile) -> None:
    message, flying = put(profile), put(profile, due_at=LONG_AGO)
    profile.batch = 1
    profile.save()
    claimed(profile)
    assert (outbox.cancel(message.pk), outbox.cancel(message.pk), outbox.cancel(flying.pk)) == (True, False, False)
    assert states(message, flying) == ["cancelled", "sending"]
    assert list(Body.objects.values_list("message_id", flat=True)) == [flying.pk]


def test_retry_now_makes_a_waiting_message_due_and_revives_a_failed_one(profile: Profile) -> None:
    message = put(profile, "a@example.org", "b@example.org", due_at=timezone.now() + timedelta(hours=3))
    assert outbox.retry_now(message.pk) is True
    claim = claimed(profile)
    settle(claim, Result((*sent("a@example.org").recipients, refused("b@example.org"))))
    assert states(message) == ["failed"]
    assert outbox.retry_now(message.pk) is True
    assert [each.address for each in claimed(profile).messages[0].recipients] == ["b@example.org"]
    assert outbox.retry_now(message.pk) is False


def test_what_is_past_its_time_expires_and_its_body_goes(profile: Profile) -> None:
    message, other = put(profile, expires_at=LONG_AGO), put(profile)
    assert outbox.expire() == 1
    assert states(message, other) == ["expired", "queued"]
    assert list(Body.objects.values_list("message_id", flat=True)) == [other.pk]


def test_mail_of_a_deleted_profile_fails_and_keeps_its_name(profile: Profile) -> None:
    message = put(profile)
    profile.delete()
    assert outbox.expire() == 1
    assert columns(message, "state", "cause", "profile_id", "profile_slug") == ("failed", "no_profile", None, "main")


def test_an_uncertain_reset_link_is_sent_once_more_by_itself(profile: Profile) -> None:
    urgent, normal = put(profile, lane=Lane.URGENT), put(profile)
    claim = claimed(profile)
    outbox.mark(claim, [urgent.pk, normal.pk])
    end_leases()
    outbox.release()
    assert outbox.resend_uncertain() == 0
    Message.objects.update(ended_at=timezone.now() - timedelta(minutes=6))
    assert outbox.resend_uncertain() == 1
    assert states(urgent, normal) == ["queued", "uncertain"]
    # Once: the second time somebody is asked.
    outbox.mark(claimed(profile), [urgent.pk])
    end_leases()
    outbox.release()
    Message.objects.update(ended_at=timezone.now() - timedelta(minutes=6))
    assert outbox.resend_uncertain() == 0


@pytest.mark.parametrize(
    "values",
    [
        {"state": "lost"},
        {"state": "sending"},
        {"lease": "w1"},
        {"state": "cancelled"},
        {"state": "sent", "ended_at": LONG_AGO},
    ],
)
def test_the_database_refuses_states_that_cannot_be(profile: Profile, values: dict[str, object]) -> None:
    message = put(profile)
    with pytest.raises(IntegrityError):
        Message.objects.filter(pk=message.pk).update(**values)


def test_claims_go_by_lane_and_then_by_age(profile: Profile) -> None:
    bulk, normal, urgent = (put(profile, lane=lane) for lane in (Lane.BULK, Lane.NORMAL, Lane.URGENT))
    older = put(profile, due_at=LONG_AGO)
    assert [each.id for each in claimed(profile).messages] == [urgent.pk, older.pk, normal.pk, bulk.pk]
