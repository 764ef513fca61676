"""From a name to a connected socket: look-up with a deadline, address policy, one address after the other.

What is spoken over the socket is others' business, TLS included.
"""

import contextlib
import errno
import queue
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import chain, zip_longest
from time import monotonic

from smtpadmin.smtp.errors import Cause, ConnectError, Stage
from smtpadmin.smtp.network import Address, AddressPolicy

# A name may have any number of addresses; each that does not answer costs the time of a connection attempt.
MAX_TRIED = 4
_MAX_KEPT = 16

# Look-ups that hang hold a thread each until the system's resolver gives up; no more than these at a time.
_LOOKUPS = threading.BoundedSemaphore(16)

# The most telling first: what a failed connection is said to be, when each address failed in its own way.
_TELLING = (
    Cause.CONNECTION_REFUSED,
    Cause.CONNECT_TIMEOUT,
    Cause.UNREACHABLE,
    Cause.DEADLINE_EXCEEDED,
    Cause.ADDRESS_DENIED,
)
_WORDS = {
    Cause.CONNECTION_REFUSED: "refused",
    Cause.CONNECT_TIMEOUT: "no answer",
    Cause.UNREACHABLE: "unreachable",
    Cause.DEADLINE_EXCEEDED: "no time left",
    Cause.ADDRESS_DENIED: "not allowed",
}


@dataclass(frozen=True, slots=True)
class Dialed:
    """A connected socket, or None, and the addresses that failed before it with the reason of each."""

    sock: socket.socket | None
    address: Address | None
    failed: tuple[tuple[str, Cause], ...]

    def error(self, *, port: int) -> ConnectError:
        """Return the error that tells why there is no socket."""
        causes = [cause for _, cause in self.failed]
        cause = min(causes, key=_TELLING.index, default=Cause.UNREACHABLE)
        tried = ", ".join(f"{address} ({_WORDS[why]})" for address, why in self.failed)
        return ConnectError(f"No connection to port {port}: {tried}.", stage=Stage.TCP, cause=cause)


def resolve(host: str, port: int, *, until: float) -> tuple[Address, ...]:
    """Return the addresses of `host`, IPv6 and IPv4 in turn, in the system's order of preference."""
    with contextlib.suppress(ValueError):
        return (ip_address(host),)
    addresses = list(dict.fromkeys(map(ip_address, _look_up(host, port, until=until))))
    if not addresses:
        raise ConnectError(f"{host} has no address.", stage=Stage.DNS, cause=Cause.NAME_NOT_FOUND)
    # RFC 8305 4: in turn, so that a broken IPv6 does not use up all attempts.
    first = type(addresses[0])
    preferred = [address for address in addresses if isinstance(address, first)]
    others = [address for address in addresses if not isinstance(address, first)]
    mixed = filter(None, chain.from_iterable(zip_longest(preferred, others)))
    return tuple(mixed)[:_MAX_KEPT]


def connect(addresses: Sequence[Address], port: int, *, policy: AddressPolicy, until: float, each: float) -> Dialed:
    """Connect to the first of `addresses` that answers, allowing `each` seconds for one and `until` for all."""
    failed: list[tuple[str, Cause]] = []
    allowed = []
    for address in addresses:
        if policy.allows(address):
            allowed.append(address)
        else:
            failed.append((str(address), Cause.ADDRESS_DENIED))
    for address in allowed[:MAX_TRIED]:
        result = _connect_one(address, port, until=min(monotonic() + each, until))
        if isinstance(result, socket.socket):
            return Dialed(sock=result, address=address, failed=tuple(failed))
        failed.append((str(address), result))
    return Dialed(sock=None, address=None, failed=tuple(failed))


def _connect_one(address: Address, port: int, *, until: float) -> socket.socket | Cause:
    left = until - monotonic()
    if left <= 0:
        return Cause.DEADLINE_EXCEEDED
    family = {IPv4Address: socket.AF_INET, IPv6Address: socket.AF_INET6}[type(address)]
    sock = None
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(left)
        sock.connect((str(address), port))
        # Commands are small and each waits for its answer: Nagle's algorithm would only delay them.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        if sock is not None:
            sock.close()
        return _cause(error)
    return sock


def _cause(error: OSError) -> Cause:
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return Cause.CONNECT_TIMEOUT
    if isinstance(error, ConnectionError):
        return Cause.CONNECTION_REFUSED
    return Cause.UNREACHABLE


def _look_up(host: str, port: int, *, until: float) -> list[str]:
    """Return the addresses that `getaddrinfo` finds before `until`.

    It takes no timeout and cannot be interrupted, so it runs in a thread that is left behind when it is late; a
    daemon, so that a hanging resolver does not keep the process from ending.
    """
    late = ConnectError(f"The look-up of {host} took too long.", stage=Stage.DNS, cause=Cause.DNS_TIMEOUT)
    if not _LOOKUPS.acquire(timeout=max(0, until - monotonic())):
        raise late
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put([str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            answers.put(error)
        finally:
            _LOOKUPS.release()

    threading.Thread(target=ask, name=f"look-up of {host}", daemon=True).start()
    try:
        answer = answers.get(timeout=max(0, until - monotonic()))
    except queue.Empty:
        raise late from None
    if isinstance(answer, Exception):
        raise _not_found(host, answer)
    return answer


def _not_found(host: str, error: Exception) -> ConnectError:
    number = error.errno if isinstance(error, socket.gaierror) else None
    if isinstance(error, UnicodeError) or number in (socket.EAI_NONAME, socket.EAI_NODATA):
        return ConnectError(f"There is no host {host}.", stage=Stage.DNS, cause=Cause.NAME_NOT_FOUND)
    return ConnectError(f"The look-up of {host} failed.", stage=Stage.DNS, cause=Cause.DNS_FAILED)
