"""Figures of the outbox for people who watch it. Reads only; fast whatever the tables hold.

Counts stop at a bound, and what is counted lies together in an index: measured with a million messages, each of these
takes milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from smtpadmin.models import Lane, State
from smtpadmin.outbox import sql

#: Nobody needs to know whether 41,000 messages wait or 42,000; counting them all costs as much as each of them.
MOST_COUNTED = 10_000
# Of each final state: what has failed most lately says why things fail.
_FAILURES = 1_000
# Of one profile: whether anything of what was accepted last has left.
_NEWEST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for one profile in one lane. `count` is one more than `MOST_COUNTED` when there is more."""

    profile_id: int
    lane: Lane
    count: int
    #: When the first of them is to be sent, or was to be.
    first_due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Messages that ended for the same reason; `last_id` is the newest of them."""

    profile_slug: str
    stage: str
    cause: str
    code: int | None
    count: int
    last_id: int
    last_at: datetime


def waiting() -> list[Waiting]:
    """Return what waits, by profile and lane; pairs without anything are left out."""
    lanes = " UNION ALL ".join(f"SELECT {lane.value} AS lane" for lane in Lane)
    # One look into the index of what is due for each pair.
    these = f"FROM {sql.MESSAGE} m WHERE m.profile_id = p.id AND m.lane = l.lane AND m.state = 'queued'"
    found = sql.rows(
        f"""SELECT p.id, l.lane,
                   (SELECT COUNT(*) FROM (SELECT 1 {these} LIMIT {MOST_COUNTED + 1}) AS counted),
                   (SELECT m.due_at {these} ORDER BY m.due_at LIMIT 1)
            FROM {sql.PROFILE} p CROSS JOIN ({lanes}) l"""
    )
    return [
        Waiting(profile_id=profile_id, lane=Lane(lane), count=count, first_due=_time(first_due))
        for profile_id, lane, count, first_due in found
        if count
    ]


def sending() -> Mapping[Lane, int]:
    """Return how many messages of each lane are being sent now."""
    found = sql.rows(f"SELECT lane, COUNT(*) FROM {sql.MESSAGE} WHERE state = 'sending' GROUP BY lane")
    return {Lane(lane): count for lane, count in found}


def uncertain() -> int:
    """Return how many messages wait for a decision; one more than `MOST_COUNTED` when there are more."""
    counted = sql.rows(
        f"""SELECT COUNT(*) FROM (
                SELECT 1 FROM {sql.MESSAGE} WHERE state = 'uncertain' LIMIT {MOST_COUNTED + 1}) AS counted"""
    )
    return int(counted[0][0])


def by_hour(begin: datetime, hours: int) -> Sequence[Mapping[State, int]]:
    """Return for each of the `hours` from `begin` on how many messages were accepted in it, by their present state."""
    # A count for each hour and state, because each is a range of the index that holds both: 3 ms for the 33,000
    # messages of a day on SQLite, where GROUP BY took 37 ms and Django's TruncHour 130 ms (measured).
    bounds = [sql.instant(begin + timedelta(hours=number)) for number in range(hours + 1)]
    each = " UNION ALL ".join(["SELECT %s AS number, %s AS begins, %s AS ends"] * hours)
    states = " UNION ALL ".join(f"SELECT '{state.value}' AS state" for state in State)
    found = sql.rows(
        f"""SELECT h.number, s.state,
                   (SELECT COUNT(*) FROM {sql.MESSAGE} m
                    WHERE m.state = s.state AND m.created_at >= h.begins AND m.created_at < h.ends)
            FROM ({each}) h CROSS JOIN ({states}) s""",
        [value for number, pair in enumerate(pairwise(bounds)) for value in (number, *pair)],
    )
    counted: list[dict[State, int]] = [{} for _ in range(hours)]
    for number, state, count in found:
        counted[number][State(state)] = count
    return counted


def failures(since: datetime, *, most: int) -> list[FailureGroup]:
    """Return why messages accepted from `since` on have failed or expired, the most frequent reason first."""
    columns = "id, profile_slug, stage, cause, code, ended_at"
    newest = " UNION ALL ".join(
        f"""SELECT {columns} FROM (
                SELECT {columns} FROM {sql.MESSAGE} WHERE state = %s AND created_at >= %s
                ORDER BY created_at DESC, id DESC LIMIT {_FAILURES}) AS {state.value}"""
        for state in (State.FAILED, State.EXPIRED)
    )
    begin = sql.instant(since)
    found = sql.rows(
        f"""SELECT profile_slug, stage, cause, code, COUNT(*) AS counted, MAX(id), MAX(ended_at) AS last_at
            FROM ({newest}) AS newest GROUP BY profile_slug, stage, cause, code
            ORDER BY counted DESC, last_at DESC LIMIT %s""",
        [State.FAILED.value, begin, State.EXPIRED.value, begin, most],
    )
    return [
        FailureGroup(
            profile_slug=slug, stage=stage, cause=cause, code=code, count=count, last_id=last_id, last_at=_time(last_at)
        )
        for slug, stage, cause, code, count, last_id, last_at in found
    ]


def last_sent(profile_id: int, *, since: datetime) -> datetime | None:
    """Return when the profile last sent a message, if that was after `since`; looked for among the newest only."""
    ((sent_at,),) = sql.rows(
        f"""SELECT MAX(ended_at) FROM (
                SELECT state, ended_at FROM {sql.MESSAGE} WHERE profile_id = %s
                ORDER BY created_at DESC, id DESC LIMIT {_NEWEST}) AS newest
            WHERE state = 'sent' AND ended_at > %s""",
        [profile_id, sql.instant(since)],
    )
    return None if sent_at is None else _time(sent_at)


def _time(value: datetime | str) -> datetime:
    """Return a time as an aware one. SQLite has no type for times, so what is computed comes as text."""
    moment = sql.aware(datetime.fromisoformat(value) if isinstance(value, str) else value)
    assert moment is not None  # noqa: S101  None comes only from None
    return moment
