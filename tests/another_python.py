"""Print a Python that gets another Django from the lock than this one does: 5.2 up to Python 3.11, 6.1 from 3.12 on.

Looked for on PATH and among pyenv's versions. Without one, says so and ends with 1.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDER, NEWER = ("3.11",), ("3.13", "3.12", "3.14")


def main() -> int:
    wanted = OLDER if sys.version_info >= (3, 12) else NEWER
    for python in _candidates(wanted):
        if _is_usable(python, wanted):
            sys.stdout.write(f"{python}\n")
            return 0
    sys.stdout.write(f"the other Django: there is no Python {' or '.join(wanted)}.\n")
    return 1


def _candidates(versions: tuple[str, ...]) -> Iterator[str]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in versions:
        if found := shutil.which(f"python{version}"):
            yield found
        yield from (str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True))


def _is_usable(python: str, versions: tuple[str, ...]) -> bool:
    """Try it: one of pyenv's shims stands on PATH also where its version is not chosen."""
    say = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    ran = subprocess.run([python, "-c", say], capture_output=True, text=True, check=False)
    return ran.returncode == 0 and ran.stdout.strip() in versions


if __name__ == "__main__":
    sys.exit(main())
