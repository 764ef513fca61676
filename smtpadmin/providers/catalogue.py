"""The catalogue: the shipped records, the operator's own on top, and finding one by address, host or words.

Reading and checking happen once; a loaded catalogue is a value. What a record means is `model.py`'s.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from smtpadmin.providers import overlay
from smtpadmin.providers.checks import problems
from smtpadmin.providers.errors import CatalogueError
from smtpadmin.providers.model import KnownReply, Provider

HERE: Final = Path(__file__).parent
DATA: Final = HERE / "data"
FAMILIES: Final = HERE / "replies" / "families"


class Catalogue:
    """All known providers, in the order in which they are listed."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._providers = {item.key: item for item in sorted(providers, key=lambda item: (item.order, item.key))}
        # Reversed, so that the first in the order wins where an operator's record takes over a shipped domain.
        backwards = tuple(reversed(self._providers.values()))
        self._by_domain = {domain: item for item in backwards for domain in item.domains}
        self._by_mx = {suffix: item for item in backwards for suffix in item.mx_suffixes}
        self._by_host = {end.host: item for item in backwards for end in item.endpoints if not end.is_template}

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    def __len__(self) -> int:
        return len(self._providers)

    def __contains__(self, key: object) -> bool:
        return key in self._providers

    def get(self, key: str) -> Provider | None:
        return self._providers.get(key)

    def detect(self, address: str) -> Provider | None:
        """Return the provider whose mailboxes have this address's domain; a bare domain is taken as well."""
        return _closest(self._by_domain, address.rpartition("@")[2], wildcard="*.")

    def detect_mx(self, host: str) -> Provider | None:
        """Return the provider that a domain's MX host belongs to."""
        return _closest(self._by_mx, host, wildcard="")

    def detect_host(self, host: str) -> Provider | None:
        """Return the provider that has an endpoint of this name, for a profile that names none."""
        return self._by_host.get(_domain(host))

    def search(self, query: str) -> list[Provider]:
        """Return the providers that fit every word, best first; all of them for an empty query."""
        words = [word.rpartition("@")[2] for word in query.casefold().split()]
        ranked = [(rank, item) for item in self if (rank := _rank(item, words)) is not None]
        return [item for _, item in sorted(ranked, key=lambda pair: pair[0])]


def _domain(name: str) -> str:
    return name.strip().rstrip(".").lower()


def _closest(table: Mapping[str, Provider], name: str, *, wildcard: str) -> Provider | None:
    """Look up a name, then its parents as wildcards."""
    domain = _domain(name)
    if domain in table:
        return table[domain]
    while "." in domain:
        domain = domain.partition(".")[2]
        if (found := table.get(wildcard + domain)) is not None:
            return found
    return None


def _rank(provider: Provider, words: list[str]) -> int | None:
    """Return how well the worst word fits, 0 for exactly; None when one does not fit."""
    worst = 0
    for word in words:
        fit = _fit(provider, word)
        if fit is None:
            return None
        worst = max(worst, fit)
    return worst


def _fit(provider: Provider, word: str) -> int | None:
    names = [provider.key, provider.name.en.casefold(), provider.name.zh.casefold()]
    names += [alias.casefold() for alias in provider.aliases]
    domains = [domain.removeprefix("*.") for domain in provider.domains]
    if word in names or word in domains:
        return 0
    if any(name.startswith(word) for name in names):
        return 1
    if any(word in name for name in names):
        return 2
    if any(word in domain for domain in domains):
        return 3
    return 4 if any(word in endpoint.host for endpoint in provider.endpoints) else None


def load(extra: Path | None = None) -> Catalogue:
    """Return the shipped catalogue, with the operator's own file on top if there is one.

    Raises CatalogueError, which names file, provider and field. Both are read once, the operator's file again
    when it changes.
    """
    if extra is None:
        return _shipped_catalogue()
    try:
        stat = extra.stat()
    except OSError as error:
        raise overlay.unreadable(extra, error) from error
    return _with_extra(extra, stat.st_mtime_ns, stat.st_size)


@functools.cache
def _shipped_catalogue() -> Catalogue:
    return Catalogue(_shipped())


@functools.lru_cache(maxsize=4)
def _with_extra(extra: Path, _modified: int, _size: int) -> Catalogue:
    own = overlay.read(extra)
    families = _families()
    for provider in own:
        if provider.family and provider.family not in families:
            raise CatalogueError(
                file=extra,
                provider=provider.key,
                field="family",
                cause=f"there is no family {provider.family!r}",
                cure=f"Leave it out, or use one of {', '.join(sorted(families))}",
            )
    keys = {item.key for item in own}
    kept = [item for item in _shipped() if item.key not in keys]
    return Catalogue([*kept, *(_joined(item, families=families) for item in own)])


@functools.cache
def _shipped() -> tuple[Provider, ...]:
    families = _families()
    decoder = msgspec.json.Decoder(Provider)
    return tuple(_joined(_decode(path, decoder), families=families) for path in sorted(DATA.glob("*.json")))


def _decode(path: Path, decoder: msgspec.json.Decoder[Provider]) -> Provider:
    try:
        provider = decoder.decode(path.read_bytes())
    except msgspec.MsgspecError as error:
        problem = overlay.explain(error)
        raise CatalogueError(
            file=path, provider=path.stem, field=problem.field, cause=problem.cause, cure=problem.cure
        ) from error
    for problem in problems(provider):
        raise CatalogueError(
            file=path, provider=provider.key, field=problem.field, cause=problem.cause, cure=problem.cure
        )
    return provider


@functools.cache
def _families() -> dict[str, tuple[KnownReply, ...]]:
    decoder = msgspec.json.Decoder(tuple[KnownReply, ...])
    return {path.stem: decoder.decode(path.read_bytes()) for path in sorted(FAMILIES.glob("*.json"))}


def _joined(provider: Provider, *, families: Mapping[str, tuple[KnownReply, ...]]) -> Provider:
    """Return the record with its family's replies added, except those that it words itself."""
    if not provider.family:
        return provider
    own = {known.match for known in provider.known_replies}
    shared = tuple(known for known in families[provider.family] if known.match not in own)
    return msgspec.structs.replace(provider, known_replies=provider.known_replies + shared)
