"""What is wrong with a provider file, in parts that a page and a log line can both use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a record: where, what, and what to do about it."""

    field: str
    cause: str
    cure: str


class CatalogueError(Exception):
    """A provider file cannot be used.

    `provider` is "" when the file as a whole is at fault, `field` when the record as a whole is.
    """

    def __init__(self, *, file: Path, provider: str, field: str, cause: str, cure: str) -> None:
        self.file = file
        self.provider = provider
        self.field = field
        self.cause = cause
        self.cure = cure
        place = [str(file)]
        if provider:
            place.append(f"provider {provider!r}")
        if field:
            place.append(f"field {field!r}")
        super().__init__(f"{', '.join(place)}: {cause}. {cure}.")
