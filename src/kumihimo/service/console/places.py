"""Pages that belong to no tenant: what such a page sees of its request, and the cookies that it sets."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kumihimo.base.call import NOBODY
from kumihimo.base.errors import PayloadTooLarge
from kumihimo.base.screens import Cookie, Place, Visit
from kumihimo.service.console.guard import MAX_FORM, check_texts, read_form

MAX_PATH: Final = 2048
_LOCAL: Final = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*\Z")


class PlaceRoute(Route):
    """The address of such a page, which knows what it is, for the reference page."""

    def __init__(self, place: Place, answer: Callable[[Request], Awaitable[Response]]) -> None:
        methods = [method for method, handler in (("GET", place.show), ("POST", place.post)) if handler is not None]
        super().__init__(place.path, answer, methods=methods)
        self.place = place


def pattern_of(template: str) -> str:
    """A screen's address as a regular expression of whole paths."""
    parts = re.split(r"\{(\w+)(:path)?\}", template)
    names = zip(parts[1::3], parts[2::3], strict=True)
    held = [r".+" if is_path else r"[^/]+" for _, is_path in names]
    fixed = [re.escape(one) for one in parts[::3]]
    return "".join(one for pair in zip(fixed, [*held, ""], strict=True) for one in pair)


def local_path(wished: str) -> str:
    """An address of this platform to lead to, "/" for whatever is not one.

    Browsers take "//host", the same with a backslash, and addresses with tabs or line ends in them for other sites'
    (WHATWG URL).
    """
    return wished if len(wished) <= MAX_PATH and _LOCAL.match(wished) else "/"


async def visit_of(request: Request, lang: str) -> Visit:
    """The request as a page of no tenant sees it. A body that says that it is JSON is left as it is."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    posting = request.method == "POST"
    state = request.scope.get("state", {})
    secure = bool(state.get("secure", request.url.scheme == "https"))
    visit = Visit(
        caller=state.get("caller", NOBODY),
        lang=lang,
        path={name: str(value) for name, value in request.path_params.items()},
        query=dict(request.query_params),
        form=await read_form(request) if posting and kind != "application/json" else {},
        body=await _body(request) if posting and kind == "application/json" else b"",
        origin=f"{'https' if secure else 'http'}://{request.headers.get('host', '')}",
        secure=secure,
        address=str(state.get("address", "")),
        device=request.headers.get("user-agent", ""),
        cookies=request.cookies,
    )
    for values in (visit.path, visit.query, visit.form):
        check_texts(values)
    return visit


async def _body(request: Request) -> bytes:
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > MAX_FORM:
            raise PayloadTooLarge(f"this may have {MAX_FORM} bytes").worded("refused.large", most=MAX_FORM // 1024)
    return bytes(found)


def with_cookies(response: Response, cookies: Sequence[Cookie]) -> None:
    """Sets them, HttpOnly and for requests from our own pages and from plain links alone."""
    for one in cookies:
        if one.value:
            response.set_cookie(
                one.name,
                one.value,
                max_age=one.max_age or None,
                httponly=True,
                samesite="lax",
                path="/",
                secure=one.secure,
            )
        else:
            response.delete_cookie(one.name, path="/", secure=one.secure, httponly=True, samesite="lax")
