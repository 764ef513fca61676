"""After a failed test: the other ways to the same server, tried without a credential, and the one that works offered.

Which failures another port or encryption can mend, and how ways are tried, is `finding.alternatives`'. A way with less
protection than the profile's own is never offered, whatever answers there.
"""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from django.core import signing
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from smtpadmin import profiles
from smtpadmin.admin.guide import SECURITY_LABELS
from smtpadmin.diagnosis import diagnose, failure_of
from smtpadmin.finding import Alternative, alternatives, can_help
from smtpadmin.models import Profile
from smtpadmin.smtp import Secret, Security, SmtpError, Step
from smtpadmin.wording import results

_SALT = "smtpadmin.other-way"
# Long enough to read the page and come back to it; what answers today may not tomorrow.
_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Another way to the server, and what came of trying it."""

    port: int
    security: Security
    works: bool
    text: str = ""

    @property
    def label(self) -> str:
        return _("Port %(port)d with %(protocol)s") % {"port": self.port, "protocol": self.protocol}

    @property
    def button(self) -> str:
        return _("Use port %(port)d with %(protocol)s instead") % {"port": self.port, "protocol": self.protocol}

    @property
    def protocol(self) -> str | Promise:
        return SECURITY_LABELS[self.security]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What trying has brought so far. `way` is the one to offer."""

    host: str
    #: Of the test that failed, for the one that follows: where to, and whether anything is to be sent.
    recipient: str
    send: bool
    tried: tuple[Way, ...] = ()
    way: Way | None = None
    is_over: bool = False
    #: Names the way in a request, so that nobody can have the panel use one that it has not tried itself.
    token: str = ""
    #: Whether one press is enough: the stored secret may go there, or none is stored.
    keeps_secret: bool = False


def followed(
    events: Generator[Any, None, None], profile: Profile, *, language: str, recipient: str, send: bool
) -> Generator[Any, None, None]:
    """Yield the events of a test; after one that failed for the port or the encryption, each turn of trying others."""
    error: SmtpError | None = None
    with closing(events):
        for event in events:
            if isinstance(event, Step):
                error = event.error
            yield event
    if error is not None and can_help(error):
        begun = Ways(host=profile.host, recipient=recipient, send=send)
        yield begun
        yield from _try_others(begun, profile, error, language=language)


def _try_others(begun: Ways, profile: Profile, error: SmtpError, *, language: str) -> Generator[Ways, None, None]:
    """Yield what is known after each way, up to the first that works. Nobody signs in."""
    config = profiles.server_config(profile, password=Secret(""))
    so_far = begun
    with closing(alternatives(config, error)) as turns:  # type: ignore[type-var]
        for turn in turns:
            if turn.security is Security.NONE and config.security is not Security.NONE:
                continue
            way = Way(port=turn.port, security=turn.security, works=turn.works, text=_came_of(turn, profile, language))
            so_far = replace(so_far, tried=(*so_far.tried, way))
            if way.works:
                yield _offering(so_far, way, profile)
                return
            yield so_far
    yield replace(so_far, is_over=True)


def _offering(ways: Ways, way: Way, profile: Profile) -> Ways:
    """Return `ways` with this one to take; for a profile that is not saved, the form takes it."""
    if profile.pk is None:
        return replace(ways, way=way, is_over=True)
    return replace(
        ways,
        way=way,
        is_over=True,
        token=signing.dumps([*_now(profile), way.port, way.security.value, ways.send], salt=_SALT),
        keeps_secret=profiles.keeps_secret(profile, way.security),
    )


def _came_of(turn: Alternative, profile: Profile, language: str) -> str:
    if turn.works:
        return _("works")
    if turn.tried.error is None:
        return _("answers, but lets nobody sign in")
    return diagnose(failure_of(turn.tried.error), profile.provider).title.get(language)


# The way in a request


def named(token: str, profile: Profile, *, recipient: str = "") -> Ways | None:
    """Return the offer that a token names; None when it is not ours, too old, or for settings as they were."""
    try:
        *before, port, security, send = signing.loads(token, salt=_SALT, max_age=_SECONDS)
    except (signing.BadSignature, ValueError):
        return None
    if before != _now(profile):
        return None
    way = Way(port=port, security=Security(security), works=True)
    return _offering(Ways(host=profile.host, recipient=recipient, send=send), way, profile)


def _now(profile: Profile) -> list[Any]:
    return [profile.pk, profile.host, profile.port, profile.security]


def piece(ways: Ways, context: dict[str, Any]) -> str:
    """Return a piece of HTML with all that is known by now: it takes the place of the one before."""
    return render_to_string("smtpadmin/other_ways.html", {**context, **page_context(ways)})


def page_context(ways: Ways | None) -> dict[str, Any]:
    """Return what the template needs."""
    pending = results.pending_rows(ways.way.security) if ways and ways.way else []
    return {"ways": ways, "way_pending": pending}
