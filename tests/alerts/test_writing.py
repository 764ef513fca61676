"""What alerts say, in both languages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings

from smtpadmin.alerts import texts, writing
from smtpadmin.alerts.alert import Alert, Event
from smtpadmin.alerts.outcome import Reason
from smtpadmin.incidents import PATIENCE
from smtpadmin.models import AlertChannel, Incident, IncidentKind, Lane
from smtpadmin.providers import Side, Text
from tests.support.alerts import REFUSED_SIGN_IN
from tests.support.profiles import make_profile

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVENING = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)
CERTIFICATE = {
    "profile": "Main", "host": "smtp.example.com", "until": "2026-12-01T10:00:00+00:00", "days": 21, "issuer": "CA",
    "sha256": "00",
}  # fmt: skip
QUEUE = {"lane": 0, "since": "2026-11-21T11:00:00+00:00", "count": 7}


def written(
    kind: str, details: dict[str, Any], *, event: Event = Event.OPENED, language: str = "en", times: int = 1
) -> Alert:
    profile = make_profile(slug="main") if "profile" in details else None
    incident = Incident(
        pk=5,
        kind=kind,
        profile=profile,
        opened_at=NOON,
        closed_at=EVENING if event is Event.RESOLVED else None,
        details=details,
    )
    channel = AlertChannel(name="Ops", kind="mail", language=language)
    return writing.of_incident(incident, channel, event, uid="u1", times=times)


FAILING = {"profile": "Old name", "provider": "", **REFUSED_SIGN_IN}


def test_a_failing_profile_in_english() -> None:
    alert = written("profile_failing", FAILING)
    assert alert.subject == "“Main” cannot send mail"
    assert alert.text.splitlines() == [
        "“Main” cannot send mail",
        "",
        "Profile: Main",
        "Since: 2026-11-21 12:00 UTC",
        f"Cause: {alert.cause}",
        f"First step: {alert.first_step}",
        "Who can mend it: you",
        "",
        "-- ",
        "Sent by smtpadmin through the alert channel “Ops”.",
    ]
    assert "password" in alert.cause
    assert (alert.kind, alert.profile_slug, alert.incident_id, alert.link) == ("profile_failing", "main", 5, "")


def test_a_failing_profile_in_chinese() -> None:
    alert = written("profile_failing", FAILING, language="zh-hans")
    assert alert.subject == "“Main”无法发信"
    lines = alert.text.splitlines()
    assert lines[2:4] == ["SMTP 配置：Main", "开始时间：2026-11-21 12:00 UTC"]
    assert lines[4].startswith("原因：")
    assert lines[5].startswith("第一步：")
    assert lines[6] == "谁能解决：您自己"


def test_the_words_of_the_server_stay_here() -> None:
    assert "Username and Password not accepted" not in written("profile_paused", FAILING | {"reason": "auth"}).text


def test_trouble_that_comes_and_goes_says_so() -> None:
    assert "It has come back 4 times within the last hour." in written("profile_failing", FAILING, times=4).text


@pytest.mark.parametrize("kind", ["profile_failing", "profile_paused", "certificate_expires"])
def test_of_a_profile_that_is_out_of_use_nobody_is_told_that_it_works(kind: str) -> None:
    details = CERTIFICATE if kind == "certificate_expires" else FAILING
    for profile in (make_profile(slug="main", enabled=False), None):
        incident = Incident(pk=5, kind=kind, profile=profile, opened_at=NOON, closed_at=EVENING, details=details)
        channel = AlertChannel(name="Ops", kind="mail", language="en")
        alert = writing.of_incident(incident, channel, Event.RESOLVED, uid="u1")
        name = profile.name if profile else details["profile"]
        assert alert.subject == f"Over: “{name}” is disabled or deleted"


def test_the_end_says_how_long_it_took() -> None:
    alert = written("profile_failing", FAILING, event=Event.RESOLVED)
    assert alert.subject == "Over: “Main” can send again"
    assert alert.text.splitlines()[2:6] == [
        "Profile: Main",
        "Since: 2026-11-21 12:00 UTC",
        "Over since: 2026-11-21 18:30 UTC (it took 6 h 30 min)",
        "If it comes back within 30 minutes, you are told once an hour at most.",
    ]
    assert (alert.cause, alert.first_step) == ("", "")


@pytest.mark.parametrize(
    ("kind", "details", "language", "subject"),
    [
        ("profile_paused", FAILING, "en", "“Main” is paused, its mail waits"),
        ("profile_paused", FAILING, "zh-hans", "“Main”已暂停，邮件在等待"),
        (
            "certificate_expires", CERTIFICATE, "en",
            "The certificate of smtp.example.com (“Main”) expires on 2026-12-01 10:00 UTC",
        ),
        (
            "certificate_expires", CERTIFICATE, "zh-hans",
            "smtp.example.com（“Main”）的证书将于 2026-12-01 10:00 UTC 到期",
        ),
        ("queue_old", QUEUE, "en", "Mail waits for too long (urgent mail)"),
        ("queue_old", QUEUE, "zh-hans", "邮件等待过久（紧急邮件）"),
        ("something_new", {}, "en", "Something is wrong: something_new"),
        ("something_new", {}, "zh-hans", "出现问题：something_new"),
    ],
)  # fmt: skip
def test_every_kind_has_its_line(kind: str, details: dict[str, Any], language: str, subject: str) -> None:
    assert written(kind, details, language=language).subject == subject


def test_a_queue_that_waits_says_how_much() -> None:
    assert written("queue_old", QUEUE).cause == "7 messages wait, the oldest since 2026-11-21 11:00 UTC."


@override_settings(CSRF_TRUSTED_ORIGINS=["https://*.example.com", "https://panel.example.com"])
def test_the_page_is_linked_where_the_panel_s_address_is_set() -> None:
    alert = written("profile_failing", FAILING)
    assert alert.link.startswith("https://panel.example.com/admin/smtpadmin/profile/")
    assert f"Look at: {alert.link}" in alert.text
    assert written("queue_old", QUEUE).link == "https://panel.example.com/admin/"


@override_settings(CSRF_TRUSTED_ORIGINS=["https://panel.example.com"], ROOT_URLCONF="tests.support.without_admin")
def test_without_an_admin_there_is_no_link() -> None:
    assert written("profile_failing", FAILING).link == ""


def test_what_is_said_of_waiting_mail_is_what_is_measured() -> None:
    assert [PATIENCE[lane] for lane in Lane] == [timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)]


def test_a_test_alert_says_that_nothing_is_wrong() -> None:
    alert = writing.of_test(AlertChannel(name="Ops", kind="mail", language="zh-hans"))
    assert (alert.event, alert.subject) == (Event.TEST, "测试告警：此渠道可用")
    assert alert.text.splitlines()[2].startswith("一切正常。")


def test_both_languages_are_complete() -> None:
    assert set(texts.REASONS) == set(Reason)
    assert set(texts.ANNOUNCED) == set(texts.OPENED) == set(texts.RESOLVED) == set(IncidentKind.values)
    assert set(texts.SIDES) == set(Side)
    found = [
        each for explained in texts.REASONS.values() for each in (explained.title, explained.cause, *explained.steps)
    ]
    found += [text for name in dir(texts) for text in _texts(getattr(texts, name))]
    assert [text for text in found if not (text.en and text.zh)] == []


def _texts(value: Any) -> list[Text]:
    if isinstance(value, Text):
        return [value]
    return [each for each in value.values() if isinstance(each, Text)] if isinstance(value, dict) else []
