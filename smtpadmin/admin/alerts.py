"""The admin of alert channels: list, add, change, delete, history, and the test.

    alerts_form     what may be saved          alerts_words    channels in words

Whom they tell, and when, is `smtpadmin.alerts`'.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from smtpadmin import limits
from smtpadmin.admin import alerts_words
from smtpadmin.admin.alerts_form import MODEL_FIELDS, ChannelForm
from smtpadmin.admin.locked import explanation
from smtpadmin.admin.pages import LockedPages, Pages
from smtpadmin.admin.workers import workers
from smtpadmin.alerts import notices, telling
from smtpadmin.alerts.coverage import unheard
from smtpadmin.conf import conf
from smtpadmin.models import FINAL, AlertChannel, ChannelKind, Message, Profile, State

if TYPE_CHECKING:
    ChannelModelAdmin = admin.ModelAdmin[AlertChannel]
else:
    ChannelModelAdmin = admin.ModelAdmin

_FORM_FIELDS = (*MODEL_FIELDS, "target", "secret", "remove_secret")
# How long the page waits for a worker to send a test by mail.
_PATIENCE = 8.0
_LOOK = 0.25


@method_decorator(require_POST, name="run")
class ChannelTestViews(Pages):
    """Send test alert: the page, and the sending."""

    def urls(self) -> list[URLPattern]:
        return [
            self.page("<int:pk>/test/", self.show, "alertchannel_test"),
            self.page("<int:pk>/test/run/", self.run, "alertchannel_test_run", atomic=False),
        ]

    def show(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The page, with the last result where there is one."""
        if locked := self.locked(request):
            return locked
        channel = self._to_test(request, pk)
        uid = request.GET.get("message", "")
        # PostgreSQL takes no NUL in a text.
        sent = Message.objects.filter(uid=uid).first() if uid.isalnum() else None
        context = {
            "title": _("Send test alert"),
            "subtitle": channel.name,
            "channel": channel,
            "where": alerts_words.where(channel),
            "result": alerts_words.result(channel),
            "sent": sent,
            "sent_url": self.url("message_change", sent.pk) if sent and _may_see_messages(request) else "",
            "is_sent": sent is not None and sent.state == State.SENT,
            "no_worker": channel.kind == ChannelKind.MAIL and workers().is_missing,
        }
        return self.render(request, "smtpadmin/alerts_test.html", context)

    def run(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Send it the way that alerts go, and show how that went."""
        if locked := self.locked(request):
            return locked
        channel = self._to_test(request, pk)
        address = self.url("alertchannel_test", pk)
        if not limits.take(f"alert.test.user.{request.user.pk}", count=conf.tests_per_minute, seconds=60):
            messages.error(request, _("You have started many tests within a minute. Wait a moment."))
            return HttpResponseRedirect(address)
        outcome = telling.try_out(channel)
        query = ""
        if outcome.message_uid:
            _wait_for(outcome.message_uid)
            query = f"?message={outcome.message_uid}"
        return HttpResponseRedirect(f"{address}{query}#result")

    def _to_test(self, request: HttpRequest, pk: int) -> AlertChannel:
        channel: AlertChannel | None = self.admin.get_object(request, str(pk))
        if not self.admin.has_change_permission(request, channel):
            raise PermissionDenied
        if channel is None:
            raise Http404
        return channel


def _wait_for(uid: str) -> None:
    """Give a worker a moment to send, so that the page can say what became of it."""
    if workers().is_missing:
        return
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if Message.objects.filter(uid=uid, state__in=(*FINAL, State.UNCERTAIN)).exists():
            return
        time.sleep(_LOOK)


def _may_see_messages(request: HttpRequest) -> bool:
    return request.user.has_perm("smtpadmin.view_message")


@admin.register(AlertChannel)
@method_decorator(sensitive_post_parameters("target", "secret"), name="changeform_view")
class AlertChannelAdmin(ChannelModelAdmin):
    """Works in any admin site, as `ProfileAdmin` does."""

    form = ChannelForm
    fieldsets = ((None, {"fields": _FORM_FIELDS}),)
    actions = None
    list_display = ["name_column", "where_column", "hears_column", "last_column"]
    list_display_links = ["name_column"]
    list_per_page = 50
    list_select_related = ["profile"]
    change_form_template = "admin/smtpadmin/alertchannel/change_form.html"
    change_list_template = "admin/smtpadmin/alertchannel/change_list.html"
    delete_confirmation_template = "admin/smtpadmin/alertchannel/delete_confirmation.html"
    object_history_template = "admin/smtpadmin/alertchannel/object_history.html"

    def get_urls(self) -> list[URLPattern]:
        return [*ChannelTestViews(self).urls(), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertChannel]:
        return super().get_queryset(request).select_related("profile")

    # The list

    @admin.display(description=pgettext_lazy("alert channel", "name"), ordering="name")
    def name_column(self, channel: AlertChannel) -> SafeString:
        if channel.enabled:
            return format_html("{}", channel.name)
        badge = pgettext("alert channel", "Disabled")
        return format_html('{} <span class="sa-badge sa-tone-quiet">{}</span>', channel.name, badge)

    @admin.display(description=gettext_lazy("leads to"))
    def where_column(self, channel: AlertChannel) -> SafeString:
        return format_html(
            '{}<br><span class="sa-quiet sa-break">{}</span>', channel.get_kind_display(), alerts_words.where(channel)
        )

    @admin.display(description=gettext_lazy("tells about"))
    def hears_column(self, channel: AlertChannel) -> str:
        return alerts_words.hears(channel)

    @admin.display(description=gettext_lazy("last alert or test"))
    def last_column(self, channel: AlertChannel) -> SafeString:
        return render_to_string("smtpadmin/health.html", {"health": alerts_words.result(channel)})

    def get_list_display(self, request: HttpRequest) -> Any:
        if not self.has_change_permission(request) or explanation(request) is not None:
            return self.list_display

        @admin.display(description=_("Test"))
        def test_column(channel: AlertChannel) -> SafeString:
            return format_html(
                '<a class="sa-button sa-small" href="{}">{}<span class="visually-hidden"> {}</span></a>',
                reverse(f"{self.admin_site.name}:smtpadmin_alertchannel_test", args=[channel.pk]),
                pgettext("button", "Send test"),
                channel.name,
            )

        return [*self.list_display, test_column]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        channels = list(AlertChannel.objects.all())
        context = {
            "title": _("Alert channels"),
            "locked": explanation(request),
            "has_channels": bool(channels),
            "announced": alerts_words.announced(),
            "kinds": alerts_words.kinds(),
            "gaps": _gaps(channels),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    # Adding and changing

    def get_form(
        self, request: HttpRequest, obj: AlertChannel | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.channel_kind = obj.kind if obj else _wanted_kind(request)
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:  # noqa: ARG002  Django's signature
        """Take nothing from the address: its `kind` is no field."""
        return {}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if locked := self._locked(request):
            return locked
        if object_id is None and not _wanted_kind(request):
            return self._choose_kind(request)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _choose_kind(self, request: HttpRequest) -> TemplateResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {"title": _("Add alert channel"), "kinds": alerts_words.kinds(), "may_add": True}
        return LockedPages(self).render(request, "smtpadmin/alerts_choose.html", context)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: AlertChannel | None = None,
    ) -> HttpResponse:
        kind = obj.kind if obj else _wanted_kind(request)
        context |= {
            "title": _("Add alert channel") if add else _("Change alert channel"),
            "kind": next(each for each in alerts_words.kinds() if each["key"] == kind),
            "form": context["adminform"].form,
        }
        if obj is not None:
            context |= {
                "result": alerts_words.result(obj),
                "where": alerts_words.where(obj),
                "hears": alerts_words.hears(obj),
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request: HttpRequest, obj: AlertChannel, form: Any, change: bool) -> None:  # noqa: ARG002  Django's signature
        form.apply_secrets()
        if not change:
            obj.save()
            return
        # A worker may be writing how the last alert went: only what was edited is saved.
        names = {field.name for field in AlertChannel._meta.concrete_fields if not field.name.startswith("last_")}  # noqa: SLF001
        obj.save(update_fields=names - {"id"})
        notices.reconsider(obj, now=timezone.now())

    def response_add(
        self, request: HttpRequest, obj: AlertChannel, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._to_test_page(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: AlertChannel) -> HttpResponse:
        return self._to_test_page(request, obj) or super().response_change(request, obj)

    def _to_test_page(self, request: HttpRequest, obj: AlertChannel) -> HttpResponse | None:
        if "_test" not in request.POST or not self.has_change_permission(request, obj):
            return None
        messages.success(request, _("“%(name)s” is saved. Now see whether alerts arrive.") % {"name": obj})
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:smtpadmin_alertchannel_test", args=[obj.pk]))

    # Deleting, history

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # noqa: ARG002  Django's signature
        """Return nothing to list: what goes along is the record of what this channel was told."""
        return [], {}, set(), []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if locked := self._locked(request):
            return locked
        channels = AlertChannel.objects.exclude(pk=object_id) if object_id.isdecimal() else AlertChannel.objects.none()
        context = {"title": _("Delete alert channel"), "gaps": _gaps(list(channels))}
        return super().delete_view(request, object_id, context | (extra_context or {}))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if locked := self._locked(request):
            return locked
        return super().history_view(
            request, object_id, {"title": _("History"), "subtitle": None} | (extra_context or {})
        )

    def _locked(self, request: HttpRequest) -> TemplateResponse | None:
        if not self.has_module_permission(request):
            raise PermissionDenied
        return LockedPages(self).locked(request)


def _wanted_kind(request: HttpRequest) -> str:
    kind = request.POST.get("kind") or request.GET.get("kind", "")
    return kind if kind in ChannelKind.values else ""


def _gaps(channels: Sequence[AlertChannel]) -> list[Profile]:
    """Return the profiles whose failing nobody would hear of."""
    return unheard(Profile.objects.filter(enabled=True).only("name", "enabled"), channels)
