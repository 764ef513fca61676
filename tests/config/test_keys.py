"""The key files: private whatever the umask, never overwritten, never half-written."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config import keys


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_a_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"

    keys.make(path, "value")

    assert path.read_text() == "value\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("the one that opens everything")

    keys.make(path, "another")

    assert path.read_text() == "the one that opens everything"
    assert list(tmp_path.iterdir()) == [path]


def test_of_many_starts_at_once_all_see_one_whole_key(tmp_path: Path) -> None:
    path = tmp_path / "key"

    def start(number: int) -> str:
        keys.make(path, f"{number:064}")
        return path.read_text()

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(start, range(40)))

    assert len(seen) == 1
    assert len(seen.pop()) == 65


def test_secret_keys_are_long_and_differ() -> None:
    made = {keys.new_secret_key() for _ in range(20)}

    assert len(made) == 20
    assert min(len(key) for key in made) >= 50
