"""The app's settings: one typed property each, with its default, read from Django's `SMTPADMIN` dictionary.

Read lazily, so `override_settings` works in tests. The environment is not read here: `config/` of the panel, or the
host project's own settings, fill the dictionary.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Network = IPv4Network | IPv6Network


class Conf:
    """Typed access to `settings.SMTPADMIN`."""

    NAMES = frozenset({"KEYS", "PROVIDERS_FILE", "DENIED_NETWORKS", "TESTS_PER_MINUTE"})

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
    def tests_per_minute(self) -> int:
        """How many tests one user may start per minute."""
        return int(self._get("TESTS_PER_MINUTE", 10))

    def unknown(self) -> list[str]:
        """Return the names in the dictionary that mean nothing: most likely typing errors."""
        return sorted(set(self._values) - self.NAMES)

    @property
    def _values(self) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", getattr(settings, "SMTPADMIN", {}))

    def _get(self, name: str, default: Any) -> Any:
        return self._values.get(name, default)


conf = Conf()
