"""What `make run` does before Python runs: find a Python that is new enough, and install from the lock once."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.config.conftest import ROOT
from tests.support.components import require

# Takes the part of a Python: answers the version check and the one for venv, and makes an environment with a pip that
# writes down what it is asked.
PYTHON = """#!/bin/sh
case "$*" in
  *version_info*) exit {too_old} ;;
  *ensurepip*) exit {without_venv} ;;
  "-m venv --clear "*)
    mkdir -p "$4/bin"
    printf '#!/bin/sh\\necho "{name}: $*" >> "%s/asked"\\n' "$4" > "$4/bin/pip"
    chmod 755 "$4/bin/pip" ;;
  --version) echo "Python 3.9.2" ;;
esac
"""


class Machine:
    """A folder that is all of PATH, with the Pythons that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.environment = folder / "venv"
        self.programs.mkdir()
        for name in ("cmp", "cp", "mkdir", "chmod"):
            (self.programs / name).symlink_to(str(shutil.which(name)))

    def add_python(self, name: str, *, too_old: bool = False, without_venv: bool = False) -> None:
        path = self.programs / name
        path.write_text(PYTHON.format(name=name, too_old=int(too_old), without_venv=int(without_venv)))
        path.chmod(0o755)

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(shutil.which("make")), "--no-print-directory", target, f"VENV={self.environment}"],
            cwd=ROOT,
            env={"PATH": str(self.programs)},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        """What pip was asked to do, by the Python that made the environment."""
        path = self.environment / "asked"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    require("make", shutil.which("make") is not None)
    return Machine(tmp_path)


def test_a_python_that_is_too_old_is_said_in_one_line(machine: Machine) -> None:
    machine.add_python("python3", too_old=True)

    ran = machine.make("install-run")

    assert ran.returncode != 0
    assert ran.stderr.splitlines()[0] == "smtpadmin needs Python 3.11 or newer, and python3 is Python 3.9.2."
    assert not machine.environment.exists()


def test_a_newer_python_beside_it_is_found(machine: Machine) -> None:
    machine.add_python("python3", too_old=True)
    machine.add_python("python3.12")

    ran = machine.make("install-run")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert machine.asked == [
        "python3.12: install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt"
    ]


def test_a_python_without_venv_is_said_with_what_mends_it(machine: Machine) -> None:
    machine.add_python("python3", without_venv=True)

    ran = machine.make("install-run")

    assert ran.returncode != 0
    assert ran.stderr.splitlines()[0] == ("python3 has no venv module. On Debian and Ubuntu: apt install python3-venv")


def test_packages_are_installed_once_and_again_when_the_lock_changes(machine: Machine) -> None:
    machine.add_python("python3")

    assert machine.make("install-run").returncode == 0
    assert machine.make("install-run").stdout == ""
    assert len(machine.asked) == 1

    (machine.environment / "run.txt").write_text("the lock of last week")
    assert machine.make("install-run").returncode == 0
    assert len(machine.asked) == 2


@pytest.mark.parametrize("name", ["run.txt", "test.txt"])
def test_a_lock_has_a_hash_for_everything_and_names_no_registry(name: str) -> None:
    content = (ROOT / "requirements" / name).read_text()
    entries = content.replace("\\\n", " ").splitlines()
    packages = [entry for entry in entries if entry and not entry.lstrip().startswith("#")]

    assert [entry for entry in packages if "--hash=sha256:" not in entry] == []
    assert "://" not in content
    assert "index-url" not in content
