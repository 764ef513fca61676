"""A test's steps and its outcome, as pages show them.

What happened is `testing`'s, what it means the provider catalogue's; here it gets words, places and links.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from smtpadmin.diagnosis import diagnose
from smtpadmin.providers import Failure, Side
from smtpadmin.smtp import Cause, Security, Stage
from smtpadmin.smtp import stages as protocol_stages
from smtpadmin.testing import FACT_LABELS, STAGE_LABELS, Report, StepRecord
from smtpadmin.wording.certificates import Presented, presented
from smtpadmin.wording.health import PROTOCOL_NAMES

# Bars are drawn in thousandths of the test's whole time.
FULL = 1000

_STATUS_LABELS: dict[str, str | Promise] = {
    "ok": gettext_lazy("Done"),
    "warning": gettext_lazy("Done, with a warning"),
    "failed": gettext_lazy("Failed"),
    "pending": gettext_lazy("Waiting"),
    "unreached": gettext_lazy("Not reached"),
    "skipped": gettext_lazy("Left out: nothing was to be sent"),
}
SIDE_LABELS: dict[Side, str | Promise] = {
    Side.YOU: gettext_lazy("You can mend this here or in your account"),
    Side.PROVIDER: gettext_lazy("Only the provider can mend this"),
    Side.RECIPIENT: gettext_lazy("The recipient’s side refuses it"),
    Side.NETWORK: gettext_lazy("Something in the network is in the way"),
}
_FIELDS_BY_CAUSE = {
    Cause.NAME_NOT_FOUND: "host",
    Cause.TLS_ON_PLAIN_PORT: "security",
    Cause.PLAIN_ON_TLS_PORT: "security",
    Cause.TLS_SELF_SIGNED: "pinned_sha256",
    Cause.TLS_UNKNOWN_CA: "ca_pem",
    Cause.TLS_PIN_MISMATCH: "pinned_sha256",
    Cause.STARTTLS_MISSING: "security",
    Cause.STARTTLS_REFUSED: "security",
    Cause.AUTH_NOT_OFFERED: "security",
    Cause.AUTH_NEEDS_TLS: "security",
    Cause.AUTH_MECHANISM: "sign_in",
    Cause.TOO_LARGE: "max_message_bytes",
}
_FIELDS_BY_STAGE = {
    Stage.DNS: "host",
    Stage.TCP: "port",
    Stage.TLS: "host",
    Stage.EHLO: "port",
    Stage.AUTH: "secret",
    Stage.MAIL: "address",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is known of a step, under one label."""

    key: str
    label: str | Promise
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stage: `start` and `width` place its bar."""

    stage: str
    label: str | Promise
    status: str
    status_label: str | Promise
    seconds: float = 0
    time: str = ""
    summary: str = ""
    reply: str = ""
    facts: tuple[Fact, ...] = ()
    said: tuple[str, ...] = ()
    start: int = 0
    width: int = 0

    @property
    def is_over(self) -> bool:
        return self.status in {"ok", "warning", "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a test ended, in the reader's language."""

    ok: bool
    sent: bool
    title: str
    lead: str
    stage: str = ""
    steps: tuple[str, ...] = ()
    side: str = ""
    side_label: str | Promise = ""
    link: str = ""
    said: str = ""
    field: str = ""
    certificate: Presented | None = None
    recipient: str = ""
    text: str = ""


def pending_rows(security: str, *, status: str = "pending") -> list[Row]:
    """Return the stages of a test that has not begun."""
    return [_empty(stage, status) for stage in protocol_stages(Security(security))]


def rows(report: Report, *, security: str) -> list[Row]:
    """Return all stages of a finished test, with those it did not come to."""
    done = {step.stage: step for step in report.steps}
    rest = "skipped" if report.ok else "unreached"
    # The profile may have another kind of encryption by now: a test that went well has at most its message left out.
    known = [Stage.DATA] if report.ok else protocol_stages(Security(security))
    order = [*done, *(stage.value for stage in known if stage not in done)]
    total = report.seconds or 1
    result, start = [], 0.0
    for stage in order:
        step = done.get(stage)
        if step is None:
            result.append(_empty(stage, rest))
            continue
        result.append(row(step, start=start / total, share=step.seconds / total))
        start += step.seconds
    return result


def row(step: StepRecord, *, start: float = 0, share: float = 0) -> Row:
    """Return one finished stage; `start` and `share` are parts of the whole time."""
    facts = tuple(_facts(step.facts))
    return Row(
        stage=step.stage,
        label=STAGE_LABELS[step.stage],
        status=step.status,
        status_label=_STATUS_LABELS[step.status],
        seconds=step.seconds,
        time=duration(step.seconds),
        summary=_summary(step, facts),
        reply=step.reply,
        facts=facts,
        said=step.said,
        start=round(start * FULL),
        # A bar that cannot be seen would look like a stage that took no part.
        width=max(round(share * FULL), 6),
    )


def _empty(stage: str, status: str) -> Row:
    return Row(stage=stage, label=STAGE_LABELS[stage], status=status, status_label=_STATUS_LABELS[status])


def duration(seconds: float) -> str:
    """Return a time as people read it beside a bar."""
    if seconds < 0.0005:
        return _("under 1 ms")
    if seconds < 0.9995:
        return _("%(count)d ms") % {"count": round(seconds * 1000)}
    return _("%(count)s s") % {"count": f"{seconds:.1f}"}


def _facts(pairs: Iterable[tuple[str, str]]) -> Iterable[Fact]:
    grouped: dict[str, list[str]] = {}
    for key, value in pairs:
        grouped.setdefault(key, []).append(_value(key, value))
    for key, values in grouped.items():
        yield Fact(key=key, label=FACT_LABELS.get(key, key), values=tuple(values))


def _value(key: str, value: str) -> str:
    if key == "verified":
        return _("yes") if value == "yes" else _("NO")
    amount, _space, unit = value.partition(" ")
    if key in {"max_size", "size"} and unit == "B" and amount.isdecimal():
        return filesizeformat(amount)
    return value


def _summary(step: StepRecord, facts: tuple[Fact, ...]) -> str:
    """Return the line that stands in sight: the facts that matter most, or what the server answered."""
    if step.status == "failed" or step.stage in {Stage.MAIL, Stage.RCPT, Stage.DATA}:
        return step.reply or _found_out(step)
    known = {fact.key: fact.values for fact in facts}
    match step.stage:
        case Stage.TLS:
            expires = _("valid until %(date)s") % {"date": known.get("expires", ("–",))[0]}
            return " · ".join((*known.get("version", ()), *known.get("subject", ()), expires))
        case Stage.EHLO:
            return _("The server offers %(extensions)s") % {"extensions": ", ".join(_keywords(known.get("offers", ())))}
        case Stage.AUTH:
            method = known.get("used", ("-",))[0]
            return _("No sign-in was wanted") if method == "-" else _("Signed in with %(method)s") % {"method": method}
        case _:
            return ", ".join(known.get("address", ()))


def _found_out(step: StepRecord) -> str:
    """Return what we found out ourselves, where the server said nothing to it."""
    if not step.cause:
        # A report of an older version.
        return _("No answer")
    found = diagnose(Failure(stage=step.stage, cause=step.cause), provider_key="")
    return found.title.get(get_language() or "en")


def _keywords(offers: tuple[str, ...]) -> list[str]:
    return [offer.partition(" ")[0] for offer in offers]


def outcome(report: Report, *, language: str) -> Outcome:
    """Return the verdict. Call it with `language` active."""
    text = report.as_text(language)
    if report.ok:
        if report.sent:
            title = _("It works: the server accepted the message for %(recipient)s.") % {"recipient": report.recipient}
            lead = _("Look in the inbox, and in the spam folder if it is not there within a minute.")
        else:
            title = _("It works: the server would take a message for %(recipient)s.") % {"recipient": report.recipient}
            lead = _("Signed in, sender and recipient accepted. Nothing was sent, as you asked.")
        return Outcome(ok=True, sent=report.sent, title=title, lead=lead, recipient=report.recipient, text=text)
    return _failure(report, language=language, text=text)


def _failure(report: Report, *, language: str, text: str) -> Outcome:
    failure, diagnosis = report.failure, report.diagnosis
    assert failure is not None  # noqa: S101  a report that is not ok has a failure
    assert diagnosis is not None  # noqa: S101
    said = f"{failure.code} {failure.text}" if failure.code else failure.text
    return Outcome(
        ok=False,
        sent=False,
        title=diagnosis.title.get(language),
        lead=diagnosis.cause.get(language),
        stage=PROTOCOL_NAMES.get(failure.stage, failure.stage),
        steps=tuple(step.get(language) for step in diagnosis.steps),
        side=diagnosis.side,
        side_label=SIDE_LABELS[diagnosis.side],
        link=diagnosis.link,
        said=said,
        field=field_at_fault(stage=failure.stage, cause=failure.cause),
        certificate=presented(report),
        recipient=report.recipient,
        text=text,
    )


def field_at_fault(*, stage: str, cause: str) -> str:
    """Return the field to look at first, or an empty string when none is to blame."""
    return _FIELDS_BY_CAUSE.get(cause) or _FIELDS_BY_STAGE.get(stage, "")  # type: ignore[call-overload,no-any-return]
