"""Messages for the outbox, and a look at what is stored of them."""

from datetime import UTC, datetime
from typing import Any

from smtpadmin import outbox
from smtpadmin.models import Message, Profile
from smtpadmin.smtp import Envelope

CONTENT = b"From: notify@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: Hello\r\n\r\nText\r\n"
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def outgoing(profile: Profile, *recipients: str, content: bytes = CONTENT, **fields: Any) -> outbox.Outgoing:
    envelope = Envelope("notify@example.com", recipients or ("you@example.org",), content)
    return outbox.Outgoing(profile=profile, envelope=envelope, **fields)


def put(profile: Profile, *recipients: str, **fields: Any) -> Message:
    """Queue one message and return its row."""
    (queued,) = outbox.enqueue([outgoing(profile, *recipients, **fields)])
    return Message.objects.get(pk=queued.id)


def claimed(profile: Profile, *, worker: str = "w1") -> outbox.Claim:
    """Claim what there is."""
    claim = outbox.claim(profile, worker=worker)
    assert claim is not None
    return claim


def end_leases() -> None:
    """Let every lease be over, as if its time had passed."""
    Message.objects.filter(state="sending").update(lease_until=0)


def states(*messages: Message) -> list[str]:
    """Return the states as they are now."""
    return [Message.objects.get(pk=message.pk).state for message in messages]


def columns(message: Message, *names: str) -> tuple[Any, ...]:
    return Message.objects.values_list(*names).get(pk=message.pk)
