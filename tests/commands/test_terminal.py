"""What the commands have in common: whose language, which columns, and texts that do a terminal no harm."""

import locale
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import translation

from smtpadmin.management.terminal import columns, table
from tests.commands.conftest import run
from tests.support.manage import ROOT, command, environment, manage
from tests.support.profiles import make_profile


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "project", "terminal", "said"),
    [
        ("", "en", "", "English"),
        ("", "zh-hans", "", "Chinese"),
        ("", "en", "en_GB", "English"),
        ("", "en", "zh_CN", "Chinese"),
        ("", "zh-hans", "en_GB", "Chinese"),
        ("en", "zh-hans", "zh_CN", "English"),
        ("zh-hans", "en", "en_GB", "Chinese"),
    ],
)
def test_the_language_is_the_one_asked_for_else_the_project_s_else_the_terminal_s(
    monkeypatch: pytest.MonkeyPatch, asked: str, project: str, terminal: str, said: str
) -> None:
    # The machine's own locales are what it has installed.
    monkeypatch.setattr(locale, "getlocale", lambda: (terminal or None, "UTF-8"))
    make_profile(name="Main")
    out = Terminal() if terminal else StringIO()
    with translation.override(project):
        call_command("use_profile", "--list", *(["--lang", asked] if asked else []), stdout=out)
    assert ("Not tested" in out.getvalue(), "未测试" in out.getvalue()) == (said == "English", said == "Chinese")


@pytest.mark.parametrize(("text", "width"), [("", 0), ("DNS", 3), ("查找", 4), ("（TCP）", 7), ("é", 1)])
def test_a_chinese_character_takes_two_columns(text: str, width: int) -> None:
    assert columns(text) == width


def test_a_table_has_straight_columns() -> None:
    assert list(table([("a", "名称", "x"), ("bbb", "n", "y")])) == ["a    名称  x", "bbb  n     y"]


@pytest.mark.django_db
def test_names_cannot_steer_the_terminal() -> None:
    make_profile(name="Main\x1b[2J\u202e", is_default=True)
    assert "\x1b" not in run("use_profile", "main").out
    assert "\u202e" not in run("use_profile", "--list").out


@pytest.mark.django_db(transaction=True)
def test_a_terminal_that_knows_no_chinese_shows_question_marks() -> None:
    make_profile(name="告警", is_default=True)
    ended = manage("use_profile", "main", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (ended.code, ended.out) == (0, "?? (main, smtp.example.com:465) is the default already.\n")


@pytest.mark.django_db(transaction=True)
def test_a_broken_file_of_providers_ends_with_3(tmp_path: Path) -> None:
    broken = tmp_path / "providers.json"
    broken.write_text("{")
    ended = manage("smtp_check", "--host", "smtp.example.com", SMTPADMIN_PROVIDERS_FILE=str(broken))
    assert (ended.code, ended.out) == (3, "")
    assert str(broken) in ended.err


@pytest.mark.django_db(transaction=True)
def test_a_reader_who_has_seen_enough_causes_no_traceback() -> None:
    make_profile(is_default=True)
    words = command("support_bundle")
    with subprocess.Popen(
        words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.django_db(transaction=True)
def test_a_wrong_setting_ends_with_3_and_names_it() -> None:
    ended = manage("smtp_check", "--host", "smtp.example.com", SMTPADMIN_DENIED_NETWORKS="nowhere")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("CommandError: SMTPADMIN['DENIED_NETWORKS']: 'nowhere' does not appear to be")


@pytest.mark.django_db(transaction=True)
def test_a_damaged_key_stops_no_command_before_it_can_say_so(settings: Any) -> None:
    make_profile(password="s3cret-value")
    ended = manage("smtp_check", "main", SMTPADMIN_KEYS="damaged")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("CommandError: The panel is locked: the encryption key is damaged.")
