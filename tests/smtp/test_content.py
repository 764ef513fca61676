"""Tests of `smtpadmin.smtp.content`: what may go on the wire, and messages in that form."""

import email
import email.policy
import random
import string
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from smtpadmin.smtp import Cause, ContentError, check_content, serialise
from smtpadmin.smtp.content import _LEGACY, _PLAIN, _fits, header_is_ascii, stuffed


def message(*, subject: str = "Test", body: str = "Hello.\n") -> EmailMessage:
    made = EmailMessage()
    made["From"] = "notify@example.com"
    made["To"] = "you@example.org"
    made["Subject"] = subject
    made.set_content(body)
    return made


def read_back(content: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: x\r\n\r\nbody\r\n",
        b"\r\n",
        b"a" * 998 + b"\r\n",
        (b"a" * 998 + b"\r\n") * 5,
        b"x\r\n" * 100_000,
        "Subject: ü\r\n\r\nü\r\n".encode(),
        b"tab\tand\x1bescape\r\n",
    ],
)
def test_lines_that_end_in_crlf_may_be_sent(content: bytes) -> None:
    check_content(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no line end",
        b"bare lf\n",
        b"bare cr\r",
        b"a\nb\r\n",
        b"a\rb\r\n",
        b"a\n\r\n",
        b"a\r\r\n",
        b"a\n\rb\r\n",
        # The ends of data that servers disagree about: one message to us, two to them.
        b"one\n.\r\ntwo\r\n",
        b"one\r.\r\ntwo\r\n",
        b"one\n.\ntwo\r\n",
        b"one\r.\rtwo\r\n",
        b"one\r\n.\rtwo\r\n",
        b"one\r\n.\ntwo\r\n",
        b"one\r\n\0.\r\ntwo\r\n",
        b"a" * 999 + b"\r\n",
        b"ok\r\n" + b"a" * 999 + b"\r\nok\r\n",
        b"a" * 5000 + b"\r\n",
    ],
)
def test_other_lines_are_refused_and_not_mended(content: bytes) -> None:
    with pytest.raises(ContentError) as raised:
        check_content(content)
    assert raised.value.cause is Cause.BAD_LINE


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b".a\r\n..\r\n.\r\nb.\r\n", b"..a\r\n...\r\n..\r\nb.\r\n.\r\n"),
    ],
)
def test_dots_at_line_starts_are_doubled(content: bytes, expected: bytes) -> None:
    assert stuffed(content) == expected


def test_only_the_header_decides_whether_the_header_is_ascii() -> None:
    assert header_is_ascii("Subject: x\r\n\r\nü\r\n".encode())
    assert not header_is_ascii("Subject: ü\r\n\r\nx\r\n".encode())


def test_a_message_becomes_seven_bit_lines_and_stays_as_it_is() -> None:
    made = message(subject="Grüße 重置密码", body="Grüße\n.dot\n重置密码\n")
    made["Bcc"] = "hidden@example.org"
    made["Resent-Bcc"] = "hidden@example.org"
    made.add_attachment(bytes(range(256)), maintype="application", subtype="octet-stream", filename="数据.bin")
    before = made.as_bytes()
    content = serialise(made)
    assert made["Bcc"] == "hidden@example.org"
    assert made.as_bytes().split(b"\n\n")[0][:40] == before[:40]
    assert content.isascii()
    assert b"hidden" not in content
    back = read_back(content)
    assert back["Subject"] == "Grüße 重置密码"
    body, attachment = back.iter_parts()
    assert isinstance(body, EmailMessage)
    assert isinstance(attachment, EmailMessage)
    assert body.get_content() == "Grüße\n.dot\n重置密码\n"
    assert (attachment.get_filename(), attachment.get_content()) == ("数据.bin", bytes(range(256)))


def test_a_legacy_message_is_serialised_too() -> None:
    made = MIMEMultipart()
    made["Subject"] = Header("Grüße " * 30, "utf-8")
    made["To"] = "you@example.org"
    made["Bcc"] = "hidden@example.org"
    made.attach(MIMEText("Grüße\n", "plain", "utf-8"))
    content = serialise(made)
    assert b"hidden" not in content
    assert str(read_back(content)["Subject"]).strip() == ("Grüße " * 30).strip()


def test_legacy_parts_go_into_modern_messages() -> None:
    made = EmailMessage()
    made["Subject"] = "x"
    made.make_mixed()
    part = MIMEText("Grüße\n", "plain", "utf-8")
    part["Content-Description"] = Header("Grüße", "utf-8")
    made.attach(part)
    assert [item["Content-Description"] for item in read_back(serialise(made)).iter_parts()] == ["Grüße"]


@pytest.mark.parametrize(
    "subject",
    [
        # Python before 3.13 folds these so that a space is lost.
        "Hällo " * 19 + "x",
        "重置密码 " * 15 + "end",
        "Re: " + "é" * 60 + " " + "f" * 60,
        "你好" * 100,
        "a" * 300,
        "x" * 70 + " ü",
    ],
)
def test_a_long_subject_arrives_as_it_was(subject: str) -> None:
    content = serialise(message(subject=subject))
    assert str(read_back(content)["Subject"]) == subject
    assert max(map(len, content.split(b"\r\n"))) <= 78 or " " not in subject


def test_spaces_between_long_words_do_not_become_a_line_of_their_own() -> None:
    made = message()
    made.replace_header("To", [Address("y" * 80 + "  " + "z" * 80, "you", "example.org")])
    content = serialise(made)
    assert b"\r\n \r\n" not in content
    (address,) = read_back(content)["To"].addresses
    assert (address.display_name.split(), address.addr_spec) == (["y" * 80, "z" * 80], "you@example.org")


def test_long_display_names_stay_with_their_addresses() -> None:
    made = message()
    made.replace_header("To", [Address("Ünï Cödé Name " * 5 + "x", "you", "example.org"), Address("Zoë", "z", "e.org")])
    addresses = read_back(serialise(made))["To"].addresses
    assert [address.addr_spec for address in addresses] == ["you@example.org", "z@e.org"]


@pytest.mark.parametrize("hidden", ["a=0D=0ABcc:_evil@example.com", "a=0ABcc:_evil@example.com", "a=0Db", "a=00b"])
@pytest.mark.parametrize("name", ["Subject", "X-Note"])
def test_a_line_break_inside_an_encoded_word_is_refused(hidden: str, name: str) -> None:
    source = email.message_from_bytes(f"{name}: =?utf-8?q?{hidden}?=\r\n\r\n".encode(), policy=email.policy.default)
    made = message()
    del made[name]
    made[name] = source[name]
    with pytest.raises(ContentError) as raised:
        serialise(made)
    assert raised.value.cause is Cause.BAD_HEADER


@pytest.mark.parametrize("breaker", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_what_python_takes_for_a_line_break_adds_no_header(breaker: str) -> None:
    made = message()
    del made["To"]
    try:
        made["To"] = Address(f"You{breaker}Bcc: evil@example.com", "you", "example.org")
        content = serialise(made)
    except ValueError:
        return  # refused by the email package, or by us
    assert sorted(read_back(content).keys()) == sorted(made.keys())
    assert b"\nBcc" not in content


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Subject", "x\r\nBcc: evil@example.com"),
        ("Subject", "x\nBcc: evil@example.com"),
        ("Subject", "x\rBcc: evil@example.com"),
        ("Subject", "x\r\n\r\nbody"),
        ("Subject", "x\0y"),
        ("Subject", "x\x08y"),
        ("Bad Name", "x"),
        ("Bad:Name", "x"),
        ("Bad\r\nBcc", "x"),
        ("", "x"),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_header_that_a_message_was_made_to_hold_is_refused(name: str, value: str, *, legacy: bool) -> None:
    made: EmailMessage | MIMEText = MIMEText("x") if legacy else message()
    del made[name]
    # Past the checks that the email package makes on assignment, as parsing and subclasses do.
    made._headers.append((name, value))  # type: ignore[union-attr]
    with pytest.raises(ContentError) as raised:
        serialise(made)
    assert raised.value.cause in (Cause.BAD_HEADER, Cause.BAD_LINE)


def test_a_header_of_a_part_is_checked_too() -> None:
    made = message()
    made.add_attachment(b"x", maintype="text", subtype="plain", filename="a.txt")
    (_, part) = made.iter_parts()
    part._headers.append(("X-Part", "x\r\n\r\ninjected"))  # type: ignore[attr-defined]
    with pytest.raises(ContentError):
        serialise(made)


def test_a_line_that_is_too_long_is_refused() -> None:
    made = message()
    made.set_payload("a" * 2000 + "\n")
    with pytest.raises(ContentError) as raised:
        serialise(made)
    assert raised.value.cause is Cause.BAD_LINE


def test_a_body_that_cannot_be_written_is_refused() -> None:
    made = message()
    made.set_payload("lone surrogate \ud800\n")
    with pytest.raises(ContentError) as raised:
        serialise(made)
    assert raised.value.cause is Cause.BAD_LINE


def test_a_refusal_does_not_show_the_header() -> None:
    made = message()
    made._headers.append(("X-Token", "hunter22\r\nBcc: x"))  # type: ignore[attr-defined]
    with pytest.raises(ContentError) as raised:
        serialise(made)
    assert "hunter22" not in str(raised.value)


@pytest.mark.parametrize("name", ["Subject", "X-Header", "To", "A" * 70])
def test_a_header_that_is_written_as_it_is_reads_as_the_email_package_writes_it(name: str) -> None:
    alphabet = string.ascii_letters + string.digits + string.punctuation + "   \t\x0b\x0c\x1f\x7fé"
    chance = random.Random(name)  # noqa: S311  the same texts each time
    written_as_it_is = 0
    for length in [*range(1, 90), *range(1, 90)]:
        text = "".join(chance.choices(alphabet if length % 3 else string.ascii_letters + " ", k=length))
        if not _fits(name, text):
            continue
        written_as_it_is += 1
        assert _LEGACY.fold_binary(name, text) == _PLAIN.fold_binary(name, text)
    assert written_as_it_is > 1 or len(name) == 70
