"""A test's steps and its verdict on a terminal, and the same as JSON for programs.

What happened is `testing`'s, what it means the provider catalogue's, and the words are those of the pages.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from smtpadmin import __version__
from smtpadmin.management.terminal import INDENT, TerminalCommand, columns, left, right
from smtpadmin.models import Profile
from smtpadmin.smtp import Stage, Step
from smtpadmin.testing import STAGE_LABELS, Report, StepRecord
from smtpadmin.wording import results

#: Raised when a key of the JSON output goes or changes its meaning.
JSON_VERSION = 1

#: “under 1 ms” in Chinese.
_TIME_WIDTH = 11


def show(command: TerminalCommand, events: Iterator[Step | Report], *, said: bool = False) -> Report:
    """Write a line for each step as it happens, then the verdict; `said`: and every word on the wire."""
    for event in _events(events):
        if isinstance(event, Report):
            _verdict(command, event)
            return event
        _step(command, StepRecord.of(event), said=said)
    raise AssertionError("A report comes last.")


def report_of(events: Iterator[Step | Report]) -> Report:
    """Wait for the report and write nothing."""
    return next(event for event in _events(events) if isinstance(event, Report))


def as_json(report: Report, profile: Profile, *, command: str) -> dict[str, Any]:
    """Return a report for programs; docs/command-line.md describes each key. Texts are in the active language."""
    language = _language()
    failure, diagnosis = report.failure, report.diagnosis
    return {
        "version": JSON_VERSION,
        "command": command,
        "smtpadmin": __version__,
        "language": language,
        "profile": profile.slug or None,
        "server": {"host": profile.host, "port": profile.port, "security": str(profile.security)},
        "provider": report.provider or None,
        "started_at": report.at.isoformat(),
        "seconds": report.seconds,
        "ok": report.ok,
        "sent": report.sent,
        "recipient": report.recipient or None,
        "steps": [_json_step(step) for step in report.steps],
        "failure": failure
        and {
            "stage": str(failure.stage),
            "cause": str(failure.cause),
            "code": failure.code,
            "enhanced": failure.enhanced or None,
            "text": failure.text,
        },
        "diagnosis": diagnosis
        and {
            "title": diagnosis.title.get(language),
            "cause": diagnosis.cause.get(language),
            "steps": [step.get(language) for step in diagnosis.steps],
            "side": diagnosis.side.value,
            "matched": diagnosis.matched.value,
            "link": diagnosis.link or None,
        },
    }


def _json_step(step: StepRecord) -> dict[str, Any]:
    facts: dict[str, list[str]] = {}
    for key, value in step.facts:
        facts.setdefault(key, []).append(value)
    return {
        "stage": step.stage,
        "status": step.status,
        "seconds": step.seconds,
        "reply": step.reply or None,
        "facts": facts,
        "said": list(step.said),
    }


def _events(events: Iterator[Step | Report]) -> Iterator[Step | Report]:
    """Yield the events, and end the test when its reader is interrupted."""
    with closing(events) as running:  # type: ignore[type-var]
        yield from running


def _step(command: TerminalCommand, record: StepRecord, *, said: bool) -> None:
    row = results.row(record)
    label = left(str(row.label), max(columns(str(each)) for each in STAGE_LABELS.values()))
    command.line(f"{label}  {right(row.time, _TIME_WIDTH)}  {row.summary}", mark=record.status)
    texts = [*_warnings(record, row), *(record.said if said else ())]
    for text in texts:
        command.line(INDENT + text)


def _warnings(record: StepRecord, row: results.Row) -> Iterator[str]:
    """Yield what a step that went on warns of."""
    if record.status != "warning":
        return
    for fact in row.facts:
        if fact.key in {"unreachable", "verified"}:
            yield f"{fact.label}: {', '.join(fact.values)}"
    if record.stage == Stage.AUTH:
        yield _("The password is sent unencrypted: anyone between you and the server can read it.")


def _verdict(command: TerminalCommand, report: Report) -> None:
    command.line()
    if report.ok and not report.recipient:
        command.line(_let_in(report), mark="ok")
        command.line(INDENT + _("Nothing was sent. With a recipient, sender and recipient are asked about too."))
        return
    outcome = results.outcome(report, language=_language())
    command.line(outcome.title, mark="ok" if outcome.ok else "failed")
    if outcome.stage:
        command.line(INDENT + _("Stopped at %(stage)s") % {"stage": outcome.stage})
    command.line(INDENT + outcome.lead)
    if outcome.ok:
        return
    command.line(INDENT + str(outcome.side_label))
    if outcome.steps:
        command.line()
        command.line(_("What to do"))
        for number, text in enumerate(outcome.steps, start=1):
            command.line(f"  {number}. {text}")
    command.line()
    command.line(f"{_('In the original:')} {outcome.said}")
    if outcome.link:
        command.line(_("More about it at the provider") + pgettext("after a label", ": ") + outcome.link)


def _let_in(report: Report) -> str:
    used = [value for step in report.steps for key, value in step.facts if key == "used"]
    if used == ["-"]:
        return _("It works: %(server)s answers, and no sign-in is wanted.") % {"server": report.server}
    return _("It works: %(server)s accepts the sign-in.") % {"server": report.server}


def _language() -> str:
    return translation.get_language() or "en"
