"""Alerts by mail: through a real server, and never through the profile that is in trouble."""

from typing import Any

import pytest
from django.utils import timezone

from smtpadmin.alerts import channels, mail, writing
from smtpadmin.alerts.alert import Event
from smtpadmin.alerts.outcome import Outcome, Reason
from smtpadmin.models import AlertChannel, Circuit, Lane, Message, Profile
from smtpadmin.worker import deliver_due
from tests.support.alerts import close, make_channel, make_incident
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, SmtpServer, StartServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(smtp_server: StartServer) -> SmtpServer:
    return smtp_server()


@pytest.fixture
def failing(db: None) -> Profile:
    return make_profile(slug="failing")


def profile_on(server: SmtpServer, **fields: Any) -> Profile:
    where = {"host": server.host, "port": server.port, "security": "none", "username": USERNAME}
    return make_profile(**{"slug": "backup", "password": PASSWORD} | where | fields)


def channel_through(profile: Profile | None, *addresses: str) -> AlertChannel:
    return make_channel(profile=profile, addresses="\n".join(addresses or ("ops@example.org",)))


def tell(channel: AlertChannel, about: Profile) -> Outcome:
    incident = make_incident(about, kind="profile_paused", key="x")
    return channels.tell(channel, writing.of_incident(incident, channel, Event.OPENED, uid="u1"))


def test_an_alert_arrives_through_the_other_profile(server: SmtpServer, failing: Profile) -> None:
    channel = channel_through(profile_on(server), "ops@example.org", "boss@example.org")
    outcome = tell(channel, failing)
    message = Message.objects.get()
    assert outcome == Outcome(message_uid=message.uid)
    assert (message.lane, message.profile_slug) == (Lane.URGENT, "backup")
    assert deliver_due() == 1
    (received,) = server.messages
    assert received.recipients == ("ops@example.org", "boss@example.org")
    assert received.message["Subject"].strip() == "[smtpadmin] “Failing” is paused, its mail waits"
    assert received.message["Auto-Submitted"] == "auto-generated"
    assert "First step:" in received.message.get_content()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda backup: Profile.objects.filter(pk=backup.pk).update(enabled=False), Reason.PROFILE_DISABLED),
        (make_incident, Reason.PROFILE_FAILING),
        (lambda backup: Circuit.objects.create(profile=backup, reason="auth"), Reason.PROFILE_FAILING),
        (lambda backup: backup.delete(), Reason.NO_PROFILE),
    ],
)
def test_a_profile_in_trouble_takes_no_alert(server: SmtpServer, failing: Profile, spoil: Any, reason: Reason) -> None:
    channel = channel_through(profile_on(server))
    spoil(channel.profile)
    channel = AlertChannel.objects.select_related("profile").get()
    assert tell(channel, failing) == Outcome(reason)
    assert Message.objects.count() == 0
    assert (channel.last_ok, channel.last_reason) == (False, reason)


def test_a_certificate_that_expires_keeps_no_alert_back(server: SmtpServer, failing: Profile) -> None:
    backup = profile_on(server)
    make_incident(backup, kind="certificate_expires")
    assert tell(channel_through(backup), failing).ok


def test_trouble_that_is_over_keeps_no_alert_back(server: SmtpServer, failing: Profile) -> None:
    backup = profile_on(server)
    close(make_incident(backup))
    assert tell(channel_through(backup), failing).ok


def test_nothing_leaves_through_the_profile_that_the_alert_is_about(failing: Profile) -> None:
    assert tell(channel_through(failing), failing) == Outcome(Reason.SAME_PROFILE)


def test_the_end_of_trouble_may_be_told_by_nobody_else_either(failing: Profile) -> None:
    channel = channel_through(failing)
    incident = make_incident(failing)
    incident.closed_at = timezone.now()
    alert = writing.of_incident(incident, channel, Event.RESOLVED, uid="u1")
    assert mail.unusable(failing, alert) is Reason.SAME_PROFILE


def test_a_fallback_of_the_profile_in_trouble_takes_alerts_while_it_works(server: SmtpServer) -> None:
    backup = profile_on(server)
    failing = make_profile(slug="failing", fallback=backup)
    assert tell(channel_through(backup), failing).ok
    make_incident(backup)
    channel = make_channel(name="B", profile=backup, addresses="ops@example.org")
    alert = writing.of_incident(make_incident(failing), channel, Event.OPENED, uid="u2")
    assert channels.tell(channel, alert) == Outcome(Reason.PROFILE_FAILING)


def test_a_channel_without_recipients_says_so(server: SmtpServer, failing: Profile) -> None:
    channel = make_channel(profile=profile_on(server))
    assert tell(channel, failing) == Outcome(Reason.NO_RECIPIENT)


def test_a_message_that_breaks_a_rule_is_said_with_the_rule(server: SmtpServer, failing: Profile) -> None:
    channel = channel_through(profile_on(server, max_message_bytes=100))
    outcome = tell(channel, failing)
    assert outcome.reason is Reason.MESSAGE_REFUSED
    assert "takes 100 at most" in outcome.detail


def test_where_a_message_takes_one_recipient_each_gets_one(server: SmtpServer, failing: Profile) -> None:
    channel = channel_through(profile_on(server, max_recipients=1), "a@example.org", "b@example.org")
    assert tell(channel, failing).ok
    assert deliver_due() == 2
    assert sorted(received.recipients for received in server.messages) == [("a@example.org",), ("b@example.org",)]
