"""Claims: which messages a worker holds, for how long, and what may have left.

    queued ── claim ──> sending/open ── mark ──> sending/data ── settle ──> ...
                             └──── give_back ────────┘

Over a connection that is open, where all that is claimed leaves at once, claim and mark are one.

A claim raises the fence of each row and writes a lease that no other claim has. Whoever writes later names the lease,
and the rows that come back are those it still held: a worker that was away for too long changes nothing. A constraint
ties leases to the state `sending`, so no statement names both; SQLite would else search by the state.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import InterfaceError, InternalError, OperationalError
from django.utils import timezone

from smtpadmin import retry
from smtpadmin.models import Circuit, Lane, Phase, Profile
from smtpadmin.outbox import clock, pace, space, sql

ALL_LANES = tuple(Lane)

# Of each claim, where all lanes wait. None starves, and none waits behind another's thousands.
_WEIGHTS = {Lane.URGENT: 8, Lane.NORMAL: 4, Lane.BULK: 1}
# A message that has been with this many workers as they died is claimed alone, so that it takes no other with it.
_SUSPECT = 2
_SUSPECT_EVERY = 4
# A lease with more than this part of its time left is as good as a new one.
_FRESH = 0.75
# How long a claim is undone for while the database is away: less than a worker has when it is told to stop.
_LET_GO = 20.0


@dataclass(frozen=True, slots=True)
class Addressee:
    """A recipient that is still to be served."""

    id: int
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """One message as it was when it was claimed. Nobody else changes it while the lease holds."""

    id: int
    uid: str
    fence: int
    lane: Lane
    sender: str
    attempts: int
    uncertain: int
    total: int
    sent: int
    failed: int
    recipients: tuple[Addressee, ...]
    #: The sealed body; None: it is gone.
    sealed: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Messages of one profile that a worker holds."""

    lease: str
    profile_id: int
    profile_slug: str
    #: `updated_at` of the profile at the claim: a session of older settings is not used for it.
    profile_version: datetime
    messages: tuple[Claimed, ...]
    #: The one message that tries whether a paused profile's server is back.
    probe: bool = False
    #: The bound on messages in flight after a recovery; 0: none.
    ramp: int = 0
    #: The messages may leave from here on, as of this instant of this machine's lease clock; None: `mark` is missing.
    marked_at: float | None = None


def due_profiles(lanes: Collection[Lane] = ALL_LANES) -> list[int]:
    """Return the profiles that have something to send now: enabled, within their rates, not paused or to be probed."""
    now = sql.instant(timezone.now())
    text = f"""
        SELECT p.id FROM {sql.PROFILE} p LEFT JOIN {sql.CIRCUIT} c ON c.profile_id = p.id
        WHERE p.enabled AND (c.profile_id IS NULL OR c.reason = '' OR c.probe_at <= %s
                             OR c.profile_version <> p.updated_at)
          AND ({" OR ".join(_waits(lane) for lane in lanes)})
        ORDER BY p.id"""
    params: list[object] = [now]
    for lane in lanes:
        params += [now, int(lane), now, now]
    return [row[0] for row in sql.rows(text, params)]


_DUE = "state = 'queued' AND lane = %s AND due_at <= %s AND expires_at > %s"


def _waits(lane: Lane) -> str:
    limited = "c.urgent_limited_until" if lane == Lane.URGENT else "c.limited_until"
    waiting = f"EXISTS (SELECT 1 FROM {sql.MESSAGE} m WHERE m.profile_id = p.id AND {_DUE})"
    return f"(({limited} IS NULL OR {limited} <= %s) AND {waiting})"


def claim(profile: Profile, *, worker: str, lanes: Sequence[Lane] = ALL_LANES, ready: bool = False) -> Claim | None:
    """Claim what may be sent through `profile` now: up to its batch, over all workers. None: nothing.

    `ready`: what is claimed leaves at once, so it may be marked at once, unless the profile has rates or is on trial.
    """
    if not space.may_send():
        return None
    lease = f"{worker[:47]}.{secrets.token_hex(8)}"
    rows: list[tuple[Any, ...]] = []
    try:
        with sql.changes():
            gate = _enter(profile, lanes)
            taken = gate.take(lanes) if gate else {}
            if not taken or gate is None:
                return None
            marked_at = clock.uptime() if ready and gate.may_mark else None
            phase = Phase.OPEN if marked_at is None else Phase.DATA
            rows = _take(profile.pk, lease, taken, suspects=gate.suspects_now, phase=phase)
            if gate.probe and rows:
                move_probe(profile.pk, reason=gate.reason, failures=gate.failures, version=gate.version)
            messages = _read(rows)
    except (OperationalError, InterfaceError, InternalError):
        if rows:
            # They may be claimed all the same, where the answer to COMMIT was lost; marked ones would become uncertain.
            sql.persist(lambda: _let_go(profile.pk, lease), patience=_LET_GO)
        raise
    if not messages:
        return None
    return Claim(
        lease=lease,
        profile_id=profile.pk,
        profile_slug=profile.slug,
        profile_version=gate.version,
        messages=messages,
        probe=gate.probe,
        ramp=gate.ramp,
        marked_at=marked_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gate:
    """What may be claimed through a profile now."""

    version: datetime
    reason: str
    failures: int
    free: int
    reserve: int
    probe: bool
    ramp: int
    due: dict[Lane, int]
    suspects: int
    claims: int
    #: Some tokens have to be taken when a message leaves.
    has_rates: bool

    @property
    def suspects_now(self) -> bool:
        return self.suspects > 0 and (not any(self.due.values()) or self.claims % _SUSPECT_EVERY == 0)

    @property
    def may_mark(self) -> bool:
        """Whether what is claimed may be marked with it."""
        return not (self.has_rates or self.probe or self.suspects_now)

    def take(self, lanes: Sequence[Lane]) -> dict[Lane, int]:
        """Return how many to claim of each lane."""
        if self.free < 1:
            return {}
        if self.suspects_now:
            return dict.fromkeys(lanes, 1)
        if self.probe:
            # Whoever tries first may wait for a connection that does not come: the least urgent goes ahead.
            first = next((lane for lane in reversed(lanes) if self.due[lane]), None)
            return {} if first is None else {first: 1}
        return shares(self.free, self.due, reserve=self.reserve)


def shares(free: int, due: dict[Lane, int], *, reserve: int) -> dict[Lane, int]:
    """Divide `free` places among the lanes in which messages are due; `reserve` of them are for urgent ones only."""
    taken: dict[Lane, int] = {}
    weight = sum(_WEIGHTS[lane] for lane, count in due.items() if count)
    left = free
    for even in (True, False):
        for lane in sorted(due):
            room = left if lane == Lane.URGENT else left - max(reserve - taken.get(Lane.URGENT, 0), 0)
            fair = max(1, free * _WEIGHTS[lane] // weight) if even and weight else left
            count = max(0, min(room, fair, due[lane] - taken.get(lane, 0)))
            if count:
                taken[lane] = taken.get(lane, 0) + count
                left -= count
    return taken


def _enter(profile: Profile, lanes: Sequence[Lane]) -> _Gate | None:
    """Wait for the profile's other claims, then read what it may send. None: it is disabled, paused or gone."""
    entered = sql.rows(
        f"UPDATE {sql.CIRCUIT} SET claims = claims + 1 WHERE profile_id = %s RETURNING claims",
        [profile.pk],
    )
    if not entered:
        if not Profile.objects.filter(pk=profile.pk).exists():
            return None
        Circuit.objects.get_or_create(profile_id=profile.pk)
        entered = [(1,)]
    now = timezone.now()
    heads, params = [], []
    for lane in lanes:
        # Those that workers died over were due long ago, so they are among the first; a count of all would walk all.
        heads.append(f"""
            lane{int(lane)} AS MATERIALIZED (
                SELECT crashes FROM {sql.MESSAGE} WHERE profile_id = %s AND {_DUE} ORDER BY due_at, id LIMIT %s)""")
        params += [profile.pk, int(lane), sql.instant(now), sql.instant(now), 2 * profile.batch]
    counts = [f"(SELECT count(*) FROM lane{int(lane)} WHERE crashes < {_SUSPECT})" for lane in lanes]
    suspects = [f"(SELECT count(*) FROM lane{int(lane)} WHERE crashes >= {_SUSPECT})" for lane in lanes]
    found = sql.rows(
        f"""WITH {", ".join(heads)}
            SELECT p.batch, p.enabled, p.updated_at, c.reason, c.probe_at, c.failures, c.ramp, c.profile_version,
               (SELECT count(*) FROM {sql.MESSAGE} f
                WHERE f.profile_id = p.id AND f.state = 'sending' AND f.lease_until >= 0),
               p.rate_second, p.rate_minute, p.rate_hour, p.rate_day, {", ".join(counts)}, {" + ".join(suspects)}
            FROM {sql.PROFILE} p JOIN {sql.CIRCUIT} c ON c.profile_id = p.id WHERE p.id = %s""",
        [*params, profile.pk],
    )
    if not found:
        return None
    batch, enabled, version, reason, probe_at, failures, ramp, paused_version, flying, *others = found[0]
    rates, due = pace.windows(*others[:4]), others[4:]
    probe_at, paused_version, version = sql.aware(probe_at), sql.aware(paused_version), sql.aware(version)
    assert version is not None  # noqa: S101  the column is not null
    is_probe = bool(reason)
    if not enabled or (is_probe and probe_at is not None and probe_at > now and paused_version == version):
        return None
    gate = _Gate(
        version=version,
        reason=reason,
        failures=failures,
        free=1 if is_probe else (min(batch, ramp) if ramp else batch) - flying,
        # A tenth of the places, and at least one where there are two, stays free for urgent mail.
        reserve=max(1, batch // 10) if batch > 1 and not ramp else 0,
        probe=is_probe,
        ramp=ramp,
        due=dict(zip(lanes, due, strict=False)),
        suspects=due[-1],
        claims=entered[0][0],
        has_rates=bool(rates),
    )
    return _within_rates(gate, pace.Rules(profile_id=profile.pk, rates=rates)) if rates else gate


def _within_rates(gate: _Gate, rules: pace.Rules) -> _Gate:
    """Return the gate with as many places as the profile has tokens for, soon. They are taken when mail leaves."""
    room = pace.room(rules)
    free = min(gate.free, room.urgent)
    # Both keep a share for urgent mail: the batch of its places, each rate of its tokens.
    return replace(gate, free=free, reserve=free - min(gate.free - gate.reserve, room.usual))


def _take(
    profile_id: int, lease: str, taken: dict[Lane, int], *, suspects: bool, phase: Phase
) -> list[tuple[Any, ...]]:
    """Claim rows and return what `_COLUMNS` names of them.

    The inner query is materialised: PostgreSQL may otherwise run it again for each row and claim more than its LIMIT.
    The update does not name the state again: its rows are locked, and SQLite would walk all that are queued.
    """
    now = sql.instant(timezone.now())
    second, clock_params = clock.now_sql()
    who = f"crashes >= {_SUSPECT}" if suspects else f"crashes < {_SUSPECT}"
    picks, params = [], []
    for lane, count in taken.items():
        picks.append(f"""
            lane{int(lane)} AS MATERIALIZED (
                SELECT id FROM {sql.MESSAGE} WHERE profile_id = %s AND {_DUE} AND {who}
                ORDER BY due_at, id LIMIT %s {sql.skip_locked()})""")
        params += [profile_id, int(lane), now, now, count]
    union = " UNION ALL ".join(f"SELECT id FROM lane{int(lane)}" for lane in taken)
    if suspects:
        union = f"SELECT id FROM ({union}) one LIMIT 1"
    text = f"""
        WITH {", ".join(picks)}
        UPDATE {sql.MESSAGE} SET state = 'sending', phase = %s, fence = fence + 1, lease = %s,
               lease_until = {second} + %s, lease_boot = %s
        WHERE id {sql.one_of(union)}
        RETURNING {_COLUMNS}"""
    return sql.rows(text, [*params, phase.value, lease, *clock_params, clock.LEASE_SECONDS, clock.boot()])


def move_probe(profile_id: int, *, reason: str, failures: int, version: datetime) -> None:
    """Let nobody else probe until this probe's result is in, or a lease's time has passed without one."""
    wait = retry.pause(retry.FailureClass(reason), failures=failures, error=None)
    sql.run(
        f"UPDATE {sql.CIRCUIT} SET probe_at = %s, profile_version = %s WHERE profile_id = %s",
        [sql.instant(timezone.now() + wait), sql.instant(version), profile_id],
    )


_COLUMNS = """lane, due_at, id, uid, fence, sender, attempts, uncertain, recipients_total, recipients_sent,
              recipients_failed"""


def _read(rows: Sequence[tuple[Any, ...]]) -> tuple[Claimed, ...]:
    """Return the claimed messages, urgent ones and those that have waited longest first."""
    if not rows:
        return ()
    ids, param = sql.among(row[2] for row in rows)
    sealed = sql.blobs(f"SELECT message_id, sealed FROM {sql.BODY} WHERE message_id {ids}", [param])
    bodies = {id_: bytes(body) for id_, body in sealed}
    recipients: dict[int, list[Addressee]] = {}
    for message_id, recipient_id, address in sql.rows(
        f"SELECT message_id, id, address FROM {sql.RECIPIENT} WHERE message_id {ids} AND state = 'pending' ORDER BY id",
        [param],
    ):
        recipients.setdefault(message_id, []).append(Addressee(recipient_id, address))
    return tuple(
        Claimed(
            id=id_, uid=uid, fence=fence, lane=Lane(lane), sender=sender, attempts=attempts, uncertain=uncertain,
            total=total, sent=sent, failed=failed, recipients=tuple(recipients.get(id_, ())), sealed=bodies.get(id_),
        )
        for lane, _, id_, uid, fence, sender, attempts, uncertain, total, sent, failed in sorted(rows)
    )  # fmt: skip


def mark(claim: Claim, ids: Sequence[int]) -> frozenset[int]:
    """Record that these may be delivered from here on; return those that may be: the others are not ours any more.

    The lease must still hold: a worker that was frozen beyond it would else send what another has begun to send
    (measured: 2 of 10 duplicates without a mark). It may be called again for the same messages, where a commit's answer
    was lost or some time has passed.
    """
    among, listed = sql.among(ids)
    second, params = clock.now_sql()
    # Only a lease that has aged is prolonged: PostgreSQL writes every index anew for a column that one of them holds.
    marked = sql.rows(
        f"""UPDATE {sql.MESSAGE} SET phase = 'data',
                   lease_until = CASE WHEN lease_until < {second} + %s THEN {second} + %s ELSE lease_until END
            WHERE id {among} AND lease = %s AND lease_until > {second} AND lease_boot = %s
            RETURNING id""",
        [
            *params, _FRESH * clock.LEASE_SECONDS, *params, clock.LEASE_SECONDS, listed, claim.lease, *params,
            clock.boot(),
        ],
    )  # fmt: skip
    return frozenset(row[0] for row in marked)


def _let_go(profile_id: int, lease: str) -> int:
    """Return to the queue what was claimed under a lease that nobody has come to know."""
    return sql.run(
        f"""UPDATE {sql.MESSAGE} SET state = 'queued', {sql.UNLEASED}
            WHERE profile_id = %s AND state = 'sending' AND lease = %s""",
        [profile_id, lease],
    )


def renew(claim: Claim) -> int:
    """Prolong the lease of what the claim still holds; return how many messages that is."""
    second, params = clock.now_sql()
    return sql.run(
        f"""UPDATE {sql.MESSAGE} SET lease_until = {second} + %s
            WHERE profile_id = %s AND state = 'sending' AND lease = %s AND lease_until > {second}
              AND lease_boot = %s""",
        [*params, clock.LEASE_SECONDS, claim.profile_id, claim.lease, *params, clock.boot()],
    )


def give_back(claim: Claim, ids: Sequence[int]) -> int:
    """Return messages of which nothing has left to the queue, marked or not; return how many were still held."""
    if not ids:
        return 0
    among, param = sql.among(ids)
    return sql.run(
        f"UPDATE {sql.MESSAGE} SET state = 'queued', {sql.UNLEASED} WHERE id {among} AND lease = %s",
        [param, claim.lease],
    )
