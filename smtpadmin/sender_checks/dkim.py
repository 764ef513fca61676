"""DKIM keys as text (RFC 6376 3.6.1, RFC 8301, RFC 8463): is there a key in it, and is it good enough. Pure."""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from smtpadmin.sender_checks.tags import BadTags, read

#: RFC 8301 3.2: verifiers take no shorter keys; signers should use this length.
SHORTEST: Final = 1024
RECOMMENDED: Final = 2048

_MOST_BYTES: Final = 4096
_ED25519_BYTES: Final = 32


class KeyState(StrEnum):
    """What the record is good for."""

    GOOD = "good"
    SHORT = "short"  #: taken, and shorter than it should be
    TOO_SHORT = "too_short"
    REVOKED = "revoked"
    MALFORMED = "malformed"
    OTHER_TYPE = "other_type"  #: of a type that receivers do not know
    NOT_FOR_MAIL = "not_for_mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key record. `bits` is 0 where no key could be read."""

    state: KeyState
    kind: str = "rsa"
    bits: int = 0
    #: The owner asks receivers to treat signatures as if there were none (t=y).
    testing: bool = False

    @property
    def usable(self) -> bool:
        """Whether signatures by it count."""
        return self.state in {KeyState.GOOD, KeyState.SHORT} and not self.testing


def read_key(text: str) -> Key:
    """Return what this TXT record is as a key."""
    try:
        tags = read(text)
    except BadTags:
        return Key(state=KeyState.MALFORMED)
    if "p" not in tags or not _has_version(tags):
        return Key(state=KeyState.MALFORMED)
    kind = tags.get("k", "rsa").lower()
    testing = "y" in _listed(tags.get("t", ""))
    if not tags["p"]:
        return Key(state=KeyState.REVOKED, kind=kind)
    if not {"*", "email"} & set(_listed(tags.get("s", "*"))):
        return Key(state=KeyState.NOT_FOR_MAIL, kind=kind)
    try:
        data = base64.b64decode("".join(tags["p"].split()), validate=True)
    except (binascii.Error, ValueError):
        return Key(state=KeyState.MALFORMED, kind=kind)
    if kind == "ed25519":
        state = KeyState.GOOD if len(data) == _ED25519_BYTES else KeyState.MALFORMED
        return Key(state=state, kind=kind, bits=256 if state is KeyState.GOOD else 0, testing=testing)
    if kind != "rsa":
        return Key(state=KeyState.OTHER_TYPE, kind=kind)
    bits = _rsa_bits(data)
    return Key(state=_rsa_state(bits), bits=bits, testing=testing)


def _has_version(tags: dict[str, str]) -> bool:
    # RFC 6376 3.6.1: v= may be left out, and is the first tag where it is not.
    return "v" not in tags or (next(iter(tags)) == "v" and tags["v"] == "DKIM1")


def _listed(value: str) -> list[str]:
    return [item.strip().lower() for item in value.split(":")]


def _rsa_bits(data: bytes) -> int:
    """Return the length of an RSA key, 0 for what is none."""
    if len(data) > _MOST_BYTES:
        return 0
    try:
        key = load_der_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0


def _rsa_state(bits: int) -> KeyState:
    if bits == 0:
        return KeyState.MALFORMED
    if bits < SHORTEST:
        return KeyState.TOO_SHORT
    return KeyState.GOOD if bits >= RECOMMENDED else KeyState.SHORT
