"""The app's settings: one typed property each, with its default, read from Django's `SMTPADMIN` dictionary.

Read lazily, so `override_settings` works in tests. The environment is not read here: `config/` of the panel, or the
host project's own settings, fill the dictionary.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Network = IPv4Network | IPv6Network

# A hundred years in days: beyond it, dates come to an end.
_HIGHEST = 36_500


class Conf:
    """Typed access to `settings.SMTPADMIN`."""

    NAMES = frozenset(
        {
            "KEYS",
            "PROVIDERS_FILE",
            "DENIED_NETWORKS",
            "AUTOCONFIG",
            "DNS_SERVERS",
            "TESTS_PER_MINUTE",
            "CHECK_EVERY_HOURS",
            "QUEUE",
            "RETENTION_DAYS",
            "KEEP_SENT_BODIES_DAYS",
            "KEEP_FAILED_BODIES_HOURS",
        }
    )

    @property
    def keys(self) -> Sequence[str]:
        """Fernet keys, the newest first, that seal the stored passwords."""
        return tuple(self._get("KEYS", ()))

    @property
    def providers_file(self) -> Path | None:
        """The operator's own provider records, added to the built-in catalogue."""
        path = self._get("PROVIDERS_FILE", None)
        return Path(path) if path else None

    @property
    def denied_networks(self) -> tuple[Network, ...]:
        """Networks that no profile may connect to, besides link-local and cloud metadata addresses."""
        try:
            return tuple(ip_network(text) for text in self._get("DENIED_NETWORKS", ()))
        except ValueError as error:
            raise ImproperlyConfigured(f"SMTPADMIN['DENIED_NETWORKS']: {error}.") from error

    @property
    def autoconfig(self) -> bool:
        """Whether settings that a mail domain publishes over HTTPS are looked for when its provider is not known."""
        return self._switch("AUTOCONFIG", default=True)

    @property
    def dns_servers(self) -> tuple[str, ...]:
        """Addresses of the DNS servers that look-ups of MX, SRV and TXT records go to; empty: the system's."""
        try:
            return tuple(str(ip_address(text)) for text in self._get("DNS_SERVERS", ()))
        except ValueError as error:
            raise ImproperlyConfigured(f"SMTPADMIN['DNS_SERVERS']: {error}.") from error

    @property
    def tests_per_minute(self) -> int:
        """How many tests one user may start per minute."""
        return int(self._get("TESTS_PER_MINUTE", 10))

    @property
    def check_every(self) -> timedelta | None:
        """How often workers sign in to each profile to see whether it works; None: never."""
        hours = self._number("CHECK_EVERY_HOURS", 24, lowest=0)
        return timedelta(hours=hours) if hours else None

    @property
    def queue(self) -> bool:
        """Whether the mail backend leaves mail to the worker where its own option does not say."""
        return self._switch("QUEUE", default=True)

    @property
    def retention(self) -> timedelta:
        """How long messages that are over stay in the list."""
        return timedelta(days=self._number("RETENTION_DAYS", 90, lowest=1))

    @property
    def keep_sent_bodies(self) -> timedelta:
        """How long the text of a message stays after it was sent; zero: it goes with the record of that."""
        return timedelta(days=self._number("KEEP_SENT_BODIES_DAYS", 0, lowest=0))

    @property
    def keep_failed_bodies(self) -> timedelta:
        """How long the text of a failed message stays, so that it can be sent once the cause is mended."""
        return timedelta(hours=self._number("KEEP_FAILED_BODIES_HOURS", 24, lowest=0))

    def unknown(self) -> list[str]:
        """Return the names in the dictionary that mean nothing: most likely typing errors."""
        return sorted(set(self._values) - self.NAMES)

    def _switch(self, name: str, *, default: bool) -> bool:
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise ImproperlyConfigured(f"SMTPADMIN[{name!r}] must be True or False, not {value!r}.")
        return value

    def _number(self, name: str, default: int, *, lowest: int) -> int:
        value = self._get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= _HIGHEST:
            raise ImproperlyConfigured(
                f"SMTPADMIN[{name!r}] must be a whole number from {lowest} to {_HIGHEST}, not {value!r}."
            )
        return value

    @property
    def _values(self) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", getattr(settings, "SMTPADMIN", {}))

    def _get(self, name: str, default: Any) -> Any:
        return self._values.get(name, default)


conf = Conf()
