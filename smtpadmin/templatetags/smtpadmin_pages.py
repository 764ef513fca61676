"""Tags of the app's pages, and `smtpadmin_dashboard` for the front page of any admin.

Django imports every tag library with the first template and in its checks, also in a project that has no admin and
only sends: so what needs the admin is imported where it is used.
"""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from smtpadmin.wording import figures

if TYPE_CHECKING:
    from django.contrib.admin.models import LogEntry

    from smtpadmin.admin.history import ChangeLine
    from smtpadmin.admin.locked import Explanation
    from smtpadmin.models import Profile

register = template.Library()

# With a scheme, or with a path: `smtp.example.com` alone is a server, `myaccount.google.com/apppasswords` is a page.
_PAGE = re.compile(
    r"(https://[^\s,;，。；）)”]+[^\s.,;，。；）)”]|(?:[a-z0-9-]+\.)+[a-z]{2,}/[\w/#?=&%.~-]*[\w/])",
    re.ASCII,
)


@register.simple_tag(takes_context=True)
def smtpadmin_dashboard(context: template.Context) -> SafeString:
    """Print the dashboard for the reader of this page."""
    from smtpadmin.admin.dashboard import dashboard  # noqa: PLC0415  needs the admin

    request = context["request"]
    return render_to_string("smtpadmin/dashboard.html", dashboard(request), request)


@register.inclusion_tag("smtpadmin/profile_looks.html")
def smtpadmin_looks(profile: "Profile") -> dict[str, Any]:
    """Print how a profile has been in the last days, where anybody has looked."""
    from smtpadmin.admin import looks  # noqa: PLC0415  needs the admin

    return looks.summary(profile)


@register.filter
def link_pages(text: str) -> SafeString:
    """Return the text with web pages in it as links. `urlize` would link the names of mail servers as well."""
    parts = _PAGE.split(text)
    return format_html_join("", "{}", ((_link(part) if number % 2 else part,) for number, part in enumerate(parts)))


def _link(page: str) -> SafeString:
    address = page if page.startswith("https://") else f"https://{page}"
    return format_html('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', address, page)


@register.filter
def ago(moment: datetime) -> str:
    """Return how long ago that was, in the largest unit alone: a badge needs no minutes beside days."""
    if timezone.now() - moment < timedelta(minutes=1):
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(moment, depth=1)}


@register.filter
def as_number(count: int) -> str:
    """Return a number as people write it."""
    return figures.number(count)


@register.filter
def change_lines(entry: "LogEntry") -> "list[ChangeLine]":
    """Return what a log entry says, line by line."""
    from smtpadmin.admin import history  # noqa: PLC0415  needs the admin

    return history.lines(entry)


@register.simple_tag(takes_context=True)
def smtpadmin_locked(context: template.Context) -> "Explanation | None":
    """Return why the panel is locked, or None."""
    from smtpadmin.admin.locked import explanation  # noqa: PLC0415  needs the admin

    return explanation(context["request"])
