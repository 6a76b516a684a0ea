"""Subscriptions that the platform keeps (clause 5.8), and feeds that last as long as somebody reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Unpack
from urllib.parse import quote

import aiohttp

from kumihimo.client.connection import LD, Connection
from kumihimo.client.errors import KumihimoError, Refused, Unreachable
from kumihimo.client.models import Change
from kumihimo.client.options import FeedQuery, parameters, parse_moment

_PATH = f"{LD}/subscriptions"
PAGE = 100
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_COMING_BACK = (429, 502, 503, 504)


class Subscriptions:
    """Subscriptions are documents as clause 5.2.12 describes them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, document: Mapping[str, Any]) -> str:
        """Makes a subscription; its id."""
        answer = await self._connection.ask("POST", _PATH, body={"type": "Subscription", **document})
        return str(answer.headers["Location"].rpartition("/")[2])

    async def get(self, subscription_id: str) -> dict[str, Any]:
        """The subscription with its state and counters; NotFound where there is none."""
        found: dict[str, Any] = (await self._connection.ask("GET", _one(subscription_id))).body
        return found

    async def list(self) -> AsyncGenerator[dict[str, Any], None]:
        """All subscriptions, page by page."""
        offset = 0
        while True:
            params = {"limit": str(PAGE), "offset": str(offset)}
            page = (await self._connection.ask("GET", _PATH, params)).body
            for one in page:
                yield one
            offset += len(page)
            if len(page) < PAGE:
                return

    async def update(self, subscription_id: str, members: Mapping[str, Any]) -> None:
        """Changes members; NotFound where there is none."""
        await self._connection.ask("PATCH", _one(subscription_id), body=members)

    async def delete(self, subscription_id: str) -> None:
        """Ends it; NotFound where there is none."""
        await self._connection.ask("DELETE", _one(subscription_id))

    async def listen(self, **query: Unpack[FeedQuery]) -> AsyncGenerator[Change, None]:
        """Changes as they happen, until the loop is left. No endpoint is needed.

        A connection that breaks is made again and goes on where it was, so that nothing is missed; after such a break
        a change may come twice, with the same seq. Where the platform cannot be reached at the first try, or refuses,
        that is raised.
        """
        params = parameters({"format": "simplified", **query})
        if self._connection.context:
            params["context"] = self._connection.context
        position, pause, begun = str(query.get("after", "")), _FIRST_PAUSE, False
        while True:
            if position:
                params = {**params, "after": position}
            try:
                async for kind, data in self._events(params):
                    begun, pause = True, _FIRST_PAUSE
                    if kind == "entity":
                        yield _change(data)
                    if kind == "end":
                        raise KumihimoError(str(data.get("detail", "the feed ended")))
                    position = str(data.get("seq", position))
            except (Unreachable, Refused) as problem:
                if not begun or (isinstance(problem, Refused) and problem.status not in _COMING_BACK):
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _events(self, params: Mapping[str, str]) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        path = f"/feeds/v1/{self._connection.tenant or 'default'}/entities"
        async with self._connection.stream(path, params) as content:
            async for kind, data in read_events(content):
                yield kind, json.loads(data)


def _one(subscription_id: str) -> str:
    return f"{_PATH}/{quote(subscription_id, safe=':')}"


def _change(data: Mapping[str, Any]) -> Change:
    at = parse_moment(data["at"]) if "at" in data else None
    return Change(data["kind"], data["seq"], data["entity"], at)


async def read_events(content: aiohttp.StreamReader) -> AsyncGenerator[tuple[str, str], None]:
    """Server-sent events with data, as kind and data; a line may be as long as an entity."""
    kind, data, rest = "message", [], b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            name, _, value = line.decode().rstrip("\r").partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif not name and not value:
                if data:
                    yield kind, "\n".join(data)
                kind, data = "message", []
