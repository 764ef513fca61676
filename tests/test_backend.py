"""The mail backend: mail is stored in the caller's transaction, and the worker delivers it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives, send_mail, send_mass_mail
from django.db import DatabaseError, connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from smtpadmin import keys
from smtpadmin.exceptions import KeyringLocked, MessageRefused, NoProfile
from smtpadmin.models import Body, Lane, Message
from smtpadmin.worker import deliver_due
from tests.support.backend import HAS_MAILERS, backend, installed, message, profile_on
from tests.support.profiles import make_profile
from tests.support.smtpd import USERNAME, SmtpServer, StartServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def through_our_backend() -> Iterator[None]:
    with installed():
        yield


@pytest.fixture
def server(smtp_server: StartServer) -> SmtpServer:
    return smtp_server()


def queued(*names: str) -> list[Any]:
    """Return these columns of what is stored, in the order of acceptance."""
    return list(Message.objects.order_by("id").values_list(*names, flat=len(names) == 1))


def subjects() -> list[str]:
    """Return what the stored messages are about, opened as the worker opens them."""
    ring = keys.keyring()
    bodies = Body.objects.order_by("message_id").select_related("message")
    opened = [ring.open_bytes(body.message.body_context, body.sealed) for body in bodies]
    return [content.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode() for content in opened]


def test_send_mail_stores_the_message_and_the_worker_delivers_it(server: SmtpServer) -> None:
    profile_on(server, from_name="Notifications")
    assert send_mail("Hello", "Text", None, ["You <you@example.org>"], html_message="<p>Text</p>") == 1
    assert (server.connections, queued("state", "direct", "profile_slug")) == (0, [("queued", False, "main")])

    assert deliver_due() == 1
    (received,) = server.messages
    assert (received.sender, received.recipients) == ("notify@example.com", ("you@example.org",))
    assert received.message["From"] == "Notifications <notify@example.com>"
    assert received.username == USERNAME
    assert queued("state") == ["sent"]


def test_alternatives_attachments_and_hidden_recipients(server: SmtpServer) -> None:
    profile_on(server)
    rich = EmailMultiAlternatives("Hi", "Text", None, ["you@example.org"], bcc=["hidden@example.org"])
    rich.attach_alternative("<p>Text</p>", "text/html")
    rich.attach("data.bin", b"\x00\xff", "application/octet-stream")
    assert rich.send() == 1
    deliver_due()
    (received,) = server.messages
    assert received.recipients == ("you@example.org", "hidden@example.org")
    assert b"hidden@example.org" not in received.content
    assert [part.get_content() for part in received.message.iter_attachments()] == [b"\x00\xff"]


def test_a_rollback_unsends() -> None:
    make_profile(is_default=True)

    def order() -> None:
        with transaction.atomic():
            send_mail("Order received", "Text", None, ["you@example.org"])
            assert Message.objects.count() == 1
            raise LookupError

    with pytest.raises(LookupError):
        order()
    assert (Message.objects.count(), Body.objects.count()) == (0, 0)


def test_a_list_is_one_transaction_that_looks_up_its_profile_once() -> None:
    make_profile(is_default=True)
    send_mail("The first one leaves the canary of the keys", "Text", None, ["you@example.org"])

    def statements(count: int) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert send_mass_mail([(f"Hello {n}", "Text", None, ["you@example.org"]) for n in range(count)]) == count
        return [query["sql"].split()[0] for query in captured.captured_queries]

    several = statements(12)
    assert several == statements(30)
    assert several.count("INSERT") == 3
    assert [each for each in several if each == "BEGIN"] == ["BEGIN"]


def test_when_the_database_fails_in_a_list_nothing_of_it_is_accepted() -> None:
    make_profile(is_default=True)
    keys.keyring()

    def fail_at_the_recipients(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "INSERT INTO smtpadmin_recipient" in sql:
            raise DatabaseError("disk full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail_at_the_recipients), pytest.raises(DatabaseError):
        backend(fail_silently=True).send_messages([message(), message()])
    assert Message.objects.count() == 0


def test_one_bad_message_does_not_keep_back_the_others() -> None:
    make_profile(is_default=True)
    batch = [message(subject="bad\nheader"), message(to=["no address"]), message(subject="good")]
    with pytest.raises(MessageRefused, match=r"newlines|linefeed"):
        backend().send_messages(batch)
    assert backend(fail_silently=True).send_messages(batch) == 1
    assert subjects() == ["good", "good"]


def test_a_message_without_recipients_is_not_stored_and_not_counted() -> None:
    make_profile(is_default=True)
    assert backend().send_messages([message(to=[]), message()]) == 1
    assert backend().send_messages([]) == 0
    assert queued("lane") == [Lane.NORMAL]


def test_the_option_names_a_profile() -> None:
    make_profile(is_default=True)
    make_profile(slug="alerts")
    assert backend(profile="alerts").send_messages([message()]) == 1
    assert queued("profile_slug") == ["alerts"]


def test_else_the_from_address_picks_the_profile() -> None:
    make_profile(is_default=True)
    make_profile(slug="shop", from_address="shop@example.com")
    assert message(from_email="The shop <Shop@example.com>").send() == 1
    assert queued("profile_slug", "asked_from") == [("shop", "The shop <Shop@example.com>")]


def test_the_from_that_was_asked_for_is_kept_for_another_profile_to_judge() -> None:
    make_profile(is_default=True, from_policy="replace")
    # No database takes these two characters, and one message's must not keep back a list.
    odd = message(from_email="a\0b\ud800@example.net", reply_to=["a@example.net"])
    assert backend().send_messages([message(), message(from_email="Shop <shop@example.net>"), odd]) == 3
    assert queued("asked_from") == ["", "Shop <shop@example.net>", "a b?@example.net"]


@pytest.mark.parametrize("silent", [True, False])
def test_without_a_profile_the_error_says_where_to_add_one_even_when_silent(silent: bool) -> None:
    make_profile(from_address="shop@example.com")
    with pytest.raises(NoProfile, match="/admin/smtpadmin/profile/"):
        backend(fail_silently=silent).send_messages([message(from_email="shop@example.com"), message()])
    assert Message.objects.count() == 0


def test_with_the_wrong_key_nothing_is_accepted() -> None:
    make_profile(is_default=True)
    with override_settings(SMTPADMIN={"KEYS": []}), pytest.raises(KeyringLocked):
        message().send()
    assert Message.objects.count() == 0


def test_an_address_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    make_profile(is_default=True, from_policy="refuse")
    with pytest.raises(MessageRefused):
        message(from_email="a@example.net\n2026-01-01 WARNING forged").send()
    assert caplog.records
    assert all("\n" not in record.getMessage() for record in caplog.records)


def test_a_message_for_more_than_the_profile_takes_is_stored_in_parts(server: SmtpServer) -> None:
    profile_on(server, max_recipients=2)
    people = [f"p{number}@example.org" for number in range(5)]
    assert backend().send_messages([message(to=people)]) == 1
    assert queued("recipients_total", "lane") == [(2, Lane.NORMAL), (2, Lane.NORMAL), (1, Lane.NORMAL)]
    deliver_due()
    assert sorted(address for received in server.messages for address in received.recipients) == people
    assert len({received.content for received in server.messages}) == 1


# How it is treated


def test_the_shape_of_the_call_gives_the_lane() -> None:
    make_profile(is_default=True)
    backend().send_messages([message()])
    backend().send_messages([message(), message()])
    assert queued("lane") == [Lane.NORMAL, Lane.BULK, Lane.BULK]


def test_an_option_goes_over_the_shape_and_a_header_over_both() -> None:
    make_profile(is_default=True)
    backend(lane="urgent").send_messages([message(), message(headers={"x-smtpadmin-lane": "bulk"})])
    assert queued("lane") == [Lane.URGENT, Lane.BULK]


def test_the_headers_say_it_to_us_and_to_nobody_else(server: SmtpServer) -> None:
    profile_on(server)
    begun = timezone.now()
    ours = {
        "X-Smtpadmin-Lane": "urgent",
        "X-Smtpadmin-If-Uncertain": "ask",
        "X-Smtpadmin-Expires-In": "600",
        "X-Shop": "stays",
    }
    sent = message(headers=ours)
    sent.send()
    ((lane, resend, expires_at),) = queued("lane", "resend_uncertain", "expires_at")
    assert (lane, resend) == (Lane.URGENT, False)
    assert timedelta(0) <= expires_at - begun - timedelta(seconds=600) < timedelta(seconds=30)
    assert sent.extra_headers == ours

    deliver_due()
    (received,) = server.messages
    assert received.message["X-Shop"] == "stays"
    assert b"smtpadmin" not in received.content.lower()


def test_the_lane_says_what_is_done_with_an_uncertain_message_unless_the_sender_does() -> None:
    make_profile(is_default=True)
    for options in ({"lane": "urgent"}, {}, {"lane": "urgent", "if_uncertain": "ask"}, {"if_uncertain": "resend"}):
        backend(**options).send_messages([message()])
    assert queued("resend_uncertain") == [True, False, False, True]


def test_an_option_says_how_long_a_message_is_worth_sending() -> None:
    make_profile(is_default=True)
    backend(expires_in=60).send_messages([message()])
    ((created_at, expires_at),) = queued("created_at", "expires_at")
    assert abs(expires_at - created_at - timedelta(seconds=60)) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        (
            {"X-Smtpadmin-Lane": "express"},
            "X-Smtpadmin-Lane must be one of urgent, normal, bulk, not 'express'.",
        ),
        (
            {"X-Smtpadmin-If-Uncertain": "yes"},
            "X-Smtpadmin-If-Uncertain must be one of resend, ask, not 'yes'.",
        ),
        (
            {"X-Smtpadmin-Expires-In": "an hour"},
            "X-Smtpadmin-Expires-In must be a whole number of seconds from 1 to 2592000, not 'an hour'.",
        ),
        (
            {"X-Smtpadmin-Lanes": "bulk"},
            (
                "There is no header X-Smtpadmin-Lanes. There are: X-Smtpadmin-Lane, X-Smtpadmin-If-Uncertain, "
                "X-Smtpadmin-Expires-In."
            ),
        ),
    ],
)
def test_a_header_that_means_nothing_is_refused(headers: dict[str, str], text: str) -> None:
    make_profile(is_default=True)
    with pytest.raises(MessageRefused) as caught:
        message(headers=headers).send()
    assert (str(caught.value), Message.objects.count()) == (text, 0)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"lane": "express"}, "lane must be one of urgent, normal, bulk, not 'express'."),
        ({"lane": 0}, "lane must be one of urgent, normal, bulk, not 0."),
        ({"if_uncertain": True}, "if_uncertain must be one of resend, ask, not True."),
        ({"expires_in": 0}, "expires_in must be a whole number of seconds from 1 to 2592000, not 0."),
        ({"expires_in": True}, "expires_in must be a whole number of seconds from 1 to 2592000, not True."),
        ({"queue": "no"}, "queue must be True or False, not 'no'."),
    ],
)
def test_an_option_that_means_nothing_raises_the_frameworks_own_error(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        backend(**options)
    assert str(caught.value) == (f"MAILERS['it']: {text}" if HAS_MAILERS else f"EmailBackend(): {text}")
    assert not HAS_MAILERS or isinstance(caught.value, mail.InvalidMailer)


def test_a_misspelt_option_raises_the_frameworks_own_error() -> None:
    if HAS_MAILERS:
        with pytest.raises(mail.InvalidMailer, match=r"MAILERS\['it'\]: Unknown options 'profil'\."):
            backend(profil="alerts")
    else:
        with pytest.raises(TypeError, match="profil"):
            backend(profil="alerts")
        with pytest.raises(TypeError, match="username"):
            backend(username="someone", password="")


def test_the_option_queue_goes_over_the_setting(server: SmtpServer, settings: Settings) -> None:
    profile_on(server)
    settings.SMTPADMIN = settings.SMTPADMIN | {"QUEUE": False}
    backend(queue=True).send_messages([message()])
    assert (len(server.messages), queued("state", "direct")) == (0, [("queued", False)])
    settings.SMTPADMIN = settings.SMTPADMIN | {"QUEUE": True}
    backend(queue=False).send_messages([message()])
    assert (len(server.messages), queued("state", "direct")) == (1, [("queued", False), ("sent", True)])


if HAS_MAILERS:

    def test_using_names_a_mailer() -> None:
        make_profile(slug="alerts")
        assert send_mail("Hello", "Text", None, ["you@example.org"], using="alerts") == 1
        assert queued("profile_slug") == ["alerts"]
        with pytest.raises(mail.MailerDoesNotExist):
            send_mail("Hello", "Text", None, ["you@example.org"], using="alerst")
