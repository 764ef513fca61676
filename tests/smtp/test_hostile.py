"""Servers that misbehave: each is found out, in time, within bounds, and without showing the password.

The ways are listed in `hostile_cases.py`; each is met twice, by real mail and by the test button.
"""

import logging

import pytest

from smtpadmin.smtp import (
    Cause,
    Deadlines,
    Security,
    Session,
    Stage,
    Verdict,
    probe,
    transmit,
)
from tests.smtp.hostile_cases import CALM, CASES, DEADLINE, GRACE, Case, deadlines_of
from tests.support import canary
from tests.support.attempts import CONTENT, both, envelope, send
from tests.support.behaviours import close, pause, reset, say, then
from tests.support.certificates import CertificateFactory
from tests.support.hostile import Phase, Script, hostile_server
from tests.support.processes import run_python

MAX_GROWTH = 10 * 1024 * 1024


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_hostile_server_is_found_out_in_time_and_learns_nothing(
    case: Case, certificates: CertificateFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    context = None if case.security is Security.NONE else certificates.good.context()
    message = envelope(content=CONTENT + (b"y" * 70 + b"\r\n") * (case.size // 72))
    with hostile_server(case.script, context=context, implicit_tls=case.security is Security.IMPLICIT_TLS) as server:
        config = server.config(case.security, ca_pem=certificates.ca_pem, deadlines=deadlines_of(case.script))
        mail, test = both(config, message)
        server.settle()

    assert (mail.outcome, test.outcome) == (case.expected, case.expected)
    assert max(mail.seconds, test.seconds) < DEADLINE + GRACE
    assert canary.found_in(f"{mail.texts}\n{test.texts}\n{caplog.text}") == []
    assert server.ledger.count("AUTH") == 2 * case.auths


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES if case.big])
def test_memory_stays_small_whatever_a_server_sends(case: Case, certificates: CertificateFactory) -> None:
    context = None if case.security is Security.NONE else certificates.good.context()
    with hostile_server(case.script, context=context, implicit_tls=case.security is Security.IMPLICIT_TLS) as server:
        found = run_python(
            "-m", "tests.smtp.measure_memory", str(server.port), case.security.value, str(certificates.ca_file)
        )
    assert found["cause"] == case.expected.cause
    assert found["growth"] < MAX_GROWTH


# Several recipients, several messages: where one failure must not become another's.

_REFUSED = (Verdict.REFUSED, Cause.RECIPIENT_REFUSED)
_DEFERRED = (Verdict.DEFERRED, Cause.RECIPIENT_DEFERRED)
_SENT = (Verdict.SENT, None)


@pytest.mark.parametrize(
    ("script", "expected", "bodies"),
    [
        pytest.param(
            {Phase.RCPT: [say("250 ok"), say("550 5.1.1 nobody"), say("450 4.2.0 later")]},
            (_SENT, _REFUSED, _DEFERRED),
            1,
            id="refused and deferred ones leave the rest alone",
        ),
        pytest.param(
            {Phase.RCPT: [say("550 no"), say("450 later"), say("550 no")]},
            (_REFUSED, _DEFERRED, _REFUSED),
            0,
            id="none is accepted",
        ),
        pytest.param(
            {Phase.RCPT: [say("250 ok"), say("550 no"), close]},
            (
                (Verdict.DEFERRED, Cause.CONNECTION_CLOSED),
                _REFUSED,
                (Verdict.DEFERRED, Cause.CONNECTION_CLOSED),
            ),
            0,
            id="the connection ends between them",
        ),
        pytest.param(
            {Phase.RCPT: [say("250 ok"), then(say("421 4.3.2 bye"), close)]},
            ((Verdict.DEFERRED, Cause.SERVICE_UNAVAILABLE),) * 3,
            0,
            id="421 between them",
        ),
        pytest.param(
            {Phase.RCPT: [say("250 ok"), say("452 4.5.3 too many")]},
            (_SENT, _DEFERRED, _DEFERRED),
            1,
            id="too many recipients",
        ),
        pytest.param(
            {Phase.RCPT: [say("250 ok"), say("550 no"), say("250 ok")], Phase.DOT: close},
            ((Verdict.UNCERTAIN, Cause.UNCERTAIN), _REFUSED, (Verdict.UNCERTAIN, Cause.UNCERTAIN)),
            1,
            id="a refusal stays one when the rest is uncertain",
        ),
        pytest.param(
            {Phase.RCPT: [say("250 ok"), say("450 later"), say("250 ok")], Phase.DOT: say("554 5.6.0 no")},
            ((Verdict.REFUSED, Cause.CONTENT_REFUSED), _DEFERRED, (Verdict.REFUSED, Cause.CONTENT_REFUSED)),
            1,
            id="the message is refused for those who were accepted",
        ),
        pytest.param(
            {Phase.RCPT: [say("250 ok"), say("550 no"), say("250 ok")], Phase.QUIT: reset},
            (_SENT, _REFUSED, _SENT),
            1,
            id="a bad QUIT changes nothing",
        ),
    ],
)
def test_each_recipient_has_a_verdict_of_its_own(
    script: Script, expected: tuple[tuple[Verdict, Cause | None], ...], bodies: int
) -> None:
    recipients = ("a@example.org", "b@example.org", "c@example.org")
    with hostile_server(script) as server:
        attempt = send(server.config(deadlines=CALM), envelope(*recipients))
        server.settle()

    assert [item.recipient for item in attempt.recipients] == list(recipients)
    assert tuple((item.verdict, item.error and item.error.cause) for item in attempt.recipients) == expected
    assert len(server.ledger.bodies) == bodies


@pytest.mark.parametrize(
    "script",
    [
        pytest.param({Phase.MAIL: [say("550 no"), say("250 ok")]}, id="the sender was refused"),
        pytest.param({Phase.RCPT: [say("550 no"), say("250 ok")]}, id="the recipient was refused"),
        pytest.param({Phase.DATA: [say("451 later"), say("354 go")]}, id="DATA was refused"),
        pytest.param({Phase.DOT: [say("550 no"), say("250 ok")]}, id="the message was refused"),
    ],
)
def test_a_plain_refusal_leaves_the_session_to_the_next_message(script: Script) -> None:
    with hostile_server(script) as server:
        with Session(server.config(deadlines=CALM)) as session:
            verdicts = [transmit(session, envelope()).recipients[0].verdict for _ in range(2)]
        server.settle()

    assert verdicts[0] in (Verdict.REFUSED, Verdict.DEFERRED)
    assert verdicts[1] is Verdict.SENT
    assert (server.connections, server.ledger.count("AUTH"), server.ledger.count("QUIT")) == (1, 1, 1)


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT])
@pytest.mark.parametrize("reply", ["what?", "354 go", "250 ok\r\n250 ok", "421 4.3.2 bye"])
def test_a_session_out_of_step_sends_nothing_more(phase: Phase, reply: str) -> None:
    if (phase, reply) == (Phase.DATA, "354 go"):
        reply = "354 go\r\n354 go"
    with hostile_server({phase: [say(reply)]}) as server:
        with Session(server.config(deadlines=CALM)) as session:
            first = transmit(session, envelope())
            second = transmit(session, envelope(content=CONTENT.replace(b"Hello", b"Second")))
            usable = session.usable
        server.settle()

    assert not usable
    assert first.recipients[0].verdict is not Verdict.REFUSED
    assert second.recipients[0].verdict is Verdict.DEFERRED
    assert [body for body in server.ledger.bodies if b"Second" in body] == []


def test_the_overall_deadline_ends_a_server_that_uses_up_each_phase() -> None:
    slow = {phase: then(pause(0.3), say(reply)) for phase, reply in _SLOW_REPLIES.items()}
    deadlines = Deadlines(overall=0.7)
    with hostile_server(slow) as server:
        config = server.config(deadlines=deadlines)
        mail, test = both(config, envelope())
        server.settle()

    assert mail.outcome == test.outcome
    assert (mail.outcome.verdict, mail.outcome.cause) == (Verdict.DEFERRED, Cause.DEADLINE_EXCEEDED)
    assert max(mail.seconds, test.seconds) < 0.7 + GRACE


_SLOW_REPLIES = {
    Phase.GREETING: "220 mail",
    Phase.EHLO: "250-mail\r\n250 AUTH PLAIN",
    Phase.AUTH: "235 ok",
    Phase.MAIL: "250 ok",
    Phase.RCPT: "250 ok",
}


def test_a_check_without_sending_hands_over_nothing() -> None:
    with hostile_server() as server:
        steps = list(probe(server.config(deadlines=CALM), envelope(), send=False))
        server.settle()

    assert [(step.stage, step.error) for step in steps] == [
        (stage, None) for stage in (Stage.DNS, Stage.TCP, Stage.EHLO, Stage.AUTH, Stage.MAIL, Stage.RCPT)
    ]
    assert server.ledger.count("DATA") == 0
    assert server.ledger.count("QUIT") == 1


def test_the_canary_is_found_in_every_form() -> None:
    missed = [name for name, form in canary.forms() if name not in canary.found_in(f"before {form.upper()} after")]
    assert missed == []
