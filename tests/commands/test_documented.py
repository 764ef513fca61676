"""docs/command-line.md, in both languages: every command, option, exit code and key is there."""

import json
import re
from pathlib import Path

import pytest
from django.core.management import BaseCommand, get_commands, load_command_class

from smtpadmin.management.terminal import Exit, TerminalCommand
from tests.commands.conftest import run
from tests.support.profiles import make_profile

ROOT = Path(__file__).resolve().parents[2]
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("command-line*.md"))}
COMMANDS = ("smtp_check", "send_test", "use_profile", "which_profile", "make_admin_link", "support_bundle")


def loaded(name: str) -> TerminalCommand:
    command = load_command_class(get_commands()[name], name)
    assert isinstance(command, TerminalCommand)
    return command


def options_of(command: BaseCommand) -> set[str]:
    actions = command.create_parser("manage.py", "command")._actions
    return {option for action in actions for option in action.option_strings}


def sections(page: str) -> dict[str, str]:
    """Return the parts of a page by their heading."""
    parts = re.split(r"^## (.+)$", PAGES[page], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_page_is_there_in_both_languages() -> None:
    assert list(PAGES) == ["command-line.md", "command-line.zh-CN.md"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_part_with_all_its_options(page: str, name: str) -> None:
    shared = options_of(BaseCommand()) | {"--lang"}
    assert {option for option in options_of(loaded(name)) - shared if option not in sections(page)[name]} == set()
    assert f"(#{name})" in PAGES[page]


@pytest.mark.parametrize("page", PAGES)
def test_every_exit_code_is_explained(page: str) -> None:
    assert set(re.findall(r"^\| `(\d+)` \|", PAGES[page], re.MULTILINE)) == {str(code.value) for code in Exit}


@pytest.mark.django_db
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("smtp_check", "main", "--json"), 0),
        (("which_profile", "--to", "you@example.org", "--json"), 1),
    ],
)
def test_every_key_of_the_json_is_explained(page: str, words: tuple[str, ...], part: int) -> None:
    make_profile(is_default=True, host="127.0.0.1", port=1, password="s3cret-value", rate_hour=1)
    tables = re.split(r"^\| (?:key|键) \|.*$", PAGES[page], flags=re.MULTILINE)[1:]
    rows = tables[part].partition("\n\n")[0]
    answer = json.loads(run(*words).out)
    assert {key for key in keys_of(answer) if f"`{key}`" not in rows} == set()


def keys_of(value: object) -> set[str]:
    """Return the keys at any depth, but for the names of facts."""
    if isinstance(value, dict):
        return set(value) | {key for name, each in value.items() if name != "facts" for key in keys_of(each)}
    return {key for each in value for key in keys_of(each)} if isinstance(value, list) else set()
