"""How a message is to be treated on its way: what the mail backend's options and the message's own headers say.

The headers are for us and for nobody else, so they are taken out before a message is written; one that we do not know
is refused, because it would go out to the reader. What follows from the wishes is the outbox's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from smtpadmin.exceptions import MessageRefused
from smtpadmin.models import Lane

_PREFIX = "x-smtpadmin-"

LANES = {"urgent": Lane.URGENT, "normal": Lane.NORMAL, "bulk": Lane.BULK}
IF_UNCERTAIN = {"resend": True, "ask": False}
#: Longer than any message is worth trying, and short enough for a date.
LONGEST = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is wished for a message; None: nothing was said about it."""

    lane: Lane | None = None
    #: Whether it is sent once more by itself when it may have been delivered.
    resend_uncertain: bool | None = None
    #: How long it is worth sending.
    life: timedelta | None = None

    def over(self, others: "Options") -> "Options":
        """Return these, and the others' where these say nothing."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return Options(**{name: getattr(others, name) if value is None else value for name, value in own.items()})


def read(*, lane: object = None, if_uncertain: object = None, expires_in: object = None) -> Options:
    """Return the options as a backend is given them. Raise ValueError that names the option and what it may be."""
    given = {"lane": lane, "if_uncertain": if_uncertain, "expires_in": expires_in}
    return _read({name: value for name, value in given.items() if value is not None})


def take_out(headers: Mapping[str, Any]) -> tuple[Options, dict[str, Any]]:
    """Return what a message's own headers say, and the headers without those that say it. Raise MessageRefused."""
    ours = {name: value for name, value in headers.items() if name.lower().startswith(_PREFIX)}
    for name in ours:
        if name.lower() not in _HEADERS:
            raise MessageRefused(f"There is no header {name}. There are: {', '.join(_HEADERS.values())}.")
    try:
        options = _read({name: str(value).strip() for name, value in ours.items()})
    except ValueError as error:
        raise MessageRefused(str(error)) from None
    return options, {name: value for name, value in headers.items() if name not in ours}


def _read(given: Mapping[str, object]) -> Options:
    values: dict[str, Any] = {}
    for name, value in given.items():
        field, parse = _READERS[name.lower().removeprefix(_PREFIX).replace("-", "_")]
        values[field] = parse(name, value)
    return Options(**values)


def _choice(choices: Mapping[str, Any]) -> Callable[[str, object], Any]:
    def parse(name: str, value: object) -> Any:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
        return choices[value]

    return parse


def _seconds(name: str, value: object) -> timedelta:
    most = int(LONGEST.total_seconds())
    text = str(value)
    # A switch is a number in Python, and none here.
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= most:
        raise ValueError(f"{name} must be a whole number of seconds from 1 to {most}, not {value!r}.")
    return timedelta(seconds=int(text))


_READERS: Mapping[str, tuple[str, Callable[[str, object], Any]]] = {
    "lane": ("lane", _choice(LANES)),
    "if_uncertain": ("resend_uncertain", _choice(IF_UNCERTAIN)),
    "expires_in": ("life", _seconds),
}
_HEADERS = {name.lower(): name for name in ("X-Smtpadmin-Lane", "X-Smtpadmin-If-Uncertain", "X-Smtpadmin-Expires-In")}
