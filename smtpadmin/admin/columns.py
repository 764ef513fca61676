"""The profile list: its columns and filters. Which rows there are is `profile`'s."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter, display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, pgettext, pgettext_lazy
from django.utils.translation import gettext as _

from smtpadmin.admin.guide import SECURITY_LABELS
from smtpadmin.diagnosis import provider_of
from smtpadmin.models import Profile, TestState
from smtpadmin.wording.health import health


def provider_name(key: str) -> str:
    """Return what to call a profile's provider, in the reader's language."""
    provider = provider_of(key)
    if provider is not None:
        return provider.name.get(get_language() or "en")
    return key or _("Other server")


class Columns:
    """Methods that ModelAdmin's `list_display` names. They build on classes: a style attribute breaks a strict CSP."""

    @display(description=pgettext_lazy("profile", "name"), ordering="name")
    def name_column(self, profile: Profile) -> SafeString:
        return render_to_string("smtpadmin/profile_name.html", {"profile": profile})

    @display(description=gettext_lazy("server and provider"), ordering="host")
    def server_column(self, profile: Profile) -> SafeString:
        return format_html(
            '<span class="sa-mono">{}</span> <span class="sa-quiet sa-nowrap">{}</span><br>'
            '<span class="sa-quiet">{}</span>',
            profile.endpoint,
            SECURITY_LABELS[profile.security],
            provider_name(profile.provider),
        )

    @display(description=pgettext_lazy("profile", "health"), ordering="test_state")
    def health_column(self, profile: Profile) -> SafeString:
        return render_to_string("smtpadmin/health.html", {"health": health(profile)})


def test_link(profile: Profile, *, site: str) -> SafeString:
    """Return the button that leads to the profile's test page."""
    url = reverse(f"{site}:smtpadmin_profile_test", args=[profile.pk])
    return format_html(
        '<a class="sa-button sa-small" href="{}">{}<span class="visually-hidden"> {}</span></a>',
        url,
        pgettext("button", "Send test"),
        profile.name,
    )


class ProviderFilter(SimpleListFilter):
    """The providers that profiles have."""

    title = gettext_lazy("provider")
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Iterator[tuple[str, str]]:  # noqa: ARG002  Django's signature
        keys = Profile.objects.order_by("provider").values_list("provider", flat=True).distinct()
        for key in keys:
            yield key or "-", provider_name(key)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Profile]) -> QuerySet[Profile]:  # noqa: ARG002  Django's signature
        key = self.value()
        return queryset if key is None else queryset.filter(provider="" if key == "-" else key)


class HealthFilter(SimpleListFilter):
    """What the last test said."""

    title = pgettext_lazy("profile", "health")
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:  # noqa: ARG002  Django's signature
        return [(state.value, str(state.label)) for state in TestState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Profile]) -> QuerySet[Profile]:  # noqa: ARG002  Django's signature
        return queryset.filter(test_state=self.value()) if self.value() in TestState.values else queryset


class EnabledFilter(SimpleListFilter):
    """Whether mail may use the profile."""

    title = gettext_lazy("state")
    parameter_name = "enabled"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:  # noqa: ARG002  Django's signature
        return [("1", pgettext("filter", "Enabled")), ("0", pgettext("filter", "Disabled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Profile]) -> QuerySet[Profile]:  # noqa: ARG002  Django's signature
        return queryset.filter(enabled=self.value() == "1") if self.value() in {"0", "1"} else queryset
