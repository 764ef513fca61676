"""Figures become tables, and tables find their place on the pages."""

from pathlib import Path

import pytest

from benchmarks.report import BEGIN, END, Column, Table, number, percentile, ratio, text, write

ROOT = Path(__file__).resolve().parents[2]


def a_table() -> Table:
    table = Table(
        "Speed",
        (Column("messages/s", number("rate")), Column("× theirs", ratio("rate")), Column("MB", number("mb", digits=1))),
        against="theirs",
    )
    for rate in (900, 1100, 1000):
        table.add("theirs", rate=rate, mb=40)
    for rate in (8000, 12345, 9000):
        table.add("ours", rate=rate)
    return table


def test_a_table_shows_medians_and_ratios_of_medians() -> None:
    assert a_table().markdown().splitlines() == [
        "### Speed",
        "",
        "|  | messages/s | × theirs | MB |",
        "| --- | --: | --: | --: |",
        "| theirs | 1,000 | 1.0 | 40.0 |",
        "| ours | 9,000 | 9.0 |  |",
    ]


def test_without_the_row_compared_with_there_are_no_ratios() -> None:
    table = Table("Speed", (Column("× theirs", ratio("rate")),), against="theirs")
    table.add("ours", rate=5)
    assert table.markdown().splitlines()[-1] == "| ours |  |"


def test_a_table_without_figures_is_left_out() -> None:
    assert text([Table("Nothing", ()), a_table()], heading="Today.").startswith("Today.\n\n### Speed\n")


def test_percentiles_are_values_that_were_measured() -> None:
    assert [percentile([3, 1, 2, 4], part) for part in (0.5, 0.95)] == [3, 4]


def test_figures_replace_what_stood_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Before\n\n{BEGIN}\nold\n{END}\n\nAfter\n")
    write(page, "new")
    assert page.read_text() == f"Before\n\n{BEGIN}\n\nnew\n\n{END}\n\nAfter\n"


def test_a_page_without_markers_is_not_touched(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before\n")
    with pytest.raises(ValueError, match="no place"):
        write(page, "new")
    assert page.read_text() == "Before\n"


@pytest.mark.parametrize("name", ["benchmarks.md", "benchmarks.zh-CN.md"])
def test_the_pages_have_a_place_for_the_figures(name: str) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    assert page.index(BEGIN) < page.index(END)
