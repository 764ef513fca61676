"""SMTP itself: sessions, transfers and probes over sockets and `ssl`. Standard library only; no Django, no database.

    config        what describes a server            session    connect, TLS, EHLO, AUTH, as steps
    errors        what can go wrong, by phase        transfer   MAIL, RCPT, DATA; a result per recipient
    replies       what the server said               pipeline   many messages in few round trips
    content       what may go on the wire            probe      all stages in steps, for the test button
    secrets       texts that do not print            steps      what happened at each stage, with its facts
    transaction   an envelope, and its result        certificates, network, addresses: values and their grammar

These are served by, and callers need not know, `opening` (the stages up to AUTH), `conversation` (commands and replies,
deadlines, cleaning), `flight` (commands sent together), `transcript`, `wire` (bytes and bounds), `dialing` (DNS and
TCP), `tls`, `sasl` and `der`.
"""

from smtpadmin.smtp.addresses import ascii_domain, check_address, wire_address
from smtpadmin.smtp.certificates import Certificate, CertificateError
from smtpadmin.smtp.config import ConfigError, Deadlines, Security, ServerConfig, SignIn
from smtpadmin.smtp.content import check_content, serialise
from smtpadmin.smtp.errors import (
    AuthError,
    Cause,
    ConnectError,
    ContentError,
    DataError,
    HelloError,
    RecipientError,
    SenderError,
    SmtpError,
    Stage,
    TlsError,
    UncertainError,
)
from smtpadmin.smtp.network import AddressPolicy
from smtpadmin.smtp.pipeline import MOST_BYTES, transmit_in_chunks, transmit_in_groups
from smtpadmin.smtp.probe import probe
from smtpadmin.smtp.replies import Reply, printable
from smtpadmin.smtp.secrets import Scrubber, Secret, live_secrets, scrub
from smtpadmin.smtp.session import Session
from smtpadmin.smtp.steps import (
    AuthFacts,
    DataFacts,
    DnsFacts,
    EhloFacts,
    Facts,
    RcptFacts,
    Status,
    Step,
    TcpFacts,
    TlsFacts,
    stages,
)
from smtpadmin.smtp.transaction import Envelope, RecipientResult, Result, Verdict
from smtpadmin.smtp.transfer import transmit, transmitting

__all__ = [
    "MOST_BYTES",
    "AddressPolicy",
    "AuthError",
    "AuthFacts",
    "Cause",
    "Certificate",
    "CertificateError",
    "ConfigError",
    "ConnectError",
    "ContentError",
    "DataError",
    "DataFacts",
    "Deadlines",
    "DnsFacts",
    "EhloFacts",
    "Envelope",
    "Facts",
    "HelloError",
    "RcptFacts",
    "RecipientError",
    "RecipientResult",
    "Reply",
    "Result",
    "Scrubber",
    "Secret",
    "Security",
    "SenderError",
    "ServerConfig",
    "Session",
    "SignIn",
    "SmtpError",
    "Stage",
    "Status",
    "Step",
    "TcpFacts",
    "TlsError",
    "TlsFacts",
    "UncertainError",
    "Verdict",
    "ascii_domain",
    "check_address",
    "check_content",
    "live_secrets",
    "printable",
    "probe",
    "scrub",
    "serialise",
    "stages",
    "transmit",
    "transmit_in_chunks",
    "transmit_in_groups",
    "transmitting",
    "wire_address",
]
