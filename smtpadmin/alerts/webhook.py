"""A webhook: one POST of JSON over HTTPS, with a signature where there is a secret.

The certificate is verified, ten seconds are for everything from the look-up on, redirects are not followed, and the
connection is made to an address that the policy allows. Of the answer its status counts. The body and the signature
(Standard Webhooks, standardwebhooks.com) are described in docs/alerts.md.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from smtpadmin import __version__
from smtpadmin.alerts.alert import Alert
from smtpadmin.alerts.outcome import Outcome, Reason
from smtpadmin.names import ascii_host
from smtpadmin.smtp import (
    AddressPolicy,
    Cause,
    ConfigError,
    ConnectError,
    Secret,
    Security,
    ServerConfig,
    TlsError,
    dialing,
    tls,
)

#: For everything together.
SECONDS = 10.0

_DNS = 5.0
_EACH_ADDRESS = 4.0
# What is read of an answer before its status is known.
_MOST_BYTES = 16 * 1024
_PORT = 443
# What may stand in a request line: no space, no control character, nothing outside ASCII.
_TARGET = re.compile(r"/[!-~]{0,2000}")
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: [^\r\n]*)?\r?\n")
_SECRET_PREFIX = "whsec_"  # noqa: S105  what such secrets begin with


class BadUrl(ValueError):
    """This is no address that an alert may be posted to."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook is."""

    host: str
    port: int
    path: str

    @property
    def shown(self) -> str:
        """What may be shown of it: the rest of such an address often is a password."""
        return self.host if self.port == _PORT else f"{self.host}:{self.port}"


def parse(url: str) -> Target:
    """Take an address apart. Raise BadUrl."""
    try:
        parts = urlsplit(url.strip())
        host, port = ascii_host(parts.hostname or ""), parts.port or _PORT
    except ValueError:
        raise BadUrl from None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme != "https" or not host or "@" in parts.netloc or not _TARGET.fullmatch(path):
        raise BadUrl
    return Target(host=host, port=port, path=path)


def send(url: Secret, alert: Alert, *, secret: Secret, policy: AddressPolicy, ca_pem: str = "") -> Outcome:
    """Post the alert and return what came of it."""
    try:
        target = parse(url.reveal())
    except BadUrl:
        return Outcome(Reason.BAD_URL)
    payload = json.dumps(body(alert), ensure_ascii=False).encode()
    head = _head(target, payload, headers=_signed(alert.uid, payload, secret, at=int(time.time())))
    try:
        status = _post(target, head + payload, policy=policy, ca_pem=ca_pem, until=time.monotonic() + SECONDS)
    except _Failed as failure:
        return failure.outcome
    return _judge(status)


def body(alert: Alert) -> dict[str, Any]:
    """Return what is posted. Fields are added to it and never change their meaning."""
    return {
        "version": 1,
        "id": alert.uid,
        "event": alert.event.value,
        "kind": alert.kind,
        "profile": alert.profile_slug or None,
        "profile_name": alert.profile_name or None,
        "incident": alert.incident_id,
        "opened_at": alert.opened_at.isoformat() if alert.opened_at else None,
        "closed_at": alert.closed_at.isoformat() if alert.closed_at else None,
        "language": alert.language,
        "subject": alert.subject,
        "text": alert.text,
        "cause": alert.cause,
        "first_step": alert.first_step,
        "url": alert.link or None,
    }


def signature(uid: str, payload: bytes, secret: Secret, *, at: int) -> str:
    """Return what a receiver compares: HMAC-SHA256 over identifier, time and body, in base64."""
    signed = f"{uid}.{at}.".encode() + payload
    digest = hmac.new(_key(secret.reveal()), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode("ascii")


def _key(secret: str) -> bytes:
    if secret.startswith(_SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
        except binascii.Error:
            pass  # not one of those that are base64: taken as it is
    return secret.encode()


def _signed(uid: str, payload: bytes, secret: Secret, *, at: int) -> dict[str, str]:
    headers = {"Webhook-Id": uid, "Webhook-Timestamp": str(at)}
    if secret:
        headers["Webhook-Signature"] = signature(uid, payload, secret, at=at)
    return headers


def _head(target: Target, payload: bytes, *, headers: dict[str, str]) -> bytes:
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = (
        f"POST {target.path} HTTP/1.1",
        f"Host: {host}" if target.port == _PORT else f"Host: {host}:{target.port}",
        f"User-Agent: smtpadmin/{__version__}",
        "Content-Type: application/json; charset=utf-8",
        f"Content-Length: {len(payload)}",
        "Accept: */*",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    )
    return "\r\n".join((*lines, "", "")).encode("ascii")


class _Failed(Exception):
    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(str(reason))
        self.outcome = Outcome(reason, detail)


def _post(target: Target, request: bytes, *, policy: AddressPolicy, ca_pem: str, until: float) -> int:
    """Send the request and return the status of the answer."""
    sock = _connected(target, policy=policy, ca_pem=ca_pem, until=until)
    try:
        sock.settimeout(_left(until))
        sock.sendall(request)
        return _status(sock, until=until)
    except TimeoutError:
        raise _Failed(Reason.TIMEOUT) from None
    except OSError:
        raise _Failed(Reason.NOT_HTTPS) from None
    finally:
        sock.close()


def _connected(target: Target, *, policy: AddressPolicy, ca_pem: str, until: float) -> socket.socket:
    try:
        config = ServerConfig(host=target.host, port=target.port, security=Security.IMPLICIT_TLS, ca_pem=ca_pem)
    except ConfigError as error:
        raise _Failed(Reason.BAD_URL, str(error)) from None
    try:
        addresses = dialing.resolve(target.host, target.port, until=min(until, time.monotonic() + _DNS))
    except ConnectError as error:
        raise _Failed(Reason.NO_HOST if error.cause is Cause.NAME_NOT_FOUND else Reason.DNS_FAILED) from None
    if not any(policy.allows(address) for address in addresses):
        raise _Failed(Reason.DENIED)
    dialed = dialing.connect(addresses, target.port, policy=policy, until=until, each=_EACH_ADDRESS)
    if dialed.sock is None:
        raise _Failed(Reason.NO_CONNECTION, str(dialed.error(port=target.port)))
    try:
        return tls.protect(dialed.sock, config, until=until).sock
    except TlsError as error:
        if error.cause is Cause.DEADLINE_EXCEEDED:
            raise _Failed(Reason.TIMEOUT) from None
        reason = Reason.UNTRUSTED if error.cause in tls.ABOUT_CERTIFICATE else Reason.NOT_HTTPS
        raise _Failed(reason, str(error)) from None


def _status(sock: socket.socket, *, until: float) -> int:
    """Read as far as the status of the final answer; what comes before it (100 Continue) is passed over."""
    data = b""
    while len(data) < _MOST_BYTES:
        sock.settimeout(_left(until))
        more = sock.recv(4096)
        if not more:
            break
        data += more
        while (found := _STATUS.match(data)) is not None:
            status = int(found[1])
            if status >= 200:
                return status
            _interim, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                break
            data = rest
    raise _Failed(Reason.NOT_HTTPS)


def _judge(status: int) -> Outcome:
    if status < 300:
        return Outcome()
    detail = f"HTTP {status}"
    if status < 400:
        return Outcome(Reason.REDIRECTED, detail)
    if status >= 500:
        return Outcome(Reason.SERVER_ERROR, detail)
    return Outcome(_BY_STATUS.get(status, Reason.REFUSED), detail)


_BY_STATUS = {
    401: Reason.NOT_AUTHORISED,
    403: Reason.NOT_AUTHORISED,
    404: Reason.NOT_FOUND,
    410: Reason.NOT_FOUND,
    429: Reason.TOO_MANY,
}


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
