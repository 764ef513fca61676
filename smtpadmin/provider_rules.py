"""What a provider does not take, said before a message is accepted: headers, attachments, size of the text.

The figures are the provider's record; what a profile itself limits (recipients, size, rates) is not looked at here. A
refusal names the provider, its limit, what the message has, and the cure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from django.utils.formats import number_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from smtpadmin.diagnosis import provider_of
from smtpadmin.exceptions import MessageRefused
from smtpadmin.providers import Limits

# A broken rule: its text, and the figures and names in it.
_Breach = tuple[str, dict[str, int | str]]


@dataclass(frozen=True, slots=True)
class _Attachment:
    name: str
    size: int


def check(message: Message, provider_key: str, *, has_bcc: bool = False) -> None:
    """Raise MessageRefused with the first rule of the provider that `message` breaks.

    `has_bcc`: there are recipients whom no header names. The field itself never leaves.
    """
    provider = provider_of(provider_key)
    if provider is None or provider.limits is None:
        return
    for text, values in _breaches(message, provider.limits, has_bcc=has_bcc):
        shown = {
            name: number_format(value, force_grouping=True) if isinstance(value, int) else value
            for name, value in values.items()
        }
        raise MessageRefused(text % (shown | {"provider": provider.name.get(get_language() or "en")}))


def _breaches(message: Message, limits: Limits, *, has_bcc: bool) -> Iterator[_Breach]:
    for header in limits.refused_headers:
        if header in message or (has_bcc and header.lower() == "bcc"):
            text = _(
                "%(provider)s refuses messages with %(header)s recipients, and this one has some. Send each recipient "
                "a message of their own, or use a profile of another provider."
            )
            yield text, {"header": header}
    figures = (limits.attachments, limits.attachment_bytes, limits.attachments_bytes, limits.body_bytes)
    if any(figure is not None for figure in figures):
        parts = list(_leaves(message))
        attached = [_Attachment(_name(part), _size(part)) for part in parts if _is_attachment(part)]
        yield from _attachments(attached, limits)
        yield from _body(sum(_size(part) for part in parts if not _is_attachment(part)), limits)


def _attachments(attachments: list[_Attachment], limits: Limits) -> Iterator[_Breach]:
    if limits.attachments is not None and len(attachments) > limits.attachments:
        text = _(
            "The message has %(count)s attachments; %(provider)s takes %(limit)s at most. Put several into one "
            "archive, or link to them."
        )
        yield text, {"count": len(attachments), "limit": limits.attachments}
    for each in attachments:
        if limits.attachment_bytes is not None and each.size > limits.attachment_bytes:
            text = _(
                "The attachment “%(name)s” has %(size)s bytes; %(provider)s takes %(limit)s at most for each. Make it "
                "smaller, or link to it."
            )
            yield text, {"name": each.name, "size": each.size, "limit": limits.attachment_bytes}
    total = sum(each.size for each in attachments)
    if limits.attachments_bytes is not None and total > limits.attachments_bytes:
        text = _(
            "The attachments have %(size)s bytes together; %(provider)s takes %(limit)s at most. Attach less, or link "
            "to large files."
        )
        yield text, {"size": total, "limit": limits.attachments_bytes}


def _body(size: int, limits: Limits) -> Iterator[_Breach]:
    if limits.body_bytes is not None and size > limits.body_bytes:
        text = _(
            "The text of the message has %(size)s bytes; %(provider)s takes %(limit)s at most. Shorten it, and link to "
            "images instead of embedding them."
        )
        yield text, {"size": size, "limit": limits.body_bytes}


def _leaves(part: Message) -> Iterator[Message]:
    """Yield the parts that hold something. An attached message is one of them, whatever is in it."""
    if part.is_multipart() and part.get_content_maintype() == "multipart":
        for inner in part.get_payload():
            assert isinstance(inner, Message)  # noqa: S101  the parts of a multipart are messages
            yield from _leaves(inner)
    else:
        yield part


def _is_attachment(part: Message) -> bool:
    """Say whether the part stands beside the text. Embedded images belong to the text."""
    disposition = part.get_content_disposition()
    return disposition == "attachment" or (disposition is None and part.get_filename() is not None)


def _name(part: Message) -> str:
    return part.get_filename() or part.get_content_type()


def _size(part: Message) -> int:
    """Return the size of what was attached or written, before it was encoded for its way."""
    if part.is_multipart():
        return len(part.as_bytes())
    payload = part.get_payload(decode=True)
    return len(payload) if isinstance(payload, bytes) else 0
