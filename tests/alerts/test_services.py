"""Chats and push services: the Apprise library in its own process, towards a real server."""

import contextlib
import importlib.util
import logging
import resource
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from smtpadmin.alerts import services
from smtpadmin.alerts.alert import Alert, Event
from smtpadmin.alerts.outcome import Outcome, Reason
from smtpadmin.alerts.services import Known
from smtpadmin.smtp import AddressPolicy, Secret, scrub
from tests.support.certificates import CertificateFactory
from tests.support.receiver import Receiver, StartReceiver

ALERT = Alert(uid="u1", event=Event.OPENED, subject="“Main” cannot send mail", text="Since noon.\n")
OPEN = AddressPolicy()
TOKEN = "canary-Zx81-token"


def url_of(receiver: Receiver) -> Secret:
    scheme = "jsons" if receiver.scheme == "https" else "json"
    return Secret(f"{scheme}://127.0.0.1:{receiver.port}/{TOKEN}")


@pytest.fixture
def receiver(start_receiver: StartReceiver) -> Receiver:
    return start_receiver()


def test_an_alert_reaches_the_service(receiver: Receiver) -> None:
    assert services.send(url_of(receiver), ALERT, policy=OPEN) == Outcome()
    (call,) = receiver.calls
    assert call.path == f"/{TOKEN}"
    assert (call.json["title"], call.json["message"], call.json["type"]) == (
        "“Main” cannot send mail",
        "Since noon.",
        "failure",
    )


def test_tls_is_verified(
    start_receiver: StartReceiver, certificates: CertificateFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = start_receiver(certificates.good)
    assert services.send(url_of(receiver), ALERT, policy=OPEN).reason is Reason.SERVICE_REFUSED
    assert receiver.calls == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.ca_file))
    assert services.send(url_of(receiver), ALERT, policy=OPEN) == Outcome()


def test_what_the_service_says_comes_back_without_the_token(receiver: Receiver) -> None:
    receiver.answers.append((403, {}))
    outcome = services.send(url_of(receiver), ALERT, policy=OPEN)
    assert outcome.reason is Reason.SERVICE_REFUSED
    assert "403" in outcome.detail
    assert TOKEN not in outcome.detail


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.answers.append((302, {"Location": receiver.url("/elsewhere")}))
    assert services.send(url_of(receiver), ALERT, policy=OPEN).reason is Reason.SERVICE_REFUSED
    assert len(receiver.calls) == 1


def test_a_url_cannot_ask_for_redirects(receiver: Receiver) -> None:
    receiver.answers.append((307, {"Location": receiver.url("/elsewhere")}))
    url = Secret(f"json://127.0.0.1:{receiver.port}/x?redirect=yes")
    assert services.send(url, ALERT, policy=OPEN).reason is Reason.SERVICE_REFUSED
    assert len(receiver.calls) == 1


def test_a_url_cannot_name_a_file_of_this_computer(
    start_receiver: StartReceiver,
    certificates: CertificateFactory,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.ca_file))
    receiver = start_receiver(certificates.good)
    receiver.answers += [(200, {})] * 2
    private = tmp_path / "private.json"
    private.write_text('{"type": "message", "attachments": [{"contentType": "x"}], "private": "canary-of-a-file"}')
    address = f"workflows://127.0.0.1:{receiver.port}/workflow-id/signature"
    assert services.send(Secret(address), ALERT, policy=OPEN) == Outcome()
    outcome = services.send(Secret(f"{address}?template={private}"), ALERT, policy=OPEN)
    assert outcome.reason is Reason.SERVICE_REFUSED
    assert [b"canary-of-a-file" in call.body for call in receiver.calls] == [False]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_denied_networks_are_not_connected_to(receiver: Receiver, host: str) -> None:
    denied = AddressPolicy(denied=(ip_network("127.0.0.0/8"), ip_network("::1/128")))
    url = Secret(f"json://{host}:{receiver.port}/x")
    assert services.send(url, ALERT, policy=denied).reason is Reason.DENIED
    assert receiver.calls == []


def test_the_metadata_of_a_cloud_is_never_connected_to() -> None:
    outcome = services.send(Secret("json://169.254.169.254/latest/meta-data"), ALERT, policy=OPEN)
    assert outcome.reason is Reason.DENIED


def test_a_service_that_does_not_answer_is_ended(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SECONDS", 2.0)
    receiver.awake.clear()
    begun = time.monotonic()
    assert services.send(url_of(receiver), ALERT, policy=OPEN).reason is Reason.TIMEOUT
    assert time.monotonic() - begun < 20


@pytest.fixture
def flood() -> Iterator[int]:
    """The port of a server whose answer has no end."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            piece = bytes(1_000_000)
            with contextlib.suppress(OSError):
                for _ in range(3_000):
                    self.wfile.write(piece)

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(sys.platform != "linux", reason="Other systems do not hold the limit.")
def test_an_answer_without_an_end_does_not_fill_the_memory(flood: int) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    outcome = services.send(Secret(f"json://127.0.0.1:{flood}/x"), ALERT, policy=OPEN)
    assert not outcome.ok
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 600_000)  # kB


def test_a_worker_that_stops_does_not_wait(receiver: Receiver) -> None:
    receiver.awake.clear()
    begun = time.monotonic()
    outcome = services.send(url_of(receiver), ALERT, policy=OPEN, stopping=lambda: bool(receiver.calls))
    assert outcome.reason is Reason.TIMEOUT
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("tgram://123456789:abcdefg_hijklmnop/12345", Known("Telegram")),
        ("dingtalk://abcdefgh12345678", Known("DingTalk")),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", Known("Slack")),
        ("nonsense://x", Known(reason=Reason.BAD_SERVICE_URL)),
        ("tgram://", Known(reason=Reason.BAD_SERVICE_URL)),
        ("jsons://example.com/?verify=no", Known("JSON", Reason.UNVERIFIED)),
        ("syslog://", Known("Local Syslog", Reason.LOCAL_SERVICE)),
        ("mailtos://user:password@example.com", Known("E-Mail", Reason.LOCAL_SERVICE)),
        ("deltachat://user:password@example.com", Known("Delta Chat", Reason.LOCAL_SERVICE)),
    ],
)
def test_a_url_is_read_without_a_connection(url: str, known: Known) -> None:
    found = services.check(Secret(url))
    assert (found.name if not known.reason else known.name, found.reason) == (known.name, known.reason)


def test_without_the_library_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert services.send(Secret("json://127.0.0.1/"), ALERT, policy=OPEN) == Outcome(Reason.NOT_INSTALLED)


def test_every_part_of_a_url_that_may_be_a_token_is_known() -> None:
    parts = services.parts_of(Secret("tgram://123456:tok%2Fen-value/chat?x=secret-value#tail"))
    assert scrub("123456 tok/en-value tok%2Fen-value secret-value chat", parts) == "*** *** *** *** chat"


def test_nothing_of_it_is_logged(receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answers.append((500, {}))
    services.send(url_of(receiver), ALERT, policy=OPEN)
    written = "".join(capfd.readouterr())
    assert TOKEN not in caplog.text + written


def test_a_process_that_does_not_start_is_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_python", lambda: str(tmp_path / "python-that-is-gone"))
    assert services.send(Secret("json://127.0.0.1/"), ALERT, policy=OPEN) == Outcome(Reason.UNEXPECTED)
