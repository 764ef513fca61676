"""The list of `tag=value` that DKIM keys and DMARC records are written in (RFC 6376 3.2). Pure."""

import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class BadTags(ValueError):
    """It is no such list; `part` is where it breaks."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


def read(text: str) -> dict[str, str]:
    """Return the tags in their order, names in lower case. Raises `BadTags`."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            # A semicolon at the end is usual.
            continue
        name, equals, value = part.partition("=")
        key = name.strip().lower()
        if not equals or not _NAME.fullmatch(key) or key in tags:
            raise BadTags(part.strip())
        tags[key] = value.strip()
    return tags
