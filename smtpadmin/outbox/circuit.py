"""The breaker of a profile: paused after failures that are not the message's, probed, and brought back step by step."""

from django.utils import timezone

from smtpadmin import retry
from smtpadmin.models import Circuit, PauseReason, Profile
from smtpadmin.outbox import sql
from smtpadmin.outbox.claim import Claim, move_probe
from smtpadmin.outbox.judge import answer_of
from smtpadmin.retry import FailureClass
from smtpadmin.smtp import SmtpError

# Pauses that end when a sign-in goes well, if they began before or at the sign-in. A quota says nothing there.
_ENDED_BY_SIGN_IN = frozenset({PauseReason.CONNECT, PauseReason.AUTH, PauseReason.TLS})


def claim_server(profile: Profile, *, lease: str) -> Claim | None:
    """Claim the profile's server and no message, to look at it. None: it is paused, and not to be tried yet.

    Where signing in can end the pause the claim is its probe: as with a message, nobody else tries meanwhile. What
    comes of it is told to `opened` or `succeeded`.
    """
    now = timezone.now()
    Circuit.objects.get_or_create(profile_id=profile.pk)
    with sql.changes():
        # Waits for claims of messages: one of them may be about to probe.
        entered = sql.rows(
            f"""UPDATE {sql.CIRCUIT} SET claims = claims + 1 WHERE profile_id = %s
                RETURNING reason, stage, failures, probe_at, profile_version""",
            [profile.pk],
        )
        if not entered:
            return None
        reason, stage, failures, probe_at, paused_version = entered[0]
        probe_at, paused_version = sql.aware(probe_at), sql.aware(paused_version)
        if reason and probe_at is not None and probe_at > now and paused_version == profile.updated_at:
            return None
        is_probe = reason in _ENDED_BY_SIGN_IN and stage in retry.OPENING
        if is_probe:
            move_probe(profile.pk, reason=reason, failures=failures, version=profile.updated_at)
    return Claim(
        lease=lease,
        profile_id=profile.pk,
        profile_slug=profile.slug,
        profile_version=profile.updated_at,
        messages=(),
        probe=is_probe,
    )


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
