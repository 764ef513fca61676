"""Accepting messages: in the caller's transaction, so that a rollback unsends."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from smtpadmin import keys, retry
from smtpadmin.models import Lane, Profile, body_context, new_uid
from smtpadmin.outbox import space, sql
from smtpadmin.smtp import Envelope

# What differs from message to message, with the types of PostgreSQL, and what is the same of all that is accepted.
_MESSAGE = {
    "uid": "text", "profile_id": "bigint", "profile_slug": "text", "profile_name": "text", "lane": "integer",
    "due_at": "timestamptz", "expires_at": "timestamptz", "resend_uncertain": "boolean", "sender": "text",
    "message_id": "text", "size": "bigint", "recipients_total": "integer", "asked_from": "text",
}  # fmt: skip
_NEW_MESSAGE = {
    "state": "queued", "phase": "", "fence": 0, "lease": "", "lease_until": 0.0, "lease_boot": "", "attempts": 0,
    "crashes": 0, "uncertain": 0, "recipients_sent": 0, "recipients_failed": 0, "stage": "", "cause": "",
    "origin_slug": "", "moved_because": "", "direct": False,
}  # fmt: skip
_NEW_RECIPIENT = {"state": "pending", "stage": "", "cause": "", "enhanced": "", "reply": ""}
# In one statement. With attachments they may be megabytes each, twice as long on their way to PostgreSQL, which ends
# the connection over a statement of a gigabyte (measured with 50 of 11 MB).
_BODIES, _BODY_BYTES = 50, 32_000_000
# So few messages are one statement, where the database can do that.
_AT_ONCE = 10
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
    """Store messages for the worker, all or none. Raise KeyringLocked, OutboxFull, or what the database raises."""
    if not messages:
        return ()
    space.check_room()
    ring = keys.keyring()
    now = timezone.now()
    uids = [new_uid() for _ in messages]
    # Sealed before the transaction begins: on SQLite that keeps everybody else from writing.
    bodies = [
        ring.seal_bytes(body_context(uid), each.envelope.content) for uid, each in zip(uids, messages, strict=True)
    ]
    rows = [_row(uid, item, now) for uid, item in zip(uids, messages, strict=True)]
    addresses = [(uid, each) for uid, item in zip(uids, messages, strict=True) for each in item.envelope.recipients]
    stored = _Stored(rows=rows, bodies=dict(zip(uids, bodies, strict=True)), addresses=addresses, at=now)
    is_little = len(messages) <= _AT_ONCE and sum(map(len, bodies)) <= _BODY_BYTES
    at_once = is_little and sql.database().vendor == "postgresql"
    ids = stored.in_one_statement() if at_once else stored.table_by_table()
    return tuple(Queued(ids[uid], uid) for uid in uids)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """What is to be written; messages are known by their `uid`. Both ways return the new ids by that."""

    rows: Sequence[tuple[object, ...]]
    bodies: dict[str, bytes]
    addresses: Sequence[tuple[str, str]]
    at: datetime

    @property
    def _same(self) -> dict[str, object]:
        return {**_NEW_MESSAGE, "created_at": sql.instant(self.at)}

    def table_by_table(self) -> dict[str, int]:
        with sql.changes():
            ids: dict[str, int] = dict(
                sql.insert(sql.MESSAGE, _MESSAGE, self.rows, same=self._same, returning="uid, id")
            )
            _store_bodies([(ids[uid], sealed) for uid, sealed in self.bodies.items()])
            addresses = [(ids[uid], address) for uid, address in self.addresses]
            sql.insert(sql.RECIPIENT, {"message_id": "bigint", "address": "text"}, addresses, same=_NEW_RECIPIENT)
        return ids

    def in_one_statement(self) -> dict[str, int]:
        """For few messages: whoever waits for their acceptance waits for one answer of the server and not for six."""
        messages, rows = sql.table(_MESSAGE, self.rows)
        recipients, addresses = sql.table(
            {"at": "bigint", "uid": "text", "address": "text"},
            [(at, *each) for at, each in enumerate(self.addresses)],
        )
        bodies = ", ".join(["(%s, %s::bytea)"] * len(self.bodies))
        text = f"""
            WITH new AS (
                INSERT INTO {sql.MESSAGE} ({", ".join([*self._same, *_MESSAGE])})
                SELECT {", ".join([*["%s"] * len(self._same), *_MESSAGE])} FROM {messages} AS given RETURNING uid, id
            ), bodies AS (
                INSERT INTO {sql.BODY} (message_id, sealed)
                SELECT new.id, given.sealed FROM new JOIN (VALUES {bodies}) AS given (uid, sealed) USING (uid)
            ), recipients AS (
                INSERT INTO {sql.RECIPIENT} (message_id, address, {", ".join(_NEW_RECIPIENT)})
                SELECT new.id, given.address, {", ".join(["%s"] * len(_NEW_RECIPIENT))}
                FROM {recipients} AS given JOIN new USING (uid) ORDER BY given.at
            ) SELECT uid, id FROM new"""
        sealed = [value for body in self.bodies.items() for value in body]
        return dict(sql.rows(text, [*self._same.values(), rows, *sealed, *_NEW_RECIPIENT.values(), addresses]))


def _store_bodies(bodies: Sequence[tuple[int, bytes]]) -> None:
    """Store sealed bodies. Long values travel as parameters of their own: as JSON they would be read once more."""
    for chunk in _chunks(bodies):
        rows = ", ".join(["(%s, %s)"] * len(chunk))
        sql.run(f"INSERT INTO {sql.BODY} (message_id, sealed) VALUES {rows}", [each for body in chunk for each in body])


def _chunks(bodies: Sequence[tuple[int, bytes]]) -> Iterator[Sequence[tuple[int, bytes]]]:
    """Yield what fits into one statement, or the one that is larger by itself."""
    chunk: list[tuple[int, bytes]] = []
    size = 0
    for body in bodies:
        size += len(body[1])
        if chunk and (len(chunk) == _BODIES or size > _BODY_BYTES):
            yield chunk
            chunk, size = [], len(body[1])
        chunk.append(body)
    if chunk:
        yield chunk


def _row(uid: str, item: Outgoing, now: datetime) -> tuple[object, ...]:
    envelope, profile = item.envelope, item.profile
    resend = item.lane == Lane.URGENT if item.resend_uncertain is None else item.resend_uncertain
    expires = item.expires_at or now + retry.life(item.lane)
    return (
        uid, profile.pk, profile.slug, profile.name, int(item.lane), item.due_at or now, expires, resend,
        envelope.sender, message_id_of(envelope.content), len(envelope.content), len(envelope.recipients),
        item.asked_from[:998],
    )  # fmt: skip


def message_id_of(content: bytes) -> str:
    """Return the Message-ID of a serialised message, or an empty string."""
    found = _MESSAGE_ID.search(content, 0, max(content.find(b"\r\n\r\n"), 0))
    return found[1].decode("ascii", "replace") if found else ""
