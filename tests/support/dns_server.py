"""An authoritative DNS server on a free port of 127.0.0.1, over UDP and TCP, with all that can go wrong with one.

    def test_something(dns_server):
        dns_server.add("example.com", "MX", "10 mx.example.net.")
        dns_server.add("example.com", "TXT", "v=spf1 -all")
        dns_server.behave("broken.example", servfail)
        ... Resolver(servers=[dns_server.host], port=dns_server.port) ...
        assert ("example.com", "MX", "udp") in dns_server.questions

It follows CNAMEs inside its own data, as a resolver would. Answers too long for UDP are cut there and come over TCP.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from smtpadmin.resolver import Resolver

_SOA = "ns.invalid. hostmaster.invalid. 1 3600 600 86400 60"
_CHAIN = 20
_PLAIN_UDP = 512
_STOP_SECONDS = 5

#: Takes what would be sent and how; returns what is sent instead, nothing for silence.
Behaviour = Callable[[dns.message.Message, str], dns.message.Message | bytes | None]
#: Makes the texts of a record up when it is asked for; None: not of these.
Maker = Callable[[str, str], list[str] | None]


def servfail(answer: dns.message.Message, transport: str) -> dns.message.Message:
    """Say that the server failed."""
    return _with_code(answer, dns.rcode.SERVFAIL)


def refused(answer: dns.message.Message, transport: str) -> dns.message.Message:
    """Say that the server does not answer this."""
    return _with_code(answer, dns.rcode.REFUSED)


def silent(answer: dns.message.Message, transport: str) -> None:
    """Say nothing."""


def garbage(answer: dns.message.Message, transport: str) -> bytes:
    """Send what is no DNS message, with the right id in front."""
    return struct.pack("!H", answer.id) + b"\x85\x80no message at all"


def truncated(answer: dns.message.Message, transport: str) -> dns.message.Message:
    """Say over UDP that the answer is too long, however short it is."""
    return _cut(answer) if transport == "udp" else answer


def always_truncated(answer: dns.message.Message, transport: str) -> dns.message.Message:
    """Say that over TCP too."""
    return _cut(answer)


def late(seconds: float) -> Behaviour:
    """Answer after a while."""

    def run(answer: dns.message.Message, transport: str) -> dns.message.Message:
        threading.Event().wait(seconds)
        return answer

    return run


def _with_code(answer: dns.message.Message, code: dns.rcode.Rcode) -> dns.message.Message:
    answer.answer, answer.authority = [], []
    answer.set_rcode(code)
    return answer


def _cut(answer: dns.message.Message) -> dns.message.Message:
    answer.answer = []
    answer.flags |= dns.flags.TC
    return answer


class DnsServer:
    """The listener, its records, and what it was asked."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        #: Name, kind and transport of each question, in the order in which they came.
        self.questions: list[tuple[str, str, str]] = []
        self._records: dict[tuple[str, str], list[str]] = {}
        self._behaviours: dict[str, Behaviour] = {}
        self._makers: list[Maker] = []
        self._stopping = threading.Event()
        self._udp, self._tcp = _pair(self.host)
        self.port: int = self._udp.getsockname()[1]
        self._threads = [
            threading.Thread(target=self._serve_udp, name="dns-udp", daemon=True),
            threading.Thread(target=self._serve_tcp, name="dns-tcp", daemon=True),
        ]

    def add(self, name: str, kind: str, *texts: str) -> None:
        """Publish records; a TXT may be of any length and is cut into parts here."""
        self._records.setdefault((_key(name), kind), []).extend(texts)

    def remove(self, name: str, kind: str) -> None:
        """Take records back."""
        del self._records[_key(name), kind]

    def behave(self, name: str, behaviour: Behaviour) -> None:
        """Do something else with the answers for `name`; "*" is for every name."""
        self._behaviours[_key(name)] = behaviour

    def make(self, maker: Maker) -> None:
        """Make records up as they are asked for."""
        self._makers.append(maker)

    def resolver(self, **options: Any) -> Resolver:
        """Return a resolver that asks this server."""
        return Resolver(servers=(self.host,), port=self.port, **options)

    def getaddrinfo(self, host: str, port: int, **_options: object) -> list[tuple[object, ...]]:
        """Answer as the system's `getaddrinfo` would if this server were the system's."""
        with contextlib.suppress(ValueError):
            return [(None, None, None, "", (str(ip_address(host)), port))]
        answer = self.resolver(seconds=5).addresses(host)
        if answer.trouble is not None:
            raise socket.gaierror(socket.EAI_AGAIN, answer.trouble)
        if not answer.records:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(None, None, None, "", (str(address), port)) for address in answer.records]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        # A datagram to itself wakes the one thread; shutting down wakes the other.
        with contextlib.suppress(OSError):
            self._udp.sendto(b"", self._udp.getsockname())
        with contextlib.suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_STOP_SECONDS)
            assert not thread.is_alive(), "A thread of the DNS server did not end."
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        while not self._stopping.is_set():
            data, client = self._udp.recvfrom(65535)
            if data:
                # A late answer must not keep others waiting.
                threading.Thread(target=self._answer_udp, args=(data, client), daemon=True).start()

    def _answer_udp(self, data: bytes, client: object) -> None:
        reply = self._reply(data, "udp")
        if reply is not None and not self._stopping.is_set():
            with contextlib.suppress(OSError):
                self._udp.sendto(reply, client)  # type: ignore[arg-type]

    def _serve_tcp(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._answer_tcp, args=(sock,), daemon=True).start()

    def _answer_tcp(self, sock: socket.socket) -> None:
        sock.settimeout(_STOP_SECONDS)
        with sock, contextlib.suppress(OSError):
            (length,) = struct.unpack("!H", sock.recv(2, socket.MSG_WAITALL))
            reply = self._reply(sock.recv(length, socket.MSG_WAITALL), "tcp")
            if reply is None:
                self._stopping.wait(_STOP_SECONDS)
            else:
                sock.sendall(struct.pack("!H", len(reply)) + reply)

    def _reply(self, data: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = _key(question.name.to_text()), dns.rdatatype.to_text(question.rdtype)
        self.questions.append((name, kind, transport))
        answer = dns.message.make_response(query, recursion_available=True)
        self._fill(answer, name, kind)
        behaviour = self._behaviours.get(name, self._behaviours.get("*"))
        changed = behaviour(answer, transport) if behaviour else answer
        if changed is None or isinstance(changed, bytes):
            return changed
        limit = 65535 if transport == "tcp" else max(query.payload, _PLAIN_UDP)
        try:
            return changed.to_wire(max_size=limit)
        except dns.exception.TooBig:
            return _cut(changed).to_wire()

    def _fill(self, answer: dns.message.Message, name: str, kind: str) -> None:
        for _ in range(_CHAIN):
            aliases = self._texts(name, "CNAME")
            if not aliases or kind == "CNAME":
                break
            answer.answer.append(_rrset(name, "CNAME", aliases))
            name = _key(aliases[0])
        texts = self._texts(name, kind)
        if texts:
            answer.answer.append(_rrset(name, kind, texts))
            return
        if not self._exists(name):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        answer.authority.append(dns.rrset.from_text("invalid.", 60, "IN", "SOA", _SOA))

    def _texts(self, name: str, kind: str) -> list[str]:
        made = next((texts for make in self._makers if (texts := make(name, kind)) is not None), None)
        return self._records.get((name, kind), []) if made is None else made

    def _exists(self, name: str) -> bool:
        """Say whether there is anything at `name` or below it: what has children exists, even when it is empty."""
        return any(owner == name or owner.endswith(f".{name}") for owner, _ in self._records) or any(
            make(name, kind) is not None for make in self._makers for kind in ("A", "TXT", "MX")
        )


def _pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Return a UDP and a TCP socket of the same free port."""
    for _ in range(100):
        tcp = socket.create_server((host, 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
        else:
            return udp, tcp
    raise AssertionError("No port is free for both UDP and TCP.")


def _key(name: str) -> str:
    return name.lower().removesuffix(".")


def _rrset(name: str, kind: str, texts: list[str]) -> dns.rrset.RRset:
    shown = [_quoted(text) for text in texts] if kind == "TXT" else texts
    return dns.rrset.from_text(f"{name}.", 60, "IN", kind, *shown)


def _quoted(text: str) -> str:
    """Return a text in the strings of 255 bytes that a TXT record is made of."""
    parts = [text[start : start + 255] for start in range(0, len(text), 255)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


@contextlib.contextmanager
def running_dns_server() -> Iterator[DnsServer]:
    """Run a server for as long as the block lasts."""
    server = DnsServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def dns_server() -> Iterator[DnsServer]:
    """A DNS server without records."""
    with running_dns_server() as server:
        yield server


@pytest.fixture
def system_dns(dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> DnsServer:
    """The same server, asked also where the program asks the system: its `getaddrinfo` cannot be led elsewhere."""
    monkeypatch.setattr("smtpadmin.smtp.dialing.socket.getaddrinfo", dns_server.getaddrinfo)
    return dns_server
