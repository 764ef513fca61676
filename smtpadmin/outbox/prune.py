"""Forgetting: what is over goes after a time, bodies sooner. Rows that still wait for something are never touched."""

from datetime import timedelta

from django.utils import timezone

from smtpadmin.models import FINAL
from smtpadmin.outbox import sql
from smtpadmin.outbox.release import wipe

#: How long the body of a failed message is kept, so that it can be sent once its cause is mended.
KEEP_FAILED_BODIES = timedelta(hours=24)
_CHUNK = 500


def prune(*, older_than: timedelta) -> int:
    """Delete messages that were accepted longer ago than `older_than` and are over; return how many."""
    before = sql.instant(timezone.now() - older_than)
    states = [state.value for state in FINAL]
    removed = 0
    while True:
        condition = f"state IN ({sql.marks(states)}) AND created_at < %s"
        ids = [
            row[0]
            for row in sql.rows(
                f"SELECT id FROM {sql.MESSAGE} WHERE {condition} LIMIT %s",
                [*states, before, _CHUNK],
            )
        ]
        if not ids:
            return removed
        with sql.changes():
            for table in (sql.BODY, sql.RECIPIENT, sql.ATTEMPT):
                sql.run(f"DELETE FROM {table} WHERE message_id IN ({sql.marks(ids)})", ids)
            removed += sql.run(
                f"DELETE FROM {sql.MESSAGE} WHERE id IN ({sql.marks(ids)}) AND {condition}",
                [*ids, *states, before],
            )


def prune_bodies() -> int:
    """Destroy bodies that nobody may need any more: of what failed a while ago, and of uncertain ones past their time.

    An uncertain message stays in the list without it: it can be given up, and no longer be sent again.
    """
    now = timezone.now()
    found = sql.rows(
        f"""SELECT b.message_id FROM {sql.BODY} b JOIN {sql.MESSAGE} m ON m.id = b.message_id
            WHERE (m.state = 'failed' AND m.ended_at < %s) OR (m.state = 'uncertain' AND m.expires_at < %s)
            LIMIT %s""",
        [sql.instant(now - KEEP_FAILED_BODIES), sql.instant(now), _CHUNK],
    )
    ids = [row[0] for row in found]
    with sql.changes():
        wipe(ids)
    return len(ids)


def truncate_log() -> None:
    """Empty SQLite's write-ahead log, which holds bodies after they were deleted from the tables (measured)."""
    if sql.database().vendor == "sqlite":
        sql.rows("PRAGMA wal_checkpoint(TRUNCATE)")
