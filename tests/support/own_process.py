"""A small server of the tests in a process of its own: how it is started, asked what it has counted, and ended.

The process prints one line of JSON with its `port`, then one with its counts for each line that it reads, and ends with
its standard input: it does not outlive whoever started it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_STOP_SECONDS = 10


class OwnProcess:
    """A running one."""

    host = "127.0.0.1"

    def __init__(self, process: subprocess.Popen[str], *, port: int) -> None:
        self._process = process
        self.port = port

    def ask(self) -> dict[str, Any]:
        """Return what it has counted so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("counts\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self._process.args!r} has ended."
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def own_process(module: str, **options: object) -> Iterator[OwnProcess]:
    """Run `module`, with its options as JSON, until the block ends."""
    command = [sys.executable, "-m", module, json.dumps(options)]
    process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        server = OwnProcess(process, port=0)
        server.port = server._answer()["port"]
        yield server
    finally:
        process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()
            process.stdout.close()
