"""The mock over HTTP."""

from __future__ import annotations

from base64 import b64decode
from typing import Final
from urllib.parse import parse_qsl, unquote_plus, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from kumihimo.base.errors import Problem
from kumihimo.base.ports import HttpFetch
from kumihimo.platform.outside.discovery import WELL_KNOWN
from kumihimo.platform.outside.mock.issuer import Answered, MockIssuer, Refused
from kumihimo.platform.outside.mock.shapes import PEOPLE

MAX_FORM: Final = 64 * 1024
_pages = Environment(loader=PackageLoader("kumihimo.platform.outside.mock"), autoescape=True, undefined=StrictUndefined)


class _Handlers:
    def __init__(self, mock: MockIssuer, fetch: HttpFetch) -> None:
        self._mock = mock
        self._fetch = fetch

    async def discovery(self, _: Request) -> Response:
        return JSONResponse(self._mock.document())

    async def any_directory(self, _: Request) -> Response:
        """As Entra ID answers under /common: an issuer that is none."""
        issuer = self._mock.issuer.rpartition("/")[0].rpartition("/")[0] + "/{tenantid}/v2.0"
        return JSONResponse({**self._mock.document(), "issuer": issuer})

    async def certs(self, _: Request) -> Response:
        return JSONResponse(self._mock.certs())

    async def ask(self, request: Request) -> Response:
        try:
            name = self._mock.ask(dict(request.query_params))
        except Answered as answered:
            return self._refuse(answered)
        shown = {"people": PEOPLE, "asked": name, "scopes": sorted(self._mock.asked[name].scopes)}
        return _dressed(HTMLResponse(_pages.get_template("choose.html").render(shown)))

    async def choose(self, request: Request) -> Response:
        form = await _form(request)
        try:
            redirect, answer = self._mock.choose(form.get("asked", ""), form.get("person", ""))
        except Answered as answered:
            return self._refuse(answered)
        return _dressed(RedirectResponse(f"{redirect}?{urlencode(answer)}", 303))

    def _refuse(self, answered: Answered) -> Response:
        if not answered.redirect:
            shown = {"error": answered.error, "words": answered.words}
            return _dressed(HTMLResponse(_pages.get_template("refused.html").render(shown), 400))
        answer = {"error": answered.error, "error_description": answered.words}
        if answered.state:
            answer["state"] = answered.state
        if self._mock.shape.says_issuer:
            answer["iss"] = self._mock.issuer
        return _dressed(RedirectResponse(f"{answered.redirect}?{urlencode(answer)}", 303))

    async def token(self, request: Request) -> Response:
        try:
            found = await self._mock.token(await _form(request), _basic(request))
        except Refused as refused:
            said = {"error": refused.error, "error_description": refused.words}
            return JSONResponse(said, refused.status, {"cache-control": "no-store"})
        return JSONResponse(found, headers={"cache-control": "no-store"})

    async def userinfo(self, request: Request) -> Response:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        found = self._mock.userinfo(token) if kind.lower() == "bearer" else None
        if found is None:
            return Response(status_code=401, headers={"www-authenticate": 'Bearer error="invalid_token"'})
        return JSONResponse(found)

    async def logout(self, request: Request) -> Response:
        given = request.query_params
        for grant in self._mock.end(given.get("id_token_hint", ""), given.get("client_id", "")):
            if grant.asked.client.ended:
                await self._tell(grant.asked.client.ended, self._mock.logout_token(grant))
        address = given.get("post_logout_redirect_uri", "")
        if self._mock.may_leave_to(given.get("client_id", ""), address):
            return _dressed(RedirectResponse(address, 303))
        return _dressed(HTMLResponse(_pages.get_template("left.html").render()))

    async def _tell(self, address: str, token: str) -> None:
        body = urlencode({"logout_token": token}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        try:
            await self._fetch("POST", address, headers=headers, body=body)
        except (OSError, TimeoutError, Problem):
            return  # as any provider: who is not there is not told


def mock_app(mock: MockIssuer, fetch: HttpFetch) -> Starlette:
    """The mock as an ASGI application. fetch reaches the client's keys and its back-channel logout."""
    on = _Handlers(mock, fetch)
    path = mock.shape.path
    base = path + mock.shape.protocol
    routes = [
        Route(path + WELL_KNOWN, on.discovery),
        Route(f"{base}/auth", on.ask, methods=["GET"]),
        Route(f"{base}/auth", on.choose, methods=["POST"]),
        Route(f"{base}/token", on.token, methods=["POST"]),
        Route(f"{base}/userinfo", on.userinfo, methods=["GET"]),
        Route(f"{base}/certs", on.certs),
        Route(f"{base}/logout", on.logout, methods=["GET"]),
    ]
    if mock.shape.name == "entra":
        routes.append(Route(f"/common/v2.0{WELL_KNOWN}", on.any_directory))
    return Starlette(routes=routes)


def _dressed(answer: Response) -> Response:
    """Out of frames and caches; the page's form is answered by a way to the client, so form-action is not narrowed."""
    answer.headers["content-security-policy"] = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
    answer.headers["cache-control"] = "no-store"
    answer.headers["referrer-policy"] = "no-referrer"
    return answer


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            return {}
    return dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))


def _basic(request: Request) -> tuple[str, str] | None:
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = b64decode(rest).decode().partition(":")
    except ValueError:
        return ("", "")
    return unquote_plus(name), unquote_plus(secret)
