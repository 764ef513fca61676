"""Names as people type them."""

import pytest
from django.core.exceptions import ValidationError

from smtpadmin.names import Sender, ascii_host, parse_sender, split_sender, validate_host


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("notify@example.com", Sender("notify@example.com")),
        ("  notify@example.com ", Sender("notify@example.com")),
        ("<notify@example.com>", Sender("notify@example.com")),
        ("Notifications <notify@example.com>", Sender("notify@example.com", "Notifications")),
        ("通知 <notify@example.com>", Sender("notify@example.com", "通知")),
        ('"Müller, Söhne" <notify@example.com>', Sender("notify@example.com", "Müller, Söhne")),
        (r'"The \"best\"" <notify@example.com>', Sender("notify@example.com", 'The "best"')),
        ("=?utf-8?b?6YCa55+l?= <notify@example.com>", Sender("notify@example.com", "通知")),
    ],
)
def test_a_from_is_an_address_with_or_without_a_name(text: str, sender: Sender) -> None:
    assert parse_sender(text) == sender


@pytest.mark.parametrize(
    "text", ["", "nobody", "a@", "@b.example", "a b@example.com", "Name <nobody>", "a@b.example, c@d.example"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_sender(text)


def test_a_line_break_in_a_from_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        parse_sender("Name\r\nBcc: victim@example.com <notify@example.com>")
    assert caught.value.code == "control"


@pytest.mark.parametrize("name", ["Plain", "Müller, Söhne", 'The "best"', "back\\slash", "通知"])
def test_a_sender_survives_being_written_as_a_header(name: str) -> None:
    sender = Sender("notify@example.com", name)
    assert split_sender(sender.header) == sender


@pytest.mark.parametrize(
    ("host", "ascii_form"),
    [
        ("SMTP.Example.com", "smtp.example.com"),
        ("smtp.example.com.", "smtp.example.com"),
        ("mail_server", "mail_server"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("邮件.中国", "xn--5nq051n.xn--fiqs8s"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_a_server_name_is_brought_into_the_form_that_dns_knows(host: str, ascii_form: str) -> None:
    validate_host(host)
    assert ascii_host(host) == ascii_form


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("smtp://smtp.example.com", "host_url"),
        ("https://smtp.example.com/", "host_url"),
        ("user@smtp.example.com", "host_address"),
        ("smtp.example.com/path", "host_path"),
        ("smtp.example.com:465", "host_port"),
        ("smtp example com", "host"),
        ("-smtp.example.com", "host"),
        ("smtp..example.com", "host"),
        ("smtp.example.com\r\nX", "host"),
        ("", "host"),
    ],
)
def test_what_is_no_server_name_is_refused_with_its_reason(host: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validate_host(host)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["=?nope?q?x?=", "=?utf-8?b?a?="])
def test_a_name_that_cannot_be_decoded_is_left_as_it_was_typed(name: str) -> None:
    assert parse_sender(f"{name} <notify@example.com>") == Sender("notify@example.com", name)
