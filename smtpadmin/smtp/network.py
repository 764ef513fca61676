"""Which addresses a server's name may lead to.

Names are written by people with access to the panel, and resolved by servers that may be anybody's: without a check
the panel would be a way to speak to whatever its host can reach. Looking names up and connecting is in `dialing.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# No mail server lives there. Written out because `ipaddress` differs between Python versions: before 3.13
# ::ffff:127.0.0.1 is not loopback and 2002:7f00:1:: is global (measured).
_NEVER: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # "this host"
        "169.254.0.0/16",  # link-local; 169.254.169.254 and its like give out a cloud machine's credentials
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast address
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # host agent of Azure
        "192.0.0.192/32",  # metadata of Oracle Cloud, older images
        "::/128",  # unspecified
        "fe80::/10",  # link-local
        "ff00::/8",  # multicast
        "fd00:ec2::/32",  # metadata and other services of AWS
        "fd00:42::42/128",  # metadata of Scaleway
        "fd20:ce::254/128",  # metadata of Google Cloud
    )
)

# Prefixes whose addresses stand for an IPv4 address in their last four bytes.
_EMBEDDING_LAST: tuple[IPv6Network, ...] = tuple(
    IPv6Network(text)
    for text in (
        "::ffff:0:0/96",  # IPv4-mapped, RFC 4291
        "::/96",  # IPv4-compatible, RFC 4291
        "::ffff:0:0:0/96",  # IPv4-translated, RFC 2765
        "64:ff9b::/96",  # NAT64, RFC 6052
        "64:ff9b:1::/48",  # local-use NAT64, RFC 8215
    )
)
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_6TO4 = IPv6Network("2002::/16")  # RFC 3056
_TEREDO = IPv6Network("2001::/32")  # RFC 4380
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214 6.1: the first half of the interface identifier
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which resolved addresses may be connected to.

    Loopback and private addresses are allowed unless `denied` holds them: self-hosted mail servers live there.
    Unspecified, link-local, multicast, reserved and cloud metadata addresses never are, however they are written.
    """

    denied: tuple[Network, ...] = ()

    def allows(self, address: Address) -> bool:
        """Say whether a connection to `address` may be made."""
        return not any(
            form in network
            for form in forms(address)
            for network in (*_NEVER, *self.denied)
            if form.version == network.version
        )


def forms(address: Address) -> Iterator[Address]:
    """Yield `address` and each IPv4 address that it stands for: a translator on the way would connect to that one."""
    if isinstance(address, IPv4Address):
        yield address
        return
    plain = IPv6Address(int(address))  # without a scope, which networks do not compare
    yield plain
    number = int(plain)
    low = number & 0xFFFFFFFF
    embedded = []
    if number > 1 and any(plain in network for network in _EMBEDDING_LAST):
        embedded.append(low)
    if plain in _NAT64_LOCAL:
        # RFC 6052 2.2: behind a /48 prefix the four bytes stand on both sides of byte 8.
        embedded.append((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF)
    if plain in _6TO4:
        embedded.append(number >> 80 & 0xFFFFFFFF)
    if plain in _TEREDO:
        embedded += [number >> 64 & 0xFFFFFFFF, low ^ 0xFFFFFFFF]
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        embedded.append(low)
    # Zero is the padding of the other layout, not an address.
    yield from map(IPv4Address, filter(None, embedded))


def is_loopback(address: Address) -> bool:
    """Say whether `address` is this host, so that what is sent there passes no wire.

    Only the forms that the kernel itself keeps inside count: a tunnelled or translated 127.0.0.1 leaves the host.
    """
    plain = (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
    return any(plain in network for network in _LOOPBACK if plain.version == network.version)
