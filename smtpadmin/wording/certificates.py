"""The certificates that a server showed and that were refused: what each says, and which part of it is wrong.

OpenSSL has judged them (`smtp.tls`), and stops at the first fault. What people can see for themselves, names and dates,
is put beside what was wanted here; nothing is decided by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smtpadmin.names import ascii_host
from smtpadmin.smtp import Cause
from smtpadmin.testing import CertificateRecord, Report

# RFC 5280 4.1.2.5: the year that stands for “no end”.
_NO_END = 9999
_MOST_NAMES = 8

# A pin stands for the certificate itself, so it helps against each of these.
_PINNABLE = frozenset(
    {
        Cause.TLS_SELF_SIGNED, Cause.TLS_UNKNOWN_CA, Cause.TLS_PIN_MISMATCH, Cause.TLS_WRONG_NAME, Cause.TLS_EXPIRED,
        Cause.TLS_NOT_YET_VALID,
    }
)  # fmt: skip
# Somebody known stands behind it: OpenSSL looks at that first.
_TRUSTED = frozenset({Cause.TLS_WRONG_NAME, Cause.TLS_EXPIRED, Cause.TLS_NOT_YET_VALID})
_OUT_OF_TIME = frozenset({Cause.TLS_EXPIRED, Cause.TLS_NOT_YET_VALID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that a certificate has to be right in: what was wanted, what it says, and whether that is enough."""

    label: str | Promise
    #: "ok", "bad", or "quiet" where it was not looked at.
    tone: str
    verdict: str
    wanted: str = ""
    shown: tuple[str, ...] = ()
    is_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One certificate of the chain."""

    role: str
    subject: str
    issuer: str
    dates: str
    state: str
    is_current: bool
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A CA that the server sent along and that could be trusted."""

    sha256: str
    name: str
    fingerprint: str
    pem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What a server showed and why it was refused."""

    parts: tuple[Part, ...]
    chain: tuple[Shown, ...]
    fingerprint: str
    #: What to pin; empty where that is no cure.
    pin: str = ""
    ca: Authority | None = None
    #: No certificate of its issuer came with it.
    stands_alone: bool = False
    #: Trusting it is the usual way on, where the server is one's own.
    is_cure: bool = False


def presented(report: Report) -> Presented | None:
    """Return what the test stopped at, or None where it was no certificate. In the language that is active."""
    chain = _chain(report)
    if report.failure is None or not chain:
        return None
    own, cause, now = chain[0], report.failure.cause, timezone.now()
    unknown = cause == Cause.TLS_UNKNOWN_CA
    return Presented(
        parts=tuple(_parts(report, chain, now)),
        chain=tuple(_shown(place, each, now) for place, each in enumerate(chain)),
        fingerprint=fingerprint_text(own.sha256),
        pin=own.sha256 if cause in _PINNABLE else "",
        ca=_authority(chain) if unknown else None,
        stands_alone=unknown and _top(chain) is own,
        is_cure=cause in _PINNABLE - _TRUSTED,
    )


def fingerprint_text(sha256: str) -> str:
    """Return a fingerprint as `openssl x509 -fingerprint` writes it, so that it can be compared by eye."""
    digits = sha256.upper()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _chain(report: Report) -> tuple[CertificateRecord, ...]:
    return next((step.presented for step in reversed(report.steps) if step.presented), ())


def _top(chain: tuple[CertificateRecord, ...]) -> CertificateRecord:
    """Follow the issuers, in whatever order the certificates came; return the last one that was sent."""
    top, left = chain[0], list(chain[1:])
    while top.issuer != top.subject:
        above = next((each for each in left if each.subject == top.issuer), None)
        if above is None:
            break
        left.remove(above)
        top = above
    return top


def _authority(chain: tuple[CertificateRecord, ...]) -> Authority | None:
    top = _top(chain)
    if top is chain[0] or not top.pem:
        return None
    text = fingerprint_text(top.sha256)
    return Authority(sha256=top.sha256, name=top.subject, fingerprint=text, pem=top.pem)


def _parts(report: Report, chain: tuple[CertificateRecord, ...], now: datetime) -> Iterator[Part]:
    assert report.failure is not None  # noqa: S101  `presented` has looked
    own, cause = chain[0], report.failure.cause
    if cause == Cause.TLS_PIN_MISMATCH:
        yield Part(
            label=gettext_lazy("Fingerprint"),
            tone="bad",
            verdict=_("is another one"),
            wanted=fingerprint_text(report.pinned) if report.pinned else "",
            shown=(fingerprint_text(own.sha256),),
            is_code=True,
        )
    yield _name(report, own)
    yield _dates(own, cause, now)
    yield _issuer(own, cause, is_alone=_top(chain) is own)


def _name(report: Report, own: CertificateRecord) -> Part:
    assert report.failure is not None  # noqa: S101
    host = report.server.rpartition(":")[0]
    fits = report.failure.cause != Cause.TLS_WRONG_NAME and any(_is_for(name, host) for name in own.names)
    more = len(own.names) - _MOST_NAMES
    shown = own.names[:_MOST_NAMES] + ((_("and %(count)d more") % {"count": more},) if more > 0 else ())
    return Part(
        label=gettext_lazy("Name"),
        tone="ok" if fits else "bad",
        verdict=_("is in the certificate") if fits else _("is not in the certificate"),
        wanted=host,
        shown=shown or (_("none"),),
        is_code=True,
    )


def _is_for(name: str, host: str) -> bool:
    """Whether a name of the certificate covers the host: RFC 9525, a wildcard for the whole first label alone."""
    try:
        asked = ascii_host(host)
    except ValueError:
        return False
    try:
        return ip_address(name) == ip_address(asked)
    except ValueError:
        pass
    name = name.lower().removesuffix(".")
    if name.startswith("*."):
        return name[1:] == asked[asked.find(".") :] and not asked.startswith(".")
    return name == asked


def _dates(own: CertificateRecord, cause: str, now: datetime) -> Part:
    state, is_current = _state(own, now)
    if cause in _OUT_OF_TIME and is_current:
        # Another one of the chain is, or the certificate's day has come since.
        state, tone = _("in time itself: see those that it rests on"), "quiet"
    else:
        tone = "ok" if is_current else "bad"
    return Part(label=gettext_lazy("Dates"), tone=tone, verdict=state, shown=(_span(own),))


def _issuer(own: CertificateRecord, cause: str, *, is_alone: bool) -> Part:
    label = gettext_lazy("Issued by")
    shown = (own.issuer,)
    if cause == Cause.TLS_SELF_SIGNED:
        return Part(label=label, tone="bad", verdict=_("itself: nobody else vouches for it"), shown=shown)
    if cause == Cause.TLS_UNKNOWN_CA:
        verdict = (
            _("whose own certificate is missing: the server did not send it, and this computer does not know it")
            if is_alone
            else _("whom this computer does not know")
        )
        return Part(label=label, tone="bad", verdict=verdict, shown=shown)
    if cause in _TRUSTED:
        return Part(label=label, tone="ok", verdict=_("whom this computer or the profile trusts"), shown=shown)
    return Part(label=label, tone="quiet", verdict=_("not looked at"), shown=shown)


def _shown(place: int, each: CertificateRecord, now: datetime) -> Shown:
    state, is_current = _state(each, now)
    return Shown(
        role=_("The server’s own certificate") if place == 0 else _("Sent along"),
        subject=each.subject,
        issuer=each.issuer,
        dates=_span(each),
        state=state,
        is_current=is_current,
        fingerprint=fingerprint_text(each.sha256),
    )


def _state(each: CertificateRecord, now: datetime) -> tuple[str, bool]:
    """Return how the certificate's time stands now, in words, and whether it is in it."""
    begin, end = datetime.fromisoformat(each.not_before), datetime.fromisoformat(each.not_after)
    if now > end:
        return _("expired %(time)s ago") % {"time": timesince(end, now, depth=1)}, False
    if now < begin:
        return _("becomes valid in %(time)s") % {"time": timeuntil(begin, now, depth=1)}, False
    if end.year == _NO_END:
        return _("valid without an end"), True
    return _("valid for another %(time)s") % {"time": timeuntil(end, now, depth=1)}, True


def _span(each: CertificateRecord) -> str:
    return _("%(begin)s to %(end)s") % {"begin": _moment(each.not_before), "end": _moment(each.not_after)}


def _moment(text: str) -> str:
    """Return a time as the reader's clock has it."""
    value = datetime.fromisoformat(text)
    if value.year == _NO_END:
        return _("no end")
    return date_format(timezone.localtime(value), "DATETIME_FORMAT")
