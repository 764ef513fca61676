"""The runs, two at a time because they mostly wait; and their counts, at the end of the tests."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.chaos.runs import run_apart, table

#: What the runs had to say.
ROWS = pytest.StashKey[list[str]]()

Outcome = tuple[int, str]


@pytest.fixture(scope="session")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[tuple[str, str], Future[Outcome]]]:
    """Return what becomes of each run that is tested: its exit code, and what there is to say."""
    templates = tmp_path_factory.mktemp("chaos")
    wanted = [
        (item.callspec.params["name"], item.callspec.params["database"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "outcomes" in item.fixturenames
    ]
    with ThreadPoolExecutor(2) as pool:
        futures = {
            (name, database): pool.submit(run_apart, name, database, full=False, seed=7, templates=templates)
            for name, database in wanted
        }
        try:
            yield futures
        finally:
            for future in futures.values():
                future.cancel()


@pytest.fixture
def rows(pytestconfig: pytest.Config) -> list[str]:
    """Lines that are printed when all tests are over."""
    return pytestconfig.stash.setdefault(ROWS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if rows := config.stash.get(ROWS, []):
        terminalreporter.section("fault runs")
        terminalreporter.write_line(table(rows))
