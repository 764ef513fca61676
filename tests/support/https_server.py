"""An HTTPS server on a free port of 127.0.0.1 whose every answer is a test's own, well-formed or not.

server = https_server(certificates.for_names("example.com", "*.example.com"))
server.serve("example.com", "/.well-known/file.xml", page(b"<xml/>"))
...
assert server.requests == [("example.com", "/.well-known/file.xml")]
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.certificates import ServerCertificate

_SECONDS = 10

#: Takes the connection after a request; what it leaves open is closed.
Answer = Callable[["Connection"], None]


class Connection:
    """One client after its request."""

    def __init__(self, sock: ssl.SSLSocket, stopping: threading.Event) -> None:
        self._sock = sock
        self._stopping = stopping

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def wait(self, seconds: float) -> bool:
        """Do nothing for a while; True: the server stops."""
        return self._stopping.wait(seconds)


def page(body: bytes, *, status: str = "200 OK", headers: str = "") -> Answer:
    """Answer by the book."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return raw(head.encode() + body)


def redirect(location: str, *, status: str = "302 Found") -> Answer:
    """Send the client elsewhere."""
    return page(b"", status=status, headers=f"Location: {location}\r\n")


def raw(data: bytes) -> Answer:
    """Send these bytes."""
    return lambda connection: connection.send(data)


def endless(data: bytes) -> Answer:
    """Begin a page and never end it."""

    def run(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while not connection.wait(0):
            connection.send(data * 1000)

    return run


def drip(data: bytes, *, every: float = 0.05) -> Answer:
    """Send `data` again and again, byte by byte."""

    def run(connection: Connection) -> None:
        while True:
            for byte in data:
                connection.send(bytes([byte]))
                if connection.wait(every):
                    return

    return run


def hang(connection: Connection) -> None:
    """Say nothing."""
    connection.wait(_SECONDS)


class HttpsServer:
    """The listener, its pages, and what it was asked for."""

    host = "127.0.0.1"

    def __init__(self, certificate: ServerCertificate) -> None:
        #: Host and target of each request.
        self.requests: list[tuple[str, str]] = []
        self.connections = 0
        self._answers: dict[tuple[str, str], Answer] = {}
        self._context = certificate.context()
        self._stopping = threading.Event()
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]
        self._clients: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, name="https", daemon=True)

    def serve(self, host: str, target: str, answer: Answer) -> None:
        """Give this answer; everything else is 404."""
        self._answers[host, target] = answer

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_SECONDS)
        self._listener.close()
        for client in self._clients:
            client.join(_SECONDS)
            assert not client.is_alive(), "A thread of the HTTPS server did not end."

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            client = threading.Thread(target=self._serve, args=(sock,), name="https-client", daemon=True)
            self._clients.append(client)
            client.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(_SECONDS)
        # Clients that refuse the certificate or go away are what some tests are about.
        with sock, contextlib.suppress(OSError), self._context.wrap_socket(sock, server_side=True) as secured:
            lines = self._head(secured)
            host = next((line[5:].strip() for line in lines if line.lower().startswith("host:")), "")
            target = lines[0].split(" ")[1]
            self.requests.append((host, target))
            self._answers.get((host, target), page(b"Not here.", status="404 Not Found"))(
                Connection(secured, self._stopping)
            )

    def _head(self, sock: ssl.SSLSocket) -> list[str]:
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                raise ConnectionError
            data += more
        return data.decode("latin-1").split("\r\n")


StartHttps = Callable[[ServerCertificate], HttpsServer]


@pytest.fixture
def https_server() -> Iterator[StartHttps]:
    """Start servers that live until the end of the test."""
    with contextlib.ExitStack() as stack:

        def start(certificate: ServerCertificate) -> HttpsServer:
            server = HttpsServer(certificate)
            server.start()
            stack.callback(server.stop)
            return server

        yield start
