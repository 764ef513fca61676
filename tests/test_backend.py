"""The mail backend: what Django documents for a backend, on real servers."""

import smtplib
from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection, send_mail, send_mass_mail
from django.test import override_settings

from smtpadmin.backend import EmailBackend
from smtpadmin.exceptions import DeliveryFailed, KeyringLocked, MessageRefused, NoProfile
from smtpadmin.models import Profile
from smtpadmin.smtp import Verdict
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, SmtpServer, StartServer

pytestmark = pytest.mark.django_db

PATH = "smtpadmin.backend.EmailBackend"
HAS_MAILERS = django.VERSION >= (6, 1)


@pytest.fixture(autouse=True)
def through_our_backend() -> Iterator[None]:
    # The test runner swaps every mailer for one in memory.
    named = {"default": {"BACKEND": PATH}, "alerts": {"BACKEND": PATH, "OPTIONS": {"profile": "alerts"}}}
    with override_settings(**({"MAILERS": named} if HAS_MAILERS else {"EMAIL_BACKEND": PATH})):
        yield


@pytest.fixture
def server(smtp_server: StartServer) -> SmtpServer:
    return smtp_server()


def profile_on(server: SmtpServer, **fields: Any) -> Profile:
    where = {"host": server.host, "port": server.port, "security": "none", "username": USERNAME}
    return make_profile(**{"password": PASSWORD, "is_default": True} | where | fields)


def backend(**options: Any) -> EmailBackend:
    """Return the backend with options, made in the way of this Django version."""
    if not HAS_MAILERS:
        return get_connection(**options)
    with override_settings(MAILERS={"it": {"BACKEND": PATH, "OPTIONS": options}}):
        return mail.mailers["it"]


def message(**fields: Any) -> EmailMessage:
    return EmailMessage(**{"subject": "Hello", "body": "Text", "to": ["you@example.org"]} | fields)


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


def test_alternatives_attachments_and_hidden_recipients(server: SmtpServer) -> None:
    profile_on(server)
    rich = EmailMultiAlternatives("Hi", "Text", None, ["you@example.org"], bcc=["hidden@example.org"])
    rich.attach_alternative("<p>Text</p>", "text/html")
    rich.attach("data.bin", b"\x00\xff", "application/octet-stream")
    assert rich.send() == 1
    (received,) = server.messages
    assert received.recipients == ("you@example.org", "hidden@example.org")
    assert b"hidden@example.org" not in received.content
    assert [part.get_content() for part in received.message.iter_attachments()] == [b"\x00\xff"]


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


def test_the_option_names_a_profile(server: SmtpServer, smtp_server: StartServer) -> None:
    alerts = smtp_server()
    profile_on(server)
    profile_on(alerts, slug="alerts", is_default=False)
    assert backend(profile="alerts").send_messages([message()]) == 1
    assert (len(server.messages), len(alerts.messages)) == (0, 1)


def test_else_the_from_address_picks_the_profile(server: SmtpServer, smtp_server: StartServer) -> None:
    shop = smtp_server()
    profile_on(server)
    profile_on(shop, slug="shop", is_default=False, from_address="shop@example.com")
    assert message(from_email="The shop <Shop@example.com>").send() == 1
    assert (len(server.messages), len(shop.messages)) == (0, 1)


@pytest.mark.parametrize("silent", [True, False])
def test_without_a_profile_the_error_says_where_to_add_one_even_when_silent(silent: bool) -> None:
    with pytest.raises(NoProfile, match="/admin/smtpadmin/profile/"):
        backend(fail_silently=silent).send_messages([message()])


def test_with_the_wrong_key_nothing_is_sent(server: SmtpServer) -> None:
    profile_on(server)
    with override_settings(SMTPADMIN={"KEYS": []}), pytest.raises(KeyringLocked):
        message().send()
    assert server.connections == 0


def test_a_misspelt_option_raises_the_frameworks_own_error() -> None:
    if HAS_MAILERS:
        with pytest.raises(mail.InvalidMailer, match=r"MAILERS\['it'\]: Unknown options 'profil'\."):
            backend(profil="alerts")
    else:
        with pytest.raises(TypeError, match="profil"):
            backend(profil="alerts")
        with pytest.raises(TypeError, match="username"):
            backend(username="someone", password="")


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


def test_an_address_cannot_forge_a_line_of_the_log(server: SmtpServer, caplog: pytest.LogCaptureFixture) -> None:
    profile_on(server, from_policy="refuse")
    with pytest.raises(MessageRefused):
        message(from_email="a@example.net\n2026-01-01 WARNING forged").send()
    assert all("\n" not in record.getMessage() for record in caplog.records)


def test_fail_silently_hides_a_failed_delivery(server: SmtpServer) -> None:
    profile_on(server, password="wrong")
    assert backend(fail_silently=True).send_messages([message()]) == 0


if HAS_MAILERS:

    def test_using_names_a_mailer(server: SmtpServer) -> None:
        profile_on(server, slug="alerts")
        assert send_mail("Hello", "Text", None, ["you@example.org"], using="alerts") == 1
        with pytest.raises(mail.MailerDoesNotExist):
            send_mail("Hello", "Text", None, ["you@example.org"], using="alerst")
