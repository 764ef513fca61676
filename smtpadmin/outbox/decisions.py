"""What people decide about a message. Each function says whether it could still be done."""

from datetime import datetime

from django.utils import timezone

from smtpadmin import retry
from smtpadmin.models import Lane, Message
from smtpadmin.outbox import sql
from smtpadmin.outbox.release import requeue_uncertain, wipe


def cancel(message_id: int) -> bool:
    """Take a queued message back. False: it is being sent, or over."""
    with sql.changes():
        cancelled = sql.run(
            f"UPDATE {sql.MESSAGE} SET state = 'cancelled', ended_at = %s WHERE id = %s AND state = 'queued'",
            [sql.instant(timezone.now()), message_id],
        )
        if cancelled:
            wipe([message_id])
    return bool(cancelled)


def retry_now(message_id: int) -> bool:
    """Try a queued message at once, or a failed one again for those who did not get it, while its body is there."""
    now = timezone.now()
    with sql.changes():
        if sql.run(
            f"UPDATE {sql.MESSAGE} SET due_at = %s WHERE id = %s AND state = 'queued' AND expires_at > %s",
            [sql.instant(now), message_id, sql.instant(now)],
        ):
            return True
        expires = _new_life(message_id, now)
        revived = sql.run(
            f"""UPDATE {sql.MESSAGE} SET state = 'queued', due_at = %s, ended_at = NULL, attempts = 0, crashes = 0,
                       recipients_failed = 0, expires_at = %s
                WHERE id = %s AND state = 'failed' AND profile_id IS NOT NULL
                  AND EXISTS (SELECT 1 FROM {sql.BODY} b WHERE b.message_id = %s)""",
            [sql.instant(now), sql.instant(expires), message_id, message_id],
        )
        if revived:
            sql.run(
                f"UPDATE {sql.RECIPIENT} SET state = 'pending' WHERE message_id = %s AND state = 'failed'",
                [message_id],
            )
    return bool(revived)


def resend(message_id: int) -> bool:
    """Send an uncertain message again, knowing that somebody may get it twice. False: decided, or its body is gone."""
    if not sql.rows(f"SELECT 1 FROM {sql.BODY} WHERE message_id = %s", [message_id]):
        return False
    now = timezone.now()
    with sql.changes():
        sql.run(
            f"UPDATE {sql.MESSAGE} SET expires_at = %s WHERE id = %s AND state = 'uncertain'",
            [sql.instant(_new_life(message_id, now)), message_id],
        )
        return bool(requeue_uncertain([message_id]))


def give_up(message_id: int) -> bool:
    """Leave an uncertain message as it is, for good. Its recipients stay uncertain: that is what is known."""
    with sql.changes():
        ended = sql.run(
            f"UPDATE {sql.MESSAGE} SET state = 'failed', ended_at = %s WHERE id = %s AND state = 'uncertain'",
            [sql.instant(timezone.now()), message_id],
        )
        if ended:
            wipe([message_id])
    return bool(ended)


def _new_life(message_id: int, now: datetime) -> datetime:
    found = Message.objects.filter(pk=message_id).values_list("lane", "expires_at").first()
    if found is None:
        return now
    lane, expires = found
    return max(expires, now + retry.life(Lane(lane)))
