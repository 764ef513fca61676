"""Recording what was sent in the caller's time: one row that is over, its recipients and its attempt, and no body.

The caller was told what became of the message, so nothing of it is tried again here: a deferred recipient has failed.
"""

from collections import Counter
from dataclasses import asdict
from datetime import timedelta

from django.db import router, transaction
from django.utils import timezone

from smtpadmin.models import Attempt, Lane, Message, Profile, Recipient, RecipientState, State
from smtpadmin.outbox.enqueue import message_id_of
from smtpadmin.outbox.judge import NOTHING, answer_of, outcome_of, told
from smtpadmin.smtp import Envelope, RecipientResult, Result, Verdict

# Stands where the claim of a worker stands otherwise.
_WORKER = "direct"
# As the attempt has it; in the end nobody waits.
_FATES = {
    Verdict.SENT: RecipientState.SENT,
    Verdict.DEFERRED: RecipientState.PENDING,
    Verdict.REFUSED: RecipientState.FAILED,
    Verdict.UNCERTAIN: RecipientState.UNCERTAIN,
}


def record(
    profile: Profile, envelope: Envelope, result: Result, *, lane: Lane, asked_from: str, seconds: float
) -> None:
    """Store what became of each recipient of the envelope. Raise what the database raises."""
    now = timezone.now()
    begun = now - timedelta(seconds=seconds)
    counts = Counter(_FATES[item.verdict] for item in result.recipients)
    sent, uncertain = counts[RecipientState.SENT], counts[RecipientState.UNCERTAIN]
    failed = len(result.recipients) - sent - uncertain
    answer = told(result)
    failure = answer if answer.cause else NOTHING
    # Not `sql.changes`: what is only recorded needs none of the statements that some databases do not know.
    with transaction.atomic(using=router.db_for_write(Message)):
        message = Message.objects.create(
            profile=profile,
            profile_slug=profile.slug,
            profile_name=profile.name,
            asked_from=asked_from[:998],
            direct=True,
            lane=lane,
            state=State.UNCERTAIN if uncertain else State.FAILED if failed else State.SENT,
            created_at=begun,
            due_at=begun,
            expires_at=now,
            ended_at=now,
            attempts=1,
            uncertain=int(uncertain > 0),
            sender=envelope.sender,
            message_id=message_id_of(envelope.content),
            size=len(envelope.content),
            recipients_total=len(result.recipients),
            recipients_sent=sent,
            recipients_failed=failed,
            stage=failure.stage,
            cause=failure.cause,
            code=failure.code,
        )
        Recipient.objects.bulk_create([_recipient(message, item) for item in result.recipients])
        Attempt.objects.create(
            message=message,
            at=now,
            fence=message.fence,
            worker=_WORKER,
            profile_slug=profile.slug,
            outcome=outcome_of(counts),
            seconds=seconds,
            **asdict(answer),
        )


def _recipient(message: Message, item: RecipientResult) -> Recipient:
    fate = _FATES[item.verdict]
    state = RecipientState.FAILED if fate is RecipientState.PENDING else fate
    answer = NOTHING if state is RecipientState.SENT else answer_of(item.error, item.reply)
    return Recipient(message=message, address=item.recipient, state=state, **asdict(answer))
