"""Each kind of security against each kind of server, with the right and the wrong password.

What must hold: stage and cause name the fault, and where the connection is not the protected one that was asked for, no
AUTH leaves, which is asserted on the bytes that the server received.
"""

import socket
import ssl
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from time import monotonic

import pytest

from smtpadmin.smtp import Cause, Deadlines, Secret, Security, ServerConfig, Stage, Status, TlsError, TlsFacts, probe
from smtpadmin.smtp.certificates import from_pem
from smtpadmin.smtp.tls import protect
from tests.support import canary
from tests.support.attempts import SENT, Attempt, Outcome, both, envelope, refused
from tests.support.behaviours import ehlo, hang, raw, then
from tests.support.certificates import CertificateFactory, ServerCertificate
from tests.support.hostile import HostileServer, Phase, Script, hostile_server
from tests.support.processes import run_python, wait_until

DEADLINES = Deadlines(dns=2, connect=2, tls=2, greeting=2, ehlo=2, auth=2, mail=2, rcpt=2, data=2, reply=2, quit=1)


class Server(StrEnum):
    """What is right or wrong with a server."""

    GOOD = "good"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    SELF_SIGNED = "self-signed"
    WRONG_NAME = "wrong name"
    UNKNOWN_CA = "unknown CA"
    INTERMEDIATE_MISSING = "intermediate missing"
    TLS_1_1 = "TLS 1.1 only"
    STRIPPED = "STARTTLS stripped"
    INJECTED = "bytes after STARTTLS"


class Password(StrEnum):
    RIGHT = "right password"
    WRONG = "wrong password"


BAD_CERTIFICATES = {
    Server.EXPIRED: Cause.TLS_EXPIRED,
    Server.NOT_YET_VALID: Cause.TLS_NOT_YET_VALID,
    Server.SELF_SIGNED: Cause.TLS_SELF_SIGNED,
    Server.WRONG_NAME: Cause.TLS_WRONG_NAME,
    Server.UNKNOWN_CA: Cause.TLS_UNKNOWN_CA,
    Server.INTERMEDIATE_MISSING: Cause.TLS_UNKNOWN_CA,
}
ENCRYPTED = (Security.IMPLICIT_TLS, Security.STARTTLS)

#: Cells that do not exist, and why.
NO_CELL: dict[tuple[Security, Server], str] = {
    **{
        (Security.NONE, server): "without TLS no certificate is shown and no version agreed on"
        for server in (*BAD_CERTIFICATES, Server.TLS_1_1)
    },
    **{
        (security, server): "STARTTLS is not asked for"
        for security in (Security.IMPLICIT_TLS, Security.NONE)
        for server in (Server.STRIPPED, Server.INJECTED)
    },
}


def _expected(server: Server, password: Password) -> Outcome:
    if server in BAD_CERTIFICATES:
        return refused(Stage.TLS, BAD_CERTIFICATES[server])
    match server:
        case Server.TLS_1_1:
            return refused(Stage.TLS, Cause.TLS_VERSION)
        case Server.STRIPPED:
            return refused(Stage.TLS, Cause.STARTTLS_MISSING)
        case Server.INJECTED:
            return refused(Stage.TLS, Cause.STARTTLS_INJECTED)
    return SENT if password is Password.RIGHT else refused(Stage.AUTH, Cause.AUTH_REFUSED)


CELLS = [
    pytest.param(security, server, password, _expected(server, password), id=f"{security.name}, {server}, {password}")
    for security, server, password in product(Security, Server, Password)
    if (security, server) not in NO_CELL
]


@dataclass(frozen=True, slots=True)
class Servers:
    """Starts the servers of the matrix."""

    certificates: CertificateFactory

    def certificate(self, server: Server) -> ServerCertificate:
        """Return the certificate that `server` shows."""
        made = {
            Server.EXPIRED: self.certificates.expired,
            Server.NOT_YET_VALID: self.certificates.not_yet_valid,
            Server.SELF_SIGNED: self.certificates.self_signed,
            Server.WRONG_NAME: self.certificates.wrong_name,
            Server.UNKNOWN_CA: self.certificates.unknown_ca,
            Server.INTERMEDIATE_MISSING: self.certificates.intermediate_missing,
        }
        return made.get(server, self.certificates.good)

    @contextmanager
    def run(self, server: Server, security: Security) -> Iterator[HostileServer]:
        """Run `server`; every client has left when the block ends."""
        context = None
        if security is not Security.NONE:
            context = self.certificate(server).context()
            if server is Server.TLS_1_1:
                only_tls_1_1(context)
        scripts: dict[Server, Script] = {
            Server.STRIPPED: {Phase.EHLO: ehlo(starttls=False)},
            Server.INJECTED: {Phase.STARTTLS: then(raw(b"220 go\r\n250-mail\r\n250 AUTH PLAIN\r\n"), hang)},
        }
        with hostile_server(
            scripts.get(server), context=context, implicit_tls=security is Security.IMPLICIT_TLS
        ) as running:
            yield running
            running.settle()

    def config(
        self,
        running: HostileServer,
        security: Security,
        *,
        host: str = "localhost",
        ca_pem: str | None = None,
        **changes: object,
    ) -> ServerConfig:
        """Return how to sign in to `running`, trusting the authority of the good certificate."""
        trusted = self.certificates.ca_pem if ca_pem is None else ca_pem
        return running.config(security, ca_pem=trusted, host=host, deadlines=DEADLINES, **changes)


@pytest.fixture
def servers(certificates: CertificateFactory) -> Servers:
    return Servers(certificates)


def only_tls_1_1(context: ssl.SSLContext) -> None:
    """Let `context` speak nothing newer than TLS 1.1."""
    with warnings.catch_warnings():
        # Python warns of these versions, and pytest turns that into an error; they are what is wanted here.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    # OpenSSL's default level refuses the SHA-1 of TLS 1.1's handshake.
    context.set_ciphers("DEFAULT@SECLEVEL=0")


def assert_nothing_given_away(running: HostileServer, attempts: tuple[Attempt, Attempt]) -> None:
    """Neither AUTH nor an envelope left, protected or not, and the password is in no text."""
    for verb in ("AUTH", "MAIL", "RCPT", "DATA"):
        assert running.ledger.count(verb) == 0
    assert b"AUTH" not in running.ledger.wire
    assert canary.found_in(running.ledger.wire.decode("latin-1")) == []
    assert canary.found_in("".join(attempt.texts for attempt in attempts)) == []


def test_every_cell_is_tested_or_has_a_reason_not_to_exist() -> None:
    tested = {(param.values[0], param.values[1]) for param in CELLS}
    assert tested | set(NO_CELL) == set(product(Security, Server))
    assert tested & set(NO_CELL) == set()


@pytest.mark.parametrize(("security", "server", "password", "expected"), CELLS)
def test_the_matrix(
    servers: Servers, security: Security, server: Server, password: Password, expected: Outcome
) -> None:
    secret = Secret(canary.PASSWORD if password is Password.RIGHT else canary.PASSWORD[::-1])
    with servers.run(server, security) as running:
        mail, test = both(servers.config(running, security, password=secret), envelope())

    assert (mail.outcome, test.outcome) == (expected, expected)
    if expected.stage is Stage.TLS:
        assert_nothing_given_away(running, (mail, test))
    else:
        assert running.ledger.count("AUTH") == 2
        assert len(running.ledger.bodies) == (2 if expected == SENT else 0)


@pytest.mark.parametrize("security", ENCRYPTED)
def test_what_was_agreed_on_is_told(servers: Servers, security: Security) -> None:
    with servers.run(Server.GOOD, security) as running:
        steps = list(probe(servers.config(running, security), envelope()))

    tls = next(step for step in steps if step.stage is Stage.TLS)
    facts = tls.facts
    assert isinstance(facts, TlsFacts)
    assert facts.certificate is not None
    assert (tls.status, facts.version, facts.verified) == (Status.OK, "TLSv1.3", True)
    assert facts.certificate.sha256 == servers.certificates.good.sha256
    assert facts.certificate.names == ("localhost", "127.0.0.1", "::1")


@pytest.mark.parametrize("security", ENCRYPTED)
@pytest.mark.parametrize("server", BAD_CERTIFICATES)
def test_a_certificate_that_fails_is_shown(servers: Servers, security: Security, server: Server) -> None:
    with servers.run(server, security) as running:
        attempts = both(servers.config(running, security), envelope())

    for attempt in attempts:
        assert attempt.error is not None
        assert attempt.error.certificate is not None
        assert attempt.error.certificate.sha256 == servers.certificate(server).sha256
    # It takes a second handshake to see it, which must give away as little as the first.
    assert_nothing_given_away(running, attempts)


@pytest.mark.parametrize("security", ENCRYPTED)
@pytest.mark.parametrize(("server", "length"), [(Server.GOOD, 2), (Server.INTERMEDIATE_MISSING, 1)])
def test_what_was_sent_along_is_shown_too(servers: Servers, security: Security, server: Server, length: int) -> None:
    with servers.run(server, security) as running:
        attempts = both(servers.config(running, security, ca_pem=servers.certificates.unknown_ca_pem), envelope())

    sent = from_pem(servers.certificate(server).chain.read_text())
    for attempt in attempts:
        assert attempt.error is not None
        assert attempt.error.chain == sent[:length]
        assert [each.pem for each in attempt.error.chain] == [each.pem for each in sent[:length]]


@pytest.mark.parametrize("security", ENCRYPTED)
def test_an_address_in_place_of_a_name_is_checked_too(servers: Servers, security: Security) -> None:
    with servers.run(Server.GOOD, security) as running:
        good = both(servers.config(running, security, host="127.0.0.1"), envelope())
    with servers.run(Server.WRONG_NAME, security) as running:
        bad = both(servers.config(running, security, host="127.0.0.1"), envelope())

    assert [attempt.outcome for attempt in good] == [SENT, SENT]
    assert [attempt.outcome for attempt in bad] == [refused(Stage.TLS, Cause.TLS_WRONG_NAME)] * 2
    assert_nothing_given_away(running, bad)


@pytest.mark.parametrize("security", ENCRYPTED)
def test_an_authority_of_the_profile_is_trusted(servers: Servers, security: Security) -> None:
    with servers.run(Server.UNKNOWN_CA, security) as running:
        config = servers.config(running, security, ca_pem=servers.certificates.unknown_ca_pem)
        attempts = both(config, envelope())

    assert [attempt.outcome for attempt in attempts] == [SENT, SENT]


@pytest.mark.parametrize("security", ENCRYPTED)
def test_a_self_signed_certificate_may_be_its_own_authority(servers: Servers, security: Security) -> None:
    with servers.run(Server.SELF_SIGNED, security) as running:
        config = servers.config(running, security, ca_pem=servers.certificates.self_signed.chain.read_text())
        attempts = both(config, envelope())

    assert [attempt.outcome for attempt in attempts] == [SENT, SENT]


@pytest.mark.parametrize("security", ENCRYPTED)
def test_an_authority_of_the_profile_excuses_nothing_else(servers: Servers, security: Security) -> None:
    expected = {server: refused(Stage.TLS, BAD_CERTIFICATES[server]) for server in (Server.EXPIRED, Server.WRONG_NAME)}
    found = {}
    for server in expected:
        with servers.run(server, security) as running:
            attempts = both(servers.config(running, security), envelope())
        assert_nothing_given_away(running, attempts)
        found[server] = attempts[0].outcome
    assert found == expected


@pytest.mark.parametrize("security", ENCRYPTED)
@pytest.mark.parametrize("server", [Server.GOOD, *BAD_CERTIFICATES])
def test_a_pinned_certificate_needs_nothing_else(servers: Servers, security: Security, server: Server) -> None:
    pin = servers.certificate(server).sha256
    with servers.run(server, security) as running:
        attempts = both(servers.config(running, security, ca_pem="", pinned_sha256=pin), envelope())

    assert [attempt.outcome for attempt in attempts] == [SENT, SENT]


@pytest.mark.parametrize("security", ENCRYPTED)
@pytest.mark.parametrize("verify", [True, False])
def test_another_certificate_than_the_pinned_one_fails_before_auth(
    servers: Servers, security: Security, verify: bool
) -> None:
    pin = servers.certificates.self_signed.sha256
    with servers.run(Server.GOOD, security) as running:
        attempts = both(servers.config(running, security, pinned_sha256=pin, verify=verify), envelope())

    assert [attempt.outcome for attempt in attempts] == [refused(Stage.TLS, Cause.TLS_PIN_MISMATCH)] * 2
    assert_nothing_given_away(running, attempts)
    for attempt in attempts:
        assert attempt.error is not None
        assert attempt.error.certificate is not None
        assert attempt.error.certificate.sha256 == servers.certificates.good.sha256


@pytest.mark.parametrize("security", ENCRYPTED)
@pytest.mark.parametrize("server", BAD_CERTIFICATES)
def test_skipping_verification_takes_any_certificate_and_says_so(
    servers: Servers, security: Security, server: Server
) -> None:
    with servers.run(server, security) as running:
        _, test = both(servers.config(running, security, ca_pem="", verify=False), envelope())

    assert test.outcome == SENT
    tls = next(step for step in test.steps if step.stage is Stage.TLS)
    assert isinstance(tls.facts, TlsFacts)
    assert (tls.status, tls.facts.verified) == (Status.WARNING, False)


@pytest.mark.parametrize(
    ("security", "server", "cause"),
    [
        (Security.IMPLICIT_TLS, Server.TLS_1_1, Cause.TLS_VERSION),
        (Security.STARTTLS, Server.TLS_1_1, Cause.TLS_VERSION),
        (Security.STARTTLS, Server.STRIPPED, Cause.STARTTLS_MISSING),
        (Security.STARTTLS, Server.INJECTED, Cause.STARTTLS_INJECTED),
    ],
)
def test_skipping_verification_skips_nothing_else(
    servers: Servers, security: Security, server: Server, cause: Cause
) -> None:
    with servers.run(server, security) as running:
        attempts = both(servers.config(running, security, verify=False), envelope())

    assert [attempt.outcome for attempt in attempts] == [refused(Stage.TLS, cause)] * 2
    assert_nothing_given_away(running, attempts)


def test_the_old_server_of_the_matrix_does_serve_old_clients(servers: Servers) -> None:
    client = ssl.create_default_context(cafile=servers.certificates.ca_file)
    only_tls_1_1(client)
    with (
        servers.run(Server.TLS_1_1, Security.IMPLICIT_TLS) as running,
        socket.create_connection(("127.0.0.1", running.port)) as sock,
        client.wrap_socket(sock, server_hostname="localhost") as wrapped,
    ):
        assert wrapped.version() == "TLSv1.1"


@pytest.mark.parametrize(("store", "expected"), [("the tests' own", "sent"), ("the system's", "tls_unknown_ca")])
def test_a_profile_without_an_authority_trusts_the_systems(servers: Servers, store: str, expected: str) -> None:
    program = (
        "import json, sys; from smtpadmin.smtp import *; "
        "config = ServerConfig(host='localhost', port=int(sys.argv[1]), security=Security.IMPLICIT_TLS); "
        "step = list(probe(config, Envelope('a@example.com', ('b@example.org',), b'Subject: x\\r\\n\\r\\n')))[-1]; "
        "print(json.dumps(step.error.cause if step.error else 'sent'))"
    )
    # Where this variable is set, OpenSSL takes its trust store from there.
    environment = {"SSL_CERT_FILE": str(servers.certificates.ca_file)} if store == "the tests' own" else {}
    with servers.run(Server.GOOD, Security.IMPLICIT_TLS) as running:
        found = run_python("-c", program, str(running.port), environment=environment)
    assert found == expected


@pytest.mark.parametrize("sent", [b"", b"220 mail.example.com\r\n"])
@pytest.mark.parametrize("error_was_read", [True, False])
def test_a_connection_that_is_gone_before_the_handshake_is_no_fault_of_tls(sent: bytes, error_was_read: bool) -> None:
    config = ServerConfig(host="localhost", port=465, security=Security.IMPLICIT_TLS)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        server.sendall(sent)
        # RST in place of FIN.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()
        assert wait_until(lambda: _is_reset(client, read_error=error_was_read), seconds=2)
        with pytest.raises(TlsError) as failed:
            protect(client, config, until=monotonic() + 1)

    assert (failed.value.cause, failed.value.temporary) == (Cause.CONNECTION_CLOSED, True)


def _is_reset(sock: socket.socket, *, read_error: bool) -> bool:
    try:
        sock.getpeername()
    except OSError:
        assert not read_error or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return True
    return False
