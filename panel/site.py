"""The panel's admin site: its name, its navigation and its front page.

What a page may do is decided by its own view; the navigation only leaves out what would answer 403 or 404.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from panel import first_run
from panel.login import LoginForm
from smtpadmin.models import Profile


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the navigation: shown to whoever has one of the permissions, when its page exists."""

    icon: str
    label: str | Promise
    page: str
    # Pages without a line of their own for which this one is marked as the place where the reader is.
    covers: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the navigation as the template prints it."""

    icon: str
    label: str | Promise
    url: str
    current: bool


PROFILES = Entry(
    "profiles",
    _("SMTP profiles"),
    "smtpadmin_profile_changelist",
    permissions=("smtpadmin.view_profile", "smtpadmin.change_profile"),
)
ENTRIES = (
    Entry("dashboard", _("Dashboard"), "index"),
    PROFILES,
    Entry(
        "messages",
        pgettext_lazy("navigation", "Messages"),
        "smtpadmin_message_changelist",
        permissions=("smtpadmin.view_message",),
    ),
    Entry(
        "alerts",
        pgettext_lazy("navigation", "Alerts"),
        "smtpadmin_alertchannel_changelist",
        permissions=("smtpadmin.view_alertchannel", "smtpadmin.change_alertchannel"),
    ),
    Entry(
        "providers",
        _("Providers"),
        "smtpadmin_providers",
        permissions=("smtpadmin.view_profile", "smtpadmin.change_profile", "smtpadmin.add_profile"),
    ),
    Entry(
        "users",
        _("Users"),
        "auth_user_changelist",
        covers=("auth_group_changelist",),
        permissions=("auth.view_user", "auth.change_user"),
    ),
)


class PanelSite(AdminSite):
    site_header = "smtpadmin"
    site_title = "smtpadmin"
    index_title = _("Dashboard")
    index_template = "panel/dashboard.html"
    login_form = LoginForm
    # The stock sidebar is hidden below 768 px; base_site.html prints its own, which a phone shows too.
    enable_nav_sidebar = False

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if context["has_permission"]:
            context["panel_navigation"] = self.navigation(request)
        return context

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        # Who may not see profiles is told so by the app's dashboard, whether there are any or not.
        is_new = _is_allowed(request, PROFILES) and not Profile.objects.exists()
        return super().index(request, {"is_new": is_new, **(extra_context or {})})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().login(request, {"is_fresh": first_run.is_needed(), **(extra_context or {})})
        form = getattr(response, "context_data", {}).get("form")
        if isinstance(form, LoginForm) and form.throttled:
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
        return response

    def navigation(self, request: HttpRequest) -> list[Link]:
        """Return the pages this user may open; the one the request is for, or the nearest above it, is current."""
        pages = [(entry, self._addresses(entry)) for entry in ENTRIES if _is_allowed(request, entry)]
        start = reverse(f"{self.name}:index")
        here = max(
            (
                address
                for _entry, addresses in pages
                for address in addresses
                # /admin/ is the start of every address, but the dashboard is above none of them.
                if request.path == address or (address != start and request.path.startswith(address))
            ),
            key=len,
            default="",
        )
        return [
            Link(icon=entry.icon, label=entry.label, url=addresses[0], current=here in addresses)
            for entry, addresses in pages
            if addresses
        ]

    def _addresses(self, entry: Entry) -> tuple[str, ...]:
        """Return the addresses of the entry's pages, its own first; none when its own does not exist."""
        try:
            return tuple(reverse(f"{self.name}:{page}") for page in (entry.page, *entry.covers))
        except NoReverseMatch:
            return ()


def _is_allowed(request: HttpRequest, entry: Entry) -> bool:
    return not entry.permissions or any(request.user.has_perm(permission) for permission in entry.permissions)
