"""A look at a server: connect, sign in, and ask about sender and recipient where one is named. Nothing is sent.

Steps and report are those of a test (`testing`), by the same session code. But nothing is recorded and nobody's turn is
taken, so it needs no database: that, too, may be what is broken.
"""

from collections.abc import Iterator
from contextlib import closing

from django.utils import timezone

from smtpadmin import profiles, testing
from smtpadmin.compose import compose
from smtpadmin.exceptions import MessageRefused
from smtpadmin.models import Profile
from smtpadmin.smtp import Deadlines, Secret, ServerConfig, Session, Step, probe
from smtpadmin.testing import Report


def check(
    profile: Profile,
    *,
    password: Secret,
    recipient: str = "",
    language: str = "en",
    deadlines: Deadlines = Deadlines.BRISK,
) -> Iterator[Step | Report]:
    """Yield each step as it happens, and last the report. Raise ValueError for settings that no server can have.

    The profile may be one that is not saved. Closing the iterator closes the connection.
    """
    config = profiles.server_config(profile, password=password, deadlines=deadlines)
    return _checking(profile, config, recipient=recipient, language=language)


def _checking(profile: Profile, config: ServerConfig, *, recipient: str, language: str) -> Iterator[Step | Report]:
    started = timezone.now()
    try:
        running = _asking(profile, config, recipient, language) if recipient else _opening(config)
    except MessageRefused as refusal:
        yield testing.unsendable(profile, refusal, recipient=recipient, started=started)
        return
    done: list[Step] = []
    with closing(running) as steps:  # type: ignore[type-var]
        for step in steps:
            done.append(step)
            yield step
    yield testing.report_of(profile, done, recipient=recipient, sent=False, started=started)


def _asking(profile: Profile, config: ServerConfig, recipient: str, language: str) -> Iterator[Step]:
    """Raise MessageRefused where we would not send this message ourselves."""
    return probe(config, compose(testing.test_message(profile, recipient, language), profile), send=False)


def _opening(config: ServerConfig) -> Iterator[Step]:
    session = Session(config)
    try:
        yield from session.opening()
    finally:
        session.close()
