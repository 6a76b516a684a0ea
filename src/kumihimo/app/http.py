"""What the HTTP listener answers: the faces, the console, the probes; and what the command line reaches."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Scope

from kumihimo import __version__
from kumihimo.app.access import Directory, announcements, audit_of, names_of, subjects
from kumihimo.app.alerts import alert_doors
from kumihimo.app.effect import effect_pages, exports_of, is_figures_page
from kumihimo.app.federation import open_paths as federation_paths
from kumihimo.app.federation import others_of
from kumihimo.app.metering import metered, usage_pages
from kumihimo.app.notices import notice_pages, town_name
from kumihimo.app.platform import Platform
from kumihimo.app.wings import card_of, town_names, wing_screens
from kumihimo.base.call import NOBODY, Call, Caller
from kumihimo.base.errors import Forbidden, MethodNotAllowed, Problem, ResourceNotFound
from kumihimo.base.ids import DEFAULT_TENANT
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import OpenPath
from kumihimo.base.problems import told
from kumihimo.base.screens import EITHER, OWN, WHOLE, Screen
from kumihimo.base.settings import Settings
from kumihimo.cli.operations.doors import Doors
from kumihimo.device import http as device_http
from kumihimo.device.enrolment import api as enrolment_http
from kumihimo.device.screens import device_screens
from kumihimo.network.acme import Challenges
from kumihimo.network.http.authenticate import PROBES, Authenticated, Published
from kumihimo.network.http.fairness import Fairness
from kumihimo.network.http.limits import Limits
from kumihimo.network.http.probes import probe_routes
from kumihimo.network.http.proxies import Proxies, networks_of
from kumihimo.network.sockets import at
from kumihimo.network.tls import counters as tls_counters
from kumihimo.platform.access.audit_pages import audit_screens
from kumihimo.platform.access.decide import Action
from kumihimo.platform.access.screens import access_screens, platform_screens
from kumihimo.platform.access.words import OPERATOR
from kumihimo.platform.feeds import api as feeds_http
from kumihimo.platform.ngsild import api as ngsild
from kumihimo.platform.ngsild.openapi import document
from kumihimo.platform.outside import api as outside_http
from kumihimo.platform.provider import api as provider_http
from kumihimo.platform.provider.discovery import OPEN as PROVIDER_OPEN
from kumihimo.platform.provider.discovery import PROVE_THEMSELVES
from kumihimo.platform.provider.models import MAKES_TENANTS
from kumihimo.platform.provider.pages import page_routes
from kumihimo.platform.provider.screens import application_screens
from kumihimo.platform.signing import api as signing_http
from kumihimo.service.alerts.screens import alert_screens
from kumihimo.service.console.doors import Doors as ConsoleDoors
from kumihimo.service.console.frame import Setup
from kumihimo.service.console.people.login import LoginPages
from kumihimo.service.console.people.mine import MyPages
from kumihimo.service.console.people.visits import OPEN_PAGES
from kumihimo.service.console.screens import console_screens
from kumihimo.service.console.shell import Console
from kumihimo.service.console.webhook import webhook_routes
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.service.kpi.measures_screens import measure_screens
from kumihimo.service.kpi.screens import kpi_screens
from kumihimo.service.notices import api as notices_http
from kumihimo.service.notices.screens import notice_screens
from kumihimo.service.rules.screens import rule_screens
from kumihimo.service.sources.screens import source_screens
from kumihimo.solutions.packs.screens import pack_screens
from kumihimo.storage.database import PLATFORM
from kumihimo.storage.health import Health

MAX_OF_TENANT = 410
"""HTTP requests of one tenant that are answered at once: four of five of those of the listener."""


MAX_TENANT = 64


OPEN_PATHS = (
    *PROBES,
    OpenPath(("POST",), r"/devices/v1/[^/]+/(?:claim|[^/]+/(?:readings|certificate))", proves_itself=True),
    OpenPath(("GET",), r"/devices/v1/[^/]+/(?:claim|[^/]+/(?:authority|revoked))", proves_itself=True),
    OpenPath(("POST",), r"/webhooks/[^/]+/[^/]+", proves_itself=True),
    *OPEN_PAGES,
    *(OpenPath((method,), re.escape(path), path in PROVE_THEMSELVES) for method, path in PROVIDER_OPEN),
    *federation_paths(),
    notices_http.OPEN,
)
"""What strangers may ask for; the provider's endpoints find out by themselves which application asks, and who;
devices prove themselves with their own key, certificate or claim code, in the handlers
behind these paths; the page on which a person types a claim code is the same for whatever tenant; the address of a
tenant's webhook page holds a token that only the page tells."""


_NAMES_TENANT = re.compile(r"/(?:t|webhooks|(?:devices|feeds|signing|notices)/v1)/([^/]+)")


def build_http(platform: Platform) -> ASGIApp:
    """Everything that the HTTP listener answers, closed unless the settings say otherwise."""
    settings = platform.settings
    console = console_of(platform)
    routes = http_routes(platform, console, lambda: limits)
    rest = Starlette(routes=routes, exception_handlers=_unknown(console, settings))
    inner: ASGIApp = ngsild.Switch(routes, rest)
    limits = Limits(
        metered(
            platform,
            Authenticated(
                inner,
                [platform.provider.bearer, platform.identity.authenticate],
                OPEN_PATHS,
                platform.leashes,
                published=published_of(platform, console),
                open_house=settings.open,
                behind_tls=settings.public_address.startswith("https://"),
            ),
            tenant_of,
        ),
        settings.max_body,
        (settings.host, *settings.allowed_hosts),
        fairness=Fairness(
            tenant_of, MAX_OF_TENANT, tenant_rate=settings.http_tenant_rate, client_rate=settings.http_client_rate
        ),
    )
    platform.limits = limits
    return Proxies(Challenges(limits, platform.acme_answers), networks_of(settings.trusted_proxies))


def tenant_of(scope: Scope) -> str:
    """The tenant that an HTTP request names, "" where it names none; there may be no such tenant."""
    path: str = scope["path"]
    if path.startswith(ngsild.PREFIX):
        named = next((value for name, value in scope["headers"] if name == b"ngsild-tenant"), b"")
        return named[:MAX_TENANT].decode("latin-1") or DEFAULT_TENANT
    found = _NAMES_TENANT.match(path)
    return found[1][:MAX_TENANT] if found else ""


def http_routes(platform: Platform, console: Console, limits: Callable[[], Limits | None]) -> list[BaseRoute]:
    """Every address of the HTTP listener; the reference page is made from the same list."""
    health = Health(platform.database)

    async def ready() -> bool:
        return platform.ready and await health()

    api = [
        *ngsild.routes(_face(platform)),
        *device_http.routes(platform.gateway),
        *enrolment_http.routes(platform.enrolment, platform.gateway.prove),
        *signing_http.routes(platform.signing),
    ]
    return [
        *probe_routes(ready, _stats(platform, limits), may_measure_of(platform)),
        _openapi_route(api),
        *api,
        *outside_http.routes(platform.federation),
        *feeds_http.routes(platform.feeds, platform.contexts),
        *provider_http.routes(platform.provider),
        *page_routes(platform.provider, console.page),
        *webhook_routes(_console_doors(platform)),
        *notices_http.link_routes(platform.notices, console.page, town_name),
        *console.routes(),
    ]


def _face(platform: Platform) -> ngsild.Face:
    async def make_tenant(name: str) -> None:
        await platform.database.add_tenant(name)

    return ngsild.Face(
        database=platform.database,
        clock=platform.clock,
        broker=platform.broker,
        history=platform.history,
        delivery=platform.delivery,
        contexts=platform.contexts,
        shelf=platform.shelf,
        access=platform.access,
        open_house=platform.settings.open,
        make_tenant=make_tenant,
        may_make=makes_tenants(platform),
        max_body=platform.settings.max_body,
        collation=platform.settings.order_collation,
    )


def _stats(platform: Platform, limits: Callable[[], Limits | None]) -> dict[str, Callable[[], dict[str, float]]]:
    return {
        "database": lambda: dict(platform.database.stats()),
        "mqtt": lambda: dict(platform.mqtt.stats()),
        **({} if platform.outside is None else {"mqtt_outside": platform.outside.stats}),
        "delivery": lambda: dict(platform.delivery.counters()),
        "devices": platform.gateway.counters,
        "tls": lambda: dict(tls_counters()),
        "http": lambda: dict(found.counters()) if (found := limits()) is not None else {},
        "console": lambda: {"live_pages": platform.live.count},
        "provider": platform.provider.counters,
        "feeds": lambda: {"open": platform.feeds.count},
        "rules": lambda: dict(platform.rule_sets.keeper.counters()),
        "programs": lambda: dict(platform.programs.counters()),
        "metering": lambda: {"lost": platform.metering.counters.lost},
        "notices": platform.notices.sender.counters.numbers,
    }


def doors_of(platform: Platform) -> Doors:
    """The rooms that the command line's operations need."""

    def metrics() -> dict[str, dict[str, float]]:
        return {part: numbers() for part, numbers in _stats(platform, lambda: platform.limits).items()}

    return Doors(
        platform.database,
        platform.registry,
        platform.broker,
        platform.contexts,
        platform.signing,
        platform.imports,
        platform.sources,
        platform.metering,
        platform.rules,
        platform.provider,
        platform.enrolment,
        metrics,
        platform.identity,
        lambda: platform.settings.public_address.rstrip("/") or _own_address(platform),
        platform.federation,
        platform.library,
        platform.packs,
        platform.rule_sets,
        platform.measures,
        exports_of(platform),
    )


def _own_address(platform: Platform) -> str:
    """Where the listener is, or will be."""
    return f"http://{at(platform.settings.host, platform.http_port or platform.settings.port)}"


def _openapi_route(routes: Sequence[Route]) -> Route:
    body = dumps(document(routes, __version__))

    async def openapi(_: Request) -> Response:
        """The OpenAPI 3.1 document of the routes for programs."""
        return Response(body, media_type="application/json")

    return Route("/openapi.json", openapi)


def _unknown(console: Console, settings: Settings) -> dict[Any, Any]:
    """What answers where no route does: a page for browsers, a problem document for programs.

    The page stands in the shell, which is for who is logged in.
    """

    async def answer(request: Request, problem: Exception) -> Response:
        found = problem if isinstance(problem, HTTPException) else HTTPException(404)
        kind = MethodNotAllowed if found.status_code == 405 else ResourceNotFound
        path = request.url.path[:200]
        said = kind(f"{request.method} {path}")
        said.worded("refused.method") if kind is MethodNotAllowed else said.worded("refused.path", path=path)
        caller: Caller = request.scope.get("state", {}).get("caller", NOBODY)
        may_see = settings.open or caller.actor.kind == "person"
        if may_see and "text/html" in request.headers.get("accept", ""):
            return await console.problem(request, said)
        answer = told(said)
        return Response(answer.body, answer.status, {**(found.headers or {}), **answer.headers})

    return {404: answer, 405: answer}


def _console_doors(platform: Platform) -> ConsoleDoors:
    return ConsoleDoors(
        database=platform.database,
        clock=platform.clock,
        bus=platform.bus,
        access=platform.access,
        broker=platform.broker,
        history=platform.history,
        delivery=platform.delivery,
        context=platform.contexts.core,
    )


def console_of(platform: Platform) -> Console:
    """The shell with every room's screens in it."""
    settings = platform.settings
    directory = Directory(platform.identity, platform.provider.applications)
    audit = audit_screens(platform.access, audit_of(platform.rules, platform.provider.applications), directory)
    screens: list[Screen] = [
        *wing_screens(platform),
        *kpi_screens(platform.kpi, lambda call: platform.access.decide(call, "read"), platform.public.shows),
        *measure_screens(platform.measures, lambda call: platform.access.decide(call, "read"), directory.names),
        *effect_pages(platform),
        *device_screens(
            platform.registry,
            platform.arbiter,
            platform.enrolment,
            lambda call: platform.access.decide(call, "devices"),
            platform.gateway.counters,
        ),
        *usage_pages(platform),
        *pack_screens(platform.packs.doors, platform.packs, platform.library, directory.names),
        *source_screens(platform.sources, lambda call: platform.access.decide(call, "sources")),
        *alert_screens(alert_doors(platform)),
        *rule_screens(platform.rule_sets, platform.clock, directory.names),
        *notice_screens(platform.notices),
        *application_screens(platform.provider.applications, lambda call: platform.access.decide(call, "administer")),
        *access_screens(
            platform.access,
            platform.rules,
            subjects(platform.broker),
            names_of(platform.access, platform.broker, platform.contexts.core),
            directory,
        ),
        *audit,
        *console_screens(_console_doors(platform)),
    ]
    others = others_of(platform.federation)
    places = [*LoginPages(platform.identity, others).places(), *MyPages(platform.identity, others).places()]
    places += notice_pages(platform, may_enter_of(platform)).places()
    packages = [*(screen.package for screen in screens), *(place.package for place in places)]
    words = load_words([OWN_PACKAGE, *(package for package in packages if package)])
    setup = Setup(
        names=town_names(),
        tile_url=settings.map_tiles,
        tile_credit=settings.map_credit,
        credit=platform.credit,
    )
    return Console(
        screens,
        words,
        tenants=platform.database.tenants,
        live=platform.live,
        setup=setup,
        card=card_of(platform),
        clock=platform.clock,
        places=places,
        platform=[
            *platform_screens(platform.access, platform.rules, platform.contexts.core.expand, directory),
            *audit,
        ],
        may_enter=may_enter_of(platform),
        allow=allow_of(platform),
        closed=not settings.open,
        announce=announcements(platform.access, platform.rules, platform.clock),
        holds_role=holds_role_of(platform),
    )


def makes_tenants(platform: Platform) -> Callable[[Call], Awaitable[bool]]:
    """Who makes a tenant by writing to it: in an open house everybody, else an application that operates the platform,
    and was given the scope for it: nobody does so by a slip of the pen.
    """

    async def may_make(call: Call) -> bool:
        if platform.settings.open:
            return True
        if call.scopes is None or MAKES_TENANTS not in call.scopes:
            return False
        return OPERATOR in await platform.access.roles(PLATFORM, call.actor)

    return may_make


def allow_of(platform: Platform) -> Callable[[Call, str], Awaitable[None]]:
    """Raises a Problem where a call may not do what a screen needs."""

    async def allow(call: Call, needs: str) -> None:
        for one in needs.split():
            first, _, other = one.partition(EITHER)
            try:
                await _check_need(platform, call, first)
            except Problem:
                if not other:
                    raise
                await _check_need(platform, call, other)

    return allow


async def _check_need(platform: Platform, call: Call, needed: str) -> None:
    if needed == OWN:
        if platform.settings.open or call.actor.kind == "system":
            return
        if all("/" in role for role in await platform.access.roles(call.tenant, call.actor)):
            raise Forbidden("this page is for people who hold a role of the town itself").worded("refused.own")
        return
    grant = await platform.access.decide(call, "read" if needed == WHOLE else cast("Action", needed))
    if needed == WHOLE and not grant.is_all:
        said = "this page shows all data of the tenant, of which you may see a part only"
        raise Forbidden(said).worded("refused.whole")


def holds_role_of(platform: Platform) -> Callable[[Call], Awaitable[bool]]:
    """Who holds any role in a tenant, by an agreement too; in an open house everybody."""

    async def holds_role(call: Call) -> bool:
        return platform.settings.open or bool(await platform.access.roles(call.tenant, call.actor))

    return holds_role


def may_enter_of(platform: Platform) -> Callable[[Caller, Sequence[str]], Awaitable[Collection[str]]]:
    """Who is shown which tenants: in an open house everybody all, else who holds a role there, and everybody those that
    have published something.
    """

    async def may_enter(caller: Caller, tenants: Sequence[str]) -> Collection[str]:
        if platform.settings.open:
            return tenants
        if caller.tenant:
            tenants = [one for one in tenants if one == caller.tenant]
        found = await platform.places.of(caller.actor, tenants) if tenants else ()
        if not found and len(tenants) == 1 and await platform.public.shows(tenants[0]):
            return tenants  # its page of figures is for everybody; every other page asks what one may do
        return found

    return may_enter


def may_measure_of(platform: Platform) -> Callable[[Caller], Awaitable[bool]]:
    """Who sees the numbers of the whole platform: in an open house everybody, else who holds a role on it."""

    async def may_measure(caller: Caller) -> bool:
        if platform.settings.open:
            return True
        if caller.actor.kind not in ("person", "application") or caller.tenant:
            return False
        return bool(await platform.access.roles("", caller.actor))

    return may_measure


def published_of(platform: Platform, console: Console) -> Published:
    """What strangers may ask for where a tenant has published something: to read its data, to listen to it, and the
    pages that show it; and the first page, where any tenant has.
    """

    async def shows(scope: Scope) -> bool:
        if scope["path"] == "/":
            try:
                return bool(await platform.places.published())
            except Problem:  # the store is away, of which strangers are told by /readyz
                return False
        tenant = tenant_of(scope)
        if is_figures_page(scope["path"], tenant):
            return await platform.public.shows(tenant)
        return bool(tenant) and await platform.places.publishes(tenant)

    paths = (*ngsild.READING, *feeds_http.READING, *console.public_paths())
    return Published(paths, shows)
