"""The provider pages: the searchable list, the guide beside the form, and the script's presets.

Records do not change while the process runs (the operator's file is read again when it does), so what is made from
them is made once per language.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from smtpadmin.admin import presets
from smtpadmin.admin.guide import guide
from smtpadmin.admin.pages import Pages
from smtpadmin.admin.presets import CATEGORY_LABELS
from smtpadmin.diagnosis import catalogue
from smtpadmin.providers import Catalogue, Provider

_YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The providers of one kind, each as a finished card."""

    key: str
    label: str | Promise
    cards: tuple[SafeString, ...]


class ProviderViews(Pages):
    """Pages about providers; nothing of a profile is on them."""

    def urls(self) -> list[URLPattern]:
        return [
            self.page("providers/", self.list, "providers"),
            self.page("providers/presets.json", self.presets, "provider_presets", cacheable=True),
            self.page("providers/<slug:key>/guide/", self.guide, "provider_guide"),
        ]

    def list(self, request: HttpRequest) -> HttpResponseBase:
        """All providers, or those that fit `?q=`."""
        self._check(request)
        query = request.GET.get("q", "").strip()[:200]
        found = catalogue().search(query)
        may_add = self.admin.has_add_permission(request)
        add_url = self.url("profile_add") if may_add else ""
        context = {
            "title": _("Providers"),
            "query": query,
            "count": len(found),
            "total": len(catalogue()),
            "groups": _groups(found, language=get_language() or "en", add_url=add_url, ranked=bool(query)),
            "add_url": add_url,
        }
        return self.render(request, "smtpadmin/providers.html", context)

    def guide(self, request: HttpRequest, key: str) -> HttpResponseBase:
        """One provider's guide as a piece of HTML, for the script of the form."""
        self._check(request)
        provider = catalogue().get(key)
        if provider is None:
            raise Http404
        request.current_app = self.site.name
        known = guide(provider, get_language() or "en", today=timezone.localdate())
        return HttpResponse(
            render_to_string(
                "smtpadmin/guide.html", {"guide": known, "address": request.GET.get("address", "")}, request
            )
        )

    def presets(self, request: HttpRequest) -> HttpResponseBase:
        """What the script knows of all providers. The address changes with the contents: it may be kept for good."""
        self._check(request)
        response = HttpResponse(presets.presets_json(request.GET.get("lang", "en")), content_type="application/json")
        response.headers["Cache-Control"] = f"private, max-age={_YEAR}, immutable"
        return response

    def _check(self, request: HttpRequest) -> None:
        if not (self.admin.has_view_or_change_permission(request) or self.admin.has_add_permission(request)):
            raise PermissionDenied


def _groups(found: Iterable[Provider], *, language: str, add_url: str, ranked: bool) -> list[Group]:
    """Return the cards by kind; for a search in one group, the best first."""
    today = timezone.localdate()
    known = catalogue()
    cards = [(item, _card(known, item.key, language, add_url, today)) for item in found]
    if ranked:
        return [Group(key="found", label=_("Found"), cards=tuple(card for _item, card in cards))] if cards else []
    return [
        Group(key=category, label=label, cards=tuple(card for item, card in cards if item.category is category))
        for category, label in CATEGORY_LABELS.items()
        if any(item.category is category for item, _card in cards)
    ]


@lru_cache(maxsize=2048)
def _card(known: Catalogue, key: str, language: str, add_url: str, today: date) -> SafeString:
    provider = known.get(key)
    assert provider is not None  # noqa: S101  the caller has it from this catalogue
    hosts = [endpoint.host for endpoint in provider.endpoints]
    words = " ".join((key, provider.name.en, provider.name.zh, *provider.aliases, *provider.domains, *hosts)).casefold()
    context = {"guide": guide(provider, language, today=today), "add_url": add_url, "words": words}
    return render_to_string("smtpadmin/provider_card.html", context)
