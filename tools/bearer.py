"""Puts a bearer token on every request that a suite makes, which has no place of its own for one.

A proxy of the loopback: what comes in goes on to the platform as it is, with an Authorization header; what the platform
answers goes back as it is. Made for the judges alone: it holds bodies whole and knows no stream.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

_HOP: Final = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
"""Header fields between two neighbours (RFC 9110 section 7.6.1)."""
_MADE_ANEW: Final = _HOP | {"content-length", "host", "date", "server"}


@contextmanager
def with_bearer(port: int, token: str) -> Iterator[int]:
    """The port of a proxy before the platform's, for as long as it is needed."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner, bound = asyncio.run_coroutine_threadsafe(_start(port, token), loop).result()
    try:
        yield bound
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _start(port: int, token: str) -> tuple[web.AppRunner, int]:
    """Listens on a free port of the loopback."""
    session = ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False, connector=TCPConnector(limit=64))

    async def forward(request: web.Request) -> web.Response:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _MADE_ANEW]
        headers += [("Host", f"localhost:{port}"), ("Authorization", f"Bearer {token}")]
        address = URL(f"http://localhost:{port}{request.raw_path}", encoded=True)
        body = await request.read()
        has_length = "Content-Length" in request.headers
        length = [("Content-Length", "0")] if not body and has_length else []
        async with session.request(
            request.method,
            address,
            headers=[*headers, *length],
            data=body if body and has_length else _in_pieces(body) if body else None,
            allow_redirects=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
        ) as answer:
            told = [(name, value) for name, value in answer.headers.items() if name.lower() not in _MADE_ANEW]
            return web.Response(status=answer.status, headers=CIMultiDict(told), body=await answer.read())

    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{rest:.*}", forward)

    async def close(_: web.Application) -> None:
        await session.close()

    app.on_cleanup.append(close)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0)
    await site.start()
    return runner, int(runner.addresses[0][1])


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body whose length was not said, which is not said on the way either."""
    yield body
