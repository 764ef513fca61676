"""Check the sender: whether receivers can tell that mail of this From through this server is the operator's.

What is looked up, and what it means, is `sender_checks`'; here it gets places, badges and records to copy. DNS is asked
while the page is open already; without scripts the page takes as long as that. Nothing else is connected to.
"""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from smtpadmin import advice, limits
from smtpadmin.admin.columns import provider_name
from smtpadmin.admin.pages import Pages, may_test
from smtpadmin.admin.streaming import streaming, wants_stream
from smtpadmin.conf import conf
from smtpadmin.models import Profile
from smtpadmin.sender_checks import Check, Finding, Severity
from smtpadmin.smtp import printable
from smtpadmin.wording.health import banners

# Each holds a thread of the web server for as long as DNS takes, a quarter of a minute at most.
_AT_ONCE = 8

_TITLES: dict[Check, tuple[str | Promise, str | Promise]] = {
    Check.FROM: (gettext_lazy("From address"), gettext_lazy("Does the provider take it?")),
    Check.SPF: ("SPF", gettext_lazy("Names the servers that may send for your domain.")),
    Check.DKIM: ("DKIM", gettext_lazy("A signature that shows that a message is yours and unchanged.")),
    Check.DMARC: ("DMARC", gettext_lazy("What receivers do with mail that neither SPF nor DKIM speaks for.")),
}
# How it looks (as a step of a test does), the badge's tone, and its words.
_LOOKS: dict[Severity, tuple[str, str, str | Promise]] = {
    Severity.GOOD: ("ok", "ok", gettext_lazy("In order")),
    Severity.NOTE: ("ok", "info", gettext_lazy("Good to know")),
    Severity.UNKNOWN: ("unknown", "quiet", gettext_lazy("Not known")),
    Severity.WARNING: ("warning", "warn", gettext_lazy("To improve")),
    Severity.PROBLEM: ("failed", "bad", gettext_lazy("To mend")),
}
_WORST_LAST = list(Severity)
_NOT_ASKED = gettext_lazy("DNS did not answer")
_LEFT_OUT = gettext_lazy("Left out")
# What the selector's own field would settle.
_ASK_SELECTOR = frozenset({"dkim_no_selector", "dkim_usual_missing", "dkim_missing"})
_OWNED = frozenset({"provider_domain", "foreign_domain", "foreign_domain_refused"})


class NotStarted(Exception):
    """A check may not start. `message` says why, in the reader's language."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was found out, with the record to publish where there is one."""

    tone: str
    text: str
    seen: tuple[str, ...] = ()
    seen_at: str = ""
    record_name: str = ""
    record_text: str = ""
    zone_line: str = ""
    replaces: tuple[str, ...] = ()
    asks_selector: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One check, done or not. `status` is its look."""

    key: str
    title: str | Promise
    about: str | Promise
    status: str = "pending"
    tone: str = ""
    label: str | Promise = ""
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All checks in one sentence."""

    tone: str
    title: str


@method_decorator(require_GET, name="show")
@method_decorator(require_POST, name="run")
class SenderViews(Pages):
    """The page, for whoever may see the profile, and the check that it runs."""

    def urls(self) -> list[URLPattern]:
        return [
            self.page("<int:pk>/sender/", self.show, "profile_sender", atomic=False),
            self.page("<int:pk>/sender/run/", self.run, "profile_sender_run", atomic=False),
        ]

    def show(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The page: its script runs the check; a browser without scripts is led to the address that waits for it."""
        if locked := self.locked(request):
            return locked
        profile = self.profile(request, pk)
        return self._finished(request, profile) if "now" in request.GET else self._show(request, profile)

    def run(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Run the check: streamed to a script, else finished before the page is shown."""
        if locked := self.locked(request):
            return locked
        profile = self.profile(request, pk)
        if not wants_stream(request):
            return self._finished(request, profile)
        try:
            found = _start(request, profile)
        except NotStarted as refusal:
            html = render_to_string("smtpadmin/sender_refused.html", {"refused": refusal.message})
            return HttpResponse(html, status=422)
        language = get_language() or "en"
        return streaming(_pieces(found, language, self._links(request, profile)), language=language)

    def _finished(self, request: HttpRequest, profile: Profile) -> HttpResponseBase:
        try:
            found = list(_start(request, profile))
        except NotStarted as refusal:
            return self._show(request, profile, {"refused": refusal.message}, status=429)
        order = list(Check)
        done = sorted(rows(found, get_language() or "en"), key=lambda row: order.index(Check(row.key)))
        return self._show(request, profile, {"rows": done, "summary": summary(found)})

    def _show(
        self, request: HttpRequest, profile: Profile, result: dict[str, Any] | None = None, *, status: int = 200
    ) -> HttpResponseBase:
        context = {
            "title": _("Check the sender"),
            "subtitle": profile.name,
            "profile": profile,
            "provider": provider_name(profile.provider) if profile.provider else profile.host,
            "banners": banners(profile),
            "may_test": may_test(request),
            "run_url": self.url("profile_sender_run", profile.pk),
            "change_page": self.url("profile_change", profile.pk),
            "waits": result is None,
            "rows": pending_rows(),
            "pending": pending_rows(),
            **self._links(request, profile),
            **(result or {}),
        }
        return self.render(request, "smtpadmin/sender.html", context, status=status)

    def _links(self, request: HttpRequest, profile: Profile) -> dict[str, Any]:
        may_change = self.admin.has_change_permission(request, profile)
        return {"change_url": self.url("profile_change", profile.pk) if may_change else ""}


def _start(request: HttpRequest, profile: Profile) -> Iterator[Finding]:
    """Begin a check, lazily. Raise NotStarted."""
    own = tuple(filter(None, [profile.dkim_selector]))
    try:
        found = advice.check_profile(profile, selectors=own)
    except ValueError:
        raise NotStarted(_("The From address has no domain that DNS could be asked about. Mend it first.")) from None
    if not limits.take(f"sender.user.{request.user.pk}", count=conf.tests_per_minute, seconds=60):
        raise NotStarted(
            _("You have checked %(count)d times within a minute. Wait a moment, then check again.")
            % {"count": conf.tests_per_minute}
        )
    if not limits.take("sender.all", count=_AT_ONCE, seconds=30):
        raise NotStarted(_("Several senders were checked just now. Wait half a minute, then check again."))
    return found


def _pieces(found: Iterator[Finding], language: str, links: dict[str, Any]) -> Generator[str, None, None]:
    """Yield a piece of HTML for each check, and the summary last."""
    seen: list[Finding] = []

    def noted() -> Iterator[Finding]:
        for finding in found:
            seen.append(finding)
            yield finding

    for row in rows(noted(), language):
        yield render_to_string("smtpadmin/sender_row.html", {"row": row, **links})
    yield render_to_string("smtpadmin/sender_summary.html", {"summary": summary(seen)})


def pending_rows() -> list[Row]:
    """Return the checks before they have begun."""
    return [Row(key=check.value, title=title, about=about) for check, (title, about) in _TITLES.items()]


def rows(found: Iterable[Finding], language: str) -> Iterator[Row]:
    """Yield each check as it is done, and last those that had nothing to look at."""
    codes: set[str] = set()
    done: set[Check] = set()
    for check, group in groupby(found, key=lambda finding: finding.check):
        findings = list(group)
        codes.update(finding.code for finding in findings)
        done.add(check)
        yield _row(check, findings, language)
    for check in Check:
        if check not in done:
            title, about = _TITLES[check]
            line = Line(tone="quiet", text=_reason(check, codes))
            yield Row(
                key=check.value,
                title=title,
                about=about,
                status="skipped",
                tone="quiet",
                label=_LEFT_OUT,
                lines=(line,),
            )


def _reason(check: Check, codes: set[str]) -> str:
    if check is Check.FROM:
        return _("No rule of this server is known. A test email shows whether it takes the address.")
    if codes & _OWNED:
        return _("Whoever owns the domain publishes this: there is nothing for you to set up.")
    return _("There is nothing to look at as long as the domain is not in DNS.")


def _row(check: Check, findings: list[Finding], language: str) -> Row:
    title, about = _TITLES[check]
    worst = max(findings, key=lambda finding: _WORST_LAST.index(finding.severity))
    status, tone, label = _LOOKS[worst.severity]
    return Row(
        key=check.value,
        title=title,
        about=about,
        status=status,
        tone=tone,
        label=_NOT_ASKED if worst.code.endswith("_not_asked") else label,
        lines=tuple(_line(finding, language) for finding in findings),
    )


def _line(finding: Finding, language: str) -> Line:
    record = finding.record
    return Line(
        tone=_LOOKS[finding.severity][1],
        text=finding.text.get(language),
        # Strangers publish them.
        seen=tuple(map(printable, finding.seen)),
        seen_at=finding.name,
        record_name=record.name if record else "",
        record_text=printable(record.text) if record else "",
        zone_line=printable(record.zone_line) if record else "",
        replaces=tuple(map(printable, record.replaces)) if record else (),
        asks_selector=finding.code in _ASK_SELECTOR,
    )


def summary(found: Iterable[Finding]) -> Summary:
    """Return the worst in one sentence."""
    counts = dict.fromkeys(Severity, 0)
    for finding in found:
        counts[finding.severity] += 1
    if counts[Severity.PROBLEM]:
        return Summary(tone="bad", title=_("Mail from this address may be refused: mend what is marked below."))
    if counts[Severity.WARNING]:
        return Summary(tone="warn", title=_("Mail from this address may end as spam: improve what is marked below."))
    if counts[Severity.UNKNOWN]:
        return Summary(tone="info", title=_("Nothing wrong was found, but not everything could be found out."))
    return Summary(tone="ok", title=_("All is in order: receivers can tell that mail from this address is yours."))
