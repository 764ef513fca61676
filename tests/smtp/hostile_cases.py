"""What servers do wrong, phase by phase, and what a submission has to make of each.

Times are short where a server misbehaves (`deadlines_of`), and the same for real mail and the test. What a case is
about stands in its name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from smtpadmin.smtp import Cause, Deadlines, Security, Stage
from tests.support.attempts import SENT, UNCERTAIN, Outcome, deferred, refused
from tests.support.behaviours import (
    Behaviour,
    as_base64,
    as_hex,
    as_text,
    authenticate,
    close,
    drip,
    echo,
    ehlo,
    endless,
    half_close,
    hang,
    pause,
    raw,
    read,
    repeat,
    reset,
    say,
    then,
)
from tests.support.hostile import Phase, Script
from tests.support.peer import Peer

#: What a phase may take in which a server misbehaves.
DEADLINE = 0.5
#: What any other may take: a busy machine stands still for a second now and then.
CALM = Deadlines(
    **dict.fromkeys(
        ("dns", "connect", "tls", "greeting", "ehlo", "auth", "mail", "rcpt", "data", "body", "reply", "quit"), 20.0
    )
)
#: How late a submission may end after the deadline of the phase that used it up.
GRACE = 5.0

_PHASES: Mapping[Phase, tuple[str, ...]] = {
    # Who speaks without TLS waits for the greeting of a server that waits for TLS.
    Phase.HANDSHAKE: ("tls", "greeting"),
    Phase.GREETING: ("greeting",),
    Phase.EHLO: ("ehlo",),
    Phase.STARTTLS: ("tls",),
    Phase.AUTH: ("auth",),
    Phase.MAIL: ("mail",),
    Phase.RCPT: ("rcpt",),
    Phase.DATA: ("data",),
    Phase.BODY: ("body", "reply"),
    Phase.DOT: ("reply",),
    Phase.QUIT: ("quit",),
}
# Answers that come together are waited for together.
_FLOWN = ("mail", "rcpt", "data", "body", "reply")


def deadlines_of(script: Script, *, in_flight: bool = False) -> Deadlines:
    """Return short deadlines where the script is in force, and long ones elsewhere; `in_flight`: for a pipeline."""
    names = {name for phase in script for name in _PHASES.get(phase, ())}
    return replace(CALM, **dict.fromkeys(names.union(_FLOWN) if in_flight else names, DEADLINE))


HUGE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way to misbehave."""

    name: str
    script: Script
    expected: Outcome
    security: Security = Security.NONE
    #: How many AUTH commands may reach the server.
    auths: int = 1
    #: Fills memory where nothing bounds it: measured in a process of its own.
    big: bool = False
    #: Bytes of the message.
    size: int = 0


# Ways in which any answer can fail to be one, and what each is found to be where nothing has been handed over yet.
_NO_ANSWERS: tuple[tuple[str, Behaviour, Cause], ...] = (
    ("garbage", raw(b"\x8f\x02!! what\r\n"), Cause.PROTOCOL_ERROR),
    ("an empty line", raw(b"\r\n"), Cause.PROTOCOL_ERROR),
    ("a code of four digits", say("2500 ok"), Cause.PROTOCOL_ERROR),
    ("a code of another kind", say("999 ok"), Cause.PROTOCOL_ERROR),
    ("two codes in one reply", say("250-yes", "550 no"), Cause.PROTOCOL_ERROR),
    ("a huge line", raw(b"250 " + b"x" * HUGE + b"\r\n"), Cause.REPLY_TOO_LONG),
    ("an endless line", then(raw(b"250 "), endless(b"x")), Cause.REPLY_TOO_LONG),
    ("endless lines", endless(b"250-more\r\n"), Cause.REPLY_TOO_LONG),
    ("a reply byte by byte", drip(b"250-more\r\n"), Cause.DEADLINE_EXCEEDED),
    ("a reply without its last line", then(say("250-more"), hang), Cause.DEADLINE_EXCEEDED),
    ("silence", hang, Cause.DEADLINE_EXCEEDED),
    ("close", close, Cause.CONNECTION_CLOSED),
    ("half a reply and close", then(raw(b"25"), close), Cause.CONNECTION_CLOSED),
    ("RST", reset, Cause.CONNECTION_CLOSED),
    ("half close", half_close, Cause.CONNECTION_CLOSED),
)
_BIG = ("a huge line", "an endless line", "endless lines")


def _at_every_phase() -> Iterator[Case]:
    places: tuple[tuple[Phase, Stage, Security, int], ...] = (
        (Phase.EHLO, Stage.EHLO, Security.NONE, 0),
        (Phase.STARTTLS, Stage.TLS, Security.STARTTLS, 0),
        (Phase.AUTH, Stage.AUTH, Security.NONE, 1),
        (Phase.MAIL, Stage.MAIL, Security.NONE, 1),
        (Phase.RCPT, Stage.RCPT, Security.NONE, 1),
        (Phase.DATA, Stage.DATA, Security.NONE, 1),
    )
    for phase, stage, security, auths in places:
        for name, behaviour, cause in _NO_ANSWERS:
            yield Case(
                name=f"{phase}: {name}",
                script={phase: behaviour},
                expected=deferred(stage, cause),
                security=security,
                auths=auths,
                big=name in _BIG,
            )
    for name, behaviour, _ in _NO_ANSWERS:
        yield Case(name=f"dot: {name}", script={Phase.DOT: behaviour}, expected=UNCERTAIN, big=name in _BIG)
        # RFC 5321 4.1.1.10: the message is the server's by then, whatever becomes of QUIT.
        yield Case(name=f"QUIT: {name}", script={Phase.QUIT: behaviour}, expected=SENT, big=name in _BIG)


def _over_tls() -> Iterator[Case]:
    # What TLS has decrypted and what the socket holds are two things, and both have to be waited for.
    more: tuple[tuple[str, Behaviour, Cause], ...] = (
        ("the end of TLS", then(Peer.close_tls, hang), Cause.CONNECTION_CLOSED),
        ("plain text", then(lambda peer: peer.send_plain(b"250 ok\r\n" * 9), hang), Cause.CONNECTION_CLOSED),
        ("half a TLS record", then(lambda peer: peer.send_plain(b"\x17\x03\x03"), hang), Cause.DEADLINE_EXCEEDED),
    )
    for name, behaviour, cause in (*_NO_ANSWERS, *more):
        for phase, expected in ((Phase.MAIL, deferred(Stage.MAIL, cause)), (Phase.DOT, UNCERTAIN)):
            yield Case(
                name=f"{phase} over TLS: {name}",
                script={phase: behaviour},
                expected=expected,
                security=Security.IMPLICIT_TLS,
                big=name in _BIG,
            )


def _greeting(name: str, behaviour: Behaviour, expected: Outcome, *, auths: int = 0, big: bool = False) -> Case:
    return Case(name=f"greeting: {name}", script={Phase.GREETING: behaviour}, expected=expected, auths=auths, big=big)


_NOT_SMTP = refused(Stage.EHLO, Cause.NOT_SMTP)
_GREETINGS = (
    _greeting("SSH", say("SSH-2.0-OpenSSH_9.2p1"), _NOT_SMTP),
    _greeting("HTTP", say("HTTP/1.1 400 Bad Request", "Connection: close", ""), _NOT_SMTP),
    _greeting("binary without a line end", then(raw(b"J\0\0\0\n8.0.36\0"), hang), _NOT_SMTP),
    _greeting("a TLS alert", then(raw(b"\x15\x03\x01\x00\x02\x02\x46"), close), _NOT_SMTP),
    _greeting("an empty line", raw(b"\r\n"), _NOT_SMTP),
    _greeting("a code of four digits", say("2200 mail"), _NOT_SMTP),
    _greeting("a code of another kind", say("120 wait"), _NOT_SMTP),
    _greeting("two codes in one reply", say("220-mail", "554 no"), _NOT_SMTP),
    _greeting("silence", hang, deferred(Stage.EHLO, Cause.DEADLINE_EXCEEDED)),
    _greeting("byte by byte", drip(b"220-mail\r\n"), deferred(Stage.EHLO, Cause.DEADLINE_EXCEEDED)),
    _greeting("close", close, deferred(Stage.EHLO, Cause.CONNECTION_CLOSED)),
    _greeting("RST", then(pause(0.05), reset), deferred(Stage.EHLO, Cause.CONNECTION_CLOSED)),
    _greeting("half close", half_close, deferred(Stage.EHLO, Cause.CONNECTION_CLOSED)),
    _greeting("endless lines", endless(b"220-more\r\n"), deferred(Stage.EHLO, Cause.REPLY_TOO_LONG), big=True),
    _greeting(
        "an endless line", then(raw(b"220 "), endless(b"x")), deferred(Stage.EHLO, Cause.REPLY_TOO_LONG), big=True
    ),
    _greeting(
        "a huge line", raw(b"220 " + b"x" * HUGE + b"\r\n"), deferred(Stage.EHLO, Cause.REPLY_TOO_LONG), big=True
    ),
    _greeting("421", then(say("421 4.3.2 Busy"), close), deferred(Stage.EHLO, Cause.SERVICE_UNAVAILABLE)),
    _greeting("450", say("450 4.7.1 Later"), deferred(Stage.EHLO, Cause.SERVICE_UNAVAILABLE)),
    _greeting("554", say("554 5.7.1 Not you"), refused(Stage.EHLO, Cause.SERVICE_UNAVAILABLE)),
    _greeting("250 in place of 220", say("250 mail"), deferred(Stage.EHLO, Cause.PROTOCOL_ERROR)),
    _greeting("354 in place of 220", say("354 mail"), deferred(Stage.EHLO, Cause.PROTOCOL_ERROR)),
    _greeting("two greetings", say("220 mail", "220 mail"), deferred(Stage.EHLO, Cause.PROTOCOL_ERROR)),
    _greeting(
        "the answer to EHLO before it is asked",
        say("220 mail", "250-mail", "250 AUTH PLAIN"),
        deferred(Stage.EHLO, Cause.PROTOCOL_ERROR),
    ),
    _greeting("no words", say("220"), SENT, auths=1),
    _greeting("NUL in its words", raw(b"220 mail\0.example.com\r\n"), SENT, auths=1),
    _greeting("GBK", raw("220 欢迎使用邮件服务".encode("gbk") + b"\r\n"), SENT, auths=1),
    _greeting("neither UTF-8 nor GB18030", raw(b"220 \xff\xfe\x80 mail\r\n"), SENT, auths=1),
    _greeting("terminal sequences", raw(b"220 \x1b[31m\x1b]0;owned\x07mail\r\n"), SENT, auths=1),
    _greeting("many lines", say(*["220-Unauthorised use is forbidden."] * 40, "220 mail"), SENT, auths=1),
    _greeting("LF alone as line end", raw(b"220-mail\n220 mail\n"), SENT, auths=1),
)


def _starttls(name: str, behaviour: Behaviour, expected: Outcome, *, auths: int = 0) -> Case:
    return Case(
        name=f"STARTTLS: {name}",
        script={Phase.STARTTLS: behaviour},
        expected=expected,
        security=Security.STARTTLS,
        auths=auths,
    )


def _handshake(name: str, behaviour: Behaviour, cause: Cause, *, temporary: bool, big: bool = False) -> Case:
    return Case(
        name=f"handshake: {name}",
        script={Phase.HANDSHAKE: behaviour},
        expected=(deferred if temporary else refused)(Stage.TLS, cause),
        security=Security.IMPLICIT_TLS,
        auths=0,
        big=big,
    )


_INJECTED = refused(Stage.TLS, Cause.STARTTLS_INJECTED)
_TLS = (
    _starttls("refused for now", say("454 4.7.0 Not now"), deferred(Stage.TLS, Cause.STARTTLS_REFUSED)),
    _starttls("refused", say("502 5.5.1 No"), refused(Stage.TLS, Cause.STARTTLS_REFUSED)),
    _starttls("421", then(say("421 4.3.2 Bye"), close), deferred(Stage.TLS, Cause.SERVICE_UNAVAILABLE)),
    _starttls("334", say("334 "), deferred(Stage.TLS, Cause.PROTOCOL_ERROR)),
    _starttls("a reply after the 220", then(say("220 go", "250 AUTH PLAIN"), hang), _INJECTED),
    _starttls("one byte after the 220", then(raw(b"220 go\r\n2"), hang), _INJECTED),
    _starttls(
        "plain text in place of the handshake", then(say("220 go"), pause(0.1), say("250 mail"), hang), _INJECTED
    ),
    _starttls("close after the 220", then(say("220 go"), close), deferred(Stage.TLS, Cause.CONNECTION_CLOSED)),
    _starttls(
        "RST after the 220", then(say("220 go"), pause(0.05), reset), deferred(Stage.TLS, Cause.CONNECTION_CLOSED)
    ),
    _starttls("silence after the 220", then(say("220 go"), hang), deferred(Stage.TLS, Cause.DEADLINE_EXCEEDED)),
    _starttls("250 in place of 220", then(say("250 go"), Peer.start_tls), SENT, auths=1),
    _handshake("a plain greeting", then(say("220 mail"), hang), Cause.PLAIN_ON_TLS_PORT, temporary=False),
    _handshake("HTTP", then(say("HTTP/1.1 400 Bad Request", ""), hang), Cause.PLAIN_ON_TLS_PORT, temporary=False),
    _handshake("endless text", endless(b"220-more\r\n"), Cause.PLAIN_ON_TLS_PORT, temporary=False, big=True),
    _handshake("silence", hang, Cause.DEADLINE_EXCEEDED, temporary=True),
    _handshake("byte by byte", drip(b"\x16\x03\x03\x3f\xff" + b"\x02" * 99), Cause.DEADLINE_EXCEEDED, temporary=True),
    _handshake("close", close, Cause.CONNECTION_CLOSED, temporary=True),
    _handshake("RST", then(pause(0.05), reset), Cause.CONNECTION_CLOSED, temporary=True),
    _handshake("half close", half_close, Cause.CONNECTION_CLOSED, temporary=True),
    _handshake(
        "alert handshake_failure", then(raw(b"\x15\x03\x03\x00\x02\x02\x28"), hang), Cause.TLS_FAILED, temporary=False
    ),
    _handshake(
        "alert protocol_version", then(raw(b"\x15\x03\x03\x00\x02\x02\x46"), hang), Cause.TLS_VERSION, temporary=False
    ),
)


def _ehlo(name: str, behaviour: Behaviour, expected: Outcome, *, auths: int = 0) -> Case:
    return Case(name=f"EHLO: {name}", script={Phase.EHLO: behaviour}, expected=expected, auths=auths)


_EHLOS = (
    _ehlo("421", then(say("421 4.3.2 Bye"), close), deferred(Stage.EHLO, Cause.SERVICE_UNAVAILABLE)),
    _ehlo("451", say("451 4.7.1 Later"), deferred(Stage.EHLO, Cause.SERVICE_UNAVAILABLE)),
    _ehlo("550", say("550 5.7.1 Your name is wrong"), refused(Stage.EHLO, Cause.EHLO_REFUSED)),
    _ehlo("354", say("354 go"), deferred(Stage.EHLO, Cause.PROTOCOL_ERROR)),
    _ehlo("two replies", say("250-mail", "250 AUTH PLAIN", "250 ok"), deferred(Stage.AUTH, Cause.PROTOCOL_ERROR)),
    _ehlo(
        "a hundred thousand extensions", say(*["250-X"] * 100_000, "250 Y"), deferred(Stage.EHLO, Cause.REPLY_TOO_LONG)
    ),
    _ehlo("220 in place of 250", say("220-mail", "220 AUTH PLAIN"), SENT, auths=1),
    _ehlo("GBK among the extensions", raw("250-邮件\r\n250 AUTH PLAIN\r\n".encode("gbk")), SENT, auths=1),
    _ehlo("no AUTH", ehlo("8BITMIME"), refused(Stage.AUTH, Cause.AUTH_NOT_OFFERED)),
    _ehlo("AUTH without a mechanism", ehlo("AUTH"), refused(Stage.AUTH, Cause.AUTH_NOT_OFFERED)),
    _ehlo("AUTH with CRAM-MD5 only", ehlo("AUTH CRAM-MD5"), refused(Stage.AUTH, Cause.AUTH_MECHANISM)),
    _ehlo("AUTH with OAuth only", ehlo("AUTH XOAUTH2 OAUTHBEARER"), refused(Stage.AUTH, Cause.AUTH_MECHANISM)),
    _ehlo("AUTH=LOGIN as of old", ehlo("AUTH=LOGIN"), SENT, auths=1),
    _ehlo("auth in small letters", ehlo("auth plain"), SENT, auths=1),
    _ehlo(
        "SIZE smaller than the message", ehlo("SIZE 10", "AUTH PLAIN"), refused(Stage.MAIL, Cause.TOO_LARGE), auths=1
    ),
    _ehlo("SIZE 0, no limit", ehlo("SIZE 0", "AUTH PLAIN"), SENT, auths=1),
    _ehlo("SIZE without a number", ehlo("SIZE", "AUTH PLAIN"), SENT, auths=1),
    _ehlo("SIZE with words", ehlo("SIZE much more", "AUTH PLAIN"), SENT, auths=1),
    _ehlo("SIZE below zero", ehlo("SIZE -1", "AUTH PLAIN"), SENT, auths=1),
    # Python refuses to read numbers of more than 4300 digits (CVE-2020-10735), with an exception of its own.
    _ehlo("SIZE with 5000 digits", ehlo("SIZE " + "9" * 5000, "AUTH PLAIN"), SENT, auths=1),
)


def _auth(name: str, behaviour: Behaviour, expected: Outcome, *, offer: str = "AUTH PLAIN LOGIN") -> Case:
    return Case(name=f"AUTH: {name}", script={Phase.EHLO: ehlo(offer), Phase.AUTH: behaviour}, expected=expected)


def _challenges(*replies: str) -> Behaviour:
    """Send these replies, reading a line after each but the last."""

    def run(peer: Peer) -> None:
        for reply in replies[:-1]:
            say(reply)(peer)
            peer.read_line()
        say(replies[-1])(peer)

    return run


def _in_two_lines(data: bytes) -> str:
    encoded = as_base64(data)
    return f"{encoded[:30]}\r\n535 {encoded[30:]}"


_REFUSED = refused(Stage.AUTH, Cause.AUTH_REFUSED)
_AUTHS = (
    _auth("535", authenticate(password="another"), _REFUSED),
    _auth("534", say("534 5.7.9 Application-specific password required"), _REFUSED),
    _auth("530", say("530 5.7.0 Authentication required"), _REFUSED),
    _auth("454", say("454 4.7.0 Temporary authentication failure"), deferred(Stage.AUTH, Cause.AUTH_DEFERRED)),
    _auth("421", then(say("421 4.7.0 Too many"), close), deferred(Stage.AUTH, Cause.SERVICE_UNAVAILABLE)),
    _auth("504", say("504 5.5.4 No such mechanism"), refused(Stage.AUTH, Cause.AUTH_MECHANISM)),
    _auth("538", say("538 5.7.11 Encryption required"), refused(Stage.AUTH, Cause.AUTH_NEEDS_TLS)),
    _auth("354", say("354 go"), deferred(Stage.AUTH, Cause.PROTOCOL_ERROR)),
    _auth("250 in place of 235", say("250 fine"), SENT),
    _auth("235 and another reply", say("235 fine", "250 more"), deferred(Stage.MAIL, Cause.PROTOCOL_ERROR)),
    _auth("PLAIN asks for what it was given", _challenges("334 ", "235 fine"), SENT),
    _auth("PLAIN asks without end", _challenges("334 ", "334 "), deferred(Stage.AUTH, Cause.PROTOCOL_ERROR)),
    _auth("LOGIN by the book", authenticate(), SENT, offer="AUTH LOGIN"),
    _auth(
        "LOGIN asks in other words",
        _challenges("334 VXNlciBOYW1lAA==", "334 UGFzc3dvcmQA", "235 ok"),
        SENT,
        offer="AUTH LOGIN",
    ),
    _auth("LOGIN asks in no base64", _challenges("334 name?", "334 !", "235 ok"), SENT, offer="AUTH LOGIN"),
    _auth("LOGIN asks with nothing", _challenges("334", "334", "235 ok"), SENT, offer="AUTH LOGIN"),
    _auth("LOGIN refuses the user name", _challenges("334 VXNlcm5hbWU6", "535 no"), _REFUSED, offer="AUTH LOGIN"),
    _auth("LOGIN wants no password", _challenges("334 VXNlcm5hbWU6", "235 ok"), SENT, offer="AUTH LOGIN"),
    _auth(
        "LOGIN asks without end",
        _challenges("334 a", "334 b", "334 c"),
        deferred(Stage.AUTH, Cause.PROTOCOL_ERROR),
        offer="AUTH LOGIN",
    ),
    _auth("echo of the line", echo("535 5.7.8 rejected: AUTH PLAIN {}", as_base64), _REFUSED),
    _auth("echo as text", echo("535 5.7.8 rejected: {}", as_text), _REFUSED),
    _auth("echo in hexadecimal", echo("535 5.7.8 rejected: {}", as_hex), _REFUSED),
    _auth("echo percent-encoded", echo("535 5.7.8 rejected: {}", lambda data: quote(data, safe="")), _REFUSED),
    _auth("echo on each line", echo("535-rejected {}\r\n535 again {}", as_base64), _REFUSED),
    _auth("echo broken over two lines", echo("535-{}", _in_two_lines), _REFUSED),
    _auth("echo in another word", echo("535 5.7.8 [user={}]", lambda data: "x" + as_base64(b"ab" + data)), _REFUSED),
    _auth("echo of the password", echo("535 5.7.8 {}", as_base64), _REFUSED, offer="AUTH LOGIN"),
    _auth("echo with the acceptance", echo("235 2.7.0 welcome {}", as_base64), SENT),
    _auth("echo where no reply is", echo("what is {}", as_text), deferred(Stage.AUTH, Cause.PROTOCOL_ERROR)),
)


def _later_phases() -> Iterator[Case]:
    refusals: tuple[tuple[Phase, str, Behaviour, Outcome], ...] = (
        (Phase.MAIL, "550", say("550 5.7.1 Not this sender"), refused(Stage.MAIL, Cause.SENDER_REFUSED)),
        (Phase.MAIL, "451", say("451 4.7.1 Later"), deferred(Stage.MAIL, Cause.SENDER_DEFERRED)),
        (Phase.MAIL, "421", then(say("421 4.7.0 Bye"), close), deferred(Stage.MAIL, Cause.SERVICE_UNAVAILABLE)),
        (Phase.MAIL, "552", say("552 5.3.4 Too big"), refused(Stage.MAIL, Cause.TOO_LARGE)),
        (Phase.MAIL, "354", say("354 go"), deferred(Stage.MAIL, Cause.PROTOCOL_ERROR)),
        (Phase.MAIL, "two replies", say("250 ok", "250 ok"), deferred(Stage.RCPT, Cause.PROTOCOL_ERROR)),
        (Phase.MAIL, "251 in place of 250", say("251 ok"), SENT),
        (Phase.RCPT, "550", say("550 5.1.1 Nobody"), refused(Stage.RCPT, Cause.RECIPIENT_REFUSED)),
        (Phase.RCPT, "450", say("450 4.2.0 Greylisted"), deferred(Stage.RCPT, Cause.RECIPIENT_DEFERRED)),
        (Phase.RCPT, "421", then(say("421 4.7.0 Bye"), close), deferred(Stage.RCPT, Cause.SERVICE_UNAVAILABLE)),
        (Phase.RCPT, "354", say("354 go"), deferred(Stage.RCPT, Cause.PROTOCOL_ERROR)),
        (Phase.RCPT, "251", say("251 will forward"), SENT),
        (Phase.RCPT, "252", say("252 cannot verify"), SENT),
        (Phase.RCPT, "two replies", say("250 ok", "354 go"), deferred(Stage.DATA, Cause.PROTOCOL_ERROR)),
        (Phase.DATA, "550", say("550 5.7.1 No"), refused(Stage.DATA, Cause.CONTENT_REFUSED)),
        (Phase.DATA, "451", say("451 4.3.0 Later"), deferred(Stage.DATA, Cause.CONTENT_DEFERRED)),
        (Phase.DATA, "421", then(say("421 4.3.0 Bye"), close), deferred(Stage.DATA, Cause.SERVICE_UNAVAILABLE)),
        (Phase.DATA, "250 in place of 354", say("250 ok"), deferred(Stage.DATA, Cause.PROTOCOL_ERROR)),
        # It could be taken for the answer to the message, which would then be lost.
        (Phase.DATA, "250 before the message", say("354 go", "250 ok"), deferred(Stage.DATA, Cause.PROTOCOL_ERROR)),
        (Phase.DOT, "550", say("550 5.6.0 No"), refused(Stage.DATA, Cause.CONTENT_REFUSED)),
        (Phase.DOT, "552", say("552 5.3.4 Too big"), refused(Stage.DATA, Cause.TOO_LARGE)),
        (Phase.DOT, "451", say("451 4.3.0 Later"), deferred(Stage.DATA, Cause.CONTENT_DEFERRED)),
        (Phase.DOT, "421", then(say("421 4.3.0 Bye"), close), deferred(Stage.DATA, Cause.SERVICE_UNAVAILABLE)),
        (Phase.DOT, "354", say("354 more"), UNCERTAIN),
        (Phase.DOT, "200", say("200 ok"), SENT),
        (Phase.DOT, "251", say("251 ok"), SENT),
        (Phase.DOT, "299", say("299 ok"), SENT),
        (Phase.DOT, "250 without words", say("250"), SENT),
        (Phase.DOT, "250 and another reply", say("250 ok", "550 no"), SENT),
        (Phase.DOT, "250 and close", then(say("250 ok"), close), SENT),
        (Phase.DOT, "250 and RST", then(say("250 ok"), reset), SENT),
        (Phase.DOT, "NUL in the 250", raw(b"250 o\0k\r\n"), SENT),
        (Phase.DOT, "GBK in the 250", raw("250 邮件已接收\r\n".encode("gbk")), SENT),
        (
            Phase.MAIL,
            "echo of the sign-in",
            repeat("550 5.7.1 {}", as_base64),
            refused(Stage.MAIL, Cause.SENDER_REFUSED),
        ),
        (Phase.RCPT, "echo of the sign-in", repeat("450 {}", as_text), deferred(Stage.RCPT, Cause.RECIPIENT_DEFERRED)),
        (Phase.DOT, "echo of the sign-in", repeat("250 {}", as_hex), SENT),
        (Phase.QUIT, "echo of the sign-in", repeat("221 {}", as_base64), SENT),
        (Phase.QUIT, "500", say("500 what"), SENT),
        (Phase.QUIT, "421", say("421 gone"), SENT),
        (Phase.QUIT, "terminal sequences", raw(b"221 \x1b[2J\r\n"), SENT),
    )
    for phase, name, behaviour, expected in refusals:
        yield Case(name=f"{phase}: {name}", script={phase: behaviour}, expected=expected)


# More than the buffers of both ends hold together.
_LARGE = 12 * 1024 * 1024
_BODIES = tuple(
    Case(name=f"body: {name}", script={Phase.BODY: behaviour}, expected=expected, size=_LARGE)
    for name, behaviour, expected in (
        ("close", close, deferred(Stage.DATA, Cause.CONNECTION_CLOSED)),
        ("RST", reset, deferred(Stage.DATA, Cause.CONNECTION_CLOSED)),
        ("not read", pause(3 * DEADLINE), deferred(Stage.DATA, Cause.DEADLINE_EXCEEDED)),
        (
            "421 and close",
            then(read(100_000), say("421 4.3.2 Going down"), pause(0.2), close),
            deferred(Stage.DATA, Cause.SERVICE_UNAVAILABLE),
        ),
        (
            "552 and close",
            then(read(100_000), say("552 5.3.4 Too big"), pause(0.2), close),
            refused(Stage.DATA, Cause.TOO_LARGE),
        ),
    )
)

CASES = (*_GREETINGS, *_TLS, *_EHLOS, *_AUTHS, *_later_phases(), *_BODIES, *_at_every_phase(), *_over_tls())
