"""Just enough DER (ITU-T X.690) to read a certificate: tag, length, value, within the bytes that are there.

The input comes from strangers: lengths are checked against what is left, and depth is the caller's fixed path through
the structure, never recursion. What the values mean is `certificates.py`'s business.
"""

from collections.abc import Iterator
from dataclasses import dataclass

SEQUENCE = 0x30
SET = 0x31
INTEGER = 0x02
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18


class DerError(ValueError):
    """The bytes are not the structure that was expected."""


@dataclass(frozen=True, slots=True)
class Element:
    """One tag and its value."""

    tag: int
    value: bytes


def elements(data: bytes) -> Iterator[Element]:
    """Yield the elements that `data` consists of, one after the other."""
    at = 0
    while at < len(data):
        element, at = _element(data, at)
        yield element


def only(data: bytes, *, tag: int) -> bytes:
    """Return the value of the first element of `data`, which must have `tag`."""
    if not data:
        raise DerError("nothing there")
    element, _ = _element(data, 0)
    if element.tag != tag:
        raise DerError(f"tag {element.tag:#x} in place of {tag:#x}")
    return element.value


def object_identifier(value: bytes) -> str:
    """Return the dotted form of an object identifier."""
    if not value or value[-1] & 0x80:
        raise DerError("an object identifier ends early")
    arcs: list[int] = []
    arc = 0
    for byte in value:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def _element(data: bytes, at: int) -> tuple[Element, int]:
    if at + 2 > len(data):
        raise DerError("an element ends early")
    tag, length = data[at], data[at + 1]
    start = at + 2
    if length & 0x80:
        count = length & 0x7F
        # Four bytes hold any length that could be read; DER has no indefinite form (count 0).
        if not 1 <= count <= 4 or start + count > len(data):
            raise DerError("an impossible length")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    end = start + length
    if end > len(data):
        raise DerError("an element is longer than its surroundings")
    return Element(tag=tag, value=data[start:end]), end
