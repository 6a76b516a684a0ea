"""Requests to one platform: one session, problems as exceptions, and patience where the platform asks for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
from multidict import MultiMapping
from yarl import URL

from kumihimo.client.errors import Unreachable, refusal
from kumihimo.client.options import moment_text

LD = "/ngsi-ld/v1"
_PATIENT = (429, 503)
_REPEATABLE = ("GET", "PUT", "PATCH")
"""What has the same effect when it is done twice, and is sent again where a kept connection turns out to be dead."""
_LONGEST_WAIT = 30.0
_CONTEXT_REL = "http://www.w3.org/ns/json-ld#context"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and, where there was one, the JSON body."""

    status: int
    headers: MultiMapping[str]
    body: Any


class Connection:
    """The way to one tenant of a platform. context is the address of the @context by which names are read."""

    def __init__(self, address: str, tenant: str, *, context: str, token: str, timeout: float, retries: int) -> None:
        self.address = address.rstrip("/")
        self.tenant = tenant
        self.context = context
        self._headers = _headers(tenant, context, token)
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._retries = retries
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """Made with the first request, within the loop that runs then."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession()
        return self._session

    async def close(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request with its answer. Refused where it is no 2xx, Unreachable where there is none.

        Where the platform says that it is busy (429, 503) it is asked again after as long as it says.
        """
        for left in range(self._retries, -1, -1):
            answer = await self._sent(method, path, params, body, headers)
            if answer.status not in _PATIENT or not left:
                break
            await asyncio.sleep(_wait(answer.headers))
        if not 200 <= answer.status < 300:
            raise refusal(answer.status, answer.body)
        return answer

    async def _sent(
        self, method: str, path: str, params: Mapping[str, str] | None, body: Any, headers: Mapping[str, str] | None
    ) -> Answer:
        try:
            return await self._once(method, path, params, body, headers)
        except Unreachable as problem:
            if method not in _REPEATABLE or not isinstance(problem.__cause__, aiohttp.ServerDisconnectedError):
                raise
        return await self._once(method, path, params, body, headers)

    async def _once(
        self, method: str, path: str, params: Mapping[str, str] | None, body: Any, headers: Mapping[str, str] | None
    ) -> Answer:
        data = None if body is None else _bytes(body)
        sent = {**self._headers, **(headers or {})}
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            async with self.session.request(
                method, self.url(path, params), data=data, headers=sent, timeout=self._timeout, allow_redirects=False
            ) as answer:
                text = await answer.text()
                return Answer(answer.status, answer.headers, _json(text))
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise Unreachable(f"{method} {self.address}{path}: {problem or type(problem).__name__}") from problem

    @asynccontextmanager
    async def stream(self, path: str, params: Mapping[str, str]) -> AsyncIterator[aiohttp.StreamReader]:
        """The body of an answer that does not end, such as a feed's; Refused or Unreachable as `ask`."""
        timeout = aiohttp.ClientTimeout(total=None, connect=self._timeout.total, sock_read=60.0)
        headers = {**self._headers, "Accept": "text/event-stream"}
        try:
            async with self.session.get(self.url(path, params), headers=headers, timeout=timeout) as answer:
                if answer.status != 200:
                    raise refusal(answer.status, _json(await answer.text()))
                yield answer.content
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise Unreachable(f"{self.address}{path}: {problem or type(problem).__name__}") from problem

    def url(self, path: str, params: Mapping[str, str] | None = None) -> URL:
        """The address, percent-encoded by ourselves: ids hold colons and slashes, q what else would be decoded."""
        query = f"?{urlencode(params)}" if params else ""
        return URL(f"{self.address}{path}{query}", encoded=True)


def _headers(tenant: str, context: str, token: str) -> dict[str, str]:
    found = {"Accept": "application/json"}
    if tenant:
        found["NGSILD-Tenant"] = tenant
    if context:
        found["Link"] = f'<{context}>; rel="{_CONTEXT_REL}"; type="application/ld+json"'
    if token:
        found["Authorization"] = f"Bearer {token}"
    return found


def _bytes(body: Any) -> bytes:
    """JSON in which moments stand as NGSI-LD wants them: in UTC. ValueError for NaN or a moment without a zone."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, default=_plain).encode()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return moment_text(value)
    raise TypeError(f"{type(value).__name__} {str(value)[:80]!r} is nothing that JSON holds")


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _wait(headers: Mapping[str, str]) -> float:
    """As many seconds as Retry-After says, one where it says nothing that is a number."""
    text = headers.get("Retry-After", "")
    return min(float(text), _LONGEST_WAIT) if text.isdigit() else 1.0
