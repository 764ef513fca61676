"""After a failed test: does the same server work on another port, or with another encryption?

Only the ways are tried, without a credential. A way with less protection than the configured one is never among them,
except without TLS to this very host, where no wire is passed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from time import monotonic

from smtpadmin.finding.ports import SECONDS, WAYS, Tried, try_all
from smtpadmin.smtp import Cause, Security, ServerConfig, SmtpError, Stage
from smtpadmin.smtp.dialing import resolve
from smtpadmin.smtp.network import is_loopback

_LOOK_UP = 5.0
_PLAIN_PORTS = (25, 587, 2525)

# Failures that another port or another encryption of the same host can mend. A name that is not found, a certificate
# that cannot be trusted and a refused password stay what they are on every port.
_ABOUT_THE_WAY = frozenset(
    {
        Cause.CONNECTION_REFUSED,
        Cause.CONNECT_TIMEOUT,
        Cause.UNREACHABLE,
        Cause.CONNECTION_CLOSED,
        Cause.DEADLINE_EXCEEDED,
        Cause.NOT_SMTP,
        Cause.PROTOCOL_ERROR,
        Cause.REPLY_TOO_LONG,
        Cause.TLS_ON_PLAIN_PORT,
        Cause.PLAIN_ON_TLS_PORT,
        Cause.TLS_FAILED,
        Cause.TLS_VERSION,
        Cause.STARTTLS_MISSING,
        Cause.STARTTLS_REFUSED,
        Cause.SERVICE_UNAVAILABLE,
        Cause.EHLO_REFUSED,
        Cause.AUTH_NOT_OFFERED,
        Cause.AUTH_NEEDS_TLS,
    }
)
_BEFORE_MAIL = frozenset({Stage.TCP, Stage.TLS, Stage.EHLO, Stage.AUTH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another way to the same host. `works`: it can be used in place of the one that failed."""

    port: int
    security: Security
    works: bool
    tried: Tried


def can_help(error: SmtpError) -> bool:
    """Say whether another port or encryption may mend this failure, so that it is worth trying."""
    return error.stage in _BEFORE_MAIL and error.cause in _ABOUT_THE_WAY


def alternatives(
    config: ServerConfig,
    error: SmtpError,
    *,
    ways: tuple[tuple[int, Security], ...] = WAYS,
    seconds: float = SECONDS,
) -> Iterator[Alternative]:
    """Try the other ways to the host of `config`, yielding each with what came of it, the ones to prefer first.

    Nothing is tried where that cannot help.
    """
    if not can_help(error):
        return
    until = monotonic() + seconds
    configs = [
        replace(config, port=port, security=security) for port, security in _candidates(config, ways, until=until)
    ]
    for tried in try_all(configs, seconds=until - monotonic()):
        works = tried.error is None and (bool(tried.offered) or not config.signs_in)
        yield Alternative(port=tried.port, security=tried.security, works=works, tried=tried)


def _candidates(
    config: ServerConfig, ways: tuple[tuple[int, Security], ...], *, until: float
) -> list[tuple[int, Security]]:
    """Return the ways to try, without the one that failed."""
    # The operator chose the port, so the other ways to speak there come first.
    found = [(config.port, Security.IMPLICIT_TLS), (config.port, Security.STARTTLS), *ways]
    if config.security is Security.NONE or _is_this_host(config, until=until):
        found += [(port, Security.NONE) for port in (config.port, *_PLAIN_PORTS)]
    return [way for way in dict.fromkeys(found) if way != (config.port, config.security)]


def _is_this_host(config: ServerConfig, *, until: float) -> bool:
    try:
        addresses = resolve(config.host, config.port, until=min(monotonic() + _LOOK_UP, until))
    except SmtpError:
        return False
    return all(is_loopback(ip_address(address)) for address in addresses)
