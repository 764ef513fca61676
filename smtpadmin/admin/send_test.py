"""Send test email: the page of a saved profile, and the test of what stands in the form before it is saved.

A test's steps are streamed as they happen, each a piece of HTML made and translated here; without scripts the same
request answers with the finished page. How a test runs is `testing`'s. After one that failed for the port or the
encryption, `other_ways` looks for one that works, for people who may change the profile.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import URLPattern
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from smtpadmin import profiles, testing
from smtpadmin.admin import history, other_ways
from smtpadmin.admin.forms import ProfileForm
from smtpadmin.admin.other_ways import Ways
from smtpadmin.admin.pages import Pages, may_test
from smtpadmin.admin.streaming import streaming, wants_stream
from smtpadmin.admin.usage import snippet
from smtpadmin.crypto import CryptoError
from smtpadmin.models import Profile
from smtpadmin.names import validate_address
from smtpadmin.smtp import Secret
from smtpadmin.testing import Report, StepRecord, TestRefused
from smtpadmin.wording import results
from smtpadmin.wording.health import PROTOCOL_NAMES, banners

# Errors of these do not stand in the way of a test: they are about saving.
_ONLY_FOR_SAVING = frozenset({"name", "slug"})


_WRONG_SECRET = gettext_lazy(
    "The stored secret was given for other settings and cannot be used. Type it again on the settings page."
)


class RecipientForm(forms.Form):
    """Where the test message goes."""

    recipient = forms.CharField(
        label=gettext_lazy("Send the test to"),
        max_length=254,
        validators=[validate_address],
        error_messages={"required": gettext_lazy("Enter an address whose inbox you can look into.")},
        widget=forms.TextInput(
            attrs={"inputmode": "email", "autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def clean_recipient(self) -> str:
        return str(self.cleaned_data["recipient"]).strip()


def own_address(request: HttpRequest, profile: Profile | None = None) -> str:
    """Return the recipient to propose: whoever presses the button can look into their own inbox."""
    email = str(getattr(request.user, "email", "") or "")
    return email or (profile.from_address if profile else "")


@method_decorator(require_POST, name="run")
@method_decorator(require_POST, name="use_way")
@method_decorator([require_POST, sensitive_post_parameters("secret")], name="try_new")
@method_decorator([require_POST, sensitive_post_parameters("secret")], name="try_changed")
class TestViews(Pages):
    """The test page, its run, and the runs of unsaved values."""

    __test__ = False  # pytest would collect the name

    def urls(self) -> list[URLPattern]:
        return [
            self.page("<int:pk>/test/", self.show, "profile_test"),
            self.page("<int:pk>/test/run/", self.run, "profile_test_run", atomic=False),
            self.page("<int:pk>/test/way/", self.use_way, "profile_use_way", atomic=False),
            self.page("try/", self.try_new, "profile_try_new", atomic=False),
            self.page("<int:pk>/try/", self.try_changed, "profile_try", atomic=False),
        ]

    # The saved profile

    def show(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The test page, with the last result where there is one."""
        if locked := self.locked(request):
            return locked
        profile = self._to_test(request, pk)
        return self._show(request, profile, RecipientForm(initial={"recipient": own_address(request, profile)}))

    def run(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Run a test of the saved profile: streamed to a script, else finished before the page is shown again."""
        if locked := self.locked(request):
            return locked
        profile = self._to_test(request, pk)
        form = RecipientForm(request.POST)
        if not form.is_valid():
            return _problems(form) if wants_stream(request) else self._show(request, profile, form, status=422)
        return self._run(request, profile, form)

    def use_way(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Save the other way that was found for this profile, and test again: one press.

        The panel has tried that way itself, for the settings as they are: the token says so. No other port or
        encryption gets the secret by this.
        """
        if locked := self.locked(request):
            return locked
        profile = self._to_test(request, pk)
        if not self.admin.has_change_permission(request, profile):
            raise PermissionDenied
        form = RecipientForm(request.POST)
        if not form.is_valid():
            return _problems(form) if wants_stream(request) else self._show(request, profile, form, status=422)
        try:
            with transaction.atomic():
                profile = Profile.objects.select_for_update().get(pk=pk)
                self._take(request, profile)
        except CryptoError:
            return self._refused(request, profile, str(_WRONG_SECRET))
        except ValueError:
            text = _("The settings have changed since then, or it was long ago. Test again to see what works now.")
            return self._refused(request, profile, text)
        return self._run(request, profile, form)

    def _take(self, request: HttpRequest, profile: Profile) -> None:
        """Change the profile as the request's token says, and log it. Raise ValueError when it says nothing of it."""
        found = other_ways.named(request.POST.get("way", ""), profile)
        if found is None or found.way is None:
            raise ValueError("The token is for other settings.")
        before = {name: getattr(profile, name) for name in ("port", "security", "allow_plaintext_auth")}
        names = profiles.use_other_way(profile, port=found.way.port, security=found.way.security.value)
        profile.save(update_fields=[*names, "updated_at"])
        changes = {name: (value, getattr(profile, name)) for name, value in before.items() if name in names}
        self.admin.log_change(request, profile, history.values_changed(changes))

    def _run(self, request: HttpRequest, profile: Profile, form: RecipientForm) -> HttpResponseBase:
        try:
            password = profiles.password(profile)
            testing.start(profile, user=_user(request))
        except CryptoError:
            return self._refused(request, profile, str(_WRONG_SECRET))
        except TestRefused as refusal:
            return self._refused(request, profile, refusal.message)
        events = self._events(request, profile, form, password=password)
        if wants_stream(request):
            return _streaming(events, profile, context=self._result_context(request, profile))
        *_earlier, last = events
        query = f"?{urlencode({'way': last.token})}" if isinstance(last, Ways) and last.token else ""
        return HttpResponseRedirect(f"{self.url('profile_test', profile.pk)}{query}#result")

    def _show(
        self, request: HttpRequest, profile: Profile, form: RecipientForm, *, status: int = 200
    ) -> HttpResponseBase:
        report = Report.from_json(profile.test_report) if profile.test_report else None
        if not form["recipient"].value():
            form.fields["recipient"].widget.attrs["autofocus"] = True
        context: dict[str, Any] = {
            "title": _("Send test email"),
            "subtitle": profile.name,
            "profile": profile,
            # The script writes the other way here when it is taken.
            "server": format_html("<span data-server>{}</span>", profile.endpoint),
            "banners": banners(profile),
            "form": form,
            "rows": results.rows(report, security=profile.security) if report else None,
            "pending": results.pending_rows(profile.security),
            "report": report,
            **self._result_context(request, profile),
        }
        if report:
            context["outcome"] = results.outcome(report, language=_language())
            context |= self._offered(request, profile, report)
        return self.render(request, "smtpadmin/test_page.html", context, status=status)

    def _offered(self, request: HttpRequest, profile: Profile, report: Report) -> dict[str, Any]:
        """Return the way that was found before this page was led to, where it still is one to offer."""
        token = request.GET.get("way", "")
        if not token or report.ok or not self.admin.has_change_permission(request, profile):
            return {}
        return other_ways.page_context(other_ways.named(token, profile, recipient=report.recipient))

    def _result_context(self, request: HttpRequest, profile: Profile) -> dict[str, Any]:
        may_change = self.admin.has_change_permission(request, profile)
        return {
            "profile": profile,
            "again": True,
            "may_change": may_change,
            "change_url": self.url("profile_change", profile.pk),
            "way_url": self.url("profile_use_way", profile.pk),
            "support_url": self.url("profile_support", profile.pk) if may_change else "",
            "default_url": self.url("profile_make_default", profile.pk) if may_change else "",
            "sender_url": self.url("profile_sender", profile.pk),
            "snippet": snippet(profile),
            "csrf_token": get_token(request),
        }

    def _refused(self, request: HttpRequest, profile: Profile, text: str) -> HttpResponseBase:
        if wants_stream(request):
            return _note(text, status=429)
        messages.error(request, text)
        return HttpResponseRedirect(self.url("profile_test", profile.pk))

    def _to_test(self, request: HttpRequest, pk: int) -> Profile:
        profile = self.profile(request, pk)
        if not may_test(request):
            raise PermissionDenied
        return profile

    # What stands in the form

    def try_new(self, request: HttpRequest) -> HttpResponseBase:
        """Test a profile that is not saved yet."""
        if locked := self.locked(request):
            return locked
        if not (may_test(request) and self.admin.has_add_permission(request)):
            raise PermissionDenied
        return self._try(request, None)

    def try_changed(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Test a profile as it would be with the form's values. The stored secret goes to its own server only."""
        if locked := self.locked(request):
            return locked
        profile = self._to_test(request, pk)
        if not self.admin.has_change_permission(request, profile):
            raise PermissionDenied
        return self._try(request, profile)

    def _try(self, request: HttpRequest, profile: Profile | None) -> HttpResponseBase:
        form = self._form(request, profile)
        recipient = RecipientForm(request.POST)
        form.full_clean()
        recipient.full_clean()
        if form.errors.keys() - _ONLY_FOR_SAVING or recipient.errors:
            return self._not_tried(request, form, recipient)
        try:
            password = form.password_to_test()
            testing.start(form.instance, user=_user(request))
        except CryptoError:
            form.add_error("secret", _("The stored secret was given for other settings. Type it again."))
            return self._not_tried(request, form, recipient)
        except TestRefused as refusal:
            form.add_error(None, refusal.message)
            return self._not_tried(request, form, recipient)
        events = self._events(request, form.instance, recipient, password=password, tried=form)
        if wants_stream(request):
            return _streaming(events, form.instance, context={"unsaved": True, "profile": form.instance})
        return self._tried(request, form.instance, list(events))

    def _form(self, request: HttpRequest, profile: Profile | None) -> ProfileForm:
        form_class: Any = self.admin.get_form(request, profile, change=profile is not None)
        form: ProfileForm = form_class(request.POST, instance=profile)
        return form

    def _not_tried(self, request: HttpRequest, form: ProfileForm, recipient: RecipientForm) -> HttpResponseBase:
        if wants_stream(request):
            return _problems(form, recipient)
        context = {"title": _("Test without saving"), "problems": _problem_list(form, recipient)}
        return self.render(request, "smtpadmin/try_page.html", context, status=422)

    def _tried(self, request: HttpRequest, profile: Profile, events: list[Any]) -> HttpResponseBase:
        report = next(event for event in events if isinstance(event, Report))
        ways = events[-1] if isinstance(events[-1], Ways) else None
        context = {
            "title": _("Test without saving"),
            "subtitle": profile.endpoint,
            "profile": profile,
            "rows": results.rows(report, security=profile.security),
            "outcome": results.outcome(report, language=_language()),
            "unsaved": True,
            **other_ways.page_context(ways),
        }
        return self.render(request, "smtpadmin/try_page.html", context)

    # Both

    def _events(
        self,
        request: HttpRequest,
        profile: Profile,
        form: RecipientForm,
        *,
        password: Secret,
        tried: ProfileForm | None = None,
    ) -> Generator[Any, None, None]:
        """Begin a test of the saved profile, or of the values that are `tried`; its steps and report come out."""
        log = _logger(profile, user_id=request.user.pk, tried=tried)
        recipient, send, language = form.cleaned_data["recipient"], request.POST.get("mode") != "check", _language()
        # At once and not with the outcome: whoever goes away before that leaves this behind.
        log("test_started", recipient)
        events = testing.run(
            profile,
            password=password,
            recipient=recipient,
            send=send,
            language=language,
            user=_user(request),
            record=tried is None,
        )
        logged = _logged(events, log)
        # Whoever may not change the settings can do nothing with another way.
        if tried is None and not self.admin.has_change_permission(request, profile):
            return logged
        return other_ways.followed(logged, profile, language=language, recipient=recipient, send=send)


def _logged(events: Iterator[Any], log: Callable[[str, str], None]) -> Generator[Any, None, None]:
    ended = False
    try:
        # Closing this closes the test as well: it gives its lease back then.
        with closing(events) as running:  # type: ignore[type-var]
            for event in running:
                if isinstance(event, Report):
                    ended = True
                    name = "test_failed" if not event.ok else "tested" if event.sent else "checked"
                    log(name, event.recipient if event.ok else PROTOCOL_NAMES.get(event.stage, event.stage))
                yield event
    finally:
        if not ended:
            log("test_abandoned", "")


def _logger(profile: Profile, *, user_id: Any, tried: ProfileForm | None) -> Callable[[str, str], None]:
    """Return what writes into the profile's history how a test goes. A profile that is not saved has none."""

    def log(name: str, detail: str) -> None:
        if profile.pk is None:
            return
        if tried is None:
            event = history.event(name, detail=detail)
        elif name == "test_started":
            event = history.tried(tried, detail=detail)
        else:
            event = history.event(f"{name}_unsaved" if f"{name}_unsaved" in history.EVENTS else name, detail=detail)
        LogEntry.objects.log_actions(
            user_id=user_id, queryset=[profile], action_flag=CHANGE, change_message=event, single_object=True
        )

    return log


def _streaming(
    events: Generator[Any, None, None], profile: Profile, *, context: dict[str, Any]
) -> StreamingHttpResponse:
    language = _language()
    return streaming(_pieces(events, profile, language=language, context=context), language=language)


def _pieces(
    events: Generator[Any, None, None], profile: Profile, *, language: str, context: dict[str, Any]
) -> Generator[str, None, None]:
    """Yield a piece of HTML for each step, then the outcome, and behind it what trying other ways brings."""
    with closing(events):
        for event in events:
            yield _piece(event, profile, language=language, context={**context, "streamed": True})


def _piece(event: Any, profile: Profile, *, language: str, context: dict[str, Any]) -> str:
    if isinstance(event, Report):
        outcome = results.outcome(event, language=language)
        return render_to_string("smtpadmin/outcome.html", {**context, "outcome": outcome, "profile": profile})
    if isinstance(event, Ways):
        return other_ways.piece(event, context)
    return render_to_string("smtpadmin/step.html", {"row": results.row(StepRecord.of(event))})


def _problem_list(*forms_with_errors: forms.BaseForm) -> list[dict[str, str]]:
    return [
        _problem(form, name, str(error))
        for form in forms_with_errors
        for name, errors in form.errors.items()
        if name not in _ONLY_FOR_SAVING
        for error in errors
    ]


def _problem(form: forms.BaseForm, name: str, text: str) -> dict[str, str]:
    if name not in form.fields:
        return {"text": text}
    return {"id": form[name].auto_id, "label": str(form[name].label), "text": text}


def _problems(*forms_with_errors: forms.BaseForm) -> HttpResponse:
    html = render_to_string("smtpadmin/problems.html", {"problems": _problem_list(*forms_with_errors)})
    return HttpResponse(html, status=422)


def _note(text: str, *, status: int) -> HttpResponse:
    return HttpResponse(render_to_string("smtpadmin/problems.html", {"problems": [{"text": text}]}), status=status)


def _language() -> str:
    return translation.get_language() or "en"


def _user(request: HttpRequest) -> Any:
    return request.user
