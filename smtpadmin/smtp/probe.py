"""A whole submission as a sequence of steps, for the test button: the same code as for real mail, only watched."""

from collections.abc import Iterator

from smtpadmin.smtp.config import ServerConfig
from smtpadmin.smtp.session import Session
from smtpadmin.smtp.steps import Step
from smtpadmin.smtp.transaction import Envelope
from smtpadmin.smtp.transfer import transmitting


def probe(config: ServerConfig, envelope: Envelope, *, send: bool = True) -> Iterator[Step]:
    """Connect, sign in and hand over `envelope`, yielding a step after each stage.

    Never raises `SmtpError`: a failed step carries it and is the last. Without `send` the server is asked about
    sender and recipients, and nothing is sent. Closing the iterator early closes the connection.
    """
    session = Session(config)
    try:
        yield from session.opening()
        if session.usable:
            yield from transmitting(session, envelope, send=send)
    finally:
        session.close()
