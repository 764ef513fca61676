"""One sender through all checks: the provider's rule for From, then SPF, DKIM and DMARC of its domain."""

from collections.abc import Iterator

from smtpadmin.providers import Provider, check_from, load
from smtpadmin.providers.model import FromRule
from smtpadmin.resolver import Resolver
from smtpadmin.sender_checks.context import Context, context_of
from smtpadmin.sender_checks.dkim_check import check_dkim
from smtpadmin.sender_checks.dmarc import Policy, discover
from smtpadmin.sender_checks.dmarc_check import check_dmarc
from smtpadmin.sender_checks.spf_check import check_spf
from smtpadmin.sender_checks.values import Check, Finding, Sender, Severity


def check_sender(sender: Sender, *, resolver: Resolver) -> Iterator[Finding]:
    """Yield what is found out about `sender`, check by check. Raises ValueError for an address without a domain.

    Asks DNS and nobody else; a domain of a mailbox provider is not asked about where its own mail leaves through it.
    """
    return _findings(context_of(sender, resolver))


def _findings(context: Context) -> Iterator[Finding]:
    yield from _from_rule(context)
    # The shipped records: a domain in the operator's own is theirs to publish records for.
    owner = load().detect(context.domain) or load().detect(context.sender.address)
    if owner is not None:
        yield _of_provider(context, owner)
        return
    findings, spf = check_spf(context)
    yield from findings
    if any(finding.code == "domain_missing" for finding in findings):
        return
    findings, dkim = check_dkim(context)
    yield from findings
    yield from check_dmarc(context, spf=spf, dkim=dkim)


def _from_rule(context: Context) -> Iterator[Finding]:
    sender = context.sender
    if sender.provider is None:
        return
    problem = check_from(sender.provider, username=sender.username, address=sender.address)
    if problem is not None:
        severity = Severity.PROBLEM if problem.certain else Severity.WARNING
        code = "from_refused" if problem.certain else "from_doubtful"
        yield Finding(check=Check.FROM, code=code, severity=severity, text=problem.text)
    elif sender.provider.from_rule is FromRule.ANY:
        yield context.finding(Check.FROM, "from_free", Severity.GOOD, address=sender.address)
    elif sender.provider.from_rule in {FromRule.SAME_AS_LOGIN, FromRule.LOGIN_OR_ALIAS} and sender.username:
        yield context.finding(Check.FROM, "from_ok", Severity.GOOD, address=sender.address)


def _of_provider(context: Context, owner: Provider) -> Finding:
    """Return what holds for an address in a domain that belongs to a provider, where nobody else publishes records."""
    if context.sender.provider is not None and _same_system(context.sender.provider, owner):
        return context.finding(Check.DMARC, "provider_domain", Severity.GOOD, owner=owner.name)
    policy = discover(context.domain, resolver=context.resolver).policy
    if policy in {Policy.QUARANTINE, Policy.REJECT}:
        return context.finding(
            Check.DMARC, "foreign_domain_refused", Severity.PROBLEM, owner=owner.name, policy=str(policy)
        )
    return context.finding(Check.DMARC, "foreign_domain", Severity.WARNING, owner=owner.name)


def _same_system(one: Provider, other: Provider) -> bool:
    """Whether two records are doors to the same servers, as those of QQ and Foxmail are."""
    hosts = {endpoint.host for endpoint in one.endpoints}
    return one.key == other.key or any(endpoint.host in hosts for endpoint in other.endpoints)
