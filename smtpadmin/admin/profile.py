"""The admin of profiles: list, add, change, delete, history. Its other pages are in the modules named in `get_urls`."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from smtpadmin import profiles
from smtpadmin.admin import history, preset_limits, presets
from smtpadmin.admin.bundle import BundleViews
from smtpadmin.admin.columns import Columns, EnabledFilter, HealthFilter, ProviderFilter, test_link
from smtpadmin.admin.finding import FindViews
from smtpadmin.admin.form_page import form_context, read_only_context
from smtpadmin.admin.forms import MODEL_FIELDS, ProfileForm, SecretChange
from smtpadmin.admin.live_check import CheckViews
from smtpadmin.admin.locked import explanation
from smtpadmin.admin.looks import HealthViews
from smtpadmin.admin.pages import LockedPages, may_test
from smtpadmin.admin.provider_pages import ProviderViews
from smtpadmin.admin.route import RouteViews
from smtpadmin.admin.send_test import TestViews
from smtpadmin.admin.sender_checks import SenderViews
from smtpadmin.admin.state_views import StateViews
from smtpadmin.admin.usage import mailers_naming
from smtpadmin.models import Profile
from smtpadmin.outbox import pace
from smtpadmin.wording.health import for_list

if TYPE_CHECKING:
    ProfileModelAdmin = admin.ModelAdmin[Profile]
else:
    ProfileModelAdmin = admin.ModelAdmin

_LIST = "smtpadmin_profile_changelist"
_FORM_FIELDS = ("address", *MODEL_FIELDS, "secret", "without_secret", "limits_from")


@admin.register(Profile)
@method_decorator(sensitive_post_parameters("secret"), name="changeform_view")
class ProfileAdmin(Columns, ProfileModelAdmin):
    """Works in any admin site: pages, permissions and styles need nothing of the panel."""

    form = ProfileForm
    fieldsets = ((None, {"fields": _FORM_FIELDS}),)
    # Bulk deletion would skip the page that says what a deletion affects; nothing else is done to many profiles.
    actions = None
    list_display = ["name_column", "server_column", "health_column"]
    list_display_links = ["name_column"]
    list_filter = [HealthFilter, EnabledFilter, ProviderFilter]
    list_per_page = 50
    search_fields = ["name", "slug", "host", "from_address", "username"]
    search_help_text = gettext_lazy("Name, server, From or user name")
    show_facets = admin.ShowFacets.NEVER
    change_form_template = "admin/smtpadmin/profile/change_form.html"
    delete_confirmation_template = "admin/smtpadmin/profile/delete_confirmation.html"
    object_history_template = "admin/smtpadmin/profile/object_history.html"

    def get_urls(self) -> list[URLPattern]:
        views = (
            TestViews, StateViews, HealthViews, ProviderViews, CheckViews, FindViews, RouteViews, BundleViews,
            SenderViews,
        )  # fmt: skip
        groups = [each(self) for each in views]
        # Before the stock ones: `<path:object_id>/` would take everything.
        return [*(address for group in groups for address in group.urls()), *super().get_urls()]

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        rows = super().get_queryset(request)
        return for_list(rows) if getattr(request.resolver_match, "url_name", "") == _LIST else rows

    def get_list_display(self, request: HttpRequest) -> Any:
        if not may_test(request) or explanation(request) is not None:
            return self.list_display

        @admin.display(description=_("Test"))
        def test_column(profile: Profile) -> str:
            return test_link(profile, site=self.admin_site.name)

        return [*self.list_display, test_column]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "title": _("SMTP profiles"),
            "locked": explanation(request),
            "has_profiles": Profile.objects.exists(),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    # Adding and changing

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        """Fill the form in from `?provider=` and `?address=`, as the cards of the provider page link to it."""
        values: dict[str, str] = {name: request.GET.get(name, "") for name in ("provider", "address")}
        provider = presets.chosen(values["provider"], values["address"])
        number = request.GET.get("endpoint", "")
        if provider is not None and number.isdecimal() and int(number) < len(provider.endpoints):
            endpoint = provider.endpoints[int(number)]
            values.update(host=endpoint.host, port=str(endpoint.port), security=endpoint.security)
        presets.fill_in(values, language=get_language() or "en")
        return values

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if locked := self._locked(request):
            return locked
        return super().changeform_view(request, object_id, form_url, extra_context)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Profile | None = None,
    ) -> HttpResponse:
        if obj is not None and not self.has_change_permission(request, obj):
            context |= read_only_context(obj)
        else:
            context |= form_context(self, request, context["adminform"].form, obj)
        context["may_test"] = may_test(request)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request: HttpRequest, obj: Profile, form: Any, change: bool) -> None:
        form.apply_secret()
        for finding in form.found:
            # What blocks has been refused; a doubt is saved, and said once more where no script has said it.
            messages.warning(request, finding.text)
        if not change:
            obj.save()
            profiles.make_default_if_first(obj)
            return
        changed = set(form.changed_data)
        if "address" in changed:
            changed |= {"from_address", "from_name"}
        if form.secret_change is not SecretChange.KEEP:
            changed.add("sealed_password")
        # A test may have written its result since the row was read, or be about to: only what was edited is saved.
        obj.refresh_from_db(fields=["test_state"])
        before = obj.test_state
        profiles.note_changes(obj, changed)
        names = changed & {field.name for field in Profile._meta.concrete_fields}  # noqa: SLF001
        if obj.test_state != before:
            names.add("test_state")
        obj.save(update_fields=[*names, "updated_at"])
        if not names.isdisjoint(preset_limits.RATES):
            pace.reconsider(obj.pk)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:  # noqa: ARG002  Django's signature
        return history.added(form) if add else history.changed(form)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Log what was changed; pressing Save without a change leaves no trace."""
        return super().log_change(request, obj, message) if message else None

    def response_add(self, request: HttpRequest, obj: Profile, post_url_continue: str | None = None) -> HttpResponse:
        return self._to_test_page(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Profile) -> HttpResponse:
        return self._to_test_page(request, obj) or super().response_change(request, obj)

    def _to_test_page(self, request: HttpRequest, obj: Profile) -> HttpResponse | None:
        if "_test" not in request.POST or not may_test(request):
            return None
        messages.success(request, _("“%(name)s” is saved. Now see whether mail arrives.") % {"name": obj})
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:smtpadmin_profile_test", args=[obj.pk]))

    # Deleting, history

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # noqa: ARG002  Django's signature
        """Return nothing to list: the page says what a deletion affects, and collecting rows of a log takes minutes.

        Measured for 500,000 related messages: 29 s, 52 MB of HTML, 1.3 GB of memory.
        """
        return [], {}, set(), []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if locked := self._locked(request):
            return locked
        profile = self.get_object(request, object_id)
        context: dict[str, Any] = {"title": _("Delete SMTP profile")}
        if profile is not None:
            others = Profile.objects.exclude(pk=profile.pk)
            context |= {
                "named_in": mailers_naming(profile.slug),
                "fallback_of": others.filter(fallback=profile),
                "others": others.filter(enabled=True).exists() if profile.is_default else None,
            }
        return super().delete_view(request, object_id, context | (extra_context or {}))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if locked := self._locked(request):
            return locked
        context = {"title": _("History"), "subtitle": None}
        return super().history_view(request, object_id, context | (extra_context or {}))

    def _locked(self, request: HttpRequest) -> TemplateResponse | None:
        if not self.has_module_permission(request):
            raise PermissionDenied
        return LockedPages(self).locked(request)
