"""TLS on a connected socket: which certificate is good enough, and why one was not.

At least TLS 1.2, also where the certificate is not checked (RFC 8996). STARTTLS is `opening.py`'s part.
"""

import hmac
import socket
import ssl
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic

from smtpadmin.smtp.certificates import Certificate, CertificateError, fingerprint, from_der
from smtpadmin.smtp.config import ServerConfig
from smtpadmin.smtp.errors import Cause, TlsError

# X509_V_ERR_* of OpenSSL's x509_vfy.h, stable for decades.
_BY_VERIFY_CODE = {
    9: (Cause.TLS_NOT_YET_VALID, "The server's certificate is not valid yet"),
    10: (Cause.TLS_EXPIRED, "The server's certificate has expired"),
    18: (Cause.TLS_SELF_SIGNED, "The server's certificate is self-signed"),
    2: (Cause.TLS_UNKNOWN_CA, "The server's certificate is from an unknown authority"),
    19: (Cause.TLS_UNKNOWN_CA, "The server's certificate is from an unknown authority"),
    20: (Cause.TLS_UNKNOWN_CA, "The server's certificate is from an unknown authority"),
    21: (Cause.TLS_UNKNOWN_CA, "The server's certificate is from an unknown authority"),
    62: (Cause.TLS_WRONG_NAME, "The server's certificate is for another name"),
    64: (Cause.TLS_WRONG_NAME, "The server's certificate is for another address"),
}
_BY_REASON = {
    # The bytes that came are no TLS record. Which of these OpenSSL says depends on its version and on the bytes.
    "WRONG_VERSION_NUMBER": Cause.PLAIN_ON_TLS_PORT,
    "RECORD_LAYER_FAILURE": Cause.PLAIN_ON_TLS_PORT,
    "PACKET_LENGTH_TOO_LONG": Cause.PLAIN_ON_TLS_PORT,
    "UNKNOWN_PROTOCOL": Cause.PLAIN_ON_TLS_PORT,
    # It speaks older versions only.
    "UNSUPPORTED_PROTOCOL": Cause.TLS_VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": Cause.TLS_VERSION,
    "NO_PROTOCOLS_AVAILABLE": Cause.TLS_VERSION,
    "UNSUPPORTED_SSL_VERSION": Cause.TLS_VERSION,
}
_WORDS = {
    Cause.PLAIN_ON_TLS_PORT: "The server answered in plain text where TLS was expected",
    Cause.TLS_VERSION: "The server speaks no TLS version from 1.2 on",
}

# ENCODING_DER of CPython's _ssl.
_DER = 2
# A server that means well sends three or four.
_LONGEST_CHAIN = 10

#: Failures of the certificate itself, for which it helps to see it.
ABOUT_CERTIFICATE = frozenset(cause for cause, _ in _BY_VERIFY_CODE.values()) | {Cause.TLS_FAILED}


@dataclass(frozen=True, slots=True)
class Protected:
    """A socket after its handshake. `verified` is False where the certificate was not checked at all."""

    sock: ssl.SSLSocket
    version: str
    cipher: str
    certificate: Certificate | None
    verified: bool


def protect(sock: socket.socket, config: ServerConfig, *, until: float) -> Protected:
    """Do the handshake on `sock` and check the certificate as `config` wants it. Raises `TlsError`.

    Nothing but the handshake has been sent when this returns. `sock` is closed when it does not.
    """
    failure = None
    wrapped = None
    try:
        context = _context(verify=config.verify and not config.pinned_sha256, ca_pem=config.ca_pem)
        wrapped = _wrap(sock, context, server_name=config.host)
        wrapped.settimeout(max(until - monotonic(), 0.001))
        wrapped.do_handshake()
    except (OSError, ValueError) as error:
        (wrapped or sock).close()
        failure = _failure(error)
    if failure is not None or wrapped is None:
        raise failure or TlsError("The TLS handshake failed.", cause=Cause.TLS_FAILED)
    data = wrapped.getpeercert(binary_form=True) or b""
    if config.pinned_sha256 and not hmac.compare_digest(fingerprint(data), config.pinned_sha256):
        chain = _chain(wrapped)
        wrapped.close()
        raise TlsError("The server's certificate is not the pinned one.", cause=Cause.TLS_PIN_MISMATCH, chain=chain)
    cipher = wrapped.cipher()
    return Protected(
        sock=wrapped,
        version=wrapped.version() or "",
        cipher=cipher[0] if cipher else "",
        certificate=_read(data),
        verified=config.verify or bool(config.pinned_sha256),
    )


def inspect(sock: socket.socket, *, server_name: str, until: float) -> tuple[Certificate, ...]:
    """Return the certificates that the server at `sock` presents, unchecked: to be shown, never to be trusted.

    OpenSSL does not give out a certificate that it has refused, hence a second handshake, on a connection of its own.
    Nothing is sent over it, and it is closed before this returns. None of them: there was no handshake.
    """
    wrapped = None
    try:
        context = _context(verify=False, ca_pem="")
        wrapped = _wrap(sock, context, server_name=server_name)
        wrapped.settimeout(max(until - monotonic(), 0.001))
        wrapped.do_handshake()
        return _chain(wrapped)
    except (OSError, ValueError):
        return ()
    finally:
        (wrapped or sock).close()


def _wrap(sock: socket.socket, context: ssl.SSLContext, *, server_name: str) -> ssl.SSLSocket:
    # Raises where the connection is gone already: wrap_socket would call that a failed handshake, or nothing at all,
    # and before Python 3.13 leave the socket open (measured).
    sock.getpeername()
    return context.wrap_socket(sock, server_hostname=server_name, do_handshake_on_connect=False)


# Loading the system's trust store takes 10 ms and more (measured), as long as the whole rest of a connection on a
# local network; a context serves any number of connections and threads.
@lru_cache(maxsize=64)
def _context(*, verify: bool, ca_pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_pem.strip():
        context.load_verify_locations(cadata=ca_pem)
        # What the operator pasted is trusted as it is, an intermediate or the server's own certificate too.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _failure(error: OSError | ValueError) -> TlsError:
    if isinstance(error, ssl.SSLCertVerificationError):
        cause, words = _BY_VERIFY_CODE.get(
            error.verify_code, (Cause.TLS_FAILED, "The server's certificate cannot be trusted")
        )
        return TlsError(f"{words} ({error.verify_message}).", cause=cause)
    if isinstance(error, TimeoutError):
        return TlsError("The TLS handshake took too long.", cause=Cause.DEADLINE_EXCEEDED)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or not isinstance(error, ssl.SSLError | ValueError):
        return TlsError("The server closed the connection during the TLS handshake.", cause=Cause.CONNECTION_CLOSED)
    reason = (error.reason if isinstance(error, ssl.SSLError) else "") or "no reason given"
    cause = _BY_REASON.get(reason, Cause.TLS_FAILED)
    return TlsError(f"{_WORDS.get(cause, 'The TLS handshake failed')} ({reason}).", cause=cause)


def _chain(sock: ssl.SSLSocket) -> tuple[Certificate, ...]:
    """Return what the server sent, its own certificate first."""
    read = (_read(data) for data in _sent(sock)[:_LONGEST_CHAIN])
    return tuple(certificate for certificate in read if certificate is not None)


def _sent(sock: ssl.SSLSocket) -> list[bytes]:
    if hasattr(sock, "get_unverified_chain"):
        return list(sock.get_unverified_chain())
    # Python 3.13 has a public name for what is there since 3.10; truststore, which pip uses, asks in this way too.
    found = sock._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]  # noqa: SLF001
    return [certificate.public_bytes(_DER) for certificate in found]


def _read(data: bytes) -> Certificate | None:
    try:
        return from_der(data)
    except CertificateError:
        return None
