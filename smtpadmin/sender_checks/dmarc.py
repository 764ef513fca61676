"""DMARC records (RFC 9989, and RFC 7489 before it): read as text, and found in DNS by the tree walk.

The tree walk is what tells which domains belong together, so no list of public suffixes has to be kept up to date.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from smtpadmin.resolver import Resolver
from smtpadmin.sender_checks.tags import BadTags, read

_VERSION: Final = re.compile(r"\s*v\s*=\s*DMARC1\s*(;.*)?", re.DOTALL)
# RFC 9989 4.10: so many questions at most, whatever the number of labels.
_MOST_LABELS: Final = 8
_MODES: Final = frozenset({"r", "s"})


class Policy(StrEnum):
    """What the domain's owner asks receivers to do with mail that fails."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dmarc:
    """A record taken apart. With `errors` some of it is not what its owner meant."""

    text: str
    policy: Policy
    subdomains: Policy
    strict_dkim: bool = False
    strict_spf: bool = False
    #: RFC 9989: "y" for a public suffix, "n" for a domain that stands for itself, "u" for what the tree walk finds.
    psd: str = "u"
    #: The owner is only trying it out (t=y): receivers apply the next milder policy.
    testing: bool = False
    errors: tuple[str, ...] = ()


def is_dmarc(text: str) -> bool:
    """Say whether this TXT record is a DMARC record, and not something else at the same name."""
    return _VERSION.fullmatch(text) is not None


def is_nearly_dmarc(text: str) -> bool:
    """Say whether somebody meant this for a DMARC record, and no receiver takes it for one."""
    return not is_dmarc(text) and "dmarc" in text.lower()


def parse(text: str) -> Dmarc:
    """Take a record apart; what cannot be read is in `errors`, and what it leaves open is as if it were not there."""
    errors: list[str] = []
    tags: dict[str, str] = {}
    # Part by part, so that one mistake does not hide the rest.
    for part in text.split(";")[1:]:
        try:
            found = read(part)
        except BadTags as error:
            errors.append(error.part)
            continue
        for name, value in found.items():
            if name in tags:
                errors.append(f"{name}={value}")
            tags.setdefault(name, value)
    policy = _policy(tags, "p", errors)
    if "p" not in tags:
        errors.append("p=")
    errors += [f"{name}={tags[name]}" for name in ("adkim", "aspf") if tags.get(name, "r").lower() not in _MODES]
    return Dmarc(
        text=text,
        policy=policy or Policy.NONE,
        subdomains=_policy(tags, "sp", errors) or policy or Policy.NONE,
        strict_dkim=tags.get("adkim", "").lower() == "s",
        strict_spf=tags.get("aspf", "").lower() == "s",
        psd=tags.get("psd", "u").lower(),
        testing=tags.get("t", "").lower() == "y",
        errors=tuple(errors),
    )


def _policy(tags: dict[str, str], name: str, errors: list[str]) -> Policy | None:
    value = tags.get(name, "").lower()
    if value in set(Policy):
        return Policy(value)
    if name in tags:
        errors.append(f"{name}={tags[name]}")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """What stands at `_dmarc.` of one domain."""

    domain: str
    records: tuple[str, ...] = ()
    nearly: tuple[str, ...] = ()
    unknown: bool = False

    @property
    def record(self) -> Dmarc | None:
        """The one record; several count as none (RFC 9989 4.7)."""
        return parse(self.records[0]) if len(self.records) == 1 else None

    @property
    def name(self) -> str:
        return f"_dmarc.{self.domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What applies to a From domain, and which domain it belongs to."""

    domain: str
    #: What stands at the domain itself.
    own: At
    #: Where the policy comes from; None: there is none, or it could not be asked.
    source: At | None
    organization: str
    #: DNS could not be asked on the way, so the policy or the organization may be another.
    unknown: bool = False

    @property
    def record(self) -> Dmarc | None:
        return self.source.record if self.source else None

    @property
    def policy(self) -> Policy | None:
        """What is asked for mail of this domain: a parent's record speaks of subdomains apart."""
        record = self.record
        if record is None or self.source is None:
            return None
        return record.policy if self.source.domain == self.domain else record.subdomains


def discover(domain: str, *, resolver: Resolver) -> Discovery:
    """Find policy and organizational domain of `domain` (RFC 9989 4.10)."""
    walked = list(_walk(domain, resolver))
    own = walked[0]
    valid = [at for at in walked if at.record is not None]
    organization = _organization(domain, valid)
    source = own if own.record else next((at for at in valid if at.domain == organization), None)
    if source is None and valid and _psd(valid[-1]) == "y":
        # RFC 9989 4.10.1: last, the policy of the public suffix.
        source = valid[-1]
    return Discovery(
        domain=domain,
        own=own,
        source=source,
        organization=organization,
        unknown=own.unknown or (source is None and any(at.unknown for at in walked)),
    )


def organization_of(domain: str, *, resolver: Resolver) -> str:
    """Return the organizational domain of `domain`."""
    return discover(domain, resolver=resolver).organization


def _walk(domain: str, resolver: Resolver) -> Iterator[At]:
    labels = domain.split(".")
    while labels:
        at = _look(".".join(labels), resolver)
        yield at
        if at.record is not None and at.record.psd in {"y", "n"}:
            return
        labels = labels[1:] if len(labels) < _MOST_LABELS else labels[-(_MOST_LABELS - 1) :]


def _look(domain: str, resolver: Resolver) -> At:
    answer = resolver.txt(f"_dmarc.{domain}")
    return At(
        domain=domain,
        records=tuple(text for text in answer.records if is_dmarc(text)),
        nearly=tuple(text for text in answer.records if is_nearly_dmarc(text)),
        unknown=answer.trouble is not None,
    )


def _psd(at: At) -> str:
    return at.record.psd if at.record else "u"


def _organization(domain: str, valid: list[At]) -> str:
    """Return the organizational domain that the records of the walk tell (RFC 9989 4.10.2)."""
    for at in valid:
        if _psd(at) == "n":
            return at.domain
    for at in valid:
        if _psd(at) == "y" and at.domain != domain:
            labels = domain.split(".")
            return ".".join(labels[-(at.domain.count(".") + 2) :])
    return min((at.domain for at in valid), key=lambda name: name.count("."), default=domain)
