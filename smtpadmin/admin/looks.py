"""What looks at servers have found, for pages: the last days as a strip, what fails, certificates, a profile's history.

When a server is looked at is `smtpadmin.health`'s, and what counts as wrong `smtpadmin.incidents`'.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy

from smtpadmin import incidents
from smtpadmin.admin.message_words import Explained, explain
from smtpadmin.admin.pages import Pages, may_test
from smtpadmin.conf import conf
from smtpadmin.health import SETTLED
from smtpadmin.models import HealthState, Incident, IncidentKind, Look, LookSource, Profile, TestState
from smtpadmin.wording.figures import moment
from smtpadmin.wording.health import banners, health, looks_of, verdict

DAYS = 30
_SHOWN = 12
_INCIDENTS = 10

# The strip is drawn in these units, and stretched to the width of its card.
_STEP, _BAR, _HEIGHT = 4, 3, 12


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a strip. `tone`: ok, bad, mixed, or none where nobody looked."""

    tone: str
    x: int
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The last days of a profile, the newest at the right."""

    days: tuple[Day, ...]
    summary: str

    @property
    def width(self) -> int:
        return _STEP * len(self.days)

    @property
    def bar(self) -> int:
        return _BAR

    @property
    def height(self) -> int:
        return _HEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateEnd:
    """When the certificate that a profile's server shows ends; `tone` says how near that is."""

    profile: Profile
    until: datetime
    tone: str
    #: "in 6 days"; empty when it is over.
    left: str
    date: str

    @property
    def when(self) -> str:
        """In how many days, and on which; empty when it is over."""
        return _("%(left)s, on %(date)s") % {"left": self.left, "date": self.date} if self.left else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What stands in the way of a profile, by its last look."""

    title: str
    since: datetime
    #: The first failure may have met a server that was being restarted.
    is_sure: bool


_WORDS: Mapping[str, str | Promise] = {
    "ok": pgettext_lazy("day", "well"),
    "bad": pgettext_lazy("day", "failing"),
    "mixed": pgettext_lazy("day", "failing at times"),
    "none": pgettext_lazy("day", "not checked"),
}


def strips(now: datetime) -> Mapping[int, Strip]:
    """Return the strip of each profile that was looked at in the last days, by its id. One query."""
    found: dict[int, list[tuple[datetime, bool]]] = {}
    # A day longer, because days begin at different instants in different time zones.
    rows = Look.objects.filter(at__gte=now - timedelta(days=DAYS + 1)).values_list("profile_id", "at", "ok")
    for profile_id, at, ok in rows:
        found.setdefault(profile_id, []).append((at, ok))
    return {profile_id: strip(looks, timezone.localdate(now)) for profile_id, looks in found.items()}


def strip(looks: Iterable[tuple[datetime, bool]], today: date) -> Strip:
    """Return the days up to `today` with what was found on each."""
    by_day: dict[date, set[bool]] = {}
    for at, ok in looks:
        by_day.setdefault(timezone.localdate(at), set()).add(ok)
    days = [today - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]
    tones = [_tone(by_day.get(day, set())) for day in days]
    counts = {tone: tones.count(tone) for tone in ("ok", "bad", "mixed", "none")}
    return Strip(
        days=tuple(
            Day(
                tone=tone,
                x=_STEP * number,
                summary=_day(day, today) + pgettext("after a label", ": ") + str(_WORDS[tone]),
            )
            for number, (day, tone) in enumerate(zip(days, tones, strict=True))
        ),
        summary=_("The last 30 days")
        + pgettext("after a label", ": ")
        + pgettext("between list items", ", ").join(
            ngettext("%(what)s on %(count)d day", "%(what)s on %(count)d days", count)
            % {"what": _WORDS[tone], "count": count}
            for tone, count in counts.items()
            if count
        ),
    )


def _tone(found: set[bool]) -> str:
    if len(found) > 1:
        return "mixed"
    return "none" if not found else "ok" if True in found else "bad"


def _day(day: date, today: date) -> str:
    """Return a day as short as it is clear."""
    return date_format(day, pgettext("date format", "M j") if day.year == today.year else "DATE_FORMAT")


def certificate_end(profile: Profile, now: datetime) -> CertificateEnd | None:
    """Return when the certificate of the profile's server ends; None where nobody has seen one, or none is used."""
    looks = looks_of(profile)
    seen = looks.certificate if looks is not None else None
    if seen is None or seen.certificate_until is None or profile.security == "none":
        return None
    warned = incidents.certificate_warnings(profile, seen, now)
    until, today = seen.certificate_until, timezone.localdate(now)
    day = timezone.localdate(until)
    return CertificateEnd(
        profile=profile,
        until=until,
        tone="bad" if min(incidents.CERTIFICATE_DAYS) in warned else "warn" if warned else "ok",
        left="" if until <= now else _left((day - today).days),
        date=_day(day, today),
    )


def _left(days: int) -> str:
    return ngettext("in %(count)d day", "in %(count)d days", days) % {"count": days} if days else _("today")


def next_end(profiles: Sequence[Profile], now: datetime) -> CertificateEnd | None:
    """Return the certificate of an enabled profile that ends first."""
    ends = [end for profile in profiles if profile.enabled and (end := certificate_end(profile, now)) is not None]
    return min(ends, key=lambda end: end.until, default=None)


def failure(profile: Profile) -> Failure | None:
    """Return what the last look at the profile's server has met; None when it went well, or says nothing any more."""
    looks = _current(profile)
    if looks is None or looks.last is None or looks.last.ok:
        return None
    explained = explain(looks.last, profile.provider)
    return Failure(
        title=explained.title if explained else _("For a reason that is not on record"),
        since=looks.failing_since or looks.last.at,
        is_sure=looks.failures > 1,
    )


def _current(profile: Profile) -> HealthState | None:
    looks = looks_of(profile)
    return looks if looks is not None and looks.profile_version == profile.updated_at else None


# The page of a profile's health


@dataclass(frozen=True, slots=True, kw_only=True)
class LookLine:
    """One look, as a row of a table."""

    at: datetime
    when: str
    tone: str
    result: str
    seconds: str
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """Something that was wrong with a profile, and for how long."""

    what: str
    opened: str
    closed: str


def summary(profile: Profile) -> dict[str, Any]:
    """Return how the profile has been, for its own page; without a strip where nobody has looked."""
    now = timezone.now()
    days = _days(profile, now)
    return {
        "profile": profile,
        "strip": strip(days, timezone.localdate(now)) if days else None,
        "state": _state(profile) if days else None,
        "end": certificate_end(profile, now) if days else None,
    }


class HealthViews(Pages):
    """The page that says how a profile has been."""

    def urls(self) -> list[URLPattern]:
        return [self.page("<int:pk>/health/", self.show, "profile_health")]

    def show(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        profile, now = self.profile(request, pk), timezone.now()
        looks = looks_of(profile)
        rows = list(Look.objects.filter(profile=profile).order_by("-at")[:_SHOWN])
        days = _days(profile, now)
        context: dict[str, Any] = {
            "title": pgettext("profile", "Health"),
            "profile": profile,
            "banners": banners(profile),
            "health": health(profile),
            "may_test": may_test(request),
            "strip": strip(days, timezone.localdate(now)) if days else None,
            "state": _state(profile),
            "explained": _explained(profile),
            "next_look": _next_look(profile, looks),
            "certificate": looks.certificate if looks is not None else None,
            "certificate_end": certificate_end(profile, now),
            "lines": [_line(row, profile) for row in rows],
            "incidents": [_incident(row) for row in _incidents(profile)],
        }
        return self.render(request, "smtpadmin/profile_health.html", context)


def _days(profile: Profile, now: datetime) -> list[tuple[datetime, bool]]:
    rows = Look.objects.filter(profile=profile, at__gte=now - timedelta(days=DAYS + 1))
    return list(rows.values_list("at", "ok"))


def _explained(profile: Profile) -> Explained | None:
    """Return what the last look has met, where no test has been made since."""
    looks = _current(profile)
    if looks is None or looks.last is None or looks.last.ok or verdict(profile).source is None:
        return None
    return explain(looks.last, profile.provider)


def _state(profile: Profile) -> tuple[str, str]:
    """Return a tone and a heading: how the server was when that was last seen."""
    known, looks = verdict(profile), _current(profile)
    if known.source is None and known.at is not None and known.state in (TestState.WORKING, TestState.FAILING):
        works = known.state is TestState.WORKING
        text = _("The last test went well, %(time)s") if works else _("The last test failed, %(time)s")
        return "ok" if works else "bad", text % {"time": moment(known.at)}
    if looks is None or looks.last is None:
        return "quiet", _("Not checked yet with the present settings")
    if not looks.last.ok:
        text = _("No sign-in has worked since %(time)s")
        return "bad", text % {"time": moment(looks.failing_since or looks.last.at)}
    if looks.last.source == LookSource.MAIL:
        return "ok", _("All is well: mail was sent, %(time)s") % {"time": moment(looks.last.at)}
    return "ok", _("All is well: the server took the password, %(time)s") % {"time": moment(looks.last.at)}


def _next_look(profile: Profile, looks: HealthState | None) -> str:
    """Return when somebody looks next, or why nobody does."""
    if conf.check_every is None:
        return _("Daily checks are switched off (SMTPADMIN_CHECK_EVERY_HOURS).")
    if not profile.enabled:
        return _("The profile is disabled, so it is not checked.")
    settled = max(filter(None, (profile.updated_at, profile.tested_at))) + SETTLED
    coming = settled if looks is None or _current(profile) is None else max(looks.due_at, settled)
    if coming <= timezone.now():
        return _("A worker checks it as soon as it can.")
    return _("Next check: %(time)s") % {"time": moment(coming)}


def _line(look: Look, profile: Profile) -> LookLine:
    explained = None if look.ok else explain(look, profile.provider)
    return LookLine(
        at=look.at,
        when=moment(look.at),
        tone="ok" if look.ok else "bad",
        result=explained.title if explained else str(LookSource(look.source).label),
        seconds=_("%(count)s s") % {"count": f"{look.seconds:.1f}"} if look.seconds else "",
        until=look.certificate_until,
    )


def _incidents(profile: Profile) -> Iterable[Incident]:
    return Incident.objects.filter(profile=profile).order_by("-opened_at", "-id")[:_INCIDENTS]


def _incident(row: Incident) -> IncidentLine:
    what = str(IncidentKind(row.kind).label)
    if row.kind == IncidentKind.CERTIFICATE_EXPIRES:
        days = row.details["days"]
        what += pgettext("after a label", ": ") + ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
    return IncidentLine(
        what=what,
        opened=moment(row.opened_at),
        closed=moment(row.closed_at) if row.closed_at else "",
    )
