"""SPF records as text (RFC 7208): read, explained by their terms, and extended. Pure.

What a record's terms lead to in DNS is `spf_tree.py`'s, and what that means for a sender `spf_check.py`'s.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

VERSION: Final = "v=spf1"
#: RFC 7208 4.6.4: more look-ups, or more of them without an answer, are a permanent error.
MOST_LOOKUPS: Final = 10
MOST_VOIDS: Final = 2
#: RFC 7208 4.6.4: more mail hosts than these are a permanent error too.
MOST_MAIL_HOSTS: Final = 10

_MECHANISMS: Final = frozenset({"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"})
_TERM: Final = re.compile(r"(?P<qualifier>[+?~-]?)(?P<name>[a-z][a-z0-9]*)(?P<rest>[:/].*)?", re.IGNORECASE)
_MODIFIER: Final = re.compile(r"(?P<name>[a-z][a-z0-9_.-]*)=(?P<value>.*)", re.IGNORECASE)
# RFC 7208 7.1: what may follow a percent sign.
_MACRO: Final = re.compile(r"%(\{[slodiphcrtv][0-9]*r?[.+,/_=-]*\}|%|_|-)", re.IGNORECASE)
# RFC 7208 7.1 domain-end: a dot and a last label that is not all digits. The RFC lets other characters through, but no
# host or record has such a name: they are slips, of an address or a URL.
_HOST: Final = re.compile(r"([a-z0-9_-]{1,63}\.)+[0-9-]*[a-z_][a-z0-9_-]*\.?", re.IGNORECASE)
_PREFIX: Final = re.compile(r"(?P<domain>[^/]*)(?:/(?P<v4>0|[1-9]\d?))?(?://(?P<v6>0|[1-9]\d{0,2}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One mechanism. `domain` is empty where the record's own is meant; `network` is set for ip4 and ip6."""

    text: str
    qualifier: str
    mechanism: str
    domain: str = ""
    network: Network | None = None
    v4: int = 32
    v6: int = 128

    @property
    def passes(self) -> bool:
        """Whether a match means that the sender may send."""
        return self.qualifier == "+"

    @property
    def has_macros(self) -> bool:
        """Whether the domain depends on the message, so that it cannot be looked up beforehand."""
        return "%" in self.domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Spf:
    """A record taken apart. With `errors` it is void: receivers treat it as a permanent error."""

    text: str
    terms: tuple[Term, ...]
    redirect: str = ""
    #: Terms that cannot be read.
    errors: tuple[str, ...] = ()
    #: What stands after "all" and is never looked at.
    unreached: tuple[str, ...] = ()
    #: Mechanisms written with "=", which makes them modifiers that mean nothing.
    ignored: tuple[str, ...] = ()

    @property
    def end(self) -> Term | None:
        """The `all` that decides about everybody else."""
        return next((term for term in self.terms if term.mechanism == "all"), None)


def is_spf(text: str) -> bool:
    """Say whether this TXT record is an SPF record (RFC 7208 4.5)."""
    return text.lower() == VERSION or text.lower().startswith(f"{VERSION} ")


def is_nearly_spf(text: str) -> bool:
    """Say whether somebody meant this for an SPF record, and no receiver takes it for one."""
    start = text.strip(" \"'“”").lower()
    return not is_spf(text) and (start.startswith(("v=spf", "v:spf", "v = spf", "spf1 ", "spf=", "spf2.0")))


def parse(text: str) -> Spf:
    """Take a record apart; what cannot be read is in `errors`."""
    terms: list[Term] = []
    errors: list[str] = []
    unreached: list[str] = []
    ignored: list[str] = []
    modifiers: dict[str, str] = {}
    has_end = False
    for word in text.split(" ")[1:]:
        if not word:
            continue
        modifier = _MODIFIER.fullmatch(word)
        if modifier is not None:
            name = modifier["name"].lower()
            if name in _MECHANISMS:
                ignored.append(word)
            elif name in {"redirect", "exp"} and (name in modifiers or not _is_domain(modifier["value"])):
                errors.append(word)
            modifiers[name] = modifier["value"]
            continue
        term = _term(word)
        if term is None:
            errors.append(word)
        elif has_end:
            unreached.append(word)
        else:
            terms.append(term)
            has_end = term.mechanism == "all"
    return Spf(
        text=text,
        terms=tuple(terms),
        # RFC 7208 6.1: with "all" there is nobody left to be redirected.
        redirect="" if has_end else modifiers.get("redirect", ""),
        errors=tuple(errors),
        unreached=tuple(unreached),
        ignored=tuple(ignored),
    )


def with_term(record: str, term: str) -> str:
    """Return the record with a term more, in front of what decides about everybody else."""
    words = record.split()
    ends = [at for at, word in enumerate(words) if at and _is_end(word)]
    words.insert(ends[0] if ends else len(words), term)
    return " ".join(words)


def with_end(record: str, end: str) -> str:
    """Return the record with another `all`, and nothing after it."""
    words = []
    for word in record.split():
        if word.lstrip("+?~-").lower() == "all":
            break
        words.append(word)
    return " ".join([*words, end])


def merged(records: Sequence[str]) -> str:
    """Return one record in place of several: all their terms, and the strictest end that one of them has."""
    words = [word for record in records for word in record.split()[1:]]
    kept = list(dict.fromkeys(word for word in words if word.lstrip("+?~-").lower() != "all"))
    ends = {word.lower() for word in words} & {"-all", "~all"}
    redirects = [word for word in kept if word.lower().startswith("redirect=")]
    others = [word for word in kept if word not in redirects]
    # A redirect counts only where nothing else decides; one that gave way would be lost unseen, so it is included.
    others += [f"include:{word.partition('=')[2]}" for word in redirects]
    return " ".join([VERSION, *others, "-all" if "-all" in ends else "~all"])


def parts(record: str) -> Iterator[str]:
    """Yield the record in the strings of at most 255 bytes that a TXT record is made of (RFC 7208 3.3)."""
    for start in range(0, len(record), 255):
        yield record[start : start + 255]


def _is_end(word: str) -> bool:
    return word.lstrip("+?~-").lower() == "all" or word.lower().startswith("redirect=")


def _term(word: str) -> Term | None:
    found = _TERM.fullmatch(word)
    if found is None:
        return None
    name, rest = found["name"].lower(), found["rest"] or ""
    term = Term(text=word, qualifier=found["qualifier"] or "+", mechanism=name)
    match name:
        case "all":
            return None if rest else term
        case "ip4" | "ip6":
            return _with_network(term, rest)
        case "include" | "exists":
            domain = rest.removeprefix(":")
            return _with_domain(term, domain) if rest.startswith(":") and _is_domain(domain) else None
        case "ptr":
            domain = rest.removeprefix(":")
            return _with_domain(term, domain) if not rest or (rest[0] == ":" and _is_domain(domain)) else None
        case "a" | "mx":
            return _with_prefix(term, rest)
        case _:
            return None


def _with_network(term: Term, rest: str) -> Term | None:
    text = rest.removeprefix(":")
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    right = IPv4Network if term.mechanism == "ip4" else IPv6Network
    # `ip_network` takes a netmask too, and SPF does not.
    if not rest.startswith(":") or not isinstance(network, right) or not re.fullmatch(r"[^/]+(/\d{1,3})?", text):
        return None
    return Term(text=term.text, qualifier=term.qualifier, mechanism=term.mechanism, network=network)


def _with_domain(term: Term, domain: str) -> Term:
    return Term(text=term.text, qualifier=term.qualifier, mechanism=term.mechanism, domain=_plain(domain))


def _with_prefix(term: Term, rest: str) -> Term | None:
    found = _PREFIX.fullmatch(rest.removeprefix(":"))
    if found is None or (rest.startswith(":") and not _is_domain(found["domain"])):
        return None
    v4, v6 = int(found["v4"] or 32), int(found["v6"] or 128)
    if v4 > 32 or v6 > 128 or (not rest.startswith(":") and found["domain"]):
        return None
    domain = _plain(found["domain"])
    return Term(text=term.text, qualifier=term.qualifier, mechanism=term.mechanism, domain=domain, v4=v4, v6=v6)


def _plain(domain: str) -> str:
    return domain.removesuffix(".").lower()


def _is_domain(text: str) -> bool:
    """Say whether this may stand where a domain does, macros included."""
    without = _MACRO.sub("", text)
    if "%" in without or not text or not text.isascii() or not text.isprintable() or " " in text:
        return False
    return without != text or _HOST.fullmatch(text) is not None
