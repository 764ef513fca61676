"""What the clock brings about: leases that end, messages that expire, uncertain ones that are sent once more.

Every worker does this every few seconds; each statement says what it expects, so any number may do it at once.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from smtpadmin import retry
from smtpadmin.outbox import clock, sql
from smtpadmin.outbox.settle import interrupted

#: Rows at once: a long queue of dead leases must not hold the database.
_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """How many messages went where."""

    queued: int = 0
    uncertain: int = 0
    failed: int = 0


def release() -> Released:
    """Take back what dead workers held: queued again where nothing had left, uncertain where something may have."""
    dead = _dead()
    if not dead:
        return Released()
    queued = uncertain = failed = 0
    for (lease, phase), ids in dead.items():
        with sql.changes():
            if phase == "data":
                uncertain += _doubt(lease, ids)
            else:
                queued += _requeue(lease, ids)
                failed += _give_up(ids)
    return Released(queued=queued - failed, uncertain=uncertain, failed=failed)


def _dead() -> dict[tuple[str, str], list[int]]:
    second, params = clock.now_sql()
    found = sql.rows(
        f"""SELECT id, lease, phase FROM {sql.MESSAGE}
            WHERE state = 'sending' AND (lease_until <= {second} OR lease_boot <> %s) ORDER BY id LIMIT %s""",
        [*params, clock.boot(), _LIMIT],
    )
    dead: dict[tuple[str, str], list[int]] = defaultdict(list)
    for id_, lease, phase in found:
        dead[lease, phase].append(id_)
    return dead


def _expired() -> tuple[str, list[object]]:
    """Return the condition that a lease is over, as it is in the instant of the statement."""
    second, params = clock.now_sql()
    return f"(lease_until <= {second} OR lease_boot <> %s)", [*params, clock.boot()]


def _requeue(lease: str, ids: Sequence[int]) -> int:
    over, params = _expired()
    requeued = sql.rows(
        f"""UPDATE {sql.MESSAGE} SET state = 'queued', {sql.UNLEASED}, fence = fence + 1, crashes = crashes + 1
            WHERE id IN ({sql.marks(ids)}) AND lease = %s AND phase = 'open' AND {over}
            RETURNING id, fence, profile_slug""",
        [*ids, lease, *params],
    )
    for id_, fence, slug in requeued:
        interrupted(id_, fence=fence - 1, lease=lease, profile_slug=slug, stage="", cause="worker_lost")
    return len(requeued)


def _give_up(ids: Sequence[int]) -> int:
    """Fail messages that workers keep dying over."""
    return sql.run(
        f"""UPDATE {sql.MESSAGE} SET state = 'failed', cause = 'worker_lost', stage = '', ended_at = %s
            WHERE id IN ({sql.marks(ids)}) AND state = 'queued' AND crashes >= %s""",
        [sql.instant(timezone.now()), *ids, retry.MAX_CRASHES],
    )


def _doubt(lease: str, ids: Sequence[int]) -> int:
    over, params = _expired()
    doubted = sql.rows(
        f"""UPDATE {sql.MESSAGE} SET state = 'uncertain', {sql.UNLEASED}, fence = fence + 1, attempts = attempts + 1,
                   uncertain = uncertain + 1, stage = 'data', cause = 'uncertain', code = NULL, ended_at = %s
            WHERE id IN ({sql.marks(ids)}) AND lease = %s AND phase = 'data' AND {over}
            RETURNING id, fence, profile_slug""",
        [sql.instant(timezone.now()), *ids, lease, *params],
    )
    for id_, fence, slug in doubted:
        interrupted(id_, fence=fence - 1, lease=lease, profile_slug=slug, stage="data", cause="uncertain")
        sql.run(
            f"""UPDATE {sql.RECIPIENT} SET state = 'uncertain', stage = 'data', cause = 'uncertain'
                WHERE message_id = %s AND state = 'pending'""",
            [id_],
        )
    return len(doubted)


def resend_uncertain() -> int:
    """Queue uncertain messages once more where their sender allows it; return how many."""
    now = timezone.now()
    ids = _ids(
        f"""state = 'uncertain' AND resend_uncertain AND uncertain = 1 AND ended_at <= %s AND expires_at > %s
           AND EXISTS (SELECT 1 FROM {sql.BODY} b WHERE b.message_id = {sql.MESSAGE}.id)""",
        [sql.instant(now - retry.RESEND_AFTER), sql.instant(now)],
    )
    if not ids:
        return 0
    with sql.changes():
        return requeue_uncertain(ids, and_also="resend_uncertain AND uncertain = 1")


def requeue_uncertain(ids: Sequence[int], *, and_also: str = "1 = 1") -> int:
    """Queue uncertain messages again, for the recipients in doubt; those served stay served. In a transaction."""
    queued = sql.rows(
        f"""UPDATE {sql.MESSAGE} SET state = 'queued', due_at = %s, ended_at = NULL
            WHERE id IN ({sql.marks(ids)}) AND state = 'uncertain' AND {and_also} RETURNING id""",
        [sql.instant(timezone.now()), *ids],
    )
    for (id_,) in queued:
        sql.run(
            f"UPDATE {sql.RECIPIENT} SET state = 'pending' WHERE message_id = %s AND state = 'uncertain'",
            [id_],
        )
    return len(queued)


def expire() -> int:
    """End messages that are no longer worth sending, and those whose profile is gone; return how many."""
    now = sql.instant(timezone.now())
    return _end("expired", "expires_at <= %s", [now], cause="expired", order="expires_at") + _end(
        "failed", "profile_id IS NULL", [], cause="no_profile", order="lane, due_at"
    )


def _end(state: str, condition: str, params: list[object], *, cause: str, order: str) -> int:
    # Ordered by an index, so that SQLite walks that one and not all that is queued.
    ids = _ids(f"state = 'queued' AND {condition} ORDER BY {order}", params)
    if not ids:
        return 0
    with sql.changes():
        ended = sql.rows(
            f"""UPDATE {sql.MESSAGE} SET state = %s, cause = %s, ended_at = %s
                WHERE id IN ({sql.marks(ids)}) AND state = 'queued' AND {condition} RETURNING id""",
            [state, cause, sql.instant(timezone.now()), *ids, *params],
        )
        wipe([row[0] for row in ended])
    return len(ended)


def _ids(condition: str, params: Sequence[object]) -> list[int]:
    found = sql.rows(f"SELECT id FROM {sql.MESSAGE} WHERE {condition} LIMIT %s", [*params, _LIMIT])
    return [row[0] for row in found]


def wipe(ids: Sequence[int]) -> None:
    """Destroy bodies."""
    if ids:
        sql.run(f"DELETE FROM {sql.BODY} WHERE message_id IN ({sql.marks(ids)})", ids)
