"""Everything that an SPF record leads to in DNS: look-ups counted as a receiver counts them, networks collected.

A receiver stops at the first match; here the whole tree is gone through, as for a message that nothing matches, up to
a bound of our own: a hostile record must not make us ask for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, ip_network

from smtpadmin.resolver import Address, Resolver, Trouble
from smtpadmin.sender_checks.spf import MOST_LOOKUPS, MOST_MAIL_HOSTS, Network, Spf, Term, is_spf, parse

#: Terms with a look-up that are followed at all: enough to say how far beyond the limit a record is.
FOLLOWED = 3 * MOST_LOOKUPS


class Fault(StrEnum):
    """What makes the whole record void, at a domain that it leads to."""

    NO_RECORD = "no_record"
    SEVERAL_RECORDS = "several_records"
    SYNTAX = "syntax"
    LOOP = "loop"
    MAIL_HOSTS = "mail_hosts"


@dataclass(slots=True)
class Tree:
    """What was found on the way. `networks` and `included` are what may send, in so far as that can be told."""

    lookups: int = 0
    voids: int = 0
    #: The bound was reached, so there may be more of everything.
    cut: bool = False
    included: set[str] = field(default_factory=set)
    networks: set[Network] = field(default_factory=set)
    #: Somewhere everybody is let through.
    is_open: bool = False
    uses_ptr: bool = False
    #: A part depends on the message itself.
    has_macros: bool = False
    faults: list[tuple[Fault, str]] = field(default_factory=list)
    #: Names that DNS could not be asked about.
    unknown: list[str] = field(default_factory=list)

    def covers(self, network: Network) -> bool:
        """Say whether every address of `network` may send, by one network of the record."""
        # Going outwards takes 129 steps at most; comparing with each takes minutes where a record has thousands.
        return any(network.supernet(new_prefix=length) in self.networks for length in range(network.prefixlen, -1, -1))


def follow(domain: str, record: Spf, *, resolver: Resolver) -> Tree:
    """Follow the record of `domain` through all its includes."""
    walk = _Walk(resolver)
    walk.record(domain, record, path=(domain,), passes=True)
    return walk.tree


class _Walk:
    def __init__(self, resolver: Resolver) -> None:
        self.tree = Tree()
        self._resolver = resolver

    def record(self, domain: str, record: Spf, *, path: tuple[str, ...], passes: bool) -> None:
        """Go through the terms of one record; `passes` says whether a match here lets the sender through."""
        acts: dict[str, Callable[[str, Term, tuple[str, ...], bool], None]] = {
            "all": self._all,
            "ip4": self._ip,
            "ip6": self._ip,
            "include": self._include,
            "a": self._a,
            "mx": self._mx,
            "exists": self._exists,
            "ptr": self._ptr,
        }
        for term in record.terms:
            if self.tree.cut:
                return
            acts[term.mechanism](domain, term, path, passes and term.passes)
        if record.redirect and not self.tree.cut:
            self._to(record.redirect.removesuffix(".").lower(), path=path, passes=passes)

    def _all(self, _domain: str, _term: Term, _path: tuple[str, ...], passes: bool) -> None:
        self.tree.is_open |= passes

    def _ip(self, _domain: str, term: Term, _path: tuple[str, ...], passes: bool) -> None:
        if passes and term.network is not None:
            self.tree.networks.add(term.network)
            self.tree.is_open |= term.network.prefixlen == 0

    def _include(self, _domain: str, term: Term, path: tuple[str, ...], passes: bool) -> None:
        self._to(term.domain, path=path, passes=passes)

    def _to(self, target: str, *, path: tuple[str, ...], passes: bool) -> None:
        """Go on to the record of another domain."""
        if not self._count():
            return
        if "%" in target:
            self.tree.has_macros = True
            return
        if target in path:
            self._fault(Fault.LOOP, target)
            return
        answer = self._resolver.txt(target)
        if answer.trouble not in {None, Trouble.BAD_NAME}:
            self.tree.unknown.append(target)
            return
        found = [text for text in answer.records if is_spf(text)]
        if len(found) != 1:
            self._fault(Fault.SEVERAL_RECORDS if found else Fault.NO_RECORD, target)
            return
        if passes:
            self.tree.included.add(target)
        record = parse(found[0])
        if record.errors:
            self._fault(Fault.SYNTAX, target)
        self.record(target, record, path=(*path, target), passes=passes)

    def _a(self, domain: str, term: Term, _path: tuple[str, ...], passes: bool) -> None:
        if not self._count():
            return
        if term.has_macros:
            self.tree.has_macros = True
            return
        self._addresses(term.domain or domain, term, passes=passes)

    def _mx(self, domain: str, term: Term, _path: tuple[str, ...], passes: bool) -> None:
        if not self._count():
            return
        if term.has_macros:
            self.tree.has_macros = True
            return
        name = term.domain or domain
        answer = self._resolver.mx(name)
        hosts = [record.host for record in answer.records if record.host]
        if answer.trouble is not None:
            self.tree.unknown.append(name)
        elif not hosts:
            self.tree.voids += 1
        if len(hosts) > MOST_MAIL_HOSTS:
            self._fault(Fault.MAIL_HOSTS, name)
        for host in hosts[:MOST_MAIL_HOSTS]:
            self._addresses(host, term, passes=passes, is_term=False)

    def _addresses(self, name: str, term: Term, *, passes: bool, is_term: bool = True) -> None:
        answer = self._resolver.addresses(name)
        if answer.trouble is not None:
            self.tree.unknown.append(name)
        elif not answer.records and is_term:
            self.tree.voids += 1
        if passes:
            self.tree.networks.update(_around(address, term) for address in answer.records)

    def _exists(self, _domain: str, _term: Term, _path: tuple[str, ...], _passes: bool) -> None:
        if self._count():
            self.tree.has_macros = True

    def _ptr(self, _domain: str, _term: Term, _path: tuple[str, ...], _passes: bool) -> None:
        if self._count():
            self.tree.uses_ptr = True
            self.tree.has_macros = True

    def _count(self) -> bool:
        """Count a term with a look-up; False: enough were followed."""
        self.tree.lookups += 1
        self.tree.cut = self.tree.lookups > FOLLOWED
        return not self.tree.cut

    def _fault(self, fault: Fault, domain: str) -> None:
        if (fault, domain) not in self.tree.faults:
            self.tree.faults.append((fault, domain))


def _around(address: Address, term: Term) -> Network:
    length = term.v4 if isinstance(address, IPv4Address) else term.v6
    return ip_network(f"{address}/{length}", strict=False)
