"""The provider's addresses that people see: consent, log-out, and what they let applications have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from kumihimo.base.call import Caller
from kumihimo.base.errors import Problem, Unauthenticated
from kumihimo.base.ports import Credentials
from kumihimo.base.screens import Page
from kumihimo.platform.provider.authorize import LOGIN, AskConsent, Go
from kumihimo.platform.provider.browsers import Handler
from kumihimo.platform.provider.discovery import AUTHORIZE, CONSENT, END_SESSION, MINE
from kumihimo.platform.provider.door import Provider
from kumihimo.platform.provider.errors import BadToken, OAuthError
from kumihimo.platform.provider.forms import read_form, read_query
from kumihimo.platform.provider.models import Login
from kumihimo.platform.provider.redirects import origin_of, with_answer

PACKAGE: Final = "kumihimo.platform.provider"
Show = Callable[[Request, Page], Awaitable[Response]]
"""Renders a page that belongs to no tenant, in the reader's language."""


def page_routes(provider: Provider, show: Show) -> list[Route]:
    """The addresses; each finds out by itself who is logged in."""
    pages = Pages(provider, show)

    async def authorize(request: Request) -> Response:
        """Asks whoever is logged in whether an application may have a code (RFC 6749, OpenID Connect Core)."""
        given = read_query(request) if request.method == "GET" else await read_form(request)
        return await pages.authorize(request, given)

    async def consent(request: Request) -> Response:
        """The person's answer to what an application asked for."""
        return await pages.consent(request, await read_form(request))

    async def end_session(request: Request) -> Response:
        """Logs out at an application's wish (OpenID Connect RP-Initiated Logout)."""
        if request.method == "GET":
            return await pages.end_session(request, read_query(request))
        form = await read_form(request)
        return await (pages.ended(request, form) if "ticket" in form else pages.end_session(request, form))

    async def mine(request: Request) -> Response:
        """What the person who is logged in let applications have, to take it back."""
        if request.method == "GET":
            return await pages.mine(request)
        return await pages.take_back(request, await read_form(request))

    def told(handler: Handler) -> Handler:
        async def answered(request: Request) -> Response:
            try:
                return await handler(request)
            except Problem as problem:
                return await pages.refused(request, problem)

        answered.__doc__ = handler.__doc__
        return answered

    return [
        Route(AUTHORIZE, told(authorize), methods=["GET", "POST"]),
        Route(CONSENT, told(consent), methods=["POST"]),
        Route(END_SESSION, told(end_session), methods=["GET", "POST"]),
        Route(MINE, told(mine), methods=["GET", "POST"]),
    ]


class Pages:
    """Answers people. A form of ours comes back with a ticket that was sealed for their log-in."""

    def __init__(self, provider: Provider, show: Show) -> None:
        self._provider = provider
        self._show = show

    # --- authorization -----------------------------------------------------------------------------------

    async def authorize(self, request: Request, given: Mapping[str, str]) -> Response:
        """The next step of an authorization request."""
        caller, login = await self._session(request)
        found = await self._provider.authorize.begin(given, caller, login)
        return await self._next(request, found)

    async def consent(self, request: Request, form: Mapping[str, str]) -> Response:
        """The answer of the person."""
        caller, login = await self._logged_in(request)
        allowed = form.get("answer") == "allow"
        found = await self._provider.authorize.decide(form.get("ticket", ""), caller, login, allowed=allowed)
        return await self._next(request, found)

    async def _next(self, request: Request, found: Go | AskConsent) -> Response:
        if isinstance(found, Go):
            return _go(found.to)
        asked = found.asked
        data = {
            "application": asked.application,
            "to": origin_of(asked.redirect_uri) or urlsplit(asked.redirect_uri).scheme,
            "scopes": sorted(asked.scopes),
            "ticket": found.ticket,
            "action": CONSENT,
        }
        page = Page(f"{PACKAGE}:consent.html", "provider.consent.title", data)
        return await self._form(request, page, asked.redirect_uri)

    # --- log-out -----------------------------------------------------------------------------------------

    async def end_session(self, request: Request, given: Mapping[str, str]) -> Response:
        """Logs out, at once where the application proves by an ID token that it means this person; else it is asked."""
        hint = await self._hint(given.get("id_token_hint", ""))
        to = await self._logout_address(given, str(hint.get("aud", "")))
        caller, _ = await self._session(request)
        if caller is None:
            return await self._logged_out(request, to)
        if hint and await self._is_meant(hint, caller):
            await self._end(caller)
            return await self._logged_out(request, to)
        ticket = self._provider.tickets.made("logout", caller, {"to": to})
        page = Page(f"{PACKAGE}:logout.html", "provider.logout.title", {"ticket": ticket, "action": END_SESSION})
        return await self._form(request, page, to)

    async def ended(self, request: Request, form: Mapping[str, str]) -> Response:
        """The person said yes to logging out."""
        caller, _ = await self._logged_in(request)
        to = self._provider.tickets.read("logout", form["ticket"], caller)["to"]
        await self._end(caller)
        return await self._logged_out(request, to)

    async def _end(self, caller: Caller) -> None:
        await self._provider.grants.end(caller.actor.id, login=caller.login)
        await self._provider.people.end(caller)

    async def _logged_out(self, request: Request, to: str) -> Response:
        if to:
            return _go(to)
        return await self._show(request, Page(f"{PACKAGE}:logged_out.html", "provider.logged_out.title"))

    async def _hint(self, text: str) -> Mapping[str, Any]:
        if not text:
            return {}
        try:
            return await self._provider.tokens.read_hint(text)
        except BadToken as problem:
            raise OAuthError("invalid_request", "id_token_hint is no ID token of ours") from problem

    async def _logout_address(self, given: Mapping[str, str], audience: str) -> str:
        """Where the application wants the person led afterwards, registered letter for letter; "" for nowhere."""
        client, uri = given.get("client_id", audience), given.get("post_logout_redirect_uri", "")
        if audience and client != audience:
            raise OAuthError("invalid_request", "client_id is another than that of id_token_hint")
        if not uri:
            return ""
        application = await self._provider.applications.find(client)
        if application is None or uri not in application.logout_uris:
            raise OAuthError("invalid_request", "post_logout_redirect_uri is none that the client registered")
        state = given.get("state", "")
        return with_answer(uri, {"state": state}) if state else uri

    async def _is_meant(self, hint: Mapping[str, Any], caller: Caller) -> bool:
        application = await self._provider.applications.find(str(hint.get("aud", "")))
        if application is None:
            return False
        subject = await self._provider.keys.pairwise(application.sector, caller.actor.id)
        return bool(hint.get("sub") == subject)

    # --- what a person allowed ---------------------------------------------------------------------------

    async def mine(self, request: Request) -> Response:
        """The list."""
        caller, _ = await self._session(request)
        if caller is None:
            return _go(f"{LOGIN}?{urlencode({'next': MINE})}")
        consents = await self._provider.authorize.consents(caller.actor.id)
        names = await self._provider.applications.names([one.application for one in consents])
        shown = [
            {"application": names[one.application], "scopes": sorted(one.scopes), "at": one.given_at}
            for one in consents
            if one.application in names
        ]
        data = {"consents": shown, "ticket": self._provider.tickets.made("mine", caller, {}), "action": MINE}
        return _unkept(await self._show(request, Page(f"{PACKAGE}:mine.html", "provider.mine.title", data)))

    async def take_back(self, request: Request, form: Mapping[str, str]) -> Response:
        """Ends what the person let one application have, with all tokens that it got by it."""
        caller, _ = await self._logged_in(request)
        self._provider.tickets.read("mine", form.get("ticket", ""), caller)
        await self._provider.take_back(caller.actor.id, form.get("application", ""))
        return _go(MINE)

    # --- who asks, and pages -----------------------------------------------------------------------------

    async def _session(self, request: Request) -> tuple[Caller | None, Login | None]:
        """Whoever is logged in by cookie; nobody, where the cookie is old or of somebody who is no person.

        A person's token is no log-in: an application that has one cannot get more by it.
        """
        caller = await self._caller(request)
        if caller is None or caller.actor.kind != "person" or caller.scopes is not None:
            return None, None
        login = await self._provider.people.login(caller)
        return (caller, login) if login is not None else (None, None)

    async def _caller(self, request: Request) -> Caller | None:
        """As the listener found, where it looked; else by the cookie."""
        state = request.scope.get("state", {})
        if "caller" in state:
            found: Caller = state["caller"]
            return found
        cookie, address = request.headers.get("cookie", ""), request.client.host if request.client is not None else ""
        try:
            return await self._provider.who(
                Credentials(request.method, request.url.path, cookie=cookie, address=address)
            )
        except Unauthenticated:
            return None

    async def _logged_in(self, request: Request) -> tuple[Caller, Login]:
        caller, login = await self._session(request)
        if caller is None or login is None:
            raise OAuthError("access_denied", "the log-in ended meanwhile; begin again", 401)
        return caller, login

    async def _form(self, request: Request, page: Page, leads_to: str) -> Response:
        """A page whose form leads on to an application: browsers hold such a step against the page's policy too."""
        response = _unkept(await self._show(request, page))
        policy = response.headers.get("content-security-policy", "")
        target = origin_of(leads_to) or (f"{urlsplit(leads_to).scheme}:" if leads_to else "")
        if target:
            response.headers["content-security-policy"] = policy.replace(
                "form-action 'self'", f"form-action 'self' {target}"
            )
        return response

    async def refused(self, request: Request, problem: Problem) -> Response:
        """A refusal that no application can be told of, as a page."""
        status = problem.code if isinstance(problem, OAuthError) else problem.status
        data = {"detail": problem.detail}
        page = Page(f"{PACKAGE}:refused.html", "provider.refused.title", data, status=status, headers=problem.headers())
        return _unkept(await self._show(request, page))


def _go(to: str) -> Response:
    """303, so that a form that was posted is not posted on (RFC 9700 section 4.12)."""
    response = RedirectResponse("", 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    # As it is: it was put together here, letter by letter, and Starlette would quote it once more.
    response.headers["location"] = to
    return response


def _unkept(response: Response) -> Response:
    response.headers["cache-control"] = "no-store"
    return response
