"""Medians and ratios as tables of Markdown, and where they are written."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its title, and its cell from the medians of the row and of the row compared with."""

    title: str
    cell: Callable[[Mapping[str, float], Mapping[str, float]], str]


@dataclass(slots=True)
class Table:
    """Rows of figures, each taken several times."""

    title: str
    columns: tuple[Column, ...]
    #: The row that ratios are against.
    against: str = ""
    note: str = ""
    _taken: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def add(self, row: str, **figures: float) -> None:
        """Note what one run of `row` gave."""
        for name, value in figures.items():
            self._taken[row][name].append(value)

    def medians(self, row: str) -> dict[str, float]:
        return {name: median(values) for name, values in self._taken[row].items()} if row in self._taken else {}

    @property
    def is_empty(self) -> bool:
        return not self._taken

    def markdown(self) -> str:
        base = self.medians(self.against)
        lines = [f"### {self.title}", ""]
        lines += [self.note, ""] if self.note else []
        lines += [_row(["", *(column.title for column in self.columns)]), _row(["---", *["--:"] * len(self.columns)])]
        for row in self._taken:
            own = self.medians(row)
            lines.append(_row([row, *(column.cell(own, base) for column in self.columns)]))
        return "\n".join(lines)


def number(name: str, *, digits: int = 0) -> Callable[[Mapping[str, float], Mapping[str, float]], str]:
    """Return a cell that shows a figure."""
    return lambda own, _base: f"{own[name]:,.{digits}f}" if name in own else ""


def ratio(name: str, *, digits: int = 1) -> Callable[[Mapping[str, float], Mapping[str, float]], str]:
    """Return a cell that shows a figure as a multiple of that of the row compared with."""

    def cell(own: Mapping[str, float], base: Mapping[str, float]) -> str:
        return f"{own[name] / base[name]:,.{digits}f}" if own.get(name) is not None and base.get(name) else ""

    return cell


def percentile(values: Iterable[float], part: float) -> float:
    """Return the value below which `part` of them are."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def text(tables: Iterable[Table], *, heading: str) -> str:
    """Return all tables that have figures."""
    return "\n\n".join([heading, *(table.markdown() for table in tables if not table.is_empty)])


def write(page: Path, figures: str) -> None:
    """Put the figures between the page's markers. Raise ValueError where it has none."""
    head, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _old, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no place for the figures.")
    page.write_text(f"{head}{BEGIN}\n\n{figures}\n\n{END}{tail}", encoding="utf-8")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
