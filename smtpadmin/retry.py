"""When to try again: pure functions from a failure to what follows from it.

A failure has a class; the class says whose fault it is, whether it uses up one of the message's attempts, whether the
whole profile waits, and when the next attempt is due. Nothing is stored or sent here. Errors of one recipient or one
message never stop a profile; errors of the server never use up a message's attempts.
"""

import random
import re
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from smtpadmin.models import Lane, PauseReason
from smtpadmin.smtp import Cause, SmtpError, Stage


class FailureClass(StrEnum):
    """What kind of failure it is."""

    #: Whole session: the message is untouched, and the profile waits.
    CONNECT = "connect"
    AUTH = "auth"
    TLS = "tls"
    QUOTA = "quota"
    #: This message, or one recipient of it.
    RECIPIENT_REFUSED = "recipient_refused"
    RECIPIENT_DEFERRED = "recipient_deferred"
    SENDER_REFUSED = "sender_refused"
    CONTENT_REFUSED = "content_refused"
    MESSAGE_DEFERRED = "message_deferred"
    UNCERTAIN = "uncertain"
    #: Refused by ourselves: an address, a header, a body that does not open.
    LOCAL = "local"


#: These stop the profile and leave the message as it was.
OF_THE_PROFILE = frozenset({FailureClass.CONNECT, FailureClass.AUTH, FailureClass.TLS, FailureClass.QUOTA})
#: These end it for the recipients concerned.
FINAL = frozenset(
    {
        FailureClass.RECIPIENT_REFUSED,
        FailureClass.SENDER_REFUSED,
        FailureClass.CONTENT_REFUSED,
        FailureClass.LOCAL,
    }
)

PAUSE_REASONS = {
    FailureClass.CONNECT: PauseReason.CONNECT,
    FailureClass.AUTH: PauseReason.AUTH,
    FailureClass.TLS: PauseReason.TLS,
    FailureClass.QUOTA: PauseReason.QUOTA,
}

# Replies that mean: your account has sent too much. By code where a provider documents it (Gmail 421 4.7.28 and 550
# 5.4.5, Microsoft 365 450 4.2.1 and 554 5.2.0, SES 454 Throttling), else by words; never for a mailbox that is full.
_QUOTA_CODES = frozenset({(421, "4.7.28"), (550, "5.4.5"), (454, "4.7.28")})
_QUOTA_WORDS = re.compile(
    r"throttl|(?:rate|sending|daily|hourly|send|message|messages|relay|submission|user)[ -]+"
    r"(?:sending[ -]+|message[ -]+|rate[ -]+|user[ -]+)?(?:limit|quota)s?\b|"
    r"too many (?:messages|mails|emails|e-mails)|quota (?:has been )?exceeded|exceeded .{0,30}(?:limit|quota)|"
    r"发信.{0,10}(?:超|限)|发送.{0,10}(?:超|频率|限)",
    re.IGNORECASE,
)
_DAILY = re.compile(r"daily|per day|24.?h|日|天", re.IGNORECASE)
_MAILBOX_FULL = re.compile(r"[245]\.2\.2")

# The next probe of a server out of reach, in seconds, by how many sessions in a row have failed.
_CONNECT_PROBES = (5, 15, 30, 60, 120, 240, 480, 600)
# A login is tried once per quarter of an hour: providers lock accounts over less.
_AUTH_PROBE = 900
_QUOTA_RATE_PROBE = 60
_QUOTA_DAILY_PROBE = 3600

_MINUTE, _HOUR = 60, 3600
# Our server is the operator's own relay and not a stranger's MX, for which RFC 5321 4.5.4.1 asks for 30 minutes.
_MESSAGE_DELAYS = (1 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR)
# A greylisting server counts from the first try: sooner than five minutes is mostly in vain.
_RECIPIENT_DELAYS = (5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR)
# Somebody waits for it in front of a page, and after an hour nobody does.
_URGENT_DELAYS = (15, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE)

#: How long before an uncertain message that may be sent again is: its first copy may still be on its way.
RESEND_AFTER = timedelta(minutes=5)
#: More of them, and the message takes its workers down with it.
MAX_CRASHES = 5

_LIVES = {Lane.URGENT: timedelta(hours=1), Lane.NORMAL: timedelta(days=4), Lane.BULK: timedelta(days=2)}
_JITTER = 0.2


def classify(error: SmtpError) -> FailureClass:
    """Return the class of a failure: by what the server said where it said something, else by where it happened."""
    if error.cause is Cause.UNCERTAIN:
        return FailureClass.UNCERTAIN
    if is_quota(error):
        return FailureClass.QUOTA
    if error.stage in OPENING:
        return OPENING[error.stage] if not _is_passing(error) else FailureClass.CONNECT
    if error.reply is None and error.cause in _LOCAL:
        return FailureClass.LOCAL
    if error.stage is Stage.MAIL and (error.cause in _SESSION or _wants_sign_in(error)):
        # Nothing has been said of this message but its sender. Later, the message may be what ends the session: if it
        # cost no attempt, one poisoned message would hold up the profile for days.
        return FailureClass.CONNECT if error.cause in _SESSION else FailureClass.AUTH
    if error.stage is Stage.RCPT and error.cause not in _SESSION:
        return FailureClass.RECIPIENT_DEFERRED if error.temporary else FailureClass.RECIPIENT_REFUSED
    if error.temporary:
        return FailureClass.MESSAGE_DEFERRED
    return FailureClass.SENDER_REFUSED if error.stage is Stage.MAIL else FailureClass.CONTENT_REFUSED


#: What a failure to open a session is, by the stage it came to; it says nothing of any message.
OPENING = {
    Stage.DNS: FailureClass.CONNECT,
    Stage.TCP: FailureClass.CONNECT,
    Stage.EHLO: FailureClass.CONNECT,
    Stage.TLS: FailureClass.TLS,
    Stage.AUTH: FailureClass.AUTH,
}
_LOCAL = frozenset(
    {
        Cause.BAD_ADDRESS,
        Cause.BAD_HEADER,
        Cause.BAD_LINE,
        Cause.UTF8_UNSUPPORTED,
        Cause.EIGHTBIT_UNSUPPORTED,
        Cause.TOO_LARGE,
    }
)
_SESSION = frozenset(
    {
        Cause.CONNECTION_CLOSED,
        Cause.SERVICE_UNAVAILABLE,
        Cause.DEADLINE_EXCEEDED,
        Cause.PROTOCOL_ERROR,
        Cause.REPLY_TOO_LONG,
        Cause.UNREACHABLE,
    }
)


def _is_passing(error: SmtpError) -> bool:
    """Say whether opening failed in a way that mends itself: a 454 to AUTH, a connection lost in the handshake."""
    return error.temporary and error.cause is not Cause.STARTTLS_REFUSED


def _wants_sign_in(error: SmtpError) -> bool:
    return error.reply is not None and error.reply.code in (530, 534, 535, 538)


def is_quota(error: SmtpError) -> bool:
    """Say whether the server means that the account has used up what it may send."""
    reply = error.reply
    if reply is None or not (reply.temporary or reply.permanent) or _MAILBOX_FULL.fullmatch(reply.enhanced):
        return False
    return (reply.code, reply.enhanced) in _QUOTA_CODES or _QUOTA_WORDS.search(reply.text) is not None


def delay(kind: FailureClass, *, lane: Lane, attempt: int, rng: random.Random | None = None) -> timedelta:
    """Return how long to wait after the `attempt`-th counted attempt (from 1) failed with `kind`."""
    if kind in OF_THE_PROFILE:
        # The profile waits and not the message, but the next probe is another one: this one may be the reason.
        return timedelta(seconds=_jittered(_MINUTE, rng))
    if lane == Lane.URGENT:
        steps: Sequence[int] = _URGENT_DELAYS
    else:
        steps = _RECIPIENT_DELAYS if kind is FailureClass.RECIPIENT_DEFERRED else _MESSAGE_DELAYS
    return timedelta(seconds=_jittered(steps[min(max(attempt, 1), len(steps)) - 1], rng))


def pause(kind: FailureClass, *, failures: int, error: SmtpError | None, rng: random.Random | None = None) -> timedelta:
    """Return how long the profile waits for its next probe; `failures` counts failed sessions in a row, from 1."""
    if kind in (FailureClass.AUTH, FailureClass.TLS):
        return timedelta(seconds=_AUTH_PROBE)
    if kind is FailureClass.QUOTA:
        daily = error is not None and error.reply is not None and _DAILY.search(error.reply.text) is not None
        return timedelta(seconds=_jittered(_QUOTA_DAILY_PROBE if daily else _QUOTA_RATE_PROBE, rng))
    step = _CONNECT_PROBES[min(max(failures, 1), len(_CONNECT_PROBES)) - 1]
    return timedelta(seconds=_jittered(step, rng))


def life(lane: Lane) -> timedelta:
    """Return how long a message of `lane` is worth sending, unless its sender says otherwise."""
    return _LIVES[lane]


def ramp_after(ramp: int, *, batch: int) -> int:
    """Return the bound on messages in flight after a good batch under `ramp`; 0 when there is no need of one."""
    doubled = ramp * 2
    return doubled if doubled < batch else 0


def _jittered(seconds: float, rng: random.Random | None) -> float:
    """Spread by a fifth, so that what failed together does not come back together."""
    return seconds * (rng or _RANDOM).uniform(1 - _JITTER, 1 + _JITTER)


_RANDOM = random.Random()  # noqa: S311  spreads load, guards nothing
