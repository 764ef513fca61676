"""What follows from a failure: tables, without a database or a server."""

import random
from datetime import timedelta

import pytest

from smtpadmin import retry
from smtpadmin.models import Lane
from smtpadmin.retry import FailureClass
from smtpadmin.smtp import (
    AuthError,
    Cause,
    ConnectError,
    ContentError,
    DataError,
    HelloError,
    RecipientError,
    Reply,
    SenderError,
    SmtpError,
    Stage,
    TlsError,
    UncertainError,
)


class Middle(random.Random):
    """No jitter."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def reply(code: int, text: str = "", enhanced: str = "") -> Reply:
    return Reply(code, enhanced, (f"{enhanced} {text}".strip(),))


def at(kind: type[SmtpError], cause: Cause, answer: Reply | None = None, stage: Stage | None = None) -> SmtpError:
    return kind("It failed.", cause=cause, reply=answer, stage=stage)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (at(ConnectError, Cause.DNS_FAILED, stage=Stage.DNS), FailureClass.CONNECT),
        (at(ConnectError, Cause.NAME_NOT_FOUND, stage=Stage.DNS), FailureClass.CONNECT),
        (at(ConnectError, Cause.CONNECTION_REFUSED, stage=Stage.TCP), FailureClass.CONNECT),
        (at(HelloError, Cause.SERVICE_UNAVAILABLE, reply(421, "busy")), FailureClass.CONNECT),
        (at(HelloError, Cause.EHLO_REFUSED, reply(554, "go away")), FailureClass.CONNECT),
        (at(TlsError, Cause.TLS_EXPIRED), FailureClass.TLS),
        (at(TlsError, Cause.STARTTLS_MISSING), FailureClass.TLS),
        (at(TlsError, Cause.STARTTLS_REFUSED, reply(454, "TLS not available")), FailureClass.TLS),
        (at(TlsError, Cause.DEADLINE_EXCEEDED), FailureClass.CONNECT),
        (at(AuthError, Cause.AUTH_REFUSED, reply(535, "Bad credentials", "5.7.8")), FailureClass.AUTH),
        (at(AuthError, Cause.PASSWORD_MISSING), FailureClass.AUTH),
        (at(AuthError, Cause.AUTH_DEFERRED, reply(454, "Temporary failure", "4.7.0")), FailureClass.CONNECT),
        (at(SenderError, Cause.SENDER_REFUSED, reply(530, "Must sign in", "5.7.0")), FailureClass.AUTH),
        (at(SenderError, Cause.SENDER_REFUSED, reply(553, "Not your address")), FailureClass.SENDER_REFUSED),
        (at(SenderError, Cause.SENDER_DEFERRED, reply(451, "Later")), FailureClass.MESSAGE_DEFERRED),
        (at(SenderError, Cause.CONNECTION_CLOSED), FailureClass.CONNECT),
        (at(SenderError, Cause.TOO_LARGE), FailureClass.LOCAL),
        (at(SenderError, Cause.TOO_LARGE, reply(552, "Too big", "5.3.4")), FailureClass.SENDER_REFUSED),
        (at(RecipientError, Cause.RECIPIENT_REFUSED, reply(550, "No such user", "5.1.1")),
         FailureClass.RECIPIENT_REFUSED),
        (at(RecipientError, Cause.RECIPIENT_DEFERRED, reply(450, "Greylisted", "4.2.0")),
         FailureClass.RECIPIENT_DEFERRED),
        (at(RecipientError, Cause.RECIPIENT_REFUSED, reply(552, "Mailbox over quota", "5.2.2")),
         FailureClass.RECIPIENT_REFUSED),
        (at(RecipientError, Cause.CONNECTION_CLOSED), FailureClass.MESSAGE_DEFERRED),
        (at(DataError, Cause.CONTENT_REFUSED, reply(554, "Spam", "5.7.1")), FailureClass.CONTENT_REFUSED),
        (at(DataError, Cause.CONTENT_DEFERRED, reply(451, "Later")), FailureClass.MESSAGE_DEFERRED),
        # A message that makes the server hang up costs itself an attempt: it must not hold up the others for ever.
        (at(DataError, Cause.CONNECTION_CLOSED), FailureClass.MESSAGE_DEFERRED),
        (at(DataError, Cause.SERVICE_UNAVAILABLE, reply(421, "Closing")), FailureClass.MESSAGE_DEFERRED),
        (at(UncertainError, Cause.UNCERTAIN), FailureClass.UNCERTAIN),
        (at(ContentError, Cause.BAD_HEADER), FailureClass.LOCAL),
        (at(ContentError, Cause.BAD_ADDRESS, stage=Stage.RCPT), FailureClass.LOCAL),
    ],
)  # fmt: skip
def test_each_failure_has_its_class(error: SmtpError, expected: FailureClass) -> None:
    assert retry.classify(error) is expected


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "expected"),
    [
        (550, "5.4.5", "Daily user sending limit exceeded.", True),
        (421, "4.7.28", "Our system has detected an unusual rate of unsolicited mail.", True),
        (454, "", "Throttling failure: Maximum sending rate exceeded.", True),
        (454, "", "Throttling failure: Daily message quota exceeded.", True),
        (450, "", "Requested action aborted: too many messages", True),
        (550, "", "发送频率超限", True),
        (452, "4.2.2", "The email account that you tried to reach is over quota.", False),
        (552, "5.2.2", "Mailbox quota exceeded", False),
        (550, "5.1.1", "No such user", False),
        (451, "4.7.1", "Greylisted, try again", False),
        (552, "5.3.4", "Message size exceeds fixed limit", False),
    ],
)
def test_quota_is_told_from_full_mailboxes_and_large_messages(
    code: int, enhanced: str, text: str, expected: bool
) -> None:
    assert retry.is_quota(at(DataError, Cause.CONTENT_REFUSED, reply(code, text, enhanced))) is expected


@pytest.mark.parametrize(
    ("kind", "lane", "minutes"),
    [
        (FailureClass.MESSAGE_DEFERRED, Lane.NORMAL, [1, 5, 15, 30, 60, 120, 240, 240]),
        (FailureClass.RECIPIENT_DEFERRED, Lane.NORMAL, [5, 15, 30, 60, 120, 240, 240]),
        (FailureClass.RECIPIENT_DEFERRED, Lane.URGENT, [0.25, 0.5, 1, 2, 5, 10, 10]),
        (FailureClass.MESSAGE_DEFERRED, Lane.BULK, [1, 5]),
        (FailureClass.QUOTA, Lane.NORMAL, [1, 1]),
    ],
)
def test_attempts_come_at_growing_distances(kind: FailureClass, lane: Lane, minutes: list[float]) -> None:
    waits = [retry.delay(kind, lane=lane, attempt=n, rng=Middle()) for n in range(1, len(minutes) + 1)]
    assert waits == [timedelta(minutes=each) for each in minutes]


def test_jitter_stays_within_a_fifth() -> None:
    waits = [retry.delay(FailureClass.MESSAGE_DEFERRED, lane=Lane.NORMAL, attempt=2) for _ in range(200)]
    assert timedelta(minutes=4) <= min(waits) < max(waits) <= timedelta(minutes=6)


def test_the_profile_waits_longer_each_time_its_server_is_out_of_reach() -> None:
    waits = [retry.pause(FailureClass.CONNECT, failures=n, error=None, rng=Middle()) for n in range(1, 11)]
    assert [wait.total_seconds() for wait in waits] == [5, 15, 30, 60, 120, 240, 480, 600, 600, 600]


@pytest.mark.parametrize("kind", [FailureClass.AUTH, FailureClass.TLS])
def test_a_refused_sign_in_is_tried_once_per_quarter_of_an_hour(kind: FailureClass) -> None:
    assert {retry.pause(kind, failures=n, error=None) for n in (1, 2, 9)} == {timedelta(minutes=15)}


def test_a_daily_limit_pauses_longer_than_a_rate() -> None:
    rate = at(DataError, Cause.CONTENT_DEFERRED, reply(454, "Throttling failure: Maximum sending rate exceeded."))
    daily = at(DataError, Cause.CONTENT_DEFERRED, reply(454, "Throttling failure: Daily message quota exceeded."))
    waits = [retry.pause(FailureClass.QUOTA, failures=1, error=error, rng=Middle()) for error in (rate, daily)]
    assert waits == [timedelta(minutes=1), timedelta(hours=1)]


def test_a_reset_link_expires_long_before_a_notification() -> None:
    assert [retry.life(lane) for lane in Lane] == [timedelta(hours=1), timedelta(days=4), timedelta(days=2)]


def test_the_ramp_doubles_until_the_batch_is_reached() -> None:
    steps = [1]
    while steps[-1]:
        steps.append(retry.ramp_after(steps[-1], batch=20))
    assert steps == [1, 2, 4, 8, 16, 0]
