"""Run a program until standard input ends, then end it with all its group, so that it never outlives whoever asked.

    python watch.py COMMAND ARGUMENT...

The kernel's own way, PR_SET_PDEATHSIG, is undone when a program gives up root, as mail servers do.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

#: How long the program may take to end by itself.
PATIENCE = 3


def main(command: Sequence[str]) -> int:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_end_with_input, args=(process,), daemon=True).start()
    code = process.wait()
    # Its children have the group that start_new_session made.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return code


def _end_with_input(process: subprocess.Popen[bytes]) -> None:
    # Nobody writes: this returns at the end of input. Not sys.stdin, whose lock would be in the way of our own end.
    os.read(0, 1)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    process.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
