"""Feeds over HTTP: server-sent events, and the same messages over WebSocket, at one address.

An event's id is the position in the log: a browser that lost its connection goes on behind it by itself
(Last-Event-ID), any other client by `after`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from kumihimo.base.call import call_of
from kumihimo.base.errors import Problem
from kumihimo.base.ids import check_tenant
from kumihimo.base.jsontext import text
from kumihimo.base.ports import OpenPath
from kumihimo.base.problems import told
from kumihimo.platform.feeds.ask import read_ask
from kumihimo.platform.feeds.door import Events, Feeds
from kumihimo.platform.feeds.models import Event
from kumihimo.platform.jsonld.contexts import Context, Contexts
from kumihimo.platform.ngsild.asks import read_query
from kumihimo.platform.ngsild.bodies import context_of_link

FEED: Final = "/feeds/v1/{tenant}/entities"
READING: Final = (OpenPath(("GET",), r"/feeds/v1/[^/]+/entities"),)
"""What tells of data as it changes."""
_CONTEXT = "context"
_REFUSED = 1008
"""Policy violation (RFC 6455 section 7.4.1); the reason is the problem's title, as it must be short."""
_MAX_REASON = 120


def routes(feeds: Feeds, contexts: Contexts) -> list[BaseRoute]:
    """The feed's address for both transports."""

    async def stream(request: Request) -> Response:
        """Tells of entities as they change, as server-sent events; the parameters are those of a subscription."""
        try:
            events = await _opened(feeds, contexts, request)
        except Problem as problem:
            return Response(*told(problem))
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(_lines(events), media_type="text/event-stream", headers=headers)

    async def socket(socket: WebSocket) -> None:
        """Tells of entities as they change, one JSON message each, over WebSocket."""
        if not _is_own(socket):
            await socket.close(_REFUSED, "a page of another site may not listen here")
            return
        try:
            events = await _opened(feeds, contexts, socket)
        except Problem as problem:
            await socket.send_denial_response(Response(*told(problem)))
            return
        await socket.accept()
        await _talk(socket, events)

    return [Route(FEED, stream), WebSocketRoute(FEED, socket)]


async def _opened(feeds: Feeds, contexts: Contexts, connection: HTTPConnection) -> Events:
    tenant = check_tenant(connection.path_params["tenant"])
    query = read_query(connection.scope["query_string"])
    context = await _context(contexts, query.pop(_CONTEXT, ""), connection.headers.get("link", ""), tenant)
    ask = read_ask(query, connection.headers.get("last-event-id", ""))
    call = call_of(connection.scope.get("state", {}), tenant, "feed")
    return await feeds.open(call, ask.document, context, after=ask.after, standing=ask.standing)


async def _context(contexts: Contexts, given: str, link: str, tenant: str) -> Context:
    """By the Link header or, as a browser cannot send one with a feed, the parameter `context`."""
    address = context_of_link(link) or given
    return await contexts.resolve(address, tenant) if address else contexts.core


def _is_own(socket: WebSocket) -> bool:
    """Against pages of other sites: a browser says where the page came from, and asks nobody else whether it may."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")


async def _lines(events: Events) -> AsyncGenerator[str, None]:
    async with contextlib.aclosing(events):
        yield "retry: 1000\n\n"
        async for event in events:
            yield f"event: {_name(event)}\nid: {event.seq}\ndata: {text(event.document())}\n\n"


def _name(event: Event) -> str:
    """What a page listens to: `entity` for all that tells of one, else the kind itself."""
    return "entity" if event.entity is not None else event.kind


async def _talk(socket: WebSocket, events: Events) -> None:
    """Sends until either side ends; what a client says is not listened to, but that it goes away is noticed."""
    async with contextlib.aclosing(events):
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            async for event in events:
                await socket.send_text(text(event.document()))
            await socket.close(1001, "the feed is over")
