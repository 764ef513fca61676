"""What the dashboard shows: every profile's health, what needs attention, and who changed what lately.

The mail on it is `traffic`'s.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from smtpadmin.admin import history, looks
from smtpadmin.admin.columns import provider_name
from smtpadmin.admin.guide import SECURITY_LABELS, notice_lines
from smtpadmin.admin.locked import explanation
from smtpadmin.admin.pages import may_test
from smtpadmin.admin.state_views import may_resume
from smtpadmin.admin.traffic import mail
from smtpadmin.alerts.coverage import unheard
from smtpadmin.diagnosis import provider_of
from smtpadmin.models import AlertChannel, Profile, TestState
from smtpadmin.wording.figures import moment
from smtpadmin.wording.health import for_list, health, pause_of, verdict

RECENT = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:  # noqa: A001  it is one
    """Something to attend to: `page` and `profile` say where, when a link helps."""

    tone: str
    text: str
    when: str = ""
    profile: Profile | None = None
    page: str = ""
    field: str = ""


def dashboard(request: HttpRequest) -> dict[str, Any]:
    """Return the dashboard's context for this user; `visible` is false for whoever sees neither profiles nor mail."""
    user = request.user
    may_view = user.has_perm("smtpadmin.view_profile") or user.has_perm("smtpadmin.change_profile")
    visible = may_view or user.has_perm("smtpadmin.view_message")
    context: dict[str, Any] = {
        "visible": visible,
        "sees_profiles": may_view,
        "may_add": user.has_perm("smtpadmin.add_profile"),
        "may_change": user.has_perm("smtpadmin.change_profile"),
        "may_test": may_test(request),
        "may_resume": may_resume(request),
    }
    if not visible:
        return context
    profiles = list(for_list(Profile.objects.order_by("-is_default", "-enabled", "name")))
    context |= mail(request, profiles) | {"has_profiles": bool(profiles), "locked": explanation(request)}
    if not may_view:
        return context
    now = timezone.now()
    strips = looks.strips(now)
    end = looks.next_end(profiles, now)
    return context | {
        "cards": [_card(profile, strips.get(profile.pk)) for profile in profiles],
        "warnings": [*_warnings(profiles), *_unheard(request, profiles)],
        # One that is near stands among the warnings.
        "next_end": end if end is not None and end.tone == "ok" else None,
        "recent": list(_recent()) if profiles else [],
    }


def _card(profile: Profile, strip: looks.Strip | None) -> dict[str, Any]:
    return {
        "profile": profile,
        "health": health(profile),
        "strip": strip,
        "provider": provider_name(profile.provider),
        "security": SECURITY_LABELS[profile.security],
    }


def _warnings(profiles: list[Profile]) -> Iterator[Warning]:
    if profiles and not any(profile.is_default for profile in profiles):
        text = _("No profile is the default: mail that names no profile fails. Open one and press “Make default”.")
        yield Warning(tone="bad", text=text, page="list")
    for profile in profiles:
        if profile.enabled:
            yield from _profile_warnings(profile)
    yield from _notices([profile for profile in profiles if profile.enabled])


def _profile_warnings(profile: Profile) -> Iterator[Warning]:
    known = verdict(profile)
    if known.state is TestState.FAILING and known.source is not None:
        yield from _failing(profile)
    elif known.state is TestState.FAILING:
        text = _("“%(name)s” failed its last test.") % {"name": profile}
        yield Warning(tone="bad", text=text, profile=profile, page="test")
    elif known.state is TestState.CHANGED:
        text = _("“%(name)s” was changed after its last test.") % {"name": profile}
        yield Warning(tone="warn", text=text, profile=profile, page="test")
    yield from _ending(profile)
    if profile.skip_verify:
        yield _certificate(profile)
    if profile.allow_plaintext_auth:
        text = _("“%(name)s” sends its password unencrypted.") % {"name": profile}
        yield Warning(tone="bad", text=text, profile=profile, page="change", field="allow_plaintext_auth")


def _failing(profile: Profile) -> Iterator[Warning]:
    """Yield what the last look has met. A paused profile says why in its own place."""
    failure = looks.failure(profile)
    if failure is not None and pause_of(profile) is None:
        text = _("“%(name)s” has not been working since %(time)s: %(cause)s.")
        values = {"name": profile, "time": moment(failure.since), "cause": failure.title.rstrip(".。")}
        yield Warning(tone="bad" if failure.is_sure else "warn", text=text % values, profile=profile, page="health")


def _ending(profile: Profile) -> Iterator[Warning]:
    end = looks.certificate_end(profile, timezone.now())
    if end is not None and end.tone != "ok":
        text = _("The certificate of “%(name)s” expires %(when)s.")
        if not end.when:
            text = _("The certificate of “%(name)s” expired on %(date)s.")
        values = {"name": profile, "when": end.when, "date": end.date}
        yield Warning(tone=end.tone, text=text % values, profile=profile, page="health")


def _certificate(profile: Profile) -> Warning:
    assert profile.skip_verify_until is not None  # noqa: S101  a constraint sees to it
    if profile.skip_verify_ended:
        text = _("“%(name)s” checks the server’s certificate again: test it.") % {"name": profile}
        return Warning(tone="warn", text=text, profile=profile, page="test")
    text = _("“%(name)s” does NOT check the server’s certificate until %(date)s.")
    values = {"name": profile, "date": date_format(profile.skip_verify_until)}
    return Warning(tone="bad", text=text % values, profile=profile, page="change", field="skip_verify")


def _unheard(request: HttpRequest, profiles: list[Profile]) -> Iterator[Warning]:
    """Yield that nobody would be told, to whoever may see who is told."""
    if not profiles or not request.user.has_perm("smtpadmin.view_alertchannel"):
        return
    needed = ("name", "kind", "kinds", "enabled", "profile_id", "last_ok")
    channels = list(AlertChannel.objects.filter(enabled=True).only(*needed))
    missing = unheard(profiles, channels)
    if missing and not channels:
        yield Warning(tone="info", text=_("Nobody is told when mail stops: no alert is set up."), page="alerts")
    elif missing:
        text = _("Nobody is told when “%(name)s” fails: no alert goes another way.")
        yield from (Warning(tone="info", text=text % {"name": profile}, page="alerts") for profile in missing)
    text = _("Alerts through “%(name)s” do not arrive: its last try failed.")
    for channel in channels:
        if channel.last_ok is False:
            yield Warning(tone="warn", text=text % {"name": channel}, page="alerts")


def _notices(profiles: list[Profile]) -> Iterator[Warning]:
    """Yield what the profiles' providers are about to change."""
    language, today = get_language() or "en", timezone.localdate()
    for key in sorted({profile.provider for profile in profiles if profile.provider}):
        provider = provider_of(key)
        if provider is None:
            continue
        for notice in notice_lines(provider, language, today=today):
            if notice.ahead:
                text = provider.name.get(language) + pgettext("after a label", ": ") + notice.text
                yield Warning(tone="warn", text=text, when=notice.when)


def _recent() -> Iterator[dict[str, Any]]:
    entries = (
        LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(Profile))
        .select_related("user")
        .order_by("-action_time")[:RECENT]
    )
    for entry in entries:
        yield {"entry": entry, "lines": history.lines(entry)}
