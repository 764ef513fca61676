"""What a provider's published limits are in the terms of a profile: values for the form's fields.

A profile counts recipients, as most providers do for their own figures, and knows four lengths of time. Where a
provider's figure is of another kind, the profile gets what keeps it: fewer rather than more.
"""

from collections.abc import Iterable, MutableMapping

from smtpadmin.diagnosis import provider_of
from smtpadmin.models import Profile
from smtpadmin.providers import Limits, Provider, Window

_RATES = {1: "rate_second", 60: "rate_minute", 3600: "rate_hour", 86400: "rate_day"}
_DAY = 86400

#: The fields of a profile that are rates.
RATES = frozenset(_RATES.values())
#: The fields that a provider fills in, and what stands there without one.
UNLIMITED = {
    **dict.fromkeys(_RATES.values(), ""),
    "max_recipients": "",
    "max_message_bytes": "",
    "batch": str(Profile().batch),
}


def limits(provider: Provider | None) -> dict[str, str]:
    """Return what to fill in for a provider; without one, what stands there for none."""
    published = provider.limits if provider else None
    if published is None:
        return dict(UNLIMITED)
    figures: dict[str, int | None] = _rates(published) | {
        "max_recipients": published.recipients_per_message,
        "max_message_bytes": published.message_bytes,
        "batch": _batch(published),
    }
    return UNLIMITED | {name: str(figure) for name, figure in figures.items() if figure}


def fill_in(values: MutableMapping[str, str], provider: Provider | None) -> None:
    """Fill in the limits that nobody has entered, once for each provider.

    `limits_from` says whose limits were filled in before: what is empty then was emptied on purpose, and what still is
    as that provider has it makes way for another's.
    """
    before, key = values.get("limits_from", ""), provider.key if provider else ""
    if key == before:
        return
    standing = limits(provider_of(before))
    for name, value in limits(provider).items():
        if values.get(name, "") in ("", standing[name]):
            values[name] = value
    values["limits_from"] = key


def _rates(published: Limits) -> dict[str, int | None]:
    found: dict[str, int] = {}
    for window in (*published.rates, *_daily(published)):
        seconds, count = _as_named(window)
        name = _RATES[seconds]
        found[name] = min(count, found.get(name, count))
    return dict(found)


def _daily(published: Limits) -> Iterable[Window]:
    for count in (published.recipients_per_day, published.external_recipients_per_day):
        if count:
            yield Window(count=count, seconds=_DAY)


def _as_named(window: Window) -> tuple[int, int]:
    """Return a window of one of the four lengths that keeps this one: 5,000 in three minutes are 1,666 in one."""
    shorter = max((seconds for seconds in _RATES if seconds <= window.seconds), default=1)
    count = window.count // -(-window.seconds // shorter)
    if count:
        return shorter, count
    # So few that a shorter window has no whole one: all of them in a longer one.
    return min((seconds for seconds in _RATES if seconds >= window.seconds), default=_DAY), window.count


def _batch(published: Limits) -> int | None:
    """Return how many may be in flight: no more than connections, because each may be on one of its own."""
    usual = Profile().batch
    return published.connections if published.connections and published.connections < usual else None
