"""The mail on the dashboard: whether anything sends, what waits and why, how the last hours went, what failed.

Who sees none of the messages is told no recipient and no failure. The figures come from `outbox.overview`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Prefetch
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy

from smtpadmin import outbox
from smtpadmin.admin.message_decisions import may_decide
from smtpadmin.admin.message_words import Explained, explain, explain_end
from smtpadmin.admin.workers import Workers, nothing_was_ever_sent, workers
from smtpadmin.models import Attempt, Lane, Message, Profile, Recipient, State
from smtpadmin.outbox import overview
from smtpadmin.outbox.overview import FailureGroup, Waiting
from smtpadmin.wording.figures import at_most, moment, number
from smtpadmin.wording.health import pause_of

_HOURS = 24
_REASONS = 6
_REASONS_SINCE = timedelta(days=7)
_UNCLEAR_SHOWN = 5
# A limit that is used up for a shorter time is the pace of sending, and no news.
_NEWS = timedelta(seconds=30)

# The chart is drawn in these units, and stretched to the width of its card.
_STEP, _BAR, _HEIGHT = 10, 7, 100
_COUNTED: Mapping[str, str | Promise] = {
    "sent": pgettext_lazy("messages", "%(count)s sent"),
    "waiting": pgettext_lazy("messages", "%(count)s still waiting"),
    "unclear": pgettext_lazy("messages", "%(count)s unclear"),
    "failed": pgettext_lazy("messages", "%(count)s failed"),
}
_SERIES: Sequence[tuple[str, str | Promise, tuple[State, ...]]] = (
    ("sent", pgettext_lazy("messages", "Sent"), (State.SENT,)),
    ("waiting", pgettext_lazy("messages", "Still waiting"), (State.QUEUED, State.SENDING)),
    ("unclear", pgettext_lazy("messages", "Unclear"), (State.UNCERTAIN,)),
    ("failed", pgettext_lazy("messages", "Failed"), (State.FAILED, State.EXPIRED)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """That nothing is sent or accepted, and what to do about it."""

    tone: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PausedProfile:
    """A profile through which nothing is sent for now."""

    profile: Profile
    reason: str
    since: datetime | None
    next_try: str
    waiting: str
    fallback: str
    explained: Explained | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLine:
    """What waits in one lane; `late` says for how long the first has been due."""

    label: str
    waiting: str
    sending: str
    late: str


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar."""

    series: str
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """One hour: its bar, and its row in the table."""

    label: str
    x: int
    parts: tuple[Part, ...]
    counts: tuple[str, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The last day. `ticks` are the labels below it."""

    hours: tuple[Hour, ...]
    ticks: tuple[str, ...]
    series: tuple[tuple[str, str], ...]
    highest: str
    summary: str
    totals: Mapping[str, int]

    @property
    def width(self) -> int:
        return _STEP * len(self.hours)

    @property
    def bar(self) -> int:
        return _BAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why messages failed, how many, and the last of them."""

    title: str
    profile: str
    count: str
    at: datetime
    last_id: int


def mail(request: HttpRequest, profiles: Sequence[Profile]) -> dict[str, Any]:
    """Return what the dashboard says of mail to this user, who may see profiles or messages or both."""
    now = timezone.now()
    waiting, at_work = overview.waiting(), workers()
    context: dict[str, Any] = {
        "alarms": [*_full_disk(), *_missing_worker(at_work, waiting, now)],
        "paused": list(_paused(profiles, waiting)),
        "limited": list(_limited(profiles, now)),
        "idle": list(_idle(profiles, waiting)),
        "sees_messages": request.user.has_perm("smtpadmin.view_message"),
        "may_decide": may_decide(request),
    }
    if not context["sees_messages"]:
        return context
    chart = _chart(now)
    unclear = overview.uncertain()
    return context | {
        "chart": chart,
        "lanes": list(_lanes(waiting, overview.sending(), now)),
        "workers": at_work,
        "tiles": list(_tiles(chart, waiting, unclear)),
        "unclear_count": at_most(unclear),
        "unclear": _unclear() if unclear else [],
        "has_more_unclear": unclear > _UNCLEAR_SHOWN,
        "reasons": list(_reasons(profiles, now)),
    }


# What keeps mail waiting


def _full_disk() -> Iterator[Alarm]:
    title = _("The disk is nearly full: no mail is accepted")
    if not outbox.may_send():
        title = _("The disk is full: no mail is accepted, and none is sent")
    elif outbox.may_accept():
        return
    text = _(
        "Apps get an error. Keep at least %(size)d MB free on the disk that holds the database; then it goes on by "
        "itself."
    )
    yield Alarm(tone="bad", title=title, text=text % {"size": outbox.ACCEPT_FLOOR // 1_000_000})


def _missing_worker(at_work: Workers, waiting: Sequence[Waiting], now: datetime) -> Iterator[Alarm]:
    if not at_work.is_missing:
        return
    cure = _(
        "Start one with “manage.py deliver”, and keep it running. “make run” and “docker compose up” start one beside "
        "these pages: if it is missing there, their log says why."
    )
    if any(each.first_due <= now for each in waiting):
        yield Alarm(tone="bad", title=_("No worker is running: mail waits"), text=cure)
    elif at_work.last_beat is None and nothing_was_ever_sent():
        yield Alarm(tone="warn", title=_("No worker has ever run: mail that apps hand over will wait"), text=cure)


def _paused(profiles: Sequence[Profile], waiting: Sequence[Waiting]) -> Iterator[PausedProfile]:
    names = {profile.pk: profile.name for profile in profiles}
    for profile in profiles:
        pause = pause_of(profile)
        if pause is None or not profile.enabled:
            continue
        yield PausedProfile(
            profile=profile,
            reason=pause.reason,
            since=pause.since,
            next_try=pause.next_try,
            waiting=_waiting_words(profile, waiting),
            fallback=names.get(profile.fallback_id or 0, ""),
            explained=explain(profile.circuit, profile.provider),
        )


def _waiting_words(profile: Profile, waiting: Sequence[Waiting]) -> str:
    count = sum(each.count for each in waiting if each.profile_id == profile.pk)
    if not count:
        return ""
    return ngettext("%(number)s message waits", "%(number)s messages wait", count) % {"number": at_most(count)}


def _limited(profiles: Sequence[Profile], now: datetime) -> Iterator[str]:
    for profile in profiles:
        circuit = getattr(profile, "circuit", None)
        if circuit is not None and not circuit.reason and circuit.limited_until and circuit.limited_until > now + _NEWS:
            yield _("“%(name)s” has used up its limit and goes on at %(time)s.") % {
                "name": profile, "time": moment(circuit.limited_until),
            }  # fmt: skip


def _idle(profiles: Sequence[Profile], waiting: Sequence[Waiting]) -> Iterator[tuple[Profile, str]]:
    """Yield disabled profiles that mail waits for."""
    for profile in profiles:
        if not profile.enabled and (words := _waiting_words(profile, waiting)):
            text = _("“%(name)s” is disabled, and %(messages)s for it.") % {"name": profile, "messages": words}
            yield profile, text


# What is under way


def _lanes(waiting: Sequence[Waiting], sending: Mapping[Lane, int], now: datetime) -> Iterator[LaneLine]:
    for lane in Lane:
        here = [each for each in waiting if each.lane is lane]
        first = min((each.first_due for each in here), default=now)
        yield LaneLine(
            label=str(lane.label),
            waiting=at_most(sum(each.count for each in here)),
            sending=number(sending.get(lane, 0)),
            late=timesince(first, now, depth=1) if now - first > timedelta(minutes=1) else "",
        )


def _tiles(chart: Chart, waiting: Sequence[Waiting], unclear: int) -> Iterator[tuple[str, str, str, str]]:
    """Yield label, number, tone and the filter of the list that shows them."""
    failed = chart.totals["failed"]
    yield pgettext("messages", "Sent, 24 hours"), number(chart.totals["sent"]), "", "state=sent&period=day"
    tone = "bad" if failed else ""
    yield pgettext("messages", "Failed, 24 hours"), number(failed), tone, "state=failed&period=day"
    yield pgettext("messages", "Waiting now"), at_most(sum(each.count for each in waiting)), "", "state=queued"
    yield pgettext("messages", "Unclear"), at_most(unclear), "warn" if unclear else "", "state=uncertain"


def _chart(now: datetime) -> Chart:
    begin = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=_HOURS - 1)
    counted = [
        {key: sum(counts[state] for state in states) for key, _label, states in _SERIES}
        for counts in overview.by_hour(begin, _HOURS)
    ]
    highest = max(sum(counts.values()) for counts in counted)
    hours = tuple(
        _hour(index, begin + timedelta(hours=index), counts, highest=highest) for index, counts in enumerate(counted)
    )
    totals = {key: sum(counts[key] for counts in counted) for key, _label, _states in _SERIES}
    return Chart(
        hours=hours,
        ticks=tuple(hour.label for hour in hours[:: _HOURS // 4]),
        series=tuple((key, str(label)) for key, label, _states in _SERIES),
        highest=number(highest),
        summary=_summary(totals),
        totals=totals,
    )


def _hour(index: int, begin: datetime, counts: Mapping[str, int], *, highest: int) -> Hour:
    label = date_format(timezone.localtime(begin), "TIME_FORMAT")
    parts, y = [], float(_HEIGHT)
    for key, count in counts.items():
        if count:
            # What cannot be seen would look like nothing.
            height = max(count * _HEIGHT / highest, 1.0)
            y -= height
            parts.append(Part(key, round(max(y, 0.0), 2), round(height, 2)))
    return Hour(
        label=label,
        x=index * _STEP + (_STEP - _BAR) // 2,
        parts=tuple(parts),
        counts=tuple(number(count) for count in counts.values()),
        summary=label + pgettext("after a label", ": ") + _summary(counts),
    )


def _summary(counts: Mapping[str, int]) -> str:
    """Return the counts in one line."""
    parts = (str(_COUNTED[key]) % {"count": number(count)} for key, count in counts.items() if count)
    return pgettext("between list items", ", ").join(parts) or pgettext("messages", "none")


# What somebody has to look at


def _unclear() -> list[Message]:
    rows = Message.objects.filter(state=State.UNCERTAIN).order_by("-created_at", "-id")
    first = Prefetch("recipients", Recipient.objects.order_by("id")[:1], to_attr="first")
    return list(rows.prefetch_related(first)[:_UNCLEAR_SHOWN])


def _reasons(profiles: Sequence[Profile], now: datetime) -> Iterator[Reason]:
    groups = overview.failures(now - _REASONS_SINCE, most=_REASONS)
    by_slug = {profile.slug: profile for profile in profiles}
    last = _last_attempts(groups)
    for group in groups:
        profile = by_slug.get(group.profile_slug)
        explained = _explained(group, last.get(group.last_id), profile.provider if profile else "")
        yield Reason(
            title=explained.title if explained else _("For a reason that is not on record"),
            profile=profile.name if profile else group.profile_slug,
            count=number(group.count),
            at=group.last_at,
            last_id=group.last_id,
        )


def _explained(group: FailureGroup, attempt: Attempt | None, provider: str) -> Explained | None:
    message = Message(state=State.FAILED, cause=group.cause)
    return explain_end(message) or (explain(attempt, provider) if attempt else None)


def _last_attempts(groups: Sequence[FailureGroup]) -> dict[int, Attempt]:
    """Return the last attempt of each group's newest message: it has the server's words."""
    ids = [group.last_id for group in groups]
    newest = Attempt.objects.filter(message__in=ids).values("message").annotate(last=Max("id")).values("last")
    return {attempt.message_id: attempt for attempt in Attempt.objects.filter(pk__in=newest)}
