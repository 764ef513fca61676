"""Where the fields of the profile form stand: which are always in sight, and which are folded away, filled in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.forms import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from smtpadmin.admin.forms import ProfileForm
from smtpadmin.admin.guide import SECURITY_LABELS
from smtpadmin.models import Profile

# Fields that stand side by side, with a share of the row each.
_NARROW = frozenset(
    {
        "port", "batch", "rate_second", "rate_minute", "rate_hour", "rate_day", "max_recipients", "max_message_bytes",
        "connect_timeout", "command_timeout",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionPlan:
    """A folded part of the form."""

    key: str
    title: str | Promise
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A folded part of one form, as the template prints it."""

    key: str
    title: str | Promise
    summary: str
    is_open: bool
    fields: tuple[BoundField, ...]
    narrow: frozenset[str] = _NARROW


SECTIONS = (
    SectionPlan(
        key="server",
        title=gettext_lazy("Server and sign-in"),
        fields=("host", "port", "security", "sign_in", "username", "ehlo_name"),
    ),
    SectionPlan(
        key="sender", title=pgettext_lazy("form section", "Name and sender"),
        fields=("name", "slug", "from_policy", "reply_to", "dkim_selector"),
    ),
    SectionPlan(
        key="certificates",
        title=gettext_lazy("Certificates and encryption"),
        fields=(
            "ca_pem", "pinned_sha256", "skip_verify", "skip_verify_reason", "skip_verify_until", "allow_plaintext_auth",
        ),
    ),
    SectionPlan(
        key="limits",
        title=gettext_lazy("Limits"),
        fields=(
            "rate_second", "rate_minute", "rate_hour", "rate_day", "max_recipients", "max_message_bytes", "batch",
        ),
    ),
    SectionPlan(
        key="transport",
        title=gettext_lazy("Transfer and timeouts"),
        fields=("pipelining", "chunking", "connect_timeout", "command_timeout"),
    ),
    SectionPlan(key="fallback", title=pgettext_lazy("form section", "Fallback"), fields=("fallback",)),
)  # fmt: skip


_TRANSFERS = {"pipelining": "PIPELINING", "chunking": "CHUNKING"}


def sections(form: ProfileForm, *, wanted: str) -> list[Section]:
    """Return the form's folded parts; `wanted` names a field that a link points to."""
    return [
        Section(
            key=plan.key,
            title=plan.title,
            summary=_SUMMARIES[plan.key](form),
            is_open=_is_open(plan, form, wanted=wanted),
            fields=tuple(form[name] for name in plan.fields),
        )
        for plan in SECTIONS
    ]


def _is_open(plan: SectionPlan, form: ProfileForm, *, wanted: str) -> bool:
    if wanted in plan.fields or not form.errors.keys().isdisjoint(plan.fields):
        return True
    if plan.key == "server":
        return not form.is_new or _is_incomplete(form)
    return not form.is_new and plan.key == "certificates" and _differs(plan.fields, form.instance)


def _is_incomplete(form: ProfileForm) -> bool:
    """Whether the server has to be typed: another server than the catalogue's, or one with a part to fill in."""
    host = str(form["host"].value() or "")
    return "{" in host or (not host and bool(form["provider"].value()))


def _differs(names: Iterable[str], profile: Profile) -> bool:
    untouched = Profile()
    return any(getattr(profile, name) != getattr(untouched, name) for name in names)


def _server(form: ProfileForm) -> str:
    host, port, security = (form[name].value() for name in ("host", "port", "security"))
    if not host:
        return ""
    parts = [f"{host}:{port}", str(SECURITY_LABELS.get(str(security), "")), str(form["username"].value() or "")]
    return " · ".join(part for part in parts if part)


def _sender(form: ProfileForm) -> str:
    return str(form["name"].value() or "")


def _certificates(form: ProfileForm) -> str:
    if form["skip_verify"].value() and (form.is_bound or not form.instance.skip_verify_ended):
        return _("The certificate is NOT checked")
    if form["allow_plaintext_auth"].value():
        return _("The password is sent unencrypted")
    if form["pinned_sha256"].value():
        return _("One certificate is pinned")
    return _("Your own CA is trusted") if form["ca_pem"].value() else ""


RATE_SUMMARIES = {
    "rate_second": gettext_lazy("%(count)s a second"),
    "rate_minute": gettext_lazy("%(count)s a minute"),
    "rate_hour": gettext_lazy("%(count)s an hour"),
    "rate_day": gettext_lazy("%(count)s a day"),
    "batch": gettext_lazy("%(count)s at once"),
}


def _limits(form: ProfileForm) -> str:
    counts = {name: form[name].value() for name in RATE_SUMMARIES}
    return " · ".join(RATE_SUMMARIES[name] % {"count": count} for name, count in counts.items() if count)


def _transport(form: ProfileForm) -> str:
    # As nearly everybody has it, both words would only frighten.
    off = [label for name, label in _TRANSFERS.items() if not form[name].value()]
    return _("without %(names)s") % {"names": " · ".join(off)} if off else ""


def _fallback(form: ProfileForm) -> str:
    chosen = str(form["fallback"].value() or "")
    profile = Profile.objects.filter(pk=chosen).first() if chosen.isdecimal() else None
    return profile.name if profile else ""


_SUMMARIES: dict[str, Callable[[ProfileForm], str]] = {
    "server": _server,
    "sender": _sender,
    "certificates": _certificates,
    "limits": _limits,
    "transport": _transport,
    "fallback": _fallback,
}
