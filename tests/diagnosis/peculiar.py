"""Servers that are peculiar about TLS: what each does to its context."""

import ssl
import warnings
from collections.abc import Callable, Mapping
from typing import Final


def _only_tls_1_1(context: ssl.SSLContext) -> None:
    # OpenSSL's distributors switch it off, and its security level too.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT@SECLEVEL=0")


def _knows_no_such_name(context: ssl.SSLContext) -> None:
    """Serve only the names that it knows, of which the client's is none."""
    context.sni_callback = lambda _tls, _name, _context: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def _wants_a_client_certificate(context: ssl.SSLContext) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def _wants_a_client_certificate_1_3(context: ssl.SSLContext) -> None:
    context.verify_mode = ssl.CERT_REQUIRED


def _has_other_ciphers(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("CAMELLIA:@SECLEVEL=0")


CONTEXTS: Final[Mapping[str, Callable[[ssl.SSLContext], None]]] = {
    "only TLS 1.1": _only_tls_1_1,
    "knows no such name": _knows_no_such_name,
    "wants a client certificate": _wants_a_client_certificate,
    "wants a client certificate, TLS 1.3": _wants_a_client_certificate_1_3,
    "has other ciphers": _has_other_ciphers,
}
