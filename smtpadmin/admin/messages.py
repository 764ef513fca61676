"""The admin of messages: the log of what was accepted and what became of it. Nothing is added, edited or deleted here.

    message_list       filters, search, columns          message_body       the text, for those who may read it
    message_page       what the page of one shows        message_words      states and failures in words
    message_decisions  try now, cancel, send again

What may happen to a message is `outbox.decisions`'s.
"""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.translation import gettext_lazy, pgettext

from smtpadmin.admin.message_body import BodyViews
from smtpadmin.admin.message_decisions import BulkDecisions, DecisionViews
from smtpadmin.admin.message_list import (
    FILTERS,
    PARAMETERS,
    CappedPaginator,
    MessageChangeList,
    MessageColumns,
    found,
    with_address,
)
from smtpadmin.admin.message_page import page_context
from smtpadmin.models import Message


@admin.register(Message)
class MessageAdmin(MessageColumns, BulkDecisions):
    """Works in any admin site, as `ProfileAdmin` does."""

    actions = ["retry", "resend", "give_up", "cancel"]
    list_display = [
        "recipients_column",
        "state_column",
        "profile_column",
        "attempts_column",
        "created_column",
        "end_column",
    ]
    list_display_links = None
    list_filter = FILTERS
    list_per_page = 50
    # “Show all” may be a million.
    list_max_show_all = 0
    ordering = ["-created_at", "-id"]
    sortable_by = ()
    search_fields = ["recipients__address"]
    search_help_text = gettext_lazy(
        "A recipient’s address or its beginning, or a message’s identifier. Subjects, texts and Message-IDs are not "
        "searched."
    )
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    change_list_template = "admin/smtpadmin/message/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        groups = (DecisionViews(self), BodyViews(self))
        return [*(address for group in groups for address in group.urls()), *super().get_urls()]

    # Who may what

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002  Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:  # noqa: ARG002  Django's signature
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:  # noqa: ARG002  Django's signature
        return False

    # The list

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[MessageChangeList]:  # noqa: ARG002  Django's signature
        return MessageChangeList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:  # noqa: ARG002  Django's signature
        """Allow the filters and nothing else: any column could be asked for, and most are in no index."""
        return lookup in PARAMETERS

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002  Django's signature
        queryset: QuerySet[Message],
        search_term: str,
    ) -> tuple[QuerySet[Message], bool]:
        if not search_term:
            return queryset, False
        return with_address(queryset.filter(pk__in=found(search_term)), search_term), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "title": pgettext("mail", "Messages"),
            "is_empty": not Message.objects.exists(),
            "query": request.GET.urlencode(),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    # One message

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002  Django's signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        message = self.get_object(request, object_id)
        if not self.has_view_permission(request, message):
            raise PermissionDenied
        if message is None:
            raise Http404
        return DecisionViews(self).render(
            request, "smtpadmin/message.html", {**page_context(request, message), **(extra_context or {})}
        )
