"""What the page of one message shows: where it is and why, the way it took, its recipients, its attempts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Case, IntegerField, Value, When
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from smtpadmin.admin.message_body import is_shown, may_read
from smtpadmin.admin.message_decisions import DECISIONS, Decision, may_decide
from smtpadmin.admin.message_list import known_profiles
from smtpadmin.admin.message_words import (
    OUTCOMES,
    Explained,
    KnownProfiles,
    Word,
    explain,
    explain_end,
    recipient_word,
    said,
    state_word,
)
from smtpadmin.admin.workers import workers
from smtpadmin.models import Attempt, AttemptOutcome, Body, Lane, Message, Profile, Recipient, RecipientState, State
from smtpadmin.retry import FailureClass
from smtpadmin.wording.figures import moment, to_the_second
from smtpadmin.wording.health import PROTOCOL_NAMES, pause_of
from smtpadmin.wording.results import duration

#: How many recipients and attempts stand on the page at once; “all” of them is still no more than the latter.
_RECIPIENTS, _ALL_RECIPIENTS = 50, 5_000
_ATTEMPTS = 30
# Due, and still not taken up: by then a worker that runs has looked many times.
_SOON = timedelta(seconds=30)

# Those that somebody has to look at come first.
_BY_TROUBLE = Case(
    When(state=RecipientState.UNCERTAIN, then=Value(0)),
    When(state=RecipientState.FAILED, then=Value(1)),
    When(state=RecipientState.PENDING, then=Value(2)),
    default=Value(3),
    output_field=IntegerField(),
)
_ORDINALS = (
    pgettext_lazy("attempt", "first"),
    pgettext_lazy("attempt", "second"),
    pgettext_lazy("attempt", "third"),
    pgettext_lazy("attempt", "fourth"),
    pgettext_lazy("attempt", "fifth"),
    pgettext_lazy("attempt", "sixth"),
    pgettext_lazy("attempt", "seventh"),
    pgettext_lazy("attempt", "eighth"),
    pgettext_lazy("attempt", "ninth"),
    pgettext_lazy("attempt", "tenth"),
)
_LANES: Mapping[Lane, str | Promise] = {
    Lane.URGENT: pgettext_lazy("lane", "goes before all others"),
    Lane.NORMAL: pgettext_lazy("lane", "in turn"),
    Lane.BULK: pgettext_lazy("lane", "after the others"),
}
_MOVED: Mapping[str, str | Promise] = {
    FailureClass.CONNECT: gettext_lazy("the server of “%(origin)s” was out of reach"),
    FailureClass.AUTH: gettext_lazy("the server of “%(origin)s” refused the sign-in"),
    FailureClass.TLS: gettext_lazy("there was no secure connection to the server of “%(origin)s”"),
    FailureClass.QUOTA: gettext_lazy("the limit of “%(origin)s” was used up"),
    FailureClass.SENDER_REFUSED: gettext_lazy("the server of “%(origin)s” refused the sender"),
    FailureClass.MESSAGE_DEFERRED: gettext_lazy("the server of “%(origin)s” did not take it at that time"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where the message is, in words."""

    word: Word
    title: str
    lines: tuple[str, ...] = ()
    explained: Explained | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientLine:
    """One recipient; `explained` is what the last answer means."""

    address: str
    word: Word
    said: str
    explained: Explained | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLine:
    """One attempt. `repeats`: the one above it (a later one) was explained the same way."""

    at: str
    iso: str
    word: Word
    profile: str
    stage: str
    took: str
    said: str
    is_reply: bool
    explained: Explained | None
    repeats: bool


def page_context(request: HttpRequest, message: Message) -> dict[str, Any]:
    """Return what the page of this message shows to this user."""
    known = known_profiles(request)
    has_text = Body.objects.filter(message=message).exists()
    attempts = list(message.attempt_rows.order_by("-id")[: _ATTEMPTS + 1])
    wants_all = request.GET.get("recipients") == "all"
    return {
        "title": pgettext("mail", "Message"),
        "message": message,
        "head": _head(message, attempts, known),
        "way": _way(message, known),
        "recipients": list(_recipients(message, known, most=_ALL_RECIPIENTS if wants_all else _RECIPIENTS)),
        "more_recipients": 0 if wants_all else max(message.recipients_total - _RECIPIENTS, 0),
        "attempts": list(_attempts(attempts[:_ATTEMPTS], known)),
        "has_more_attempts": len(attempts) > _ATTEMPTS,
        "facts": list(_facts(message, known)),
        "decisions": _decisions(message, has_text=has_text) if may_decide(request) else [],
        "may_copy": may_decide(request) and message.state == State.SENT and has_text and message.profile_id is not None,
        "is_lost": message.state in (State.FAILED, State.UNCERTAIN) and not has_text,
        "text": _text(request, message, has_text=has_text),
        "log": _log(message),
        "query": request.GET.urlencode(),
        "filters": request.GET.get("_changelist_filters", ""),
    }


# Where it is


def _head(message: Message, attempts: list[Attempt], known: KnownProfiles) -> Head:
    now = timezone.now()
    explained = explain_end(message) or _last_failure(message, attempts, known)
    title, lines = _end(message) if message.state != State.QUEUED else (_waiting_title(message, now), ())
    if message.state == State.QUEUED:
        lines = tuple(_waiting_reasons(message, now))
    return Head(word=state_word(message), title=title, lines=lines, explained=explained)


def _last_failure(message: Message, attempts: list[Attempt], known: KnownProfiles) -> Explained | None:
    """Return what the last attempt says, for as long as it is not overtaken by the message's success."""
    if message.state == State.SENT or not message.cause or not attempts:
        return None
    last = next((each for each in attempts if each.outcome != AttemptOutcome.LATE), None)
    return explain(last, known.provider(last.profile_slug)) if last else None


def _waiting_title(message: Message, now: datetime) -> str:
    values = {"ordinal": _ordinal(message.attempts + 1), "time": moment(message.due_at)}
    if message.due_at > now:
        if message.attempts:
            return _("Waiting for its %(ordinal)s attempt at %(time)s") % values
        return _("Waiting: to be sent at %(time)s") % values
    return _("Waiting for its %(ordinal)s attempt") % values if message.attempts else _("Waiting to be sent")


def _ordinal(number: int) -> str:
    # Languages differ in how they go on; nobody counts with them.
    if number <= len(_ORDINALS):
        return str(_ORDINALS[number - 1])
    return pgettext("attempt", "next")


def _waiting_reasons(message: Message, now: datetime) -> Iterator[str]:
    """Yield what keeps it waiting besides its own time."""
    profile = _profile(message)
    name = {"name": message.profile_name}
    if profile is None:
        yield _("The profile “%(name)s” was deleted, so it cannot be sent.") % name
    elif not profile.enabled:
        yield _("The profile “%(name)s” is disabled: its mail waits until it is enabled.") % name
    elif pause := pause_of(profile):
        yield _("The profile “%(name)s” is paused. %(reason)s. Next try: %(time)s.") % {
            **name, "reason": pause.reason, "time": pause.next_try,
        }  # fmt: skip
    elif message.due_at < now - _SOON and workers().is_missing:
        yield _("No worker is running, and so nothing is sent.")
    yield _("If it is not sent by %(time)s, it is not sent any more.") % {"time": moment(message.expires_at)}


def _profile(message: Message) -> Profile | None:
    if message.profile_id is None:
        return None
    return Profile.objects.select_related("circuit").defer("test_report").filter(pk=message.profile_id).first()


def _end(message: Message) -> tuple[str, tuple[str, ...]]:
    """Return the title, and what else is to be said."""
    total, ended = message.recipients_total, message.ended_at
    values = {"time": moment(ended) if ended else "", "total": total}
    match message.state:
        case State.SENDING:
            return _("Being sent now"), (_("A worker has taken it. The result is here in a moment: refresh the page."),)
        case State.SENT:
            title = ngettext("Sent at %(time)s", "Sent to all %(total)d recipients at %(time)s", total) % values
            return title, (_("The server has accepted it. Whether it reached the inbox, only the recipient knows."),)
        case State.UNCERTAIN:
            text = _("It is not sent again by itself, because somebody might get it twice. You decide.")
            return _("Unclear whether it was delivered"), (text,)
        case State.CANCELLED:
            return _("Cancelled at %(time)s") % values, (_("It was not sent, and its text is destroyed."),)
        case State.EXPIRED:
            return _("Not sent in time: given up at %(time)s") % values, tuple(_counts(message))
    if message.cause == "uncertain":
        return _("Closed at %(time)s: unclear whether it was delivered") % values, tuple(_counts(message))
    if message.recipients_sent:
        values |= {"failed": total - message.recipients_sent}
        return _("Failed at %(time)s for %(failed)d of %(total)d recipients") % values, tuple(_counts(message))
    return _("Failed at %(time)s") % values, ()


def _counts(message: Message) -> Iterator[str]:
    if message.recipients_total > 1:
        yield _("%(sent)d of %(total)d recipients have it.") % {
            "sent": message.recipients_sent, "total": message.recipients_total,
        }  # fmt: skip


def _way(message: Message, known: KnownProfiles) -> str:
    """Return how it came to another profile, or an empty string."""
    if not message.origin_slug:
        return ""
    origin = {"origin": known.name(message.origin_slug)}
    reason = _MOVED.get(message.moved_because, gettext_lazy("the server of “%(origin)s” did not take it"))
    return _("First meant for “%(origin)s”, and moved to “%(profile)s”, because %(reason)s.") % {
        **origin, "profile": message.profile_name, "reason": str(reason) % origin,
    }  # fmt: skip


# Its parts


def _recipients(message: Message, known: KnownProfiles, *, most: int) -> Iterator[RecipientLine]:
    provider = known.provider(message.profile_slug)
    for each in Recipient.objects.filter(message=message).order_by(_BY_TROUBLE, "id")[:most]:
        explained = explain(each, provider) if each.state != RecipientState.SENT else None
        yield RecipientLine(
            address=each.address,
            word=recipient_word(message, each),
            said=explained.said if explained else "",
            explained=explained,
        )


def _attempts(attempts: list[Attempt], known: KnownProfiles) -> Iterator[AttemptLine]:
    before: Explained | None = None
    for each in attempts:
        explained = explain(each, known.provider(each.profile_slug), outcome=each.outcome)
        yield AttemptLine(
            at=to_the_second(each.at),
            iso=each.at.isoformat(),
            word=OUTCOMES[each.outcome],
            profile=known.name(each.profile_slug),
            stage=PROTOCOL_NAMES.get(each.stage, each.stage) if explained else "",
            took=duration(each.seconds) if each.seconds else "",
            said=said(each),
            is_reply=each.code is not None,
            explained=explained,
            repeats=explained is not None and before is not None and explained.title == before.title,
        )
        before = explained


def _facts(message: Message, known: KnownProfiles) -> Iterator[tuple[str, str]]:
    yield pgettext("message", "Profile"), message.profile_name
    if message.origin_slug:
        yield pgettext("message", "First meant for"), known.name(message.origin_slug)
    yield pgettext("message", "Priority"), pgettext("message", "%(priority)s (%(meaning)s)") % {
        "priority": message.get_lane_display(), "meaning": _LANES[Lane(message.lane)],
    }  # fmt: skip
    yield _("Envelope sender"), message.sender or _("none (a bounce or another automatic notice)")
    yield pgettext("message", "Size"), filesizeformat(message.size)
    yield pgettext("message", "Handed over"), to_the_second(message.created_at)
    if message.direct:
        yield pgettext("message", "How"), _("sent at once, while the app waited")
    if message.state == State.QUEUED:
        yield pgettext("message", "Next attempt"), to_the_second(message.due_at)
    if message.ended_at:
        yield pgettext("message", "Ended"), to_the_second(message.ended_at)
    else:
        yield pgettext("message", "Sent until"), to_the_second(message.expires_at)
    yield _("Attempts, without failed connections"), str(message.attempts)
    if message.uncertain:
        yield _("Times it may have been delivered without an answer"), str(message.uncertain)
    yield _("Message-ID"), message.message_id or "–"
    yield _("Identifier here"), message.uid


def _decisions(message: Message, *, has_text: bool) -> list[Decision]:
    return [each for each in DECISIONS if each.fits(message, has_text=has_text)]


def _text(request: HttpRequest, message: Message, *, has_text: bool) -> str:
    """Return what is to be said of the message's text: may_read, urgent, gone, or hidden from this user."""
    if not has_text:
        return "gone"
    if not is_shown(message):
        return "urgent"
    return "may_read" if may_read(request) else "hidden"


def _log(message: Message) -> list[LogEntry]:
    """Return who did what with it, the last first."""
    content_type = ContentType.objects.get_for_model(Message)
    entries = LogEntry.objects.filter(content_type=content_type, object_id=str(message.pk))
    return list(entries.select_related("user").order_by("-action_time")[:50])
