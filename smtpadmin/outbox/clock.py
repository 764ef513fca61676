"""The clock of leases: one that nobody sets.

Wall clocks jump, and a lease that ends early is mail sent twice (measured on SQLite with the clock moving by an hour:
594 copies too many of 600 messages; none with the clock below). PostgreSQL: the server's `clock_timestamp()`, one clock
for all machines. SQLite, where all workers share a machine: the seconds since it was started, with the name of that
start, so that a lease from before a restart is seen to be dead.
"""

import subprocess
import sys
import time
from functools import cache
from pathlib import Path

from smtpadmin.outbox.sql import database

#: How long a claim holds without being renewed.
LEASE_SECONDS = 60.0

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def now_sql() -> tuple[str, list[float]]:
    """Return the SQL of the lease clock's present second, and its parameters."""
    if database().vendor == "postgresql":
        return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)", []
    return "%s", [uptime()]


def boot() -> str:
    """Return the name of the clock's epoch: leases of another one are over. PostgreSQL's clock has only one."""
    return "" if database().vendor == "postgresql" else _boot()


def uptime() -> float:
    """Return the seconds since this machine was started, sleep included."""
    # Linux: CLOCK_MONOTONIC stands still while a machine sleeps, CLOCK_BOOTTIME does not. macOS has only the former.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@cache
def _boot() -> str:
    if sys.platform == "darwin":
        ran = subprocess.run(["sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True, check=True)
        return ran.stdout.strip()
    return _BOOT_ID.read_text().strip()
