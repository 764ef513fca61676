"""A profile's server, at the other end of one connection: envelopes in, results out.

What is sent directly and what the worker has claimed goes through a courier alike; the test button runs the same
session and transfer code, step by step (`smtp.probe`). Which messages leave together is for `delivery` to say, and when
to try again for neither.
"""

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Self

from smtpadmin import profiles
from smtpadmin.diagnosis import diagnose, failure_of
from smtpadmin.exceptions import DeliveryFailed
from smtpadmin.models import Profile
from smtpadmin.outbox.pace import rules
from smtpadmin.smtp import (
    ContentError,
    Envelope,
    RecipientResult,
    Result,
    Session,
    SmtpError,
    Stage,
    Verdict,
    transmit,
    transmit_in_chunks,
    transmit_in_groups,
)
from smtpadmin.windows import Pace

# Servers that have left chunks without an answer, and until when they get none.
_DOUBTS: dict[tuple[str, int], float] = {}
_DOUBT_SECONDS = 3600.0
# Some relays and routers forget connections soon; a worker keeps one for some seconds after its last message.
_REST_SECONDS = 1.0


class Courier:
    """Carries envelopes to a profile's server, over one connection for as long as that connection is good."""

    def __init__(self, profile: Profile) -> None:
        """Raise KeyringLocked, or WrongContext when the stored password belongs to other settings."""
        self.profile = profile
        self._config = profiles.server_config(profile, password=profiles.password(profile))
        self._session: Session | None = None
        # Nothing has been sent over this connection: it has had no time to die of old age.
        self._is_fresh = True
        self._used_at = -math.inf
        self._has_rates = bool(rules(profile))
        #: What is known of the server's pace, from one batch to the next.
        self.pace = Pace(broken=_DOUBTS.get(self._server, 0.0) > monotonic())

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        return self._session is not None and self._config.verify == self.profile.verifies_certificate

    def open(self) -> None:
        """Connect and sign in, unless that is done. Raise SmtpError."""
        if self.is_open:
            return
        # Leaving the check of certificates out ends on a day, which a courier may live to see.
        self.close()
        self._config = replace(self._config, verify=self.profile.verifies_certificate)
        session = Session(self._config)
        try:
            session.open()
        except SmtpError:
            session.close()
            raise
        self._session, self._is_fresh, self._used_at = session, True, monotonic()

    def close(self) -> None:
        """Leave the server. Never raises: whatever was accepted stays accepted."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def deliver(self, envelope: Envelope, *, before_data: Callable[[], bool] = lambda: True) -> Result:
        """Send one envelope and return what became of each recipient; a server out of reach is an outcome too.

        `before_data` is asked when nothing of the message has left; when it says False, the message is withheld.

        A connection that has died since the last message is replaced once, and only while none of this message has
        left; after that nothing is sent a second time here.
        """
        while True:
            try:
                self.open()
            except SmtpError as error:
                return undelivered(envelope, error)
            results = list(self.relay([envelope], before_data=lambda _place: before_data()))
            if results:
                return results[0]

    def relay(
        self, envelopes: Iterable[Envelope], *, before_data: Callable[[int], bool] = lambda _place: True
    ) -> Generator[Result, None, None]:
        """Send envelopes over the open connection, one after the other, and yield what became of each in their order.

        Each is asked for when it is about to be begun. It ends early when the connection does; of those without a
        result nothing has left. `before_data` is as in `smtp.transmit_in_groups`.

        A connection may have died since the last message. That shows at the first one, which then has no result: it is
        to be sent again, over a new connection.
        """
        session = self._in_use()
        may_be_old, self._is_fresh = not self._is_fresh, False
        send = transmit_in_groups if self.pipelines else _one_by_one
        try:
            with closing(send(session, envelopes, before_data=before_data)) as results:
                for result in results:
                    if may_be_old and not session.usable and _nothing_had_left(result):
                        return
                    may_be_old &= _is_local(result)
                    self._used_at = monotonic()
                    yield result
        finally:
            self._leave_if_over()

    def relay_together(self, envelopes: Sequence[Envelope]) -> tuple[Result | None, ...]:
        """Send envelopes in as few flights as possible, and return what became of each; None: it was not begun.

        As with `relay`, that is so with all of them where the connection has died since the last message.
        """
        session = self._in_use()
        may_be_old, self._is_fresh = not self._is_fresh, False
        results = transmit_in_chunks(session, envelopes)
        self._used_at = monotonic()
        is_over = not session.usable
        self._leave_if_over()
        if may_be_old and is_over:
            first = next((result for result in results if result is not None and not _is_local(result)), None)
            if first is not None and _nothing_had_left(first):
                return tuple(None if result is first else result for result in results)
        return results

    @property
    def pipelines(self) -> bool:
        """Whether the next message may be begun before the one before is answered."""
        return self._session is not None and self._session.pipelines

    @property
    def chunks(self) -> bool:
        """Whether many messages may leave together."""
        return self._session is not None and self._session.chunks

    @property
    def is_ready(self) -> bool:
        """Whether a whole batch would leave at once: over an open connection, and without waiting for a turn."""
        if self._session is None or self.has_rested or self._has_rates:
            return False
        most = self.profile.batch
        if self.chunks and not self.pace.broken:
            return self.pace.window(most=most, round_trip=self.round_trip) >= most
        return self.pace.marks(most=most) >= most

    @property
    def has_rested(self) -> bool:
        """Whether nothing has been said for so long that the connection may have died unnoticed."""
        return monotonic() - self._used_at > _REST_SECONDS

    def doubt(self) -> None:
        """Send nothing together any more, here and for a while in the whole process: it has led to doubt.

        A server that takes so many messages for each connection, say, would else do the same to every courier.
        """
        self.pace = self.pace.after_doubt()
        _DOUBTS[self._server] = monotonic() + _DOUBT_SECONDS

    @property
    def _server(self) -> tuple[str, int]:
        return self._config.host, self._config.port

    @property
    def round_trip(self) -> float:
        """How long the way to the server and back takes at most, in seconds; 0: not known."""
        seconds = self._in_use().round_trip
        return 0.0 if math.isinf(seconds) else seconds

    def _in_use(self) -> Session:
        if self._session is None:
            raise RuntimeError("There is no connection.")
        return self._session

    def _leave_if_over(self) -> None:
        if self._session is not None and not self._session.usable:
            self.close()


def _one_by_one(
    session: Session, envelopes: Iterable[Envelope], *, before_data: Callable[[int], bool]
) -> Generator[Result, None, None]:
    for place, envelope in enumerate(envelopes):
        yield transmit(session, envelope, before_data=partial(before_data, place))
        if not session.usable:
            return


def undelivered(envelope: Envelope, error: SmtpError) -> Result:
    """Return the outcome of an envelope for which there was no session."""
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


def _is_local(result: Result) -> bool:
    """Say whether it was never begun, because it cannot be sent."""
    return all(isinstance(item.error, ContentError) for item in result.recipients)


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
