"""Who is asking, as far as limits are concerned: the network address that no client can choose for itself."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# A household or a rented server gets at least a /64 (RFC 6177): counting single addresses would limit nobody there.
_IPV6_PREFIX = 64


def client_address(request: HttpRequest) -> str:
    """Return the client's address, or an empty string when there is none (a Unix socket).

    Each proxy appends the address it was called from to X-Forwarded-For, so with n trusted proxies in front the n-th
    entry from the right is the last that one of them has seen. Everything left of it is what the client wrote.
    """
    peer = _parsed(str(request.META.get("REMOTE_ADDR") or ""))
    trusted = settings.TRUSTED_PROXIES
    if not trusted:
        return peer
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    if len(forwarded) < trusted:
        return peer
    return _parsed(forwarded[-trusted]) or peer


def client_scope(request: HttpRequest) -> str:
    """Return what a limit counts by: the IPv4 address, or the /64 network of an IPv6 address."""
    address = client_address(request)
    if ":" in address:
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return address


def _parsed(text: str) -> str:
    """Return an entry's address in its normal form, or an empty string when it is none."""
    text = text.strip()
    # Some proxies add the port: 192.0.2.1:50000, [2001:db8::1]:50000 (RFC 7239, section 6, is their model).
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)
