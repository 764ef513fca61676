"""The small size of every fault run; `make chaos` has the full one."""

import re
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.chaos.conftest import Outcome
from tests.chaos.runs import MISSING, NAMES, NOT_PERMITTED, all_runs
from tests.support.components import require


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "database"), list(all_runs()))
def test_nothing_is_lost_and_nothing_comes_twice_without_its_mark(
    name: str, database: str, outcomes: Mapping[tuple[str, str], Future[Outcome]], rows: list[str]
) -> None:
    code, text = outcomes[name, database].result()
    rows.append(text)
    # A sentence of `Missing`, as `require` makes it of its component too.
    require(text.rpartition(": ")[2].removesuffix(" is missing."), code != MISSING)
    if code == NOT_PERMITTED:
        pytest.skip(text)
    assert code == 0, text


@pytest.mark.parametrize("page", ["reliability.md", "reliability.zh-CN.md"])
def test_every_run_is_documented(page: str) -> None:
    text = Path(__file__).parents[2].joinpath("docs", page).read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == NAMES
