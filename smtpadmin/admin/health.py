"""What a profile's last test says of it, as a badge; and the dangers that are switched on, as banners."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from smtpadmin.models import Profile, TestState
from smtpadmin.smtp import Stage

# The protocol's own names: what an operator reads in a log and searches for.
PROTOCOL_NAMES: dict[str, str] = {
    **{stage.value: stage.upper() for stage in Stage},
    Stage.MAIL: "MAIL FROM",
    Stage.RCPT: "RCPT TO",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A badge: `tone` is its look."""

    tone: str
    label: str | Promise
    at: datetime | None


def for_list(rows: QuerySet[Profile]) -> QuerySet[Profile]:
    """Return the rows with the stage of a failed test, and without what only their own pages need."""
    return rows.annotate(failed_stage=KT("test_report__failure__stage")).defer("test_report", "ca_pem")


def health(profile: Profile) -> Health:
    """Return the profile's badge."""
    state = TestState(profile.test_state)
    tone = {TestState.WORKING: "ok", TestState.FAILING: "bad", TestState.CHANGED: "warn"}.get(state, "quiet")
    label: str | Promise = pgettext("health", "Working") if state is TestState.WORKING else state.label
    stage = _failed_stage(profile)
    if state is TestState.FAILING and stage:
        label = _("Failing at %(stage)s") % {"stage": PROTOCOL_NAMES.get(stage, stage)}
    return Health(tone=tone, label=label, at=profile.tested_at if state is not TestState.UNTESTED else None)


def _failed_stage(profile: Profile) -> str:
    if hasattr(profile, "failed_stage"):
        return str(profile.failed_stage or "")
    report = cast("dict[str, Any]", profile.test_report or {})
    return str((report.get("failure") or {}).get("stage", ""))


_DANGERS = {
    "skip_verify": gettext_lazy(
        "The server’s certificate is NOT checked: anyone between you and the server can read the password and the mail."
    ),
    "allow_plaintext_auth": gettext_lazy(
        "The password is sent unencrypted: anyone between you and the server can read it."
    ),
}


def banners(profile: Profile) -> list[dict[str, Any]]:
    """Return the dangers that are switched on, each with the field that switches it off."""
    return [
        {"text": text, "field": name, "reason": profile.skip_verify_reason if name == "skip_verify" else ""}
        for name, text in _DANGERS.items()
        if getattr(profile, name)
    ]
