"""An SMTP server that follows a script, for everything that a server should not do.

A script gives behaviours (`behaviours.py`) for phases; where it says nothing the server behaves, and refuses what comes
after a refusal or in the wrong order: RCPT without a sender, a second sender, a message without a recipient.

    script = {Phase.RCPT: [say("250 ok"), say("550 no"), reset]}
    with hostile_server(script) as server:
        ...
        assert server.ledger.count("AUTH") == 0

A sequence is used up one behaviour per occurrence on a connection; its last one stays.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from time import monotonic
from typing import NoReturn

from smtpadmin.smtp import Security, ServerConfig
from tests.support import canary
from tests.support.behaviours import Behaviour, authenticate, close, ehlo, nothing, say, then
from tests.support.config import server_config
from tests.support.peer import Gone, Ledger, Peer

_CHUNK = 65536
_STOP_SECONDS = 10
_SETTLE_SECONDS = 2


class Phase(StrEnum):
    """What the server is about to answer."""

    #: Before TLS from the first byte; the behaviour runs in place of the handshake.
    HANDSHAKE = "handshake"
    GREETING = "greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    #: While the message comes in: nothing of it has been read.
    BODY = "body"
    #: After the final dot, or a chunk.
    DOT = "dot"
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"


Script = Mapping[Phase, Behaviour | Sequence[Behaviour]]


class HostileServer:
    """The listener, its clients' threads, and what they received."""

    host = "127.0.0.1"

    def __init__(self, script: Script, *, context: ssl.SSLContext | None, implicit_tls: bool) -> None:
        self.ledger = Ledger(context=context)
        self.connections = 0
        #: What went wrong in the server itself: a mistake in a test.
        self.mistakes: list[BaseException] = []
        self._script = script
        self._implicit_tls = implicit_tls
        self._clients: list[tuple[threading.Thread, socket.socket]] = []
        self._listener = socket.create_server((self.host, 0))
        # Small, so that a client notices soon when nothing is read; clients' sockets inherit it.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _CHUNK)
        # Or a reset would take back answers that Nagle's algorithm still holds.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="hostile", daemon=True)

    def config(self, security: Security = Security.NONE, *, ca_pem: str = "", **changes: object) -> ServerConfig:
        """Return how to sign in to it with the canary, with `changes`."""
        return server_config(
            host=self.host,
            port=self.port,
            security=security,
            username=canary.USERNAME,
            password=canary.PASSWORD,
            ca_pem=ca_pem,
            changes=changes,
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End every conversation and thread."""
        self.ledger.stopping.set()
        # Closing a listener does not wake a thread in accept(); shutting it down does.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_STOP_SECONDS)
        self._listener.close()
        for thread, sock in self._clients:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            thread.join(_STOP_SECONDS)
            assert not thread.is_alive(), "A thread of the hostile server did not end."

    def settle(self) -> None:
        """Wait until every client has left and all that they sent has been read; fails where one has not."""
        until = monotonic() + _SETTLE_SECONDS
        for thread, _ in self._clients:
            thread.join(max(0.0, until - monotonic()))
            assert not thread.is_alive(), "A client left its connection open."

    def _accept(self) -> None:
        while not self.ledger.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock,), name="hostile-client", daemon=True)
            self._clients.append((thread, sock))
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            try:
                _Conversation(Peer(sock, self.ledger), self._script).run(implicit_tls=self._implicit_tls)
            except Gone:
                return
            except Exception as error:  # noqa: BLE001 - raised again where the test can see it
                self.mistakes.append(error)


_WRONG_ORDER = say("503 5.5.1 Not now")


class _Conversation:
    """One client from greeting to end, by the script and, where it is silent, by the book."""

    def __init__(self, peer: Peer, script: Script) -> None:
        self._peer = peer
        self._left = {phase: [given] if callable(given) else list(given) for phase, given in script.items()}
        self._has_sender = False
        self._has_recipient = False

    def run(self, *, implicit_tls: bool) -> NoReturn:
        if implicit_tls:
            self._act(Phase.HANDSHAKE, Peer.start_tls)
        self._act(Phase.GREETING, say("220 mail.example.com ESMTP"))
        while True:
            self._peer.line = self._peer.read_line()
            self._answer(self._peer.line.split(b" ")[0].upper().decode("ascii", "replace"))

    def _answer(self, verb: str) -> None:
        match verb:
            case "EHLO":
                self._act(Phase.EHLO, ehlo())
            case "STARTTLS":
                self._act(Phase.STARTTLS, then(say("220 2.0.0 Go ahead"), Peer.start_tls))
            case "AUTH":
                self._act(Phase.AUTH, authenticate())
            case "QUIT":
                self._act(Phase.QUIT, then(say("221 2.0.0 Bye"), close))
            case "NOOP":
                self._act(Phase.NOOP, say("250 2.0.0 Ok"))
            case _:
                self._answer_mail(verb)

    def _answer_mail(self, verb: str) -> None:
        match verb:
            case "MAIL":
                self._act(Phase.MAIL, _WRONG_ORDER if self._has_sender else say("250 2.0.0 Ok"))
                self._has_sender |= self._peer.last_sent.startswith(b"2")
            case "RSET":
                self._has_sender = self._has_recipient = False
                self._act(Phase.RSET, say("250 2.0.0 Ok"))
            case "RCPT":
                self._act(Phase.RCPT, say("250 2.0.0 Ok") if self._has_sender else _WRONG_ORDER)
                self._has_recipient |= self._peer.last_sent.startswith(b"2")
            case "DATA":
                self._act(Phase.DATA, say("354 Go ahead") if self._has_recipient else _WRONG_ORDER)
                if self._peer.last_sent.startswith(b"354"):
                    self._take_message()
            case "BDAT":
                self._take_chunk(int(self._peer.line.split()[1]))
            case _:
                self._peer.send(b"502 5.5.1 Unknown command\r\n")

    def _take_message(self) -> None:
        self._act(Phase.BODY, nothing)
        self._peer.ledger.bodies.append(self._read_body())
        self._act(Phase.DOT, say("250 2.0.0 Queued") if self._has_recipient else _WRONG_ORDER)
        self._has_sender = self._has_recipient = False

    def _take_chunk(self, size: int) -> None:
        self._act(Phase.BODY, nothing)
        self._peer.ledger.bodies.append(self._peer.read(size))
        self._act(Phase.DOT, say("250 2.0.0 Queued") if self._has_recipient else _WRONG_ORDER)
        # Refused for want of recipients, it leaves the sender behind: some servers do that (Exim).
        self._has_sender &= not self._has_recipient
        self._has_recipient = False

    def _read_body(self) -> bytes:
        lines = []
        while (line := self._peer.read_line()) != b".":
            lines.append(line)
        return b"\r\n".join(lines)

    def _act(self, phase: Phase, default: Behaviour) -> None:
        left = self._left.get(phase)
        if not left:
            default(self._peer)
            return
        (left.pop(0) if len(left) > 1 else left[0])(self._peer)


@contextlib.contextmanager
def hostile_server(
    script: Script | None = None, *, context: ssl.SSLContext | None = None, implicit_tls: bool = False
) -> Iterator[HostileServer]:
    """Run a server with this script on a free port of 127.0.0.1."""
    server = HostileServer(script or {}, context=context, implicit_tls=implicit_tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()
    if server.mistakes:
        raise server.mistakes[0]
