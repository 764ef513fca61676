"""Many messages to real servers, in each of the three ways: all of them once and unchanged, each with its own fate."""

import hashlib
import uuid
from collections.abc import Callable, Sequence

import pytest

from smtpadmin.smtp import (
    Cause,
    Envelope,
    Result,
    Security,
    Session,
    Verdict,
    serialise,
    transmit,
    transmit_in_chunks,
    transmit_in_groups,
)
from tests.support.mime import telling_message
from tests.support.processes import wait_until
from tests.support.real_servers import OTHER_RECIPIENT, UNKNOWN_RECIPIENT, RealServer

SECURITIES = [pytest.param(security, id=security.name) for security in (Security.STARTTLS, Security.NONE)]
SECONDS = 30

Way = Callable[[Session, Sequence[Envelope]], Sequence[Result | None]]


def one_by_one(session: Session, envelopes: Sequence[Envelope]) -> list[Result]:
    return [transmit(session, envelope) for envelope in envelopes]


def in_groups(session: Session, envelopes: Sequence[Envelope]) -> list[Result]:
    return list(transmit_in_groups(session, envelopes))


WAYS: list[Way] = [one_by_one, in_groups, transmit_in_chunks]
PIPELINED: list[Way] = [in_groups, transmit_in_chunks]


def messages(server: RealServer, count: int, *recipients: str) -> dict[str, Envelope]:
    """Return messages by a text that is in no other."""
    tokens = [uuid.uuid4().hex for _ in range(count)]
    return {
        token: Envelope(
            server.sender,
            recipients or (server.recipient,),
            serialise(telling_message(server.sender, server.recipient, token=token, size=100 * at)),
        )
        for at, token in enumerate(tokens)
    }


def arrived(server: RealServer, recipient: str, tokens: Sequence[str]) -> list[str]:
    """Return the tokens of the messages that have arrived, as often as they have."""
    texts = [message.decode(errors="replace") for message in server.mailbox(recipient).messages()]
    return [token for text in texts for token in tokens if f"X-Token: {token}" in text]


def body_hash(content: bytes) -> str:
    return hashlib.sha256(content.partition(b"\r\n\r\n")[2]).hexdigest()


@pytest.mark.parametrize("security", SECURITIES)
@pytest.mark.parametrize("way", WAYS)
def test_every_message_arrives_once_and_unchanged(server: RealServer, security: Security, way: Way) -> None:
    # Exim leaves what comes beyond ten messages of one connection to the next run of its queue.
    given = messages(server, 10)
    with Session(server.config(security)) as session:
        assert session.chunks
        envelopes = list(given.values())
        # Two windows, so that what comes after the first is seen, too.
        results = [*way(session, envelopes[:7]), *way(session, envelopes[7:])]
        assert [result is not None and result.sent for result in results] == [True] * 10

    tokens = list(given)
    assert wait_until(lambda: len(arrived(server, server.recipient, tokens)) >= len(tokens), seconds=SECONDS)
    assert sorted(arrived(server, server.recipient, tokens)) == sorted(tokens)
    for token, envelope in given.items():
        assert body_hash(server.mailbox(server.recipient).wait_for(f"X-Token: {token}")) == body_hash(envelope.content)


@pytest.mark.parametrize("way", PIPELINED)
def test_refusals_among_them_are_each_one_s_own(server: RealServer, way: Way) -> None:
    good = messages(server, 2)
    lost = messages(server, 3, UNKNOWN_RECIPIENT)
    mixed = messages(server, 1, UNKNOWN_RECIPIENT, OTHER_RECIPIENT)
    stranger = [Envelope("ceo@example.com", each.recipients, each.content) for each in messages(server, 1).values()]
    (first, second), (third, fourth, fifth) = good.values(), lost.values()
    given = [third, first, fourth, *stranger, *mixed.values(), fifth, second]
    with Session(server.config(Security.STARTTLS)) as session:
        results = way(session, given)
        assert session.usable
        # Nothing of it is left over in the server's mind.
        again = messages(server, 1)
        assert [result is not None and result.sent for result in way(session, list(again.values()))] == [True]

    unknown, sent = (Verdict.REFUSED, Cause.RECIPIENT_REFUSED), (Verdict.SENT, None)
    assert [
        [(item.verdict, item.error and item.error.cause) for item in result.recipients] for result in results if result
    ] == [[unknown], [sent], [unknown], [(Verdict.REFUSED, Cause.SENDER_REFUSED)], [unknown, sent], [unknown], [sent]]
    for token in [*good, *again]:
        server.mailbox(server.recipient).wait_for(f"X-Token: {token}")
    for token in mixed:
        server.mailbox(OTHER_RECIPIENT).wait_for(f"X-Token: {token}")
    assert arrived(server, server.recipient, [*lost, *mixed]) == []
