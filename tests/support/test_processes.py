"""Programs that tests start are gone afterwards, and say why when they do not start."""

from pathlib import Path

import pytest

from tests.support.processes import StartFailed, running


def test_a_program_and_its_children_end_with_the_block(tmp_path: Path) -> None:
    command = ["sh", "-c", "trap '' TERM; sleep 60 & touch ready; wait"]
    ready = tmp_path / "ready"
    # Leaving the block fails where anything still runs in this directory.
    with running(command, log=tmp_path / "log", is_ready=ready.exists, directory=tmp_path):
        pass


def test_a_program_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo no such setting >&2; exit 3"]
    with (
        pytest.raises(StartFailed, match=r"exit code 3[^!]*no such setting"),
        running(command, log=tmp_path / "log", is_ready=lambda: False, directory=tmp_path),
    ):
        pass
