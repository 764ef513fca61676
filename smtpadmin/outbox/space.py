"""Room on the disk that holds SQLite's file.

On a full disk SQLite writes nothing at all, not even a state (measured: every UPDATE and DELETE fails), so that mail
could be sent and not be recorded as sent. Accepting stops while what is queued still has room, and sending while what
is under way still has. PostgreSQL's disk is for its own machine to watch.
"""

import shutil
from functools import cache
from pathlib import Path

from smtpadmin.exceptions import OutboxFull
from smtpadmin.outbox import sql

_MB = 1_000_000
#: With less than this free nothing is accepted. Sending makes room, because bodies go; so it goes on for longer.
ACCEPT_FLOOR = 64 * _MB
#: With less than this free nothing is claimed. The log of writes alone takes some megabytes before it is used anew.
SEND_FLOOR = 32 * _MB


def free() -> int | None:
    """Return how many bytes the disk of the outbox has left; None: it is not ours to watch."""
    connection = sql.database()
    if connection.vendor != "sqlite":
        return None
    file = _file(str(connection.settings_dict["NAME"]))
    return shutil.disk_usage(file).free if file else None


def may_accept() -> bool:
    """Say whether there is room for more messages."""
    left = free()
    return left is None or left >= ACCEPT_FLOOR


def may_send() -> bool:
    """Say whether there is room to record what becomes of the messages that a claim would take."""
    left = free()
    return left is None or left >= SEND_FLOOR


def check_room() -> None:
    """Raise OutboxFull where there is no room for more messages."""
    left = free()
    if left is not None and left < ACCEPT_FLOOR:
        raise OutboxFull(
            f"The message is not accepted: the disk that holds the database has {left // _MB} MB left, and "
            f"{ACCEPT_FLOOR // _MB} MB must stay free."
        )


@cache
def _file(_name: str) -> Path | None:
    """Return the file of the database that Django knows by this name, which may be a URI; None: it is in memory."""
    found = next((file for _, schema, file in sql.rows("PRAGMA database_list") if schema == "main"), "")
    return Path(found) if found else None
