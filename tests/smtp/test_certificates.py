"""Tests of `smtpadmin.smtp.certificates` and `der`: reading what strangers send."""

import datetime as dt
import hashlib
import ipaddress
import random
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smtpadmin.smtp import Certificate, CertificateError
from smtpadmin.smtp.certificates import from_der, from_pem
from tests.support.certificates import CertificateFactory

KEY = ec.generate_private_key(ec.SECP256R1())


def make(
    *,
    subject: list[x509.NameAttribute] | None = None,
    names: list[x509.GeneralName] | None = None,
    not_before: dt.datetime = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
    not_after: dt.datetime = dt.datetime(2027, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
) -> bytes:
    """Return the DER form of a certificate."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject or [x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.com")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An Authority")]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_certificate_is_read_in_full() -> None:
    data = make(
        subject=[
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "示例公司"),
            x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.com"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, "left out"),
        ],
        names=[
            x509.DNSName("mail.example.com"),
            x509.DNSName("*.example.com"),
            x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
            x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
            x509.RFC822Name("left@out.example"),
        ],
    )
    assert from_der(data) == Certificate(
        subject="CN=mail.example.com, O=示例公司, C=CN",
        names=("mail.example.com", "*.example.com", "192.0.2.7", "2001:db8::7"),
        issuer="CN=An Authority",
        not_before=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        not_after=dt.datetime(2027, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def test_a_certificate_without_alternative_names_has_none() -> None:
    assert from_der(make()).names == ()


def test_a_certificate_can_be_passed_on_as_it_was_read() -> None:
    data = make()
    assert ssl.PEM_cert_to_DER_cert(from_der(data).pem) == data
    assert from_pem(from_der(data).pem) == (from_der(data),)


@pytest.mark.parametrize("year", [1951, 1999, 2000, 2049, 2050, 9999])
def test_years_are_read_in_both_forms(year: int) -> None:
    late = dt.datetime(year, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    assert from_der(make(not_before=dt.datetime(1950, 1, 1, tzinfo=dt.UTC), not_after=late)).not_after == late


def test_names_are_printable_and_not_too_many() -> None:
    data = make(
        subject=[x509.NameAttribute(NameOID.COMMON_NAME, "a\x1b[31mb\u202ec")],
        names=[x509.DNSName(f"host{number}.example.com") for number in range(500)],
    )
    certificate = from_der(data)
    assert certificate.subject == "CN=a�[31mb�c"
    assert len(certificate.names) == 100


def test_a_self_issued_certificate_says_so(certificates: CertificateFactory) -> None:
    (own,) = from_pem(certificates.self_signed.chain.read_text())
    leaf = from_pem(certificates.good.chain.read_text())[0]
    assert (own.self_issued, leaf.self_issued) == (True, False)
    assert (own.sha256, leaf.sha256) == (certificates.self_signed.sha256, certificates.good.sha256)


def test_it_reads_what_the_system_trusts() -> None:
    trusted = ssl.create_default_context().get_ca_certs(binary_form=True)
    read = [from_der(data) for data in trusted]
    assert all(certificate.subject and certificate.not_before < certificate.not_after for certificate in read)


@pytest.mark.parametrize(
    "data", [b"", b"0", b"0\x80", b"\x30\x84\xff\xff\xff\xff", b"hello, world", b"\x30\x00", bytes(64)]
)
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(CertificateError):
        from_der(data)


def test_a_cut_certificate_is_refused_wherever_it_is_cut() -> None:
    data = make(names=[x509.DNSName("mail.example.com")])
    for length in range(len(data)):
        with pytest.raises(CertificateError):
            from_der(data[:length])


def test_a_damaged_certificate_is_read_or_refused_and_nothing_else() -> None:
    data = bytearray(make(names=[x509.DNSName("mail.example.com"), x509.IPAddress(ipaddress.ip_address("192.0.2.7"))]))
    dice = random.Random(5321)  # noqa: S311 - not for secrets
    for _ in range(3000):
        at = dice.randrange(len(data))
        kept, data[at] = data[at], dice.randrange(256)
        try:
            assert from_der(bytes(data)).sha256
        except CertificateError:
            pass
        finally:
            data[at] = kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nMIIB",
        "-----BEGIN CERTIFICATE-----\n*not base64*\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
    ],
)
def test_pem_text_without_a_certificate_is_refused(text: str) -> None:
    with pytest.raises(CertificateError):
        from_pem(text)


def test_all_certificates_of_a_bundle_are_read(certificates: CertificateFactory) -> None:
    bundle = f"# ours\n{certificates.ca_pem}\n# theirs\n{certificates.unknown_ca_pem}"
    assert len(from_pem(bundle)) == 2
