"""What one press does with a profile: make it the default, enable, disable, duplicate, end its pause.

Each is a POST and is logged.
"""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from smtpadmin import outbox, profiles
from smtpadmin.admin import history
from smtpadmin.admin.pages import Pages
from smtpadmin.admin.presets import free_copy_name
from smtpadmin.models import Profile


@method_decorator(require_POST, name="make_default")
@method_decorator(require_POST, name="enable")
@method_decorator(require_POST, name="disable")
@method_decorator(require_POST, name="duplicate")
@method_decorator(require_POST, name="resume")
class StateViews(Pages):
    """The small forms of a profile's page."""

    def urls(self) -> list[URLPattern]:
        return [
            self.page("<int:pk>/make-default/", self.make_default, "profile_make_default"),
            self.page("<int:pk>/enable/", self.enable, "profile_enable"),
            self.page("<int:pk>/disable/", self.disable, "profile_disable"),
            self.page("<int:pk>/duplicate/", self.duplicate, "profile_duplicate"),
            self.page("<int:pk>/resume/", self.resume, "profile_resume"),
        ]

    def make_default(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        if locked := self.locked(request):
            return locked
        profile = self._to_change(request, pk)
        profiles.make_default(profile)
        self.admin.log_change(request, profile, history.event("made_default"))
        messages.success(
            request,
            _("“%(name)s” is the default now: mail that names no profile leaves through it.") % {"name": profile},
        )
        return self._back(request, profile)

    def enable(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return self._set_enabled(request, pk, enabled=True)

    def disable(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return self._set_enabled(request, pk, enabled=False)

    def duplicate(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        if locked := self.locked(request):
            return locked
        profile = self.profile(request, pk)
        if not self.admin.has_add_permission(request):
            raise PermissionDenied
        copy = profiles.duplicate(profile, name=free_copy_name(profile.name))
        self.admin.log_change(request, profile, history.event("duplicated", detail=copy.name))
        self.admin.log_addition(request, copy, history.event("copied", detail=profile.name))
        messages.success(
            request,
            _("This is a copy of “%(name)s”. It is disabled and has no secret yet: type it, then enable the profile.")
            % {"name": profile},
        )
        return self._back(request, copy)

    def resume(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        profile = self.profile(request, pk)
        if not may_resume(request):
            raise PermissionDenied
        if outbox.resume(profile.pk):
            self.admin.log_change(request, profile, history.event("resumed"))
            text = _(
                "The next message through “%(name)s” is tried at once. If it goes well, the others follow; if not, the "
                "profile stays paused."
            )
            messages.success(request, text % {"name": profile})
        else:
            messages.info(request, _("“%(name)s” is not paused any more.") % {"name": profile})
        return self._back(request, profile)

    def _set_enabled(self, request: HttpRequest, pk: int, *, enabled: bool) -> HttpResponseBase:
        if locked := self.locked(request):
            return locked
        profile = self._to_change(request, pk)
        was_default = profile.is_default
        profiles.set_enabled(profile, enabled=enabled)
        self.admin.log_change(request, profile, history.event("enabled" if enabled else "disabled"))
        if enabled:
            messages.success(request, _("“%(name)s” is enabled.") % {"name": profile})
        elif was_default:
            text = _(
                "“%(name)s” is disabled, and there is no default now: mail that names no profile fails until you make "
                "one."
            )
            messages.warning(request, text % {"name": profile})
        else:
            messages.success(request, _("“%(name)s” is disabled: no mail leaves through it.") % {"name": profile})
        return self._back(request, profile)

    def _to_change(self, request: HttpRequest, pk: int) -> Profile:
        profile = self.profile(request, pk)
        if not self.admin.has_change_permission(request, profile):
            raise PermissionDenied
        return profile

    def _back(self, request: HttpRequest, profile: Profile) -> HttpResponseRedirect:
        back = request.POST.get("back")
        if back == "dashboard":
            return HttpResponseRedirect(reverse(f"{self.site.name}:index"))
        return HttpResponseRedirect(self.url("profile_test" if back == "test" else "profile_change", profile.pk))


def may_resume(request: HttpRequest) -> bool:
    """Say whether this user may have a paused profile try at once."""
    return request.user.has_perm("smtpadmin.change_profile") or request.user.has_perm("smtpadmin.decide_message")
