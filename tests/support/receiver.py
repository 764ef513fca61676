"""An HTTP server on a free port of 127.0.0.1 that takes what alerts post, with or without TLS.

receiver = start_receiver(certificates.good)
receiver.answers.append((500, {}))           the next answer; 204 when there is none
...
assert receiver.calls[0].json["event"] == "opened"
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.certificates import ServerCertificate

_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that arrived whole."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True, kw_only=True)
class Receiver:
    """The running server: where it is, what it was sent, and what it answers next."""

    scheme: str
    port: int
    calls: list[Call] = field(default_factory=list)
    #: Status and headers.
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    #: While it is clear, a call gets no answer.
    awake: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/hook") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.calls.append(
                Call(path=self.path, headers={name.lower(): value for name, value in self.headers.items()}, body=body)
            )
            receiver.awake.wait(_SECONDS)
            status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_args: Any) -> None:
        """Clients that refuse the certificate or go away are what some tests are about."""


StartReceiver = Callable[..., Receiver]


@pytest.fixture
def start_receiver() -> Iterator[StartReceiver]:
    """Start servers that live until the end of the test; without a certificate they speak plain HTTP."""
    with ExitStack() as stack:

        def start(certificate: ServerCertificate | None = None) -> Receiver:
            receiver = Receiver(scheme="https" if certificate else "http", port=0)
            receiver.awake.set()
            server = _Server(("127.0.0.1", 0), _handler(receiver))
            receiver.port = server.server_address[1]
            if certificate is not None:
                # The handshake is the handler's, not the listener's: a client that makes none keeps out nobody.
                server.socket = certificate.context().wrap_socket(
                    server.socket, server_side=True, do_handshake_on_connect=False
                )
            thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05), daemon=True)
            thread.start()
            stack.callback(thread.join, _SECONDS)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            stack.callback(receiver.awake.set)
            return receiver

        yield start
