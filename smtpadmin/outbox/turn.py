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
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Which messages may leave."""

    #: Marked: these may leave now.
    marked: frozenset[int] = frozenset()
    #: These are not ours any more, or have to wait for a recipient's own limit; they are looked at again by themselves.
    gone: frozenset[int] = frozenset()


class Turns:
    """Asks for the turns of one profile's messages."""

    def __init__(self, profile: Profile, *, stop: Callable[[], bool]) -> None:
        self._rules = pace.rules(profile)
        self._stop = stop
        #: For how many seconds a turn is good; None: for as long as a lease is.
        self.hold = rates.hold((*self._rules.rates, *self._rules.per_recipient))

    def ask(self, claim: Claim, messages: Sequence[Claimed]) -> Turn:
        """Mark as many of `messages`, from the first on, as may leave now; wait for the first one's turn if it is near.

        Neither marked nor gone: they stay ours and unsent, and the profile is to be left alone for now. Not in a
        transaction.
        """
        ids = [message.id for message in messages]
        if not self._rules:
            marked = mark(claim, ids)
            return Turn(marked=marked, gone=frozenset(ids) - marked)
        urgent = messages[0].lane == Lane.URGENT
        messages = [message for message in messages if (message.lane == Lane.URGENT) == urgent]
        until = time.monotonic() + _LONGEST
        for last in range(_TRIES, 0, -1):
            turn, at = self._wait_for(claim, messages, urgent=urgent, until=until)
            if not turn.marked or last == 1 or clock.uptime() - at < (self.hold or 0):
                break
        return turn

    def _wait_for(self, claim: Claim, messages: Sequence[Claimed], *, urgent: bool, until: float) -> tuple[Turn, float]:
        while True:
            turn, taken = self._take(claim, messages, urgent=urgent)
            if turn.marked or turn.gone:
                return turn, taken.at
            if taken.wait > pace.PATIENCE:
                pace.limit(claim.profile_id, taken.wait, urgent=urgent)
                return turn, taken.at
            over = time.monotonic() + taken.wait
            while time.monotonic() < over:
                if self._stop() or time.monotonic() > until:
                    return turn, taken.at
                time.sleep(min(_BLINK, max(0.0, over - time.monotonic())))

    def _take(self, claim: Claim, messages: Sequence[Claimed], *, urgent: bool) -> tuple[Turn, pace.Taken]:
        envelopes = [[each.address for each in message.recipients] for message in messages]
        with sql.changes():
            taken = pace.take(self._rules, envelopes, urgent=urgent)
            if taken.granted:
                ids = [message.id for message in messages[: taken.granted]]
                marked = mark(claim, ids)
                return Turn(marked=marked, gone=frozenset(ids) - marked), taken
            if taken.by_recipient:
                _postpone(claim, messages[0].id, seconds=taken.wait)
                return Turn(gone=frozenset({messages[0].id})), taken
        return Turn(), taken


def _postpone(claim: Claim, message_id: int, *, seconds: float) -> None:
    """Queue a message again for later: one of its recipients has had as many as the provider lets through."""
    sql.run(
        f"UPDATE {sql.MESSAGE} SET state = 'queued', {sql.UNLEASED}, due_at = %s WHERE id = %s AND lease = %s",
        [sql.instant(timezone.now() + timedelta(seconds=seconds)), message_id, claim.lease],
    )
