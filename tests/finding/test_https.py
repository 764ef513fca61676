"""Tests of `smtpadmin.finding.https`: a bounded download from a real HTTPS server that may do anything."""

from collections.abc import Callable
from ipaddress import ip_network
from time import monotonic

import pytest

from smtpadmin.finding.https import Fetcher, FetchError, Reason
from smtpadmin.smtp import AddressPolicy
from tests.support.certificates import CertificateFactory
from tests.support.dns_server import DnsServer, servfail
from tests.support.https_server import (
    Answer,
    HttpsServer,
    StartHttps,
    drip,
    endless,
    hang,
    page,
    raw,
    redirect,
)

URL = "https://example.com/file.xml"
Fetch = Callable[..., Fetcher]


@pytest.fixture
def server(https_server: StartHttps, certificates: CertificateFactory, dns_server: DnsServer) -> HttpsServer:
    """A server for example.com and its subdomains, which lead to it."""
    for name in ("example.com", "other.example.com", "not-in-certificate.example.net"):
        dns_server.add(name, "A", "127.0.0.1")
    return https_server(certificates.for_names("example.com", "*.example.com"))


@pytest.fixture
def fetch(server: HttpsServer, certificates: CertificateFactory, dns_server: DnsServer) -> Fetch:
    def make(*, seconds: float = 5, port: int = server.port, **options: object) -> Fetcher:
        values: dict[str, object] = {
            "resolver": dns_server.resolver(seconds=seconds),
            "until": monotonic() + seconds,
            "port": port,
            "ca_pem": certificates.ca_pem,
        }
        return Fetcher(**values | options)  # type: ignore[arg-type]

    return make


def reason_of(fetcher: Fetcher, url: str = URL) -> Reason:
    with pytest.raises(FetchError) as raised:
        fetcher.get(url)
    return raised.value.reason


def test_a_file_comes_over_verified_https(server: HttpsServer, fetch: Fetch) -> None:
    server.serve("example.com", "/file.xml?a=b", page(b"<xml/>"))
    assert fetch().get(f"{URL}?a=b") == b"<xml/>"
    assert server.requests == [("example.com", "/file.xml?a=b")]


def test_a_file_in_chunks_is_put_together(server: HttpsServer, fetch: Fetch) -> None:
    server.serve(
        "example.com",
        "/file.xml",
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<xm\r\n3\r\nl/>\r\n0\r\n\r\n"),
    )
    assert fetch().get(URL) == b"<xml/>"


def test_a_certificate_that_is_not_trusted_ends_it(server: HttpsServer, fetch: Fetch) -> None:
    server.serve("example.com", "/file.xml", page(b"<xml/>"))
    assert reason_of(fetch(ca_pem="")) is Reason.UNTRUSTED
    assert server.requests == []


def test_a_certificate_for_another_name_ends_it(server: HttpsServer, fetch: Fetch) -> None:
    url = "https://not-in-certificate.example.net/file.xml"
    server.serve("not-in-certificate.example.net", "/file.xml", page(b"<xml/>"))
    assert reason_of(fetch(), url) is Reason.UNTRUSTED
    assert server.requests == []


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "500 Oops", "204 No Content", "304 Not Modified"])
def test_every_status_but_200_is_no_file(server: HttpsServer, fetch: Fetch, status: str) -> None:
    server.serve("example.com", "/file.xml", page(b"<xml/>" if status[0] in "45" else b"", status=status))
    assert reason_of(fetch()) is Reason.STATUS


def test_a_redirect_is_followed(server: HttpsServer, fetch: Fetch) -> None:
    server.serve("example.com", "/file.xml", redirect(f"https://other.example.com:{server.port}/there.xml"))
    server.serve("other.example.com", "/there.xml", redirect("/here.xml", status="301 Moved"))
    server.serve("other.example.com", "/here.xml", page(b"<xml/>"))
    assert fetch().get(URL) == b"<xml/>"


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/file.xml",
        "ftp://example.com/file.xml",
        "file:///etc/passwd",
        "https://example.com:8443/file.xml",
        "https://example.com:22/",
        "https://user:secret@example.com/file.xml",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/file.xml",
        "https://2130706433/file.xml",
        "https://exa mple.com/",
        "https:///file.xml",
        "https://example.com:99999/",
        "https://example.com/a b",
        "https://example.com/ü",
        "https://[broken/",
        "//",
        "",
    ],
)
def test_a_redirect_elsewhere_is_not_followed(server: HttpsServer, fetch: Fetch, location: str) -> None:
    server.serve("example.com", "/file.xml", redirect(location))
    assert reason_of(fetch()) is Reason.BAD_REDIRECT
    # An empty one leads to the page itself, and that is asked again, so often and no more.
    assert len(server.requests) <= 4


def test_a_ring_of_redirects_ends(server: HttpsServer, fetch: Fetch) -> None:
    server.serve("example.com", "/file.xml", redirect("/b.xml"))
    server.serve("example.com", "/b.xml", redirect("/file.xml"))
    assert reason_of(fetch()) is Reason.BAD_REDIRECT
    assert len(server.requests) == 4


def test_a_redirect_to_a_denied_address_makes_no_connection(
    server: HttpsServer, fetch: Fetch, dns_server: DnsServer
) -> None:
    dns_server.add("metadata.example.com", "A", "169.254.169.254")
    server.serve("example.com", "/file.xml", redirect("https://metadata.example.com/"))
    assert reason_of(fetch()) is Reason.DENIED
    assert server.connections == 1


def test_a_host_in_a_denied_network_is_not_connected_to(server: HttpsServer, fetch: Fetch) -> None:
    assert reason_of(fetch(policy=AddressPolicy(denied=(ip_network("127.0.0.0/8"),)))) is Reason.DENIED
    assert server.connections == 0


def test_a_host_that_does_not_exist_is_told_from_one_that_could_not_be_asked_for(
    fetch: Fetch, dns_server: DnsServer
) -> None:
    dns_server.behave("broken.example.com", servfail)
    assert reason_of(fetch(), "https://nowhere.example.com/") is Reason.NO_HOST
    assert reason_of(fetch(), "https://broken.example.com/") is Reason.DNS_FAILED


def test_a_closed_port_is_no_connection(fetch: Fetch) -> None:
    assert reason_of(fetch(port=1)) is Reason.NO_CONNECTION


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (endless(b"<a>"), Reason.TOO_LARGE),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X-Header: yes\r\n" * 200), Reason.NOT_HTTP),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000), Reason.NOT_HTTP),
        (raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000), Reason.TOO_LARGE),
        (page(b"x" * 300_000), Reason.TOO_LARGE),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort"), Reason.NOT_HTTP),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), Reason.NOT_HTTP),
        (raw(b"220 mail.example.com ESMTP\r\n"), Reason.NOT_HTTP),
        (raw(b""), Reason.NOT_HTTP),
    ],
    ids=["endless", "many headers", "long header", "continues", "giant", "short", "bad chunk", "smtp", "closed"],
)
def test_an_answer_that_is_none_ends_it(server: HttpsServer, fetch: Fetch, answer: Answer, reason: Reason) -> None:
    server.serve("example.com", "/file.xml", answer)
    assert reason_of(fetch()) is reason


@pytest.mark.parametrize(
    "answer", [hang, drip(b"HTTP/1.1 100 Continue\r\n\r\n"), drip(b"H")], ids=["silent", "drip", "drip in a line"]
)
def test_the_time_is_a_total(server: HttpsServer, fetch: Fetch, answer: Answer) -> None:
    server.serve("example.com", "/file.xml", answer)
    started = monotonic()
    assert reason_of(fetch(seconds=0.7)) is Reason.TIMEOUT
    assert monotonic() - started < 6
