"""What the pages say of messages: states, recipients, attempts and failures in words.

The decoder of `providers` knows what a server's reply means; what only we can know (a worker that was interrupted, a
message that was not sent in time) is explained here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy

from smtpadmin.diagnosis import diagnose
from smtpadmin.models import FINAL, AttemptOutcome, Message, Profile, Recipient, RecipientState, State
from smtpadmin.providers import Failure
from smtpadmin.wording.results import SIDE_LABELS


@dataclass(frozen=True, slots=True)
class Word:
    """A state in one word, and the look of its badge."""

    tone: str
    label: str | Promise


STATES: Mapping[str, Word] = {
    State.QUEUED: Word("info", pgettext_lazy("message", "Waiting")),
    State.SENDING: Word("info", pgettext_lazy("message", "Being sent")),
    State.SENT: Word("ok", pgettext_lazy("message", "Sent")),
    State.FAILED: Word("bad", pgettext_lazy("message", "Failed")),
    State.UNCERTAIN: Word("warn", pgettext_lazy("message", "Unclear")),
    State.CANCELLED: Word("quiet", pgettext_lazy("message", "Cancelled")),
    State.EXPIRED: Word("bad", pgettext_lazy("message", "Expired")),
}
_PARTLY_FAILED = Word("bad", pgettext_lazy("message", "Partly failed"))
_DELAYED = Word("warn", pgettext_lazy("message", "Waiting"))
RECIPIENT_STATES: Mapping[str, Word] = {
    RecipientState.PENDING: Word("info", pgettext_lazy("recipient", "Waiting")),
    RecipientState.SENT: Word("ok", pgettext_lazy("recipient", "Sent")),
    RecipientState.FAILED: Word("bad", pgettext_lazy("recipient", "Failed")),
    RecipientState.UNCERTAIN: Word("warn", pgettext_lazy("recipient", "Unclear")),
}
_NOT_SENT = Word("quiet", pgettext_lazy("recipient", "Not sent"))
OUTCOMES: Mapping[str, Word] = {
    AttemptOutcome.SENT: Word("ok", pgettext_lazy("attempt", "Sent")),
    AttemptOutcome.PARTIAL: Word("warn", pgettext_lazy("attempt", "Sent to some")),
    AttemptOutcome.DEFERRED: Word("warn", pgettext_lazy("attempt", "Put off")),
    AttemptOutcome.REFUSED: Word("bad", pgettext_lazy("attempt", "Refused")),
    AttemptOutcome.UNCERTAIN: Word("warn", pgettext_lazy("attempt", "Unclear")),
    AttemptOutcome.LOST: Word("warn", pgettext_lazy("attempt", "Interrupted")),
    AttemptOutcome.LATE: Word("warn", pgettext_lazy("attempt", "Too late")),
}


@dataclass(frozen=True, slots=True)
class _Text:
    """An explanation of our own."""

    title: str | Promise
    cause: str | Promise
    steps: tuple[str | Promise, ...] = ()


_ANEW = gettext_lazy("If it still matters, send it anew from your app.")
_TRY_HERE = gettext_lazy("Then try the message again here.")
# Causes that are no server's doing.
_OURS: Mapping[str, _Text] = {
    "expired": _Text(
        gettext_lazy("It was not sent in time"),
        gettext_lazy(
            "It was still waiting when its time was over. After that it is not sent any more: a password link that no "
            "longer works is worse than none."
        ),
        (gettext_lazy("See below why it could not be sent earlier, and mend that."), _ANEW),
    ),
    "no_profile": _Text(
        gettext_lazy("Its profile was deleted"),
        gettext_lazy("The profile that it was to leave through was deleted while it was waiting."),
        (_ANEW,),
    ),
    "worker_lost": _Text(
        gettext_lazy("The worker was interrupted"),
        gettext_lazy(
            "The worker that had taken this message was stopped, or lost the database, before anything had left. "
            "Nothing was sent, and the message waits for the next worker."
        ),
    ),
    "body_unreadable": _Text(
        gettext_lazy("The stored text cannot be opened"),
        gettext_lazy("It is sealed with another key than those that are set, or it is damaged."),
        (gettext_lazy("List the earlier key behind the present one in SMTPADMIN_KEYS and restart."), _TRY_HERE),
    ),
}
_GIVEN_UP = _Text(
    gettext_lazy("Workers were interrupted over it, time and again"),
    gettext_lazy(
        "Several workers were stopped while they were sending this message. It was put aside, so that it does not hold "
        "up others."
    ),
    (gettext_lazy("Look into the log of the workers: often there was not enough memory."), _TRY_HERE),
)
_LATE = _Text(
    gettext_lazy("The result came too late"),
    gettext_lazy(
        "The worker had been away for so long that the message had been taken from it. What the server said is "
        "recorded here, and it changes nothing."
    ),
)


class Answer(Protocol):
    """What was last said, in the columns that recipients, attempts and paused profiles share."""

    stage: str
    cause: str
    code: int | None
    enhanced: str
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A failure in the reader's language. `said` is the server's own words."""

    title: str
    cause: str = ""
    steps: tuple[str, ...] = ()
    side_label: str | Promise = ""
    link: str = ""
    said: str = ""


class KnownProfiles:
    """The profiles of today, for messages that name one by its short name and may have outlived it."""

    def __init__(self) -> None:
        rows = Profile.objects.order_by("name").values_list(
            "slug", "pk", "name", "provider", "enabled", "circuit__reason", "circuit__probe_at"
        )
        self._by_slug: dict[str, tuple[int, str, str]] = {}
        self._paused: dict[str, datetime | None] = {}
        for slug, pk, name, provider, enabled, reason, probe_at in rows:
            self._by_slug[slug] = (pk, name, provider)
            if enabled and reason:
                self._paused[slug] = probe_at

    def name(self, slug: str) -> str:
        return self._by_slug[slug][1] if slug in self._by_slug else slug

    def provider(self, slug: str) -> str:
        return self._by_slug[slug][2] if slug in self._by_slug else ""

    def pk(self, slug: str) -> int | None:
        return self._by_slug[slug][0] if slug in self._by_slug else None

    def is_paused(self, slug: str) -> bool:
        return slug in self._paused

    def next_probe(self, slug: str) -> datetime | None:
        """Return when a paused profile is tried again; None: at once."""
        return self._paused.get(slug)

    def choices(self) -> list[tuple[str, str]]:
        """Return keys and names for a filter, by name."""
        return [(str(pk), name) for pk, name, _provider in self._by_slug.values()]


def state_word(message: Message) -> Word:
    """Return the badge of a message."""
    if message.state == State.FAILED and message.recipients_sent:
        return _PARTLY_FAILED
    if message.state == State.QUEUED and message.cause:
        return _DELAYED
    return STATES[message.state]


def recipient_word(message: Message, recipient: Recipient) -> Word:
    """Return the badge of a recipient. Whoever was still to be served when the message ended is not."""
    if recipient.state == RecipientState.PENDING and message.state in FINAL:
        return _NOT_SENT
    return RECIPIENT_STATES[recipient.state]


def explain(answer: Answer, provider: str, *, outcome: str = "") -> Explained | None:
    """Return what a failure means; None where there was none."""
    if outcome == AttemptOutcome.LATE:
        return _explained(_LATE, said=said(answer))
    if answer.cause in _OURS:
        return _explained(_OURS[answer.cause])
    if not answer.cause:
        return None
    failure = Failure(
        stage=answer.stage, cause=answer.cause, code=answer.code, enhanced=answer.enhanced, text=answer.reply
    )
    found, language = diagnose(failure, provider), get_language() or "en"
    return Explained(
        title=found.title.get(language),
        cause=found.cause.get(language),
        steps=tuple(step.get(language) for step in found.steps),
        side_label=SIDE_LABELS[found.side],
        link=found.link,
        said=said(answer),
    )


def explain_end(message: Message) -> Explained | None:
    """Return why a message ended, where that says more than its last attempt; None where it does not."""
    if message.state == State.FAILED and message.cause == "worker_lost":
        return _explained(_GIVEN_UP)
    if message.state in (State.FAILED, State.EXPIRED) and message.cause in _OURS:
        return _explained(_OURS[message.cause])
    return None


def _explained(text: _Text, *, said: str = "") -> Explained:
    return Explained(
        title=str(text.title), cause=str(text.cause), steps=tuple(str(step) for step in text.steps), said=said
    )


def said(answer: Answer) -> str:
    """Return the server's words with their code, as they stand in a server's log."""
    return f"{answer.code} {answer.reply}".rstrip() if answer.code else answer.reply
