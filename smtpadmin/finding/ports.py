"""Trying servers up to what they offer after EHLO: the session of real mail, without a credential.

Several at once, each bounded in time by the session's own deadlines. Which are worth trying is the caller's business.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import monotonic

from smtpadmin.smtp import AuthFacts, Deadlines, Secret, Security, ServerConfig, Session, SmtpError

# RFC 8314 7.3 prefers 465 to 587; 2525 is what services offer where both are blocked; 25 is for mail between servers.
WAYS: tuple[tuple[int, Security], ...] = (
    (465, Security.IMPLICIT_TLS),
    (587, Security.STARTTLS),
    (2525, Security.STARTTLS),
    (25, Security.STARTTLS),
)
#: Seconds for all ports of one search together.
SECONDS = 15.0

_AT_ONCE = 16
_EACH = Deadlines(dns=5, connect=6, connect_each=4, tls=6, greeting=12, ehlo=8, quit=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one port does. `error` says where it ended; without one, TLS was verified and EHLO answered."""

    host: str
    port: int
    security: Security
    error: SmtpError | None
    #: The AUTH mechanisms that are offered.
    offered: tuple[str, ...] = ()
    seconds: float = 0.0


def without_credential(config: ServerConfig) -> ServerConfig:
    """Return `config` with nothing in it to sign in with."""
    return replace(config, username="", password=Secret(""), allow_plaintext_auth=False)


def try_all(configs: Sequence[ServerConfig], *, seconds: float = SECONDS) -> Iterator[Tried]:
    """Try all of `configs` at once for up to `seconds`, yielding what came of each in their order.

    Nobody is signed in, whatever a configuration holds. Closing the iterator early leaves the rest to their deadlines.
    """
    until = monotonic() + seconds
    pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="ports")
    try:
        futures = [pool.submit(_try, without_credential(config), until) for config in configs]
        for future in futures:
            yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _try(config: ServerConfig, until: float) -> Tried:
    started = monotonic()
    # A moment at least, so that the session can say itself that there was no time.
    bounded = replace(config, deadlines=replace(_EACH, overall=max(until - started, 0.01)))
    session = Session(bounded)
    try:
        steps = list(session.opening())
    finally:
        session.close()
    facts = steps[-1].facts
    return Tried(
        host=config.host,
        port=config.port,
        security=config.security,
        error=steps[-1].error,
        offered=facts.offered if isinstance(facts, AuthFacts) else (),
        seconds=monotonic() - started,
    )
