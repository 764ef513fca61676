"""The mail backend with `queue` off: mail leaves in the caller's time through the same code, and is recorded."""

import smtplib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.mail import send_mail, send_mass_mail
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from smtpadmin import outbox
from smtpadmin.exceptions import DeliveryFailed, MessageRefused
from smtpadmin.models import Attempt, Body, Lane, Message, Profile, Recipient
from smtpadmin.smtp import Verdict
from tests.support import canary
from tests.support.backend import backend, installed, message, profile_on
from tests.support.behaviours import close
from tests.support.hostile import Phase, hostile_server
from tests.support.profiles import make_profile
from tests.support.smtpd import USERNAME, SmtpServer, StartServer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_the_callers_time(settings: Settings) -> Iterator[None]:
    settings.SMTPADMIN = settings.SMTPADMIN | {"QUEUE": False}
    with installed():
        yield


@pytest.fixture
def server(smtp_server: StartServer) -> SmtpServer:
    return smtp_server()


def test_send_mail_arrives_from_the_default_profile(server: SmtpServer) -> None:
    profile_on(server, from_name="Notifications")
    assert send_mail("Hello", "Text", None, ["You <you@example.org>"], html_message="<p>Text</p>") == 1
    (received,) = server.messages
    assert (received.sender, received.recipients) == ("notify@example.com", ("you@example.org",))
    assert received.message["From"] == "Notifications <notify@example.com>"
    assert received.username == USERNAME


def test_send_mass_mail_uses_one_connection_and_counts(server: SmtpServer) -> None:
    profile_on(server)
    assert send_mass_mail([(f"Hello {n}", "Text", None, ["you@example.org"]) for n in range(3)]) == 3
    assert [received.message["Subject"] for received in server.messages] == ["Hello 0", "Hello 1", "Hello 2"]
    assert (server.connections, len(server.logins)) == (1, 1)


def test_a_message_without_recipients_is_not_sent_and_not_counted(server: SmtpServer) -> None:
    profile_on(server)
    assert backend().send_messages([message(to=[]), message()]) == 1
    assert len(server.messages) == 1
    assert backend().send_messages([]) == 0


def test_a_context_keeps_one_connection_over_several_calls(server: SmtpServer) -> None:
    profile_on(server)
    with backend() as connection:
        assert [connection.send_messages([message()]) for _ in range(3)] == [1, 1, 1]
    assert (server.connections, len(server.messages)) == (1, 3)


def test_without_a_context_each_call_closes_its_connection(server: SmtpServer) -> None:
    profile_on(server)
    connection = backend()
    connection.send_messages([message()])
    connection.send_messages([message()])
    assert server.connections == 2


def test_open_says_whether_that_is_new_and_close_may_come_twice() -> None:
    connection = backend()
    assert [connection.open(), connection.open()] == [True, False]
    connection.close()
    connection.close()
    assert connection.open() is True


def test_an_edited_profile_is_used_as_it_is_now(server: SmtpServer, smtp_server: StartServer) -> None:
    other = smtp_server()
    profile = profile_on(server)
    with backend() as connection:
        connection.send_messages([message()])
        profile.delete()
        profile_on(other)
        connection.send_messages([message()])
    assert (len(server.messages), len(other.messages)) == (1, 1)


def test_a_refused_recipient_is_an_error_that_callers_of_djangos_backend_catch(smtp_server: StartServer) -> None:
    server = smtp_server(replies={"gone@example.org": "550 5.1.1 No such user"})
    profile_on(server)
    with pytest.raises(smtplib.SMTPException) as caught:
        message(to=["gone@example.org"]).send()
    assert isinstance(caught.value, DeliveryFailed)
    assert "550 5.1.1 No such user" in str(caught.value)
    assert [item.verdict for item in caught.value.result.recipients] == [Verdict.REFUSED]


def test_a_partial_refusal_is_told_and_the_others_are_served(smtp_server: StartServer) -> None:
    # Django's own backend returns 1 here and drops the refusal.
    server = smtp_server(replies={"gone@example.org": "550 5.1.1 No such user"})
    profile_on(server)
    with pytest.raises(DeliveryFailed) as caught:
        message(to=["you@example.org", "gone@example.org"]).send()
    verdicts = {item.recipient: item.verdict for item in caught.value.result.recipients}
    assert verdicts == {"you@example.org": Verdict.SENT, "gone@example.org": Verdict.REFUSED}
    assert [received.recipients for received in server.messages] == [("you@example.org",)]


def test_one_bad_message_does_not_keep_back_the_others(smtp_server: StartServer) -> None:
    server = smtp_server(replies={"gone@example.org": "550 5.1.1 No such user"})
    profile_on(server)
    batch = [message(subject="bad\nheader"), message(to=["gone@example.org"]), message(subject="good")]
    with pytest.raises(MessageRefused):
        backend().send_messages(batch)
    assert backend(fail_silently=True).send_messages(batch) == 1
    assert [received.message["Subject"] for received in server.messages] == ["good", "good"]


def test_a_server_out_of_reach_is_tried_once_for_a_whole_list(server: SmtpServer) -> None:
    profile_on(server, password="wrong")
    with pytest.raises(DeliveryFailed, match="535"):
        backend().send_messages([message(), message(), message()])
    assert (server.connections, len(server.logins)) == (1, 1)


def test_the_exception_does_not_hold_the_password(server: SmtpServer, caplog: pytest.LogCaptureFixture) -> None:
    profile_on(server, password="wrong-s3cret-value")
    with pytest.raises(DeliveryFailed) as caught:
        message().send()
    assert "s3cret" not in f"{caught.value!r} {caught.value} {caplog.text}"


def test_a_password_of_other_settings_fails_its_own_messages_only(server: SmtpServer, smtp_server: StartServer) -> None:
    other = smtp_server()
    profile_on(server)
    Profile.objects.update(username="someone else")
    profile_on(other, slug="shop", is_default=False, from_address="shop@example.com")
    batch = [message(), message(from_email="shop@example.com")]
    with pytest.raises(MessageRefused, match="'main' was given for other settings"):
        backend().send_messages(batch)
    assert (server.connections, len(other.messages)) == (0, 1)


def test_fail_silently_hides_a_failed_delivery(server: SmtpServer) -> None:
    profile_on(server, password="wrong")
    assert backend(fail_silently=True).send_messages([message()]) == 0


def test_of_a_message_in_parts_each_recipient_is_told(smtp_server: StartServer) -> None:
    profile_on(smtp_server(replies={"p2@example.org": "550 5.1.1 No such user"}), max_recipients=2)
    people = [f"p{number}@example.org" for number in range(3)]
    with pytest.raises(DeliveryFailed) as caught:
        message(to=people).send()
    assert [(item.recipient, item.verdict) for item in caught.value.result.recipients] == [
        ("p0@example.org", Verdict.SENT),
        ("p1@example.org", Verdict.SENT),
        ("p2@example.org", Verdict.REFUSED),
    ]
    assert recorded("state", "recipients_total") == [("sent", 2), ("failed", 1)]


# What is recorded


def recorded(*names: str) -> list[Any]:
    return list(Message.objects.order_by("id").values_list(*names))


def test_what_was_sent_is_recorded_without_its_text(server: SmtpServer) -> None:
    profile_on(server)
    begun = timezone.now()
    message(to=["you@example.org"], cc=["copy@example.org"], from_email="Shop <notify@example.com>").send()
    ((message_id, size),) = recorded("message_id", "size")
    (received,) = server.messages
    assert (message_id, size) == (received.message["Message-ID"], len(received.content))
    assert recorded("state", "direct", "lane", "profile_slug", "sender", "asked_from", "attempts", "uncertain") == [
        ("sent", True, Lane.NORMAL, "main", "notify@example.com", "Shop <notify@example.com>", 1, 0)
    ]
    ((created_at, ended_at),) = recorded("created_at", "ended_at")
    assert begun <= created_at <= ended_at <= timezone.now()
    assert list(Recipient.objects.order_by("id").values_list("address", "state", "code", "reply")) == [
        ("you@example.org", "sent", None, ""),
        ("copy@example.org", "sent", None, ""),
    ]
    (attempt,) = Attempt.objects.all()
    assert (attempt.outcome, attempt.worker, attempt.profile_slug, attempt.code) == ("sent", "direct", "main", 250)
    assert 0 < attempt.seconds < 30
    assert not Body.objects.exists()


def test_each_recipients_answer_is_recorded(smtp_server: StartServer) -> None:
    replies = {"gone@example.org": "550 5.1.1 No such user", "full@example.org": "452 4.2.2 Mailbox full"}
    profile_on(smtp_server(replies=replies))
    with pytest.raises(DeliveryFailed):
        message(to=["you@example.org", "gone@example.org", "full@example.org"]).send()
    # The caller was told that it may try again, so nobody else does.
    assert recorded("state", "recipients_sent", "recipients_failed", "stage", "code") == [("failed", 1, 2, "rcpt", 550)]
    assert list(Recipient.objects.order_by("id").values_list("address", "state", "code", "enhanced")) == [
        ("you@example.org", "sent", None, ""),
        ("gone@example.org", "failed", 550, "5.1.1"),
        ("full@example.org", "failed", 452, "4.2.2"),
    ]
    assert Attempt.objects.get().outcome == "partial"


@pytest.mark.parametrize(
    ("reply", "outcome"), [("550 5.1.1 No such user", "refused"), ("450 4.7.1 Greylisted", "deferred")]
)
def test_a_message_that_nobody_got_has_failed(smtp_server: StartServer, reply: str, outcome: str) -> None:
    profile_on(smtp_server(replies={"you@example.org": reply}))
    assert backend(fail_silently=True).send_messages([message()]) == 0
    assert recorded("state", "attempt_rows__outcome", "attempt_rows__code") == [("failed", outcome, int(reply[:3]))]


def test_a_message_without_an_answer_is_uncertain_and_somebody_may_give_it_up() -> None:
    with hostile_server({Phase.DOT: close}) as server:
        make_profile(
            is_default=True, host=server.host, port=server.port, security="none", username=canary.USERNAME,
            password=canary.PASSWORD,
        )  # fmt: skip
        with pytest.raises(DeliveryFailed):
            message().send()
    assert recorded("state", "uncertain", "cause", "recipients__state", "attempt_rows__outcome") == [
        ("uncertain", 1, "uncertain", "uncertain", "uncertain")
    ]
    # Without its text nobody can send it again.
    (pk,) = Message.objects.values_list("pk", flat=True)
    assert (outbox.resend_uncertain(), outbox.resend(pk), outbox.give_up(pk)) == (0, False, True)


def test_of_a_server_out_of_reach_each_message_of_a_list_is_recorded(server: SmtpServer) -> None:
    profile_on(server, password="wrong")
    with pytest.raises(DeliveryFailed) as caught:
        backend().send_messages([message(), message(to=["other@example.org"])])
    assert [item.recipient for item in caught.value.result.recipients] == ["you@example.org"]
    assert recorded("state", "stage", "code", "recipients__address") == [
        ("failed", "auth", 535, "you@example.org"),
        ("failed", "auth", 535, "other@example.org"),
    ]


def test_what_the_database_does_not_take_is_sent_all_the_same(
    server: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    profile_on(server)

    def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT"):
            raise OperationalError("disk full\nDETAIL: (you@example.org)")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(away):
        assert message().send() == 1
    assert (len(server.messages), recorded("state")) == (1, [])
    assert [record.getMessage() for record in caplog.records if record.name == "smtpadmin.backend"] == [
        "What became of a message is not recorded: the database does not take it. disk full"
    ]


def test_a_lane_that_was_asked_for_is_recorded(server: SmtpServer) -> None:
    profile_on(server)
    message(headers={"X-Smtpadmin-Lane": "urgent"}).send()
    assert recorded("lane") == [(Lane.URGENT,)]
    assert b"smtpadmin" not in server.messages[0].content.lower()


def test_what_is_sent_directly_keeps_to_the_profiles_rates(server: SmtpServer) -> None:
    profile_on(server, name="Main", rate_minute=3)
    # One of the three is kept for urgent mail.
    assert backend().send_messages([message(), message()]) == 2
    with pytest.raises(MessageRefused, match=r"^The profile “Main” has sent as much as it may for now\."):
        backend().send_messages([message()])
    assert backend(lane="urgent").send_messages([message()]) == 1
    assert (len(server.messages), Message.objects.count()) == (3, 3)
