"""The counts of the runs, at the end of the tests."""

from pathlib import Path

import pytest

from tests.chaos.runs import table

#: What the runs had to say.
ROWS = pytest.StashKey[list[str]]()


@pytest.fixture
def rows(pytestconfig: pytest.Config) -> list[str]:
    """Lines that are printed when all tests are over."""
    return pytestconfig.stash.setdefault(ROWS, [])


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the runs share empty databases."""
    return tmp_path_factory.mktemp("chaos")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if rows := config.stash.get(ROWS, []):
        terminalreporter.section("fault runs")
        terminalreporter.write_line(table(rows))
