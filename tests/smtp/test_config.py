"""Tests of `smtpadmin.smtp.config`: what a server may be described with."""

import pytest

from smtpadmin.smtp import ConfigError, Deadlines, Secret, Security, ServerConfig, SignIn
from tests.support.certificates import CertificateFactory


def config(**changes: object) -> ServerConfig:
    values: dict[str, object] = {"host": "smtp.example.com", "port": 465, "security": Security.IMPLICIT_TLS}
    return ServerConfig(**values | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("smtp.example.com", "smtp.example.com"),
        ("smtp.example.com.", "smtp.example.com"),
        ("localhost", "localhost"),
        ("mail_relay.internal", "mail_relay.internal"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("邮件.example", "xn--5nq051n.example"),
    ],
)
def test_a_host_is_kept_in_the_form_in_which_it_is_looked_up(given: str, kept: str) -> None:
    assert config(host=given).host == kept


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "smtp..example.com",
        "https://smtp.example.com",
        "smtp.example.com/x",
        "user@smtp.example.com",
        "smtp.example.com:465",
        "smtp.example.com\r\nQUIT",
        "smtp example.com",
        "-smtp.example.com",
        "a" * 64 + ".example.com",
        ("a" * 60 + ".") * 5 + "com",
        "faß.example",
        "fe80::1%eth0",
        "\0",
    ],
)
def test_what_is_no_host_is_refused_by_name(host: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(host=host)
    assert raised.value.field == "host"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", 0),
        ("port", 65536),
        ("port", -1),
        ("ehlo_name", "has space"),
        ("ehlo_name", "mail.example.com\r\nMAIL FROM:<>"),
        ("ehlo_name", "[not an address]"),
        ("ehlo_name", "[10.0.0.1"),
        ("ehlo_name", "bücher.example"),
        ("username", "me\0you"),
        ("password", Secret("pass\0word")),
        ("pinned_sha256", "abc"),
        ("pinned_sha256", "g" * 64),
        ("ca_pem", "not a certificate"),
        ("ca_pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ],
)
def test_a_value_that_no_server_can_have_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ConfigError) as raised:
        config(**{field: value})
    assert raised.value.field == field


@pytest.mark.parametrize("name", ["mail.example.com", "localhost", "[192.0.2.7]", "[IPv6:2001:db8::7]", ""])
def test_an_ehlo_name_is_a_domain_or_an_address_literal(name: str) -> None:
    assert config(ehlo_name=name).ehlo_name == name


def test_a_fingerprint_may_be_written_as_openssl_prints_it() -> None:
    digits = "0123456789abcdef" * 4
    pairs = ":".join(digits[at : at + 2] for at in range(0, 64, 2)).upper()
    assert config(pinned_sha256=pairs).pinned_sha256 == digits


def test_a_bundle_of_authorities_is_accepted(certificates: CertificateFactory) -> None:
    bundle = certificates.ca_pem + "\n" + certificates.unknown_ca_pem
    assert config(ca_pem=bundle).ca_pem == bundle


@pytest.mark.parametrize(
    ("username", "sign_in", "expected"),
    [
        ("me@example.com", SignIn.AUTO, True),
        ("me@example.com", SignIn.LOGIN, True),
        ("me@example.com", SignIn.NONE, False),
        ("", SignIn.AUTO, False),
    ],
)
def test_it_signs_in_with_a_user_name_unless_told_not_to(username: str, sign_in: SignIn, *, expected: bool) -> None:
    assert config(username=username, sign_in=sign_in).signs_in is expected


def test_the_password_is_not_in_what_a_configuration_prints() -> None:
    assert "hunter22" not in repr(config(username="me", password=Secret("hunter22")))


def test_the_deadlines_of_the_test_button_are_for_people() -> None:
    assert (Deadlines.BRISK.connect, Deadlines.BRISK.overall) == (10, 30)
    assert (Deadlines.PATIENT.reply, Deadlines.PATIENT.overall) == (600, None)
