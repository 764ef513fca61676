"""Moving messages to a fallback profile, and back.

Two occasions: a profile is paused, and what waits for it need not (`move_waiting`, by the worker at each turn); or a
server has turned a message down in a way that another may not (`elsewhere`, while its result is settled). Never a
message that may have been delivered, never a recipient that was served, never to weaker TLS. Each profile of the chain
is tried once per round; then the message waits for the one it was accepted for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from smtpadmin import fallback, keys, retry
from smtpadmin.crypto import CryptoError, Keyring
from smtpadmin.models import AttemptOutcome, Circuit, Lane, Profile, RecipientState, State, body_context
from smtpadmin.outbox import sql
from smtpadmin.outbox.claim import Claim, Claimed
from smtpadmin.outbox.judge import Move, Settlement
from smtpadmin.retry import FailureClass
from smtpadmin.smtp import Result, Verdict

#: Of one profile and lane at once: a long queue must not hold the database.
_LIMIT = 100

# What says nothing of the message, or of this message with this server only.
_WORTH_IT = retry.OF_THE_PROFILE | {FailureClass.MESSAGE_DEFERRED, FailureClass.SENDER_REFUSED}


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What a move has to know of a queued message."""

    id: int
    uid: str
    origin_slug: str
    asked_from: str
    recipients: int
    size: int
    sealed: bytes


class _Profiles:
    """The profiles as they are now, and which of them take mail."""

    def __init__(self) -> None:
        self.by_id = {each.pk: each for each in Profile.objects.filter(enabled=True).defer("test_report", "ca_pem")}
        self._by_slug = {each.slug: each for each in self.by_id.values()}
        now = timezone.now()
        self.paused = {
            circuit.profile_id: circuit
            for circuit in Circuit.objects.filter(profile_id__in=self.by_id, probe_at__gt=now).exclude(reason="")
            # An edit is a reason to try at once.
            if circuit.profile_version == self.by_id[circuit.profile_id].updated_at
        }

    def origin(self, slug: str, *, current: Profile) -> Profile:
        """Return the profile that a message was accepted for; the present one where that is gone."""
        return self._by_slug.get(slug, current) if slug else current

    def after(self, current: Profile, origin: Profile, message: _Waiting) -> Profile | None:
        """Return the next profile in the origin's chain that takes mail and may send this message."""
        chain = fallback.chain(origin, self.by_id)
        start = chain.index(current) + 1 if current in chain else 0
        return next((each for each in chain[start:] if self._may_send(each, origin, message)), None)

    def first(self, origin: Profile, message: _Waiting) -> Profile | None:
        """Return the first profile of the chain, its origin among them, that takes mail and may send this message."""
        chain = (origin, *fallback.chain(origin, self.by_id))
        return next((each for each in chain if self._may_send(each, origin, message)), None)

    def _may_send(self, profile: Profile, origin: Profile, message: _Waiting) -> bool:
        return (
            profile.pk not in self.paused
            and fallback.strength(profile) >= fallback.strength(origin)
            and message.recipients <= (profile.max_recipients or message.recipients)
            and message.size <= (profile.max_message_bytes or message.size)
            and fallback.address(profile, asked_from=message.asked_from) is not None
        )


def move_waiting() -> int:
    """Move what waits for paused profiles to one that takes mail; return how many messages."""
    # Asked first, in one statement, because it is asked several times a second and the answer is nearly always no.
    if not Circuit.objects.exclude(reason="").filter(profile__enabled=True).exists():
        return 0
    profiles = _Profiles()
    moved = 0
    for profile_id, circuit in profiles.paused.items():
        for lane in Lane:
            waiting = _waiting(profile_id, lane)
            moved += _move_all(waiting, profiles.by_id[profile_id], FailureClass(circuit.reason), profiles)
    return moved


def elsewhere(claim: Claim, message: Claimed, settlement: Settlement, result: Result) -> Settlement:
    """Return the settlement, turned into a move to the next profile where the failure is worth it and there is one."""
    kind = _kind(result)
    if kind is None:
        return settlement
    profiles = _Profiles()
    current = profiles.by_id.get(claim.profile_id)
    waiting = _row(message)
    if current is None or waiting is None:
        return settlement
    origin = profiles.origin(waiting.origin_slug, current=current)
    target = profiles.after(current, origin, waiting)
    if target is not None:
        move = _readdress(waiting, target, origin, kind, keys.keyring())
        return settlement if move is None else _as_move(settlement, move, due_at=timezone.now())
    if current != origin and settlement.state is State.QUEUED:
        # The round is over.
        move = _readdress(waiting, origin, origin, kind, keys.keyring())
        return settlement if move is None else _as_move(settlement, move, due_at=settlement.due_at)
    return settlement


def _kind(result: Result) -> FailureClass | None:
    """Return the one class of failure of all that are still to be served; None: not worth another server."""
    kinds = set()
    for item in result.recipients:
        if item.error is None:
            if item.verdict is not Verdict.SENT:
                return None
            continue
        kind = retry.classify(item.error)
        if kind is FailureClass.UNCERTAIN:
            return None
        if kind is FailureClass.SENDER_REFUSED or kind not in retry.FINAL:
            kinds.add(kind)
    return next(iter(kinds)) if len(kinds) == 1 and kinds <= _WORTH_IT else None


def _as_move(settlement: Settlement, move: Move, *, due_at: datetime | None) -> Settlement:
    """Return a settlement that leaves those who are not served waiting, for another profile."""
    refused = {
        (RecipientState.PENDING, answer): ids
        for (state, answer), ids in settlement.recipients.items()
        if state is RecipientState.FAILED and answer.stage == "mail"
    }
    others = {key: ids for key, ids in settlement.recipients.items() if (RecipientState.PENDING, key[1]) not in refused}
    count = sum(len(ids) for ids in refused.values())
    return replace(
        settlement,
        state=State.QUEUED,
        ended_at=None,
        due_at=due_at,
        failed=settlement.failed - count,
        recipients=others | refused,
        outcome=AttemptOutcome.DEFERRED if refused else settlement.outcome,
        move=move,
    )


def _waiting(profile_id: int, lane: Lane) -> list[_Waiting]:
    now = sql.instant(timezone.now())
    found = sql.rows(
        f"""SELECT m.id, m.uid, m.origin_slug, m.asked_from, m.recipients_total, m.size, b.sealed
            FROM {sql.MESSAGE} m JOIN {sql.BODY} b ON b.message_id = m.id
            WHERE m.profile_id = %s AND m.state = 'queued' AND m.lane = %s AND m.due_at <= %s
            ORDER BY m.due_at, m.id LIMIT %s""",
        [profile_id, int(lane), now, _LIMIT],
    )
    return [_Waiting(*row) for row in found]


def _row(message: Claimed) -> _Waiting | None:
    found = sql.rows(
        f"SELECT origin_slug, asked_from, recipients_total, size FROM {sql.MESSAGE} WHERE id = %s", [message.id]
    )
    if not found or message.sealed is None:
        return None
    origin_slug, asked_from, recipients, size = found[0]
    return _Waiting(message.id, message.uid, origin_slug, asked_from, recipients, size, message.sealed)


def _move_all(waiting: Iterable[_Waiting], paused: Profile, kind: FailureClass, profiles: _Profiles) -> int:
    moves: list[tuple[int, Move]] = []
    ring: Keyring | None = None
    for each in waiting:
        origin = profiles.origin(each.origin_slug, current=paused)
        # Where nobody takes it, it waits for the profile it was accepted for.
        target = profiles.first(origin, each) or origin
        if target == paused:
            continue
        ring = ring or keys.keyring()
        move = _readdress(each, target, origin, kind, ring)
        if move is not None:
            moves.append((each.id, move))
    if not moves:
        return 0
    with sql.changes():
        return sum(_move(id_, move, paused) for id_, move in moves)


def _move(message_id: int, move: Move, paused: Profile) -> bool:
    held = sql.rows(
        f"SELECT id FROM {sql.MESSAGE} WHERE id = %s AND state = 'queued' AND profile_id = %s {sql.skip_locked()}",
        [message_id, paused.pk],
    )
    if held:
        write(message_id, move)
    return bool(held)


def write(message_id: int, move: Move) -> None:
    """Write a move of a message that the caller's transaction holds."""
    sql.run(
        f"""UPDATE {sql.MESSAGE} SET profile_id = %s, profile_slug = %s, profile_name = %s, origin_slug = %s,
                   moved_because = %s, sender = %s WHERE id = %s""",
        [
            move.profile_id, move.profile_slug, move.profile_name, move.origin_slug, move.because, move.sender,
            message_id,
        ],
    )  # fmt: skip
    sql.run(f"UPDATE {sql.BODY} SET sealed = %s WHERE message_id = %s", [move.sealed, message_id])


def _readdress(waiting: _Waiting, target: Profile, origin: Profile, kind: FailureClass, ring: Keyring) -> Move | None:
    """Return the move with the message as `target` sends it; None: its body does not open."""
    to = fallback.address(target, asked_from=waiting.asked_from)
    if to is None:
        return None
    context = body_context(waiting.uid)
    try:
        content = ring.open_bytes(context, waiting.sealed)
    except CryptoError:
        return None
    return Move(
        profile_id=target.pk,
        profile_slug=target.slug,
        profile_name=target.name,
        origin_slug="" if target == origin else origin.slug,
        because="" if target == origin else kind.value,
        sender=to.sender,
        sealed=ring.seal_bytes(context, fallback.readdressed(content, to)),
    )
