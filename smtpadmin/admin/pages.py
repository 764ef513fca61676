"""What the app's own admin pages have in common: addresses, context, permissions, the locked state."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from smtpadmin.admin.locked import explanation
from smtpadmin.models import Profile

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    AnyModelAdmin = ModelAdmin[Any]


def may_test(request: HttpRequest) -> bool:
    """Say whether this user may send tests."""
    return request.user.has_perm("smtpadmin.test_profile")


class Pages:
    """A group of views beside a ModelAdmin's own; subclasses list them in `urls`."""

    def __init__(self, admin: "AnyModelAdmin") -> None:
        self.admin = admin
        self.site = admin.admin_site

    def urls(self) -> list[URLPattern]:
        raise NotImplementedError

    def page(
        self,
        route: str,
        view: Callable[..., HttpResponseBase],
        name: str,
        *,
        cacheable: bool = False,
        atomic: bool = True,
    ) -> URLPattern:
        """Return the address of a view that only people of the admin site reach.

        `atomic=False` keeps a project's ATOMIC_REQUESTS off a view that waits for a mail server: locks on its rows
        would be held as long.
        """
        wrapped = self.site.admin_view(view, cacheable=cacheable)
        if not atomic:
            wrapped = transaction.non_atomic_requests(wrapped)
        return path(route, wrapped, name=f"smtpadmin_{name}")

    def url(self, name: str, *args: Any) -> str:
        """Return the address of one of the app's pages in this admin site."""
        return reverse(f"{self.site.name}:smtpadmin_{name}", args=args)

    def profile(self, request: HttpRequest, pk: int) -> Profile:
        """Return the profile that this user may see. Raise Http404 or PermissionDenied."""
        profile: Profile | None = self.admin.get_object(request, str(pk))
        if not self.admin.has_view_or_change_permission(request, profile):
            raise PermissionDenied
        if profile is None:
            raise Http404
        return profile

    def render(
        self, request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
    ) -> TemplateResponse:
        """Return one of the app's pages, in the frame of this admin site."""
        request.current_app = self.site.name  # what {% url %} goes by
        whole = {**self.site.each_context(request), "opts": self.admin.opts, "media": "", **context}
        return TemplateResponse(request, template, whole, status=status)

    def locked(self, request: HttpRequest) -> TemplateResponse | None:
        """Return the page that says why nothing can be done now, or None when it can."""
        reason = explanation(request)
        if reason is None:
            return None
        return self.render(request, "smtpadmin/locked.html", {"title": reason.title, "locked": reason}, status=503)


class LockedPages(Pages):
    """The locked state for the ModelAdmin's own views."""

    def urls(self) -> list[URLPattern]:
        return []
