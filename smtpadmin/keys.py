"""Which keyring is in force, and whether it is the right one.

A wrong or missing key must change nothing: new secrets sealed beside old ones that no longer open would make the loss
permanent. So everything that seals or opens goes through `keyring()`, which refuses while the panel is locked.
"""

from enum import StrEnum
from functools import lru_cache

from django.db import connections, router

from smtpadmin.conf import conf
from smtpadmin.crypto import BadKey, CryptoError, Keyring
from smtpadmin.exceptions import KeyringLocked
from smtpadmin.models import AlertChannel, Body, KeyCheck, Profile, body_context

_CANARY = "smtpadmin.key-check"
# The sealed columns of an alert channel, and what says their context.
_OF_CHANNELS = {"sealed_target": "target_context", "sealed_secret": "secret_context"}
_TABLE = KeyCheck._meta.db_table  # noqa: SLF001  Django's documented way to a table's name


class LockReason(StrEnum):
    """Why the panel is locked."""

    MISSING = "missing"
    MALFORMED = "malformed"
    WRONG = "wrong"


def keyring() -> Keyring:
    """Return the keyring in force. Raise KeyringLocked when it is missing, malformed or not the one the data needs.

    Asked for by every message that is accepted and every batch that is sent, so it costs one statement: the canary is
    read each time, because another process may have changed the keys, and opened when it is another than before.
    """
    canary = _canary()
    if canary is not None and _opens_canary(tuple(conf.keys), canary):
        return _build(tuple(conf.keys))
    reason = lock_reason()
    if reason is not None:
        raise KeyringLocked(_EXPLANATIONS[reason])
    ring = _build(tuple(conf.keys))
    _leave_canary(ring)
    return ring


def lock_reason() -> LockReason | None:
    """Say why secrets can neither be opened nor stored now, or None when they can."""
    if not conf.keys:
        return LockReason.MISSING
    try:
        ring = _build(tuple(conf.keys))
    except BadKey:
        return LockReason.MALFORMED
    return None if _opens_what_is_stored(ring) else LockReason.WRONG


def is_anything_sealed() -> bool:
    """Say whether something is stored that only the right keys open. The canary by itself guards nothing."""
    return _a_sealed_secret() is not None or Body.objects.exists()


def rotate() -> int:
    """Seal all that is stored anew with the newest key and return how many values that is. Raise KeyringLocked.

    May be interrupted and run again. An edit in between is not undone: only the token that was read is replaced.
    """
    ring = keyring()
    rotated = 0
    for pk, token in Profile.objects.exclude(sealed_password="").values_list("pk", "sealed_password"):
        unchanged = Profile.objects.filter(pk=pk, sealed_password=token)
        rotated += unchanged.update(sealed_password=ring.rotate(token))
    for column in _OF_CHANNELS:
        for pk, token in AlertChannel.objects.exclude(**{column: ""}).values_list("pk", column):
            unchanged_channel = AlertChannel.objects.filter(pk=pk, **{column: token})
            rotated += unchanged_channel.update(**{column: ring.rotate(token)})
    for pk, uid, sealed in Body.objects.values_list("pk", "message__uid", "sealed").iterator():
        anew = ring.reseal_bytes(body_context(uid), bytes(sealed))
        rotated += Body.objects.filter(pk=pk, sealed=sealed).update(sealed=anew)
    KeyCheck.objects.update(token=ring.seal(_CANARY, b"smtpadmin"))
    return rotated


def forget_unreadable() -> int:
    """Clear the stored passwords and alert addresses that the present keys do not open, for good; return how many.

    The way on when a key is lost. Raise KeyringLocked when there is no usable key to go on with.
    """
    reason = lock_reason()
    if reason in (LockReason.MISSING, LockReason.MALFORMED):
        raise KeyringLocked(_EXPLANATIONS[reason])
    ring = _build(tuple(conf.keys))
    lost = [
        profile.pk
        for profile in Profile.objects.exclude(sealed_password="").defer("test_report")
        if not _opens(ring, profile.secret_context, profile.sealed_password)
    ]
    Profile.objects.filter(pk__in=lost).update(sealed_password="")
    count = len(lost) + sum(_forget_unreadable(channel, ring) for channel in AlertChannel.objects.all())
    KeyCheck.objects.update(token=ring.seal(_CANARY, b"smtpadmin"))
    return count


def _forget_unreadable(channel: AlertChannel, ring: Keyring) -> int:
    lost = [
        column
        for column, context in _OF_CHANNELS.items()
        if (token := getattr(channel, column)) and not _opens(ring, getattr(channel, context), token)
    ]
    if lost:
        AlertChannel.objects.filter(pk=channel.pk).update(**dict.fromkeys(lost, ""))
    return len(lost)


@lru_cache(maxsize=8)
def _build(keys: tuple[str, ...]) -> Keyring:
    return Keyring(keys)


@lru_cache(maxsize=8)
def _opens_canary(keys: tuple[str, ...], canary: str) -> bool:
    """Say whether `canary` opens. It does for ever or never: nothing but the arguments decides it."""
    try:
        ring = _build(keys)
    except BadKey:
        return False
    return _opens(ring, _CANARY, canary)


def _canary() -> str | None:
    # Not through the ORM: putting the statement together took four times as long as running it.
    with connections[router.db_for_read(KeyCheck)].cursor() as cursor:
        cursor.execute(f"SELECT token FROM {_TABLE} ORDER BY id LIMIT 1")  # noqa: S608  a table of ours
        row = cursor.fetchone()
    return str(row[0]) if row else None


def _opens_what_is_stored(ring: Keyring) -> bool:
    canary = _canary()
    if canary is not None and _opens(ring, _CANARY, canary):
        return True
    if not is_anything_sealed():
        return True  # nothing is lost with the old key, so the new one may begin
    sealed = _a_sealed_secret()
    # Without a canary the first stored secret serves: it was sealed before the canary was lost.
    return canary is None and (sealed is None or _opens(ring, *sealed))


def _a_sealed_secret() -> tuple[str, str] | None:
    """Return context and token of a secret that is stored, or None where there is none."""
    profile = Profile.objects.exclude(sealed_password="").defer("test_report").first()
    if profile is not None:
        return profile.secret_context, profile.sealed_password
    for column, context in _OF_CHANNELS.items():
        channel = AlertChannel.objects.exclude(**{column: ""}).first()
        if channel is not None:
            return getattr(channel, context), getattr(channel, column)
    return None


def _opens(ring: Keyring, context: str, token: str) -> bool:
    try:
        ring.open(context, token)
    except CryptoError:
        return False
    return True


def _leave_canary(ring: Keyring) -> None:
    canary = _canary()
    if canary is None or not _opens(ring, _CANARY, canary):
        KeyCheck.objects.update_or_create(pk=1, defaults={"token": ring.seal(_CANARY, b"smtpadmin")})


_EXPLANATIONS = {
    LockReason.MISSING: (
        "No encryption key is set. Give SMTPADMIN['KEYS'] (or SMTPADMIN_KEYS, SMTPADMIN_KEYS_FILE) the keys that "
        "the stored passwords were sealed with."
    ),
    LockReason.MALFORMED: "An encryption key is malformed: it must be a Fernet key of 44 characters.",
    LockReason.WRONG: (
        "The encryption keys are not the ones the stored passwords were sealed with. Put the right keys back; "
        "nothing has been changed."
    ),
}
