"""From Django's message to what goes on the wire: From policy, headers, envelope.

Done once, before anything is sent: what cannot be sent is refused here with the reason, and whoever delivers gets
bytes. Which profile the message uses was decided before, in `profiles`. `split` divides an envelope that has more
recipients than a server takes at once.
"""

import copy
from dataclasses import replace
from email import policy
from email.charset import QP, Charset
from email.message import Message
from email.utils import make_msgid
from secrets import token_hex
from typing import cast

import django
from django.conf import global_settings
from django.core.mail import EmailMessage
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from smtpadmin import provider_rules
from smtpadmin.exceptions import MessageRefused
from smtpadmin.models import FromPolicy, Profile
from smtpadmin.names import Sender, ascii_address, split_sender
from smtpadmin.smtp import Envelope, serialise

# What Django puts in when nobody has set a From: no one's address, so the profile's is used.
_UNSET_FROM = frozenset({"", global_settings.DEFAULT_FROM_EMAIL, global_settings.SERVER_EMAIL})

_QUOTED_PRINTABLE = Charset("utf-8")
_QUOTED_PRINTABLE.body_encoding = QP


def wants_from(message: EmailMessage) -> str:
    """Return the address that the app asks to send from, or an empty string when it leaves that to the profile."""
    return split_sender(asked_from(message)).address


def asked_from(message: EmailMessage) -> str:
    """Return the From header as the app asks for it, or an empty string when it leaves that to the profile."""
    asked = _header_from(message)
    return "" if asked in _UNSET_FROM else asked


def compose(message: EmailMessage, profile: Profile) -> Envelope:
    """Return the envelope and the serialised message. Raise MessageRefused with the rule that it breaks."""
    try:
        prepared = _prepare(message, profile)
        mime = _as_mime(prepared)
        envelope = Envelope(
            sender=ascii_address(split_sender(prepared.from_email).address),
            recipients=tuple(_recipients(prepared)),
            content=serialise(mime),
        )
    except ValueError as error:
        # The core's ContentError is a ValueError, and so is what Django (BadHeaderError) and the email package raise.
        raise MessageRefused(str(error)) from error
    provider_rules.check(mime, profile.provider, has_bcc=bool(message.bcc))
    _check_size(envelope, profile)
    return envelope


def split(envelope: Envelope, most: int | None) -> tuple[Envelope, ...]:
    """Return envelopes with `most` recipients at most, in the same order and with the same bytes. None: no limit.

    Every recipient is in one of them, and all of them see the same headers: nobody can tell that it was split.
    """
    if not most or len(envelope.recipients) <= most:
        return (envelope,)
    starts = range(0, len(envelope.recipients), most)
    return tuple(replace(envelope, recipients=envelope.recipients[start : start + most]) for start in starts)


def _check_size(envelope: Envelope, profile: Profile) -> None:
    limit = profile.max_message_bytes
    if limit and len(envelope.content) > limit:
        raise MessageRefused(
            _(
                "The message has %(size)s bytes; the profile “%(profile)s” takes %(limit)s at most. Attach less, or "
                "link to large files."
            )
            % {
                "size": number_format(len(envelope.content), force_grouping=True),
                "profile": profile.name,
                "limit": number_format(limit, force_grouping=True),
            }
        )


def _header_from(message: EmailMessage) -> str:
    return next((str(value) for name, value in message.extra_headers.items() if name.lower() == "from"), "") or str(
        message.from_email
    )


def _prepare(message: EmailMessage, profile: Profile) -> EmailMessage:
    """Return a copy with the From that may be used, a Reply-To and a Message-ID; the app's message stays untouched."""
    prepared = copy.copy(message)
    prepared.reply_to = list(message.reply_to)
    prepared.extra_headers = dict(message.extra_headers)
    asked = _header_from(message)
    if asked in _UNSET_FROM:
        _set_from(prepared, profile.sender)
    elif split_sender(asked).address.lower() != profile.from_address.lower():
        _apply_policy(prepared, profile, asked)
    if not prepared.reply_to and profile.reply_to:
        prepared.reply_to = [profile.reply_to]
    if not any(name.lower() == "message-id" for name in prepared.extra_headers):
        # Django would take this computer's name, which a slow or missing DNS delays, and which tells it to everyone.
        domain = ascii_address(split_sender(_header_from(prepared)).address).rpartition("@")[2]
        prepared.extra_headers["Message-ID"] = make_msgid(domain=domain)
    return prepared


def _apply_policy(prepared: EmailMessage, profile: Profile, asked: str) -> None:
    if profile.from_policy == FromPolicy.REFUSE:
        raise MessageRefused(
            _("The profile “%(profile)s” sends only from %(own)s, and the message is from %(asked)s.")
            % {"profile": profile.name, "own": profile.from_address, "asked": split_sender(asked).address}
        )
    if profile.from_policy == FromPolicy.REPLACE:
        prepared.reply_to = prepared.reply_to or [asked]
        # The name that readers know stays, the address becomes the one the server lets through.
        _set_from(prepared, Sender(profile.from_address, split_sender(asked).name or profile.from_name))


def _set_from(prepared: EmailMessage, sender: Sender) -> None:
    prepared.from_email = sender.header
    prepared.extra_headers = {name: value for name, value in prepared.extra_headers.items() if name.lower() != "from"}


def _recipients(message: EmailMessage) -> list[str]:
    """Return each recipient once: whoever stands in To and in Bcc gets one copy."""
    addresses = (ascii_address(split_sender(str(recipient)).address) for recipient in message.recipients())
    return list(dict.fromkeys(addresses))


def _as_mime(message: EmailMessage) -> Message:
    if django.VERSION >= (6, 0):
        return _bounded(message.message(policy=policy.SMTP))
    # Django 5.2 builds legacy messages whose text is 8-bit and cannot be encoded again (its SafeMIMEText undoes it);
    # a server without 8BITMIME would have to refuse them.
    message.encoding = message.encoding or _QUOTED_PRINTABLE
    return _bounded(message.message())


def _bounded(mime: Message) -> Message:
    """Give each multipart its boundary: what nobody can guess need not be looked for in the whole text.

    The email package compiles a pattern for each that it makes up, a sixth of the time that a message takes.
    """
    if mime.get_content_maintype() == "multipart" and mime.is_multipart():
        if mime.get_boundary() is None:
            mime.set_boundary(f"==={token_hex(16)}==")
        for part in cast("list[Message]", mime.get_payload()):
            _bounded(part)
    return mime
