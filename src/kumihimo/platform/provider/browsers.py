"""What browsers may do from pages of other origins: those that an application registered, and no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import dumps
from kumihimo.platform.provider.applications import Applications
from kumihimo.platform.provider.errors import OAuthError
from kumihimo.platform.provider.redirects import origin_of

Handler = Callable[[Request], Awaitable[Response]]
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


def answer(document: object, status: int = 200, **headers: str) -> Response:
    """JSON that nobody keeps (RFC 6749 section 5.1)."""
    kept = {"Cache-Control": "no-store", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Response(dumps(document), status, kept, "application/json")


def refusal(problem: Problem) -> Response:
    """A problem as these endpoints tell it: OAuth errors as OAuth does, others as ours."""
    status = problem.code if isinstance(problem, OAuthError) else problem.status
    kind = "application/json" if isinstance(problem, OAuthError) else "application/problem+json"
    return Response(dumps(problem.document()), status, {"Cache-Control": "no-store", **problem.headers()}, kind)


def told(handler: Handler) -> Handler:
    """The handler, with what it refuses as an answer."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Problem as problem:
            return refusal(problem)

    answered.__doc__ = handler.__doc__
    return answered


class Origins:
    """Lets pages of registered origins read answers (Fetch standard, CORS). No cookie is ever taken from them."""

    def __init__(self, applications: Applications, issuer: Callable[[], str]) -> None:
        self._applications = applications
        self._issuer = issuer

    def shared(self, handler: Handler) -> Handler:
        """The handler, also for registered pages of other origins; its preflight; pages of yet others are refused."""

        async def answered(request: Request) -> Response:
            origin = request.headers.get("origin", "")
            if not origin or origin == origin_of(self._issuer()):
                made = Response(status_code=204) if request.method == "OPTIONS" else await handler(request)
            elif len(origin) > 300 or not await self._applications.is_registered_origin(origin):
                made = refusal(OAuthError("access_denied", "no application registered a page of this origin", 403))
            else:
                is_asking = request.method == "OPTIONS"
                made = Response(status_code=204, headers=_PREFLIGHT) if is_asking else await handler(request)
                made.headers["Access-Control-Allow-Origin"] = origin
                made.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            made.headers["Vary"] = "Origin"
            return made

        return told(_documented(answered, handler))


def _documented(made: Handler, handler: Handler) -> Handler:
    made.__doc__ = handler.__doc__
    return made
