"""Recording what became of claimed messages: one transaction for a window, repeated while the database is away.

Between the server's answer and this commit lies the only span in which a crash makes a message uncertain, so it is
not given up for an error that passes: PostgreSQL restarted every second gave no duplicate where the commit was
repeated, and 32 where it was not (measured).
"""

import logging
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from smtpadmin.models import AttemptOutcome
from smtpadmin.outbox import failover, sql
from smtpadmin.outbox.claim import Claim
from smtpadmin.outbox.judge import Settlement

logger = logging.getLogger("smtpadmin.outbox")

#: How long a result is held for a database that is away. Longer than a lease on purpose: the write is conditional, so
#: a late one does no harm, and where nobody has released the row it still saves an "uncertain".
PATIENCE = 900.0
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 2.0

_ATTEMPT_COLUMNS = (
    "message_id", "at", "fence", "worker", "profile_slug", "outcome", "seconds", "stage", "cause", "code", "enhanced",
    "reply",
)  # fmt: skip

# What is written into a message's row.
_Columns = tuple[str, int, int, int, int, str, str, int | None, datetime | None, datetime | None]
_Key = TypeVar("_Key", bound=Hashable)
_Item = TypeVar("_Item")


def settle(claim: Claim, settlements: Sequence[Settlement], *, patience: float = PATIENCE) -> frozenset[int]:
    """Record results and return the ids of the messages they were recorded for; the others were no longer ours.

    Raise what the database raised last when it stays away for longer than `patience` seconds.
    """
    if not settlements:
        return frozenset()
    return persist(lambda: _settle(claim, settlements), patience=patience)


def persist(act: Callable[[], _Item], *, patience: float) -> _Item:
    """Do something with the database, again and again while it is away. Not for use inside a transaction."""
    until = time.monotonic() + patience
    wait = _FIRST_WAIT
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError) as error:
            connection = sql.database()
            if connection.in_atomic_block or time.monotonic() + wait > until:
                raise
            logger.warning("The database does not take the outcome of sent mail; trying again. %s", error)
            connection.close()
            time.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)


def _settle(claim: Claim, settlements: Sequence[Settlement]) -> frozenset[int]:
    with sql.changes():
        held = _messages(claim, settlements)
        ours = [each for each in settlements if each.message_id in held]
        _recipients(ours)
        _bodies([each.message_id for each in ours if each.ends_body])
        for each in ours:
            if each.move is not None:
                failover.write(each.message_id, each.move)
        late = _late(claim, [each for each in settlements if each.message_id not in held])
        _attempts(claim, ours, late)
    if late:
        logger.error(
            "The result of %d messages came after their lease had ended; it is recorded and changes nothing.", len(late)
        )
    return held


def _messages(claim: Claim, settlements: Sequence[Settlement]) -> frozenset[int]:
    held: set[int] = set()
    for values, group in _grouped(settlements, _columns):
        state, attempts, uncertain, sent, failed, stage, cause, code, due_at, ended_at = values
        ids = [each.message_id for each in group]
        due, due_params = ("due_at = %s,", [sql.instant(due_at)]) if due_at else ("", [])
        updated = sql.rows(
            f"""UPDATE {sql.MESSAGE} SET state = %s, {sql.UNLEASED}, attempts = attempts + %s, crashes = 0,
                       uncertain = uncertain + %s, recipients_sent = recipients_sent + %s,
                       recipients_failed = recipients_failed + %s, stage = %s, cause = %s, code = %s, {due}
                       ended_at = %s
                WHERE id IN ({sql.marks(ids)}) AND lease = %s RETURNING id""",
            [
                state, attempts, uncertain, sent, failed, stage, cause, code, *due_params,
                sql.instant(ended_at), *ids, claim.lease,
            ],
        )  # fmt: skip
        held.update(row[0] for row in updated)
    return frozenset(held)


def _columns(each: Settlement) -> _Columns:
    failure = each.answer if each.answer.cause else None
    return (
        each.state.value, each.attempts, each.uncertain, each.sent, each.failed, failure.stage if failure else "",
        failure.cause if failure else "", failure.code if failure else None, each.due_at, each.ended_at,
    )  # fmt: skip


def _recipients(settlements: Sequence[Settlement]) -> None:
    pairs = [(key, ids) for each in settlements for key, ids in each.recipients.items()]
    for (state, answer), group in _grouped(pairs, lambda pair: pair[0]):
        ids = [each for _, some in group for each in some]
        sql.run(
            f"""UPDATE {sql.RECIPIENT} SET state = %s, stage = %s, cause = %s, code = %s, enhanced = %s, reply = %s
                WHERE id IN ({sql.marks(ids)})""",
            [state.value, answer.stage, answer.cause, answer.code, answer.enhanced, answer.reply, *ids],
        )


def _bodies(ids: Sequence[int]) -> None:
    if ids:
        sql.run(f"DELETE FROM {sql.BODY} WHERE message_id IN ({sql.marks(ids)})", ids)


def _late(claim: Claim, settlements: Sequence[Settlement]) -> list[Settlement]:
    """Return those that are late indeed.

    A connection that is lost at COMMIT does not tell whether it was committed: what is recorded already is not late.
    """
    if not settlements:
        return []
    ids = [each.message_id for each in settlements]
    recorded = sql.rows(
        f"""SELECT message_id FROM {sql.ATTEMPT}
            WHERE message_id IN ({sql.marks(ids)}) AND worker = %s AND outcome <> 'lost'""",
        [*ids, claim.lease],
    )
    known = {row[0] for row in recorded}
    return [each for each in settlements if each.message_id not in known]


def _attempts(claim: Claim, ours: Sequence[Settlement], late: Sequence[Settlement]) -> None:
    now = sql.instant(timezone.now())
    values = [
        (
            each.message_id, now, each.fence, claim.lease, claim.profile_slug,
            (AttemptOutcome.LATE if lost else each.outcome).value, each.seconds, each.answer.stage, each.answer.cause,
            each.answer.code, each.answer.enhanced, each.answer.reply,
        )
        for lost, some in ((False, ours), (True, late))
        for each in some
    ]  # fmt: skip
    if values:
        sql.insert(sql.ATTEMPT, _ATTEMPT_COLUMNS, values)


def interrupted(message_id: int, *, fence: int, lease: str, profile_slug: str, stage: str, cause: str) -> None:
    """Record an attempt whose worker is gone."""
    sql.insert(
        sql.ATTEMPT,
        _ATTEMPT_COLUMNS,
        [
            (
                message_id, sql.instant(timezone.now()), fence, lease, profile_slug, AttemptOutcome.LOST.value, 0.0,
                stage, cause, None, "", "",
            )
        ],
    )  # fmt: skip


def _grouped(items: Iterable[_Item], key: Callable[[_Item], _Key]) -> Iterable[tuple[_Key, list[_Item]]]:
    """Return the items by key: a drain writes one statement for a whole window."""
    groups: dict[_Key, list[_Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups.items()
