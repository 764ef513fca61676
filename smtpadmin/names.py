"""Names as people type them: server names and senders. Parsing and normalising only; pages and models share it."""

import re
from contextlib import suppress
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from ipaddress import ip_address

import idna
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from smtpadmin.smtp import wire_address

_SENDER = re.compile(r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^<>"]*?))\s*<(?P<address>[^<>]+)>\s*')


@dataclass(frozen=True, slots=True)
class Sender:
    """A From: an address and perhaps a display name."""

    address: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address

    @property
    def header(self) -> str:
        """The sender as Django takes it in `from_email`: the name quoted, so that a comma in it splits nothing."""
        if not self.name:
            return self.address
        quoted = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{self.address}>'


def split_sender(text: str) -> Sender:
    """Take `Display Name <name@example.com>` apart, quoted and encoded names too. The address is not checked."""
    match = _SENDER.fullmatch(text)
    if match is None:
        return Sender(address=text.strip())
    quoted = match["quoted"]
    name = match["plain"].strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return Sender(address=match["address"].strip(), name=_decoded(name))


def _decoded(name: str) -> str:
    """Return a name without its RFC 2047 encoding; one that cannot be decoded is left as it was typed."""
    try:
        return str(make_header(decode_header(name)))
    except (LookupError, ValueError, HeaderParseError):
        return name


def parse_sender(text: str) -> Sender:
    """Read what a person typed as a From. Raise ValidationError that says what is wrong."""
    if any(ord(char) < ord(" ") for char in text.strip()):
        raise ValidationError(_("Line breaks and control characters are not allowed here."), code="control")
    sender = split_sender(text)
    validate_address(sender.address)
    return sender


def validate_address(address: str) -> None:
    """Accept one mailbox address without a display name."""
    if "@" not in address:
        raise ValidationError(
            _("“%(text)s” is not an e-mail address: it has no @. Example: notify@example.com."),
            code="address_at",
            params={"text": address},
        )
    try:
        ascii_address(address)
    except ValueError:
        raise ValidationError(
            _("“%(text)s” is not an e-mail address. Example: notify@example.com."),
            code="address",
            params={"text": address},
        ) from None


def ascii_address(address: str) -> str:
    """Return the address as it goes into an envelope, its domain by IDNA 2008. Raise ContentError (a ValueError)."""
    local, at, domain = address.rpartition("@")
    # The SMTP core is standard library only, and that knows IDNA 2003, which leads some names to other domains.
    if not domain.isascii():
        with suppress(idna.IDNAError):  # the core refuses it below, with the reason
            domain = idna.encode(domain, uts46=True).decode("ascii")
    return wire_address(f"{local}{at}{domain}")


def ascii_host(host: str) -> str:
    """Return the form of a server name that DNS and TLS use. Raise ValueError for what is neither name nor address."""
    bare = host.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(bare))
    except ValueError:
        pass
    # IDNA 2008 refuses underscores, which Docker service names may hold; such a name is plain ASCII anyway.
    if re.fullmatch(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?", host):
        return host.lower().removesuffix(".")
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{host!r} is not a host name.") from error


def validate_selector(selector: str) -> None:
    """Accept a DKIM selector: one label of a DNS name or several (RFC 6376 section 3.1)."""
    if "_domainkey" in selector:
        raise ValidationError(
            _("Enter only what stands before “._domainkey”."), code="selector_whole", params={"text": selector}
        )
    # Some providers give out selectors with an underscore; DNS takes them.
    if not re.fullmatch(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*", selector):
        raise ValidationError(
            _("“%(text)s” is not a selector. It has letters, digits, hyphens and dots, such as s1 or mail2024."),
            code="selector",
            params={"text": selector},
        )


def validate_host(host: str) -> None:
    """Accept a DNS name (IDN allowed) or an IP address; refuse URLs, ports and user info, saying what to leave out."""
    if "://" in host:
        scheme = host.split("://", 1)[0] + "://"
        raise ValidationError(
            _("Enter the server name alone, without “%(part)s”."), code="host_url", params={"part": scheme}
        )
    if "@" in host:
        raise ValidationError(
            _("This looks like an address. Enter the name of the mail server, such as smtp.example.com."),
            code="host_address",
        )
    if "/" in host:
        raise ValidationError(_("Enter the server name alone, without a path."), code="host_path")
    if host.count(":") == 1:
        raise ValidationError(_("Enter the server name alone; the port has its own field."), code="host_port")
    try:
        ascii_host(host)
    except ValueError:
        raise ValidationError(
            _("“%(text)s” is not a server name. Example: smtp.example.com."),
            code="host",
            params={"text": host},
        ) from None
