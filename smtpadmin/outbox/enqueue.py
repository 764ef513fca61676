"""Accepting messages: in the caller's transaction, so that a rollback unsends."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from smtpadmin import keys, retry
from smtpadmin.models import Lane, Profile, State, body_context, new_uid
from smtpadmin.outbox import sql
from smtpadmin.smtp import Envelope

_COLUMNS = (
    "uid", "profile_id", "profile_slug", "profile_name", "lane", "state", "phase", "created_at", "due_at",
    "expires_at", "fence", "lease", "lease_until", "lease_boot", "attempts", "crashes", "uncertain",
    "resend_uncertain", "sender", "message_id", "size", "recipients_total", "recipients_sent", "recipients_failed",
    "stage", "cause", "origin_slug", "moved_because", "asked_from", "direct",
)  # fmt: skip
_RECIPIENT_COLUMNS = ("message_id", "address", "state", "stage", "cause", "enhanced", "reply")
_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message to accept: serialised and checked, never rendered again."""

    profile: Profile
    envelope: Envelope
    lane: Lane = Lane.NORMAL
    #: None: at once.
    due_at: datetime | None = None
    #: None: after the lane's life.
    expires_at: datetime | None = None
    #: Whether it is sent once more by itself when it may have been delivered. None: as the lane has it; two reset links
    #: are harmless and none is a locked-out person, but two notices of a payment are not harmless.
    resend_uncertain: bool | None = None
    #: The From header that the app asked for; empty: it left that to the profile. A fallback applies its own policy.
    asked_from: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that was accepted."""

    id: int
    uid: str


def enqueue(messages: Sequence[Outgoing]) -> tuple[Queued, ...]:
    """Store messages for the worker, all of them or none. Raise KeyringLocked, or what the database raises."""
    if not messages:
        return ()
    ring = keys.keyring()
    now = timezone.now()
    uids = [new_uid() for _ in messages]
    # Sealed before the transaction begins: on SQLite that keeps everybody else from writing.
    tokens = [ring.seal(body_context(uid), item.envelope.content) for uid, item in zip(uids, messages, strict=True)]
    with sql.changes():
        returned = sql.insert(
            sql.MESSAGE,
            _COLUMNS,
            [_row(uid, item, now) for uid, item in zip(uids, messages, strict=True)],
            returning="uid, id",
        )
        ids: dict[str, int] = dict(returned)
        sql.insert(
            sql.BODY, ("message_id", "token"), [(ids[uid], token) for uid, token in zip(uids, tokens, strict=True)]
        )
        sql.insert(
            sql.RECIPIENT,
            _RECIPIENT_COLUMNS,
            [
                (ids[uid], address, "pending", "", "", "", "")
                for uid, item in zip(uids, messages, strict=True)
                for address in item.envelope.recipients
            ],
        )
    return tuple(Queued(ids[uid], uid) for uid in uids)


def _row(uid: str, item: Outgoing, now: datetime) -> tuple[object, ...]:
    resend = item.lane == Lane.URGENT if item.resend_uncertain is None else item.resend_uncertain
    envelope, profile = item.envelope, item.profile
    return (
        uid, profile.pk, profile.slug, profile.name, int(item.lane), State.QUEUED.value, "", sql.instant(now),
        sql.instant(item.due_at or now), sql.instant(item.expires_at or now + retry.life(item.lane)), 0, "", 0.0, "",
        0, 0, 0, resend, envelope.sender, message_id_of(envelope.content), len(envelope.content),
        len(envelope.recipients), 0, 0, "", "", "", "", item.asked_from[:998], False,
    )  # fmt: skip


def message_id_of(content: bytes) -> str:
    """Return the Message-ID of a serialised message, or an empty string."""
    found = _MESSAGE_ID.search(content, 0, max(content.find(b"\r\n\r\n"), 0))
    return found[1].decode("ascii", "replace") if found else ""
