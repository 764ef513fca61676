"""How many may leave in a window of time: a pure function over a log of what was let through.

No rows, clocks or threads. Where the log is kept, and by whose clock, is `outbox.pace`'s.

The log counts in slots, each a fortieth of its window. What counts against a limit are the slots that the window
reaches into, the oldest of them whole: one slot more than a window has. So at no instant has a window seen more than
its limit, wherever it begins, and the log never grows beyond 41 numbers for a window.

A token is taken before its message leaves, and the receiver counts when it arrives. That span is not the same for
all, so a window is made longer by a pad, and a token is good for no longer than that pad (`hold`).

The price: at full speed a limit per second gives 87 % of itself (a pad of a tenth, a slot more than a window), one per
minute 96 %, those per hour and day more than 97 %. Where there is more than one, a tenth is kept for urgent mail.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_SLOTS = 40
# The span between a token and the arrival of its message may differ by this much. Measured with 16 senders on two busy
# processors, a token to a message: half within 25 ms, 99 of 100 within 85 ms. A network adds what its own delay varies.
_PAD_MS = 100
# A window of a minute and more can afford a longer one, and a slow connection then loses no tokens.
_LONG_PAD_MS = 1000
# For how long after its turn has come others still make way for a message that needs several tokens.
_CLAIM_MS = 500
# Raised with each change of the figures above: they say what the numbers of slots mean.
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any `seconds`."""

    count: int
    seconds: int

    @property
    def slot(self) -> int:
        """The length of a slot in milliseconds."""
        return -(-(self.seconds * 1000 + self.pad) // _SLOTS)

    @property
    def pad(self) -> int:
        """By how many milliseconds the window is made longer."""
        return _PAD_MS if self.seconds < 60 else _LONG_PAD_MS

    @property
    def memory(self) -> float:
        """How many seconds after a token nothing remembers it."""
        return (_SLOTS + 1) * self.slot / 1000

    def share(self, *, urgent: bool) -> int:
        """Return how many of the window's messages those of a lane may use: a tenth is left to the urgent ones."""
        return self.count if urgent or self.count < 2 else self.count - max(1, self.count // 10)

    def left(self, want: int, kept: int, *, urgent: bool) -> int:
        """Return how much may be in the window beside a message of `want` tokens, and `kept` ones for another."""
        share = self.share(urgent=urgent)
        return share - min(want, share) - min(kept, self.share(urgent=False))


@dataclass(frozen=True, slots=True)
class Claim:
    """Tokens that are kept for a message which needs several at once: those that need one would always be faster."""

    who: str
    cost: int
    #: Then it is over, used or not.
    until: int


@dataclass(frozen=True, slots=True)
class Log:
    """What was let through. Slots by the length of their window, in seconds; an empty one knows of nothing."""

    #: The latest instant in it, in milliseconds of a clock that only goes forward.
    at: int = 0
    used: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """How many may leave now, the log with them in it, and in how many seconds the next one may try."""

    granted: int
    log: Log
    wait: float


def grant(
    log: Log, *, rates: Iterable[Rate], now: int, wants: Sequence[int], urgent: bool = False, who: str = ""
) -> Grant:
    """Let through as many of `wants` as fit, from the first on: each is one message and how many tokens it costs.

    A message that costs more than a limit has takes the whole limit: it would else never be sent. `now` is in
    milliseconds; what is earlier than the log's latest is taken for that. `who` names the first of them: where it has
    to wait for several tokens, others are let through beside those only.
    """
    now = max(now, log.at)
    rates = tuple(rates)
    recent = {rate: _recent(log, rate, now) for rate in rates}
    claim = log.claim if log.claim is not None and log.claim.until > now and log.claim.who != who else None
    # Urgent mail makes way for nobody.
    kept = claim.cost if claim is not None and not urgent else 0
    granted, wait = 0, 0.0
    for want in wants:
        wait = max(
            (_wait(rate, recent[rate], rate.left(want, kept, urgent=urgent), now) for rate in rates), default=0.0
        )
        if wait:
            break
        for rate in rates:
            slot = now // rate.slot
            recent[rate][slot] = recent[rate].get(slot, 0) + min(want, rate.share(urgent=urgent))
        granted += 1
    if claim is None and not granted and who and wants and wants[0] > 1:
        claim = Claim(who, wants[0], until=now + int(wait * 1000) + _CLAIM_MS)
    if claim is not None and wait == math.inf:
        wait = (claim.until - now) / 1000
    return Grant(granted, Log(now, {rate.seconds: recent[rate] for rate in rates}, claim), wait)


def room(log: Log, *, rates: Iterable[Rate], now: int, urgent: bool = False) -> int:
    """Return how many tokens are left now. There must be a rate."""
    now = max(now, log.at)
    return max(0, min(rate.share(urgent=urgent) - sum(_recent(log, rate, now).values()) for rate in rates))


def hold(rates: Iterable[Rate]) -> float | None:
    """Return for how many seconds a token is good; None: there is no limit."""
    return min((rate.pad / 1000 for rate in rates), default=None)


def dumps(log: Log) -> str:
    """Return the log as text."""
    claim = [log.claim.who, log.claim.cost, log.claim.until] if log.claim else None
    return json.dumps([_VERSION, log.at, log.used, claim], separators=(",", ":"))


def loads(text: str) -> Log:
    """Return the log that `dumps` wrote; an empty text, or one with slots of other lengths, is an empty log."""
    version, at, used, claim = json.loads(text) if text else (_VERSION, 0, {}, None)
    if version != _VERSION:
        return Log()
    # JSON has texts for keys.
    read = {int(seconds): {int(slot): count for slot, count in slots.items()} for seconds, slots in used.items()}
    return Log(at, read, Claim(*claim) if claim else None)


def _recent(log: Log, rate: Rate, now: int) -> dict[int, int]:
    """Return the slots that a window which ends now reaches into."""
    oldest = now // rate.slot - _SLOTS
    return {slot: count for slot, count in log.used.get(rate.seconds, {}).items() if slot >= oldest}


def _wait(rate: Rate, recent: Mapping[int, int], most: int, now: int) -> float:
    """Return the seconds until no more than `most` are in the window; infinite where that is less than none."""
    excess = sum(recent.values()) - most
    if excess <= 0:
        return 0.0
    for slot in sorted(recent):
        excess -= recent[slot]
        if excess <= 0:
            return ((slot + _SLOTS + 1) * rate.slot - now) / 1000
    return math.inf
