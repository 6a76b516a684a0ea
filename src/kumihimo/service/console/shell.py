"""The one shell: addresses, navigation, language, error pages. Rooms hand in screens; the shell stands them in it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from kumihimo.base.call import NOBODY, Call, Caller, call_of
from kumihimo.base.clock import Clock, SystemClock
from kumihimo.base.errors import (
    Forbidden,
    InternalError,
    MethodNotAllowed,
    NonexistentTenant,
    Problem,
    ResourceNotFound,
)
from kumihimo.base.ports import OpenPath
from kumihimo.base.screens import Announcement, Answer, Ask, Card, CardOf, Document, Gate, Page, Place, Redirect, Screen
from kumihimo.base.texts import ALL_LANGUAGES, LANGUAGES, Words, choose_language, translator
from kumihimo.service.console.assets import asset_url, static_routes
from kumihimo.service.console.cards import Cards
from kumihimo.service.console.frame import Frame, Setup, crumbs_of, entries_of, part_of
from kumihimo.service.console.guard import (
    MAX_FORM,
    check_same_origin,
    check_texts,
    content_policy,
    origin_of,
    read_form,
)
from kumihimo.service.console.live import Live
from kumihimo.service.console.places import PlaceRoute, local_path, pattern_of, visit_of, with_cookies
from kumihimo.service.console.templates import make_environment

log = logging.getLogger(__name__)
Tenants = Callable[[], Awaitable[Sequence[str]]]
Allow = Callable[[Call, str], Awaitable[object]]
Announce = Callable[[Call], Awaitable[Sequence[Announcement]]]
"""What is announced in the call's tenant at this moment."""
MayEnter = Callable[[Caller, Sequence[str]], Awaitable[Collection[str]]]
"""Of these tenants those in which the caller has anything to do; of another they learn not even that it is there."""
HoldsRole = Callable[[Call], Awaitable[bool]]
"""Whether the caller holds any role in the call's tenant, be it by an agreement."""
_YEAR = 365 * 24 * 3600
_TENANTS = "kumihimo.tenants"
_HOLDS_ROLE = "kumihimo.holds_role"
MOST_BESIDE: Final = 20
"""Of more tenants nobody is asked whether they have the page: the switch leads to their first pages."""


PLATFORM_BASE = "/platform"
"""Where the pages of the platform itself are; those of tenants are below /t/."""


class ScreenRoute(Route):
    """A screen's address, which knows its screen: the reference page says what it shows and whether it takes a form."""

    def __init__(self, screen: Screen, answer: Callable[[Request], Awaitable[Response]], base: str) -> None:
        super().__init__(f"{base}{screen.path}", answer, methods=["GET", "POST"])
        self.screen = screen


class Console:
    """The web console.

    screens: of all rooms; texts: their words (`words.load_words`, with the console's own); tenants: gives the
    names there are (`Database.tenants`); live: the page's stream of changes; setup: names, tiles, credit;
    card: what a solution says of a town on the first page; clock: when a page was made, for its print.
    platform: the screens of the platform itself, whose calls are of the tenant "".
    places: pages of no tenant; may_enter: whose tenants are shown to whom, all to everybody where it is not given.
    allow: raises a Problem where a call may not do what a screen needs; where it is not given, everybody may.
    holds_role: who is logged in and holds no role in a tenant is shown its public screens alone, as a stranger is;
    where it is not given, everybody holds one.
    closed: who is not logged in is a stranger, who is shown public screens and the way to log in.
    announce: what stands above every page of a tenant, but for strangers.
    """

    def __init__(
        self,
        screens: Sequence[Screen],
        texts: Words,
        *,
        tenants: Tenants,
        live: Live,
        setup: Setup | None = None,
        card: CardOf | None = None,
        clock: Clock | None = None,
        places: Sequence[Place] = (),
        platform: Sequence[Screen] = (),
        may_enter: MayEnter | None = None,
        allow: Allow | None = None,
        closed: bool = False,
        announce: Announce | None = None,
        holds_role: HoldsRole | None = None,
    ) -> None:
        self._screens = list(screens)
        self._platform = list(platform)
        self._places = list(places)
        self._may_enter = may_enter
        self._allow = allow
        self._is_closed = closed
        self._announce = announce
        self._role = holds_role
        self._nav, self._platform_nav = _entries(screens), _entries(platform)
        self._nav_of_strangers = [screen for screen in self._nav if screen.is_public]
        self._texts = texts
        self._tenants = tenants
        self._live = live
        self._card = card
        self._clock = clock or SystemClock()
        self._setup = setup or Setup()
        self._policy = content_policy([origin_of(self._setup.tile_url)] if self._setup.tile_url else [])
        self._templates = make_environment({"static": asset_url, "setup": self._setup})
        missing = sorted({screen.nav for screen in (*self._nav, *self._platform_nav)} - texts.keys())
        if missing:
            raise ValueError(f"navigation keys without text: {', '.join(missing)}")

    def routes(self) -> list[BaseRoute]:
        """Every address of the console; the last ones catch what is unknown below "/t/"."""
        return [
            *static_routes(self._packages()),
            *(self._place_route(place) for place in self._places),
            Route("/", self._home, methods=["GET"]),
            Route("/t/{tenant}/live", self._live_stream, methods=["GET"]),
            *(self._route(screen, "/t/{tenant}") for screen in sorted(self._screens, key=_is_open_ended)),
            *(self._route(screen, PLATFORM_BASE) for screen in sorted(self._platform, key=_is_open_ended)),
            Route("/t/{tenant}", self._first, methods=["GET"]),
            Route("/t/{tenant}/", self._first, methods=["GET"]),
            Route("/t/{tenant}/{rest:path}", self.missing, methods=["GET", "POST"]),
        ]

    def public_paths(self) -> list[OpenPath]:
        """What of the console strangers may ask for where a tenant has published something: the first page, the pages
        that show data, and the stream by which these hear what changed.
        """
        shown = [pattern_of(f"/t/{{tenant}}{screen.path}") for screen in self._screens if screen.is_public]
        return [OpenPath(("GET",), path) for path in ("/", r"/t/[^/]+/?", r"/t/[^/]+/live", *shown)]

    def _packages(self) -> list[str]:
        found = [
            *(one.package for one in (*self._screens, *self._platform)),
            *(place.package for place in self._places),
        ]
        return [package for package in found if package]

    # --- answering ---------------------------------------------------------------------------------------

    def _route(self, screen: Screen, base: str) -> Route:
        async def answer(request: Request) -> Response:
            return await self._guarded(request, screen)

        return ScreenRoute(screen, answer, base)

    async def _guarded(self, request: Request, screen: Screen | Place) -> Response:
        try:
            if isinstance(screen, Place):
                return await self._place(request, screen)
            return await self._screen(request, screen)
        except Problem as problem:
            return await self.problem(request, problem)
        except Exception:
            log.exception("a screen failed", extra={"path": screen.path, "request_id": _request_id(request)})
            number = _request_id(request)
            fault = InternalError("the log holds the cause", request=number).worded("refused.fault", number=number)
            return await self.problem(request, fault)

    def _place_route(self, place: Place) -> Route:
        async def answer(request: Request) -> Response:
            return await self._guarded(request, place)

        return PlaceRoute(place, answer)

    async def _place(self, request: Request, place: Place) -> Response:
        """A page of no tenant: for people at a browser. Whoever shows a token is let to the APIs by its scopes, none of
        which is for logging in as the person, or for what they log in with.
        """
        if _caller(request).scopes is not None:
            raise Forbidden("this page takes no token: log in with a browser").worded("refused.by_token")
        posting = request.method == "POST"
        handler = place.post if posting else place.show
        if handler is None:
            allowed = "GET" if posting else "POST"
            raise MethodNotAllowed("this page is not asked for that way", allow=allowed).worded("refused.method")
        if posting:
            check_same_origin(request)
        languages = ALL_LANGUAGES if place.easy else LANGUAGES
        answer = await handler(await visit_of(request, self._language(request, languages)))
        response = await self._answered(request, answer, languages)
        with_cookies(response, answer.cookies)
        response.headers["cache-control"] = "no-store"
        return response

    async def _answered(self, request: Request, answer: Answer, languages: Sequence[str]) -> Response:
        if isinstance(answer, Redirect):
            return self._dress(request, RedirectResponse(local_path(answer.to), status_code=303))
        if isinstance(answer, Document):
            return self._dress(request, Response(answer.body, answer.status, media_type=answer.media_type))
        return await self._render(request, answer, "", tenants=[], languages=languages, bare=True)

    async def _screen(self, request: Request, screen: Screen) -> Response:
        of_platform = "tenant" not in request.path_params
        tenant = "" if of_platform else await self._known_tenant(request)
        posting = request.method == "POST"
        handler = screen.post if posting else screen.show
        if handler is None:
            raise MethodNotAllowed("this page takes no form").worded("refused.method")
        if posting:
            check_same_origin(request)
        call = _call(request, tenant)
        if not (of_platform or screen.is_public or await self._holds_role(request, tenant)):
            said = "this page is for people who hold a role in this town; what it published is on its pages of data"
            raise Forbidden(said).worded("refused.no_role")
        await self._check(call, screen.needs)
        if screen.gate is not None and not await screen.gate.here(tenant):
            return await self._absent(request, call, screen.gate)
        if posting:
            await self._check(call, screen.takes)
        form = await read_form(request, screen.most or MAX_FORM) if posting else {}
        languages = ALL_LANGUAGES if screen.easy else LANGUAGES
        ask = Ask(
            call=call,
            lang=self._language(request, languages),
            path={name: str(value) for name, value in request.path_params.items() if name != "tenant"},
            query=dict(request.query_params),
            form=form,
            base_url=str(request.base_url).rstrip("/"),
            person=_person(_caller(request)),
        )
        for values in (ask.path, ask.query, ask.form):
            check_texts(values)
        answer = await handler(ask)
        if isinstance(answer, Redirect):
            base = PLATFORM_BASE if of_platform else f"/t/{tenant}"
            to = answer.to if answer.to.startswith("/t/") else f"{base}{answer.to}"
            return self._dress(request, RedirectResponse(to, status_code=303))
        if isinstance(answer, Document):
            return self._dress(request, Response(answer.body, answer.status, media_type=answer.media_type))
        return await self._render(request, answer, tenant, languages=languages)

    async def _check(self, call: Call, needs: str) -> None:
        if needs and self._allow is not None:
            await self._allow(call, needs)

    async def _nav_of(self, request: Request, tenant: str) -> list[Screen]:
        """The entries that lead the caller anywhere; where there is no tenant, to the platform's own pages."""
        try:
            call = _call(request, tenant)
            is_guest = self._is_stranger(request) or not await self._holds_role(request, tenant)
        except Problem:  # a credential of another tenant, or no such tenant: the page that says so has no way on
            return []
        nav = self._nav_of_strangers if is_guest else self._nav
        nav = [screen for screen in nav if await _is_here(screen, tenant)] if tenant else self._platform_nav
        if self._allow is None:
            return nav
        return [screen for screen in nav if await self._is_allowed(call, screen.needs)]

    async def _beside(self, request: Request, here: Screen | None, tenants: Sequence[str]) -> frozenset[str]:
        """Those of the tenants in which the caller may see this part of the pages too; none where they are many."""
        if here is None or len(tenants) > MOST_BESIDE:
            return frozenset()
        return frozenset([one for one in tenants if await self._leads(request, here, one)])

    async def _leads(self, request: Request, screen: Screen, tenant: str) -> bool:
        """Whether the tenant has the page and the caller may see it there."""
        if not await _is_here(screen, tenant):
            return False
        try:
            call = _call(request, tenant)
            is_shown = screen.is_public or await self._holds_role(request, tenant)
        except Problem:  # a credential of another tenant
            return False
        return is_shown and await self._is_allowed(call, screen.needs)

    async def _absent(self, request: Request, call: Call, gate: Gate) -> Response:
        """The page that says that the tenant does not have this one, and to whoever may change that, where."""
        problem = ResourceNotFound(f"tenant {call.tenant!r} does not have {request.url.path[:200]}")
        offer = gate.offer if await self._is_allowed(call, gate.needs) else ""
        return await self.problem(request, problem.worded("refused.absent"), offer=offer)

    def _is_stranger(self, request: Request) -> bool:
        """Whether nobody is logged in where that makes a difference."""
        return self._is_closed and _caller(request).actor.kind == "anonymous"

    async def _holds_role(self, request: Request, tenant: str) -> bool:
        """Whether the caller holds a role in the tenant; asked once for each request."""
        if self._role is None or not tenant:
            return True
        found: dict[str, bool] = request.scope.setdefault(_HOLDS_ROLE, {})
        if tenant not in found:
            found[tenant] = await self._role(_call(request, tenant))
        return found[tenant]

    async def _is_allowed(self, call: Call, needs: str) -> bool:
        try:
            await self._check(call, needs)
        except Problem:
            return False
        return True

    async def _known_tenant(self, request: Request) -> str:
        tenant = str(request.path_params["tenant"])
        if not await self._is_known(request, tenant):
            raise NonexistentTenant(f"there is no tenant {tenant[:64]!r}")
        return tenant

    async def _is_known(self, request: Request, tenant: str) -> bool:
        """Whether there is the tenant and the caller has anything to do there."""
        if tenant not in await self._tenants():
            return False
        return self._may_enter is None or bool(await self._may_enter(_caller(request), [tenant]))

    async def _tenants_of(self, request: Request) -> list[str]:
        """Those in which the caller has anything to do; asked once for each request, as a page needs them twice."""
        found: list[str] | None = request.scope.get(_TENANTS)
        if found is None:
            tenants, caller, may_enter = await self._tenants(), _caller(request), self._may_enter
            among = tenants if may_enter is None else await may_enter(caller, tenants)
            found = [one for one in tenants if one in among]
            request.scope[_TENANTS] = found
        return found

    async def _home(self, request: Request) -> Response:
        """The tenants to choose from."""
        try:
            return await self._towns(request)
        except Problem as problem:
            return await self.problem(request, problem)

    async def _towns(self, request: Request) -> Response:
        tenants = await self._tenants_of(request)
        towns = await self._cards_for(request).of(tenants, _call(request, ""))
        hidden = not tenants and bool(await self._tenants())
        data = {"entry": self._entry_path(request), "towns": towns, "hidden": hidden}
        page = Page("kumihimo.service.console:home.html", "home.title", data)
        return await self._render(request, page, "", tenants=tenants)

    def _cards_for(self, request: Request) -> Cards:
        """What a solution says of a town at one look is for those who work there."""
        if self._is_stranger(request) or self._card is None:
            return Cards(None)
        card_of = self._card

        async def card(call: Call) -> Card | None:
            return await card_of(call) if await self._holds_role(request, call.tenant) else None

        return Cards(card)

    async def _first(self, request: Request) -> Response:
        """Leads to the first page of the navigation."""
        try:
            tenant = await self._known_tenant(request)
        except Problem as problem:
            return await self.problem(request, problem)
        nav = await self._nav_of(request, tenant)
        first = nav[0].path if nav else "/entities"
        return self._dress(request, RedirectResponse(f"/t/{quote(tenant)}{first}", status_code=303))

    def _entry_path(self, request: Request) -> str:
        """Where the entry to a town leads; "/", which finds that out, where not every town has the first page."""
        nav = self._nav_of_strangers if self._is_stranger(request) else self._nav
        if nav and nav[0].gate is not None:
            return "/"
        return nav[0].path if nav else "/entities"

    async def _live_stream(self, request: Request) -> Response:
        """The stream (text/event-stream) by which an open page hears what changed."""
        try:
            tenant = await self._known_tenant(request)
            return await self._live.respond(_call(request, tenant))
        except Problem as problem:
            return Response(problem.detail, problem.status, problem.headers(), "text/plain")

    async def missing(self, request: Request, _problem: Exception | None = None) -> Response:
        """The page for an address that there is not; also fit for Starlette's exception_handlers[404]."""
        tenant = request.path_params.get("tenant")
        if tenant and not await self._is_known(request, str(tenant)):
            return await self.problem(request, NonexistentTenant(f"there is no tenant {str(tenant)[:64]!r}"))
        path = request.url.path[:200]
        return await self.problem(request, ResourceNotFound(path).worded("refused.path", path=path))

    async def problem(self, request: Request, problem: Problem, *, offer: str = "") -> Response:
        """The page that says what went wrong and what to do. offer: a page of the tenant's that mends it."""
        try:
            tenants = await self._tenants_of(request)
        except Problem:  # the database server is away, which is perhaps what this page has to say
            tenants = []
        tenant = str(request.path_params.get("tenant", ""))
        title = f"error.{problem.status}.title"
        known = title in self._texts
        page = Page(
            "kumihimo.service.console:error.html",
            title if known else "error.other.title",
            {
                "problem": problem,
                "advice": f"error.{problem.status}.advice" if known else "error.other.advice",
                "no_tenant": isinstance(problem, NonexistentTenant),
                "asked": tenant[:64],
                "entry": self._entry_path(request),
                "offer": offer,
            },
            status=problem.status,
            headers=problem.headers(),
        )
        return await self._render(request, page, tenant if tenant in tenants else "", tenants=tenants)

    async def page(self, request: Request, page: Page) -> Response:
        """A page of a room that belongs to no tenant, in やさしい日本語 too: it is for everybody who logs in."""
        return await self._render(request, page, "", languages=ALL_LANGUAGES)

    # --- rendering ---------------------------------------------------------------------------------------

    def _language(self, request: Request, languages: Sequence[str] = LANGUAGES) -> str:
        return choose_language(
            request.query_params.get("lang", ""),
            request.cookies.get("lang", ""),
            request.headers.get("accept-language", ""),
            languages,
        )

    async def _render(
        self,
        request: Request,
        page: Page,
        tenant: str,
        *,
        tenants: Sequence[str] | None = None,
        languages: Sequence[str] = LANGUAGES,
        bare: bool = False,
    ) -> Response:
        """bare: without a navigation."""
        lang = self._language(request, languages)
        t = translator(self._texts, lang)
        base = f"/t/{tenant}" if tenant else PLATFORM_BASE
        path = request.url.path.removeprefix(base)
        nav = [] if bare else await self._nav_of(request, tenant)
        choice = list(await self._tenants_of(request) if tenants is None else tenants)
        frame = Frame(
            lang=lang,
            tenant=tenant,
            tenants=choice,
            beside=await self._beside(request, part_of(nav, path) if tenant else None, choice),
            names=self._setup.names,
            path=path,
            base=base,
            title=t(page.title) if page.title in self._texts else page.title,
            page=page,
            nav=entries_of(nav, path, t),
            crumbs=crumbs_of(nav, path, t),
            language_links={code: _with_language(request, code) for code in languages},
            made_at=self._clock.now(),
            person=_person(_caller(request)),
            login=self._login_of(request) if tenant or path == "/" else "",
            announced=await self._announced(request, tenant),
            is_live=await self._may_listen(request, tenant),
        )
        values: dict[str, Any] = {**page.data, **frame.values(t)}
        html = self._templates.get_template(page.template).render(values)
        return self._dress(request, Response(html, page.status, page.headers, "text/html"))

    async def _may_listen(self, request: Request, tenant: str) -> bool:
        """Whether the stream of the tenant's changes is for the caller; a page that asks in vain calls itself stale."""
        try:
            return bool(tenant) and await self._is_allowed(_call(request, tenant), "read")
        except Problem:  # a credential of another tenant
            return False

    async def _announced(self, request: Request, tenant: str) -> Sequence[Announcement]:
        if not tenant or self._announce is None or self._is_stranger(request):
            return ()
        try:
            return await self._announce(_call(request, tenant))
        except Problem:  # the store is away, or the credential is another tenant's: the page itself says so
            return ()

    def _login_of(self, request: Request) -> str:
        """The address at which a stranger logs in to come back here; "" for everybody else."""
        if not self._is_stranger(request):
            return ""
        path = quote(request.url.path)
        asked = f"{path}?{request.url.query}" if request.url.query else path
        return f"/login?{urlencode({'next': asked})}"

    def _dress(self, request: Request, response: Response) -> Response:
        response.headers["content-security-policy"] = self._policy
        response.headers["referrer-policy"] = "same-origin"
        response.headers["x-content-type-options"] = "nosniff"
        response.headers.setdefault("cache-control", "private, no-cache")
        response.headers["vary"] = "Cookie, Accept-Language"
        asked = request.query_params.get("lang", "")
        if asked in ALL_LANGUAGES:
            response.set_cookie("lang", asked, max_age=_YEAR, httponly=True, samesite="lax", path="/")
        return response


def _entries(screens: Sequence[Screen]) -> list[Screen]:
    return sorted((screen for screen in screens if screen.nav), key=lambda screen: screen.order)


async def _is_here(screen: Screen, tenant: str) -> bool:
    """Whether the tenant has the page; nothing is asked of a tenant that there is not, or whose store is away."""
    if screen.gate is None:
        return True
    try:
        return await screen.gate.here(tenant)
    except Problem:
        return False


def _is_open_ended(screen: Screen) -> bool:
    """Those with a parameter come behind those without, or they would take their addresses."""
    return "{" in screen.path


def _with_language(request: Request, code: str) -> str:
    query: Mapping[str, str] = {**request.query_params, "lang": code}
    return f"{quote(request.url.path)}?{urlencode(query)}"


def _call(request: Request, tenant: str) -> Call:
    return call_of(request.scope.get("state", {}), tenant)


def _caller(request: Request) -> Caller:
    found: Caller = request.scope.get("state", {}).get("caller", NOBODY)
    return found


def _person(caller: Caller) -> str:
    """How the person at the screen is called; "" for a program that acts for one: it is not told their account's id."""
    is_there = caller.actor.kind == "person" and caller.scopes is None
    return (caller.name or caller.actor.id) if is_there else ""


def _request_id(request: Request) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))
