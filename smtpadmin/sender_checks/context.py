"""What every check of one sender shares: the sender taken apart, the resolver, and how findings are made."""

from dataclasses import dataclass

from smtpadmin.providers import Category, Text
from smtpadmin.resolver import Resolver, ascii_domain
from smtpadmin.sender_checks.texts import YOUR_SERVER, say
from smtpadmin.sender_checks.values import Check, Finding, Record, Sender, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One sender under check. `domain` is the From's, `envelope` that of the envelope's sender."""

    sender: Sender
    resolver: Resolver
    domain: str
    envelope: str

    @property
    def provider_name(self) -> Text:
        return self.sender.provider.name if self.sender.provider else YOUR_SERVER

    @property
    def has_own_path(self) -> bool:
        """Whether the provider puts a return path of its own on the mail, as services made for programs do."""
        return self.sender.provider is not None and self.sender.provider.category is Category.TRANSACTIONAL

    @property
    def is_own_server(self) -> bool:
        """Whether the mail leaves from a server of the operator's."""
        return self.sender.provider is None or self.sender.provider.category is Category.LOCAL

    def finding(
        self,
        check: Check,
        code: str,
        severity: Severity,
        *,
        name: str = "",
        seen: tuple[str, ...] = (),
        record: Record | None = None,
        **values: Text | str | int,
    ) -> Finding:
        """Return a finding with the text of its code filled in."""
        known: dict[str, Text | str | int] = {"provider": self.provider_name, "domain": self.domain}
        return Finding(
            check=check,
            code=code,
            severity=severity,
            text=say(code, **known | values),
            name=name,
            seen=seen,
            record=record,
        )


def context_of(sender: Sender, resolver: Resolver) -> Context:
    """Take a sender apart. Raises ValueError for an address without a domain."""
    domain = _domain_of(sender.address)
    envelope = _domain_of(sender.envelope) if sender.envelope else domain
    return Context(sender=sender, resolver=resolver, domain=domain, envelope=envelope)


def _domain_of(address: str) -> str:
    return ascii_domain(address.rpartition("@")[2] if "@" in address else "")
