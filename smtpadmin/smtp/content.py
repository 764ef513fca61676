"""What may go on the wire as a message: lines, headers, size of lines; and a message in that form.

Bytes that break a rule are refused, not mended: whoever mends them chooses what a reader of the other opinion sees, and
that is how one message becomes two (SMTP smuggling, CVE-2023-51764 and its kin). Addresses are in `addresses.py`.
"""

import copy
import re
from email.errors import MessageError
from email.generator import BytesGenerator
from email.header import Header
from email.headerregistry import UnstructuredHeader
from email.message import Message
from email.policy import Compat32, EmailPolicy
from io import BytesIO
from typing import Any

from smtpadmin.smtp.errors import Cause, ContentError

# RFC 5322 2.1.1, without the line end.
MAX_LINE = 998

# Headers that are for the sender's eyes: Bcc names people whom the others must not see.
_PRIVATE = frozenset({"bcc", "resent-bcc"})

# What the email package raises for a header or a body that it cannot write, depending on what is wrong with it.
_EMAIL_ERRORS = (MessageError, ValueError, LookupError, AttributeError, TypeError)

_HEADER_NAME = re.compile(rb"[!-9;-~]+")
# In a folded header each line end is followed by white space, and no other control character than a tab occurs.
_BAD_IN_HEADER = re.compile(rb"\r\n(?![ \t])|(?<!\r)\n|\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLANK_LINE = re.compile(rb"\r\n[ \t]+(?=\r\n)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_BREAK = re.compile("[\r\n\0]")


def check_content(content: bytes) -> None:
    """Raise `ContentError` unless `content` consists of lines that end in CRLF, without NUL, none too long."""
    lines = content.splitlines()
    # A line end is CR, LF or CRLF here, so only CRLF everywhere leaves two bytes for each line. Twice as fast as
    # counting each of the three.
    if not lines or len(content) - len(b"".join(lines)) != 2 * len(lines):
        raise _bad_line("A line of the message does not end in CRLF.")
    if b"\0" in content:
        raise _bad_line("The message holds a NUL character.")
    _check_line_lengths(content)


def header_is_ascii(content: bytes) -> bool:
    """Say whether the header section holds ASCII only; beyond it the server must know SMTPUTF8 (RFC 6532)."""
    head, _, _ = content.partition(b"\r\n\r\n")
    return head.isascii()


def stuffed(content: bytes) -> bytes:
    """Return `content` as it follows DATA: dots doubled at line starts, the final dot at the end (RFC 5321 4.5.2)."""
    return dotted(content) + b".\r\n"


def dotted(content: bytes) -> bytes:
    """Return `content` with dots doubled at line starts; itself where there are none, for copies of it cost most."""
    doubled = content.replace(b"\r\n.", b"\r\n..")
    return b"." + doubled if content.startswith(b".") else doubled


def serialise(message: Message) -> bytes:
    """Return `message` as bytes for the wire: CRLF, 7-bit, without Bcc. Raises `ContentError`.

    `message` is left as it is. What comes out is what is sent: it is checked here, once.
    """
    public = copy.copy(message)
    for name in _PRIVATE:
        del public[name]
    policy = _LEGACY if isinstance(message.policy, Compat32) else _MODERN
    written = BytesIO()
    try:
        BytesGenerator(written, mangle_from_=False, policy=policy).flatten(public)
    except ContentError:
        raise
    except _EMAIL_ERRORS:
        raise _bad_line("A part of the message cannot be written in its own encoding.") from None
    content = written.getvalue()
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    check_content(content)
    _check_header_names(content, expected=public.keys())
    return content


class _Folding:
    """Folds each header, in every part, and checks what comes out.

    The email package of some Python versions lets a line break through: one that an encoded word hides, or a vertical
    tab in a display name (CVE-2024-6923, CVE-2026-1299; measured on 3.11.7 and 3.12.1).
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        try:
            if hasattr(value, "name") and _LINE_BREAK.search(str(value)):
                # A parsed header shows what its encoded words say. Refused on versions that would encode it again, too.
                raise _bad_header(name)
            folded: bytes = self._fold_binary(name, value)
        except ContentError:
            raise
        except _EMAIL_ERRORS:
            raise _bad_header(name) from None
        # Spaces between two long words are folded into a line of their own, which RFC 5322 3.2.2 forbids.
        folded = _BLANK_LINE.sub(b"", folded)
        _check_header(name, folded)
        return folded

    def _fold_binary(self, name: str, value: Any) -> Any:
        if type(value) is str and _fits(name, value):
            # Most headers are a few plain words. The email package cuts them up and joins them again for half of the
            # time that a message takes to be written.
            return f"{name}: {value}\r\n".encode()
        text = str(value)
        if isinstance(value, UnstructuredHeader) and not text.isascii() and not _SURROGATE.search(text):
            # The newer folding loses spaces between long encoded words (measured on 3.11.7 and 3.12.1, not on 3.13.0).
            value = Header(text, "utf-8", header_name=name)
        if isinstance(value, Header):
            return _PLAIN.fold_binary(name, value)  # type: ignore[arg-type]  # it folds these too
        return super().fold_binary(name, value)  # type: ignore[misc]


def _fits(name: str, text: str) -> bool:
    """Say whether a header is a line as it is: printable ASCII, single spaces, and short enough."""
    if not text.isascii() or not text.isprintable() or len(name) + 2 + len(text) > _MAX_HEADER:
        return False
    return text == " ".join(text.split()) != "" and "=?" not in text


class _Modern(_Folding, EmailPolicy):
    pass


class _Legacy(_Folding, Compat32):
    pass


_MAX_HEADER = 78
_PLAIN = Compat32(linesep="\r\n", cte_type="7bit", max_line_length=_MAX_HEADER)
_LEGACY = _Legacy(linesep="\r\n", cte_type="7bit", max_line_length=_MAX_HEADER)
_MODERN = _Modern(linesep="\r\n", cte_type="7bit", max_line_length=_MAX_HEADER)


def _check_header(name: str, folded: bytes) -> None:
    label, colon, _ = folded.partition(b":")
    if not colon or not _HEADER_NAME.fullmatch(label) or not folded.endswith(b"\r\n"):
        raise _bad_header(name)
    if _BAD_IN_HEADER.search(folded, 0, len(folded) - 2):
        raise _bad_header(name)


def _check_header_names(content: bytes, *, expected: list[str]) -> None:
    """Read the header section back: the names that went in, each as often, are the names that a receiver finds."""
    head, _, _ = content.partition(b"\r\n\r\n")
    found = [
        line.partition(b":")[0].decode("ascii", "replace") for line in head.split(b"\r\n") if line[:1] not in b" \t"
    ]
    if [name.lower() for name in found] != [name.lower() for name in expected]:
        raise _bad_header("a header")


def _check_line_lengths(content: bytes) -> None:
    # From each line end to the last one that is near enough: a step for each thousand bytes, not for each line.
    at, end = 0, len(content)
    while at < end:
        at = content.rfind(b"\n", at, at + MAX_LINE + 2) + 1
        if at == 0:
            raise _bad_line(f"A line of the message has more than {MAX_LINE} characters.")


def _bad_line(text: str) -> ContentError:
    return ContentError(text, cause=Cause.BAD_LINE)


def _bad_header(name: str) -> ContentError:
    printable = name if name.isascii() and name.isprintable() else "a header"
    return ContentError(f"The message cannot be sent with this header: {printable}.", cause=Cause.BAD_HEADER)
