"""Comparing a server's reply with the replies we know.

A known reply is written as the server sends it, `535 5.7.8 Login fail. Please enter ...`, and taken apart here:
servers add or drop the enhanced status code, fold lines and change case, and must still be recognised.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from smtpadmin.providers.model import KnownReply

_REPLY = re.compile(
    r"(?:(?P<code>[2-5]\d\d)(?:[ -]|$))?\s*(?:(?P<enhanced>[245]\.\d{1,3}\.\d{1,3})(?:\s|$))?\s*(?P<words>.*)"
)
_STRAIGHT: Final = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'"})
#: Shorter words, such as EOF, are looked for as whole words: they also occur inside others.
_SHORT: Final = 6
#: Words this long identify a reply even where the server changed the code in front of them.
_TELLING: Final = 12
_SES_MARKER: Final = "##ses-response-json:"


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply made comparable: one line, lower case, codes taken off the front."""

    code: int | None
    enhanced: str
    words: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a known reply's `match` asks for."""

    code: int | None
    enhanced: str
    words: str
    expression: re.Pattern[str] | None


def normal(text: str) -> str:
    """Return the text in lower case, on one line, with straight quotes."""
    return " ".join(text.translate(_STRAIGHT).casefold().split())


def reply(*, code: int | None, enhanced: str, text: str) -> Reply:
    """Return a reply ready for comparison; codes repeated in the text are taken out of it."""
    words = normal(text)
    found = _REPLY.fullmatch(words)
    # Without a code the text is not a server's: digits at its start are no reply code.
    if found and code is not None and found["code"] in {None, str(code)}:
        enhanced = enhanced or found["enhanced"] or ""
        words = found["words"]
    if enhanced:
        # Google and Microsoft repeat it on every line of a reply, so it stands in the midst of the joined text.
        words = normal(re.sub(rf"(?<![\d.]){re.escape(enhanced)}(?![\d.])", " ", words))
    return Reply(code=code, enhanced=enhanced, words=words)


@functools.cache
def pattern(match: str) -> Pattern:
    """Take a known reply apart."""
    text = normal(match)
    found = _REPLY.fullmatch(text)
    code, enhanced, words = found.group("code", "enhanced", "words") if found else (None, None, text)
    return Pattern(
        code=int(code) if code else None, enhanced=enhanced or "", words=words, expression=_expression(words)
    )


def _expression(words: str) -> re.Pattern[str] | None:
    if not words:
        return None
    # Bounded, so that a long reply cannot make the search expensive.
    source = ".{0,80}?".join(re.escape(part) for part in words.split("*"))
    return re.compile(rf"(?<![^\W_]){source}(?![^\W_])" if len(words) < _SHORT else source)


def best(known: Iterable[KnownReply], reply: Reply, *, stage: str, cause: str) -> KnownReply | None:
    """Return the most specific known reply that fits, or None."""
    fits = [
        (rank, item)
        for item in known
        if item.stage in {"", stage} and (rank := _rank(item, reply, cause=cause)) is not None
    ]
    return max(fits, key=lambda pair: pair[0])[1] if fits else None


def _rank(item: KnownReply, reply: Reply, *, cause: str) -> tuple[int, ...] | None:
    """Return how specific a fit is: words first, then codes; None for no fit."""
    if item.cause:
        return (0,) if item.cause == cause and reply.code is None else None
    wanted = pattern(item.match)
    if wanted.expression is not None and not wanted.expression.search(reply.words):
        return None
    telling = len(wanted.words) >= _TELLING
    if not _code_fits(wanted, reply, telling=telling) or not _enhanced_fits(wanted, reply, telling=telling):
        return None
    codes = int(wanted.code in {None, reply.code}) + int(wanted.enhanced in {"", reply.enhanced} or not reply.enhanced)
    return (
        # An entry whose codes are contradicted comes after every one whose are not, however many words it has.
        codes,
        len(wanted.words),
        int(wanted.code is not None) + int(bool(wanted.enhanced)),
        int(bool(item.stage)),
    )


def _code_fits(wanted: Pattern, reply: Reply, *, telling: bool) -> bool:
    if wanted.code is None or wanted.code == reply.code:
        return True
    if not wanted.words or reply.code is None:
        return False
    # Permanent and temporary refusals in the same words want different advice.
    return telling and wanted.code // 100 == reply.code // 100


def _enhanced_fits(wanted: Pattern, reply: Reply, *, telling: bool) -> bool:
    if not wanted.enhanced or wanted.enhanced == reply.enhanced:
        return True
    return bool(wanted.words) and (telling or not reply.enhanced)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A reply's text, and what a provider packed into it as JSON."""

    text: str
    inner: str = ""
    reference: str = ""


def unwrap(text: str) -> Unwrapped:
    """Take Tencent's API error out of the reply that carries it; other texts come back as they are.

    The words in front of it are dropped: "transaction failed, blame it on the weather" is said of every error.
    """
    start = text.casefold().find(_SES_MARKER)
    if start < 0:
        return Unwrapped(text)
    try:
        packed, _ = json.JSONDecoder().raw_decode(text[start + len(_SES_MARKER) :].lstrip())
    except (json.JSONDecodeError, RecursionError):
        # Cut short by a length limit on the way: the text itself still holds the words.
        return Unwrapped(text)
    values = dict(_leaves(packed))
    inner = ": ".join(values[name] for name in ("code", "message") if values.get(name))
    return Unwrapped(text[start:], inner=inner, reference=values.get("requestid", ""))


def _leaves(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the named strings of nested objects, outer ones first."""
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str):
                yield name.casefold(), item
            else:
                yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
