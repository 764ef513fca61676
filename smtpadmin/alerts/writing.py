"""From an incident to what is told of it, in the channel's language.

The words are in `texts`, the causes in the decoder.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from smtpadmin.alerts import texts
from smtpadmin.alerts.alert import Alert, Event
from smtpadmin.diagnosis import diagnose
from smtpadmin.models import AlertChannel, Incident
from smtpadmin.models.outbox import new_uid
from smtpadmin.providers import Failure, Text, phrases

_LONGEST_NAME = 100


def of_incident(
    incident: Incident, channel: AlertChannel, event: Event, *, uid: str, times: int = 1, now: datetime | None = None
) -> Alert:
    """Return what to tell. `times` says how often the trouble has come within the last hour."""
    language = channel.language
    values = _values(incident, language)
    titles, other = (
        (texts.RESOLVED, texts.OTHER_RESOLVED) if event is Event.RESOLVED else (texts.OPENED, texts.OTHER_OPENED)
    )
    title = titles.get(incident.kind, other)
    if event is Event.RESOLVED and values["profile"] and not (incident.profile and incident.profile.enabled):
        title = texts.OUT_OF_USE
    subject = _fill(title, **values).get(language)
    cause, step, side = _explained(incident, values)
    link = _link(incident)
    lines: list[Text] = [_fill(texts.PROFILE, **values)] if values["profile"] else []
    lines.append(_fill(texts.SINCE, since=_time(incident.opened_at)))
    if event is Event.RESOLVED:
        over = incident.closed_at or now or timezone.now()
        length = _length(over - incident.opened_at).get(language)
        lines += [_fill(texts.UNTIL, until=_time(over), length=length), texts.IF_IT_RETURNS]
    else:
        lines += [_fill(texts.CAUSE, cause=cause.get(language))] if cause else []
        lines += [_fill(texts.FIRST_STEP, step=step.get(language))] if step else []
        lines += [_fill(texts.SIDE, side=side.get(language))] if side else []
        lines += [_fill(texts.AGAIN, count=str(times))] if times > 1 else []
    lines += [_fill(texts.LOOK, link=link)] if link else []
    told = event is not Event.RESOLVED
    return Alert(
        uid=uid,
        event=event,
        kind=incident.kind,
        profile_id=incident.profile_id,
        profile_name=values["profile"],
        profile_slug=incident.profile.slug if incident.profile else "",
        incident_id=incident.pk,
        opened_at=incident.opened_at,
        closed_at=incident.closed_at,
        language=language,
        subject=subject,
        text=_whole(subject, lines, channel),
        cause=cause.get(language) if told else "",
        first_step=step.get(language) if told else "",
        link=link,
    )


def of_test(channel: AlertChannel) -> Alert:
    """Return what the button sends."""
    subject = texts.TEST_SUBJECT.get(channel.language)
    return Alert(
        uid=new_uid(),
        event=Event.TEST,
        language=channel.language,
        subject=subject,
        text=_whole(subject, [texts.TEST_TEXT], channel),
        link=_page("admin:index"),
    )


def _whole(subject: str, lines: list[Text], channel: AlertChannel) -> str:
    body = "\n".join(line.get(channel.language) for line in lines)
    foot = _fill(texts.FOOT, channel=channel.name).get(channel.language)
    return f"{subject}\n\n{body}\n\n-- \n{foot}\n"


def _values(incident: Incident, language: str) -> dict[str, str]:
    details: dict[str, Any] = incident.details
    # The name as it is now; of a deleted profile the one it had.
    name = incident.profile.name if incident.profile else str(details.get("profile", ""))
    lane = texts.LANES.get(details.get("lane", -1), Text()).get(language)
    return {
        "kind": incident.kind,
        "profile": name[:_LONGEST_NAME],
        "host": str(details.get("host", "")),
        "until": _stored_time(details.get("until")),
        "since": _stored_time(details.get("since")),
        "count": str(details.get("count", "")),
        "lane": lane,
    }


def _explained(incident: Incident, values: dict[str, str]) -> tuple[Text, Text, Text]:
    """Return cause, first step, and who can mend it."""
    details: dict[str, Any] = incident.details
    if not details.get("cause"):
        nothing = Text()
        cause = _fill(texts.CAUSES.get(incident.kind, nothing), **values)
        return cause, texts.FIRST_STEPS.get(incident.kind, nothing), nothing
    failure = Failure(
        stage=str(details.get("stage", "")),
        cause=str(details["cause"]),
        code=details.get("code"),
        enhanced=str(details.get("enhanced") or ""),
        text=str(details.get("reply") or ""),
    )
    found = diagnose(failure, str(details.get("provider") or ""))
    return found.cause or found.title, found.steps[0] if found.steps else Text(), texts.SIDES[found.side]


def _fill(text: Text, **values: str) -> Text:
    """Put names and figures, which are the same in both languages, into a sentence."""
    return phrases.fill(text, {name: Text(value, value) for name, value in values.items()})


def _link(incident: Incident) -> str:
    if incident.profile_id is None:
        return _page("admin:index")
    return _page("admin:smtpadmin_profile_change", incident.profile_id)


def _page(name: str, *args: Any) -> str:
    """Return the address of a page of the panel, where its public address is set and it has an admin; else nothing."""
    public = [str(origin) for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin]
    if not public or urlsplit(public[0]).scheme not in {"http", "https"}:
        return ""
    try:
        return public[0].rstrip("/") + reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _time(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M %Z").strip()


def _stored_time(text: object) -> str:
    try:
        return _time(datetime.fromisoformat(str(text)))
    except ValueError:
        return ""


def _length(span: timedelta) -> Text:
    minutes = max(1, round(span.total_seconds() / 60))
    if minutes == 1:
        return texts.ONE_MINUTE
    if minutes < 60:
        return _fill(texts.MINUTES, number=str(minutes))
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _fill(texts.HOURS, hours=str(hours), minutes=str(minutes))
    days, hours = divmod(hours, 24)
    return _fill(texts.DAYS, days=str(days), hours=str(hours))
