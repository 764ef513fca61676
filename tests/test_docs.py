"""The documentation names what the code has: settings with their defaults, checks, files."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from smtpadmin.conf import Conf

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")) + sorted(ROOT.glob("example/*.md"))

READERS = {"text", "number", "switch", "choice", "listing", "time_zone", "secret"}
# Set by systemd, not by the operator.
FOREIGN = {"CREDENTIALS_DIRECTORY"}


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as one place of the code reads it; `default` as the page writes it, None where it is computed."""

    name: str
    reader: str
    default: str | None


def read_in_config() -> Iterator[Variable]:
    for path in sorted((ROOT / "config").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                reader = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if reader in READERS:
                    yield Variable(name=str(node.args[0].value), reader=reader, default=_default(node))


def _default(call: ast.Call) -> str | None:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "default"] + call.args[1:2]
    if not given:
        return ""
    if not isinstance(given[0], ast.Constant):
        return None
    value = given[0].value
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def table(page: str, title: str) -> dict[str, str]:
    """Return the first two cells of every row of the tables whose first column is called `title`."""
    rows = {}
    wanted = False
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            wanted = False
        elif cells[0] == title:
            wanted = True
        elif wanted and not cells[0].startswith("--"):
            rows[cells[0].strip("`")] = cells[1]
    return rows


VARIABLES = list(read_in_config())
SECRETS = {variable.name for variable in VARIABLES if variable.reader == "secret"}
SECRET_FILES = {f"{name}_FILE" for name in SECRETS}


def test_every_variable_is_documented_and_none_besides() -> None:
    assert {variable.name for variable in VARIABLES} - FOREIGN - SECRET_FILES == set(
        table("docs/settings.md", "variable")
    )


def test_the_documented_defaults_are_the_ones_of_the_code() -> None:
    documented = table("docs/settings.md", "variable")
    computed = {variable.name for variable in VARIABLES if variable.default is None}
    known = {
        variable.name: variable.default
        for variable in VARIABLES
        if variable.reader != "secret" and variable.name in documented and variable.name not in computed
    }

    assert {name: documented[name] for name in known} == known
    assert len(known) > 10


def test_every_setting_of_the_app_is_documented() -> None:
    assert set(table("docs/settings.md", "name")) == Conf.NAMES


def test_every_check_is_documented() -> None:
    ids = {
        found
        for path in (ROOT / "smtpadmin").rglob("*.py")
        for found in re.findall(r'id="(smtpadmin\.[A-Z]\d{3})"', path.read_text(encoding="utf-8"))
    }

    assert set(table("docs/settings.md", "check")) == ids


@pytest.mark.parametrize("name", ["Dockerfile", "docker-compose.yml"])
def test_a_container_sets_only_variables_that_exist(name: str) -> None:
    content = (ROOT / name).read_text(encoding="utf-8")
    if name == "Dockerfile":
        block = content.partition("\nENV ")[2].partition("\n\n")[0]
        found = set(re.findall(r"^\s*([A-Z_]+)=", block, re.MULTILINE)) - {
            "PYTHONDONTWRITEBYTECODE",
            "PYTHONUNBUFFERED",
        }
    else:
        web = content.partition("\n  web:\n")[2].partition("\n  database:\n")[0]
        found = set(re.findall(r"^      ([A-Z_]+):", web, re.MULTILINE))

    assert found
    assert found - {"PATH"} <= {variable.name for variable in VARIABLES} | SECRET_FILES


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for page in PAGES for target in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))}

    assert named - targets == set()
