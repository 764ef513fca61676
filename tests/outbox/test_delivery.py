"""A claim through a server: what leaves, what is recorded, what goes back."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from smtpadmin import outbox
from smtpadmin.courier import Courier
from smtpadmin.delivery import Delivered, Point, deliver_batch
from smtpadmin.models import Attempt, Body, Circuit, Message, Profile
from smtpadmin.models.profile import today
from tests.support.certificates import CertificateFactory
from tests.support.mail import CONTENT, claimed, columns, end_leases, put, states
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, Security, SmtpServer, StartServer

pytestmark = pytest.mark.django_db(transaction=True)


def profile_on(server: SmtpServer, **fields: Any) -> Profile:
    where = {"host": server.host, "port": server.port, "security": "none", "username": USERNAME}
    return make_profile(**{"password": PASSWORD, "is_default": True} | where | fields)


def deliver(profile: Profile, **options: Any) -> Delivered:
    courier = Courier(profile)
    try:
        return deliver_batch(claimed(profile), courier, **options)
    finally:
        courier.close()


def test_a_batch_leaves_over_one_connection_and_is_recorded(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    messages = [put(profile) for _ in range(5)]
    assert deliver(profile) == Delivered(settled=5, paused=False)
    assert states(*messages) == ["sent"] * 5
    assert [received.content for received in server.messages] == [CONTENT] * 5
    assert (server.connections, Body.objects.count(), Attempt.objects.count()) == (1, 0, 5)


def test_each_message_is_marked_before_any_of_it_leaves(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    message = put(profile)
    seen: list[tuple[str, str, int]] = []

    def look(point: Point) -> None:
        if point in (Point.BEFORE_MARK, Point.MARKED, Point.ANSWERED, Point.SETTLED):
            seen.append((*columns(message, "state", "phase"), len(server.messages)))

    deliver(profile, reached=look)
    assert seen == [("sending", "open", 0), ("sending", "data", 0), ("sending", "data", 1), ("sent", "", 1)]


def test_partial_refusals_serve_the_others_once_and_name_the_refused(smtp_server: StartServer) -> None:
    replies = {"bad@example.org": "550 5.1.1 No such user", "later@example.org": "450 4.2.0 Greylisted"}
    server = smtp_server(replies=replies)
    profile = profile_on(server)
    message = put(profile, "a@example.org", "bad@example.org", "later@example.org")
    deliver(profile)
    assert [received.recipients for received in server.messages] == [("a@example.org",)]
    assert list(message.recipients.order_by("id").values_list("address", "state", "code", "enhanced", "reply")) == [
        ("a@example.org", "sent", None, "", ""),
        ("bad@example.org", "failed", 550, "5.1.1", "5.1.1 No such user"),
        ("later@example.org", "pending", 450, "4.2.0", "4.2.0 Greylisted"),
    ]
    Message.objects.update(due_at=timezone.now())
    deliver(profile)
    # The greylisting one is asked alone; nobody gets a second copy.
    assert len(server.messages) == 1
    assert states(message) == ["queued"]


def test_what_is_not_ours_any_more_does_not_leave(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    message = put(profile)

    def freeze(point: Point) -> None:
        if point is Point.BEFORE_MARK:
            end_leases()
            outbox.release()

    assert deliver(profile, reached=freeze) == Delivered(settled=0, paused=False)
    assert (server.messages, states(message), columns(message, "crashes")) == ([], ["queued"], (1,))


def test_a_stop_finishes_the_message_under_way_and_gives_back_the_rest(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    messages = [put(profile) for _ in range(3)]
    assert deliver(profile, stop=lambda: len(server.messages) == 1) == Delivered(settled=1, paused=False)
    assert states(*messages) == ["sent", "queued", "queued"]
    assert columns(messages[1], "attempts", "crashes", "uncertain") == (0, 0, 0)


def test_a_server_out_of_reach_pauses_the_profile_and_leaves_the_messages_untouched(smtp_server: StartServer) -> None:
    profile = profile_on(smtp_server(), port=1)
    messages = [put(profile) for _ in range(3)]
    assert deliver(profile) == Delivered(settled=1, paused=True)
    assert states(*messages) == ["queued"] * 3
    assert [columns(message, "attempts", "fence") for message in messages] == [(0, 1)] * 3
    circuit = Circuit.objects.get()
    assert (circuit.reason, circuit.cause, circuit.failures) == ("connect", "connection_refused", 1)
    assert 3 < (circuit.probe_at - timezone.now()).total_seconds() < 7
    assert outbox.due_profiles() == []
    assert outbox.claim(profile, worker="w2") is None


def test_a_refused_sign_in_is_tried_once_and_an_edit_ends_the_pause(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server, password="wrong")
    messages = [put(profile) for _ in range(3)]
    assert deliver(profile).paused
    assert len(server.logins) == 1
    assert Circuit.objects.get().reason == "auth"
    assert outbox.claim(profile, worker="w2") is None
    # Somebody mends the password: one message goes first, the others follow.
    from smtpadmin import profiles
    from smtpadmin.smtp import Secret

    profiles.set_password(profile, Secret(PASSWORD))
    profile.save()
    probe = claimed(profile)
    assert (len(probe.messages), probe.probe) == (1, True)
    assert outbox.claim(profile, worker="w2") is None
    courier = Courier(profile)
    deliver_batch(probe, courier)
    assert Circuit.objects.get().reason == ""
    while claim := outbox.claim(profile, worker="w1"):
        deliver_batch(claim, courier)
    courier.close()
    assert states(*messages) == ["sent"] * 3
    assert Circuit.objects.get().failures == 0


def test_a_quota_reply_pauses_the_profile_and_costs_no_attempt(smtp_server: StartServer) -> None:
    server = smtp_server(replies={"you@example.org": "550 5.4.5 Daily user sending limit exceeded."})
    profile = profile_on(server)
    message, other = put(profile), put(profile, "me@example.org")
    assert deliver(profile).paused
    assert columns(message, "state", "attempts") == ("queued", 0)
    assert states(other) == ["queued"]
    assert Circuit.objects.get().reason == "quota"


def test_a_body_that_does_not_open_fails_alone(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    bad, gone, good = put(profile), put(profile), put(profile)
    Body.objects.filter(message=bad).update(sealed=Body.objects.get(message=good).sealed)
    Body.objects.filter(message=gone).delete()
    assert deliver(profile) == Delivered(settled=3, paused=False)
    assert states(bad, gone, good) == ["failed", "failed", "sent"]
    assert columns(bad, "cause") == ("body_unreadable",)


def test_an_unexpected_error_records_what_is_known_and_gives_back_the_rest(smtp_server: StartServer) -> None:
    server = smtp_server()
    profile = profile_on(server)
    messages = [put(profile) for _ in range(3)]

    def fail(point: Point) -> None:
        if point is Point.ANSWERED and len(server.messages) == 2:
            raise RuntimeError("A bug.")

    with pytest.raises(RuntimeError):
        deliver(profile, reached=fail)
    # The second has left, and its answer is lost with the error: its lease will end, and it will be uncertain.
    assert states(*messages) == ["sent", "sending", "queued"]
    end_leases()
    outbox.release()
    assert states(*messages) == ["sent", "uncertain", "queued"]


def test_an_open_connection_is_not_used_past_the_end_of_the_unchecked_time(
    smtp_server: StartServer, certificates: CertificateFactory
) -> None:
    server = smtp_server(security=Security.IMPLICIT_TLS, certificate=certificates.self_signed)
    profile = profile_on(server, security="tls", skip_verify=True, skip_verify_reason="Own CA")
    with Courier(profile) as courier:
        first = put(profile)
        deliver_batch(claimed(profile), courier)
        second = put(profile)
        # The day after the last one, as far as this courier can tell.
        profile.skip_verify_until = today() - timedelta(days=1)
        deliver_batch(claimed(profile), courier)
    assert states(first, second) == ["sent", "queued"]
    assert (len(server.messages), len(server.logins)) == (1, 1)
    assert Attempt.objects.latest("id").cause == "tls_self_signed"
