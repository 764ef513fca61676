"""Tests of `smtpadmin.finding.autoconfig`: the file as bytes, good ones and hostile ones."""

from time import monotonic

import pytest

from smtpadmin.finding.autoconfig import BadFile, Server, servers
from smtpadmin.smtp import Security


def file(*outgoing: str) -> bytes:
    """Return a file with these outgoing servers."""
    inside = "".join(outgoing)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><clientConfig version="1.1"><emailProvider id="example.com">'
        "<domain>example.com</domain>"
        '<incomingServer type="imap"><hostname>imap.example.com</hostname><port>993</port>'
        "<socketType>SSL</socketType><username>%EMAILADDRESS%</username></incomingServer>"
        f"{inside}</emailProvider></clientConfig>"
    ).encode()


def smtp(
    *,
    host: str = "smtp.example.com",
    port: str = "465",
    kind: str = "SSL",
    username: str = "%EMAILADDRESS%",
    authentication: tuple[str, ...] = ("password-cleartext",),
) -> str:
    methods = "".join(f"<authentication>{method}</authentication>" for method in authentication)
    return (
        f'<outgoingServer type="smtp"><hostname>{host}</hostname><port>{port}</port><socketType>{kind}</socketType>'
        f"{methods}<username>{username}</username></outgoingServer>"
    )


GOOD = Server(host="smtp.example.com", port=465, security=Security.IMPLICIT_TLS, username="%EMAILADDRESS%")


def test_servers_for_sending_come_in_the_order_of_the_file() -> None:
    data = file(smtp(), smtp(host="smtp2.example.com", port="587", kind="STARTTLS", username="%EMAILLOCALPART%"))
    assert servers(data) == (
        GOOD,
        Server(host="smtp2.example.com", port=587, security=Security.STARTTLS, username="%EMAILLOCALPART%"),
    )


@pytest.mark.parametrize(
    ("username", "filled"),
    [
        ("%EMAILADDRESS%", "ada@example.com"),
        ("%EMAILLOCALPART%", "ada"),
        ("%EMAILLOCALPART%.%EMAILDOMAIN%", "ada.example.com"),
        ("fixed", "fixed"),
        ("", ""),
    ],
)
def test_placeholders_are_filled_in_here_and_not_by_the_server(username: str, filled: str) -> None:
    (server,) = servers(file(smtp(username=username)))
    assert server.username_for("ada@example.com") == filled


def test_a_server_that_wants_nobody_to_sign_in_has_no_user_name() -> None:
    (server,) = servers(file(smtp(authentication=("client-IP-address",))))
    assert server.username == ""


def test_a_server_for_passwords_and_tokens_is_one_for_passwords() -> None:
    assert servers(file(smtp(authentication=("OAuth2", "password-cleartext")))) == (GOOD,)


@pytest.mark.parametrize(
    "entry",
    [
        smtp(kind="plain"),
        smtp(kind="ssl-of-some-kind"),
        smtp(kind=""),
        smtp(authentication=("OAuth2",)),
        smtp(authentication=("GSSAPI", "NTLM")),
        smtp(port="0"),
        smtp(port="99999"),
        smtp(port="-465"),
        smtp(port="٤٦٥"),
        smtp(port="465 465"),
        smtp(port=""),
        smtp(host=""),
        smtp(host="smtp.example.com/../../x"),
        smtp(host="user@smtp.example.com"),
        smtp(host="a b"),
        smtp(host="&lt;script&gt;"),
        smtp(host="x" * 300),
        smtp(username="a&#10;b"),
        '<outgoingServer type="jmap"><hostname>a.example</hostname></outgoingServer>',
        '<outgoingServer type="smtp"/>',
    ],
)
def test_a_server_that_cannot_be_used_is_left_out(entry: str) -> None:
    assert servers(file(entry, smtp())) == (GOOD,)


def test_a_server_elsewhere_in_the_file_is_none() -> None:
    wrapped = f"<other>{smtp(host='evil.example')}</other>"
    assert servers(file(wrapped, smtp())) == (GOOD,)


def test_the_same_server_counts_once_and_only_so_many_are_read() -> None:
    assert servers(file(*[smtp()] * 3)) == (GOOD,)
    assert len(servers(file(*(smtp(host=f"smtp{number}.example.com") for number in range(50))))) == 10


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">{entities}]><clientConfig>&lol9;</clientConfig>"""
LAUGHS = BOMB.format(entities="".join(f'<!ENTITY lol{n} "{f"&lol{n - 1 or str()};" * 10}">' for n in range(1, 10)))


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS.encode(),
        b'<!DOCTYPE clientConfig SYSTEM "http://127.0.0.1/evil.dtd"><clientConfig/>',
        b'<!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/passwd">]><clientConfig>&x;</clientConfig>',
        b'<!DOCTYPE c [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><clientConfig/>',
        b"<clientConfig>" + b"<a>" * 100_000,
        b"<clientConfig>&undefined;</clientConfig>",
        b"<html><body>Welcome</body></html>",
        b"<clientConfig><emailProvider></clientConfig>",
        b"",
        b"\0" * 1000,
        b'<?xml version="1.0" encoding="no-such-encoding"?><clientConfig/>',
        b"{}",
    ],
    ids=[
        *("billion laughs", "outer dtd", "file entity", "parameter entity", "deep", "undefined entity", "html"),
        *("broken", "empty", "zeros", "unknown encoding", "json"),
    ],
)
def test_what_is_no_such_file_or_not_safe_is_refused_at_once(data: bytes) -> None:
    started = monotonic()
    with pytest.raises(BadFile):
        servers(data)
    assert monotonic() - started < 10


def test_a_giant_text_is_not_kept() -> None:
    data = file(smtp(username="x" * 200_000), smtp())
    assert servers(data) == (GOOD,)


def test_other_encodings_are_read() -> None:
    assert servers(file(smtp()).decode().replace("UTF-8", "UTF-16").encode("utf-16")) == (GOOD,)
