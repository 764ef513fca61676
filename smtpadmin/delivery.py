"""Envelopes through one profile's server: claims in, outcomes out.

The one delivery path. The mail backend sends through it and the worker will; the test button runs the same session
and transfer code, step by step (`smtp.probe`). Which profile, and what the message says, was decided before; when to
try again is not decided here.
"""

from types import TracebackType
from typing import Self

from smtpadmin import profiles
from smtpadmin.diagnosis import diagnose, failure_of
from smtpadmin.exceptions import DeliveryFailed
from smtpadmin.models import Profile
from smtpadmin.smtp import Envelope, RecipientResult, Result, Session, SmtpError, Stage, Verdict, transmit


class Courier:
    """Carries envelopes to a profile's server, over one connection for as long as that connection is good."""

    def __init__(self, profile: Profile) -> None:
        """Raise KeyringLocked, or WrongContext when the stored password belongs to other settings."""
        self.profile = profile
        self._config = profiles.server_config(profile, password=profiles.password(profile))
        self._session: Session | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def open(self) -> None:
        """Connect and sign in, unless that is done. Raise SmtpError."""
        if self._session is not None:
            return
        session = Session(self._config)
        try:
            session.open()
        except SmtpError:
            session.close()
            raise
        self._session = session

    def close(self) -> None:
        """Leave the server. Never raises: whatever was accepted stays accepted."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def deliver(self, envelope: Envelope) -> Result:
        """Send one envelope and return what became of each recipient; a server out of reach is an outcome too.

        A connection that has died since the last message is replaced once, and only while none of this message has
        left; after that nothing is sent a second time here.
        """
        reused = self._session is not None
        result = self._attempt(envelope)
        if reused and self._session is None and _nothing_had_left(result):
            result = self._attempt(envelope)
        return result

    def _attempt(self, envelope: Envelope) -> Result:
        try:
            self.open()
        except SmtpError as error:
            return _undelivered(envelope, error)
        assert self._session is not None  # noqa: S101  open() returned, so there is one
        result = transmit(self._session, envelope)
        if not self._session.usable:
            self.close()
        return result


def _undelivered(envelope: Envelope, error: SmtpError) -> Result:
    return Result(
        recipients=tuple(
            RecipientResult(recipient=recipient, verdict=Verdict.DEFERRED, reply=error.reply, error=error)
            for recipient in envelope.recipients
        )
    )


def _nothing_had_left(result: Result) -> bool:
    """Say whether the session died at MAIL: an idle connection that the server has closed shows there."""
    return all(
        item.verdict is Verdict.DEFERRED and item.error is not None and item.error.stage is Stage.MAIL
        for item in result.recipients
    )


def never_opened(result: Result) -> bool:
    """Say whether no session could be had at all: the server is out of reach, untrusted, or refuses the sign-in."""
    opening = (Stage.DNS, Stage.TCP, Stage.TLS, Stage.EHLO, Stage.AUTH)
    return all(item.error is not None and item.error.stage in opening for item in result.recipients)


def failure(profile: Profile, result: Result) -> DeliveryFailed:
    """Return the exception that tells an app what became of its message, in words for whoever reads its log."""
    first = next(item for item in result.recipients if item.verdict is not Verdict.SENT)
    words = [f"SMTP profile {profile.slug!r} ({profile.endpoint}):"]
    if first.error is not None:
        words.append(diagnose(failure_of(first.error), profile.provider).title.en + ".")
    if first.reply is not None:
        words.append(f"The server said: {first.reply.code} {first.reply.text}")
    for verdict in Verdict:
        count = sum(item.verdict is verdict for item in result.recipients)
        if count:
            words.append(f"[{verdict.value}: {count}]")
    return DeliveryFailed(" ".join(words), profile=profile.slug, result=result)
