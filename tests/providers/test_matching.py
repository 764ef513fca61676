"""Recognising a reply although servers fold, shorten and number it differently."""

import pytest

from smtpadmin.providers import KnownReply, Text
from smtpadmin.providers.matching import Pattern, best, pattern, reply, unwrap


def known(match: str = "", *, cause: str = "", stage: str = "") -> KnownReply:
    return KnownReply(match=match, cause=cause, stage=stage, meaning=Text("m", "意思"), fix=(Text("f", "办法"),))


def found(matches: list[str], *, code: int | None, enhanced: str = "", text: str, stage: str = "") -> str | None:
    hit = best(
        [known(match) for match in matches],
        reply(code=code, enhanced=enhanced, text=text),
        stage=stage,
        cause="x",
    )
    return hit.match if hit else None


@pytest.mark.parametrize(
    ("match", "code", "enhanced", "words"),
    [
        ("535 5.7.8 Username and Password not accepted", 535, "5.7.8", "username and password not accepted"),
        ("535 Login fail", 535, "", "login fail"),
        ("535", 535, "", ""),
        ("534 5.7.14", 534, "5.7.14", ""),
        ("5.7.60", None, "5.7.60", ""),
        ("5.2.2 Submission quota exceeded", None, "5.2.2", "submission quota exceeded"),
        ("ERR.LOGIN.IPDENY", None, "", "err.login.ipdeny"),
        ("163 is a number", None, "", "163 is a number"),
    ],
)
def test_a_known_reply_is_taken_apart(match: str, code: int | None, enhanced: str, words: str) -> None:
    taken = pattern(match)
    assert taken == Pattern(code=code, enhanced=enhanced, words=words, expression=taken.expression)
    assert (taken.expression is None) is (words == "")


@pytest.mark.parametrize(
    "text",
    [
        "Login fail. Please enter your authorization code",
        "LOGIN FAIL.  please enter\r\n your\tauthorization code to login.",
        "5.7.8 Login fail. Please enter your authorization code",
        "535 5.7.8 Login fail. Please enter your authorization code",
        "535-Login fail. Please enter your authorization code",
        "5.7.8 Login fail. Please 5.7.8 enter your authorization code",
    ],
)
def test_case_white_space_and_codes_in_between_do_not_matter(text: str) -> None:
    match = "535 Login fail. Please enter your authorization code"
    assert found([match], code=535, enhanced="5.7.8", text=text) == match


def test_curly_quotes_and_straight_ones_are_the_same() -> None:
    assert found(["440 account doesn't conform"], code=440, text="account doesn’t conform") is not None


def test_more_words_win() -> None:
    matches = ["450 4.2.1", "450 4.2.1 Peak SMTP relay limit exceeded", "450"]
    text = "4.2.1 Peak SMTP relay limit exceeded for customer."
    assert found(matches, code=450, enhanced="4.2.1", text=text) == matches[1]


def test_without_words_the_entry_with_both_codes_wins() -> None:
    assert found(["535", "5.7.139", "535 5.7.139"], code=535, enhanced="5.7.139", text="x") == "535 5.7.139"


def test_words_are_not_believed_against_another_code() -> None:
    assert found(["554 DT:SPM"], code=550, text="DT:SPM 163") is None
    assert found(["451 DT:SPM", "554 DT:SPM"], code=554, text="DT:SPM 163") == "554 DT:SPM"


def test_telling_words_are_believed_against_another_code_of_the_same_class() -> None:
    matches = ["501 mail from address must be same as authorization user"]
    text = "Mail from address must be same as authorization user"
    assert found(matches, code=553, text=text) == matches[0]
    assert found(matches, code=451, text=text) is None


def test_an_entry_that_no_code_contradicts_comes_first() -> None:
    matches = ["535 5.7.3 Authentication unsuccessful", "535 5.7.139"]
    assert found(matches, code=535, enhanced="5.7.139", text="Authentication unsuccessful, other") == "535 5.7.139"


def test_short_words_are_whole_words() -> None:
    assert found(["EOF"], code=554, text="unexpected eof") == "EOF"
    assert found(["EOF"], code=554, text="geoffrey does not exist") is None


def test_a_star_stands_for_some_words_but_not_for_a_whole_page() -> None:
    match = "421 Message from (*) temporarily deferred"
    assert found([match], code=421, text="Message from (203.0.113.7) temporarily deferred") == match
    assert found([match], code=421, text=f"Message from ({'x' * 200}) temporarily deferred") is None


def test_special_characters_mean_themselves() -> None:
    assert found(["526 Authentication failure[0]"], code=526, text="Authentication failure[0]") is not None
    assert found(["526 Authentication failure[0]"], code=526, text="Authentication failure0") is None


def test_a_stage_limits_a_known_reply_and_makes_it_more_specific() -> None:
    candidates = [known("550 no"), known("550 no", stage="rcpt")]
    heard = reply(code=550, enhanced="", text="no")
    assert best(candidates, heard, stage="rcpt", cause="") is candidates[1]
    assert best(candidates, heard, stage="data", cause="") is candidates[0]


def test_a_cause_is_known_only_where_the_server_said_nothing() -> None:
    candidates = [known(cause="connection_closed")]
    silent = reply(code=None, enhanced="", text="the server hung up")
    assert best(candidates, silent, stage="data", cause="connection_closed") is candidates[0]
    assert best(candidates, silent, stage="data", cause="dns_failed") is None
    said = reply(code=421, enhanced="", text="bye")
    assert best(candidates, said, stage="data", cause="connection_closed") is None


def test_an_earlier_entry_wins_a_tie() -> None:
    candidates = [known("550 no"), known("550 no")]
    assert best(candidates, reply(code=550, enhanced="", text="no"), stage="", cause="") is candidates[0]


def test_a_text_without_json_is_left_alone() -> None:
    assert unwrap("plain").text == "plain"
    assert unwrap("plain").inner == ""


def test_the_json_is_found_in_any_case_and_with_a_response_around_it() -> None:
    taken = unwrap(
        'x ##ses-RESPONSE-json: {"Response": {"RequestId": "7", "Error": {"Code": "A.B", "Message": "c"}}} y'
    )
    assert (taken.inner, taken.reference) == ("A.B: c", "7")
