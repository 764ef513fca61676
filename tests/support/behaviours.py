"""Things a server may do, as small functions of the `Peer`; plain ones here, and makers of ones with an argument.

When each of them is done is the script's part: see `hostile.py`.
"""

import base64
import binascii
from collections.abc import Callable

from tests.support.canary import PASSWORD, USERNAME
from tests.support.peer import Gone, Peer

_CHUNK = 65536

Behaviour = Callable[[Peer], None]


def say(*lines: str) -> Behaviour:
    """Say these lines, each with its end."""
    return raw("".join(f"{line}\r\n" for line in lines).encode())


def raw(data: bytes) -> Behaviour:
    """Send these bytes."""
    return lambda peer: peer.send(data)


def then(*behaviours: Behaviour) -> Behaviour:
    """Do one after the other."""

    def run(peer: Peer) -> None:
        for behaviour in behaviours:
            behaviour(peer)

    return run


def ehlo(*extensions: str, starttls: bool | None = None) -> Behaviour:
    """Answer EHLO with these extensions, by default the usual ones; STARTTLS where it is possible, or as told."""
    offered = extensions or ("8BITMIME", "SIZE 52428800", "AUTH PLAIN LOGIN")

    def run(peer: Peer) -> None:
        possible = peer.ledger.context is not None and not peer.encrypted
        names = ("STARTTLS",) * (possible if starttls is None else starttls) + offered
        lines = ("mail.example.com", *names)
        say(*(f"250{' ' if at == len(lines) - 1 else '-'}{line}" for at, line in enumerate(lines)))(peer)

    return run


def authenticate(username: str = USERNAME, password: str = PASSWORD) -> Behaviour:
    """Run PLAIN or LOGIN by the book."""

    def run(peer: Peer) -> None:
        given = take_credential(peer)
        accepted = given == (username, password)
        say("235 2.7.0 Welcome" if accepted else "535 5.7.8 Authentication failed")(peer)

    return run


def take_credential(peer: Peer) -> tuple[str, str]:
    """Ask the client for its credential, as its AUTH command wants it, and return user name and password."""
    _, mechanism, *rest = peer.line.decode("ascii").split(" ")
    if mechanism.upper() == "PLAIN":
        response = rest[0].encode() if rest else _challenge(peer, b"")
        peer.credential = base64.b64decode(response)
        _, username, password = peer.credential.split(b"\0")
        return username.decode(), password.decode()
    username = base64.b64decode(rest[0].encode() if rest else _challenge(peer, b"Username:"))
    peer.credential = base64.b64decode(_challenge(peer, b"Password:"))
    return username.decode(), peer.credential.decode()


def _challenge(peer: Peer, words: bytes) -> bytes:
    peer.send(b"334 " + base64.b64encode(words) + b"\r\n")
    return peer.read_line()


def echo(reply: str, encode: Callable[[bytes], str]) -> Behaviour:
    """Take the credential and send it back, encoded, in place of each `{}` of `reply`."""

    def run(peer: Peer) -> None:
        take_credential(peer)
        repeat(reply, encode)(peer)

    return run


def repeat(reply: str, encode: Callable[[bytes], str]) -> Behaviour:
    """Send back the credential that was given earlier on."""
    return lambda peer: say(reply.replace("{}", encode(peer.credential)))(peer)


def as_text(data: bytes) -> str:
    """Encode for `echo`: as it is."""
    return data.decode().replace("\0", " ")


def as_base64(data: bytes) -> str:
    """Encode for `echo`."""
    return base64.b64encode(data).decode("ascii")


def as_hex(data: bytes) -> str:
    """Encode for `echo`."""
    return binascii.hexlify(data).decode("ascii")


def nothing(peer: Peer) -> None:
    """Go on."""
    del peer


def close(peer: Peer) -> None:
    """End the connection."""
    del peer
    raise Gone


def reset(peer: Peer) -> None:
    """End the connection with RST."""
    peer.reset()


def half_close(peer: Peer) -> None:
    """Say nothing more, but stay."""
    peer.half_close()
    peer.wait_until_gone()


def hang(peer: Peer) -> None:
    """Say nothing, for as long as the client likes to wait."""
    peer.wait_until_gone()


def pause(seconds: float) -> Behaviour:
    """Do nothing for a while, not even read."""
    return lambda peer: peer.wait(seconds)


def read(size: int) -> Behaviour:
    """Read this much of what comes."""

    def run(peer: Peer) -> None:
        peer.read(size)

    return run


def drip(data: bytes, *, every: float = 0.05) -> Behaviour:
    """Send `data` byte by byte, then start again: each read of the client succeeds, and no reply is ever complete."""

    def run(peer: Peer) -> None:
        while True:
            for byte in data:
                peer.send(bytes([byte]))
                peer.wait(every)

    return run


def drip_once(data: bytes, *, every: float = 0.001) -> Behaviour:
    """Send `data` byte by byte."""

    def run(peer: Peer) -> None:
        for byte in data:
            peer.send(bytes([byte]))
            peer.wait(every)
        peer.last_sent = data

    return run


def endless(data: bytes) -> Behaviour:
    """Send `data` again and again, as fast as the client takes it."""
    block = data * max(1, _CHUNK // len(data))

    def run(peer: Peer) -> None:
        while True:
            peer.send(block)

    return run
