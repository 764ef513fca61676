"""Putting names into sentences, in both languages.

A text may hold placeholders such as `{provider}`. English minds capitals at the start of a sentence, Chinese the
space between Latin letters and Chinese ones. Anything else in braces stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from smtpadmin.providers.model import Text

_PLACEHOLDER: Final = re.compile(r"\{([a-z]+)\}")
_LATIN: Final = re.compile(r"[A-Za-z0-9)]")
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")


def fill(text: Text, values: Mapping[str, Text]) -> Text:
    """Return the text with every placeholder that has a value replaced."""
    if "{" not in text.en + text.zh:
        return text
    return Text(
        en=_PLACEHOLDER.sub(lambda found: _english(found, values), text.en),
        zh=_PLACEHOLDER.sub(lambda found: _chinese(found, values), text.zh),
    )


def _english(found: re.Match[str], values: Mapping[str, Text]) -> str:
    """Return the value, words such as "the server" with a capital at the start of a sentence."""
    if found[1] not in values:
        return found[0]
    value = values[found[1]].en
    starts = found.start() == 0 or found.string[: found.start()].endswith(". ")
    words = value.islower() and value.replace(" ", "").isalpha()
    return value[:1].upper() + value[1:] if starts and words else value


def _chinese(found: re.Match[str], values: Mapping[str, Text]) -> str:
    """Return the value with a space where Latin letters meet Chinese ones."""
    if found[1] not in values:
        return found[0]
    value = values[found[1]].zh
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    left = " " if _HAN.match(before) and _LATIN.match(value[:1]) else ""
    right = " " if _HAN.match(after) and _LATIN.match(value[-1:]) else ""
    return f"{left}{value}{right}"
