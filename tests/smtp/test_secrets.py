"""Tests of `smtpadmin.smtp.secrets`: secrets that do not print, and their removal from texts."""

import base64
import binascii
import copy
import gc
import json
import pickle
from urllib.parse import quote

import pytest

from smtpadmin.smtp import Scrubber, Secret, live_secrets, scrub
from smtpadmin.smtp.secrets import HIDDEN

USERNAME = "notify@example.com"
PASSWORD = 'pä/ss+w"o<r>d&7'


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{:>20}".format, lambda secret: f"{secret!r}", ascii])
def test_a_secret_prints_as_stars(show: object) -> None:
    text = show(Secret(PASSWORD))  # type: ignore[operator]
    assert HIDDEN in text
    assert PASSWORD not in text


def test_reveal_is_the_way_to_the_value() -> None:
    assert Secret(PASSWORD).reveal() == PASSWORD


def test_an_empty_secret_is_false_and_says_so() -> None:
    assert (bool(Secret("")), repr(Secret("")), bool(Secret("x"))) == (False, "Secret('')", True)


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps])
def test_a_secret_cannot_be_written_out(write: object) -> None:
    with pytest.raises(TypeError):
        write(Secret(PASSWORD))  # type: ignore[operator]


def test_a_secret_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Secret(PASSWORD)._value = "other"


def test_secrets_are_equal_by_value_and_to_nothing_else() -> None:
    assert Secret(PASSWORD) == Secret(PASSWORD)
    assert Secret(PASSWORD) != Secret("other")
    assert Secret(PASSWORD) != PASSWORD
    assert len({Secret(PASSWORD), Secret(PASSWORD)}) == 1


def test_a_copy_of_a_secret_is_the_secret() -> None:
    secret = Secret(PASSWORD)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_a_secret_is_known_to_the_process_while_it_lives_and_no_longer() -> None:
    first, second = Secret("the same value"), Secret("the same value")
    assert sum(secret is first or secret is second for secret in live_secrets()) == 2
    del first
    gc.collect()
    assert [secret for secret in live_secrets() if secret == second] == [second]
    del second
    gc.collect()
    assert [secret for secret in live_secrets() if secret.reveal() == "the same value"] == []


@pytest.mark.parametrize(
    "form",
    [
        PASSWORD,
        PASSWORD.upper(),
        encoded(PASSWORD),
        encoded(PASSWORD).rstrip("="),
        base64.urlsafe_b64encode(PASSWORD.encode()).decode(),
        encoded(f"\0{USERNAME}\0{PASSWORD}"),
        encoded(f"{USERNAME}\0{USERNAME}\0{PASSWORD}"),
        encoded(f"a{PASSWORD}"),
        encoded(f"ab{PASSWORD}yz"),
        quote(PASSWORD, safe=""),
        quote(PASSWORD, safe="").lower(),
        "".join(f"%{byte:02X}" for byte in PASSWORD.encode()),
        "pä/ss+w&quot;o&lt;r&gt;d&amp;7",
        json.dumps(PASSWORD),
        json.dumps(PASSWORD, ensure_ascii=False),
        repr(PASSWORD),
        binascii.hexlify(PASSWORD.encode()).decode(),
        binascii.hexlify(PASSWORD.encode()).decode().upper(),
        binascii.hexlify(PASSWORD.encode(), " ").decode(),
        PASSWORD.encode().decode("latin-1"),
        PASSWORD.encode().decode("gb18030", "replace"),
        encoded(USERNAME),
    ],
)
def test_a_secret_is_cut_out_of_a_line_in_each_encoding(form: str) -> None:
    cleaned = scrub(f"535 5.7.8 rejected: {form} (see help)", [Secret(PASSWORD)], username=USERNAME)
    assert cleaned.startswith("535 5.7.8 rejected: ")
    assert cleaned.endswith(" (see help)")
    assert HIDDEN in cleaned
    assert form not in cleaned
    assert PASSWORD not in cleaned


def test_words_around_a_cut_stay_and_no_half_of_an_encoded_word_does() -> None:
    secrets = [Secret("hunter22")]
    assert scrub("key=hunter22;next", secrets) == f"key={HIDDEN};next"
    assert scrub(f"<{encoded('xhunter22y')}>", secrets) == f"<{HIDDEN}>"


def test_each_occurrence_goes_and_overlapping_ones_too() -> None:
    secrets = [Secret("aaaaaa"), Secret("aaaaaabbb")]
    assert scrub("aaaaaabbb and aaaaaa", secrets) == f"{HIDDEN} and {HIDDEN}"


def test_a_line_with_a_short_secret_goes_as_a_whole() -> None:
    text = "first line\r\npassword x1y2 was wrong\r\nlast line"
    assert scrub(text, [Secret("x1y2")]) == f"first line\r\n{HIDDEN}\r\nlast line"


def test_a_short_secret_is_found_in_the_sign_in_that_holds_it() -> None:
    assert scrub(f"AUTH PLAIN {encoded(f'{chr(0)}me{chr(0)}x1y2')}", [Secret("x1y2")], username="me") == HIDDEN


def test_a_secret_spread_over_several_lines_blanks_them_all() -> None:
    scrubber = Scrubber([Secret("correcthorse")])
    assert scrubber.clean_lines(("535 correct", "horse")) == (HIDDEN, HIDDEN)
    assert scrubber.clean_lines(("535 correct", "mule")) == ("535 correct", "mule")


def test_a_letter_that_grows_in_lower_case_does_not_shift_the_cut() -> None:
    assert scrub("İİİ hunter22", [Secret("hunter22")]) == HIDDEN


def test_text_without_secrets_is_left_as_it_is() -> None:
    assert scrub("250 2.1.0 Ok\tü", [Secret(PASSWORD), Secret("")], username=USERNAME) == "250 2.1.0 Ok\tü"
    assert repr(Scrubber([Secret(PASSWORD)])) == "Scrubber()"
