"""Tests of `smtpadmin.smtp.replies`: strict parsing, lenient decoding."""

import pytest

from smtpadmin.smtp import Reply
from smtpadmin.smtp.replies import MalformedReply, parse_reply


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"250 Ok"], Reply(250, "", ("Ok",))),
        ([b"250"], Reply(250, "", ("",))),
        ([b"250 "], Reply(250, "", ("",))),
        ([b"250 2.1.0 Ok"], Reply(250, "2.1.0", ("2.1.0 Ok",))),
        ([b"535 5.7.8"], Reply(535, "5.7.8", ("5.7.8",))),
        # The class of an enhanced code is the code's own; another one is just words.
        ([b"535 4.7.8 odd"], Reply(535, "", ("4.7.8 odd",))),
        ([b"250 2.1.0.1 version"], Reply(250, "", ("2.1.0.1 version",))),
        ([b"250-a", b"250-b", b"250 c"], Reply(250, "", ("a", "b", "c"))),
        ([b"571 Delivery not authorized"], Reply(571, "", ("Delivery not authorized",))),
        (["535 登录失败".encode()], Reply(535, "", ("登录失败",))),
        # NetEase and Tencent send GBK without saying so.
        (["535 登录失败".encode("gbk")], Reply(535, "", ("登录失败",))),
        ([b"550 \xff\xff"], Reply(550, "", ("��",))),
        ([b"250 a\x1b[31mb\x00c\td"], Reply(250, "", ("a�[31mb�c d",))),
        (["250 abc\u202edef\u2028g".encode()], Reply(250, "", ("abc�def�g",))),
        ([b"250 a\rb"], Reply(250, "", ("a�b",))),
    ],
)
def test_a_reply_is_parsed_as_a_whole(lines: list[bytes], expected: Reply) -> None:
    assert parse_reply(lines) == expected


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b""],
        [b"ok"],
        [b"25 Ok"],
        [b"2500 Ok"],
        [b"250_Ok"],
        [b"250\tOk"],
        [b" 250 Ok"],
        [b"150 Ok"],
        [b"650 Ok"],
        [b"000 Ok"],
        [b"-1 Ok"],
        ["２５０ Ok".encode()],
        [b"250-a", b"251 b"],
        [b"250-a"],
        [b"250 a", b"250 b"],
        [b"HTTP/1.1 400 Bad Request"],
        [b"SSH-2.0-OpenSSH_9.2"],
        [b"\x15\x03\x03\x00\x02\x02F"],
    ],
)
def test_what_breaks_the_grammar_is_no_reply(lines: list[bytes]) -> None:
    with pytest.raises(MalformedReply):
        parse_reply(lines)


def test_a_malformed_reply_does_not_hold_what_came() -> None:
    with pytest.raises(MalformedReply) as raised:
        parse_reply([b"hunter22 secret"])
    assert "hunter22" not in str(raised.value)


def test_the_enhanced_code_stands_once_in_the_text() -> None:
    reply = parse_reply([b"535-5.7.8 Not accepted. See", b"535 5.7.8  https://example.com/help"])
    assert reply.text == "5.7.8 Not accepted. See https://example.com/help"
    assert str(reply) == "535 5.7.8 Not accepted. See https://example.com/help"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (250, (True, False, False, False)),
        (354, (False, True, False, False)),
        (421, (False, False, True, False)),
        (550, (False, False, False, True)),
    ],
)
def test_the_first_digit_is_the_class(code: int, expected: tuple[bool, ...]) -> None:
    reply = Reply(code)
    assert (reply.positive, reply.intermediate, reply.temporary, reply.permanent) == expected
