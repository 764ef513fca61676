"""Which profile may take over a message, and what its From then is.

A message goes from the profile it was accepted for along that profile's chain of fallbacks, each once per round. Rules
only: moving it is `outbox.failover`'s, and which failure is worth it `retry`'s.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage

from smtpadmin.diagnosis import provider_of
from smtpadmin.models import FromPolicy, Profile
from smtpadmin.names import Sender, ascii_address, split_sender
from smtpadmin.providers import check_from
from smtpadmin.smtp import Security, serialise

# A field and the lines it is folded into.
_FIELD_END = re.compile(rb"\r\n(?![ \t])")


@dataclass(frozen=True, slots=True)
class Address:
    """How a profile sends a message: envelope sender and From, and the Reply-To it adds where the message has none."""

    sender: str
    from_header: str
    reply_to: str = ""


def chain(origin: Profile, profiles: Mapping[int, Profile]) -> tuple[Profile, ...]:
    """Return the profiles that may take over from `origin`, in order; a chain that leads back ends there."""
    found: list[Profile] = []
    seen = {origin.pk}
    following = origin.fallback_id
    while following is not None and following not in seen and following in profiles:
        seen.add(following)
        found.append(profiles[following])
        following = profiles[following].fallback_id
    return tuple(found)


def strength(profile: Profile) -> int:
    """Return how well a profile guards what it sends: 2 encrypted to a server that is checked, 1 unchecked, 0 clear."""
    if profile.security == Security.NONE:
        return 0
    return 2 if profile.verifies_certificate else 1


def address(profile: Profile, *, asked_from: str) -> Address | None:
    """Return how `profile` would send what an app asked to send from `asked_from`; None: it would not.

    Where the provider is known to take no other From than the profile's own, "keep" would be a certain refusal, so the
    From is replaced there too. An envelope sender of the app's own is not kept: it was meant for another server.
    """
    own, asked = profile.sender, split_sender(asked_from)
    if not asked_from:
        return _sent_as(own)
    if asked.address.lower() == own.address.lower():
        return _sent_as(asked)
    if profile.from_policy == FromPolicy.REFUSE:
        return None
    if profile.from_policy == FromPolicy.KEEP and not _is_refused(profile, asked.address):
        return _sent_as(asked)
    return _sent_as(Sender(own.address, asked.name or own.name), reply_to=asked)


def readdressed(content: bytes, to: Address) -> bytes:
    """Return a serialised message with another From, and a Reply-To where it had none; the rest stays as it was."""
    head, blank, body = content.partition(b"\r\n\r\n")
    fields = _FIELD_END.split(head)
    names = [field.partition(b":")[0].strip().lower() for field in fields]
    wanted = {b"from": _field("From", to.from_header)}
    if to.reply_to and b"reply-to" not in names:
        fields, names = [*fields, b""], [*names, b"reply-to"]
        wanted[b"reply-to"] = _field("Reply-To", to.reply_to)
    kept = [wanted.get(name, field) for name, field in zip(names, fields, strict=True)]
    return b"\r\n".join(kept) + blank + body


def _sent_as(sender: Sender, *, reply_to: Sender | None = None) -> Address:
    return Address(
        sender=ascii_address(sender.address),
        from_header=_header(sender),
        reply_to=_header(reply_to) if reply_to else "",
    )


def _header(sender: Sender) -> str:
    return Sender(ascii_address(sender.address), sender.name).header


def _is_refused(profile: Profile, asked: str) -> bool:
    provider = provider_of(profile.provider)
    problem = provider and check_from(provider, username=profile.username, address=asked)
    return bool(problem and problem.certain)


def _field(name: str, value: str) -> bytes:
    """Return one header field as it goes on the wire, written and checked by the code that wrote the others."""
    message = EmailMessage()
    message[name] = value
    return serialise(message).partition(b"\r\n\r\n")[0]
