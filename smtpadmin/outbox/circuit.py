"""The breaker of a profile: paused after failures that are not the message's, probed, and brought back step by step."""

from django.utils import timezone

from smtpadmin import retry
from smtpadmin.models import Circuit
from smtpadmin.outbox import sql
from smtpadmin.outbox.claim import Claim
from smtpadmin.outbox.judge import answer_of
from smtpadmin.retry import FailureClass
from smtpadmin.smtp import SmtpError


def opened(claim: Claim, kind: FailureClass, error: SmtpError) -> None:
    """Pause the claim's profile. Each failure in a row makes the next probe come later."""
    now = timezone.now()
    answer = answer_of(error, error.reply)
    with sql.changes():
        counted = sql.rows(
            f"UPDATE {sql.CIRCUIT} SET failures = failures + 1, ramp = 0 WHERE profile_id = %s RETURNING failures",
            [claim.profile_id],
        )
        if not counted:
            return
        wait = retry.pause(kind, failures=counted[0][0], error=error)
        sql.run(
            f"""UPDATE {sql.CIRCUIT} SET since = CASE WHEN reason = '' THEN %s ELSE since END, reason = %s,
                       probe_at = %s, profile_version = %s, stage = %s, cause = %s, code = %s, enhanced = %s, reply = %s
                WHERE profile_id = %s""",
            [
                sql.instant(now), retry.PAUSE_REASONS[kind].value, sql.instant(now + wait),
                sql.instant(claim.profile_version), answer.stage, answer.cause, answer.code, answer.enhanced,
                answer.reply, claim.profile_id,
            ],
        )  # fmt: skip


def succeeded(claim: Claim, *, batch: int) -> None:
    """Note that the server has dealt with a claim: end a pause, and let more through after each good batch."""
    if claim.probe:
        sql.run(
            f"""UPDATE {sql.CIRCUIT} SET reason = '', probe_at = NULL, since = NULL, failures = 0, ramp = %s,
                       stage = '', cause = '', code = NULL, enhanced = '', reply = '' WHERE profile_id = %s""",
            [retry.ramp_after(1, batch=batch), claim.profile_id],
        )
    elif claim.ramp:
        sql.run(
            f"UPDATE {sql.CIRCUIT} SET ramp = %s WHERE profile_id = %s AND ramp = %s",
            [retry.ramp_after(claim.ramp, batch=batch), claim.profile_id, claim.ramp],
        )


def resume(profile_id: int) -> bool:
    """Let the next message try at once; True where the profile was paused."""
    return bool(
        Circuit.objects.filter(profile_id=profile_id).exclude(reason="").update(probe_at=timezone.now(), failures=0)
    )
