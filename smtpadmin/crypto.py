"""The keyring: seals what may not be read from the database alone.

Secrets are MultiFernet tokens (encrypt with the newest key, decrypt with any), with two additions. Fernet has no
associated data, so a token copied into another row would open there; the context is therefore sealed inside the
plaintext and compared on opening. And a Fernet token's length tells the length of a short secret, so the plaintext is
padded to steps of 64 bytes.

Messages are bytes under AES-256-GCM, with the context as associated data and a key that is derived from the Fernet key.
A token of base64 is a third longer, and reading and writing it took longer than the encryption (measured on 5 kB: 75 µs
to open as a token, 9 µs as bytes). Nonces are random: good for 2^32 messages under one key (NIST SP 800-38D, 8.3).

A leaf: where the keys come from is for the caller to know, and so is what a context looks like.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PREFIX = "sealed1:"
_STEP = 64
_LENGTH_BYTES = 4

# Sealed bytes: this, which key it was, the nonce, then the ciphertext and its tag.
_BYTES_PREFIX = b"sealed2:"
_KEY_ID = slice(len(_BYTES_PREFIX), len(_BYTES_PREFIX) + 8)
_NONCE = slice(_KEY_ID.stop, _KEY_ID.stop + 12)


class CryptoError(Exception):
    """A token cannot be opened, or the keyring cannot be built."""


class BadKey(CryptoError):
    """A key is not a Fernet key: 32 bytes, base64."""


class WrongKey(CryptoError):
    """None of the keys opens the token, or the token is damaged."""


class WrongContext(CryptoError):
    """The token was sealed for another context: it was moved here from elsewhere."""


def generate_key() -> str:
    """Return a new random key."""
    return Fernet.generate_key().decode("ascii")


def is_sealed(value: str) -> bool:
    """Say whether `value` has the form of a token of `Keyring.seal`."""
    return value.startswith(_PREFIX)


def are_sealed(value: bytes) -> bool:
    """Say whether `value` has the form of what `Keyring.seal_bytes` returns."""
    return value.startswith(_BYTES_PREFIX)


class Keyring:
    """One or more keys, the newest first: the first seals, all of them open."""

    __slots__ = ("_ciphers", "_fernet", "_newest", "fingerprint")

    def __init__(self, keys: Sequence[str]) -> None:
        """Raise BadKey, which never shows the key, when one of `keys` is malformed or there is none."""
        if not keys:
            raise BadKey("There is no key. Give at least one.")
        fernets = []
        for number, key in enumerate(keys, start=1):
            try:
                fernets.append(Fernet(key))
            except ValueError:
                raise BadKey(
                    f"Key number {number} is not a Fernet key: 32 bytes in URL-safe base64, 44 characters."
                ) from None
        self._fernet = MultiFernet(fernets)
        ciphers = [_cipher(key) for key in keys]
        self._newest = ciphers[0][0]
        self._ciphers = dict(ciphers)
        self.fingerprint = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"<Keyring {self.fingerprint}>"

    def seal(self, context: str, data: bytes) -> str:
        """Return a token that opens only with one of the keys and for the same `context`."""
        name = context.encode()
        plain = len(name).to_bytes(_LENGTH_BYTES) + name + len(data).to_bytes(_LENGTH_BYTES) + data
        padding = -len(plain) % _STEP
        return _PREFIX + self._fernet.encrypt(plain + bytes(padding)).decode("ascii")

    def open(self, context: str, token: str) -> bytes:
        """Return what was sealed. Raise WrongKey or WrongContext; neither tells any of the plaintext."""
        plain = self._decrypt(token)
        name, rest = _take(plain)
        if not hmac.compare_digest(name, context.encode()):
            # Error reports show the variables of each frame, and these hold the secret.
            del plain, rest
            raise WrongContext("The sealed value belongs to other settings than these.")
        return _take(rest)[0]

    def rotate(self, token: str) -> str:
        """Return `token` sealed anew with the newest key; its context stays."""
        return _PREFIX + self._fernet.encrypt(self._decrypt(token)).decode("ascii")

    def seal_bytes(self, context: str, data: bytes) -> bytes:
        """Return what opens only with one of the keys and for the same `context`; its length tells that of `data`."""
        nonce = os.urandom(_NONCE.stop - _NONCE.start)
        sealed = self._ciphers[self._newest].encrypt(nonce, data, context.encode())
        return b"".join((_BYTES_PREFIX, self._newest, nonce, sealed))

    def open_bytes(self, context: str, sealed: bytes) -> bytes:
        """Return what was sealed. Raise WrongKey or WrongContext; neither tells any of the plaintext."""
        cipher = self._ciphers.get(sealed[_KEY_ID])
        if cipher is None or not are_sealed(sealed):
            raise WrongKey("None of the keys opens the sealed value.")
        try:
            # A view: the ciphertext is as long as the message, and would be copied.
            return cipher.decrypt(sealed[_NONCE], memoryview(sealed)[_NONCE.stop :], context.encode())
        except (InvalidTag, ValueError):
            raise WrongContext("The sealed value is damaged, or belongs to something else.") from None

    def reseal_bytes(self, context: str, sealed: bytes) -> bytes:
        """Return `sealed` under the newest key. Raise WrongKey or WrongContext."""
        return self.seal_bytes(context, self.open_bytes(context, sealed))

    def _decrypt(self, token: str) -> bytes:
        if not is_sealed(token):
            raise WrongKey("This is not a sealed value.")
        try:
            return self._fernet.decrypt(token.removeprefix(_PREFIX))
        except InvalidToken:
            # InvalidToken carries no message, and its context would show the token.
            raise WrongKey("None of the keys opens the sealed value.") from None


def _cipher(key: str) -> tuple[bytes, AESGCM]:
    """Return the cipher for bytes that belongs to a Fernet key, and the name under which sealed bytes know it."""
    secret = base64.urlsafe_b64decode(key)
    derived = HKDF(SHA256(), length=32 + 8, salt=None, info=b"smtpadmin sealed bytes").derive(secret)
    return derived[32:], AESGCM(derived[:32])


def _take(plain: bytes) -> tuple[bytes, bytes]:
    """Split a length-prefixed field off the front."""
    end = _LENGTH_BYTES + int.from_bytes(plain[:_LENGTH_BYTES])
    return plain[_LENGTH_BYTES:end], plain[end:]
