"""What a check of a sender takes and gives back: frozen values, with texts in both languages."""

from dataclasses import dataclass
from enum import StrEnum

from smtpadmin.providers import Provider, Text
from smtpadmin.sender_checks.spf import parts


class Check(StrEnum):
    """What was looked at."""

    FROM = "from"
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"


class Severity(StrEnum):
    """What a finding means for mail, the worst last."""

    GOOD = "good"
    NOTE = "note"
    UNKNOWN = "unknown"  #: it could not be found out
    WARNING = "warning"  #: some mail may end as spam or be refused
    PROBLEM = "problem"  #: mail will be refused, or anybody can use the name


class State(StrEnum):
    """Whether SPF or DKIM will pass for mail of this sender."""

    PASS = "pass"  # noqa: S105 - the word of RFC 8601
    FAIL = "fail"
    UNKNOWN = "unknown"
    #: Receivers look at another domain: the provider's own.
    NOT_USED = "not_used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The facts of a profile that say how mail of an address leaves."""

    #: The From address, without a display name.
    address: str
    username: str = ""
    provider: Provider | None = None
    #: The envelope's sender, where it is not the From.
    envelope: str = ""
    #: The server, for one that is not of a known provider.
    host: str = ""
    #: DKIM selectors that the operator knows; empty: the provider's usual ones.
    selectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A TXT record to publish; it takes the place of `replaces`, where there is one."""

    name: str
    text: str
    replaces: tuple[str, ...] = ()

    @property
    def zone_line(self) -> str:
        """The record as it stands in a zone file, in strings of at most 255 bytes."""
        strings = " ".join(f'"{part}"' for part in parts(self.text.replace("\\", "\\\\").replace('"', '\\"')))
        return f"{self.name}. IN TXT {strings}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found out. `code` stays the same in every language and version."""

    check: Check
    code: str
    severity: Severity
    text: Text
    #: The name in DNS that it is about.
    name: str = ""
    #: The records as they are published.
    seen: tuple[str, ...] = ()
    #: What to publish.
    record: Record | None = None
