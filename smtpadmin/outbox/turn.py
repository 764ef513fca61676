"""The turn of messages to leave: marked, where the rates of their profile let them through.

Tokens and mark are one transaction, right before a window of messages leaves: between a claim and that lie a
connection and a sign-in, and a token that waits for those is no limit on what arrives.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from smtpadmin import rates
from smtpadmin.models import Lane, Profile
from smtpadmin.outbox import clock, pace, sql
from smtpadmin.outbox.claim import Claim, Claimed, mark

# A worker that waits looks this often whether it is to stop.
_BLINK = 0.2
# Others may be faster each time: after this long with an open connection, a worker lets it go.
_LONGEST = 10.0
# A token that was paid for too long ago is paid for again. A database that takes longer than that each time delays
# all messages alike, which changes nothing about how many arrive in a window.
_AGAIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Which messages may leave."""

    #: Marked: these may leave now.
    marked: frozenset[int] = frozenset()
    #: These are not ours any more: lost, or put off without others. They come back by themselves.
    gone: frozenset[int] = frozenset()
    #: On this machine's lease clock, an instant from which on the turn was given.
    at: float = 0.0


class Turns:
    """Asks for the turns of one profile's messages."""

    def __init__(self, profile: Profile, *, stop: Callable[[], bool]) -> None:
        self._rules = pace.rules(profile)
        self._stop = stop
        #: How many seconds of waiting there were; whoever measures something sets it back.
        self.waited = 0.0
        #: For how many seconds a turn is good; None: for as long as a lease is.
        self.hold = rates.hold((*self._rules.rates, *self._rules.per_recipient))

    def ask(self, claim: Claim, messages: Sequence[Claimed]) -> Turn:
        """Mark as many of `messages`, from the first on, as may leave now; wait for the first one's turn if it is near.

        Neither marked nor gone: they stay ours and unsent, and the profile is to be left alone for now. Not in a
        transaction.
        """
        if not self._rules:
            return _marked(claim, messages, at=clock.uptime())
        urgent = messages[0].lane == Lane.URGENT
        messages = [message for message in messages if (message.lane == Lane.URGENT) == urgent]
        until = time.monotonic() + _LONGEST
        turn = self._in_turn(claim, messages, urgent=urgent, until=until)
        for _ in range(_AGAIN):
            if not turn.marked or clock.uptime() - turn.at < (self.hold or 0):
                break
            turn = self._in_turn(claim, messages, urgent=urgent, until=until)
        return turn

    def _in_turn(self, claim: Claim, messages: Sequence[Claimed], *, urgent: bool, until: float) -> Turn:
        while True:
            turn, wait = self._take(claim, messages, urgent=urgent)
            if turn.marked or turn.gone:
                return turn
            if wait > pace.PATIENCE:
                pace.limit(claim.profile_id, wait, urgent=urgent)
                return turn
            if not self._has_waited(wait, until=until):
                return turn

    def _has_waited(self, seconds: float, *, until: float) -> bool:
        begun = time.monotonic()
        over = begun + seconds
        while (left := over - time.monotonic()) > 0:
            if self._stop() or time.monotonic() > until:
                return False
            time.sleep(min(_BLINK, left))
        self.waited += time.monotonic() - begun
        return True

    def _take(self, claim: Claim, messages: Sequence[Claimed], *, urgent: bool) -> tuple[Turn, float]:
        envelopes = [[each.address for each in message.recipients] for message in messages]
        with sql.changes():
            taken = pace.take(self._rules, envelopes, urgent=urgent, who=str(messages[0].id))
            if taken.granted:
                return _marked(claim, messages[: taken.granted], at=taken.at), 0.0
            if taken.alone:
                _postpone(claim, messages[0].id, seconds=taken.wait)
                return Turn(gone=frozenset({messages[0].id})), 0.0
        return Turn(), taken.wait


def _marked(claim: Claim, messages: Sequence[Claimed], *, at: float) -> Turn:
    ids = frozenset(message.id for message in messages)
    marked = mark(claim, [message.id for message in messages])
    return Turn(marked=marked, gone=ids - marked, at=at)


def _postpone(claim: Claim, message_id: int, *, seconds: float) -> None:
    """Queue a message again for when its turn comes: others need not wait for that."""
    sql.run(
        f"UPDATE {sql.MESSAGE} SET state = 'queued', {sql.UNLEASED}, due_at = %s WHERE id = %s AND lease = %s",
        [sql.instant(timezone.now() + timedelta(seconds=seconds)), message_id, claim.lease],
    )
