"""DKIM keys for the tests: made once, as records."""

import base64
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


@cache
def rsa(bits: int = 2048) -> str:
    """Return the p= of an RSA key of this length."""
    key = generate_private_key(public_exponent=65537, key_size=bits).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@cache
def bare_rsa() -> str:
    """Return a key without the frame that says of what kind it is, as RFC 6376 wrote it."""
    key = generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()


@cache
def short_rsa(bits: int = 512) -> str:
    """Return the p= of a key that is too short for the library to make."""
    key = RSAPublicNumbers(65537, (1 << (bits - 1)) + 1).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@cache
def ed25519() -> str:
    """Return the p= of an Ed25519 key (RFC 8463)."""
    key = Ed25519PrivateKey.generate().public_key()
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
