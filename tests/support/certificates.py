"""Server certificates, good and bad in every way that a client has to notice.

One `CertificateFactory` makes its authorities once and each certificate when it is first asked for; keys are EC P-256,
so a certificate takes about a millisecond. The names are those under which tests reach a server: `localhost` and both
loopback addresses.
"""

import datetime as dt
import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("localhost", "127.0.0.1", "::1")
WRONG_NAMES = ("mail.example.net",)

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """A certificate with its key on disk, as a server loads it."""

    #: PEM: the leaf, then what the server sends with it.
    chain: Path
    key: Path
    #: SHA-256 of the leaf's DER form, in lower-case hexadecimal.
    sha256: str

    def context(self) -> ssl.SSLContext:
        """Return a server's context with this certificate, TLS 1.2 and newer."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.chain, self.key)
        return context


class CertificateFactory:
    """Certificates for servers of the tests; the files live in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._root = trustme.CA()
        self._intermediate = self._root.create_child_ca()
        self._stranger = trustme.CA()

    @property
    def ca_pem(self) -> str:
        """The authority that stands behind all but the self-signed and the unknown one."""
        return self._root.cert_pem.bytes().decode("ascii")

    @property
    def unknown_ca_pem(self) -> str:
        """The authority behind `unknown_ca`, which nobody trusts before being told to."""
        return self._stranger.cert_pem.bytes().decode("ascii")

    @cached_property
    def ca_file(self) -> Path:
        """`ca_pem` as a file, for programs that want one."""
        return self._write("ca.pem", self.ca_pem.encode("ascii"))

    @cached_property
    def good(self) -> ServerCertificate:
        """In order: valid, for the right names, the intermediate sent along."""
        return self._save("good", self._intermediate.issue_cert(*NAMES))

    def for_names(self, *names: str) -> ServerCertificate:
        """In order too, for other names."""
        return self._save("-".join(names).replace("*", "any"), self._root.issue_cert(*names))

    @cached_property
    def expired(self) -> ServerCertificate:
        """Its time is over since yesterday."""
        now = _now()
        leaf = self._root.issue_cert(*NAMES, not_before=now - 30 * _DAY, not_after=now - _DAY)
        return self._save("expired", leaf)

    @cached_property
    def not_yet_valid(self) -> ServerCertificate:
        """Its time begins tomorrow."""
        now = _now()
        leaf = self._root.issue_cert(*NAMES, not_before=now + _DAY, not_after=now + 30 * _DAY)
        return self._save("not-yet-valid", leaf)

    @cached_property
    def wrong_name(self) -> ServerCertificate:
        """Good, for another host."""
        return self._save("wrong-name", self._root.issue_cert(*WRONG_NAMES))

    @cached_property
    def unknown_ca(self) -> ServerCertificate:
        """Good, from an authority that is not `ca_pem`."""
        return self._save("unknown-ca", self._stranger.issue_cert(*NAMES))

    @cached_property
    def intermediate_missing(self) -> ServerCertificate:
        """Issued like `good`, but the server forgets to send the intermediate: the commonest fault of real servers."""
        leaf = self._intermediate.issue_cert(*NAMES)
        return self._save("intermediate-missing", leaf, chain=leaf.cert_chain_pems[0].bytes())

    @cached_property
    def self_signed(self) -> ServerCertificate:
        """Issued by itself, as `make-ssl-cert` and mail servers' installers do."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _self_signed(key)
        key_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return ServerCertificate(
            chain=self._write("self-signed.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            key=self._write("self-signed.key", key_pem),
            sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        )

    def _save(self, name: str, leaf: trustme.LeafCert, *, chain: bytes | None = None) -> ServerCertificate:
        pems = [blob.bytes() for blob in leaf.cert_chain_pems]
        return ServerCertificate(
            chain=self._write(f"{name}.pem", b"".join(pems) if chain is None else chain),
            key=self._write(f"{name}.key", leaf.private_key_pem.bytes()),
            sha256=hashlib.sha256(ssl.PEM_cert_to_DER_cert(pems[0].decode("ascii"))).hexdigest(),
        )

    def _write(self, name: str, data: bytes) -> Path:
        path = self._directory / name
        path.touch(mode=0o600)
        path.write_bytes(data)
        return path


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAMES[0])])
    alternatives: list[x509.GeneralName] = [x509.DNSName(NAMES[0])]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in NAMES[1:]]
    now = _now()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 30 * _DAY)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> CertificateFactory:
    """Certificates for servers of this run."""
    return CertificateFactory(tmp_path_factory.mktemp("certificates"))
