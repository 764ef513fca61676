"""DKIM for one sender: is a key published where the provider, or the operator, says that there is one."""

from collections.abc import Iterator

from smtpadmin.providers import Text
from smtpadmin.resolver import Answer
from smtpadmin.sender_checks.context import Context
from smtpadmin.sender_checks.dkim import KeyState, read_key
from smtpadmin.sender_checks.texts import REASONS
from smtpadmin.sender_checks.values import Check, Finding, Severity, State

_CODES = {
    KeyState.GOOD: ("dkim_ok", Severity.GOOD),
    KeyState.SHORT: ("dkim_short", Severity.NOTE),
    KeyState.TOO_SHORT: ("dkim_too_short", Severity.PROBLEM),
    KeyState.REVOKED: ("dkim_revoked", Severity.PROBLEM),
    KeyState.MALFORMED: ("dkim_malformed", Severity.PROBLEM),
    KeyState.OTHER_TYPE: ("dkim_other_type", Severity.PROBLEM),
    KeyState.NOT_FOR_MAIL: ("dkim_not_for_mail", Severity.PROBLEM),
}
_MOST_SELECTORS = 10
_SHOWN = 300


def check_dkim(context: Context) -> tuple[list[Finding], State]:
    """Return what there is to say about DKIM, and whether a signature in the From's name can pass."""
    selectors = context.sender.selectors[:_MOST_SELECTORS]
    usual = context.sender.provider.dkim_selectors if context.sender.provider else ()
    if not selectors and not usual:
        return _without_selector(context)
    answers = {selector: context.resolver.txt(_name(context, selector)) for selector in selectors or usual}
    findings = [finding for selector, answer in answers.items() for finding in _published(context, selector, answer)]
    unknown = [selector for selector, answer in answers.items() if answer.trouble is not None]
    if any(answer.records for answer in answers.values()):
        # Of the usual ones a domain has some; of its own, all.
        missing = [selector for selector, answer in answers.items() if selectors and _is_missing(answer)]
        findings += [_missing(context, selector) for selector in missing]
        return findings, _state(answers)
    if unknown:
        findings = [_not_asked(context, selector, answers[selector]) for selector in unknown]
        return findings, State.UNKNOWN
    if selectors:
        return [_missing(context, selector) for selector in selectors], State.FAIL
    shown = ", ".join(usual)
    finding = context.finding(
        Check.DKIM, "dkim_usual_missing", Severity.WARNING, name=_name(context, usual[0]), selector=shown
    )
    # Another selector may be in use, unless there is none at all.
    return [finding], State.FAIL if _has_no_key(context) else State.UNKNOWN


def _without_selector(context: Context) -> tuple[list[Finding], State]:
    name = f"_domainkey.{context.domain}"
    if _has_no_key(context):
        return [context.finding(Check.DKIM, "dkim_none", Severity.WARNING, name=name)], State.FAIL
    return [context.finding(Check.DKIM, "dkim_no_selector", Severity.UNKNOWN, name=name)], State.UNKNOWN


def _has_no_key(context: Context) -> bool:
    """Whether nothing at all is below `_domainkey`: RFC 8020, a name that does not exist has no children."""
    return context.resolver.txt(f"_domainkey.{context.domain}").absent


def _published(context: Context, selector: str, answer: Answer[str]) -> Iterator[Finding]:
    name = _name(context, selector)
    seen = tuple(text[:_SHOWN] for text in answer.records)
    if len(answer.records) > 1:
        yield context.finding(
            Check.DKIM,
            "dkim_multiple",
            Severity.PROBLEM,
            name=name,
            seen=seen,
            selector=selector,
            number=len(answer.records),
        )
    elif answer.records:
        key = read_key(answer.records[0])
        code, severity = _CODES[key.state]
        values: dict[str, Text | str | int] = {"selector": selector, "bits": key.bits, "kind": key.kind.upper()}
        yield context.finding(Check.DKIM, code, severity, name=name, seen=seen, record=None, **values)
        if key.testing:
            yield context.finding(
                Check.DKIM, "dkim_testing", Severity.WARNING, name=name, seen=seen, record=None, **values
            )


def _state(answers: dict[str, Answer[str]]) -> State:
    """Return whether one of the published keys counts."""
    usable = any(len(answer.records) == 1 and read_key(answer.records[0]).usable for answer in answers.values())
    if usable:
        return State.PASS
    return State.UNKNOWN if any(answer.trouble for answer in answers.values()) else State.FAIL


def _missing(context: Context, selector: str) -> Finding:
    return context.finding(
        Check.DKIM, "dkim_missing", Severity.WARNING, name=_name(context, selector), selector=selector
    )


def _not_asked(context: Context, selector: str, answer: Answer[str]) -> Finding:
    reason = REASONS[answer.trouble] if answer.trouble else ""
    name = _name(context, selector)
    return context.finding(Check.DKIM, "dkim_not_asked", Severity.UNKNOWN, name=name, selector=selector, reason=reason)


def _is_missing(answer: Answer[str]) -> bool:
    return not answer.records and answer.trouble is None


def _name(context: Context, selector: str) -> str:
    return f"{selector}._domainkey.{context.domain}"
