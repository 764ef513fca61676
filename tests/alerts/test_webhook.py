"""A webhook as the receiving side sees it, and every way in which one fails."""

import base64
import hashlib
import hmac
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest

from smtpadmin.alerts import webhook
from smtpadmin.alerts.alert import Alert, Event
from smtpadmin.alerts.outcome import Outcome, Reason
from smtpadmin.alerts.webhook import BadUrl, Target
from smtpadmin.smtp import AddressPolicy, Secret
from tests.support.certificates import CertificateFactory
from tests.support.https_server import StartHttps, drip
from tests.support.receiver import Receiver, StartReceiver

ALERT = Alert(uid="u1", event=Event.TEST, language="zh-hans", subject="测试", text="正文\n")
NOBODY = Secret("")


@pytest.fixture
def receiver(start_receiver: StartReceiver, certificates: CertificateFactory) -> Receiver:
    return start_receiver(certificates.good)


def send(
    url: str, certificates: CertificateFactory, *, secret: Secret = NOBODY, denied: tuple[str, ...] = ()
) -> Outcome:
    policy = AddressPolicy(denied=tuple(ip_network(text) for text in denied))
    return webhook.send(Secret(url), ALERT, secret=secret, policy=policy, ca_pem=certificates.ca_pem)


def test_the_body_is_the_documented_json(receiver: Receiver, certificates: CertificateFactory) -> None:
    assert send(receiver.url("/a/b?c=d"), certificates) == Outcome()
    (call,) = receiver.calls
    assert call.path == "/a/b?c=d"
    assert call.headers["content-type"] == "application/json; charset=utf-8"
    assert call.headers["webhook-id"] == "u1"
    assert "webhook-signature" not in call.headers
    assert call.json == {
        "version": 1, "id": "u1", "event": "test", "kind": "", "profile": None, "profile_name": None, "incident": None,
        "opened_at": None, "closed_at": None, "language": "zh-hans", "subject": "测试", "text": "正文\n", "cause": "",
        "first_step": "", "url": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("words of one's own", b"words of one's own"),
        ("whsec_" + base64.b64encode(b"\0\1binary").decode(), b"\0\1binary"),
        ("whsec_not base64", b"whsec_not base64"),
    ],
)
def test_the_signature_is_over_identifier_time_and_body(
    receiver: Receiver, certificates: CertificateFactory, secret: str, key: bytes
) -> None:
    assert send(receiver.url(), certificates, secret=Secret(secret)).ok
    (call,) = receiver.calls
    at = call.headers["webhook-timestamp"]
    assert abs(time.time() - int(at)) < 60
    expected = hmac.new(key, f"u1.{at}.".encode() + call.body, hashlib.sha256).digest()
    assert call.headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Reason.REFUSED), (401, Reason.NOT_AUTHORISED), (403, Reason.NOT_AUTHORISED), (404, Reason.NOT_FOUND),
        (410, Reason.NOT_FOUND), (429, Reason.TOO_MANY), (500, Reason.SERVER_ERROR), (503, Reason.SERVER_ERROR),
    ],
)  # fmt: skip
def test_a_status_of_failure_is_one(
    receiver: Receiver, certificates: CertificateFactory, status: int, reason: Reason
) -> None:
    receiver.answers.append((status, {}))
    assert send(receiver.url(), certificates) == Outcome(reason, f"HTTP {status}")


def test_a_redirect_is_not_followed(receiver: Receiver, certificates: CertificateFactory) -> None:
    receiver.answers.append((302, {"Location": receiver.url("/elsewhere")}))
    assert send(receiver.url(), certificates) == Outcome(Reason.REDIRECTED, "HTTP 302")
    assert [call.path for call in receiver.calls] == ["/hook"]


@pytest.mark.parametrize("kind", ["expired", "self_signed", "unknown_ca", "wrong_name"])
def test_nothing_is_sent_to_a_server_whose_certificate_is_bad(
    start_receiver: StartReceiver, certificates: CertificateFactory, kind: str
) -> None:
    receiver = start_receiver(getattr(certificates, kind))
    assert send(receiver.url(), certificates).reason is Reason.UNTRUSTED
    assert receiver.calls == []


def test_denied_networks_are_not_connected_to(receiver: Receiver, certificates: CertificateFactory) -> None:
    assert send(receiver.url(), certificates, denied=("127.0.0.0/8",)) == Outcome(Reason.DENIED)
    assert send("https://169.254.169.254/", certificates) == Outcome(Reason.DENIED)
    assert receiver.calls == []


def test_a_server_that_drips_is_given_up_after_the_time_for_all(
    https_server: StartHttps, certificates: CertificateFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 1.0)
    server = https_server(certificates.good)
    server.serve(f"127.0.0.1:{server.port}", "/", drip(b"x"))
    begun = time.monotonic()
    assert send(f"https://127.0.0.1:{server.port}/", certificates) == Outcome(Reason.TIMEOUT)
    assert time.monotonic() - begun < 8


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def test_where_nobody_listens_there_is_no_connection(certificates: CertificateFactory) -> None:
    with silent_port() as port:
        outcome = send(f"https://127.0.0.1:{port}/very-secret-path", certificates)
    assert outcome.reason is Reason.NO_CONNECTION
    assert "very-secret-path" not in outcome.detail


def test_plain_http_behind_the_port_is_said(start_receiver: StartReceiver, certificates: CertificateFactory) -> None:
    receiver = start_receiver()
    assert send(f"https://127.0.0.1:{receiver.port}/", certificates).reason is Reason.NOT_HTTPS


def test_a_host_that_does_not_exist_is_said(certificates: CertificateFactory) -> None:
    assert send("https://no-such-host.invalid/", certificates).reason in {Reason.NO_HOST, Reason.DNS_FAILED}


@pytest.mark.parametrize(
    "url",
    [
        "", "hook", "http://example.com/", "https://", "https:///x", "https://user:pw@example.com/", "ftp://example.com/",
        "https://example.com/ä", "https://example.com/a b", "https://example.com/\r\nHost: other",
        "https://ex ample.com/",
        "https://example.com:99999/",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(url: str, certificates: CertificateFactory) -> None:
    with pytest.raises(BadUrl):
        webhook.parse(url)
    assert send(url, certificates) == Outcome(Reason.BAD_URL)


@pytest.mark.parametrize(
    ("url", "target", "shown"),
    [
        ("https://Hooks.Example.com", Target("hooks.example.com", 443, "/"), "hooks.example.com"),
        (" https://bücher.example:8443/x?y=z#part ", Target("xn--bcher-kva.example", 8443, "/x?y=z"), None),
        ("https://[::1]:8443/x", Target("::1", 8443, "/x"), "::1:8443"),
    ],
)
def test_an_address_is_taken_apart(url: str, target: Target, shown: str | None) -> None:
    assert webhook.parse(url) == target
    assert webhook.parse(url).shown == (shown or "xn--bcher-kva.example:8443")
