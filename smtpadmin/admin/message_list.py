"""The message list: filters, search, columns, and how it stays fast with a million rows.

Every page is a walk along one index, newest first. Where no index serves all chosen filters the walk is bounded and the
page says so; nothing is ever counted to its end.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin, SimpleListFilter, display, helpers
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import F, OuterRef, Prefetch, QuerySet, Subquery, prefetch_related_objects
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from smtpadmin.admin.message_words import STATES, KnownProfiles, Word, explain, explain_end, state_word
from smtpadmin.models import Attempt, Lane, Message, Recipient, State
from smtpadmin.names import ascii_address, split_sender
from smtpadmin.outbox.overview import MOST_COUNTED
from smtpadmin.wording.figures import moment

if TYPE_CHECKING:
    MessagePaginator = Paginator[Message]
else:
    MessagePaginator = Paginator

#: How many messages are looked through where no index serves all filters: 40 ms at worst (measured).
LOOKED_THROUGH = 50_000
#: How many recipients a search takes up.
MOST_FOUND = 1_000

_UID = re.compile(r"[0-9a-f]{32}")
_PERIODS = {
    "hour": (timedelta(hours=1), gettext_lazy("Last hour")),
    "day": (timedelta(days=1), gettext_lazy("Last 24 hours")),
    "week": (timedelta(days=7), gettext_lazy("Last 7 days")),
    "month": (timedelta(days=30), gettext_lazy("Last 30 days")),
}
_LANES: Mapping[str | None, Lane] = {str(lane.value): lane for lane in Lane}
_KEPT = "_smtpadmin_known_profiles"


def known_profiles(request: HttpRequest) -> KnownProfiles:
    """Return the profiles, looked up once per request."""
    if not hasattr(request, _KEPT):
        setattr(request, _KEPT, KnownProfiles())
    known: KnownProfiles = getattr(request, _KEPT)
    return known


# Filters. Which rows they leave is `MessageChangeList`'s to say, because that depends on all of them together.


class _Filter(SimpleListFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:  # noqa: ARG002  Django's signature
        return queryset


class StateFilter(_Filter):
    """Where messages are."""

    title = pgettext_lazy("message", "state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:  # noqa: ARG002  Django's signature
        return [(state, str(word.label)) for state, word in STATES.items()]


class ProfileFilter(_Filter):
    """The profile that sends, or has sent, a message."""

    title = pgettext_lazy("message", "profile")
    parameter_name = "profile"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:  # noqa: ARG002  Django's signature
        return known_profiles(request).choices()


class LaneFilter(_Filter):
    """Who goes first."""

    title = pgettext_lazy("message", "priority")
    parameter_name = "lane"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:  # noqa: ARG002  Django's signature
        return [(str(lane.value), str(lane.label)) for lane in Lane]


class PeriodFilter(_Filter):
    """When messages were accepted."""

    title = pgettext_lazy("message", "created")
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Iterator[tuple[str, str]]:  # noqa: ARG002  Django's signature
        for key, (_span, label) in _PERIODS.items():
            yield key, str(label)


FILTERS = (StateFilter, ProfileFilter, LaneFilter, PeriodFilter)
PARAMETERS = frozenset({each.parameter_name for each in FILTERS})


# Search


def found(term: str) -> list[int]:
    """Return the messages with this identifier, or for this address, or for addresses that begin so."""
    term = split_sender(term).address
    if _UID.fullmatch(term.lower()):
        return list(Message.objects.filter(uid=term.lower()).values_list("pk", flat=True))
    spellings = _spellings(term)
    exact = Recipient.objects.filter(address__in=spellings).order_by("-id")
    ids = list(exact.values_list("message_id", flat=True)[:MOST_FOUND])
    return ids or [pk for spelling in spellings for pk in _beginning_with(spelling)]


def _spellings(term: str) -> list[str]:
    try:
        wire = ascii_address(term)
    except ValueError:
        wire = term
    return list(dict.fromkeys((term, term.lower(), wire, wire.lower())))


def _beginning_with(beginning: str) -> list[int]:
    """Return the messages for addresses that begin so, as far as the first `MOST_FOUND` of them go."""
    # A walk along the index from the first that may fit. An upper bound would have to sort after every character that
    # may follow, and there is none such in every collation; LIKE cannot use the index on SQLite, nor on PostgreSQL
    # outside the C collation.
    rows = Recipient.objects.filter(address__gte=beginning).order_by("address").values_list("message_id", "address")
    return [pk for pk, address in rows[:MOST_FOUND] if address.startswith(beginning)]


# The list


class CappedPaginator(MessagePaginator):
    """Counts no further than `MOST_COUNTED`: the pages end there."""

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: MOST_COUNTED + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST_COUNTED)

    @property
    def is_capped(self) -> bool:
        return self._counted > MOST_COUNTED


class MessageChangeList(ChangeList):
    """The list of one request. `is_bounded`: not all messages were looked through."""

    is_bounded = False
    is_capped = False

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Message]:
        rows: QuerySet[Message] = super().get_queryset(request, exclude_parameters)
        chosen = {spec.parameter_name: spec.value() for spec in self.filter_specs if isinstance(spec, _Filter)}
        return self._narrowed(rows, chosen, profiles={key for key, _name in known_profiles(request).choices()})

    def _narrowed(
        self, rows: QuerySet[Message], chosen: Mapping[str | None, str | None], *, profiles: Collection[str]
    ) -> QuerySet[Message]:
        if (period := chosen.get("period")) in _PERIODS:
            rows = rows.filter(created_at__gte=timezone.now() - _PERIODS[period][0])
        conditions: dict[str, Any] = {}
        if (state := chosen.get("state")) in State.values:
            conditions["state"] = state
        if (profile := chosen.get("profile")) in profiles:
            conditions["profile"] = int(profile or 0)
        if (lane := chosen.get("lane")) in _LANES:
            conditions["lane"] = _LANES[lane]
        if self.query:
            return rows.filter(**conditions)
        return self._along_an_index(rows, conditions)

    def _along_an_index(self, rows: QuerySet[Message], conditions: dict[str, Any]) -> QuerySet[Message]:
        """Return the rows by a walk along the index of one condition, bounded where another is to be met as well."""
        # Nearly everything is sent sooner or later, and nothing else is frequent: so a state narrows most, else the
        # profile does.
        leads = ["profile", "state"] if conditions.get("state") == State.SENT else ["state", "profile"]
        lead = next((name for name in leads if name in conditions), "")
        if lead:
            rows = rows.filter(**{lead: conditions.pop(lead)})
        if not conditions:
            return rows
        oldest = _created_at(rows, LOOKED_THROUGH)
        if oldest is not None:
            rows = rows.filter(created_at__gt=oldest)
            self.is_bounded = True
        for name, value in conditions.items():
            if name == "profile":
                # A sum is in no index: SQLite would take the profile's, however few messages are in that state.
                rows = rows.alias(profile_number=F("profile_id") + 0).filter(profile_number=value)
            else:
                rows = rows.filter(**{name: value})
        return rows

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if isinstance(self.paginator, CappedPaginator):
            self.is_capped = self.paginator.is_capped
        rows = list(self.result_list) if self.result_count else []
        filters = self.model_admin.get_preserved_filters(request)
        page, query = f"{self.model_admin.admin_site.name}:smtpadmin_message_change", f"?{filters}" if filters else ""
        links = {message.pk: reverse(page, args=[message.pk]) + query for message in rows}
        _describe(rows, known_profiles(request), links)
        self.result_list = rows
        if not self.query and not self.has_active_filters:
            # There is nothing to “show all” of.
            self.full_result_count = self.result_count

    @property
    def looked_through(self) -> int:
        return LOOKED_THROUGH


def _created_at(rows: QuerySet[Message], position: int) -> datetime | None:
    """Return when the row at this position was created; None: there are fewer."""
    return rows.values_list("created_at", flat=True)[position : position + 1].first()


def with_address(rows: QuerySet[Message], term: str) -> QuerySet[Message]:
    """Return the rows with the recipient that a search has found, to be shown first."""
    here = Recipient.objects.filter(message=OuterRef("pk"), address__istartswith=split_sender(term).address)
    return rows.annotate(found_address=Subquery(here.order_by("id").values("address")[:1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the columns say of a message."""

    url: str
    address: str
    others: int
    failure: str
    word: Word
    when: str
    origin: str


def _describe(messages: list[Message], known: KnownProfiles, links: Mapping[int, str]) -> None:
    """Give each message what its columns say. They are given the message alone, and must not ask the database each."""
    prefetch_related_objects(messages, Prefetch("recipients", Recipient.objects.order_by("id")[:1], to_attr="first"))
    prefetch_related_objects(
        [message for message in messages if message.cause],
        Prefetch("attempt_rows", Attempt.objects.order_by("-id")[:1], to_attr="last"),
    )
    for message in messages:
        kept = vars(message)
        first: list[Recipient] = kept["first"]
        kept["row"] = Row(
            url=links[message.pk],
            address=kept.get("found_address") or (first[0].address if first else "–"),
            others=message.recipients_total - 1,
            failure=_failure(message, kept.get("last", []), known),
            word=state_word(message),
            when=_when(message, known),
            origin=known.name(message.origin_slug) if message.origin_slug else "",
        )


def _failure(message: Message, last: list[Attempt], known: KnownProfiles) -> str:
    """Return the last failure in one sentence."""
    explained = explain_end(message)
    if explained is None and last:
        explained = explain(last[0], known.provider(last[0].profile_slug), outcome=last[0].outcome)
    return explained.title if explained else ""


def _when(message: Message, known: KnownProfiles) -> str:
    """Return the next attempt, or the end. With a paused profile it is not before that is tried again."""
    if message.state == State.QUEUED:
        paused, probe = known.is_paused(message.profile_slug), known.next_probe(message.profile_slug)
        next_at = max(message.due_at, probe) if probe else message.due_at
        if next_at > timezone.now():
            return _("next: %(time)s") % {"time": moment(next_at)}
        return _("next: %(time)s") % {"time": pgettext("next try", "now")} if paused else "–"
    return moment(message.ended_at) if message.ended_at else "–"


class MessageColumns:
    """Methods that ModelAdmin's `list_display` names."""

    # Written here and not in templates: fifty rows of them are half of the page's time.

    def action_checkbox(self, obj: Message) -> SafeString:
        """Return the box to tick, called by what people know the message by."""
        return format_html(
            '<input type="checkbox" class="action-select" name="{}" value="{}" aria-label="{}">',
            helpers.ACTION_CHECKBOX_NAME,
            obj.pk,
            _("Select the message to %(address)s") % {"address": _row(obj).address},
        )

    @display(description=pgettext_lazy("message", "to"))
    def recipients_column(self, message: Message) -> SafeString:
        row = _row(message)
        shown = format_html('<a class="sa-row-link sa-break" href="{}">{}</a>', row.url, row.address)
        if row.others > 0:
            more = format_html(
                ' <span class="sa-quiet sa-nowrap"><span aria-hidden="true">+{}</span>'
                '<span class="visually-hidden">{}</span></span>',
                row.others,
                ngettext("and %(count)d more recipient", "and %(count)d more recipients", row.others)
                % {"count": row.others},
            )
            shown += more
        return shown + format_html(' <span class="sa-row-note">{}</span>', row.failure) if row.failure else shown

    @display(description=pgettext_lazy("message", "state"))
    def state_column(self, message: Message) -> SafeString:
        row = _row(message)
        return format_html('<span class="sa-badge sa-tone-{}">{}</span>', row.word.tone, row.word.label)

    @display(description=pgettext_lazy("message", "profile"))
    def profile_column(self, message: Message) -> SafeString:
        shown = format_html("{}", message.profile_name)
        if origin := _row(message).origin:
            via = _("via %(profile)s") % {"profile": message.profile_name}
            shown = format_html('{} <span class="sa-quiet">{}</span>', origin, via)
        if message.lane == Lane.NORMAL:
            return shown
        return shown + format_html(' <span class="sa-lane">{}</span>', message.get_lane_display())

    @display(description=pgettext_lazy("message", "attempts"))
    def attempts_column(self, message: Message) -> int:
        return message.attempts

    @display(description=pgettext_lazy("message", "created"))
    def created_column(self, message: Message) -> SafeString:
        at = message.created_at
        return format_html('<time class="sa-nowrap" datetime="{}">{}</time>', at.isoformat(), moment(at))

    @display(description=pgettext_lazy("message", "end or next try"))
    def end_column(self, message: Message) -> str:
        return _row(message).when


def _row(message: Message) -> Row:
    row: Row = vars(message)["row"]
    return row
