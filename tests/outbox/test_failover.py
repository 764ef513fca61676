"""Fallback profiles: which failures move a message, where to, and what it says when it gets there."""

from typing import Any

import pytest
from django.utils import timezone

from smtpadmin import outbox, profiles
from smtpadmin.models import Attempt, Circuit, FromPolicy, Lane, Message, Profile
from smtpadmin.smtp import Envelope, Secret, Security
from smtpadmin.worker import deliver_due
from tests.support import canary
from tests.support.behaviours import Behaviour, close, say
from tests.support.certificates import CertificateFactory
from tests.support.hostile import HostileServer, Phase, hostile_server
from tests.support.mail import states
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, SmtpServer, StartServer

pytestmark = pytest.mark.django_db(transaction=True)

CONTENT = b"From: Shop <shop@example.com>\r\nMessage-ID: <1@example.com>\r\nSubject: Hello\r\n\r\nFrom: text\r\n"


def profile_on(server: SmtpServer, slug: str, **fields: Any) -> Profile:
    where = {"host": server.host, "port": server.port, "security": "none", "username": USERNAME}
    return make_profile(slug=slug, **{"password": PASSWORD} | where | fields)


def profile_at(server: HostileServer, slug: str, **fields: Any) -> Profile:
    where: dict[str, Any] = {"host": server.host, "port": server.port, "security": "none", "username": canary.USERNAME}
    return make_profile(slug=slug, password=canary.PASSWORD, **where | fields)


def put(profile: Profile, *recipients: str, asked_from: str = "Shop <shop@example.com>") -> Message:
    envelope = Envelope("shop@example.com", recipients or ("you@example.org",), CONTENT)
    (queued,) = outbox.enqueue([outbox.Outgoing(profile=profile, envelope=envelope, asked_from=asked_from)])
    return Message.objects.get(pk=queued.id)


def move_server(profile: Profile, *, port: int) -> None:
    """Save the profile with another port, and the secret typed again for it."""
    profile.refresh_from_db()
    profile.port = port
    profiles.set_password(profile, Secret(PASSWORD))
    profile.save()


def way(message: Message) -> tuple[str, str, str, str]:
    message.refresh_from_db()
    return message.state, message.profile_slug, message.origin_slug, message.moved_because


def tries(message: Message) -> list[tuple[str, str, str]]:
    rows = Attempt.objects.filter(message=message).order_by("id")
    return list(rows.values_list("profile_slug", "outcome", "cause"))


@pytest.mark.parametrize(
    ("broken", "because"),
    [({"port": 1}, "connect"), ({"password": "wrong"}, "auth")],
    ids=["out of reach", "sign-in refused"],
)
def test_what_waits_for_a_broken_profile_leaves_through_its_fallback(
    smtp_server: StartServer, broken: dict[str, Any], because: str
) -> None:
    first, second = smtp_server(), smtp_server()
    main = profile_on(first, "main", fallback=profile_on(second, "spare"), **broken)
    messages = [put(main) for _ in range(5)]
    deliver_due()
    assert [way(each) for each in messages] == [("sent", "spare", "main", because)] * 5
    assert (len(first.messages), len(second.messages)) == (0, 5)
    # One sign-in was tried, not one for each message.
    assert len(first.logins) <= 1


def test_a_server_without_encryption_does_not_take_over_from_one_with_it(
    smtp_server: StartServer, certificates: CertificateFactory
) -> None:
    clear = smtp_server()
    # Stripped of STARTTLS, or never had it: the same to us.
    main = profile_on(smtp_server(), "main", security="starttls", fallback=profile_on(clear, "spare"))
    message = put(main)
    deliver_due()
    assert (way(message), clear.messages) == (("queued", "main", "", ""), [])


def test_a_failed_handshake_moves_mail_to_a_server_that_is_checked_as_well(
    smtp_server: StartServer, certificates: CertificateFactory
) -> None:
    good = smtp_server(security=Security.STARTTLS)
    spare = profile_on(good, "spare", security="starttls", ca_pem=certificates.ca_pem)
    main = profile_on(smtp_server(), "main", security="starttls", fallback=spare)
    message = put(main)
    deliver_due()
    assert way(message) == ("sent", "spare", "main", "tls")


@pytest.mark.parametrize(
    ("phase", "reply", "because"),
    [
        (Phase.DOT, "451 4.3.0 Come back later", "message_deferred"),
        (Phase.MAIL, "550 5.7.1 Not your address", "sender_refused"),
        (Phase.MAIL, "454 4.7.28 Throttling failure: daily message quota exceeded", "quota"),
    ],
    ids=["deferred", "sender refused", "quota"],
)
def test_a_message_that_one_server_turns_down_is_offered_to_the_next(
    smtp_server: StartServer, phase: Phase, reply: str, because: str
) -> None:
    with hostile_server({phase: say(reply)}) as first:
        message = put(profile_at(first, "main", fallback=profile_on(smtp_server(), "spare")))
        deliver_due()
    assert way(message) == ("sent", "spare", "main", because)
    assert [(slug, outcome) for slug, outcome, _ in tries(message)] == [("main", "deferred"), ("spare", "sent")]
    assert list(message.recipients.values_list("state", flat=True)) == ["sent"]


@pytest.mark.parametrize(
    ("phase", "behaviour", "state"),
    [
        (Phase.DOT, say("554 5.6.0 I do not like it"), "failed"),
        (Phase.RCPT, say("550 5.1.1 No such user"), "failed"),
        (Phase.RCPT, say("450 4.2.0 Greylisted"), "queued"),
        # It may have been delivered.
        (Phase.DOT, close, "uncertain"),
    ],
    ids=["content refused", "recipient refused", "greylisted", "no answer"],
)
def test_a_message_that_another_server_must_not_get_stays_where_it_is(
    smtp_server: StartServer, phase: Phase, behaviour: Behaviour, state: str
) -> None:
    second = smtp_server()
    with hostile_server({phase: behaviour}) as first:
        message = put(profile_at(first, "main", fallback=profile_on(second, "spare")))
        deliver_due()
    assert (way(message), second.messages) == ((state, "main", "", ""), [])


def test_a_served_recipient_is_not_served_again_elsewhere(smtp_server: StartServer) -> None:
    first, second = smtp_server(replies={"later@example.org": "451 4.3.0 Come back later"}), smtp_server()
    main = profile_on(first, "main", fallback=profile_on(second, "spare"))
    message = put(main, "now@example.org", "later@example.org")
    deliver_due()
    # Then the first server goes away, and the rest moves.
    move_server(main, port=1)
    Message.objects.update(due_at=timezone.now())
    deliver_due()
    assert [received.recipients for received in first.messages] == [("now@example.org",)]
    assert [received.recipients for received in second.messages] == [("later@example.org",)]
    assert way(message)[0] == "sent"


def test_each_profile_is_tried_once_a_round_and_then_the_first_one_waits() -> None:
    later = {Phase.DOT: say("451 4.3.0 Come back later")}
    with hostile_server(later) as one, hostile_server(later) as two, hostile_server(later) as three:
        third = profile_at(three, "third")
        second = profile_at(two, "second", fallback=third)
        first = profile_at(one, "first", fallback=second)
        # A chain may lead back: it ends there.
        Profile.objects.filter(pk=third.pk).update(fallback=first)
        message = put(first)
        deliver_due()
    assert [slug for slug, _, _ in tries(message)] == ["first", "second", "third"]
    assert way(message) == ("queued", "first", "", "")
    assert message.due_at > timezone.now()
    assert message.attempts == 3


def test_mail_goes_the_usual_way_again_once_the_server_is_back(smtp_server: StartServer) -> None:
    first, second = smtp_server(), smtp_server()
    main = profile_on(first, "main", port=1, fallback=profile_on(second, "spare"))
    before = put(main)
    deliver_due()
    move_server(main, port=first.port)
    after = put(main)
    deliver_due()
    assert [way(before), way(after)] == [("sent", "spare", "main", "connect"), ("sent", "main", "", "")]
    assert (len(first.messages), len(second.messages)) == (1, 1)


def test_where_nobody_takes_it_it_waits_for_the_profile_it_was_meant_for(smtp_server: StartServer) -> None:
    server = smtp_server()
    spare = profile_on(server, "spare", port=1)
    main = profile_on(server, "main", port=1, fallback=spare)
    message = put(main)
    deliver_due()
    assert way(message) == ("queued", "main", "", "")
    assert set(Circuit.objects.values_list("profile__slug", "reason")) == {("main", "connect"), ("spare", "connect")}


@pytest.mark.parametrize(
    ("policy", "provider", "asked", "sender", "header", "reply_to"),
    [
        ("keep", "", "Shop <shop@example.com>", "shop@example.com", "Shop <shop@example.com>", None),
        ("keep", "", "", "spare@example.net", "Spare <spare@example.net>", None),
        ("replace", "", "Shop <shop@example.com>", "spare@example.net", "Shop <spare@example.net>",
         "Shop <shop@example.com>"),
        # QQ takes no other From than the one that signs in: keeping it would be a certain refusal.
        ("keep", "qq", "Shop <shop@example.com>", "spare@example.net", "Shop <spare@example.net>",
         "Shop <shop@example.com>"),
    ],
    ids=["kept", "left to the profile", "replaced", "kept, but the provider takes no other"],
)  # fmt: skip
def test_the_fallback_applies_its_own_from_policy(
    smtp_server: StartServer, policy: str, provider: str, asked: str, sender: str, header: str, reply_to: str | None
) -> None:
    server = smtp_server()
    spare = profile_on(
        server, "spare", from_address="spare@example.net", from_name="Spare", from_policy=policy, provider=provider
    )
    message = put(profile_on(server, "main", port=1, fallback=spare), asked_from=asked)
    deliver_due()
    (received,) = server.messages
    assert (received.sender, received.message["From"], received.message["Reply-To"]) == (sender, header, reply_to)
    assert (received.message["Message-ID"], received.message["Subject"]) == ("<1@example.com>", "Hello")
    assert received.content.endswith(b"\r\n\r\nFrom: text\r\n")
    assert states(message) == ["sent"]


def test_a_fallback_that_refuses_the_from_takes_nothing_over(smtp_server: StartServer) -> None:
    server = smtp_server()
    spare = profile_on(server, "spare", from_address="spare@example.net", from_policy=FromPolicy.REFUSE)
    message = put(profile_on(server, "main", port=1, fallback=spare))
    deliver_due()
    assert (way(message), server.messages) == (("queued", "main", "", ""), [])


@pytest.mark.parametrize("limit", [{"max_recipients": 1}, {"max_message_bytes": 50}], ids=["recipients", "size"])
def test_a_fallback_takes_no_message_over_its_own_limits(smtp_server: StartServer, limit: dict[str, int]) -> None:
    spare = profile_on(smtp_server(), "spare", **limit)
    message = put(make_profile(port=1, host="127.0.0.1", fallback=spare), "a@example.org", "b@example.org")
    deliver_due()
    assert way(message) == ("queued", "main", "", "")


def test_the_least_urgent_message_tries_whether_a_server_is_back() -> None:
    main = make_profile()
    Circuit.objects.create(profile=main, reason="connect", probe_at=timezone.now(), profile_version=main.updated_at)
    urgent, bulk = (put(main), put(main))
    Message.objects.filter(pk=urgent.pk).update(lane=Lane.URGENT)
    Message.objects.filter(pk=bulk.pk).update(lane=Lane.BULK)
    claim = outbox.claim(main, worker="w1")
    assert claim is not None
    assert (claim.probe, [message.id for message in claim.messages]) == (True, [bulk.pk])
