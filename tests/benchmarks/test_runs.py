"""Each measurement still runs, with a handful of messages, on what is always there: ours, and SQLite."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import runs
from benchmarks.runs import LARGE_BATCH, OURS, TINY, Bench, Variant
from benchmarks.servers import Databases

OURS_ALONE = (Variant("smtpadmin", OURS, {"batch": LARGE_BATCH}),)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(runs, "NEAR", OURS_ALONE)
    monkeypatch.setattr(runs, "FAR", OURS_ALONE)
    return Bench(TINY, Databases(tmp_path), python=None, say=lambda _text: None)


@pytest.mark.parametrize(
    ("measure", "rows"),
    [
        (Bench.near, ["smtpadmin"]),
        (Bench.far, ["smtpadmin"]),
        (Bench.accepting, ["smtpadmin, through send_mail()", "smtpadmin, bytes ready"]),
        (Bench.rows, ["10 rows that are over", "10 rows that wait"]),
        (Bench.urgent, ["SQLite"]),
    ],
)
def test_a_measurement_gives_figures_for_each_row(
    bench: Bench, measure: Callable[[Bench], None], rows: list[str]
) -> None:
    measure(bench)
    (table,) = bench.tables
    assert [line.split(" | ")[0].removeprefix("| ") for line in table.markdown().splitlines()[-len(rows) :]] == rows
    assert all(value > 0 for row in rows for value in table.medians(row).values())


def test_what_is_not_installed_is_said_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "raw_tools", lambda: None)
    said: list[str] = []
    bench = Bench(TINY, Databases(tmp_path), python=None, say=said.append)
    bench.ceiling()
    bench.workers()
    assert bench.tables == []
    assert said == [
        "Postfix's smtp-source and smtp-sink are not installed: no ceiling is measured.",
        "PostgreSQL is not installed: several workers are not measured.",
    ]
