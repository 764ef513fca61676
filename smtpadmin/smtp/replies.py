"""The server's reply: code, enhanced status code and text, parsed strictly from bytes.

Bounds on how much is read belong to `wire.py`; what a reply means belongs to whoever asked. A reply that breaks the
grammar is an error here and never becomes a made-up code.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# RFC 5321 4.2: three digits, then a space, a hyphen on all but the last line, or nothing. The second digit is left
# free because 57x and the like are in use.
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)

# RFC 3463: class, subject and detail; the class repeats the first digit of the code.
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?=\s|$)\s*")

# Terminals obey control characters and pages obey direction marks: neither belongs to words that we show.
_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


class MalformedReply(ValueError):
    """The bytes are not an SMTP reply. It does not hold them: they may be anything."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered to one command.

    `lines` are the server's own words, without the code, decoded and made printable.
    """

    code: int
    enhanced: str = ""
    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The words on one line; the enhanced status code, which servers repeat on each, stands once."""
        if not self.enhanced:
            return " ".join(filter(None, self.lines))
        first, *rest = self.lines
        return " ".join(filter(None, [first, *(_ENHANCED.sub("", line, count=1) for line in rest)]))

    @property
    def positive(self) -> bool:
        """2xx: done."""
        return 200 <= self.code <= 299

    @property
    def intermediate(self) -> bool:
        """3xx: the server waits for more."""
        return 300 <= self.code <= 399

    @property
    def temporary(self) -> bool:
        """4xx: not now."""
        return 400 <= self.code <= 499

    @property
    def permanent(self) -> bool:
        """5xx: not at all."""
        return 500 <= self.code <= 599

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()


def parse_reply(lines: Sequence[bytes]) -> Reply:
    """Return the reply that `lines`, without their line ends, make up."""
    codes = set()
    texts = []
    more = True
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise MalformedReply("a line does not start with a reply code")
        if not more:
            raise MalformedReply("a line follows the last one")
        code, separator, text = match.groups()
        codes.add(code)
        texts.append(text or b"")
        more = separator == b"-"
    if more:
        raise MalformedReply("the last line is missing")
    if len(codes) != 1:
        # RFC 5321 4.2.1: the same code on every line. Two codes are two answers, and we asked one question.
        raise MalformedReply("the lines carry different codes")
    decoded = decode(texts)
    number = int(codes.pop())
    return Reply(number, _enhanced(number, decoded[0]), decoded)


def decode(lines: Sequence[bytes]) -> tuple[str, ...]:
    """Return the text of `lines`: UTF-8, else GB18030, which Chinese providers send without saying so."""
    joined = b"\n".join(lines)
    try:
        text = joined.decode("utf-8")
    except UnicodeDecodeError:
        text = joined.decode("gb18030", "replace")
    if text.isprintable():
        return (text,)
    return tuple(map(printable, text.split("\n")))


def printable(text: str) -> str:
    """Return `text` with control characters and direction marks replaced."""
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub("\ufffd", text.replace("\t", " "))


def _enhanced(code: int, text: str) -> str:
    match = _ENHANCED.match(text)
    if match is None or match[1][0] != str(code)[0]:
        return ""
    return match[1]
