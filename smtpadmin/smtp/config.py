"""The values that describe one server and how to speak to it. Frozen, checked when made, free of Django.

Where they come from (a row, a form, a test) and what a provider recommends is the caller's business.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from typing import ClassVar

from smtpadmin.smtp.addresses import ascii_domain, is_domain
from smtpadmin.smtp.certificates import CertificateError, from_pem
from smtpadmin.smtp.errors import ContentError
from smtpadmin.smtp.network import AddressPolicy
from smtpadmin.smtp.secrets import Secret

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_HOST_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_\-]*[A-Za-z0-9_])?")


class Security(StrEnum):
    """How the connection is protected."""

    #: TLS from the first byte (RFC 8314), usually port 465.
    IMPLICIT_TLS = "tls"
    #: Plain text until STARTTLS, which is then mandatory; usually port 587.
    STARTTLS = "starttls"
    #: No TLS.
    NONE = "none"


class SignIn(StrEnum):
    """Which AUTH mechanism is used: one per connection, tried once, so that one mistake is one failed login.

    CRAM-MD5 is not among them: it proves little, and servers that list it often fail it for every account.
    """

    #: PLAIN where it is offered, else LOGIN.
    AUTO = "auto"
    PLAIN = "plain"
    LOGIN = "login"
    NONE = "none"


class ConfigError(ValueError):
    """A value that no server can have; `field` is its name in `ServerConfig`."""

    def __init__(self, field_name: str, text: str) -> None:
        super().__init__(f"{field_name}: {text}")
        self.field = field_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds that a phase may take in all, however the server spreads its bytes over them (RFC 5321 4.5.3.2)."""

    dns: float = 10
    #: All addresses of the server together, and each of them.
    connect: float = 30
    connect_each: float = 10
    #: STARTTLS and the handshake.
    tls: float = 30
    greeting: float = 60
    ehlo: float = 60
    auth: float = 60
    mail: float = 60
    rcpt: float = 60
    data: float = 120
    #: The only one that is not a total: how long the message may make no progress.
    body: float = 60
    #: The answer to the final dot. Giving up early is what makes duplicates: 10 minutes is the RFC's own figure.
    reply: float = 600
    quit: float = 5
    #: Everything from the first look-up on; None leaves the phases to themselves.
    overall: float | None = None

    PATIENT: ClassVar["Deadlines"]
    BRISK: ClassVar["Deadlines"]


#: For mail that nobody waits for.
Deadlines.PATIENT = Deadlines()
#: For a person who looks at the page.
Deadlines.BRISK = Deadlines(dns=5, connect=10, connect_each=5, tls=10, greeting=20, overall=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """One server and one way to sign in to it. Raises `ConfigError` for values that could not be used."""

    host: str
    port: int
    security: Security
    #: Empty: no AUTH. Not shown: with some providers it is the secret token once more.
    username: str = field(default="", repr=False)
    password: Secret = field(default_factory=lambda: Secret(""))
    sign_in: SignIn = SignIn.AUTO
    #: What we call ourselves in EHLO; empty: the host's full name, else the address of our end of the connection.
    ehlo_name: str = ""
    #: False: the certificate is NOT checked. The connection is encrypted, with whoever answers.
    verify: bool = True
    #: Further trust anchors for this server, PEM.
    ca_pem: str = ""
    #: SHA-256 of the server's own certificate, hexadecimal. It replaces every other check of the certificate, and is
    #: compared even where `verify` is False.
    pinned_sha256: str = ""
    #: Sign in without TLS to a host that is not this one: the password can be read on the way.
    allow_plaintext_auth: bool = False
    #: Send several commands before the first is answered (RFC 2920), and several messages (RFC 3030, which needs
    #: both), where the server offers it.
    pipelining: bool = True
    chunking: bool = True
    address_policy: AddressPolicy = field(default_factory=AddressPolicy)
    deadlines: Deadlines = Deadlines.PATIENT

    def __post_init__(self) -> None:
        object.__setattr__(self, "host", _checked_host(self.host))
        object.__setattr__(self, "pinned_sha256", self.pinned_sha256.replace(":", "").replace(" ", "").lower())
        for name, is_good, text in _RULES:
            if not is_good(self):
                raise ConfigError(name, text)
        if self.ca_pem.strip():
            try:
                from_pem(self.ca_pem)
            except CertificateError as error:
                raise ConfigError("ca_pem", str(error)) from None

    @property
    def signs_in(self) -> bool:
        """Whether AUTH is to be used."""
        return bool(self.username) and self.sign_in is not SignIn.NONE


def is_ehlo_name(name: str) -> bool:
    """Say whether `name` may follow EHLO: a domain name, or an address literal (RFC 5321 4.1.3)."""
    if not name.startswith("["):
        return name.isascii() and is_domain(name)
    try:
        ascii_domain(name)
    except ContentError:
        return False
    return name.isascii()


def _checked_host(host: str) -> str:
    """Return `host` in the form in which it is looked up: ASCII, no brackets, no final dot."""
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host.removesuffix(".")
    try:
        return str(ip_address(name)) if ":" in name else _checked_name(name)
    except ValueError:
        raise ConfigError("host", "This is neither a host name nor an IP address.") from None


def _checked_name(name: str) -> str:
    ascii_name = name if name.isascii() else ascii_domain(name)
    labels = ascii_name.split(".")
    if len(ascii_name) > 253 or not all(len(label) <= 63 and _HOST_LABEL.fullmatch(label) for label in labels):
        raise ValueError(name)
    return ascii_name


_RULES: tuple[tuple[str, Callable[[ServerConfig], bool], str], ...] = (
    ("host", lambda c: not _has_scope(c.host), "An address with a scope (%) is of this host's own network only."),
    ("port", lambda c: 0 < c.port < 65536, "A port is a number from 1 to 65535."),
    ("ehlo_name", lambda c: not c.ehlo_name or is_ehlo_name(c.ehlo_name), "This is not a domain name."),
    # RFC 4616: NUL separates the fields of AUTH PLAIN, so it can be in none of them.
    ("username", lambda c: "\0" not in c.username, "It holds a NUL character."),
    ("password", lambda c: "\0" not in c.password.reveal(), "It holds a NUL character."),
    (
        "pinned_sha256",
        lambda c: not c.pinned_sha256 or _FINGERPRINT.fullmatch(c.pinned_sha256) is not None,
        "A fingerprint has 64 hexadecimal digits.",
    ),
)


def _has_scope(host: str) -> bool:
    return ":" in host and IPv6Address(host).scope_id is not None
