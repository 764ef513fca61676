"""DMARC for one sender: the policy of the From domain, and whether mail of this provider will pass it."""

from collections.abc import Iterator

from smtpadmin.sender_checks.context import Context
from smtpadmin.sender_checks.dmarc import At, Discovery, Policy, discover, organization_of
from smtpadmin.sender_checks.texts import BOTH, DKIM
from smtpadmin.sender_checks.values import Check, Finding, Record, Severity, State

#: What to begin with: nothing is turned away, and who wants reports adds rua=.
FIRST_RECORD = "v=DMARC1; p=none"

_POLICIES = {
    Policy.NONE: ("dmarc_none", Severity.NOTE),
    Policy.QUARANTINE: ("dmarc_quarantine", Severity.GOOD),
    Policy.REJECT: ("dmarc_reject", Severity.GOOD),
}
_MOST_SHOWN = 5


def check_dmarc(context: Context, *, spf: State, dkim: State) -> Iterator[Finding]:
    """Yield what there is to say about DMARC, given what SPF and DKIM will do."""
    found = discover(context.domain, resolver=context.resolver)
    if found.unknown:
        yield context.finding(Check.DMARC, "dmarc_not_asked", Severity.UNKNOWN, name=found.own.name)
        return
    yield from _record(context, found)
    if found.policy is not None:
        yield _alignment(context, found, found.policy, spf=spf, dkim=dkim)


def _record(context: Context, found: Discovery) -> Iterator[Finding]:
    own = found.own
    if len(own.records) > 1:
        yield _finding(context, own, "dmarc_multiple", Severity.PROBLEM, number=len(own.records))
    elif own.nearly and not own.records:
        yield _finding(context, own, "dmarc_nearly", Severity.PROBLEM, record=_first(own, replaces=own.nearly))
    elif found.source is None:
        yield _finding(context, own, "dmarc_missing", Severity.WARNING, record=_first(own))
    source, record, policy = found.source, found.record, found.policy
    if source is None or record is None or policy is None:
        return
    for part in record.errors[:_MOST_SHOWN]:
        yield _finding(context, source, "dmarc_syntax", Severity.PROBLEM, part=part, source=source.domain)
    code, severity = _POLICIES[policy]
    yield _finding(context, source, code, severity)


def _alignment(context: Context, found: Discovery, policy: Policy, *, spf: State, dkim: State) -> Finding:
    counts = _spf_counts(context, found)
    if dkim is State.PASS or (spf is State.PASS and counts):
        both = spf is State.PASS and counts
        if dkim is State.PASS:
            return context.finding(Check.DMARC, "aligned", Severity.GOOD, way=BOTH if both else DKIM)
        return context.finding(Check.DMARC, "aligned_by_spf", Severity.NOTE)
    spf_fails = spf in {State.FAIL, State.NOT_USED} or not counts
    if not spf_fails or dkim is not State.FAIL:
        return context.finding(Check.DMARC, "alignment_unknown", Severity.UNKNOWN)
    severity = Severity.WARNING if policy is Policy.NONE else Severity.PROBLEM
    code = "not_aligned" if counts or not _is_strict(found) else "not_aligned_strict"
    return context.finding(Check.DMARC, code, severity, policy=policy, envelope=context.envelope)


def _spf_counts(context: Context, found: Discovery) -> bool:
    """Whether the envelope's domain stands for the From's: the same, or where that is enough, of the same owner."""
    if context.envelope == context.domain:
        return True
    if _is_strict(found):
        return False
    return organization_of(context.envelope, resolver=context.resolver) == found.organization


def _is_strict(found: Discovery) -> bool:
    return found.record is not None and found.record.strict_spf


def _first(own: At, *, replaces: tuple[str, ...] = ()) -> Record:
    return Record(name=own.name, text=FIRST_RECORD, replaces=replaces)


def _finding(
    context: Context, at: At, code: str, severity: Severity, *, record: Record | None = None, **values: str | int
) -> Finding:
    seen = at.records or at.nearly
    return context.finding(Check.DMARC, code, severity, name=at.name, seen=seen, record=record, **values)
