"""`use_profile`: what was the default, what is, and the list of profiles."""

from datetime import UTC, datetime
from typing import Any

import pytest

from smtpadmin.models import Circuit, PauseReason, Profile, TestState
from tests.commands.conftest import run
from tests.support.manage import manage
from tests.support.profiles import make_profile

SWITCHED = """\
The default was: Main (main, smtp.example.com:465)
The default is:  Spare (spare, smtp.example.com:465)
"""
ENABLED = """\
The default was: none
The default is:  Main (main, smtp.example.com:465)
It was disabled, and is enabled now.
Its state: Not tested. To see whether it works: manage.py smtp_check main
"""
LIST = """\
   short name  name         server                state                               last test
*  main        Main         smtp.example.com:465  enabled                             Working  2026-11-20 08:30
   alerts      Alerts 告警  smtp.example.com:465  enabled                             Failing at AUTH  2026-11-20 08:30
   old         Old          smtp.example.com:465  disabled                            Changed since the test  2026-11-20 08:30
   spare       Spare        192.0.2.1:25          paused: The server is out of reach  Not tested
"""  # noqa: E501


def default() -> str:
    return Profile.objects.values_list("slug", flat=True).get(is_default=True)


@pytest.fixture
def two(db: None) -> None:
    make_profile(is_default=True, test_state=TestState.WORKING)
    make_profile(slug="spare", test_state=TestState.WORKING)


@pytest.mark.usefixtures("two")
def test_the_default_is_switched_without_a_question() -> None:
    ended = run("use_profile", "spare")
    assert (ended.code, ended.out, ended.err, default()) == (0, SWITCHED, "", "spare")


@pytest.mark.usefixtures("two")
def test_the_present_default_stays_and_is_said_to_be_one() -> None:
    ended = run("use_profile", "main")
    assert (ended.code, ended.out, default()) == (
        0,
        "Main (main, smtp.example.com:465) is the default already.\n",
        "main",
    )


@pytest.mark.django_db
def test_a_disabled_profile_is_enabled_and_one_that_is_not_known_to_work_is_named() -> None:
    make_profile(enabled=False)
    ended = run("use_profile", "main")
    assert (ended.code, ended.out) == (0, ENABLED)
    assert Profile.objects.get().enabled


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Name a profile, or use --list."),
        (["main", "--list"], "Name a profile, or use --list."),
        (["other"], "There is no SMTP profile “other”. There are: main, spare."),
    ],
)
def test_what_cannot_be_meant_ends_with_2(words: list[str], said: str) -> None:
    ended = run("use_profile", *words)
    assert (ended.code, ended.out, ended.err, default()) == (2, "", f"{said}\n", "main")


@pytest.mark.django_db
def test_a_locked_panel_changes_nothing(settings: Any) -> None:
    make_profile(is_default=True, password="s3cret-value")
    make_profile(slug="spare")
    settings.SMTPADMIN = {**settings.SMTPADMIN, "KEYS": []}
    ended = run("use_profile", "spare")
    assert (ended.code, ended.out, default()) == (3, "", "main")
    assert run("use_profile", "--list").code == 0


@pytest.mark.django_db
def test_the_list_shows_each_profile_with_its_state() -> None:
    tested = {"tested_at": datetime(2026, 11, 20, 8, 30, tzinfo=UTC)}
    failure = {"failure": {"stage": "auth"}}
    make_profile(is_default=True, test_state=TestState.WORKING, **tested)
    make_profile(slug="alerts", name="Alerts 告警", test_state=TestState.FAILING, test_report=failure, **tested)
    make_profile(slug="old", enabled=False, test_state=TestState.CHANGED, **tested)
    spare = make_profile(slug="spare", host="192.0.2.1", port=25)
    Circuit.objects.create(profile=spare, reason=PauseReason.CONNECT)
    ended = run("use_profile", "--list")
    assert (ended.code, ended.out, ended.err) == (0, LIST, "")


@pytest.mark.django_db
def test_an_empty_list_says_so() -> None:
    assert run("use_profile", "--list").out == "There is no SMTP profile yet.\n"


@pytest.mark.django_db(transaction=True)
def test_from_the_command_line() -> None:
    make_profile(is_default=True, test_state=TestState.WORKING)
    make_profile(slug="spare", test_state=TestState.WORKING)
    ended = manage("use_profile", "spare")
    assert (ended.code, ended.out, ended.err, default()) == (0, SWITCHED, "", "spare")
