"""Forgetting: what is over goes after a time, its text sooner. Rows that still wait for something are never touched.

Everything goes in small steps with a rest after each, so that sending goes on beside it; how long things are kept is
said by the settings.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from smtpadmin.conf import conf
from smtpadmin.models import FINAL
from smtpadmin.outbox import pace, sql
from smtpadmin.outbox.release import wipe

# Rows at once: some milliseconds.
_CHUNK = 200
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# How long emptying the write-ahead log waits for readers. Writers wait as long, so it had better try again later.
_PATIENCE_MS = 100

Stop = Callable[[], bool]


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How much was forgotten."""

    messages: int
    bodies: int


def clean(*, stop: Stop = _never) -> Removed:
    """Forget what the settings say is not to be kept any longer, until it is done or `stop` says so."""
    bodies = prune_bodies(stop=stop)
    messages = prune(older_than=conf.retention, stop=stop)
    pace.forget()
    truncate_log()
    return Removed(messages=messages, bodies=bodies)


def prune(*, older_than: timedelta, stop: Stop = _never) -> int:
    """Delete messages that were accepted longer ago than `older_than` and are over; return how many.

    An uncertain one counts as over when its text is gone: nobody can decide to send it again.
    """
    before = sql.instant(timezone.now() - older_than)
    states = [state.value for state in FINAL]
    removed, after = 0, (_BEGINNING, 0)
    for _ in _steps(stop):
        with sql.changes():
            # By age alone, so that there is one index to walk, from the oldest on and never back.
            found = sql.rows(
                f"""SELECT id, created_at, state IN ({sql.marks(states)}) OR state = 'uncertain' AND NOT EXISTS
                           (SELECT 1 FROM {sql.BODY} b WHERE b.message_id = {sql.MESSAGE}.id)
                    FROM {sql.MESSAGE} WHERE (created_at, id) > (%s, %s) AND created_at < %s
                    ORDER BY created_at, id LIMIT %s {sql.skip_locked()}""",
                [*states, sql.instant(after[0]), after[1], before, _CHUNK],
            )
            over = [id_ for id_, _created_at, is_over in found if is_over]
            for table in (sql.BODY, sql.RECIPIENT, sql.ATTEMPT):
                _delete(table, "message_id", over)
            _delete(sql.MESSAGE, "id", over)
        removed += len(over)
        if len(found) < _CHUNK:
            break
        last, created_at, _is_over = found[-1]
        after = sql.aware(created_at) or _BEGINNING, last
    return removed


def prune_bodies(*, stop: Stop = _never) -> int:
    """Destroy the text of what failed or was sent a while ago, and of uncertain messages past their time.

    An uncertain message stays in the list without it: it can be given up, and no longer be sent again.
    """
    now = timezone.now()
    failed, sent = sql.instant(now - conf.keep_failed_bodies), sql.instant(now - conf.keep_sent_bodies)
    has_body = f"EXISTS (SELECT 1 FROM {sql.BODY} b WHERE b.message_id = m.id)"
    removed = 0
    for text, params in (
        # Nothing ends before it begins, and there is an index on the beginning.
        (f"m.state = 'failed' AND m.created_at < %s AND m.ended_at < %s AND {has_body}", [failed, failed]),
        (f"m.state = 'uncertain' AND m.expires_at < %s AND {has_body}", [sql.instant(now)]),
    ):
        removed += _wipe_all(f"SELECT m.id FROM {sql.MESSAGE} m WHERE {text} LIMIT %s", params, stop)
    # Of what was sent there may be millions, nearly all without a text; so it is the texts that are walked, in the
    # order of their age. CROSS JOIN is how SQLite is told to begin with them.
    return removed + _wipe_all(
        f"""SELECT b.message_id FROM {sql.BODY} b CROSS JOIN {sql.MESSAGE} m
            WHERE m.id = b.message_id AND m.state = 'sent' AND m.ended_at < %s AND b.message_id <= COALESCE(
                (SELECT id FROM {sql.MESSAGE} WHERE created_at < %s ORDER BY created_at DESC, id DESC LIMIT 1), 0)
            ORDER BY b.message_id LIMIT %s""",
        [sent, sent],
        stop,
    )


def truncate_log() -> bool:
    """Empty SQLite's write-ahead log, which holds bodies after they were deleted from the tables (measured).

    False: somebody is reading, and it is to be tried again.
    """
    connection = sql.database()
    if connection.vendor != "sqlite":
        return True
    if connection.in_atomic_block:
        return False
    ((patience,),) = sql.rows("PRAGMA busy_timeout")
    sql.rows(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
    try:
        ((busy, _pages, _moved),) = sql.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        sql.rows(f"PRAGMA busy_timeout = {patience}")
    return not busy


def _steps(stop: Stop) -> Iterator[None]:
    """Yield before each step; after each, rest for as long as it took: others want to write too."""
    while not stop():
        begun = time.monotonic()
        yield
        time.sleep(time.monotonic() - begun)


def _wipe_all(text: str, params: Sequence[Any], stop: Stop) -> int:
    """Destroy the bodies that a query finds, some at a time."""
    removed = 0
    for _ in _steps(stop):
        with sql.changes():
            ids = [row[0] for row in sql.rows(text, [*params, _CHUNK])]
            wipe(ids)
        removed += len(ids)
        if len(ids) < _CHUNK:
            break
    return removed


def _delete(table: str, column: str, ids: Sequence[int]) -> None:
    if ids:
        sql.run(f"DELETE FROM {table} WHERE {column} IN ({sql.marks(ids)})", ids)
