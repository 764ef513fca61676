"""Recording what became of claimed messages: one transaction for a window, repeated while the database is away.

Between the server's answer and this commit lies the only span in which a crash makes a message uncertain, so it is
not given up for an error that passes: PostgreSQL restarted every second gave no duplicate where the commit was
repeated, and 32 where it was not (measured).
"""

import logging
from collections.abc import Sequence

from django.utils import timezone

from smtpadmin.conf import conf
from smtpadmin.models import AttemptOutcome, RecipientState, State
from smtpadmin.outbox import failover, sql
from smtpadmin.outbox.claim import Claim
from smtpadmin.outbox.judge import NOTHING, Answer, Settlement

logger = logging.getLogger("smtpadmin.outbox")

#: How long a result is held for a database that is away. Longer than a lease on purpose: the write is conditional, so
#: a late one does no harm, and where nobody has released the row it still saves an "uncertain".
PATIENCE = 900.0

# What is written of each message, recipient and attempt, with the types of PostgreSQL.
_RESULT = {
    "message_id": "bigint", "state": "text", "attempted": "integer", "doubts": "integer", "sent": "integer",
    "failed": "integer", "stage": "text", "cause": "text", "code": "integer", "due_at": "timestamptz",
    "ended_at": "timestamptz",
}  # fmt: skip
_SERVED = (RecipientState.SENT, NOTHING)
_ANSWER = {
    "recipient_id": "bigint", "state": "text", "stage": "text", "cause": "text", "code": "integer", "enhanced": "text",
    "reply": "text",
}  # fmt: skip
_ATTEMPT = {
    "message_id": "bigint", "fence": "bigint", "outcome": "text", "seconds": "double precision", "stage": "text",
    "cause": "text", "code": "integer", "enhanced": "text", "reply": "text",
}  # fmt: skip


def settle(claim: Claim, settlements: Sequence[Settlement], *, patience: float = PATIENCE) -> frozenset[int]:
    """Record results and return the ids of the messages they were recorded for; the others were no longer ours.

    Raise what the database raised last when it stays away for longer than `patience` seconds.
    """
    if not settlements:
        return frozenset()
    return sql.persist(lambda: _settle(claim, settlements), patience=patience)


def _settle(claim: Claim, settlements: Sequence[Settlement]) -> frozenset[int]:
    with sql.changes():
        held = _messages(claim, settlements)
        ours = [each for each in settlements if each.message_id in held]
        _recipients(ours)
        if not conf.keep_sent_bodies:
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
    """Write what has become of the messages and return those that were ours."""
    served = [each for each in settlements if _is_served(each)]
    others = [each for each in settlements if not _is_served(each)]
    return _write_served(claim, served) | _write_others(claim, others)


def _is_served(each: Settlement) -> bool:
    """Say whether the server has taken the message for all who were left: nearly every time."""
    return each.outcome is AttemptOutcome.SENT and each.state is State.SENT and each.due_at is None


def _write_served(claim: Claim, settlements: Sequence[Settlement]) -> frozenset[int]:
    """Write what is the same of each: values that need not be read out of a parameter are half the work."""
    if not settlements:
        return frozenset()
    among, param = sql.among(each.message_id for each in settlements)
    ended_at = max(each.ended_at for each in settlements if each.ended_at is not None)
    held = sql.rows(
        f"""UPDATE {sql.MESSAGE} SET state = 'sent', {sql.UNLEASED}, attempts = attempts + 1, crashes = 0,
                   recipients_sent = recipients_total, stage = '', cause = '', code = NULL, ended_at = %s
            WHERE id {among} AND lease = %s RETURNING id""",
        [sql.instant(ended_at), param, claim.lease],
    )
    return frozenset(row[0] for row in held)


def _write_others(claim: Claim, settlements: Sequence[Settlement]) -> frozenset[int]:
    if not settlements:
        return frozenset()
    results, param = sql.table(_RESULT, [_result(each) for each in settlements])
    among, listed = sql.among(each.message_id for each in settlements)
    # Materialised, and the rows named once more: PostgreSQL reads the parameter again for every row of the lease else.
    held = sql.rows(
        f"""WITH new AS MATERIALIZED {results}
            UPDATE {sql.MESSAGE} AS m SET state = new.state, {sql.UNLEASED}, attempts = m.attempts + new.attempted,
                   crashes = 0, uncertain = m.uncertain + new.doubts, recipients_sent = m.recipients_sent + new.sent,
                   recipients_failed = m.recipients_failed + new.failed, stage = new.stage, cause = new.cause,
                   code = new.code, due_at = COALESCE(new.due_at, m.due_at), ended_at = new.ended_at
            FROM new WHERE m.id = new.message_id AND m.id {among} AND m.lease = %s RETURNING id""",
        [param, listed, claim.lease],
    )
    return frozenset(row[0] for row in held)


def _result(each: Settlement) -> tuple[object, ...]:
    failure = each.answer if each.answer.cause else NOTHING
    return (
        each.message_id, each.state, each.attempts, each.uncertain, each.sent, each.failed, failure.stage,
        failure.cause, failure.code, each.due_at, each.ended_at,
    )  # fmt: skip


def _recipients(settlements: Sequence[Settlement]) -> None:
    served: list[int] = []
    others: list[tuple[object, ...]] = []
    for each in settlements:
        for (state, answer), ids in each.recipients.items():
            if (state, answer) == _SERVED:
                served += ids
            else:
                said = (state, answer.stage, answer.cause, answer.code, answer.enhanced, answer.reply)
                others += [(id_, *said) for id_ in ids]
    if served:
        among, param = sql.among(served)
        sql.run(
            f"""UPDATE {sql.RECIPIENT}
                SET state = 'sent', stage = '', cause = '', code = NULL, enhanced = '', reply = '' WHERE id {among}""",
            [param],
        )
    if others:
        answers, param = sql.table(_ANSWER, others)
        sql.run(
            f"""WITH new AS MATERIALIZED {answers}
                UPDATE {sql.RECIPIENT} AS r SET state = new.state, stage = new.stage, cause = new.cause,
                       code = new.code, enhanced = new.enhanced, reply = new.reply
                FROM new WHERE r.id = new.recipient_id""",
            [param],
        )


def _bodies(ids: Sequence[int]) -> None:
    if ids:
        among, param = sql.among(ids)
        sql.run(f"DELETE FROM {sql.BODY} WHERE message_id {among}", [param])


def _late(claim: Claim, settlements: Sequence[Settlement]) -> list[Settlement]:
    """Return those that are late indeed.

    A connection that is lost at COMMIT does not tell whether it was committed: what is recorded already is not late.
    """
    if not settlements:
        return []
    among, param = sql.among(each.message_id for each in settlements)
    recorded = sql.rows(
        f"SELECT message_id FROM {sql.ATTEMPT} WHERE message_id {among} AND worker = %s AND outcome <> 'lost'",
        [param, claim.lease],
    )
    known = {row[0] for row in recorded}
    # One that was removed since has no story left to add to.
    there = {row[0] for row in sql.rows(f"SELECT id FROM {sql.MESSAGE} WHERE id {among}", [param])}
    return [each for each in settlements if each.message_id in there - known]


def _attempts(claim: Claim, ours: Sequence[Settlement], late: Sequence[Settlement]) -> None:
    _write_attempts(
        [
            (each.message_id, each.fence, AttemptOutcome.LATE if lost else each.outcome, each.seconds, each.answer)
            for lost, some in ((False, ours), (True, late))
            for each in some
        ],
        lease=claim.lease,
        profile_slug=claim.profile_slug,
    )


def interrupted(message_id: int, *, fence: int, lease: str, profile_slug: str, stage: str, cause: str) -> None:
    """Record an attempt whose worker is gone."""
    _write_attempts(
        [(message_id, fence, AttemptOutcome.LOST, 0.0, Answer(stage=stage, cause=cause))],
        lease=lease,
        profile_slug=profile_slug,
    )


def _write_attempts(
    attempts: Sequence[tuple[int, int, AttemptOutcome, float, Answer]], *, lease: str, profile_slug: str
) -> None:
    sql.insert(
        sql.ATTEMPT,
        _ATTEMPT,
        [
            (id_, fence, outcome, seconds, each.stage, each.cause, each.code, each.enhanced, each.reply)
            for id_, fence, outcome, seconds, each in attempts
        ],
        same={"at": sql.instant(timezone.now()), "worker": lease, "profile_slug": profile_slug},
    )
