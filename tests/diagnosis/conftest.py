"""The score, at the end of the run."""

import pytest

_FOLDER = "tests/diagnosis/test_corpus.py::test_a_"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many of the broken set-ups that were tried were named right."""
    outcomes = {
        outcome: sum(
            report.nodeid.startswith(_FOLDER) and report.when == ("call" if outcome != "skipped" else "setup")
            for report in terminalreporter.getreports(outcome)
        )
        for outcome in ("passed", "failed", "skipped")
    }
    tried = outcomes["passed"] + outcomes["failed"]
    if tried:
        skipped = f", {outcomes['skipped']} skipped" if outcomes["skipped"] else ""
        terminalreporter.write_line(f"Broken set-ups named right: {outcomes['passed']} of {tried}{skipped}")
