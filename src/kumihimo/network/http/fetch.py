"""The one way out over HTTP: every address is checked at the moment it is connected to (decision 17).

The check stands in the resolver that the connector itself asks, so the address that was checked is the one
that is used; a name that changes its address between check and use gains nothing.
"""

from __future__ import annotations

import asyncio
import io
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from kumihimo.base.errors import AddressRefused
from kumihimo.base.ports import HttpAnswer
from kumihimo.network.http.addresses import AddressRules, rules_from

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Addresses, as text, of a host name; OSError where it has none."""

_CHUNK = 1 << 16
_LARGE = 1 << 19
"""From here on a body is sent piece by piece, so that the loop is not held up."""
_POOL = 512
"""Connections at once, also to one host: callers bound what they ask of whom, and here a path that hangs would hold up
those beside it that answer, until their time is over too.
"""
_KEEP_ALIVE_SECONDS = 15.0


async def system_lookup(host: str, port: int) -> list[str]:
    """All addresses that the machine's own resolver gives for this name."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for _, _, _, _, sockaddr in found))


class CheckedResolver(AbstractResolver):
    """Resolves each time it is asked, and refuses a name as soon as one of its addresses is not allowed."""

    def __init__(self, rules: AddressRules, lookup: Lookup) -> None:
        self._rules = rules
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The checked addresses of a host; AddressRefused, or OSError where there are none."""
        results: list[ResolveResult] = []
        for text in await self._lookup(host, port):
            address = ipaddress.ip_address(text)
            if refusal := self._rules.refusal(host, port, address):
                raise AddressRefused(refusal)
            kind = socket.AF_INET if address.version == 4 else socket.AF_INET6
            if family in (socket.AF_UNSPEC, kind):
                flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
                results.append(ResolveResult(hostname=host, host=text, port=port, family=kind, proto=0, flags=flags))
        if not results:
            raise OSError("the name has no address")
        return results

    async def close(self) -> None:
        """Holds nothing."""


class GuardedFetch:
    """Implements base.ports.HttpFetch: one session with keep-alive, no cookies, no proxies, no redirects.

    allow_private opens private and loopback addresses; allow_hosts names single ones ("host", "host:port",
    an address or a CIDR block).
    """

    def __init__(
        self, allow_private: bool = False, allow_hosts: Sequence[str] = (), *, lookup: Lookup = system_lookup
    ) -> None:
        self._rules = rules_from(allow_private, allow_hosts)
        self._resolver = CheckedResolver(self._rules, lookup)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Makes the session; needs a running loop."""
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            # A cache would hand out an address long after it was checked.
            use_dns_cache=False,
            limit=_POOL,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": "kumihimo", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Closes all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host under the same rules, for other carriers; AddressRefused, or OSError for none."""
        return [one["host"] for one in await self._resolver.resolve(host, port)]

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 10.0,
        max_bytes: int = 1 << 20,
    ) -> HttpAnswer:
        """One request; see base.ports.HttpFetch. The answer's header names are in lower case."""
        if self._session is None:
            raise OSError("the outbound door is not open")
        target = self._checked(url)
        try:
            async with self._session.request(
                method,
                target,
                data=io.BytesIO(body) if len(body) > _LARGE else body or None,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as answer:
                content = await _read(answer.content, max_bytes)
                return HttpAnswer(
                    answer.status, {name.lower(): value for name, value in answer.headers.items()}, content
                )
        except aiohttp.InvalidURL as problem:
            raise AddressRefused(f"{url[:200]!r} is no address that is requested: {problem}") from problem
        except TimeoutError as problem:
            raise TimeoutError(f"{target.host}:{target.port} gave no answer within {timeout:g} s") from problem
        except aiohttp.ClientConnectorError as problem:
            raise OSError(f"{target.host}:{target.port}: {problem.os_error}") from problem
        except (aiohttp.ClientError, ValueError) as problem:
            raise OSError(f"{target.host}:{target.port}: {problem or type(problem).__name__}") from problem

    def _checked(self, url: str) -> URL:
        """The URL, where it may be asked for at all; literal addresses are checked here, names in the resolver."""
        try:
            target = URL(url)
            port = target.port
        except ValueError as problem:
            raise AddressRefused(f"{url[:200]!r} is no URL") from problem
        if target.scheme not in ("http", "https"):
            raise AddressRefused(f"{target.scheme or 'no scheme'}: only http and https are requested")
        if target.user is not None or target.password is not None:
            raise AddressRefused("the URL holds a user name or password; give credentials in a header")
        if not target.host or not port:
            raise AddressRefused(f"{url[:200]!r} names no host and port")
        try:
            literal = ipaddress.ip_address(target.host)
        except ValueError:
            return target
        if refusal := self._rules.refusal(target.host, port, literal):
            raise AddressRefused(refusal)
        return target


async def _read(content: aiohttp.StreamReader, limit: int) -> bytes:
    """At most `limit` bytes; the rest is left unread, and the connection is then not used again."""
    parts: list[bytes] = []
    left = limit
    while left > 0:
        part = await content.read(min(left, _CHUNK))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
