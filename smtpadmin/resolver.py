"""DNS look-ups with honest answers: there is one, there is none, or it could not be asked.

A leaf over dnspython. One `Resolver` is one piece of work: its time and its questions are counted together, so that
nothing a domain's owner publishes keeps a page waiting. What the records mean is for `finding` and `sender_checks`;
connections are made through `smtp.dialing`, which asks the system as real mail does.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from time import monotonic
from typing import Any, Generic, TypeVar

import dns.exception
import dns.flags
import dns.name
import dns.resolver
import idna

Address = IPv4Address | IPv6Address
T = TypeVar("T")

#: Seconds for all look-ups of one piece of work together.
SECONDS = 15.0
#: Questions of one piece of work: more than the records of any real domain lead to.
QUESTIONS = 150

# One look-up, and one try of it: a lost packet costs a try.
_EACH = 5.0
_TRY = 1.5
# What goes through every network without being cut into fragments (DNS flag day 2020); longer answers come over TCP.
_PAYLOAD = 1232
# Hosts and addresses beyond these are of no use; texts are all kept, for the one that counts may be the last.
_MOST_HOSTS = 50

_LONGEST = 253
_TYPED = 1000
_NAME = re.compile(r"(?=.{1,253}\.?$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", re.IGNORECASE)
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")


class Trouble(StrEnum):
    """Why DNS could not be asked: nothing is known of the record then."""

    TIMEOUT = "timeout"
    #: The server answered that it failed (SERVFAIL, REFUSED), or with what is no answer.
    SERVER_FAILURE = "server_failure"
    NO_SERVER = "no_server"
    #: What should be asked for is no domain name.
    BAD_NAME = "bad_name"
    #: This piece of work has asked enough.
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came of one look-up. Without records and without trouble there is none of the kind."""

    name: str
    records: tuple[T, ...] = ()
    #: The name itself does not exist (NXDOMAIN), nor any below it.
    absent: bool = False
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, order=True)
class MailHost:
    """One MX record; an empty `host` says that the domain takes no mail (RFC 7505)."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class Service:
    """One SRV record; an empty `host` says that the domain does not offer the service (RFC 2782)."""

    priority: int
    weight: int
    port: int
    host: str


def ascii_domain(text: str) -> str:
    """Return a domain as DNS takes it: lower case, ASCII by IDNA 2008, no final dot. Raise ValueError for others."""
    name = text.strip().removesuffix(".").lower()
    if not name.isascii() and len(name) <= _TYPED:
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise ValueError("This is not a domain name.") from None
    # A last label of digits alone is of an IP address.
    if len(name) > _LONGEST or not _DOMAIN.fullmatch(name) or name.rpartition(".")[2].isdigit():
        raise ValueError("This is not a domain name.")
    return name


class Resolver:
    """Asks the system's DNS servers, or the ones given, for up to `seconds` from now on. For one thread."""

    def __init__(
        self,
        *,
        servers: Sequence[str] = (),
        port: int = 53,
        seconds: float = SECONDS,
        questions: int = QUESTIONS,
    ) -> None:
        self._servers = tuple(servers)
        self._port = port
        self._until = monotonic() + seconds
        self._left = questions
        self._known: dict[tuple[str, str], Answer[Any]] = {}
        self._resolver: dns.resolver.Resolver | None = None

    def txt(self, name: str) -> Answer[str]:
        """Return the texts at `name`, each with its parts joined, sorted: DNS keeps no order.

        Bytes that are not ASCII come as \\x.. .
        """
        return self._ask(name, "TXT", lambda found: sorted(map(_text, found)))

    def mx(self, name: str) -> Answer[MailHost]:
        """Return the mail hosts of `name`, the preferred first."""
        return self._ask(
            name, "MX", lambda found: sorted(MailHost(item.preference, _host(item.exchange)) for item in found)
        )

    def srv(self, name: str) -> Answer[Service]:
        """Return the services at `name`, the preferred first: by priority, then by weight."""
        return self._ask(name, "SRV", _services)

    def addresses(self, name: str) -> Answer[Address]:
        """Return the addresses of a host."""
        answers = [
            self._ask(name, kind, lambda found: [ip_address(i.address) for i in found]) for kind in ("A", "AAAA")
        ]
        records = tuple(record for answer in answers for record in answer.records)
        trouble = next((answer.trouble for answer in answers if answer.trouble), None)
        return Answer(
            name=name,
            records=records,
            absent=any(answer.absent for answer in answers),
            trouble=None if records else trouble,
        )

    def _ask(self, name: str, kind: str, read: Callable[[Iterable[Any]], Iterable[T]]) -> Answer[T]:
        key = (name.lower().removesuffix("."), kind)
        if key not in self._known:
            self._known[key] = self._asked(key[0], kind, read)
        return self._known[key]

    def _asked(self, name: str, kind: str, read: Callable[[Iterable[Any]], Iterable[T]]) -> Answer[T]:
        lifetime = min(_EACH, self._until - monotonic())
        trouble = self._obstacle(name, lifetime)
        if trouble is not None:
            return Answer(name=name, trouble=trouble)
        self._left -= 1
        try:
            resolver = self._resolver = self._resolver or self._made()
            found = resolver.resolve(dns.name.from_text(name), kind, lifetime=lifetime, search=False)
        except dns.resolver.NXDOMAIN:
            return Answer(name=name, absent=True)
        except dns.resolver.NoAnswer as error:
            # Cut over TCP too, an answer is not there; dnspython takes it for an empty one.
            cut = error.kwargs["response"].flags & dns.flags.TC
            return Answer(name=name, trouble=Trouble.SERVER_FAILURE if cut else None)
        except dns.exception.Timeout:
            return Answer(name=name, trouble=Trouble.TIMEOUT)
        except dns.resolver.NoResolverConfiguration:
            return Answer(name=name, trouble=Trouble.NO_SERVER)
        except dns.exception.DNSException:
            return Answer(name=name, trouble=Trouble.SERVER_FAILURE)
        if found.response.flags & dns.flags.TC:
            return Answer(name=name, trouble=Trouble.SERVER_FAILURE)
        records = tuple(read(found))
        return Answer(name=name, records=records if kind == "TXT" else records[:_MOST_HOSTS])

    def _obstacle(self, name: str, lifetime: float) -> Trouble | None:
        # dnspython would take "@" for the root and a backslash for the start of a number.
        if not _NAME.fullmatch(name):
            return Trouble.BAD_NAME
        if self._left <= 0:
            return Trouble.TOO_MANY
        return Trouble.TIMEOUT if lifetime <= 0 else None

    def _made(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=not self._servers)
        if self._servers:
            resolver.nameservers = list(self._servers)
            resolver.port = self._port
        resolver.timeout = _TRY
        resolver.use_edns(0, 0, _PAYLOAD)
        return resolver


def _text(record: Any) -> str:
    data: bytes = b"".join(record.strings)
    return data.decode("ascii", "backslashreplace")


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""


def _services(found: Iterable[Any]) -> list[Service]:
    services = [Service(item.priority, item.weight, item.port, _host(item.target)) for item in found]
    return sorted(services, key=lambda service: (service.priority, -service.weight, service.host))
