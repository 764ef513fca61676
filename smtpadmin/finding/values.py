"""What the search for settings gives back: frozen values, with a sentence in both languages where a person reads."""

from dataclasses import dataclass
from enum import StrEnum

from smtpadmin.finding.ports import Tried
from smtpadmin.providers import Text
from smtpadmin.smtp import Security


class Source(StrEnum):
    """Where settings were found, in the order in which is looked."""

    CATALOGUE = "catalogue"  #: the address has a domain of a known provider
    MX = "mx"  #: the domain's mail arrives at a known provider
    SRV = "srv"  #: the domain names its submission servers in DNS (RFC 6186, RFC 8314)
    AUTOCONFIG = "autoconfig"  #: the domain publishes a file for mail programs
    PROBE = "probe"  #: a server of a likely name answers


class Sureness(StrEnum):
    """How far settings can be relied on, before anybody has signed in."""

    CERTAIN = "certain"  #: the provider or the domain's owner says so
    LIKELY = "likely"
    POSSIBLE = "possible"  #: look at them before you use them


class Outcome(StrEnum):
    """How one step ended."""

    FOUND = "found"
    NOTHING = "nothing"
    NOT_ASKED = "not_asked"  #: DNS or the server did not answer, so nothing is known
    SKIPPED = "skipped"  #: switched off, or not needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the profile form needs besides the secret.

    A host may hold one `{placeholder}` to be filled in, and an empty user name has to be typed: both come from the
    provider's record only.
    """

    host: str
    port: int
    security: Security
    username: str
    #: Its key in the catalogue; empty for a server that the catalogue does not know.
    provider: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Settings, where they are from, and how sure they are."""

    source: Source
    sureness: Sureness
    settings: Settings
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the search that is over; its findings are the best first."""

    source: Source
    outcome: Outcome
    text: Text
    findings: tuple[Finding, ...] = ()
    #: Every port that was tried, where the step tried any.
    tried: tuple[Tried, ...] = ()
    seconds: float = 0.0
