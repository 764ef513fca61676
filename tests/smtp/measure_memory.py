"""Submit one message to 127.0.0.1 and print, as JSON, what came of it and by how much memory grew.

    python -m tests.smtp.measure_memory PORT SECURITY CA_FILE

A process of its own, because the peak of another one's memory says nothing about what one submission took.
"""

import json
import sys
from pathlib import Path

from smtpadmin.smtp import Secret, Security, ServerConfig, Session
from tests.smtp.hostile_cases import CALM
from tests.support import canary
from tests.support.attempts import envelope, send


def peak() -> int:
    """Return the most memory that this process has had since `forget_peak`, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("The kernel does not tell the peak of memory.")


def forget_peak() -> None:
    """Let the peak start from what is in use now (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def main(port: str, security: str, ca_file: str) -> None:
    config = ServerConfig(
        host="127.0.0.1",
        port=int(port),
        security=Security(security),
        username=canary.USERNAME,
        password=Secret(canary.PASSWORD),
        ca_pem=Path(ca_file).read_text(),
        deadlines=CALM,
    )
    # Everything is loaded that a submission needs: the trust store, the codecs, the threads.
    Session(config).close()
    forget_peak()
    before = peak()
    attempt = send(config, envelope())
    sys.stdout.write(json.dumps({"cause": attempt.outcome.cause, "growth": peak() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
