"""What the types of a record cannot say: host names, ports against security, both languages, addresses of pages.

Pure: it looks at one decoded record and returns what is wrong. Uniqueness across records is `catalogue.py`'s.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from smtpadmin.providers.errors import Problem
from smtpadmin.providers.model import (
    Category,
    Endpoint,
    KnownReply,
    Provider,
    SecretKind,
    Security,
    Text,
    UserNameForm,
)

KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
PLACEHOLDER = re.compile(r"\{[a-z]+\}")
DOMAIN = re.compile(r"(\*\.)?([^\W_]([\w-]{0,61}[^\W_])?\.)+[^\W_]([\w-]{0,61}[^\W_])?")
REPOSITORY = re.compile(r"github:[\w.-]+/[\w.-]+(@[\w~.-]+)?(:[\w./ -]+)?")
STAGES = frozenset({"", "dns", "tcp", "tls", "ehlo", "auth", "mail", "rcpt", "data", "quit"})


def problems(provider: Provider) -> Iterator[Problem]:
    """Yield everything that is wrong with one record, in the order of its fields."""
    if not KEY.fullmatch(provider.key):
        yield Problem("key", f"{provider.key!r} is not a key", "Use lower-case letters, digits and single hyphens")
    if not provider.endpoints:
        yield Problem("endpoints", "there is no endpoint", "Give at least one host, port and security")
    for index, endpoint in enumerate(provider.endpoints):
        yield from _endpoint(endpoint, field=f"endpoints[{index}]", first=index == 0, category=provider.category)
    yield from _domains(provider)
    yield from _records(provider)
    yield from _sign_in(provider)
    for index, reply in enumerate(provider.known_replies):
        yield from known_reply_problems(reply, field=f"known_replies[{index}]")
    yield from _links(provider)
    for field, text in texts(provider):
        yield from _both_languages(text, field=field)
    if not provider.name:
        yield Problem("name", "it is empty", "Give the provider a name")


def texts(value: msgspec.Struct, prefix: str = "") -> Iterator[tuple[str, Text]]:
    """Yield every non-empty text inside a record with the path of its field."""
    for name in value.__struct_fields__:
        member = getattr(value, name)
        for index, item in enumerate(member) if isinstance(member, tuple) else [(None, member)]:
            path = f"{prefix}{name}" if index is None else f"{prefix}{name}[{index}]"
            if isinstance(item, Text):
                if item:
                    yield path, item
            elif isinstance(item, msgspec.Struct):
                yield from texts(item, f"{path}.")


def _both_languages(text: Text, *, field: str) -> Iterator[Problem]:
    for language in ("en", "zh"):
        if not getattr(text, language).strip():
            yield Problem(f"{field}.{language}", "it is empty", "Write the text in both languages")


def _endpoint(endpoint: Endpoint, *, field: str, first: bool, category: Category) -> Iterator[Problem]:
    if not is_host(endpoint.host):
        yield Problem(
            f"{field}.host",
            f"{endpoint.host!r} is not a host name",
            "Write the bare name, such as smtp.example.com, without https://, user or port",
        )
    if not 1 <= endpoint.port <= 65535:
        yield Problem(f"{field}.port", f"{endpoint.port} is not a port", "Use a number from 1 to 65535")
    # RFC 8314, sections 3.3 and 7.3: 465 is submission over implicit TLS, 587 is submission with STARTTLS.
    if endpoint.port == 465 and endpoint.security is not Security.TLS:
        yield Problem(f"{field}.security", "port 465 speaks TLS from the first byte", 'Set security to "tls"')
    if endpoint.port in {25, 587} and endpoint.security is Security.TLS:
        yield Problem(
            f"{field}.security",
            f"port {endpoint.port} starts without TLS",
            'Set security to "starttls", or port to 465',
        )
    if first and endpoint.security is Security.NONE and category is not Category.LOCAL:
        yield Problem(
            f"{field}.security",
            "the preset would send mail and password unencrypted",
            "Put an encrypted endpoint first",
        )


def is_host(host: str) -> bool:
    """Whether this is a host name or an IP address, with at most one `{placeholder}`."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        plain, replaced = PLACEHOLDER.subn("x", host)
        ascii_host = plain.encode("idna").decode() if plain.isprintable() and not plain.isascii() else plain
        return replaced <= 1 and len(ascii_host) <= 253 and all(LABEL.fullmatch(part) for part in ascii_host.split("."))
    return True


def _domains(provider: Provider) -> Iterator[Problem]:
    for name in ("domains", "mx_suffixes"):
        for index, domain in enumerate(getattr(provider, name)):
            if not DOMAIN.fullmatch(domain) or domain != domain.lower():
                yield Problem(
                    f"{name}[{index}]",
                    f"{domain!r} is not a mail domain",
                    "Write it in lower case, such as example.com, or *.example.com for its subdomains",
                )


def is_name(name: str) -> bool:
    """Whether this may be asked for in DNS, in the form that records are written in."""
    return name == name.lower() and all(LABEL.fullmatch(part) for part in name.split("."))


def _records(provider: Provider) -> Iterator[Problem]:
    if provider.spf_include and not (is_name(provider.spf_include) and "." in provider.spf_include):
        yield Problem(
            "spf_include",
            f"{provider.spf_include!r} is not a domain",
            "Write the name alone, in lower case, such as spf.example.com",
        )
    for index, selector in enumerate(provider.dkim_selectors):
        if not is_name(selector):
            yield Problem(
                f"dkim_selectors[{index}]",
                f"{selector!r} is not a DKIM selector",
                "Write what stands in front of ._domainkey, in lower case, such as s1",
            )


def _sign_in(provider: Provider) -> Iterator[Problem]:
    if (provider.username is UserNameForm.LITERAL) != bool(provider.username_literal):
        yield Problem(
            "username_literal",
            "a literal user name and the form of the user name do not go together",
            'Give username_literal exactly when username is "literal"',
        )
    if provider.secret is SecretKind.OAUTH2:
        yield Problem("secret", '"oauth2" can only be an alternative', 'Use "oauth2_only" where no password works')
    if SecretKind.OAUTH2_ONLY in provider.alternatives:
        yield Problem("alternatives", '"oauth2_only" leaves no alternative', 'Use "oauth2"')


def known_reply_problems(reply: KnownReply, *, field: str) -> Iterator[Problem]:
    """Yield what is wrong with one known reply."""
    if bool(reply.match.strip()) == bool(reply.cause):
        yield Problem(f"{field}.match", "a reply is known by its words or by a cause", "Give match or cause, not both")
    if not reply.fix:
        yield Problem(f"{field}.fix", "it is empty", "Say what to do, in one or more steps")
    if reply.stage not in STAGES:
        known = ", ".join(sorted(STAGES - {""}))
        yield Problem(f"{field}.stage", f"{reply.stage!r} is not a stage", f"Use one of {known}")
    if reply.link and not is_page(reply.link):
        yield Problem(f"{field}.link", f"{reply.link!r} is not a page", "Give an https:// address")


def is_page(url: str) -> bool:
    """Whether this is an address a page may link to."""
    parts = urlsplit(url)
    return parts.scheme == "https" and "." in parts.netloc and "@" not in parts.netloc and " " not in url


def _links(provider: Provider) -> Iterator[Problem]:
    if provider.docs_url and not is_page(provider.docs_url):
        yield Problem("docs_url", f"{provider.docs_url!r} is not a page", "Give an https:// address")
    for index, source in enumerate(provider.sources):
        # A source is read by people, never linked blindly: http is allowed, for some pages have no other.
        if not (is_page(source.replace("http://", "https://", 1)) or REPOSITORY.fullmatch(source)):
            yield Problem(
                f"sources[{index}]",
                f"{source!r} is not a public source",
                "Give an address, or github:owner/repository:path",
            )
