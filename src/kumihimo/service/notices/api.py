"""The addresses in mails: whoever has the link needs no log-in. A look changes nothing, since programs that check mails
follow links too; the button on the page does, and so does a mail program's own (RFC 8058).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kumihimo.base.errors import Problem, StorageRefused
from kumihimo.base.ports import OpenPath
from kumihimo.base.screens import Page
from kumihimo.service.notices.compose import LINKS, PACKAGE, TownName
from kumihimo.service.notices.door import Notices, gone

Show = Callable[[Request, Page], Awaitable[Response]]
"""Renders a page that belongs to no tenant, in the reader's language."""
MAX_BODY: Final = 4096
OPEN: Final = OpenPath(("GET", "POST"), rf"{LINKS}/[^/]+/(?:confirm|stop)/[^/]+", proves_itself=True)


def link_routes(notices: Notices, show: Show, name: TownName) -> list[Route]:
    """The two addresses."""

    async def answer(request: Request, what: str) -> Response:
        tenant, token = str(request.path_params["tenant"]), str(request.path_params["token"])
        is_done = request.method == "POST"
        try:
            if is_done:
                await _drain(request)
                one = await (notices.confirm if what == "confirm" else notices.stop)(tenant, token)
            else:
                one = await notices.by_token(tenant, what, token)
        except StorageRefused:
            raise
        except Problem:
            page = Page(f"{PACKAGE}:link.html", "notices.link.title", {"what": "gone", "done": False, "town": ""}, 404)
            return _private(await show(request, page))
        lang = request.cookies.get("lang", one.lang)
        data = {"what": what, "done": is_done, "town": name(tenant, lang)}
        return _private(await show(request, Page(f"{PACKAGE}:link.html", "notices.link.title", data)))

    async def confirm(request: Request) -> Response:
        """A link in a mail: the address is right. GET shows the page, POST does it."""
        return await answer(request, "confirm")

    async def stop(request: Request) -> Response:
        """A link in a mail: no mail any more. GET shows the page, POST does it, a mail program's too (RFC 8058)."""
        return await answer(request, "stop")

    base = LINKS + "/{tenant}"
    return [
        Route(f"{base}/confirm/{{token}}", confirm, methods=["GET", "POST"]),
        Route(f"{base}/stop/{{token}}", stop, methods=["GET", "POST"]),
    ]


async def _drain(request: Request) -> None:
    """The body says nothing that the link does not say."""
    read = 0
    async for chunk in request.stream():
        read += len(chunk)
        if read > MAX_BODY:
            raise gone()


def _private(response: Response) -> Response:
    """The address holds the right to do it: it is kept nowhere and named to nobody."""
    response.headers["referrer-policy"] = "no-referrer"
    response.headers["cache-control"] = "no-store"
    return response
