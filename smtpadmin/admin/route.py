"""“Which profile, and why”: the way of a message before it is sent, as a picture in words.

The way is `routing`'s and its words are `wording.route`'s, which the command `which_profile` prints too; here they get
their looks, and a link to where each obstacle is removed. Nothing is changed, and no server is asked.
"""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from smtpadmin import options, routing
from smtpadmin.admin.pages import Pages, may_test
from smtpadmin.admin.send_test import own_address
from smtpadmin.models import Lane, Profile
from smtpadmin.outbox.pace import Left
from smtpadmin.routing import App, Effect, Finding, NoApp, Obstacle, Route, Stop
from smtpadmin.wording import route as words

_EFFECTS: dict[Effect, tuple[str, str | Promise]] = {
    Effect.REFUSED: ("bad", pgettext_lazy("route", "Refuses")),
    Effect.WAITS: ("warn", pgettext_lazy("route", "Waits")),
    Effect.DOUBTFUL: ("warn", pgettext_lazy("route", "Doubtful")),
}
# What is to be changed for it to go; what is not named here is no single field's doing.
_FIELDS = {
    Finding.FROM_POLICY: "from_policy",
    Finding.WEAKER: "security",
    Finding.NO_SECRET: "secret",
    Finding.FROM_RULE: "address",
}
_RATE_FIELDS = {1: "rate_second", 60: "rate_minute", 3600: "rate_hour", 86400: "rate_day"}
_ADDRESS_BOX = {"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InTheWay:
    """An obstacle; `url` leads to where it is removed, for those who may."""

    tone: str
    effect: str | Promise
    text: str
    url: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopItem:
    """One profile of the picture."""

    profile: Profile
    url: str
    tone: str
    label: str
    why: str
    obstacles: tuple[InTheWay, ...]
    details: tuple[str, ...]


class RouteForm(forms.Form):
    """What is asked: a message that an app might send."""

    recipient = forms.CharField(
        label=pgettext_lazy("message", "To"),
        max_length=320,
        error_messages={"required": gettext_lazy("Enter the recipient to ask about.")},
        widget=forms.TextInput(attrs=_ADDRESS_BOX),
    )
    sender = forms.CharField(
        label=pgettext_lazy("message", "From"),
        max_length=320,
        required=False,
        help_text=gettext_lazy("What the app writes as the sender. Empty: it leaves that to the profile."),
        widget=forms.TextInput(attrs=_ADDRESS_BOX),
    )
    app = forms.ChoiceField(
        label=pgettext_lazy("route", "App"),
        required=False,
        help_text=gettext_lazy("The entry of MAILERS that it sends with (“using”)."),
    )
    profile = forms.ChoiceField(label=gettext_lazy("Profile that the app names"), required=False)
    lane = forms.ChoiceField(label=pgettext_lazy("message", "Priority"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        apps = routing.apps()
        self._choose_from("app", pgettext("app", "Any"), [(name, name) for name in apps])
        if not apps:
            del self.fields["app"]
        rows = Profile.objects.order_by("name").values_list("slug", "name")
        self._choose_from("profile", pgettext("profile", "None"), list(rows))
        by_app = _("What the app says, else Normal") if apps else pgettext("lane", "Normal")
        lanes = [(name, str(lane.label)) for name, lane in options.LANES.items() if apps or lane is not Lane.NORMAL]
        self._choose_from("lane", by_app, lanes)

    def _choose_from(self, name: str, nothing: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [("", nothing), *choices]

    def clean_app(self) -> App:
        name = self.cleaned_data["app"]
        try:
            return routing.app(name) if name else App()
        except NoApp as error:
            raise forms.ValidationError(str(error)) from None

    def route(self) -> Route:
        """Return the answer to a form without errors."""
        given = self.cleaned_data
        app: App = given.get("app") or App()
        return routing.explain(
            from_address=given["sender"],
            recipient=given["recipient"],
            slug=given["profile"] or app.profile,
            lane=options.LANES[given["lane"]] if given["lane"] else app.lane,
            queue=app.queue,
        )


def _tone(route: Route) -> str:
    if route.through is None:
        return "bad"
    doubtful = any(each.effect is Effect.DOUBTFUL for each in route.through.obstacles)
    return "ok" if route.leaves_now and not doubtful else "warn"


class RouteViews(Pages):
    """The page. Its address holds the question, so an answer can be passed on as a link."""

    def urls(self) -> list[URLPattern]:
        return [self.page("route/", self.show, "route")]

    def show(self, request: HttpRequest) -> HttpResponseBase:
        if not self.admin.has_view_or_change_permission(request):
            raise PermissionDenied
        context: dict[str, Any] = {"title": _("Which profile, and why")}
        if "recipient" not in request.GET:
            form = RouteForm(initial={"recipient": own_address(request)})
            return self.render(request, "smtpadmin/route.html", context | {"form": form})
        form = RouteForm(request.GET)
        if form.is_valid():
            context |= self._answer(request, form, form.route())
        return self.render(request, "smtpadmin/route.html", context | {"form": form})

    def _answer(self, request: HttpRequest, form: RouteForm, route: Route) -> dict[str, Any]:
        return {
            "route": route,
            "tone": _tone(route),
            "verdict": words.verdict(route),
            "mend": self._mend(request, route),
            "app": form.data.get("app", ""),
            "sender": form.cleaned_data["sender"],
            "origin": self._stop(request, route, route.origin, why=route.why) if route.origin else None,
            "takeover": words.takeover(route),
            "fallbacks": [self._stop(request, route, stop) for stop in route.fallbacks],
        }

    def _mend(self, request: HttpRequest, route: Route) -> tuple[str, str] | None:
        """Return where to go when no profile was found: address and words of the link."""
        if route.origin is not None or not self.admin.has_change_permission(request):
            return None
        named = Profile.objects.filter(slug=route.slug).first() if route.slug else None
        if named is not None:
            return self.url("profile_change", named.pk), _("Open the profile, to enable it")
        if route.slug:
            return None
        return self.url("profile_changelist"), _("Open the list, to make one the default")

    def _stop(self, request: HttpRequest, route: Route, stop: Stop, *, why: str = "") -> StopItem:
        tone, label = _place(route, stop)
        return StopItem(
            profile=stop.profile,
            url=self.url("profile_change", stop.profile.pk),
            tone=tone,
            label=label,
            why=why,
            obstacles=tuple(self._in_the_way(request, stop, each) for each in stop.obstacles),
            details=tuple(words.details(stop)),
        )

    def _in_the_way(self, request: HttpRequest, stop: Stop, obstacle: Obstacle) -> InTheWay:
        tone, effect = _EFFECTS[obstacle.effect]
        url, link = self._cure(request, stop, obstacle)
        return InTheWay(tone=tone, effect=effect, text=words.in_the_way(obstacle), url=url, link=link)

    def _cure(self, request: HttpRequest, stop: Stop, obstacle: Obstacle) -> tuple[str, str]:
        """Return where the obstacle is removed and the words of the link; empty where no page of ours does it."""
        pk = stop.profile.pk
        if obstacle.finding is Finding.TEST_FAILED:
            return (self.url("profile_test", pk), _("See why")) if may_test(request) else ("", "")
        if obstacle.finding in {Finding.MESSAGE, Finding.LOCKED} or not self.admin.has_change_permission(request):
            return "", ""
        change = self.url("profile_change", pk)
        if field := _field(obstacle.finding, stop.limits):
            return f"{change}?field={field}#id_{field}", _("Change this")
        return change, _("Open the profile")


def _field(finding: Finding, limits: tuple[Left, ...]) -> str:
    """Return the field of the profile's form that stands in the way, or an empty string."""
    if finding is not Finding.RATE:
        return _FIELDS.get(finding, "")
    used_up = (_RATE_FIELDS.get(each.rate.seconds, "") for each in limits if not each.left and not each.of_recipient)
    return next(used_up, "")


def _place(route: Route, stop: Stop) -> tuple[str, str]:
    """Return what a profile's part is: the look and the words of its badge."""
    if stop is route.through:
        return ("ok", _("Leaves here")) if route.leaves_now else ("warn", _("Waits here"))
    if stop is route.origin:
        return ("bad", _("Refused here")) if stop.refuses else ("warn", _("Passed over: paused"))
    if stop.refuses:
        return "bad", _("Cannot take over")
    return ("warn", _("Paused too")) if stop.has(Finding.PAUSED) else ("quiet", _("In reserve"))
