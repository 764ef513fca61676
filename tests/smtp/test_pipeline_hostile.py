"""Servers that misbehave in the middle of a pipeline: what each message of it has come to, and that none is sent twice.

The ways are those of `hostile_cases.py`, done to the second of three messages: what a server does wrong there must be
the fate of none but that one, unless it makes everything uncertain.
"""

import logging
from collections.abc import Sequence
from time import monotonic

import pytest

from smtpadmin.smtp import Cause, Envelope, Result, Security, Session, transmit_in_chunks, transmit_in_groups
from tests.smtp.hostile_cases import CASES, DEADLINE, GRACE, Case, deadlines_of
from tests.support import canary
from tests.support.attempts import CONTENT, SENT, UNCERTAIN, Outcome, envelope, texts_of
from tests.support.behaviours import Behaviour, ehlo, nothing, say
from tests.support.certificates import CertificateFactory
from tests.support.hostile import HostileServer, Phase, Script, hostile_server

OFFER = ("8BITMIME", "SIZE 52428800", "PIPELINING", "CHUNKING", "AUTH PLAIN LOGIN")
USUAL: dict[Phase, Behaviour] = {
    Phase.MAIL: say("250 2.0.0 Ok"),
    Phase.RCPT: say("250 2.0.0 Ok"),
    Phase.DATA: say("354 Go ahead"),
    Phase.BODY: nothing,
    Phase.DOT: say("250 2.0.0 Queued"),
}

# These end the session.
ENDING = frozenset(
    {
        Cause.CONNECTION_CLOSED,
        Cause.DEADLINE_EXCEEDED,
        Cause.PROTOCOL_ERROR,
        Cause.REPLY_TOO_LONG,
        Cause.SERVICE_UNAVAILABLE,
        Cause.UNCERTAIN,
    }
)
# A whole answer at a place where it makes no sense: from somewhere on, each may have been another's.
OUT_OF_STEP = ("MAIL: 354", "MAIL: two replies", "RCPT: 354", "RCPT: two replies", "dot: 354")
# The second message is safe, and the session is not.
SENT_AND_OVER = ("dot: 250 and another reply", "dot: 250 and close", "dot: 250 and RST")

Outcomes = tuple[Outcome | None, ...]


def phase_of(case: Case) -> Phase | None:
    """Return the phase in which the case misbehaves, where a pipeline may be in it."""
    phases = [phase for phase in case.script if phase in USUAL]
    return phases[0] if phases else None


def in_the_middle(case: Case, phase: Phase) -> Script:
    behaviour = case.script[phase]
    assert callable(behaviour)
    return {Phase.EHLO: ehlo(*OFFER), phase: [USUAL[phase], behaviour, USUAL[phase]]}


def expected_in_groups(case: Case, phase: Phase) -> Outcomes:
    if case.name in SENT_AND_OVER:
        return SENT, SENT, None
    if case.expected.cause not in ENDING and phase is not Phase.BODY:
        return SENT, case.expected, SENT
    # Of a message whose body has not left nothing has happened.
    return SENT, case.expected if phase in (Phase.BODY, Phase.DOT) else None, None


def expected_in_chunks(case: Case, phase: Phase) -> Outcomes:
    if case.name in OUT_OF_STEP:
        return UNCERTAIN, UNCERTAIN, None
    if case.name == "dot: 250 and another reply":
        # Is it the answer to the message, or the one more? The 550 that follows may be either, too.
        return SENT, UNCERTAIN, UNCERTAIN
    if case.name in SENT_AND_OVER:
        return SENT, SENT, UNCERTAIN
    if phase is Phase.BODY:
        # Large: it flies alone, and the next one has not left.
        return SENT, case.expected, None
    if case.expected.cause is Cause.SERVICE_UNAVAILABLE:
        # With MAIL it has not even begun.
        return SENT, None if phase is Phase.MAIL else case.expected, UNCERTAIN
    if case.expected.cause in ENDING:
        return SENT, UNCERTAIN, UNCERTAIN
    return SENT, case.expected, SENT


def outcome(result: Result | None) -> Outcome | None:
    if result is None:
        return None
    (item,) = result.recipients
    if item.error is None:
        return Outcome(item.verdict)
    return Outcome(item.verdict, item.error.stage, item.error.cause)


def in_groups(session: Session, envelopes: Sequence[Envelope]) -> tuple[Result | None, ...]:
    results: list[Result | None] = [*transmit_in_groups(session, envelopes)]
    return tuple(results + [None] * (len(envelopes) - len(results)))


WAYS = {in_groups: expected_in_groups, transmit_in_chunks: expected_in_chunks}
MISDEEDS = [
    pytest.param(way, case, phase, id=f"{way.__name__} {case.name}")
    for way in WAYS
    for case in CASES
    for phase in [phase_of(case)]
    if phase is not None and not (phase is Phase.DATA and way is transmit_in_chunks)
]


def three(size: int) -> list[Envelope]:
    """Return three messages that can be told apart, the second one larger by `size`."""
    more = (b"", (b"y" * 70 + b"\r\n") * (size // 72), b"")
    return [envelope(content=CONTENT + b"Number %d.\r\n" % at + lines) for at, lines in enumerate(more)]


def numbers_received(server: HostileServer) -> list[bytes]:
    return [number for body in server.ledger.bodies for number in (b"0", b"1", b"2") if b"Number %b." % number in body]


@pytest.mark.parametrize(("way", "case", "phase"), MISDEEDS)
def test_each_message_comes_to_what_the_server_has_made_of_it(
    way: object, case: Case, phase: Phase, certificates: CertificateFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert callable(way)
    context = None if case.security is Security.NONE else certificates.good.context()
    script = in_the_middle(case, phase)
    with hostile_server(script, context=context, implicit_tls=case.security is Security.IMPLICIT_TLS) as server:
        config = server.config(
            case.security, ca_pem=certificates.ca_pem, deadlines=deadlines_of(script, in_flight=True)
        )
        with Session(config) as session:
            # Else the third would go the other way; a surplus is found out by that, see `test_pipeline.py`.
            session.is_in_step = case.name not in OUT_OF_STEP
            started = monotonic()
            results = way(session, three(case.size))
            seconds = monotonic() - started
            is_over = not session.usable
        server.settle()

    outcomes = tuple(map(outcome, results))
    assert outcomes == WAYS[way](case, phase)  # type: ignore[index]
    assert is_over == (phase is Phase.BODY or case.expected.cause in ENDING or case.name in SENT_AND_OVER)
    assert seconds < DEADLINE + GRACE
    received = numbers_received(server)
    assert len(received) == len(set(received))
    for number, each in zip((b"0", b"1", b"2"), outcomes, strict=True):
        if each == SENT:
            assert number in received
        if each is None and phase is not Phase.MAIL:
            assert number not in received
    texts = "\n".join([*(text for result in results if result for text in texts_of(result)), *session.transcript])
    assert canary.found_in(f"{texts}\n{caplog.text}") == []
    assert "Number" not in texts


def test_every_phase_of_a_message_is_met_in_both_ways() -> None:
    assert len(MISDEEDS) > 200
    assert {(each.values[0], each.values[2]) for each in MISDEEDS} == {
        (way, phase) for way in WAYS for phase in USUAL if (way, phase) != (transmit_in_chunks, Phase.DATA)
    }
