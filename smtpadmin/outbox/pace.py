"""Rates, enforced over all workers: what a profile may send now, and its provider to one recipient.

One row for each profile and each recipient, with what was let through lately (`rates`). It is read and written under
its lock, in the transaction in which a window of messages is marked, so two workers never have the same token. A
profile without rates has no row and costs no statement.

The clock is that of leases, which nobody sets on SQLite; PostgreSQL's is its machine's. Where it is not the clock of
the last entry (a machine that was started again), or has gone back, the log goes on from its own latest instant: it
then holds its entries for too long, and never for too short a time. PostgreSQL's clock set forward by more than a
window is the one way to a second limit at once.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.utils import timezone

from smtpadmin import rates
from smtpadmin.diagnosis import provider_of
from smtpadmin.models import Profile, RateLog
from smtpadmin.outbox import clock, sql
from smtpadmin.rates import Log, Rate

#: How long a worker waits for its turn with an open connection. Beyond it, the profile is left alone until then.
PATIENCE = 3.0

_TABLE = RateLog._meta.db_table  # noqa: SLF001  Django's documented way to a table's name
_COLUMNS = ("scope", "log", "boot", "clock_offset", "until")
# Rows are forgotten by the wall clock, which may jump.
_KEPT_LONGER = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for one profile. False: nothing does."""

    profile_id: int
    rates: tuple[Rate, ...]
    per_recipient: tuple[Rate, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rates or self.per_recipient)

    @property
    def memory(self) -> float:
        """How many seconds back they look."""
        return max(rate.memory for rate in (*self.rates, *self.per_recipient))


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How many messages may leave now, and in how many seconds the next one may ask; 0: all may leave."""

    granted: int
    wait: float
    #: Only that one has to wait, for a recipient who has had enough or for more tokens than others need.
    alone: bool
    #: The instant, on this machine's lease clock, but for the time that the database's answer took.
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many tokens a profile has, or will have within a worker's patience."""

    urgent: int
    #: Without the share that is kept for urgent mail.
    usual: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """How many tokens are left of one rate."""

    rate: Rate
    left: int
    #: It is the provider's for one recipient, and no rate of the profile's.
    of_recipient: bool


def rules(profile: Profile) -> Rules:
    """Return the rates of a profile: its own, and its provider's for one recipient."""
    provider = provider_of(profile.provider)
    limits = provider.limits if provider else None
    return Rules(
        profile_id=profile.pk,
        rates=windows(profile.rate_second, profile.rate_minute, profile.rate_hour, profile.rate_day),
        per_recipient=tuple(Rate(each.count, each.seconds) for each in limits.per_recipient) if limits else (),
    )


def windows(second: int | None, minute: int | None, hour: int | None, day: int | None) -> tuple[Rate, ...]:
    """Return a profile's four columns as rates."""
    named = ((second, 1), (minute, 60), (hour, 3600), (day, 86400))
    return tuple(Rate(count, seconds) for count, seconds in named if count)


def take_for(profile: Profile, recipients: Sequence[str], *, urgent: bool = False) -> float:
    """Take what one envelope costs that is about to leave; 0: it may. Else the seconds to wait, and nothing is taken.

    In a transaction of the caller's, others of this profile wait until that ends.
    """
    held = rules(profile)
    if not held:
        return 0.0
    with sql.changes():
        return take(held, [recipients], urgent=urgent).wait


def take(held: Rules, envelopes: Sequence[Sequence[str]], *, urgent: bool, who: str = "") -> Taken:
    """Take tokens for as many envelopes as may leave, from the first on; each is its recipients. In a transaction.

    `who` names the first one, if it comes back: for `rates.grant`.
    """
    own = [_of_profile(held.profile_id)] if held.rates else []
    people = [_of_recipients(held, recipients) for recipients in envelopes]
    pages = _open({*own, *(scope for scopes in people for scope in scopes)}, memory=held.memory)
    at = clock.uptime()
    changed: dict[str, _Page] = {}
    granted, wait, alone = 0, 0.0, False
    for recipients, scopes in zip(envelopes, people, strict=True):
        theirs = {scope: pages[scope].ask(held.per_recipient, 1, urgent=urgent) for scope in scopes}
        ours = {scope: pages[scope].ask(held.rates, len(recipients), urgent=urgent, who=who) for scope in own}
        wait = max(each.wait for each in (*theirs.values(), *ours.values()))
        alone = any(each.wait for each in theirs.values()) or (
            wait > PATIENCE and all(pages[scope].ask(held.rates, 1, urgent=urgent).wait <= PATIENCE for scope in own)
        )
        if not wait:
            changed |= {scope: _Page(each.log, pages[scope].offset) for scope, each in (theirs | ours).items()}
            pages |= changed
            granted += 1
            continue
        if not (granted or alone) and wait <= PATIENCE:
            # It comes back for it.
            changed |= {scope: _Page(each.log, pages[scope].offset) for scope, each in ours.items()}
        break
    _write(changed, memory=held.memory)
    return Taken(granted=granted, wait=wait, alone=alone, at=at)


def room(held: Rules) -> Room:
    """Look at how much a profile may send soon; where nothing, let it be left alone until then. In a transaction.

    Nothing is taken: this is for those who claim, and what they claim leaves later.
    """
    (page,) = _open([_of_profile(held.profile_id)], memory=held.memory).values()
    soon = page.log.at + int(PATIENCE * 1000)
    urgent, usual = (rates.room(page.log, rates=held.rates, now=soon, urgent=each) for each in (True, False))
    for left, is_urgent in ((urgent, True), (usual, False)):
        if not left:
            limit(held.profile_id, page.ask(held.rates, 1, urgent=is_urgent).wait, urgent=is_urgent)
    return Room(urgent=urgent, usual=usual)


def left(profile: Profile, recipient: str = "", *, urgent: bool = False) -> tuple[Left, ...]:
    """Return what is left of each rate at this instant, for people who look: nothing is taken, written or locked."""
    held = rules(profile)
    own = [_of_profile(held.profile_id)] if held.rates else []
    people = _of_recipients(held, [recipient]) if recipient else []
    if not (own or people):
        return ()
    second, params = clock.now_sql()
    found = sql.rows(
        f"""SELECT scope, log, boot, clock_offset, {second} FROM {_TABLE}
            WHERE scope IN ({sql.marks([*own, *people])})""",
        [*params, *own, *people],
    )
    logs = {scope: _page(text, boot, offset, now=int(now * 1000)).log for scope, text, boot, offset, now in found}
    counted = []
    for scopes, those, of_recipient in ((own, held.rates, False), (people, held.per_recipient, True)):
        for log in (logs.get(scope, Log()) for scope in scopes):
            for rate in those:
                room_now = rates.room(log, rates=[rate], now=log.at, urgent=urgent)
                counted.append(Left(rate=rate, left=room_now, of_recipient=of_recipient))
    return tuple(counted)


def limit(profile_id: int, seconds: float, *, urgent: bool) -> None:
    """Let nobody ask for a profile's turn before `seconds` have passed; where not `urgent`, urgent mail still may."""
    until = sql.instant(timezone.now() + timedelta(seconds=seconds))
    names = ("limited_until", "urgent_limited_until") if urgent else ("limited_until",)
    sql.run(
        f"UPDATE {sql.CIRCUIT} SET {', '.join(f'{name} = %s' for name in names)} WHERE profile_id = %s",
        [*[until] * len(names), profile_id],
    )


def reconsider(profile_id: int) -> None:
    """Let a profile be asked for at once: its rates were changed."""
    sql.run(
        f"UPDATE {sql.CIRCUIT} SET limited_until = NULL, urgent_limited_until = NULL WHERE profile_id = %s",
        [profile_id],
    )


def forget() -> int:
    """Delete what limits nothing any more; return how many rows."""
    return sql.run(f"DELETE FROM {_TABLE} WHERE until < %s", [sql.instant(timezone.now())])


@dataclass(frozen=True, slots=True)
class _Page:
    """A log whose latest instant is the present, and what its instants have over the clock."""

    log: Log
    offset: int

    def ask(self, held: tuple[Rate, ...], cost: int, *, urgent: bool, who: str = "") -> rates.Grant:
        return rates.grant(self.log, rates=held, now=self.log.at, wants=[cost], urgent=urgent, who=who)


def _of_profile(profile_id: int) -> str:
    return f"profile:{profile_id}"


def _of_recipients(held: Rules, recipients: Sequence[str]) -> list[str]:
    if not held.per_recipient:
        return []
    digests = {hashlib.sha256(recipient.lower().encode()).hexdigest()[:32] for recipient in recipients}
    return [f"recipient:{held.profile_id}:{digest}" for digest in digests]


def _open(scopes: Iterable[str], *, memory: float) -> dict[str, _Page]:
    """Return what was let through in each scope, with its row locked until the transaction ends.

    The rows are made, locked and read by one statement, always in the same order: whoever wants several of them waits
    for nobody who waits for him.
    """
    fresh = [(scope, "", "", 0, sql.instant(timezone.now())) for scope in sorted(scopes)]
    if not fresh:
        return {}
    row = f"({sql.marks(_COLUMNS)})"
    second, params = clock.now_sql()
    found = sql.rows(
        f"""INSERT INTO {_TABLE} ({", ".join(_COLUMNS)}) VALUES {", ".join([row] * len(fresh))}
            ON CONFLICT (scope) DO UPDATE SET scope = excluded.scope
            RETURNING scope, log, boot, clock_offset, {second}""",
        [*(value for values in fresh for value in values), *params],
    )
    # The instant at which the last of them was locked: what is taken now was not taken before.
    now = int(max(each[-1] for each in found) * 1000)
    pages, strayed = {}, {}
    for scope, text, boot, offset, _ in found:
        pages[scope] = _page(text, boot, offset, now=now)
        if pages[scope].offset != offset and pages[scope].log.used:
            # Written even when nothing is taken: else no time would ever pass for it.
            strayed[scope] = pages[scope]
    _write(strayed, memory=memory)
    return pages


def _page(text: str, boot: str, offset: int, *, now: int) -> _Page:
    """Return a stored log at the clock's present millisecond, on this clock's offset where it had another."""
    log = rates.loads(text)
    if log.used and boot == clock.boot() and now + offset >= log.at:
        return _Page(replace(log, at=now + offset), offset)
    return _Page(log, log.at - now)


def _write(pages: Mapping[str, _Page], *, memory: float) -> None:
    """Keep what was let through, for as long as it limits anything."""
    if not pages:
        return
    until = sql.instant(timezone.now() + timedelta(seconds=memory) + _KEPT_LONGER)
    row = f"({sql.marks(_COLUMNS)})"
    values = [(scope, rates.dumps(page.log), clock.boot(), page.offset, until) for scope, page in pages.items()]
    sql.run(
        f"""INSERT INTO {_TABLE} ({", ".join(_COLUMNS)}) VALUES {", ".join([row] * len(values))}
            ON CONFLICT (scope) DO UPDATE SET log = excluded.log, boot = excluded.boot,
                clock_offset = excluded.clock_offset, until = excluded.until""",
        [value for each in values for value in each],
    )
