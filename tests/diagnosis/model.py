"""A broken set-up as data: what answers, what the profile says, and the verdict that the operator has to read.

`cases/` holds the records, `bench.py` builds what they describe and runs the panel's own code against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from smtpadmin.providers import Side, Text
from smtpadmin.sender_checks import Severity
from smtpadmin.smtp import Security, Stage
from tests.support.dns_server import Behaviour as DnsBehaviour
from tests.support.hostile import Script

RECIPIENT = "you@example.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """A server that follows a script: how a provider's server, or another service, answers.

    `certificate` is one of `CertificateFactory`, "" for one in order with the profile's host in it. `tls` is one of
    `bench.CONTEXTS`, for servers that are peculiar about TLS.
    """

    script: Script = field(default_factory=dict)
    security: Security = Security.IMPLICIT_TLS
    certificate: str = ""
    tls: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postfix:
    """Postfix with Dovecot's sign-in: its port for this kind of security."""

    security: Security = Security.STARTTLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Exim:
    """Exim: its port for this kind of security."""

    security: Security = Security.STARTTLS


@dataclass(frozen=True, slots=True, kw_only=True)
class WebServer:
    """A web server, with HTTPS or without."""

    https: bool


@dataclass(frozen=True, slots=True)
class Refusing:
    """Nothing listens on the port."""


@dataclass(frozen=True, slots=True)
class Dropping:
    """Whatever is sent to the port is dropped, as firewalls do."""


Server = Scripted | Postfix | Exim | WebServer | Refusing | Dropping


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the page says: where it stopped, why, who can mend it, and the first thing to do."""

    stage: Stage
    #: A `Cause`, or “rule” where the panel refused by itself.
    cause: str
    side: Side
    title: Text
    first: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One set-up that does not work. What the fields leave out is in order."""

    name: str
    verdict: Verdict
    server: Server = field(default_factory=Scripted)
    provider: str = ""
    #: Fields of the profile.
    profile: Mapping[str, object] = field(default_factory=dict)
    #: None: the one that the server takes.
    password: str | None = None
    recipient: str = RECIPIENT
    #: Hand the message over, as “Send test email” does; else only ask, as “Check only” does.
    send: bool = False
    #: Records of the DNS: name, kind, text. Empty: the host is where the server is.
    dns: tuple[tuple[str, str, str], ...] = ()
    dns_behaviour: Mapping[str, DnsBehaviour] = field(default_factory=dict)
    #: Seconds of a phase, where the case is about silence.
    deadlines: Mapping[str, float] = field(default_factory=dict)
    #: A page of the provider that has to be linked to, for those where a password of the right kind is made.
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderVerdict:
    """What the sender check says of one thing: its code, how bad it is, and the record to publish."""

    code: str
    severity: Severity
    text: Text
    record: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderCase:
    """One From address whose mail would not be believed, or not be let through."""

    name: str
    verdict: SenderVerdict
    provider: str
    address: str = "alerts@example.com"
    username: str = "alerts@example.com"
    host: str = ""
    selectors: tuple[str, ...] = ()
    dns: tuple[tuple[str, str, str], ...] = ()
    dns_behaviour: Mapping[str, DnsBehaviour] = field(default_factory=dict)
