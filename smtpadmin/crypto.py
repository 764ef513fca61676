"""The keyring: seals what may not be read from the database alone.

One primitive for everything sealed: MultiFernet (encrypt with the newest key, decrypt with any), with two additions.
Fernet has no associated data, so a token copied into another row would open there; the context is therefore sealed
inside the plaintext and compared on opening. And a Fernet token's length tells the length of a short secret, so the
plaintext is padded to steps of 64 bytes.

A leaf: where the keys come from is for the caller to know, and so is what a context looks like.
"""

import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_PREFIX = "sealed1:"
_STEP = 64
_LENGTH_BYTES = 4


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


class Keyring:
    """One or more keys, the newest first: the first seals, all of them open."""

    __slots__ = ("_fernet", "fingerprint")

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

    def _decrypt(self, token: str) -> bytes:
        if not is_sealed(token):
            raise WrongKey("This is not a sealed value.")
        try:
            return self._fernet.decrypt(token.removeprefix(_PREFIX))
        except InvalidToken:
            # InvalidToken carries no message, and its context would show the token.
            raise WrongKey("None of the keys opens the sealed value.") from None


def _take(plain: bytes) -> tuple[bytes, bytes]:
    """Split a length-prefixed field off the front."""
    end = _LENGTH_BYTES + int.from_bytes(plain[:_LENGTH_BYTES])
    return plain[_LENGTH_BYTES:end], plain[end:]
