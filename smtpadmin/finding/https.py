"""One small file over HTTPS, from a server that may be anybody's.

The certificate is verified; time and size are totals, headers and redirects included; redirects stay on HTTPS and its
port; every connection is made to an address that the policy allows. Nothing of the answer but its body is used.
"""

import http.client
import io
import re
import socket
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import Any, cast
from urllib.parse import SplitResult, urljoin, urlsplit

from smtpadmin.resolver import Resolver, ascii_domain
from smtpadmin.smtp import AddressPolicy, Security, ServerConfig, TlsError, dialing, tls

PORT = 443

_MOST_BYTES = 256 * 1024
_MOST_REDIRECTS = 3
_EACH_ADDRESS = 4.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What may stand in a request line: no space, no control character, nothing outside ASCII.
_TARGET = re.compile(r"[!-~]{1,2000}")


class Reason(StrEnum):
    """Why there is no file."""

    NO_HOST = "no_host"
    DNS_FAILED = "dns_failed"
    DENIED = "denied"
    NO_CONNECTION = "no_connection"
    TIMEOUT = "timeout"
    UNTRUSTED = "untrusted"
    BAD_REDIRECT = "bad_redirect"
    TOO_LARGE = "too_large"
    NOT_HTTP = "not_http"
    #: It answered, and not with a file: 404 and every other status but 200.
    STATUS = "status"


class FetchError(Exception):
    """There is no file to be had there."""

    def __init__(self, reason: Reason, *, status: int = 0) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """How to connect, and until when. `port` is the one that https means, `ca_pem` is trusted besides the system's."""

    resolver: Resolver
    until: float
    policy: AddressPolicy = field(default_factory=AddressPolicy)
    port: int = PORT
    ca_pem: str = ""

    def get(self, url: str) -> bytes:
        """Return the file at `url`. Raises `FetchError`."""
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._ask(*self._taken_apart(url))
            if answer.status == http.client.OK:
                return answer.body
            if answer.status not in _REDIRECTS:
                raise FetchError(Reason.STATUS, status=answer.status)
            url = _joined(url, answer.location)
        raise FetchError(Reason.BAD_REDIRECT)

    def _taken_apart(self, url: str) -> tuple[str, str]:
        """Return host and target of a URL that may be asked."""
        try:
            parts = urlsplit(url)
            host, port = ascii_domain(parts.hostname or ""), parts.port
        except ValueError:
            raise FetchError(Reason.BAD_REDIRECT) from None
        target = _target(parts)
        good = parts.scheme == "https" and "@" not in parts.netloc and port in {None, PORT, self.port}
        if not good or not _TARGET.fullmatch(target):
            raise FetchError(Reason.BAD_REDIRECT)
        return host, target

    def _ask(self, host: str, target: str) -> "_Answer":
        sock = self._connected(host)
        try:
            sock.settimeout(_left(self.until))
            sock.sendall(_request(host, target))
            return _read(sock, until=self.until)
        except TimeoutError:
            raise FetchError(Reason.TIMEOUT) from None
        except (OSError, http.client.HTTPException):
            raise FetchError(Reason.NOT_HTTP) from None
        finally:
            sock.close()

    def _connected(self, host: str) -> socket.socket:
        found = self.resolver.addresses(host)
        if found.trouble is not None:
            raise FetchError(Reason.DNS_FAILED)
        if not found.records:
            raise FetchError(Reason.NO_HOST)
        allowed = [address for address in found.records if self.policy.allows(address)]
        if not allowed:
            raise FetchError(Reason.DENIED)
        dialed = dialing.connect(allowed, self.port, policy=self.policy, until=self.until, each=_EACH_ADDRESS)
        if dialed.sock is None:
            raise FetchError(Reason.NO_CONNECTION)
        config = ServerConfig(host=host, port=self.port, security=Security.IMPLICIT_TLS, ca_pem=self.ca_pem)
        try:
            return tls.protect(dialed.sock, config, until=self.until).sock
        except TlsError as error:
            raise FetchError(Reason.UNTRUSTED if error.cause in tls.ABOUT_CERTIFICATE else Reason.NOT_HTTP) from error


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str
    body: bytes


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise FetchError(Reason.BAD_REDIRECT) from None


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _request(host: str, target: str) -> bytes:
    lines = (
        f"GET {target} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: smtpadmin",
        "Accept: text/xml, application/xml",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii")


def _read(sock: socket.socket, *, until: float) -> _Answer:
    # HTTPResponse reads from whatever `makefile` returns; ours counts bytes and seconds.
    response = http.client.HTTPResponse(cast("socket.socket", _Source(sock, until=until)), method="GET")
    with response:
        response.begin()
        location = response.getheader("Location", "")
        body = response.read() if response.status == http.client.OK else b""
    return _Answer(status=response.status, location=location, body=body)


class _Source(io.RawIOBase):
    """The bytes of one connection, so many and until then."""

    def __init__(self, sock: socket.socket, *, until: float) -> None:
        self._sock = sock
        self._until = until
        self._left = _MOST_BYTES

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return itself as the file that HTTPResponse reads from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._until))
        size = self._sock.recv_into(buffer)
        self._left -= size
        if self._left < 0:
            raise FetchError(Reason.TOO_LARGE)
        return size


def _left(until: float) -> float:
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    return left
