"""Which addresses an outbound request may reach (decision 17); pure.

Classes follow the IANA special-purpose registries (RFC 6890); an IPv4 address hidden in an IPv6 one
(mapped, NAT64, 6to4) is judged as the IPv4 address that it leads to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_CGNAT = ipaddress.IPv4Network("100.64.0.0/10")
_NEAR = ("loopback", "private", "carrier-grade NAT")
"""Classes that `allow_private` opens; the others are never meant by anyone who writes an endpoint."""


def bare(address: Address) -> Address:
    """The address that packets end at: the IPv4 address inside a mapped, compatible, NAT64 or 6to4 one, else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    hidden = address in _NAT64 or (address in _COMPATIBLE and int(address) > 1)
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if hidden else address


def special_class(address: Address) -> str:
    """The name of the special class that the address belongs to, "" for a public one."""
    address = bare(address)
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64_LOCAL or address.teredo is not None:
            return "tunnel"
        if address.is_site_local:
            return "private"
    elif address in _CGNAT:
        return "carrier-grade NAT"
    for name, belongs in (
        ("unspecified", address.is_unspecified or (address.version == 4 and int(address) >> 24 == 0)),
        ("loopback", address.is_loopback),
        ("link-local", address.is_link_local),
        ("multicast", address.is_multicast),
        ("reserved", address.is_reserved),
        ("private", address.is_private),
    ):
        if belongs:
            return name
    return "" if address.is_global else "reserved"


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What beside public addresses may be reached.

    allow_private opens loopback, private and carrier-grade NAT. names holds "host" or "host:port" in lower
    case, networks CIDR blocks; what they name may be reached whatever its class.
    """

    allow_private: bool = False
    names: frozenset[str] = field(default_factory=frozenset)
    networks: tuple[Network, ...] = ()

    def refusal(self, host: str, port: int, address: Address) -> str:
        """Why this address of this host may not be reached, "" where it may."""
        kind = special_class(address)
        if not kind or (self.allow_private and kind in _NEAR):
            return ""
        name = host.lower().rstrip(".")
        if name in self.names or f"{name}:{port}" in self.names:
            return ""
        end = bare(address)
        if any(end in network or address in network for network in self.networks):
            return ""
        return f"{host}:{port} leads to {address}, a {kind} address; name it in outbound_hosts to allow it"


def rules_from(allow_private: bool, allow_hosts: Sequence[str]) -> AddressRules:
    """Rules from the settings; each of allow_hosts is a CIDR block, an address, "host" or "host:port"."""
    names: set[str] = set()
    networks: list[Network] = []
    for one in allow_hosts:
        try:
            networks.append(ipaddress.ip_network(one, strict=False))
        except ValueError:
            names.add(one.lower().replace("[", "").replace("]", ""))
    return AddressRules(allow_private, frozenset(names), tuple(networks))
