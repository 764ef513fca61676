"""What the pages say of alert channels: where they lead, what they tell, how the last try ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from smtpadmin.alerts import services, texts
from smtpadmin.alerts.outcome import Reason
from smtpadmin.models import AlertChannel, ChannelKind, IncidentKind


def language() -> str:
    return get_language() or "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How the last alert or test ended, for a badge and for a whole page."""

    ok: bool | None
    tone: str
    label: str
    at: datetime | None = None
    title: str = ""
    cause: str = ""
    steps: tuple[str, ...] = ()
    detail: str = ""


def result(channel: AlertChannel) -> Result:
    """Return what is known of the last try."""
    if channel.last_ok is None:
        return Result(ok=None, tone="quiet", label=pgettext("alert channel", "Not tested"))
    if channel.last_ok:
        return _taken(channel)
    found = texts.REASONS[Reason(channel.last_reason) if channel.last_reason in set(Reason) else Reason.UNEXPECTED]
    return Result(
        ok=False,
        tone="bad",
        label=pgettext("alert channel", "Failing"),
        at=channel.last_at,
        title=found.title.get(language()),
        cause=found.cause.get(language()),
        steps=tuple(step.get(language()) for step in found.steps),
        detail=channel.last_detail,
    )


def _taken(channel: AlertChannel) -> Result:
    if channel.kind == ChannelKind.MAIL:
        title = _("The alert is on its way")
        cause = _("It waits in the queue of its profile, before all other mail. Its page says whether it was sent.")
    else:
        title = _("The alert was taken")
        cause = _("The other side has confirmed it. See whether it has arrived where you look.")
    return Result(
        ok=True,
        tone="ok",
        label=pgettext("alert channel", "Working"),
        at=channel.last_at,
        title=title,
        cause=cause,
    )


def where(channel: AlertChannel) -> str:
    """Return where the channel leads, without its secrets."""
    if channel.kind != ChannelKind.MAIL:
        return channel.hint
    names = ", ".join(channel.recipients)
    if channel.profile is None:
        return names
    return _("%(recipients)s, through “%(profile)s”") % {"recipients": names, "profile": channel.profile.name}


def hears(channel: AlertChannel) -> str:
    """Return what the channel tells of, in a few words."""
    if not channel.kinds:
        return pgettext("kinds of incidents", "Everything")
    labels = dict(IncidentKind.choices)
    return pgettext("between items", ", ").join(str(labels.get(kind, kind)) for kind in channel.kinds)


def announced() -> list[str]:
    """Return what is announced at all, one sentence each."""
    return [texts.ANNOUNCED[kind].get(language()) for kind in IncidentKind.values]


def kinds() -> list[dict[str, Any]]:
    """Return the kinds of channels to choose from."""
    return [
        {
            "key": kind.value,
            "label": kind.label,
            "text": texts.KINDS[kind].get(language()),
            "missing": _missing(kind),
        }
        for kind in ChannelKind
    ]


def _missing(kind: ChannelKind) -> str:
    if kind != ChannelKind.SERVICE or services.is_installed():
        return ""
    steps: Sequence[Any] = texts.REASONS[Reason.NOT_INSTALLED].steps
    return " ".join(step.get(language()) for step in steps)
