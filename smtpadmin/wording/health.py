"""How a profile is, as badges: what its last test or look says, and whether it is paused. Dangers, as banners."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from smtpadmin.conf import conf
from smtpadmin.models import HealthState, LookSource, Profile, TestState
from smtpadmin.retry import OPENING
from smtpadmin.smtp import Stage
from smtpadmin.wording.figures import moment

# The protocol's own names: what an operator reads in a log and searches for.
PROTOCOL_NAMES: dict[str, str] = {
    **{stage.value: stage.upper() for stage in Stage},
    Stage.MAIL: "MAIL FROM",
    Stage.RCPT: "RCPT TO",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Why nothing is sent through a profile for now."""

    reason: str
    since: datetime | None
    #: In words; now, when it is due.
    next_try: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A badge: `tone` is its look. A paused profile has another one."""

    tone: str
    label: str | Promise
    at: datetime | None
    pause: Pause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The newest that is known of a profile. `source` is None where a test has shown it."""

    state: TestState
    at: datetime | None
    stage: str = ""
    source: LookSource | None = None


def for_list(rows: QuerySet[Profile]) -> QuerySet[Profile]:
    """Return the rows with all that `health` needs, and without what only their own pages need."""
    listed = rows.select_related("circuit", "health_state__last", "health_state__certificate")
    return listed.annotate(failed_stage=KT("test_report__failure__stage")).defer("test_report", "ca_pem")


def pause_of(profile: Profile) -> Pause | None:
    """Return the profile's pause, or None when mail goes through it. One query, unless `circuit` is there already."""
    circuit = getattr(profile, "circuit", None)
    if circuit is None or not circuit.reason:
        return None
    due = circuit.probe_at is None or circuit.probe_at <= timezone.now()
    return Pause(
        reason=circuit.get_reason_display(),
        since=circuit.since,
        next_try=pgettext("next try", "now") if due else moment(circuit.probe_at),
    )


def looks_of(profile: Profile) -> HealthState | None:
    """Return what looks have found, unless they are switched off. Some queries, unless `for_list` has read it."""
    return getattr(profile, "health_state", None) if conf.check_every else None


def verdict(profile: Profile) -> Verdict:
    """Return what is known of the profile's settings as they are now, by its last test or by a look after that."""
    test, looks = _tested(profile), looks_of(profile)
    look = looks.last if looks is not None and looks.profile_version == profile.updated_at else None
    if look is None or (test.at is not None and test.at > look.at):
        return test
    source = LookSource(look.source)
    if not look.ok:
        return Verdict(state=TestState.FAILING, at=look.at, stage=look.stage, source=source)
    # A sign-in alone does not disprove that a server has refused the sender.
    proves = test.state in (TestState.UNTESTED, TestState.WORKING) or test.stage in OPENING
    if source is LookSource.MAIL or proves:
        return Verdict(state=TestState.WORKING, at=look.at, source=source)
    return test


def health(profile: Profile) -> Health:
    """Return the profile's badge."""
    known = verdict(profile)
    tone = {TestState.WORKING: "ok", TestState.FAILING: "bad", TestState.CHANGED: "warn"}.get(known.state, "quiet")
    label: str | Promise = known.state.label
    if known.state is TestState.WORKING:
        label = pgettext("health", "Working")
        if known.source is LookSource.SIGN_IN and profile.test_state == TestState.UNTESTED:
            label = pgettext("health", "Sign-in works")
    elif known.state is TestState.FAILING and known.stage:
        label = _("Failing at %(stage)s") % {"stage": PROTOCOL_NAMES.get(known.stage, known.stage)}
    return Health(tone=tone, label=label, at=known.at, pause=pause_of(profile))


def _tested(profile: Profile) -> Verdict:
    state = TestState(profile.test_state)
    stage = _failed_stage(profile) if state is TestState.FAILING else ""
    return Verdict(state=state, stage=stage, at=profile.tested_at if state is not TestState.UNTESTED else None)


def _failed_stage(profile: Profile) -> str:
    if hasattr(profile, "failed_stage"):
        return str(profile.failed_stage or "")
    report = cast("dict[str, Any]", profile.test_report or {})
    return str((report.get("failure") or {}).get("stage", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """What stands above a profile's pages for as long as it is so. `field` switches it off, where a field does."""

    tone: str
    text: str | Promise
    field: str = ""
    reason: str = ""
    #: What to do about it.
    advice: str | Promise = ""
    #: A profile that is to be tested.
    test: int | None = None
    #: A paused profile, which may try at once.
    paused: int | None = None


def banners(profile: Profile) -> list[Banner]:
    """Return the pause, and the dangers that are switched on."""
    dangers = list(_dangers(profile))
    pause = pause_of(profile)
    if pause is None:
        return dangers
    text = _("Paused: nothing is sent through this profile now. %(reason)s. Next try: %(time)s.") % {
        "reason": pause.reason, "time": pause.next_try,
    }  # fmt: skip
    return [Banner(tone="warn", text=text, paused=profile.pk), *dangers]


def _dangers(profile: Profile) -> Iterator[Banner]:
    if profile.skip_verify_until is None:
        # A form that was refused shows the banners of what stands in it, and this is not in force yet.
        pass
    elif profile.skip_verify_ended:
        yield Banner(tone="warn", text=certificate_warning(profile), advice=_ADVICE, field="ca_pem", test=profile.pk)
    elif profile.skip_verify:
        text = certificate_warning(profile)
        yield Banner(tone="bad", text=text, field="skip_verify", reason=profile.skip_verify_reason)
    if profile.allow_plaintext_auth:
        text = _("The password is sent unencrypted: anyone between you and the server can read it.")
        yield Banner(tone="bad", text=text, field="allow_plaintext_auth")


_ADVICE = gettext_lazy(
    "Send a test email. If the certificate is refused, the result shows it and offers to trust its CA or to pin it; if "
    "it is accepted, untick “Do NOT check the certificate”."
)


def certificate_warning(profile: Profile) -> str:
    """Return until when the certificate is not checked, or since when it is again."""
    assert profile.skip_verify_until is not None  # noqa: S101  a constraint sees to it
    if profile.skip_verify_ended:
        text = _("Since %(date)s the server’s certificate is checked again: the time without the check has ended.")
        return text % {"date": date_format(profile.skip_verify_until + timedelta(days=1))}
    text = _(
        "The server’s certificate is NOT checked until %(date)s: anyone between you and the server can read the "
        "password and the mail."
    )
    return text % {"date": date_format(profile.skip_verify_until)}
