"""What a mail address may look like, and its domain in ASCII.

Stricter than RFC 5321 on purpose: the quoted local parts that the RFC allows have been used to add parameters to
RCPT TO and to name a second recipient, and nobody's notification goes to one. Display names are the caller's.
"""

import re
from ipaddress import IPv6Address, ip_address

from smtpadmin.smtp.errors import Cause, ContentError, Stage

# RFC 5321 4.5.3.1: 64 octets of local part; a path of 256 with its brackets leaves 254 for the address.
MAX_LOCAL = 64
MAX_ADDRESS = 254
MAX_DOMAIN = 253
_MAX_LABEL = 63

# RFC 5322 3.2.3 atext, and beyond ASCII what RFC 6531 3.3 adds, less what cannot be seen (checked by isprintable).
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+")

# A quoted string without what has a meaning in a path, a list or a header: space, <>, @, comma, semicolon, backslash,
# parentheses, colon, controls. It exists for local parts with two dots in a row, which some Japanese carriers gave out.
_QUOTED = re.compile(r'"[A-Za-z0-9!#$%&\'*+/=?^_`{|}~.\-]+"')

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_\-]*[A-Za-z0-9])?")

# Most addresses, at a glance: a worker looks at one for each recipient of each message. What does not match is looked
# at part by part, and what does would pass there. The whole has to have at most MAX_ADDRESS characters besides.
_USUAL = re.compile(r"[A-Za-z0-9_+\-]{1,32}(?:\.[A-Za-z0-9_+\-]{1,30})?@(?:[A-Za-z0-9]{1,63}\.)+[A-Za-z]{2,63}")

# IDNA 2003, the standard library's, maps these to other letters; IDNA 2008 keeps them. The two lead to different
# domains, so a caller that means them converts the domain itself.
_DEVIATIONS = frozenset("ßς\u200c\u200d")


def check_address(address: str, *, stage: Stage = Stage.RCPT) -> None:
    """Raise `ContentError` unless `address` is a mail address that may go into an envelope."""
    if len(address) <= MAX_ADDRESS and _USUAL.fullmatch(address):
        return
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise _bad("A mail address has the form name@example.com.", stage=stage)
    _check_local(local, stage=stage)
    ascii_form = ascii_domain(domain, stage=stage)
    if len(local.encode()) + 1 + len(ascii_form) > MAX_ADDRESS:
        raise _bad(f"A mail address has at most {MAX_ADDRESS} characters.", stage=stage)


def wire_address(address: str, *, stage: Stage = Stage.RCPT) -> str:
    """Return `address` as it goes into MAIL FROM or RCPT TO: checked, its domain in ASCII.

    It holds other characters only where the local part does; then the server must know SMTPUTF8.
    """
    check_address(address, stage=stage)
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    return f"{local}@{ascii_domain(domain, stage=stage)}"


def ascii_domain(domain: str, *, stage: Stage = Stage.RCPT) -> str:
    """Return `domain` with its labels in ASCII (A-labels); an address literal stays as it is."""
    if domain.startswith("["):
        _check_literal(domain, stage=stage)
        return domain
    ascii_form = domain if domain.isascii() else _encode(domain, stage=stage)
    if not is_domain(ascii_form):
        raise _bad("The part after the @ is not a domain name.", stage=stage)
    return ascii_form


def is_domain(name: str) -> bool:
    """Say whether `name` is a domain name in ASCII: labels of letters, digits and hyphens, one dot between them."""
    labels = name.split(".")
    return len(name) <= MAX_DOMAIN and all(len(label) <= _MAX_LABEL and _LABEL.fullmatch(label) for label in labels)


def _check_local(local: str, *, stage: Stage) -> None:
    if len(local.encode("utf-8", "replace")) > MAX_LOCAL:
        raise _bad(f"The part before the @ has at most {MAX_LOCAL} characters.", stage=stage)
    if _QUOTED.fullmatch(local):
        return
    if not local.isprintable() or not all(_ATOM.fullmatch(atom) for atom in local.split(".")):
        raise _bad("The part before the @ holds a character that is not allowed there.", stage=stage)


def _check_literal(domain: str, *, stage: Stage) -> None:
    inner = domain[1:-1]
    is_v6 = inner[:5].lower() == "ipv6:"
    try:
        address = ip_address(inner[5:] if is_v6 else inner)
    except ValueError:
        address = None
    if not domain.endswith("]") or address is None or isinstance(address, IPv6Address) != is_v6 or "%" in inner:
        raise _bad("The part after the @ is not an address literal.", stage=stage)


def _encode(domain: str, *, stage: Stage) -> str:
    # The length comes first: the codec takes time quadratic in it (CVE-2022-45061).
    if len(domain) > MAX_DOMAIN or not _DEVIATIONS.isdisjoint(domain):
        raise _bad("This international domain name has to be given in its ASCII form (xn--).", stage=stage)
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise _bad("The part after the @ is not an international domain name.", stage=stage) from None


def _bad(text: str, *, stage: Stage) -> ContentError:
    return ContentError(text, stage=stage, cause=Cause.BAD_ADDRESS)
