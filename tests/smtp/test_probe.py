"""Tests of `smtpadmin.smtp.probe`: the test button's run is a real submission, watched."""

import pytest

from smtpadmin.smtp import (
    Cause,
    Deadlines,
    Envelope,
    Secret,
    Security,
    ServerConfig,
    Stage,
    Status,
    Step,
    probe,
    stages,
)
from tests.support.behaviours import PASSWORD, USERNAME, hang, say
from tests.support.hostile import HostileServer, Phase, Script, hostile_server
from tests.support.smtpd import StartServer

ENVELOPE = Envelope("notify@example.com", ("you@example.org",), b"Subject: Test\r\n\r\nHello.\r\n")


def config_of(server: HostileServer, *, password: str = PASSWORD, overall: float | None = None) -> ServerConfig:
    return ServerConfig(
        host=server.host,
        port=server.port,
        security=Security.NONE,
        username=USERNAME,
        password=Secret(password),
        deadlines=Deadlines(quit=0.3, overall=overall),
    )


def summary(steps: list[Step]) -> list[tuple[Stage, Status]]:
    return [(step.stage, step.status) for step in steps]


@pytest.mark.parametrize("security", list(Security))
def test_each_stage_is_a_step_and_the_message_arrives(smtp_server: StartServer, security: Security) -> None:
    server = smtp_server(security=security)
    steps = list(probe(server.config(), ENVELOPE))
    assert summary(steps) == [(stage, Status.OK) for stage in stages(security)]
    assert [message.content for message in server.messages] == [ENVELOPE.content]
    assert len(server.logins) == 1


def test_a_check_ends_with_the_recipients(smtp_server: StartServer) -> None:
    server = smtp_server()
    steps = list(probe(server.config(), ENVELOPE, send=False))
    assert [step.stage for step in steps] == list(stages(Security.NONE)[:-1])
    assert server.messages == []


@pytest.mark.parametrize(
    ("script", "password", "stage", "cause"),
    [
        ({Phase.GREETING: say("554 5.7.1 No")}, PASSWORD, Stage.EHLO, Cause.SERVICE_UNAVAILABLE),
        ({}, "another", Stage.AUTH, Cause.AUTH_REFUSED),
        ({Phase.MAIL: say("553 5.7.1 No")}, PASSWORD, Stage.MAIL, Cause.SENDER_REFUSED),
        ({Phase.RCPT: say("550 5.1.1 No")}, PASSWORD, Stage.RCPT, Cause.RECIPIENT_REFUSED),
        ({Phase.DATA: say("554 5.7.1 No")}, PASSWORD, Stage.DATA, Cause.CONTENT_REFUSED),
        ({Phase.DOT: say("554 5.7.1 No")}, PASSWORD, Stage.DATA, Cause.CONTENT_REFUSED),
        ({Phase.DOT: say("?")}, PASSWORD, Stage.DATA, Cause.UNCERTAIN),
    ],
)
def test_a_failed_step_is_the_last_and_carries_its_error(
    script: Script, password: str, stage: Stage, cause: Cause
) -> None:
    with hostile_server(script) as server:
        steps = list(probe(config_of(server, password=password), ENVELOPE))
        server.settle()
    *before, last = steps
    assert {step.status for step in before} == {Status.OK}
    assert [step.stage for step in steps] == list(stages(Security.NONE)[: len(steps)])
    assert last.error is not None
    assert (last.stage, last.status, last.error.stage, last.error.cause) == (stage, Status.FAILED, stage, cause)
    assert last.reply == last.error.reply


def test_leaving_early_says_goodbye() -> None:
    with hostile_server() as server:
        steps = probe(config_of(server), ENVELOPE)
        assert next(step for step in steps if step.stage is Stage.AUTH).status is Status.OK
        steps.close()  # type: ignore[attr-defined]
        server.settle()
        assert (server.ledger.count("QUIT"), server.ledger.count("MAIL")) == (1, 0)


def test_after_the_last_dot_the_overall_deadline_leaves_it_open_whether_the_message_was_taken() -> None:
    with hostile_server({Phase.DOT: hang}) as server:
        *_, last = probe(config_of(server, overall=0.5), ENVELOPE)
    assert last.error is not None
    assert (last.stage, last.error.cause, last.error.temporary) == (Stage.DATA, Cause.UNCERTAIN, False)
    assert last.seconds < 1
