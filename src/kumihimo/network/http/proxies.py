"""What proxies say of a request's way: believed of those alone that were named (pure ASGI).

Forwarded (RFC 7239) where there is one, else X-Forwarded-For, -Proto and -Host. Of the addresses the rightmost counts
that no named proxy has: whatever stands left of it was written by somebody else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from kumihimo.network.http.addresses import Address, Network, bare

MAX_HOPS: Final = 20
"""So many from the right are looked at; a chain of named proxies is never that long."""
_HEADERS: Final = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
_PAIR: Final = re.compile(r'\s*([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*(?:;|\Z)')
_ELEMENT: Final = re.compile(r'((?:[^,"]|"(?:[^"\\]|\\.)*")*)(?:,|\Z)')
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?\Z")
_PORTED: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\w+)?\Z|([0-9.]+)(?::\w+)?\Z")
Hop = dict[str, str]


def networks_of(trusted: Sequence[str]) -> list[Network]:
    """The settings' addresses and CIDR blocks. ValueError for one that is neither."""
    return [ipaddress.ip_network(one, strict=False) for one in trusted]


class Proxies:
    """ASGI middleware that stands before all: it puts the client, the scheme and the host of a request in their place.

    Where the request comes from no named proxy, what it says of its way is ignored.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._trusted and scope["type"] in ("http", "websocket") and self._is_proxy(_peer(scope)):
            scope = self._told(scope)
        await self._app(scope, receive, send)

    def _is_proxy(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)

    def _told(self, scope: Scope) -> Scope:
        hops = _hops(scope["headers"])
        client: Address | None = None
        hop: Hop = {}
        for hop in reversed(hops[-MAX_HOPS:]):
            client = _address(hop.get("for", ""))
            if not self._is_proxy(client):
                break
        return _replaced(scope, client, hop) if hops else scope


def _peer(scope: Scope) -> Address | None:
    client = scope.get("client")
    return _address(str(client[0])) if client else None


def _address(text: str) -> Address | None:
    """The address, an IPv4 one that is written as IPv6 as itself; None for "unknown", "_hidden" and what is none."""
    found = _PORTED.fullmatch(text.strip())
    if found is not None:
        text = found[1] or found[2]
    try:
        return bare(ipaddress.ip_address(text.strip()))
    except ValueError:
        return None


def _hops(headers: Sequence[tuple[bytes, bytes]]) -> list[Hop]:
    """What each proxy on the way wrote, the last one last."""
    given = {name: ",".join(_values(headers, name)) for name in _HEADERS}
    if given[b"forwarded"]:
        return [_pairs(one) for one in _elements(given[b"forwarded"])]
    lists = {
        "for": _listed(given[b"x-forwarded-for"]),
        "proto": _listed(given[b"x-forwarded-proto"]),
        "host": _listed(given[b"x-forwarded-host"]),
    }
    count = max(map(len, lists.values()))
    hops: list[Hop] = [{} for _ in range(count)]
    for name, values in lists.items():
        # Right-aligned: many proxies add to For, and write Proto and Host anew; one value is that of the last hop.
        for place, value in enumerate(reversed(values), 1):
            hops[-place][name] = value
        for place in range(len(values) + 1, count + 1) if len(values) == 1 and name != "for" else ():
            hops[-place][name] = values[0]
    return hops


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for found, value in headers if found == name]


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _elements(text: str) -> list[str]:
    return [found[1] for found in _ELEMENT.finditer(text) if found[1].strip()]


def _pairs(element: str) -> Hop:
    found = {}
    for pair in _PAIR.finditer(element):
        quoted = pair[2]
        found[pair[1].lower()] = pair[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return found


def _replaced(scope: Scope, client: Address | None, hop: Hop) -> Scope:
    """The scope as it would be without proxies; what a proxy left unsaid, or said in no way we know, stays."""
    changed = dict(scope)
    if client is not None:
        changed["client"] = (str(client), 0)
    scheme = hop.get("proto", "").lower()
    if scheme in ("http", "https"):
        is_socket = scope["type"] == "websocket"
        changed["scheme"] = {"http": "ws", "https": "wss"}[scheme] if is_socket else scheme
    host = hop.get("host", "")
    if _HOST.match(host):
        rest = [pair for pair in scope["headers"] if pair[0] != b"host"]
        changed["headers"] = [(b"host", host.encode("latin-1")), *rest]
    return changed
