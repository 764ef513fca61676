"""Secrets that do not print, and their removal from any text by value.

A server may send our own credential back to us, in whatever encoding it likes, so what leaves this package is cleaned
by what the secret is, not by how it might be introduced. Encryption and storage are left to others.
"""

import base64
import binascii
import hmac
import html
import json
import string
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn, Self
from urllib.parse import quote, quote_plus

HIDDEN = "***"

# Below this length a secret is likely to be part of ordinary words: cutting it out of a line would tell where it stood.
SHORT = 6

# Secrets that are alive in this process, by identity: two equal secrets have lives of their own.
_LIVE: weakref.WeakValueDictionary[int, "Secret"] = weakref.WeakValueDictionary()

# A hit inside an encoded word is widened to the whole word, so that no half of it stays behind.
_WORD = frozenset(string.ascii_letters + string.digits + "+/=_-")


@dataclass(frozen=True, slots=True)
class Needles:
    """The forms, in lower case, in which a secret may stand in a text."""

    #: Found and cut as they are: the value itself, escaped in the usual ways.
    plain: tuple[str, ...] = ()
    #: Found inside a longer encoded word, which goes with them: base64 and hexadecimal.
    encoded: tuple[str, ...] = ()


class Secret:
    """A text that can be used but not seen: `reveal()` is the only way to its value.

    It prints as `***`, refuses pickling and JSON, compares in constant time, and is known to `live_secrets()` for as
    long as it exists.
    """

    __slots__ = ("__weakref__", "_needles", "_value")

    _value: str
    _needles: Needles | None

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)
        object.__setattr__(self, "_needles", None)
        if value:
            _LIVE[id(self)] = self

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def needles(self) -> Needles:
        """Return what to look for in a text that must not hold this secret."""
        needles = self._needles
        if needles is None:
            needles = _needles(self._value)
            object.__setattr__(self, "_needles", needles)
        return needles

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})" if self._value else "Secret('')"

    def __str__(self) -> str:
        return HIDDEN if self._value else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A secret cannot be changed.")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A secret cannot be pickled.")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


def live_secrets() -> tuple[Secret, ...]:
    """Return the secrets that exist in this process now, for a filter on everything that is logged."""
    return tuple(secret for ref in _LIVE.valuerefs() if (secret := ref()) is not None)


class Scrubber:
    """Removes known secrets from texts; made once, used for every reply of a conversation."""

    __slots__ = ("_all", "_blanking", "_encoded", "_plain")

    def __init__(self, secrets: Iterable[Secret], *, username: str = "") -> None:
        blanking: set[str] = set()
        plain: set[str] = set()
        encoded: set[str] = set()
        for secret in filter(None, secrets):
            needles = secret.needles()
            if len(secret.reveal()) < SHORT:
                blanking.update(needles.plain, needles.encoded, _sign_in_forms(secret.reveal(), username=username))
            else:
                plain.update(needles.plain)
                encoded.update(needles.encoded)
        if len(username) >= SHORT:
            # AUTH LOGIN sends the user name on a line of its own; its echo belongs to the sign-in, like the rest.
            encoded.add(_base64(username).lower())
        self._blanking = tuple(blanking)
        self._plain = tuple(plain)
        self._encoded = tuple(encoded)
        self._all = (*blanking, *plain, *encoded)

    def clean(self, text: str) -> str:
        """Return `text` without the secrets: long ones cut out, a line that holds a short one replaced whole."""
        if not self._hit(text):
            return text
        return "".join(self._clean_line(line) for line in text.splitlines(keepends=True))

    def clean_lines(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        """Return `lines` cleaned; a secret that is spread over several of them blanks them all."""
        if not self._all:
            return lines
        cleaned = tuple(map(self.clean, lines))
        if len(cleaned) > 1 and self._hit("".join(line.strip() for line in cleaned)):
            return (HIDDEN,) * len(cleaned)
        return cleaned

    def __repr__(self) -> str:
        return "Scrubber()"

    def _hit(self, text: str) -> bool:
        lowered = text.lower()
        return any(needle in lowered for needle in self._all)

    def _clean_line(self, line: str) -> str:
        lowered = line.lower()
        # One character, U+0130, is longer in lower case: places found there would not be places in the line.
        if len(lowered) != len(line) or any(needle in lowered for needle in self._blanking):
            return HIDDEN + line[len(line.rstrip("\r\n")) :]
        return _cut(line, sorted(self._spans(lowered)))

    def _spans(self, lowered: str) -> Iterator[tuple[int, int]]:
        for needle in self._plain:
            yield from _places(lowered, needle)
        for needle in self._encoded:
            for start, end in _places(lowered, needle):
                while start > 0 and lowered[start - 1] in _WORD:
                    start -= 1  # noqa: PLW2901
                while end < len(lowered) and lowered[end] in _WORD:
                    end += 1  # noqa: PLW2901
                yield start, end


def scrub(text: str, secrets: Iterable[Secret], *, username: str = "") -> str:
    """Return `text` with each of `secrets` removed, in every encoding in which it may have come back."""
    return Scrubber(secrets, username=username).clean(text)


def _places(text: str, needle: str) -> Iterator[tuple[int, int]]:
    start = text.find(needle)
    while start >= 0:
        end = start + len(needle)
        yield start, end
        start = text.find(needle, end)


def _cut(line: str, spans: list[tuple[int, int]]) -> str:
    pieces: list[str] = []
    done = 0
    for start, end in spans:
        if start > done or not pieces:
            pieces.append(line[done:start] + HIDDEN)
        done = max(done, end)
    return "".join(pieces) + line[done:]


def _needles(value: str) -> Needles:
    if not value:
        return Needles()
    data = value.encode("utf-8", "surrogatepass")
    plain = {
        value,
        quote(value, safe="", errors="replace"),
        quote_plus(value, errors="replace"),
        "".join(f"%{byte:02x}" for byte in data),
        html.escape(value),
        html.escape(value).replace("&#x27;", "&#39;"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        binascii.b2a_qp(data).decode("ascii"),
        # A reply that is not UTF-8 as a whole is read as GB18030, and so is our own UTF-8 inside it.
        data.decode("gb18030", "replace"),
        data.decode("latin-1"),
        data.hex(" "),
        data.hex(":"),
    }
    encoded = {data.hex(), _base64(value), base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")}
    if len(value) >= SHORT:
        encoded |= _base64_cores(data)
    return Needles(plain=_lowered(plain), encoded=_lowered(encoded))


def _lowered(forms: set[str]) -> tuple[str, ...]:
    return tuple({form.lower() for form in forms})


def _base64(value: str) -> str:
    return base64.b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii").rstrip("=")


def _base64_cores(data: bytes) -> set[str]:
    """Return what `data` looks like inside the base64 of anything that contains it, at each of the three alignments.

    The first and last characters depend on the neighbours and are left out; the match is widened to the whole word.
    """
    cores = set()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + data).rstrip(b"=").decode("ascii")
        first = (0, 2, 3)[shift]
        last = len(encoded) - (0 if (shift + len(data)) % 3 == 0 else 1)
        core = encoded[first:last]
        cores |= {core, core.replace("+", "-").replace("/", "_")}
    return cores


def _sign_in_forms(value: str, *, username: str) -> set[str]:
    """Return the AUTH PLAIN payloads of a secret that is too short to be found inside them."""
    payloads = (f"\0{username}\0{value}", f"{username}\0{username}\0{value}")
    return {_base64(payload).lower() for payload in payloads}
