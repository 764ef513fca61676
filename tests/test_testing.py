"""Send test email: start, steps, report."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone, translation

from smtpadmin import testing
from smtpadmin.conf import conf
from smtpadmin.models import Profile, TestState
from smtpadmin.smtp import Secret, Stage, Step
from smtpadmin.testing import Report, TestRefused
from tests.support.profiles import make_profile
from tests.support.smtpd import PASSWORD, USERNAME, SmtpServer, StartServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_user("operator", "operator@example.com")


@pytest.fixture
def server(smtp_server: StartServer) -> SmtpServer:
    return smtp_server()


def profile_on(server: SmtpServer, **fields: Any) -> Profile:
    return make_profile(**{"host": server.host, "port": server.port, "security": "none", "username": USERNAME} | fields)


def run(profile: Profile, user: User, *, password: str = PASSWORD, **options: Any) -> tuple[Sequence[Step], Report]:
    defaults = {"recipient": "you@example.org", "send": True, "language": "en", "user": user}
    *steps, report = testing.run(profile, password=Secret(password), **defaults | options)
    assert isinstance(report, Report)
    return [step for step in steps if isinstance(step, Step)], report


def test_a_working_profile_sends_the_message_and_says_so(server: SmtpServer, user: User) -> None:
    profile = profile_on(server)
    steps, report = run(profile, user)
    assert [step.stage for step in steps] == list(testing.stages(profile))
    assert (report.ok, report.sent, report.stage, report.diagnosis) == (True, True, "", None)
    (received,) = server.messages
    assert (received.sender, received.recipients) == ("notify@example.com", ("you@example.org",))
    assert received.message["Subject"] == "Your notification mail works"


def test_the_message_is_in_the_readers_language(server: SmtpServer, user: User) -> None:
    run(profile_on(server), user, language="zh-hans")
    with translation.override("zh-hans"):
        subject = translation.gettext("Your notification mail works")
    assert server.messages[0].message["Subject"] == subject


def test_check_only_signs_in_and_sends_nothing(server: SmtpServer, user: User) -> None:
    steps, report = run(profile_on(server), user, send=False)
    assert [step.stage for step in steps][-1] == Stage.RCPT
    assert (report.ok, report.sent, server.messages) == (True, False, [])
    assert [login.accepted for login in server.logins] == [True]


def test_a_wrong_password_names_stage_cause_and_cure_and_is_tried_once(server: SmtpServer, user: User) -> None:
    profile = profile_on(server)
    _steps, report = run(profile, user, password="wrong-s3cret-value")
    assert (report.ok, report.stage) == (False, "auth")
    assert report.failure is not None
    assert (report.failure.cause, report.failure.code) == ("auth_refused", 535)
    assert report.diagnosis is not None
    assert report.diagnosis.steps
    assert len(server.logins) == 1


def test_each_step_keeps_what_was_said_in_it_without_the_credential(server: SmtpServer, user: User) -> None:
    _steps, report = run(profile_on(server), user)
    said = {step.stage: step.said for step in report.steps}
    assert said["dns"] == ()
    assert [line[:7] for line in said["ehlo"][:2]] == ["S: 220 ", "C: EHLO"]
    assert said["auth"] == ("C: AUTH PLAIN ***", "S: 235 2.7.0 Authentication successful")
    assert said["mail"][0].startswith("C: MAIL FROM:<notify@example.com>")


def test_the_last_result_is_kept_on_the_profile(server: SmtpServer, user: User) -> None:
    profile = profile_on(server)
    _steps, report = run(profile, user, password="wrong")
    profile.refresh_from_db()
    assert (profile.test_state, profile.tested_at, profile.tested_by) == (TestState.FAILING, report.at, user)
    assert Report.from_json(profile.test_report) == report
    run(profile, user)
    profile.refresh_from_db()
    assert profile.test_state == TestState.WORKING


def test_a_test_of_unsaved_settings_leaves_no_result(server: SmtpServer, user: User) -> None:
    profile = profile_on(server)
    run(profile, user, record=False)
    profile.refresh_from_db()
    assert (profile.test_state, profile.test_report) == (TestState.UNTESTED, None)


def test_a_reader_who_goes_away_at_the_end_does_not_take_the_record_along(server: SmtpServer, user: User) -> None:
    profile = profile_on(server)
    steps = testing.run(
        profile, password=Secret(PASSWORD), recipient="you@example.org", send=True, language="en", user=user
    )
    next(step for step in steps if isinstance(step, Step) and step.stage is Stage.DATA)
    steps.close()
    profile.refresh_from_db()
    assert (len(server.messages), profile.test_state) == (1, TestState.WORKING)


def test_settings_edited_during_a_test_do_not_get_its_verdict(server: SmtpServer, user: User) -> None:
    profile = profile_on(server)
    steps = testing.run(
        profile, password=Secret(PASSWORD), recipient="you@example.org", send=True, language="en", user=user
    )
    next(steps)
    edited = Profile.objects.get()
    edited.username = "someone else"
    edited.save()
    list(steps)
    assert Profile.objects.get().test_state == TestState.UNTESTED


def test_a_profile_deleted_during_a_test_breaks_nothing(server: SmtpServer, user: User) -> None:
    profile = profile_on(server)
    steps = testing.run(
        profile, password=Secret(PASSWORD), recipient="you@example.org", send=True, language="en", user=user
    )
    next(steps)
    Profile.objects.all().delete()
    assert isinstance(list(steps)[-1], Report)


def test_all_users_together_start_so_many_tests_and_no_more() -> None:
    users = [User.objects.create_user(f"operator{number}") for number in range(9)]
    for starter in users[:8]:
        testing.start(Profile(), user=starter)
    with pytest.raises(TestRefused, match="Several tests were started just now"):
        testing.start(Profile(), user=users[8])


def test_one_test_of_a_profile_at_a_time(server: SmtpServer, user: User) -> None:
    profile = profile_on(server)
    testing.start(profile, user=user)
    with pytest.raises(TestRefused, match="under way"):
        testing.start(profile, user=user)
    run(profile, user)
    testing.start(profile, user=user)


def test_a_test_whose_reader_went_away_gives_its_lease_back(server: SmtpServer, user: User) -> None:
    profile = profile_on(server)
    testing.start(profile, user=user)
    steps = testing.run(
        profile, password=Secret(PASSWORD), recipient="you@example.org", send=True, language="en", user=user
    )
    next(steps)
    steps.close()
    testing.start(profile, user=user)
    assert server.messages == []


def test_a_lease_left_by_a_dead_process_runs_out(server: SmtpServer, user: User) -> None:
    profile = profile_on(server, testing_until=timezone.now() - timedelta(seconds=1))
    testing.start(profile, user=user)


def test_one_user_starts_so_many_tests_a_minute_and_no_more(server: SmtpServer, user: User) -> None:
    with override_settings(SMTPADMIN={"KEYS": conf.keys, "TESTS_PER_MINUTE": 2}):
        for _ in range(2):
            testing.start(Profile(), user=user)
        with pytest.raises(TestRefused, match="2 tests within a minute"):
            testing.start(Profile(), user=user)


def test_a_bad_recipient_is_refused_before_anything_is_connected_to(server: SmtpServer, user: User) -> None:
    steps, report = run(profile_on(server), user, recipient="nobody")
    assert (steps, report.ok, report.sent, server.connections) == ([], False, False, 0)
    assert report.failure is not None
    assert report.failure.cause == "bad_address"


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_report_for_copying_holds_everything_but_the_secret(server: SmtpServer, user: User, language: str) -> None:
    _steps, report = run(profile_on(server), user, password="wrong-s3cret-value")
    text = report.as_text(language)
    assert report.diagnosis is not None
    assert report.diagnosis.title.get(language) in text
    assert "535" in text
    assert "s3cret" not in text
    assert "s3cret" not in repr(report)
