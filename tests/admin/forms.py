"""What the profile form posts, and what came back."""

import re
from datetime import timedelta
from typing import Any

from django.test import Client

from smtpadmin.models import Profile
from smtpadmin.models.profile import today

_LIMITS = ("rate_second", "rate_minute", "rate_hour", "rate_day", "max_message_bytes", "max_recipients")
_TICKS = ("skip_verify", "allow_plaintext_auth", "pipelining", "chunking")

ADD = "/admin/smtpadmin/profile/add/"


def page(profile: Profile, name: str = "change") -> str:
    return f"/admin/smtpadmin/profile/{profile.pk}/{name}/"


def values(profile: Profile, **changes: Any) -> dict[str, Any]:
    """Return what the form of a saved profile posts when nothing is touched but `changes`."""
    posted = {
        "address": str(profile.sender),
        "provider": profile.provider or "other",
        "secret": "",
        "name": profile.name,
        "slug": profile.slug,
        "host": profile.host,
        "port": str(profile.port),
        "security": profile.security,
        "username": profile.username,
        "sign_in": profile.sign_in,
        "from_policy": profile.from_policy,
        "reply_to": profile.reply_to,
        "ehlo_name": profile.ehlo_name,
        "ca_pem": profile.ca_pem,
        "pinned_sha256": profile.pinned_sha256,
        "skip_verify_reason": profile.skip_verify_reason,
        "skip_verify_until": str(profile.skip_verify_until or today() + timedelta(days=7)),
        "dkim_selector": profile.dkim_selector,
        "batch": str(profile.batch),
        "connect_timeout": str(profile.connect_timeout),
        "command_timeout": str(profile.command_timeout),
        **{name: str(getattr(profile, name) or "") for name in _LIMITS},
        "fallback": str(profile.fallback_id or ""),
        "limits_from": profile.provider,
    }
    return posted | {name: "on" for name in _TICKS if getattr(profile, name)} | changes


def errors(response: Any) -> dict[str, list[str]]:
    """Return the form's errors as plain text."""
    return {name: [str(error) for error in found] for name, found in response.context["form"].errors.items()}


def post(client: Client, url: str, data: dict[str, Any]) -> Any:
    return client.post(url, data)


def text_of(response: Any) -> str:
    """Return a page's words: no tags, single spaces."""
    without_tags = re.sub(r"<(script|style|svg).*?</\1>|<[^>]*>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", without_tags)
