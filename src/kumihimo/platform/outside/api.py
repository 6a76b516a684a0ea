"""Addresses of log-in through providers outside: start, answer, our keys, linking, and the end of a log-in."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from kumihimo.base.call import NOBODY, Caller
from kumihimo.base.errors import Forbidden, InternalError, InvalidRequest, PayloadTooLarge, Problem, Unauthenticated
from kumihimo.base.jsontext import dumps
from kumihimo.base.problems import told
from kumihimo.base.settings import LOOPBACK
from kumihimo.platform.outside.checks import is_way
from kumihimo.platform.outside.door import Outside
from kumihimo.platform.outside.flow import SECONDS
from kumihimo.platform.outside.models import LogInRefused, Visitor
from kumihimo.platform.outside.pages import LOG_IN, dressed, language_of, page, refused

log = logging.getLogger(__name__)

CHOOSE: Final = "/login/with"
START: Final = "/login/with/{provider}"
ANSWER: Final = "/login/from/{provider}"
KEYS: Final = "/login/keys/{provider}"
ENDED: Final = "/login/ended/{provider}"
LEAVE: Final = "/login/leave"
LEFT: Final = "/login/left"
MINE: Final = "/me/outside"
OPEN: Final = (
    ("GET", CHOOSE),
    ("GET", START),
    ("GET", ANSWER),
    ("GET", KEYS),
    ("POST", ENDED),
    ("GET", LEFT),
)
"""What a stranger may ask (method, path), before any log-in."""
MAX_FORM: Final = 64 * 1024
MAX_AGENT: Final = 200
Handler = Callable[[Request], Awaitable[Response]]


class _Handlers:
    """What answers at the addresses of this room."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside

    async def choose(self, request: Request) -> Response:
        """The providers outside by which people log in here."""
        way = request.query_params.get("next", "/")
        offered = await self.outside.offered()
        return page(request, "choose.html", "outside.choose", offered=offered, way=way if is_way(way) else "/")

    async def start(self, request: Request) -> Response:
        """Sends the browser to the provider; next is the page to come back to, sign_transaction_id goes along."""
        check_safe(request)
        given = dict(request.query_params)
        way = given.pop("next", "/")
        begun = await self.outside.begin(request.path_params["provider"], way, visitor_of(request), given)
        answer = dressed(RedirectResponse(begun.location, 303))
        _keep(request, answer, begun.cookie)
        return answer

    async def answer(self, request: Request) -> Response:
        """Takes the provider's answer and opens the log-in."""
        check_safe(request)
        try:
            pairs = parse_qsl(request.url.query, keep_blank_values=True, max_num_fields=50)
        except ValueError as problem:
            raise LogInRefused("nonsense", "the answer has too many parameters") from problem
        if len({name for name, _ in pairs}) != len(pairs):
            raise LogInRefused("nonsense", "a parameter of the answer stands there twice")
        done = await self.outside.finish(
            request.path_params["provider"],
            dict(pairs),
            request.cookies.get(cookie_name(request), ""),
            caller_of(request),
            visitor_of(request),
        )
        response = dressed(RedirectResponse(done.way, 303))
        if done.entered is not None:
            response.set_cookie(
                done.entered.cookie,
                done.entered.value,
                path="/",
                secure=is_secure(request),
                httponly=True,
                samesite="lax",
            )
        return response

    async def keys(self, request: Request) -> Response:
        """The public halves of our keys at a provider, as a JSON Web Key Set (RFC 7517)."""
        found = await self.outside.providers.public_keys(request.path_params["provider"])
        return Response(dumps({"keys": found}), media_type="application/jwk-set+json")

    async def ended(self, request: Request) -> Response:
        """Ends the log-ins that the provider's logout token names (OpenID Connect Back-Channel Logout 1.0)."""
        form = await read_form(request)
        await self.outside.ended(request.path_params["provider"], form.get("logout_token", ""))
        return Response(status_code=200, headers={"cache-control": "no-store"})

    async def leave(self, request: Request) -> Response:
        """Logs out here and, where the log-in came from a provider, there as well."""
        check_same_origin(request)
        location, title = await self.outside.leave(caller_of(request), visitor_of(request))
        return _onward(request, location, title) if location else dressed(RedirectResponse(LEFT, 303))

    async def left(self, request: Request) -> Response:
        """Says that the log-in has ended."""
        return page(request, "left.html", "outside.left")

    async def mine(self, request: Request) -> Response:
        """The providers, and by which of them the person enters."""
        try:
            found = await self.outside.mine(caller_of(request))
        except Unauthenticated:
            return dressed(RedirectResponse(f"{LOG_IN}?next={MINE}", 303))
        return page(request, "mine.html", "outside.mine", mine=found)

    async def change(self, request: Request) -> Response:
        """Links an identity at a provider with the person's account, or takes it away."""
        check_same_origin(request)
        form = await read_form(request)
        name = form.get("provider", "")
        if form.get("action") == "unlink":
            await self.outside.unlink(name, caller_of(request))
            return dressed(RedirectResponse(MINE, 303))
        begun = await self.outside.begin_link(name, caller_of(request), visitor_of(request))
        response = _onward(request, begun.location, begun.title)
        _keep(request, response, begun.cookie)
        return response


def routes(outside: Outside) -> list[Route]:
    """Every address of this room."""
    on = _Handlers(outside)
    return [
        Route(CHOOSE, _screen(on.choose), methods=["GET"]),
        Route(START, _screen(on.start), methods=["GET"]),
        Route(ANSWER, _ending(on.answer), methods=["GET"]),
        Route(KEYS, _program(on.keys), methods=["GET"]),
        Route(ENDED, _program(on.ended), methods=["POST"]),
        Route(LEAVE, _screen(on.leave), methods=["POST"]),
        Route(LEFT, _screen(on.left), methods=["GET"]),
        Route(MINE, _screen(on.mine), methods=["GET"]),
        Route(MINE, _screen(on.change), methods=["POST"]),
    ]


def _onward(request: Request, location: str, title: str) -> Response:
    """A page that leads on by itself: a form of ours may not be answered by a way to another site (form-action)."""
    return page(request, "go.html", "outside.go", title_values={"title": title}, name=title, go=location)


def is_secure(request: Request) -> bool:
    """Whether the request came over TLS, perhaps to a proxy before us."""
    return bool(request.scope.get("state", {}).get("secure", request.url.scheme == "https"))


def cookie_name(request: Request) -> str:
    """The cookie of a log-in under way; over TLS no other host and no plain connection can set it (__Host-)."""
    return "__Host-kumihimo-with" if is_secure(request) else "kumihimo-with"


def _keep(request: Request, response: Response, value: str) -> None:
    response.set_cookie(
        cookie_name(request),
        value,
        max_age=SECONDS if value else 0,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


# --- what stands around every handler -----------------------------------------------------------------------


def _screen(handler: Handler) -> Handler:
    """A handler whose refusals are pages."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Problem as problem:
            _note(request, problem)
            return refused(request, problem)
        except Exception:
            log.exception("log-in from outside failed", extra={"path": request.scope["route"].path})
            return refused(request, InternalError("the log holds the cause"))

    answer.__doc__ = handler.__doc__
    return answer


def _ending(handler: Handler) -> Handler:
    """As _screen; whatever came of it, the log-in that was under way is so no more."""
    inner = _screen(handler)

    async def answer(request: Request) -> Response:
        response = await inner(request)
        _keep(request, response, "")
        return response

    answer.__doc__ = handler.__doc__
    return answer


def _program(handler: Handler) -> Handler:
    """A handler whose refusals are problem documents."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Problem as problem:
            _note(request, problem)
            body, status, headers = told(problem)
            # A provider is told 400 for a token that does not hold (Back-Channel Logout section 2.8).
            wrong = request.method == "POST" and status in (401, 403)
            return Response(body, 400 if wrong else status, {**headers, "cache-control": "no-store"})

    answer.__doc__ = handler.__doc__
    return answer


def _note(request: Request, problem: Problem) -> None:
    """Logs why nothing came of it: our own words alone."""
    code = problem.code if isinstance(problem, LogInRefused) else type(problem).__name__
    log.info(
        "log-in from outside refused",
        extra={"path": request.scope["route"].path, "code": code, "problem": problem.detail},
    )


def caller_of(request: Request) -> Caller:
    """Who calls, as authentication found."""
    found = request.scope.get("state", {}).get("caller", NOBODY)
    return found if isinstance(found, Caller) else NOBODY


def visitor_of(request: Request) -> Visitor:
    """Where the request comes from."""
    agent = "".join(letter for letter in request.headers.get("user-agent", "")[:MAX_AGENT] if letter.isprintable())
    state = request.scope.get("state", {})
    address = str(state.get("address") or (request.client.host if request.client else ""))
    return Visitor(address, agent, language_of(request), is_secure(request))


def check_safe(request: Request) -> None:
    """LogInRefused where the cookie of a log-in would travel in the clear: plain HTTP is for this machine alone."""
    if not is_secure(request) and (request.url.hostname or "") not in LOOPBACK:
        raise LogInRefused("insecure", "logging in needs HTTPS here: set up TLS, or public_address behind a proxy")


def check_same_origin(request: Request) -> None:
    """Forbidden unless the browser says that a page of ours sent this form (Fetch Metadata, else Origin)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise Forbidden("the form came from another site")
        return
    origin = request.headers.get("origin", "")
    if not origin or urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("the request does not say that a page of this platform sent it")


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form of at most 64 KiB; InvalidRequest or PayloadTooLarge."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidRequest("forms are taken as application/x-www-form-urlencoded")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise PayloadTooLarge(f"a form may have {MAX_FORM} bytes")
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50))
    except (UnicodeError, ValueError) as problem:
        raise InvalidRequest("the form is not percent-encoded UTF-8") from problem
