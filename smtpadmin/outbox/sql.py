"""The database of the outbox, and SQL that its statements share.

Raw statements and not the ORM, because each change of a state is one conditional statement that returns the rows it has
changed, on batches, where an object per row costs more than the rest. SQLite and PostgreSQL take the same text, but for
what the functions below return. Lists of any length are one parameter, so the text stays short and the same: with a
mark for each value, Django, the driver and the server all read it letter by letter, which took longer than the work.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, InternalError, OperationalError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from smtpadmin.models import Attempt, Body, Circuit, Message, Profile, Recipient

logger = logging.getLogger("smtpadmin.outbox")

# ruff: noqa: SLF001 - `_meta` is Django's documented way to a table's name
MESSAGE = Message._meta.db_table
BODY = Body._meta.db_table
RECIPIENT = Recipient._meta.db_table
ATTEMPT = Attempt._meta.db_table
CIRCUIT = Circuit._meta.db_table
PROFILE = Profile._meta.db_table

# What every release of a lease writes.
UNLEASED = "phase = '', lease = '', lease_until = 0, lease_boot = ''"

ENGINES = ("sqlite", "postgresql")
# Rows of one INSERT: more gain nothing, and with their bodies they are some megabytes.
_ROWS = 200
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 2.0

_Item = TypeVar("_Item")


def database() -> BaseDatabaseWrapper:
    """Return the connection to the database that holds the outbox. Raise ImproperlyConfigured for another engine."""
    connection = connections[router.db_for_write(Message)]
    if connection.vendor not in ENGINES:
        raise ImproperlyConfigured(f"The outbox runs on SQLite and PostgreSQL, and not on {connection.vendor}.")
    return connection


@contextmanager
def changes() -> Iterator[None]:
    """Run a transaction on the outbox's database; inside one of the caller's it is a part of that."""
    with transaction.atomic(using=database().alias):
        yield


def persist(act: Callable[[], _Item], *, patience: float) -> _Item:
    """Do something with the database, again and again while it is away. Not for use inside a transaction."""
    until = time.monotonic() + patience
    wait = _FIRST_WAIT
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError, InternalError) as error:
            # InternalError is what a transaction gets that PostgreSQL has ended for its silence.
            connection = database()
            if connection.in_atomic_block or time.monotonic() + wait > until:
                raise
            logger.warning("The database does not take what has become of mail; trying again. %s", error)
            connection.close()
            time.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)


def run(text: str, params: Sequence[Any] = ()) -> int:
    """Run a statement and return how many rows it has changed."""
    with database().cursor() as cursor:
        cursor.execute(text, params)
        return int(cursor.rowcount)


def rows(text: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows."""
    with database().cursor() as cursor:
        cursor.execute(text, params)
        return list(cursor.fetchall())


def blobs(text: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows, which hold long bytes.

    Django's cursors for PostgreSQL get them as hexadecimal digits, which both sides write and read letter by letter.
    """
    connection = database()
    if connection.vendor != "postgresql":
        return rows(text, params)
    from django.db.backends.postgresql.psycopg_any import is_psycopg3  # noqa: PLC0415  absent where SQLite is all

    if not is_psycopg3:
        return rows(text, params)
    import psycopg  # noqa: PLC0415

    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(text, params, prepare=False, binary=True).fetchall()


def insert(
    table_name: str,
    columns: Mapping[str, str],
    values: Sequence[Sequence[Any]],
    *,
    same: Mapping[str, Any],
    returning: str = "",
) -> list[tuple[Any, ...]]:
    """Insert rows of `columns` (names and types), with the values of `same` in each of them.

    Return the `returning` columns of each, in no promised order.
    """
    returned: list[tuple[Any, ...]] = []
    for start in range(0, len(values), _ROWS):
        new, param = table(columns, values[start : start + _ROWS])
        text = f"""INSERT INTO {table_name} ({", ".join([*same, *columns])})
                   SELECT {", ".join([*["%s"] * len(same), *columns])} FROM {new} AS new"""
        params = [*same.values(), param]
        if returning:
            returned += rows(f"{text} RETURNING {returning}", params)
        else:
            run(text, params)
    return returned


def marks(items: Sequence[Any]) -> str:
    """Return a placeholder for each of `items`."""
    return ", ".join(["%s"] * len(items))


def among(ids: Iterable[int]) -> tuple[str, str]:
    """Return what follows a column that has to be one of `ids`, and its one parameter."""
    listed = ",".join(map(str, ids))
    if database().vendor == "postgresql":
        return "= ANY(%s::bigint[])", f"{{{listed}}}"
    return "IN (SELECT value FROM json_each(%s))", f"[{listed}]"


def one_of(select: str) -> str:
    """Return what follows a column that has to be one of those that `select` finds.

    As an array PostgreSQL knows it before it begins, and goes to each row by its key; joined, it reads the whole table
    for as long as it takes that for a small one.
    """
    return f"= ANY(ARRAY({select}))" if database().vendor == "postgresql" else f"IN ({select})"


def table(columns: Mapping[str, str], values: Sequence[Sequence[Any]]) -> tuple[str, str]:
    """Return a subquery with a row for each of `values`, and its one parameter. `columns`: names and their types."""
    if database().vendor == "postgresql":
        read, source = "CAST(value->>{at} AS {kind}) AS {name}", "jsonb_array_elements(%s::jsonb)"
    else:
        # What is stored there has the type of the value.
        read, source = "json_extract(value, '$[{at}]') AS {name}", "json_each(%s)"
    fields = ", ".join(read.format(at=at, kind=columns[name], name=name) for at, name in enumerate(columns))
    adapted = database().ops.adapt_datetimefield_value
    # Times are all that JSON does not know; they are written as the database has them.
    param = json.dumps(values, ensure_ascii=False, default=lambda value: str(adapted(value)))
    return f"(SELECT {fields} FROM {source})", param


def skip_locked() -> str:
    """Return what makes a SELECT take rows for itself and pass over those that others hold.

    SQLite has no row locks and needs none: one writes at a time. Django leaves `select_for_update` out there without a
    word, so it is not relied on.
    """
    return "FOR UPDATE SKIP LOCKED" if database().vendor == "postgresql" else ""


def instant(value: datetime | None) -> Any:
    """Return a time as a parameter for a raw statement."""
    if value is None:
        return None
    return database().ops.adapt_datetimefield_value(value)


def aware(value: datetime | None) -> datetime | None:
    """Return a time that a raw statement has read; SQLite's come without the zone, which is UTC."""
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
