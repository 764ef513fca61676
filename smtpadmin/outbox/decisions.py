"""What people decide about a message. Each function says whether it could still be done."""

import re
from datetime import datetime
from email.utils import make_msgid

from django.utils import timezone

from smtpadmin import keys, retry
from smtpadmin.models import Lane, Message
from smtpadmin.outbox import sql
from smtpadmin.outbox.enqueue import Outgoing, Queued, enqueue
from smtpadmin.outbox.release import requeue_uncertain, wipe
from smtpadmin.smtp import Envelope

# The whole header, with the lines that it goes on in.
_MESSAGE_ID = re.compile(rb"^message-id:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", re.IGNORECASE | re.MULTILINE)


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


def send_again(message_id: int) -> Queued | None:
    """Queue a copy of a sent message, for all its recipients, as a message of its own. None: there is no text to copy.

    The copy has a Message-ID of its own: servers and mail programs drop or hide what they have seen before. Raise
    KeyringLocked, or CryptoError when the body does not open.
    """
    message = Message.objects.select_related("profile", "body").filter(pk=message_id, state="sent").first()
    if message is None or message.profile is None or not hasattr(message, "body"):
        return None
    content = keys.keyring().open_bytes(message.body_context, bytes(message.body.sealed))
    recipients = tuple(message.recipients.order_by("id").values_list("address", flat=True))
    domain = message.sender.rpartition("@")[2] or "localhost"
    copy = Outgoing(
        profile=message.profile,
        envelope=Envelope(message.sender, recipients, _with_new_id(content, domain=domain)),
        lane=Lane(message.lane),
        resend_uncertain=message.resend_uncertain,
        asked_from=message.asked_from,
    )
    return enqueue([copy])[0]


def _with_new_id(content: bytes, *, domain: str) -> bytes:
    """Return the message with another Message-ID; one without stays without."""
    head, blank, text = content.partition(b"\r\n\r\n")
    line = f"Message-ID: {make_msgid(domain=domain)}\r\n".encode()
    return _MESSAGE_ID.sub(line, head + b"\r\n", count=1).removesuffix(b"\r\n") + blank + text


def _new_life(message_id: int, now: datetime) -> datetime:
    found = Message.objects.filter(pk=message_id).values_list("lane", "expires_at").first()
    if found is None:
        return now
    lane, expires = found
    return max(expires, now + retry.life(Lane(lane)))
