"""What is wrong with the form while it is being filled in: the same rules as on saving, asked by the page's script.

The secret is not sent here; nothing is saved or connected to.
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from smtpadmin.admin.forms import ProfileForm
from smtpadmin.admin.pages import Pages
from smtpadmin.models import Profile

_NOT_YET = frozenset({"secret", "without_secret"})


@method_decorator(require_POST, name="check_new")
@method_decorator(require_POST, name="check_changed")
class CheckViews(Pages):
    """Answers with the findings by field."""

    def urls(self) -> list[URLPattern]:
        return [
            self.page("check/", self.check_new, "profile_check_new"),
            self.page("<int:pk>/check/", self.check_changed, "profile_check"),
        ]

    def check_new(self, request: HttpRequest) -> HttpResponseBase:
        if not self.admin.has_add_permission(request):
            raise PermissionDenied
        return self._check(request, None)

    def check_changed(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        profile = self.profile(request, pk)
        if not self.admin.has_change_permission(request, profile):
            raise PermissionDenied
        return self._check(request, profile)

    def _check(self, request: HttpRequest, profile: Profile | None) -> HttpResponseBase:
        form_class: Any = self.admin.get_form(request, profile, change=profile is not None)
        form: ProfileForm = form_class(request.POST, instance=profile)
        form.full_clean()
        return JsonResponse({"notes": list(_notes(form))})


def _notes(form: ProfileForm) -> Any:
    fixes = {(item.field, item.text): item.fixes for item in form.found}
    for name, errors in form.errors.items():
        if name in _NOT_YET:
            continue
        for error in errors:
            yield _note(name, str(error), blocks=True, fixes=fixes.get((name, str(error)), ()))
    for item in form.found:
        if not item.blocks:
            yield _note(item.field, item.text, blocks=False, fixes=item.fixes)


def _note(field: str, text: str, *, blocks: bool, fixes: Any) -> dict[str, Any]:
    return {
        "field": field,
        "text": text,
        "blocks": blocks,
        "fixes": [{"label": fix.label, "values": fix.values} for fix in fixes],
    }
