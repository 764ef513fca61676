"""Finding the right settings on the profile form: the search as it goes on, and its findings, each one press to use.

Where is looked, and how sure what is found is, is `finding`'s. The search gets the address and nothing else: a secret
that was typed is not read, nothing is saved, and no server that is found is signed in to.
"""

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.template.loader import render_to_string
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from smtpadmin import limits
from smtpadmin.admin import presets
from smtpadmin.admin.forms import ProfileForm
from smtpadmin.admin.guide import SECURITY_LABELS
from smtpadmin.admin.pages import Pages
from smtpadmin.admin.streaming import streaming, wants_stream
from smtpadmin.advice import find_settings
from smtpadmin.conf import conf
from smtpadmin.diagnosis import provider_of
from smtpadmin.finding import Finding, Outcome, Settings, Source, Step, Sureness, settings_of
from smtpadmin.models import Profile
from smtpadmin.names import split_sender

# Each search holds a thread of the web server for about as long as a test does at most.
_AT_ONCE = 8
#: The names of the buttons that lead here, without scripts.
BUTTONS = frozenset({"_find", "_use"})

_FILLED = ("host", "port", "security", "username", "provider")
# Other ways in are seldom of use, and every line has to be read.
_MOST_SHOWN = 3

SOURCE_LABELS: dict[Source, str | Promise] = {
    Source.CATALOGUE: gettext_lazy("Known providers"),
    Source.MX: gettext_lazy("Where mail for this domain arrives (MX)"),
    Source.SRV: gettext_lazy("Servers that the domain names in DNS (SRV)"),
    Source.AUTOCONFIG: gettext_lazy("Settings that the domain publishes"),
    Source.PROBE: gettext_lazy("Servers with the usual names"),
}
SURENESS_LABELS: dict[Sureness, str | Promise] = {
    Sureness.CERTAIN: gettext_lazy("Certain"),
    Sureness.LIKELY: gettext_lazy("Most likely right"),
    Sureness.POSSIBLE: gettext_lazy("Check this first"),
}
_TONES = {Sureness.CERTAIN: "ok", Sureness.LIKELY: "info", Sureness.POSSIBLE: "warn"}
_OUTCOMES: dict[Outcome, tuple[str, str | Promise]] = {
    # How it looks (as a step of a test does), and what it is called.
    Outcome.FOUND: ("ok", pgettext_lazy("search step", "Found")),
    Outcome.NOTHING: ("skipped", gettext_lazy("Nothing found")),
    Outcome.NOT_ASKED: ("warning", gettext_lazy("No answer")),
    Outcome.SKIPPED: ("skipped", gettext_lazy("Left out")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step of the search, as the page shows it."""

    stage: str
    label: str | Promise
    status: str = "pending"
    status_label: str | Promise = ""
    text: str = ""
    sureness: str | Promise = ""
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Settings that one press fills in. `values` is what the button carries."""

    server: str
    username: str
    provider: str
    text: str
    sureness: str | Promise
    tone: str
    values: str
    is_used: bool = False


class NotStarted(Exception):
    """A search may not start. `message` says why, in the reader's language."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@method_decorator(sensitive_post_parameters("secret"), name="find_new")
@method_decorator(sensitive_post_parameters("secret"), name="find_for")
class FindViews(Pages):
    """The search, for whoever may save what it finds. Without scripts it leads back to the form."""

    def urls(self) -> list[URLPattern]:
        return [
            self.page("find/", self.find_new, "profile_find_new", atomic=False),
            self.page("<int:pk>/find/", self.find_for, "profile_find", atomic=False),
        ]

    def find_new(self, request: HttpRequest) -> HttpResponseBase:
        """Search for a profile that is not saved yet."""
        if locked := self.locked(request):
            return locked
        if not self.admin.has_add_permission(request):
            raise PermissionDenied
        return self._answer(request, None)

    def find_for(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Search for a saved profile whose settings are to change."""
        if locked := self.locked(request):
            return locked
        profile = self.profile(request, pk)
        if not self.admin.has_change_permission(request, profile):
            raise PermissionDenied
        return self._answer(request, profile)

    def _answer(self, request: HttpRequest, profile: Profile | None) -> HttpResponseBase:
        form_url = self.url("profile_change", profile.pk) if profile else self.url("profile_add")
        if request.method != "POST":
            # The page without scripts stays at this address: opening it anew begins anew.
            return HttpResponseRedirect(form_url)
        if wants_stream(request):
            return _stream(request)
        values, context = _filled_in(request)
        return self._form(request, profile, values, context | {"form_action": form_url})

    def _form(
        self, request: HttpRequest, profile: Profile | None, values: QueryDict, context: dict[str, Any]
    ) -> HttpResponse:
        """Return the form as it was typed, with what was found; nothing in it is called wrong yet."""
        is_new = profile is None
        form_class: Any = self.admin.get_form(request, profile, change=not is_new)
        form: ProfileForm = form_class(values, instance=profile)
        form.full_clean()
        form.errors.clear()
        fieldsets: Any = self.admin.get_fieldsets(request, profile)
        whole = {
            **self.site.each_context(request),
            "adminform": AdminForm(form, list(fieldsets), {}, model_admin=self.admin),
            "inline_admin_formsets": [],
            "original": profile,
            "media": self.admin.media,
            **context,
        }
        return self.admin.render_change_form(request, whole, add=is_new, change=not is_new, obj=profile)


# The search


def pending_rows() -> list[StepRow]:
    """Return the steps of a search that has not begun."""
    return [StepRow(stage=source.value, label=label) for source, label in SOURCE_LABELS.items()]


def _start(request: HttpRequest) -> Iterator[Step]:
    """Begin a search, lazily. Raise NotStarted."""
    try:
        steps = find_settings(_address(request))
    except ValueError:
        raise NotStarted(_("Type the whole e-mail address first.")) from None
    if not limits.take(f"find.user.{request.user.pk}", count=conf.tests_per_minute, seconds=60):
        raise NotStarted(
            _("You have searched %(count)d times within a minute. Wait a moment, then search again.")
            % {"count": conf.tests_per_minute}
        )
    if not limits.take("find.all", count=_AT_ONCE, seconds=30):
        raise NotStarted(_("Several searches were started just now. Wait half a minute, then search again."))
    return steps


def _address(request: HttpRequest) -> str:
    """Return the typed address. Raise ValueError where it is none yet: one word may be a domain of this network."""
    address = request.POST.get("address", "").strip()
    if "@" not in address:
        raise ValueError("There is no @ in it.")
    return address


def _stream(request: HttpRequest) -> HttpResponseBase:
    try:
        steps = _start(request)
    except NotStarted as refusal:
        return HttpResponse(render_to_string("smtpadmin/find_refused.html", {"refused": refusal.message}), status=422)
    language = get_language() or "en"
    return streaming(_pieces(steps, language), language=language)


def _pieces(steps: Iterator[Step], language: str) -> Generator[str, None, None]:
    """Yield a piece of HTML for each step, and the findings last."""
    done: list[Step] = []
    with closing(steps):  # type: ignore[type-var]
        for step in steps:
            done.append(step)
            yield render_to_string("smtpadmin/find_step.html", {"row": _row(step, language)})
    yield render_to_string("smtpadmin/find_result.html", {"offers": _offers(done, language)})


def _row(step: Step, language: str) -> StepRow:
    status, label = _OUTCOMES[step.outcome]
    first = step.findings[0].sureness if step.findings else None
    return StepRow(
        stage=step.source.value,
        label=SOURCE_LABELS[step.source],
        status=status,
        status_label=label,
        text=step.text.get(language),
        sureness=SURENESS_LABELS[first] if first else "",
        tone=_TONES[first] if first else "",
    )


def _ranked(steps: list[Step]) -> list[Finding]:
    """Return the findings to offer, the surest first, each server once."""
    order = list(Sureness)
    found = sorted((f for step in steps for f in step.findings), key=lambda finding: order.index(finding.sureness))
    once: dict[tuple[str, int, str], Finding] = {}
    for finding in found:
        once.setdefault((finding.settings.host, finding.settings.port, finding.settings.security), finding)
    return list(once.values())[:_MOST_SHOWN]


def _offers(steps: list[Step], language: str, *, used: Finding | None = None) -> list[Offer]:
    return [_offer(finding, language, is_used=finding is used) for finding in _ranked(steps)]


def _offer(finding: Finding, language: str, *, is_used: bool) -> Offer:
    settings = finding.settings
    provider = provider_of(settings.provider) if settings.provider else None
    return Offer(
        server=f"{settings.host}:{settings.port} · {SECURITY_LABELS[settings.security]}",
        username=settings.username,
        provider=provider.name.get(language) if provider else "",
        text=finding.text.get(language),
        sureness=SURENESS_LABELS[finding.sureness],
        tone=_TONES[finding.sureness],
        values=json.dumps(_values(settings)),
        is_used=is_used,
    )


def _values(settings: Settings) -> dict[str, str]:
    """Return settings as the form's fields hold them."""
    return {
        "host": settings.host,
        "port": str(settings.port),
        "security": settings.security.value,
        "username": settings.username,
        "provider": settings.provider or presets.OTHER,
    }


# Without scripts


def _filled_in(request: HttpRequest) -> tuple[QueryDict, dict[str, Any]]:
    """Return the form's values with what was found, or pressed, and what the page says about it."""
    values = request.POST.copy()
    if "_use" in request.POST:
        _put(values, _pressed(request.POST["_use"]))
        return values, {"find_used": True}
    provider = provider_of(request.POST.get("provider", ""))
    if provider is not None:
        # The provider was chosen: nothing has to be searched for. Another of its own servers stays.
        if values.get("host") not in {end.host for end in provider.endpoints}:
            _put(values, _values(settings_of(provider, split_sender(values.get("address", "")).address)))
        return values, {}
    try:
        steps = list(_start(request))
    except NotStarted as refusal:
        return values, {"find_refused": refusal.message}
    language = get_language() or "en"
    first = next(iter(_ranked(steps)), None)
    # What has to be looked at first is not filled in by itself, nor is anything over what somebody typed.
    used = first if first and first.sureness is not Sureness.POSSIBLE and not values.get("host") else None
    if used is not None:
        _put(values, _values(used.settings))
    context = {"find_rows": [_row(step, language) for step in steps], "offers": _offers(steps, language, used=used)}
    return values, context


def _pressed(text: str) -> Mapping[str, Any]:
    """Return what a button carried; it is only as good as anything typed, and checked on saving like that."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _put(values: QueryDict, found: Mapping[str, Any]) -> None:
    for name in _FILLED:
        if isinstance(found.get(name), str) and (found[name] or name != "username"):
            values[name] = found[name]
