"""Traps that were measured in what everybody uses, each shown next to how it is done here.

The naive way is smtplib, Django's SMTP backend, Fernet, the email package or ipaddress of the Python that runs this.
Where its behaviour differs between Python versions, the test says for which one it was measured.
"""

import smtplib
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as SMTP_POLICY
from ipaddress import ip_address, ip_network
from time import monotonic

import pytest
from cryptography.fernet import Fernet
from django.core.mail import EmailMessage as DjangoMessage
from django.core.mail.backends.smtp import EmailBackend as DjangoBackend

from smtpadmin.crypto import Keyring, WrongContext, generate_key
from smtpadmin.smtp import (
    AddressPolicy,
    Cause,
    ContentError,
    Envelope,
    Security,
    ServerConfig,
    Stage,
    Verdict,
    serialise,
)
from tests.smtp.hostile_cases import CALM, DEADLINE, GRACE, deadlines_of
from tests.support import canary
from tests.support.attempts import CONTENT, RECIPIENT, SENDER, SENT, UNCERTAIN, deferred, envelope, refused, send
from tests.support.behaviours import as_base64, close, echo, ehlo, raw, say, then
from tests.support.certificates import CertificateFactory
from tests.support.hostile import HostileServer, Phase, Script, hostile_server
from tests.support.peer import Peer
from tests.support.processes import run_python
from tests.support.smtpd import StartServer

#: The Python versions on which the email package and ipaddress were looked at.
MEASURED = ((3, 11, 7), (3, 12, 1), (3, 13, 0))
THIS_PYTHON = sys.version_info[:3]

_MEBIBYTE = 1024 * 1024


@contextmanager
def naive(server: HostileServer, *, timeout: float = 2) -> Iterator[smtplib.SMTP]:
    """Connect with smtplib, and drop the connection at the end whatever state it is in."""
    client = smtplib.SMTP(server.host, server.port, timeout=timeout)
    try:
        yield client
    finally:
        client.close()


# Recipients


def test_a_refused_recipient_among_accepted_ones_is_not_lost() -> None:
    script: Script = {Phase.RCPT: [say("250 ok"), say("550 5.1.1 nobody")]}
    recipients = ["a@example.org", "b@example.org"]
    with hostile_server(script) as server:
        django = DjangoBackend(
            host=server.host, port=server.port, username="", password="", use_tls=False, use_ssl=False, alias="naive"
        )
        sent = django.send_messages([DjangoMessage("Test", "Hello.", SENDER, recipients)])
        ours = send(server.config(deadlines=CALM), envelope(*recipients))

    assert sent == 1  # no exception, and nothing that names b@example.org
    assert [(item.recipient, item.verdict) for item in ours.recipients] == [
        ("a@example.org", Verdict.SENT),
        ("b@example.org", Verdict.REFUSED),
    ]
    refusal = ours.recipients[1].reply
    assert refusal is not None
    assert (refusal.code, refusal.enhanced, refusal.text) == (550, "5.1.1", "5.1.1 nobody")


# QUIT


def test_a_bad_quit_after_acceptance_is_no_failure() -> None:
    with hostile_server({Phase.QUIT: raw(b"221 " + b"x" * 10_000 + b"\r\n")}) as server:
        with (
            pytest.raises(smtplib.SMTPResponseException) as failed,
            smtplib.SMTP(server.host, server.port, timeout=2) as client,
        ):
            client.sendmail(SENDER, [RECIPIENT], CONTENT)
        ours = send(server.config(deadlines=CALM), envelope())
        bodies = len(server.ledger.bodies)

    assert failed.value.smtp_code == 500  # "permanent failure", of a message that was taken
    assert ours.outcome == SENT
    assert bodies == 2


# Codes


@pytest.mark.parametrize(
    ("answer", "naive_code", "outcome"),
    [
        pytest.param(b"250 " + b"x" * 10_000 + b"\r\n", 500, UNCERTAIN, id="an over-long 250 becomes 500"),
        pytest.param(b"done\r\n", -1, UNCERTAIN, id="garbage becomes -1"),
        pytest.param(b"251 ok\r\n", 251, SENT, id="251 becomes an error"),
    ],
)
def test_no_code_is_made_up(answer: bytes, naive_code: int, outcome: object) -> None:
    with hostile_server({Phase.DOT: raw(answer)}) as server:
        with naive(server) as client, pytest.raises(smtplib.SMTPResponseException) as failed:
            client.sendmail(SENDER, [RECIPIENT], CONTENT)
        ours = send(server.config(deadlines=CALM), envelope())

    assert failed.value.smtp_code == naive_code
    assert ours.outcome == outcome
    assert ours.error is None or ours.error.reply is None


# Deadlines and bounds


def test_a_deadline_is_for_the_whole_reply_and_not_for_each_byte() -> None:
    def in_small_pieces(peer: Peer) -> None:
        for byte in b"220 mail.example.com\r\n":
            peer.send(bytes([byte]))
            peer.wait(0.1)

    script: Script = {Phase.GREETING: in_small_pieces}
    with hostile_server(script) as server:
        started = monotonic()
        with naive(server, timeout=DEADLINE):
            waited = monotonic() - started
        ours = send(server.config(deadlines=deadlines_of(script)), envelope())

    assert waited > 3 * DEADLINE
    assert ours.outcome == deferred(Stage.EHLO, Cause.DEADLINE_EXCEEDED)
    assert ours.seconds < DEADLINE + GRACE


def test_a_reply_without_end_is_not_kept() -> None:
    def much(peer: Peer) -> None:
        for _ in range(64):
            peer.send(b"220-mail.example.com\r\n" * (_MEBIBYTE // 22))

    program = (
        "import json, smtplib, sys; from tests.smtp.measure_memory import forget_peak, peak\n"
        "forget_peak(); before = peak()\n"
        "try: smtplib.SMTP('127.0.0.1', int(sys.argv[1]), timeout=5)\n"
        "except smtplib.SMTPException: pass\n"
        "print(json.dumps(peak() - before))"
    )
    with hostile_server({Phase.GREETING: then(much, close)}) as server:
        naive_growth = run_python("-c", program, str(server.port))
        ours = run_python("-m", "tests.smtp.measure_memory", str(server.port), "none", "/dev/null")

    assert naive_growth > 64 * _MEBIBYTE
    assert ours["cause"] == "reply_too_long"
    assert ours["growth"] < 10 * _MEBIBYTE


# Attempts to sign in


def test_one_wrong_password_is_one_failed_login() -> None:
    script: Script = {Phase.EHLO: ehlo("AUTH CRAM-MD5 PLAIN LOGIN"), Phase.AUTH: _refuse_any_sign_in}
    with hostile_server(script) as server:
        with naive(server) as client, pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("notify@example.com", "wrong")
        tried_naively = server.ledger.count("AUTH")
        ours = send(server.config(deadlines=CALM), envelope())
        tried = server.ledger.count("AUTH") - tried_naively

    assert tried_naively == 3
    assert (tried, ours.outcome) == (1, refused(Stage.AUTH, Cause.AUTH_REFUSED))


def _refuse_any_sign_in(peer: Peer) -> None:
    if not peer.line.upper().startswith(b"AUTH PLAIN "):
        say("334 PDEyMzRAZXhhbXBsZT4=")(peer)
        peer.read_line()
    say("535 5.7.8 no")(peer)


# Echoed passwords


def test_a_server_that_repeats_the_password_does_not_get_it_into_texts() -> None:
    script: Script = {
        Phase.EHLO: ehlo("AUTH PLAIN"),
        Phase.AUTH: echo("535 5.7.8 rejected: AUTH PLAIN {}", as_base64),
    }
    # smtplib cannot send a password beyond ASCII at all.
    ascii_only = canary.PASSWORD.encode("ascii", "ignore")
    with hostile_server(script) as server:
        with naive(server) as client, pytest.raises(smtplib.SMTPAuthenticationError) as failed:
            client.login(canary.USERNAME, ascii_only.decode())
        ours = send(server.config(deadlines=CALM), envelope())

    assert as_base64(f"\0{canary.USERNAME}\0".encode() + ascii_only) in str(failed.value)
    assert canary.found_in(ours.texts) == []
    assert ours.error is not None
    assert ours.error.reply is not None
    assert ours.error.reply.text == "5.7.8 rejected: AUTH PLAIN ***"


# Certificates


def test_starttls_means_a_certificate_that_was_checked(certificates: CertificateFactory) -> None:
    script: Script = {Phase.AUTH: say("235 2.7.0 welcome")}
    with hostile_server(script, context=certificates.self_signed.context()) as server:
        with naive(server) as client:
            client.starttls()  # without a context
            client.login(canary.USERNAME, "given away")
        given_away = server.ledger.count("AUTH")
        ours = send(server.config(Security.STARTTLS, deadlines=CALM), envelope())
        server.settle()

    assert given_away == 1
    assert ours.outcome == refused(Stage.TLS, Cause.TLS_SELF_SIGNED)
    assert server.ledger.count("AUTH") == given_away


# Sealed passwords


def test_a_sealed_password_does_not_open_in_another_row() -> None:
    key = generate_key()
    fernet, keyring = Fernet(key), Keyring([key])
    token = fernet.encrypt(b"password of row 1")
    sealed = keyring.seal("profile:1:mail.example.com", b"password of row 1")

    assert fernet.decrypt(token) == b"password of row 1"  # nothing ties it to row 1
    assert keyring.open("profile:1:mail.example.com", sealed) == b"password of row 1"
    with pytest.raises(WrongContext):
        keyring.open("profile:2:mail.example.net", sealed)


def test_a_sealed_password_does_not_tell_its_length() -> None:
    key = generate_key()
    fernet, keyring = Fernet(key), Keyring([key])
    passwords = [b"x" * length for length in (8, 16, 32)]

    assert len({len(fernet.encrypt(password)) for password in passwords}) == 3
    assert len({len(keyring.seal("profile:1", password)) for password in passwords}) == 1


# Ends of lines and messages


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n\x00.\r\n"])
def test_what_another_server_could_take_for_the_end_of_the_message_is_not_sent(
    smtp_server: StartServer, end: bytes
) -> None:
    smuggled = b"Subject: one\r\n\r\nfirst" + end + b"MAIL FROM:<x@example.com>\r\n"
    server = smtp_server(auth_required=False)
    with smtplib.SMTP(server.host, server.port, timeout=2) as client:
        client.sendmail(SENDER, [RECIPIENT], smuggled)
    ours = send(server.config(), envelope(content=smuggled))

    # aiosmtpd takes all of them, so it cannot be the judge of what leaves here; smtplib sends a bare CR as it is.
    assert [b"first" in message.content for message in server.messages] == [True]
    assert ours.outcome == refused(Stage.DATA, Cause.BAD_LINE)


def test_smtplib_puts_a_bare_carriage_return_on_the_wire() -> None:
    with hostile_server() as server, naive(server) as client:
        client.sendmail(SENDER, [RECIPIENT], b"Subject: one\r\n\r\nfirst\r.\r\nQUIT\r\n")
        assert b"first\r.\r\nQUIT\r\n" in server.ledger.received


def test_dots_at_line_starts_arrive_as_they_were(smtp_server: StartServer) -> None:
    content = b"Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\nnot.\r\n.\r\n"
    server = smtp_server()
    assert send(server.config(), envelope(content=content)).outcome == SENT
    assert [message.content for message in server.messages] == [content]


# STARTTLS


def test_what_comes_between_the_220_and_tls_ends_the_session(certificates: CertificateFactory) -> None:
    injected = then(raw(b"220 go\r\n250-mail\r\n250 AUTH PLAIN\r\n"), _start_tls_if_asked)
    with hostile_server({Phase.STARTTLS: injected}, context=certificates.good.context()) as server:
        with naive(server) as client:
            client.starttls(context=ssl.create_default_context(cafile=certificates.ca_file))
            client.sendmail(SENDER, [RECIPIENT], CONTENT)
        delivered = len(server.ledger.bodies)
        ours = send(server.config(Security.STARTTLS, ca_pem=certificates.ca_pem, deadlines=CALM), envelope())
        server.settle()

    assert delivered == 1  # smtplib drops the bytes and goes on
    assert ours.outcome == refused(Stage.TLS, Cause.STARTTLS_INJECTED)
    assert len(server.ledger.bodies) == delivered


def _start_tls_if_asked(peer: Peer) -> None:
    peer.start_tls()


# Headers


def _message(**headers: object) -> EmailMessage:
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = SENDER
    for name, value in headers.items():
        message[name] = value
    message.set_content("Hello.")
    return message


def test_a_line_break_in_an_encoded_word_adds_no_header() -> None:
    received = BytesParser(policy=SMTP_POLICY).parsebytes(
        b"Subject: =?utf-8?q?Hello=0D=0ABcc=3A_victim=40example=2Eorg?=\r\n\r\n"
    )
    message = _message(Subject=received["Subject"])

    if THIS_PYTHON in MEASURED:  # CVE-2024-6923
        assert (b"\r\nBcc: victim@example.org\r\n" in message.as_bytes()) is (THIS_PYTHON < (3, 13))
    with pytest.raises(ContentError) as refusal:
        serialise(message)
    assert (refusal.value.stage, refusal.value.cause) == (Stage.DATA, Cause.BAD_HEADER)


def test_a_control_character_in_a_display_name_is_not_sent() -> None:
    message = _message(To=Address("Name\x0bBcc: victim@example.org", "you", "example.org"))

    # Python itself takes VT for a line end (str.splitlines), and so does some code that reads mail.
    assert b'To: "Name\x0bBcc: victim@example.org" <you@example.org>\r\n' in message.as_bytes()
    with pytest.raises(ContentError) as refusal:
        serialise(message)
    assert (refusal.value.stage, refusal.value.cause) == (Stage.DATA, Cause.BAD_HEADER)


def test_a_bare_carriage_return_does_not_end_the_header() -> None:
    content = b"Subject: one\r\rBcc: victim@example.org\r\n\r\nHello.\r\n"
    parsed = BytesParser(policy=SMTP_POLICY).parsebytes(content)

    assert parsed.keys() == ["Subject"]  # the rest is body to this reader, and header to others
    with hostile_server() as server:
        assert send(server.config(deadlines=CALM), envelope(content=content)).outcome == refused(
            Stage.DATA, Cause.BAD_LINE
        )
        assert server.ledger.count("MAIL") == 0


# Addresses


@pytest.mark.parametrize(
    "recipient",
    [
        pytest.param('"foo@psres.net> ORCPT=rfc822;x"@example.org', id="parameters inside a quoted local part"),
        pytest.param("you@example.org\0", id="NUL at the end"),
        pytest.param("you\0@example.org", id="NUL inside"),
        pytest.param("you@example.org> NOTIFY=SUCCESS", id="an angle bracket"),
        pytest.param("you@example.org,other@example.org", id="two addresses"),
        pytest.param("you(comment)@example.org", id="a comment"),
        pytest.param('"a b"@example.org', id="a space inside quotes"),
        pytest.param("@relay.example.net:you@example.org", id="a source route"),
        pytest.param("you@example..org", id="an empty label"),
        pytest.param("you@-example.org", id="a label that starts with a hyphen"),
        pytest.param("you@example.org\r\nRCPT TO:<other@example.org>", id="a line break"),
    ],
)
def test_an_address_that_is_more_than_one_does_not_reach_the_wire(recipient: str) -> None:
    with hostile_server() as server:
        ours = send(server.config(deadlines=CALM), envelope(recipient))
        server.settle()

    assert ours.outcome == refused(Stage.RCPT, Cause.BAD_ADDRESS)
    assert (server.ledger.count("MAIL"), server.ledger.count("RCPT")) == (0, 0)


def test_smtplib_sends_such_addresses() -> None:
    with hostile_server() as server, naive(server) as client:
        client.ehlo()
        client.mail(SENDER)
        client.rcpt('"foo@psres.net> ORCPT=rfc822;x"@example.org')
        client.rcpt("you\0@example.org")
        lines = bytes(server.ledger.received).lower().split(b"\r\n")
    assert b'rcpt to:<"foo@psres.net> orcpt=rfc822;x"@example.org>' in lines
    assert b"rcpt to:<you\0@example.org>" in lines


@pytest.mark.parametrize("utf8", [True, False])
def test_a_local_part_beyond_ascii_is_neither_changed_nor_encoded(utf8: bool) -> None:
    extensions = ("8BITMIME", "AUTH PLAIN", *(("SMTPUTF8",) if utf8 else ()))
    with hostile_server({Phase.EHLO: ehlo(*extensions)}) as server:
        ours = send(server.config(deadlines=CALM), Envelope(SENDER, ("jösé@bücher.example",), CONTENT))
        server.settle()

    if utf8:
        assert ours.outcome == SENT
        assert "RCPT TO:<jösé@xn--bcher-kva.example>".encode() in bytes(server.ledger.received).split(b"\r\n")
    else:
        assert ours.outcome.cause is Cause.UTF8_UNSUPPORTED
        assert server.ledger.count("RCPT") == 0


# Networks


@pytest.mark.parametrize(
    ("form", "naive_says"),
    [
        # What ipaddress says on 3.11.7 and 3.12.1, and on 3.13.0, when asked whether this is a way to loopback.
        pytest.param("127.0.0.1", (True, True), id="plain"),
        pytest.param("::1", (True, True), id="IPv6"),
        pytest.param("::ffff:127.0.0.1", (False, True), id="mapped"),
        pytest.param("::127.0.0.1", (False, False), id="compatible"),
        pytest.param("64:ff9b::7f00:1", (False, False), id="NAT64"),
        pytest.param("64:ff9b:1::7f00:1", (False, False), id="local NAT64"),
        pytest.param("2002:7f00:1::", (False, False), id="6to4"),
        pytest.param("2001::80ff:fffe", (False, False), id="Teredo"),
    ],
)
def test_a_denied_network_is_denied_in_every_form_on_every_python(form: str, naive_says: tuple[bool, bool]) -> None:
    if THIS_PYTHON in MEASURED:
        assert ip_address(form).is_loopback is naive_says[THIS_PYTHON >= (3, 13)]
    policy = AddressPolicy(denied=(ip_network("127.0.0.0/8"), ip_network("::1/128")))
    assert not policy.allows(ip_address(form))


@pytest.mark.parametrize(
    "form",
    ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fd00:ec2::254", "0.0.0.0"],
)
def test_metadata_addresses_are_never_connected_to(form: str) -> None:
    assert not AddressPolicy().allows(ip_address(form))


def test_ipaddress_calls_ways_to_loopback_global() -> None:
    measured = {
        form: ip_address(form).is_global for form in ("64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "100.64.0.1")
    }
    if THIS_PYTHON in MEASURED:
        assert measured == {
            "64:ff9b::7f00:1": True,
            "2002:7f00:1::": THIS_PYTHON < (3, 13),
            "224.0.0.1": True,
            "100.64.0.1": False,
        }
    assert not ip_address("100.64.0.1").is_private


def test_a_denied_address_gets_no_connection() -> None:
    with hostile_server() as server:
        denied = AddressPolicy(denied=(ip_network("127.0.0.0/8"),))
        config = ServerConfig(
            host=server.host, port=server.port, security=Security.NONE, address_policy=denied, deadlines=CALM
        )
        ours = send(config, envelope())

    assert ours.outcome == refused(Stage.DNS, Cause.ADDRESS_DENIED)
    assert server.connections == 0
