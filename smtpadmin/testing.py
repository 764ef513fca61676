"""Send test email: who may start one when, what it sends, and the report that is left.

The steps themselves are `smtp.probe`, the same session and transfer code that delivers real mail; the message goes
through `compose` like an app's. Pages show what comes out of `run`.
"""

import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import django
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from smtpadmin import limits, profiles
from smtpadmin.compose import compose
from smtpadmin.conf import conf
from smtpadmin.diagnosis import diagnose, failure_of
from smtpadmin.exceptions import MessageRefused
from smtpadmin.models import Profile, TestState
from smtpadmin.providers import Diagnosis, Failure
from smtpadmin.smtp import (
    AuthFacts,
    Cause,
    Certificate,
    ContentError,
    DataFacts,
    Deadlines,
    DnsFacts,
    EhloFacts,
    Facts,
    RcptFacts,
    Secret,
    Security,
    Stage,
    Status,
    Step,
    TcpFacts,
    TlsFacts,
    probe,
)
from smtpadmin.smtp import stages as protocol_stages

#: Who starts a test. At the command line nobody is logged in.
Starter = AbstractBaseUser | AnonymousUser

# Longer than the test's overall deadline: a lease that outlives its test was left by a process that died.
_LEASE = timedelta(seconds=60)
# Started within half a minute, by all users together.
_AT_ONCE = 8

STAGE_LABELS: Mapping[str, str | Promise] = {
    Stage.DNS: gettext_lazy("Find the server (DNS)"),
    Stage.TCP: gettext_lazy("Connect (TCP)"),
    Stage.TLS: gettext_lazy("Encrypt (TLS)"),
    Stage.EHLO: gettext_lazy("Introduce ourselves (EHLO)"),
    Stage.AUTH: gettext_lazy("Sign in (AUTH)"),
    Stage.MAIL: gettext_lazy("Name the sender (MAIL FROM)"),
    Stage.RCPT: gettext_lazy("Name the recipient (RCPT TO)"),
    Stage.DATA: gettext_lazy("Send the message (DATA)"),
}
FACT_LABELS: Mapping[str, str | Promise] = {
    "address": pgettext_lazy("network", "Address"),
    "unreachable": gettext_lazy("Not reachable"),
    "version": gettext_lazy("Protocol"),
    "cipher": gettext_lazy("Cipher"),
    "subject": gettext_lazy("Certificate for"),
    "names": gettext_lazy("Names in the certificate"),
    "issuer": gettext_lazy("Issued by"),
    "expires": gettext_lazy("Valid until"),
    "sha256": "SHA-256",
    "verified": gettext_lazy("Certificate checked"),
    "offers": gettext_lazy("The server offers"),
    "max_size": gettext_lazy("Largest message"),
    "mechanisms": gettext_lazy("Sign-in methods offered"),
    "used": gettext_lazy("Method used"),
    "size": gettext_lazy("Size of the message"),
}

_SENT_ALONG = gettext_lazy("Sent along")
# One that is longer has thousands of names, and nobody's own CA has those.
_LONGEST_PEM = 16_000


class TestRefused(Exception):
    """A test may not start now. `message` says why, in the reader's language."""

    __test__ = False  # pytest would collect the name

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRecord:
    """A certificate that a server showed, as plain text; times are in ISO 8601."""

    subject: str
    names: tuple[str, ...]
    issuer: str
    not_before: str
    not_after: str
    sha256: str
    #: For trusting it; not of the server's own, which a fingerprint stands for.
    pem: str = ""

    @classmethod
    def of_chain(cls, chain: tuple[Certificate, ...]) -> tuple[Self, ...]:
        """Return the certificates as a server sent them, its own first."""
        return tuple(
            cls(
                subject=each.subject,
                names=each.names,
                issuer=each.issuer,
                not_before=each.not_before.isoformat(),
                not_after=each.not_after.isoformat(),
                sha256=each.sha256,
                pem=each.pem if place and len(each.pem) <= _LONGEST_PEM else "",
            )
            for place, each in enumerate(chain)
        )

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        return cls(**dict(plain) | {"names": tuple(plain["names"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One step as plain text: for the page, the report and the database."""

    stage: str
    status: str
    seconds: float
    reply: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    said: tuple[str, ...] = ()
    #: What the server showed, where that was refused.
    presented: tuple[CertificateRecord, ...] = ()
    #: What went wrong, where something did.
    cause: str = ""

    @classmethod
    def of(cls, step: Step) -> Self:
        # A certificate that was refused is what one has to look at most.
        refused = step.error.certificate if step.error else None
        return cls(
            stage=step.stage.value,
            status=step.status.value,
            seconds=round(step.seconds, 4),
            reply=f"{step.reply.code} {step.reply.text}" if step.reply else "",
            facts=tuple(_facts(step.facts)) or tuple(_certificate(refused)),
            said=step.said,
            presented=CertificateRecord.of_chain(step.error.chain) if step.error else (),
            cause=step.error.cause.value if step.error else "",
        )

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        # Reports of older versions have no chain.
        presented = tuple(map(CertificateRecord.from_json, plain.get("presented", ())))
        parts = {"facts": tuple(map(tuple, plain["facts"])), "said": tuple(plain["said"]), "presented": presented}
        return cls(**dict(plain) | parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a test ended. It holds no secret: the SMTP core has scrubbed every text in it."""

    ok: bool
    sent: bool
    at: datetime
    seconds: float
    server: str
    provider: str
    recipient: str
    steps: tuple[StepRecord, ...]
    failure: Failure | None = None
    #: The fingerprint that the certificate was to have.
    pinned: str = ""

    @property
    def stage(self) -> str:
        """Where it stopped, or an empty string."""
        return self.failure.stage if self.failure else ""

    @property
    def diagnosis(self) -> Diagnosis | None:
        """What the failure means; looked up when asked, so that a newer catalogue explains an old report better."""
        return diagnose(self.failure, self.provider) if self.failure else None

    def as_json(self) -> dict[str, Any]:
        plain = asdict(self)
        plain["failure"] = self.failure and {
            name: getattr(self.failure, name) for name in ("stage", "cause", "code", "enhanced", "text")
        }
        return plain | {"at": self.at.isoformat()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        steps = tuple(map(StepRecord.from_json, plain["steps"]))
        failure = Failure(**plain["failure"]) if plain["failure"] else None
        return cls(
            **dict(plain)
            | {
                "at": datetime.fromisoformat(plain["at"]),
                "steps": steps,
                "failure": failure,
            }
        )

    def as_text(self, language: str) -> str:
        """Return the report for copying into a message to somebody who can help."""
        with translation.override(language):
            return "\n".join(self._lines(language))

    def _lines(self, language: str) -> Iterator[str]:
        yield _("smtpadmin test report")
        yield f"{self.at:%Y-%m-%d %H:%M:%S %Z}  {self.server}  {self.provider}".rstrip()
        yield f"Python {platform.python_version()}, Django {django.get_version()}"
        yield ""
        for step in self.steps:
            yield f"[{step.status}] {STAGE_LABELS[step.stage]}  {step.seconds * 1000:.0f} ms"
            yield from (f"    {FACT_LABELS[key]}: {value}" for key, value in step.facts)
            yield from (f"    {_SENT_ALONG}: {each.subject} ({each.sha256})" for each in step.presented[1:])
            yield from (f"    {line}" for line in step.said)
        diagnosis = self.diagnosis
        if diagnosis is not None:
            yield ""
            yield diagnosis.title.get(language)
            yield diagnosis.cause.get(language)
            yield from (f"{number}. {step.get(language)}" for number, step in enumerate(diagnosis.steps, start=1))


def stages(profile: Profile) -> tuple[Stage, ...]:
    """Return the stages of a test of this profile, in the order in which they happen."""
    return protocol_stages(Security(profile.security))


def start(profile: Profile, *, user: Starter) -> None:
    """Take the profile's lease and one of the user's tests of this minute. Raise TestRefused."""
    if not limits.take(f"test.user.{user.pk}", count=conf.tests_per_minute, seconds=60):
        raise TestRefused(
            _("You have started %(count)d tests within a minute. Wait a moment, then test again.")
            % {"count": conf.tests_per_minute}
        )
    # Each test holds a thread of the web server, for half a minute at most.
    if not limits.take("test.all", count=_AT_ONCE, seconds=30):
        raise TestRefused(_("Several tests were started just now. Wait half a minute, then test again."))
    if profile.pk is None:
        return
    now = timezone.now()
    free = Q(testing_until=None) | Q(testing_until__lte=now)
    if not Profile.objects.filter(free, pk=profile.pk).update(testing_until=now + _LEASE):
        raise TestRefused(_("Another test of this profile is under way. Wait until it has ended, then test again."))


def run(
    profile: Profile,
    *,
    password: Secret,
    recipient: str,
    send: bool,
    language: str,
    user: Starter,
    record: bool = True,
) -> Iterator[Step | Report]:
    """Yield each step as it happens, and last the report. Call `start` first.

    `send=False` signs in and asks for sender and recipient without sending anything. With `record` the report is kept
    on the saved profile; leave it out for settings that are not the saved ones. The lease is given back in the end,
    also when the reader goes away.
    """
    started = timezone.now()
    steps: list[Step] = []
    try:
        try:
            envelope = compose(test_message(profile, recipient, language), profile)
        except MessageRefused as refusal:
            yield unsendable(profile, refusal, recipient=recipient, started=started)
            return
        config = profiles.server_config(profile, password=password, deadlines=Deadlines.BRISK)
        last = Stage.DATA if send else Stage.RCPT
        for step in probe(config, envelope, send=send):
            steps.append(step)
            report = None
            if step.error is not None or step.stage is last:
                # Kept before it is shown: a reader who goes away now must not take the record of a sent message along.
                report = report_of(profile, steps, recipient=recipient, sent=send, started=started)
                if record and profile.pk is not None:
                    _keep(profile, report, user)
            yield step
            if report is not None:
                yield report
    finally:
        if profile.pk is not None:
            Profile.objects.filter(pk=profile.pk).update(testing_until=None)


def test_message(profile: Profile, recipient: str, language: str) -> EmailMultiAlternatives:
    """Return the message that a test sends: plain and friendly, since some providers refuse what looks like a test."""
    with translation.override(language):
        context = {"profile": profile, "language": language}
        message = EmailMultiAlternatives(
            subject=_("Your notification mail works"),
            body=render_to_string("smtpadmin/mail/test_message.txt", context),
            from_email=profile.sender.header,
            to=[recipient],
            headers={"Auto-Submitted": "auto-generated"},
        )
        message.attach_alternative(render_to_string("smtpadmin/mail/test_message.html", context), "text/html")
    return message


test_message.__test__ = False  # type: ignore[attr-defined]  # pytest would collect the name


def unsendable(profile: Profile, refusal: MessageRefused, *, recipient: str, started: datetime) -> Report:
    """Return the report of a message that we refuse ourselves, before anything is connected to."""
    origin = refusal.__cause__
    # Without another error behind it, it is a rule of the profile or its provider, and its own words say which.
    cause = origin.cause if isinstance(origin, ContentError) else Cause.BAD_HEADER if origin else "rule"
    stage = origin.stage if isinstance(origin, ContentError) else Stage.DATA
    return Report(
        ok=False,
        sent=False,
        at=started,
        seconds=0,
        server=profile.endpoint,
        provider=profile.provider,
        recipient=recipient,
        steps=(),
        failure=Failure(stage=stage, cause=cause, code=None, enhanced="", text=str(refusal)),
    )


def _facts(facts: Facts | None) -> Iterator[tuple[str, str]]:
    match facts:
        case DnsFacts():
            yield from (("address", address) for address in facts.addresses)
        case TcpFacts():
            if facts.address:
                yield "address", facts.address
            yield from (("unreachable", f"{address} ({cause})") for address, cause in facts.failed)
        case TlsFacts():
            yield from (("version", facts.version), ("cipher", facts.cipher))
            yield "verified", "yes" if facts.verified else "no"
            yield from _certificate(facts.certificate)
        case EhloFacts():
            yield from (("offers", extension) for extension in facts.extensions)
            if facts.max_size is not None:
                yield "max_size", f"{facts.max_size} B"
        case AuthFacts():
            yield from (("mechanisms", " ".join(facts.offered)), ("used", facts.used or "-"))
        case RcptFacts():
            yield from (("address", recipient) for recipient in facts.accepted)
        case DataFacts():
            yield "size", f"{facts.size} B"


def _certificate(certificate: Certificate | None) -> Iterator[tuple[str, str]]:
    if certificate is not None:
        yield "subject", certificate.subject
        yield "names", ", ".join(certificate.names)
        yield "issuer", certificate.issuer
        yield "expires", f"{certificate.not_after:%Y-%m-%d}"
        yield "sha256", certificate.sha256


def report_of(
    profile: Profile,
    steps: list[Step],
    *,
    recipient: str,
    sent: bool,
    started: datetime,
) -> Report:
    """Return how these steps ended; `sent`: the last of them, where it went well, handed the message over."""
    error = next((step.error for step in steps if step.status is Status.FAILED and step.error is not None), None)
    return Report(
        ok=error is None,
        sent=sent and error is None,
        at=started,
        seconds=round(sum(step.seconds for step in steps), 4),
        server=profile.endpoint,
        provider=profile.provider,
        recipient=recipient,
        steps=tuple(StepRecord.of(step) for step in steps),
        failure=failure_of(error) if error else None,
        pinned=profile.pinned_sha256,
    )


def _keep(profile: Profile, report: Report, user: Starter) -> None:
    profile.test_state = TestState.WORKING if report.ok else TestState.FAILING
    profile.tested_at, profile.tested_by_id, profile.test_report = report.at, user.pk, report.as_json()
    # Not for settings that were edited, or deleted, while the test ran: it says nothing about what they are now.
    Profile.objects.filter(pk=profile.pk, updated_at=profile.updated_at).update(
        test_state=profile.test_state,
        tested_at=profile.tested_at,
        tested_by=profile.tested_by_id,
        test_report=profile.test_report,
    )
