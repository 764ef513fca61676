"""Real mail servers for tests: Postfix with Dovecot's sign-in, and Exim, each on free ports of 127.0.0.1.

    def test_something(postfix):
        config = postfix.config(Security.STARTTLS)
        ...
        message = postfix.mailbox(postfix.recipient).wait_for("Subject: Hello")

They take mail from USERNAME only, with the sender USERNAME only, deliver to two users of example.org and relay nothing.
Each runs once a session. They need root, as Postfix does; `.ci/install` installs them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smtpadmin.smtp import Security, ServerConfig
from tests.support import exim as exim_program
from tests.support import postfix as postfix_program
from tests.support.certificates import CertificateFactory
from tests.support.components import require
from tests.support.config import server_config
from tests.support.processes import wait_until

USERNAME = "notify@example.com"
PASSWORD = "correct horse battery"
RECIPIENT = "you@example.org"
OTHER_RECIPIENT = "other@example.org"
UNKNOWN_RECIPIENT = "nobody@example.org"
FOREIGN_RECIPIENT = "you@example.net"

_DELIVERY_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What has been delivered to one user."""

    directory: Path

    def messages(self) -> list[bytes]:
        """Return the messages, with the line ends of the wire."""
        paths = sorted(self.directory.glob("new/*"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_bytes().replace(b"\n", b"\r\n") for path in paths]

    def wait_for(self, text: str) -> bytes:
        """Return the message that holds `text`, waiting until it arrives."""
        found: list[bytes] = []

        def has_arrived() -> bool:
            found[:] = [message for message in self.messages() if text.encode() in message]
            return bool(found)

        assert wait_until(has_arrived, seconds=_DELIVERY_SECONDS), f"No message with {text!r} arrived."
        assert len(found) == 1, f"{len(found)} messages with {text!r} arrived."
        return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServer:
    """A running server, and how to use it."""

    name: str
    ports: Mapping[Security, int]
    ca_pem: str
    mail: Path
    #: The largest message that it takes.
    max_size: int
    host: str = "localhost"
    username: str = USERNAME
    password: str = field(default=PASSWORD, repr=False)
    sender: str = USERNAME
    recipient: str = RECIPIENT

    def config(self, security: Security, **changes: object) -> ServerConfig:
        """Return how to reach it and sign in, with `changes`."""
        return server_config(
            host=self.host,
            port=self.ports[security],
            security=security,
            username=self.username,
            password=self.password,
            ca_pem=self.ca_pem,
            changes=changes,
        )

    def mailbox(self, address: str) -> Mailbox:
        """Return the mailbox of a user of example.org."""
        return Mailbox(self.mail / address.partition("@")[0])


@pytest.fixture(scope="session")
def postfix(certificates: CertificateFactory) -> Iterator[RealServer]:
    """Postfix, with Dovecot behind its AUTH."""
    require("Postfix, with Dovecot, started by root", postfix_program.is_available())
    with postfix_program.running_postfix(
        certificate=certificates.good,
        password_of={USERNAME: PASSWORD},
        users=(RECIPIENT, OTHER_RECIPIENT),
    ) as (ports, mail):
        yield RealServer(
            name="Postfix", ports=ports, mail=mail, ca_pem=certificates.ca_pem, max_size=postfix_program.MAX_SIZE
        )


@pytest.fixture(scope="session")
def exim(certificates: CertificateFactory) -> Iterator[RealServer]:
    """Exim."""
    require("Exim, started by root", exim_program.is_available())
    with exim_program.running_exim(
        certificate=certificates.good,
        username=USERNAME,
        password=PASSWORD,
        users=(RECIPIENT, OTHER_RECIPIENT),
    ) as (ports, mail):
        yield RealServer(
            name="Exim", ports=ports, mail=mail, ca_pem=certificates.ca_pem, max_size=exim_program.MAX_SIZE
        )
