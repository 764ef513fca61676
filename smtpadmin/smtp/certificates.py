"""What a server's certificate says, read from its DER form.

Nothing here decides whether a certificate is good: OpenSSL does that during the handshake (`tls.py`).
"""

import hashlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address

from smtpadmin.smtp import der
from smtpadmin.smtp.replies import printable

# Names of the attributes that people look at (RFC 4519); the others are left out of the text.
_ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.6": "C",
    "1.2.840.113549.1.9.1": "E",
}
_SUBJECT_ALT_NAME = "2.5.29.17"
_STRING_CODECS = {0x1E: "utf-16-be", 0x1C: "utf-32-be"}  # BMPString, UniversalString; the rest read as UTF-8

# Context-specific tags inside a certificate (RFC 5280 4.1) and inside a GeneralName (4.2.1.6).
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87

# A page shows them; a certificate with thousands of names is real.
_MAX_NAMES = 100
_MAX_TEXT = 255


class CertificateError(ValueError):
    """The bytes, or the PEM text, do not hold a certificate."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate, as far as a person needs to see it."""

    subject: str
    #: DNS names and IP addresses that it is for.
    names: tuple[str, ...]
    issuer: str
    not_before: datetime
    not_after: datetime
    #: SHA-256 of the DER form, in lower-case hexadecimal: what a pin compares.
    sha256: str
    #: The certificate itself; empty where it may not be passed on.
    der: bytes = field(default=b"", repr=False, compare=False)

    @property
    def pem(self) -> str:
        """The certificate as people paste it."""
        return ssl.DER_cert_to_PEM_cert(self.der) if self.der else ""

    @property
    def self_issued(self) -> bool:
        """Subject and issuer are the same: nobody else vouches for it."""
        return self.subject == self.issuer


def fingerprint(data: bytes) -> str:
    """Return the SHA-256 of a certificate's DER form, in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def from_der(data: bytes) -> Certificate:
    """Return what the certificate in `data` says."""
    try:
        return _read(data)
    except (der.DerError, ValueError, IndexError, OverflowError) as error:
        raise CertificateError(f"This is not a certificate that can be read: {error}.") from None


def from_pem(text: str) -> tuple[Certificate, ...]:
    """Return the certificates in `text`, at least one: what an operator pasted as a trust anchor."""
    blocks = text.split(ssl.PEM_HEADER)[1:]
    if not blocks:
        raise CertificateError(f"A certificate starts with {ssl.PEM_HEADER}.")
    return tuple(from_der(_block(block)) for block in blocks)


def _block(block: str) -> bytes:
    body, footer, _ = block.partition(ssl.PEM_FOOTER)
    if not footer:
        raise CertificateError(f"A certificate ends with {ssl.PEM_FOOTER}.")
    try:
        return ssl.PEM_cert_to_DER_cert(f"{ssl.PEM_HEADER}\n{body.strip()}\n{ssl.PEM_FOOTER}\n")
    except ValueError:
        raise CertificateError("The text between the certificate's first and last line is not base64.") from None


def _read(data: bytes) -> Certificate:
    # Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serial, signature, issuer, validity, subject,
    # subjectPublicKeyInfo, ... [3] extensions }, ... }  (RFC 5280 4.1)
    body = list(der.elements(der.only(der.only(data, tag=der.SEQUENCE), tag=der.SEQUENCE)))
    fields = body[1:] if body[0].tag == _VERSION else body
    issuer, validity, subject = fields[2], fields[3], fields[4]
    not_before, not_after = (_time(element) for element in list(der.elements(validity.value))[:2])
    return Certificate(
        subject=_name(subject.value),
        names=tuple(_names(body)),
        issuer=_name(issuer.value),
        not_before=not_before,
        not_after=not_after,
        sha256=fingerprint(data),
        der=data,
    )


def _name(data: bytes) -> str:
    parts = []
    for relative in der.elements(data):
        for attribute in der.elements(relative.value):
            kind, value = list(der.elements(attribute.value))[:2]
            if label := _ATTRIBUTES.get(der.object_identifier(kind.value)):
                parts.append(f"{label}={_text(value)}")
    return ", ".join(reversed(parts))


def _text(element: der.Element) -> str:
    codec = _STRING_CODECS.get(element.tag, "utf-8")
    return printable(element.value.decode(codec, "replace"))[:_MAX_TEXT]


def _time(element: der.Element) -> datetime:
    text = element.value.decode("ascii")
    if element.tag == der.UTC_TIME:
        # RFC 5280 4.1.2.5.1: two-digit years from 50 on belong to the twentieth century.
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    elif element.tag != der.GENERALIZED_TIME:
        raise der.DerError("a date of another kind")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _names(body: list[der.Element]) -> Iterator[str]:
    general_names = _subject_alt_name(body)
    for count, element in enumerate(der.elements(general_names)):
        if count == _MAX_NAMES:
            return
        if element.tag == _DNS_NAME:
            yield _text(element)
        elif element.tag == _IP_ADDRESS:
            yield str(ip_address(element.value))


def _subject_alt_name(body: list[der.Element]) -> bytes:
    for element in body:
        if element.tag != _EXTENSIONS:
            continue
        for extension in der.elements(der.only(element.value, tag=der.SEQUENCE)):
            kind, *_, value = der.elements(extension.value)
            if der.object_identifier(kind.value) == _SUBJECT_ALT_NAME:
                return der.only(value.value, tag=der.SEQUENCE)
    return b""
