"""What a provider's record means for the profile form: what is filled in, and what the page's script has to know.

Detection and records are `providers`'; whether the values are right is `rules`'.
"""

import hashlib
import json
from collections.abc import Iterator, MutableMapping
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smtpadmin import profiles
from smtpadmin.admin import preset_limits
from smtpadmin.diagnosis import catalogue
from smtpadmin.models import FromPolicy, Profile
from smtpadmin.names import split_sender
from smtpadmin.providers import Catalogue, Category, Endpoint, FromRule, Provider, SecretKind, UserNameForm

# What the form posts for a server that the catalogue does not know. A profile stores it as no provider.
OTHER = "other"

CATEGORY_LABELS = {
    Category.MAILBOX: gettext_lazy("Mailboxes"),
    Category.BUSINESS: gettext_lazy("Mail of organisations"),
    Category.TRANSACTIONAL: gettext_lazy("Sending services"),
    Category.LOCAL: gettext_lazy("Local servers and test tools"),
}

# RFC 8314 sections 3.3 and 7.3; 25 is where a relay without TLS listens.
DEFAULT_PORTS = {"tls": "465", "starttls": "587", "none": "25"}


def other_name(provider: Provider, language: str) -> str:
    """Return the provider's name in the other language, where people may know it by that one; else nothing."""
    own = provider.name.get(language)
    other = provider.name.en if own == provider.name.zh else provider.name.zh
    return "" if own.casefold() in other.casefold() or other.casefold() in own.casefold() else other


def full_name(provider: Provider, language: str) -> str:
    """Return the provider's name with the other language's beside it."""
    return " · ".join(filter(None, (provider.name.get(language), other_name(provider, language))))


def choices(language: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return all providers as grouped choices of a select box."""
    return [
        (str(label), [(item.key, full_name(item, language)) for item in catalogue() if item.category is category])
        for category, label in CATEGORY_LABELS.items()
    ]


def chosen(key: str, address: str) -> Provider | None:
    """Return the provider that the form names, or the one that the address belongs to when it names none."""
    if key:
        return catalogue().get(key)
    return catalogue().detect(split_sender(address).address)


def fill_in(values: MutableMapping[str, str], *, language: str) -> None:
    """Complete what a short form leaves out: only empty fields are filled, from the provider, else from the address."""
    address = split_sender(values.get("address", "")).address
    provider = chosen(values.get("provider", ""), address)
    if provider is None and "@" not in address and not values.get("provider"):
        return
    values["provider"] = provider.key if provider else OTHER
    if provider is not None:
        _fill_in_preset(values, provider)
    preset_limits.fill_in(values, provider)
    if not values.get("security"):
        values["security"] = "starttls" if values.get("port") in {"25", "587"} else "tls"
    if not values.get("port"):
        values["port"] = DEFAULT_PORTS.get(values["security"], "")
    if not values.get("username") and values.get("sign_in") != "none":
        values["username"] = provider.username_for(address) if provider else address
    if "@" in address:
        suggested = suggested_name(provider, address, language)
        # The page's script writes the suggestion into the form without knowing which names are taken.
        if values.get("name", "") in {"", suggested}:
            values["name"] = free_name(suggested)
    if not values.get("slug") and values.get("name"):
        values["slug"] = profiles.free_slug(values["name"])


def _fill_in_preset(values: MutableMapping[str, str], provider: Provider) -> None:
    if not values.get("host"):
        endpoint = _endpoint(provider, port=values.get("port", ""))
        values.update(host=endpoint.host, port=str(endpoint.port), security=endpoint.security)
    if not provider.takes_password and provider.secret is SecretKind.NONE:
        values["sign_in"] = "none"
    if not values.get("from_policy") and provider.from_rule is FromRule.SAME_AS_LOGIN:
        # Kept, another From would be refused there; the app's own stays reachable as Reply-To.
        values["from_policy"] = FromPolicy.REPLACE


def _endpoint(provider: Provider, *, port: str) -> Endpoint:
    return next((item for item in provider.endpoints if str(item.port) == port), provider.preset)


def suggested_name(provider: Provider | None, address: str, language: str) -> str:
    """Return what to call a profile: its provider, and what tells it from others there."""
    local, _at, domain = address.rpartition("@")
    if provider is None:
        return domain
    rest = local if provider.category is Category.MAILBOX else domain
    return f"{provider.name.get(language)} – {rest}"


def free_name(name: str) -> str:
    """Return `name`, with a number behind it when another profile has it already."""
    limit = Profile._meta.get_field("name").max_length or 100  # noqa: SLF001  Django's documented API
    stem = name[: limit - 4]
    taken = set(Profile.objects.filter(name__startswith=stem).values_list("name", flat=True))
    candidates = (stem if number == 1 else f"{stem} {number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)


def free_copy_name(name: str) -> str:
    """Return a name for the copy of a profile."""
    return free_name(_("%(name)s (copy)") % {"name": name[:80]})


def presets_json(language: str) -> str:
    """Return what the page's script needs to recognise an address and fill the form in, for all providers."""
    return _presets_json(catalogue(), language)


def presets_version(language: str) -> str:
    """Return a mark that changes with the contents, so that browsers may keep them for good."""
    return _version(presets_json(language))


@lru_cache(maxsize=8)
def _presets_json(known: Catalogue, language: str) -> str:
    return json.dumps([_preset(item, language) for item in known], ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=8)
def _version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _preset(provider: Provider, language: str) -> dict[str, Any]:
    end = provider.preset
    return dict(_preset_fields(provider, language)) | {"host": end.host, "port": end.port, "security": end.security}


def _preset_fields(provider: Provider, language: str) -> Iterator[tuple[str, Any]]:
    yield "key", provider.key
    yield "name", provider.name.get(language)
    yield "secretLabel", provider.secret_label.get(language)
    yield "username", provider.username
    # The rest is left out where it says nothing: the list has over a hundred providers.
    if provider.category is Category.MAILBOX:
        yield "mailbox", True
    if provider.domains:
        yield "domains", provider.domains
    if provider.aliases:
        yield "aliases", " ".join(provider.aliases)
    if provider.username is UserNameForm.LITERAL:
        yield "literal", provider.username_literal
    if not provider.takes_password:
        yield "noPassword", "oauth2" if provider.secret is SecretKind.OAUTH2_ONLY else "none"
    if provider.preset.is_template:
        yield "incomplete", True
    published = preset_limits.limits(provider)
    if published != preset_limits.UNLIMITED:
        yield "limits", {name: value for name, value in published.items() if value != preset_limits.UNLIMITED[name]}
