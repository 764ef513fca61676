"""What a failure means and what to do about it, in both languages.

A pure table look-up: the provider's own replies first, then words common to many servers, then the enhanced
status code, the reply code, and its first digit; failures without a reply by what the client found out. All
knowledge is in `data/` and `replies/`; adding some is adding a record there.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from smtpadmin.providers import matching
from smtpadmin.providers.model import (
    NO_TEXT,
    Category,
    KnownReply,
    Provider,
    SecretKind,
    Security,
    Side,
    Text,
)
from smtpadmin.providers.phrases import fill

T = TypeVar("T")

REPLIES: Final = Path(__file__).parent / "replies"

# With more hosts than these, as services with one for each region have, nobody could tell the right one from here.
_MOST_HOSTS: Final = 3


class Match(StrEnum):
    """On what a diagnosis rests, the surest first."""

    PROVIDER_TEXT = "provider_text"
    PROVIDER_CODE = "provider_code"
    COMMON_TEXT = "common_text"
    ENHANCED = "enhanced"
    REPLY = "reply"
    REPLY_CLASS = "reply_class"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What went wrong, as plain values: the stage and cause by name, and the reply if there was one."""

    stage: str
    cause: str
    code: int | None = None
    enhanced: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What to tell the operator. `pattern` is the entry that fitted, `link` a page of the provider or "".

    `steps` are in order; `side` says who can mend it.
    """

    title: Text
    cause: Text
    steps: tuple[Text, ...]
    side: Side
    matched: Match
    pattern: str
    link: str


class AtProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an entry says instead where the provider and its public servers are known; `{doors}` are those."""

    steps: tuple[Text, ...]
    cause: Text = NO_TEXT
    side: Side | None = None


class Advice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry of the general tables. With `sign_in`, the provider's kind of secret makes it specific."""

    title: Text
    cause: Text
    steps: tuple[Text, ...]
    side: Side
    sign_in: bool = False
    link: str = ""
    at_provider: AtProvider | None = None


@dataclass(frozen=True, slots=True)
class _Tables:
    common: tuple[KnownReply, ...]
    enhanced: dict[str, Advice]
    replies: dict[str, Advice]
    client: dict[str, Advice]
    secrets: dict[SecretKind, Advice]
    phrases: dict[str, Text]


def explain(failure: Failure, *, provider: Provider | None = None) -> Diagnosis:
    """Return the diagnosis of a failure; there always is one."""
    unwrapped = matching.unwrap(failure.text)
    code = failure.code if failure.code is not None and failure.code >= 400 else None
    reply = matching.reply(code=code, enhanced=failure.enhanced, text=unwrapped.text)
    found = _by_known_reply(failure, reply, unwrapped, provider) or _by_tables(failure, reply, provider)
    if provider is not None and (found.sign_in or _wants_no_password(failure, reply, provider)):
        found = _for_secret(found, provider)
    return _filled(found, provider=provider, reference=unwrapped.reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """A diagnosis whose texts still hold placeholders."""

    title: Text
    cause: Text
    steps: tuple[Text, ...]
    side: Side
    matched: Match
    pattern: str
    link: str
    sign_in: bool = False
    with_setup: bool = False
    doubt: Text = NO_TEXT


def _by_known_reply(
    failure: Failure, reply: matching.Reply, unwrapped: matching.Unwrapped, provider: Provider | None
) -> _Finding | None:
    own = provider.known_replies if provider is not None else ()
    where = {"stage": failure.stage, "cause": failure.cause}
    inner = replace(reply, words=matching.normal(unwrapped.inner)) if unwrapped.inner else None
    if inner is not None and (known := matching.best(own, inner, **where)) is not None and _words(known):
        return _from_known(known, Match.PROVIDER_TEXT, failure)
    if (known := matching.best(own, reply, **where)) is not None:
        return _from_known(known, Match.PROVIDER_TEXT if _words(known) else Match.PROVIDER_CODE, failure)
    if (known := matching.best(_tables().common, reply, **where)) is not None:
        return _from_known(known, Match.COMMON_TEXT, failure)
    return None


def _words(known: KnownReply) -> str:
    return matching.pattern(known.match).words


def _from_known(known: KnownReply, matched: Match, failure: Failure) -> _Finding:
    phrases = _tables().phrases
    title = known.title or phrases.get(f"title_{failure.stage}", phrases["title"])
    return _Finding(
        title=title,
        cause=known.meaning,
        steps=known.fix,
        side=known.side,
        matched=matched,
        pattern=known.match or known.cause,
        link=known.link,
        with_setup=known.with_setup,
        sign_in=known.sign_in,
    )


def _by_tables(failure: Failure, reply: matching.Reply, provider: Provider | None) -> _Finding:
    tables = _tables()
    if reply.code is None:
        for key in (f"{failure.cause}@{failure.stage}", failure.cause):
            if (advice := tables.client.get(key)) is not None:
                return _from_advice(_at_provider(advice, provider), Match.CLIENT, failure.cause)
        return _from_advice(tables.client["unknown"], Match.CLIENT, failure.cause)
    for matched, key, shown in _keys(reply, stage=failure.stage):
        table = tables.enhanced if matched is Match.ENHANCED else tables.replies
        if (advice := table.get(key)) is not None:
            doubt = _doubt(matched, shown) if reply.words else NO_TEXT
            return replace(_from_advice(advice, matched, shown), doubt=doubt)
    return _from_advice(tables.client["unknown"], Match.REPLY_CLASS, str(reply.code))


def _keys(reply: matching.Reply, *, stage: str) -> Iterator[tuple[Match, str, str]]:
    """Yield where to look, the most specific first: an entry for this stage goes before the general one."""
    if reply.enhanced:
        first, subject, detail = reply.enhanced.split(".")
        for key in (reply.enhanced, f"X.{subject}.{detail}", f"{first}.{subject}", f"X.{subject}"):
            yield Match.ENHANCED, f"{key}@{stage}", reply.enhanced
            yield Match.ENHANCED, key, reply.enhanced
    code = str(reply.code)
    for matched, key in ((Match.REPLY, code), (Match.REPLY_CLASS, code[0])):
        yield matched, f"{key}@{stage}", code
        yield matched, key, code


def _from_advice(advice: Advice, matched: Match, pattern: str) -> _Finding:
    return _Finding(
        title=advice.title,
        cause=advice.cause,
        steps=advice.steps,
        side=advice.side,
        matched=matched,
        pattern=pattern,
        link=advice.link,
        sign_in=advice.sign_in,
    )


def _at_provider(advice: Advice, provider: Provider | None) -> Advice:
    """Return the entry as it is for this provider, which is more exact where its servers are known."""
    known = advice.at_provider
    if known is None or provider is None or provider.category is Category.LOCAL or not _doors(provider):
        return advice
    return msgspec.structs.replace(
        advice, steps=known.steps, cause=known.cause or advice.cause, side=known.side or advice.side
    )


def _doors(provider: Provider) -> Text:
    """Return the provider's hosts and ports as words; nothing where it has too many hosts to choose one for others."""
    ports: dict[str, list[Text]] = {}
    for endpoint in provider.endpoints:
        if endpoint.is_template:
            return NO_TEXT
        if endpoint.security is not Security.NONE:
            port = {"port": _same(str(endpoint.port))}
            ports.setdefault(endpoint.host, []).append(fill(_tables().phrases[f"door_{endpoint.security}"], port))
    if not 0 < len(ports) <= _MOST_HOSTS:
        return NO_TEXT
    phrases = _tables().phrases
    doors = [
        fill(phrases["door"], {"host": _same(host), "ports": _joined(each, phrases["or_port"])})
        for host, each in ports.items()
    ]
    return _joined(doors, phrases["or_host"])


def _joined(texts: Iterable[Text], between: Text) -> Text:
    listed = tuple(texts)
    return Text(en=between.en.join(text.en for text in listed), zh=between.zh.join(text.zh for text in listed))


def _same(value: str) -> Text:
    return Text(en=value, zh=value)


def _doubt(matched: Match, shown: str) -> Text:
    """Say that the words were not recognised and what the explanation rests on instead."""
    return fill(_tables().phrases[f"doubt_{matched}"], {"code": _same(shown)})


def _wants_no_password(failure: Failure, reply: matching.Reply, provider: Provider) -> bool:
    """Whatever a provider without passwords answers to one, or offers instead, this is the reason."""
    told = reply.code is not None or failure.cause in {"auth_mechanism", "auth_not_offered", "password_missing"}
    return failure.stage == "auth" and told and provider.secret is SecretKind.OAUTH2_ONLY


def _for_secret(finding: _Finding, provider: Provider) -> _Finding:
    """Make a refused sign-in specific: what this provider wants as password, and how to get it."""
    advice = _tables().secrets[provider.secret]
    if provider.secret is SecretKind.OAUTH2_ONLY:
        # Its steps say what to do instead, and its note why.
        cause, steps = provider.secret_note or advice.cause, provider.steps or advice.steps
        return replace(finding, title=advice.title, cause=cause, steps=steps, doubt=NO_TEXT)
    with_setup = provider.takes_password and bool(provider.steps)
    steps = advice.steps
    if not with_setup:
        literal = {"literal": _same(provider.username_literal)}
        hint = fill(_tables().phrases.get(f"username_{provider.username}", NO_TEXT), literal)
        steps = (*steps, hint) if hint else steps
    cause = _together(advice.cause, provider.secret_note)
    return replace(finding, title=advice.title, cause=cause, steps=steps, with_setup=with_setup)


def _together(first: Text, second: Text) -> Text:
    return Text(en=f"{first.en} {second.en}".rstrip(), zh=f"{first.zh}{second.zh}")


def _filled(finding: _Finding, *, provider: Provider | None, reference: str) -> Diagnosis:
    phrases = _tables().phrases
    steps = finding.steps
    if finding.with_setup and provider is not None and provider.steps:
        steps = (*steps, phrases["setup"], *provider.steps)
    secret = phrases["password"]
    if provider is not None and provider.takes_password:
        secret = _in_sentence(provider.secret_label)
    values = {
        "provider": provider.name if provider is not None else phrases["server"],
        "secret": secret,
        "reference": _same(reference) if reference else phrases["no_reference"],
        "doors": _doors(provider) if provider is not None else NO_TEXT,
    }
    return Diagnosis(
        title=fill(finding.title, values),
        cause=_together(fill(finding.cause, values), finding.doubt),
        steps=tuple(fill(step, values) for step in steps),
        side=finding.side,
        matched=finding.matched,
        pattern=finding.pattern,
        link=finding.link or (provider.docs_url if provider is not None else ""),
    )


def _in_sentence(label: Text) -> Text:
    """Return a field's label as a word inside a sentence; API key keeps its capitals."""
    return Text(en=label.en[:1].lower() + label.en[1:], zh=label.zh) if label.en[1:2].islower() else label


@functools.cache
def _tables() -> _Tables:
    return _Tables(
        common=_read("common", tuple[KnownReply, ...]),
        enhanced=_read("enhanced", dict[str, Advice]),
        replies=_read("replies", dict[str, Advice]),
        client=_read("client", dict[str, Advice]),
        secrets=_read("secrets", dict[SecretKind, Advice]),
        phrases=_read("phrases", dict[str, Text]),
    )


def _read(name: str, shape: type[T]) -> T:
    return msgspec.json.decode((REPLIES / f"{name}.json").read_bytes(), type=shape)
