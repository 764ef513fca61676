"""The keyring."""

import pytest
from cryptography.fernet import Fernet

from smtpadmin.crypto import BadKey, Keyring, WrongContext, WrongKey, are_sealed, generate_key, is_sealed

OLD, NEW = generate_key(), generate_key()


def test_what_was_sealed_opens_for_its_context() -> None:
    ring = Keyring([NEW])
    assert ring.open("row 1", ring.seal("row 1", "pässwörd".encode())) == "pässwörd".encode()


def test_a_token_moved_to_another_row_does_not_open() -> None:
    # Plain Fernet opens it there: it has no associated data.
    ring = Keyring([NEW])
    naive = Fernet(NEW)
    assert naive.decrypt(naive.encrypt(b"secret")) == b"secret"
    with pytest.raises(WrongContext):
        ring.open("row 2", ring.seal("row 1", b"secret"))


def test_one_context_that_starts_like_another_is_another() -> None:
    ring = Keyring([NEW])
    with pytest.raises(WrongContext):
        ring.open("row 1", ring.seal("row 11", b"secret"))


@pytest.mark.parametrize("length", [0, 1, 8, 16, 20])
def test_the_token_does_not_tell_how_long_a_short_secret_is(length: int) -> None:
    ring = Keyring([NEW])
    assert len(ring.seal("row 1", b"x" * length)) == len(ring.seal("row 1", b"x" * 30))


def test_an_older_key_still_opens_and_rotating_leaves_it_behind() -> None:
    token = Keyring([OLD]).seal("row 1", b"secret")
    both = Keyring([NEW, OLD])
    assert both.open("row 1", token) == b"secret"
    assert Keyring([NEW]).open("row 1", both.rotate(token)) == b"secret"


def test_a_key_that_is_not_in_the_ring_opens_nothing() -> None:
    with pytest.raises(WrongKey):
        Keyring([NEW]).open("row 1", Keyring([OLD]).seal("row 1", b"secret"))


@pytest.mark.parametrize("token", ["", "secret", "sealed1:", "sealed1:AAAA"])
def test_what_was_never_sealed_does_not_open(token: str) -> None:
    with pytest.raises(WrongKey):
        Keyring([NEW]).open("row 1", token)


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, "x" * 44]])
def test_a_bad_key_is_named_by_its_number_and_never_shown(keys: list[str]) -> None:
    with pytest.raises(BadKey) as caught:
        Keyring(keys)
    assert not any(key in str(caught.value) for key in keys)


def test_the_ring_does_not_print_its_keys() -> None:
    assert NEW not in repr(Keyring([NEW]))


def test_a_sealed_value_is_told_from_a_plain_one() -> None:
    assert is_sealed(Keyring([NEW]).seal("row 1", b""))
    assert not is_sealed("secret")


def test_an_error_report_on_a_moved_token_does_not_show_the_secret() -> None:
    ring = Keyring([NEW])
    token = ring.seal("row 1", b"s3cret-value")
    try:
        ring.open("row 2", token)
    except WrongContext as error:
        frames = []
        traceback = error.__traceback__
        while traceback is not None:
            frames.append(repr(traceback.tb_frame.f_locals))
            traceback = traceback.tb_next
    assert len(frames) > 1
    assert not any("s3cret-value" in frame for frame in frames)


def test_bytes_that_were_sealed_open_for_their_context() -> None:
    ring = Keyring([NEW])
    sealed = ring.seal_bytes("row 1", b"\x00message\xff" * 1000)
    assert are_sealed(sealed)
    assert b"message" not in sealed
    assert ring.open_bytes("row 1", sealed) == b"\x00message\xff" * 1000


def test_the_same_bytes_are_never_sealed_alike() -> None:
    ring = Keyring([NEW])
    assert len({ring.seal_bytes("row 1", b"message") for _ in range(100)}) == 100


@pytest.mark.parametrize("context", ["row 2", "row 11", ""])
def test_sealed_bytes_that_were_moved_to_another_row_do_not_open(context: str) -> None:
    ring = Keyring([NEW])
    with pytest.raises(WrongContext):
        ring.open_bytes(context, ring.seal_bytes("row 1", b"message"))


@pytest.mark.parametrize("at", [-1, 20, 30, 40])
def test_sealed_bytes_with_a_bit_changed_do_not_open(at: int) -> None:
    ring = Keyring([NEW])
    damaged = bytearray(ring.seal_bytes("row 1", b"message"))
    damaged[at] ^= 1
    with pytest.raises(WrongContext):
        ring.open_bytes("row 1", bytes(damaged))


@pytest.mark.parametrize("sealed", [b"", b"message", b"sealed2:", b"sealed2:" + bytes(40)])
def test_bytes_that_were_never_sealed_do_not_open(sealed: bytes) -> None:
    with pytest.raises(WrongKey):
        Keyring([NEW]).open_bytes("row 1", sealed)


def test_sealed_bytes_that_are_cut_short_do_not_open() -> None:
    ring = Keyring([NEW])
    sealed = ring.seal_bytes("row 1", b"message")
    for length in range(16, len(sealed)):
        with pytest.raises(WrongContext):
            ring.open_bytes("row 1", sealed[:length])


def test_an_older_key_still_opens_bytes_and_sealing_them_anew_leaves_it_behind() -> None:
    sealed = Keyring([OLD]).seal_bytes("row 1", b"message")
    both = Keyring([NEW, OLD])
    assert both.open_bytes("row 1", sealed) == b"message"
    assert Keyring([NEW]).open_bytes("row 1", both.reseal_bytes("row 1", sealed)) == b"message"


def test_a_key_that_is_not_in_the_ring_opens_no_bytes() -> None:
    with pytest.raises(WrongKey):
        Keyring([NEW]).open_bytes("row 1", Keyring([OLD]).seal_bytes("row 1", b"message"))
