"""A stranger walks every route of a closed platform, with every method: no tenant is named, and none is guessed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount
from tests.fakes import FakeClock
from tests.flows.test_tenants import route_table

from kumihimo.app.http import build_http
from kumihimo.app.start import open_database
from kumihimo.app.wire import wire
from kumihimo.base import times
from kumihimo.base.call import ANONYMOUS, Actor, Call
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import MqttPeer
from kumihimo.base.settings import Settings
from kumihimo.device.registry.models import Device
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Change, Op
from kumihimo.platform.ngsild.table import PREFIX
from kumihimo.platform.provider.discovery import OPEN as PROVIDER_OPEN
from kumihimo.service.console.webhook import webhook_address

HERE, NOWHERE, OTHER = "kanaria7", "niemand7", "verborgen5"
"""The tenant that is guessed, one of the same length that nobody has, and one that must never be named."""
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND")
OPEN = {
    (method, path)
    for method in ("GET", "HEAD")
    for path in ("/healthz", "/readyz", "/login", "/recover", "/login/with", "/login/left")
}
OPEN |= {(method, f"/devices/v1/{HERE}/claim") for method in ("GET", "HEAD")}
"""The page on which a claim code is typed is the same whatever tenant its address names."""
LOGGING_IN = ("/welcome/x", "/login", "/recover", "/login/code", "/login/passkey", "/login/passkey/options", "/logout")
"""Forms that strangers send, which are taken from a page of ours alone: the stranger here says nothing of a page."""
NO_PROVIDER = {
    *((method, f"/login/{way}/x") for method in ("GET", "HEAD") for way in ("with", "from", "keys")),
    ("POST", "/login/ended/x"),
}
"""Log-in through a provider outside that there is not."""
PROVIDER = {*PROVIDER_OPEN, *(("HEAD", path) for method, path in PROVIDER_OPEN if method == "GET")}
"""The provider's endpoints find out by themselves which application asks, and who is logged in."""
LINKS = tuple(f"/notices/v1/{HERE}/{what}/x" for what in ("confirm", "stop"))
"""Addresses in mails: the secret in them is nobody's, so that there is nothing, whatever the tenant."""
OF_DEVICES = tuple(f"/devices/v1/{HERE}/x/{what}" for what in ("authority", "revoked"))
"""A device proves itself there, and is told so by a problem document whatever it accepts."""
WEBHOOK = f"/webhooks/{HERE}/x"
"""Its token is not the tenant's: 404, as where there is no such tenant."""
GONE = tuple((method, "/welcome/x") for method in ("GET", "HEAD"))
"""A one-time link that is nobody's, or lost its end in a mail, is said to be no good."""
READINGS = "/devices/v1/{tenant}/{device}/readings"


class Stranger:
    def __init__(self, platform: Any) -> None:
        self.app = build_http(platform)
        self.platform = platform
        self.database = platform.database
        self.paths = sorted({getattr(route, "path", "") for route in route_table(platform)})
        self.mounts = {route.path for route in route_table(platform) if isinstance(route, Mount)}

    async def ask(self, method: str, path: str, accept: str, **more: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and body."""
        sent: list[Any] = []
        waiting = [{"type": "http.request", "body": b"{}", "more_body": False}]

        async def receive() -> Any:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        given = {"host": "localhost", "accept": accept, "x-request-id": "same", "content-type": "application/json"}
        headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in {**given, **more}.items()]
        path, _, query = path.partition("?")
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "client": ("::1", 1)}
        scope |= {"query_string": query.encode(), "server": ("localhost", 80)}
        await self.app({**scope, "headers": headers, "root_path": "", "scheme": "http"}, receive, send)
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], found, b"".join(one.get("body", b"") for one in sent[1:]).decode()

    def places(self, tenant: str) -> list[str]:
        """Every route's path in this tenant, and paths near it that no route has."""
        found = []
        for template in self.paths:
            path = re.sub(r"\{[^}]*\}", "x", template.replace("{tenant}", tenant))
            found += [path, path + "/", "/" + path, path + "/x", path.upper()]
        return [*found, *(f"{mount}/{tenant}" for mount in self.mounts), "/nowhere", f"/devices/v1/{tenant}"]


@pytest.fixture
async def stranger(tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[Stranger]:
    platform = wire(Settings(data=str(tmp_path / "data"), port=0, mqtt_port=-1), fake_clock)
    async with open_database(platform):
        for tenant in (HERE, OTHER):
            await platform.database.add_tenant(tenant)
            await platform.registry.add(tenant, Device("x", "river-gauge", "x", "urn:a:b", "T"))
        platform.ready = True
        yield Stranger(platform)


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_a_strangers_walk_names_no_tenant(stranger: Stranger, accept: str) -> None:
    assert READINGS in stranger.paths
    for method in METHODS:
        for here, nowhere in zip(stranger.places(HERE), stranger.places(NOWHERE), strict=True):
            status, headers, body = await stranger.ask(method, here, accept)
            is_providers = (method, here) in PROVIDER
            assert is_providers or (status == 200) == ((method, here) in OPEN), (method, here, status)
            is_form = method == "POST" and here in LOGGING_IN
            may_log_in = accept == "text/html" and method in ("GET", "HEAD") and here not in OF_DEVICES
            refused = 403 if is_form else 303 if may_log_in else 401
            expected: tuple[int, ...] = (400, 404) if (method, here) in NO_PROVIDER else (200, refused)
            is_link = here in LINKS and method in ("GET", "HEAD", "POST")
            expected = (404,) if is_link or (method, here) == ("POST", WEBHOOK) else expected
            expected = (410,) if (method, here) in GONE else expected
            expected = (200, 204, 303, 400, 401, 403, 415) if is_providers else expected
            assert status in expected, (method, here, status)
            if status == 303:
                assert headers["location"].startswith("/login?next=%2F")
            told = f"{headers} {body}"
            assert OTHER not in told, (method, here)
            twin = await stranger.ask(method, nowhere, accept)
            same = f"{twin[1]} {twin[2]}".replace(NOWHERE, HERE).replace(NOWHERE.upper(), HERE.upper())
            assert (status, told) == (twin[0], same), (method, here)


async def test_only_a_devices_own_door_takes_a_key(stranger: Stranger) -> None:
    """With a key or without: what stands behind is a problem document, also for a browser."""
    status, headers, _ = await stranger.ask("POST", f"/devices/v1/{HERE}/x/readings", "text/html")
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    for method, path in (("POST", "claim"), ("POST", "x/certificate"), ("GET", "x/authority"), ("GET", "x/revoked")):
        status, headers, _ = await stranger.ask(method, f"/devices/v1/{HERE}/{path}", "text/html")
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
    for method, path in (("GET", f"/devices/v1/{HERE}/x/readings"), ("POST", f"/devices/v1/{HERE}/x/other")):
        status, headers, _ = await stranger.ask(method, path, "application/json", authorization="Bearer x")
        assert (status, headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


async def test_notifications_reach_the_webhook_page_by_its_address_alone(stranger: Stranger) -> None:
    address = await webhook_address(stranger.database, HERE, "")
    assert (await stranger.ask("POST", address, "application/json"))[0] == 204
    assert (await stranger.ask("POST", f"{address}0", "application/json"))[0] == 404
    assert (await stranger.ask("POST", address.replace(HERE, OTHER), "application/json"))[0] == 404
    assert (await stranger.ask("GET", address, "application/json"))[0] == 401


# --- what a tenant has published ------------------------------------------------------------------------

WELL, PUMP = "urn:ngsi-ld:Well:1", "urn:ngsi-ld:Pump:1"
VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"
LOCATION = "https://uri.etsi.org/ngsi-ld/location"
PUBLIC = f"""permit (principal is Anonymous, action == Action::"read", resource in EntityType::"{VOCAB}Well")
when {{ ["{VOCAB}depth", "{VOCAB}name", "{LOCATION}"].contains(context.attribute) }};"""
SECRET = "geheimnis9"
SHOWN = (
    f"{PREFIX}/entities?type=Well",
    f"{PREFIX}/entities/{WELL}",
    f"{PREFIX}/temporal/entities/{WELL}",
    f"{PREFIX}/temporal/entities?type=Well&timerel=after&timeAt=1970-01-01T00:00:00Z",
    f"{PREFIX}/types",
    f"{PREFIX}/types/Well",
    f"{PREFIX}/attributes",
    f"{PREFIX}/attributes/depth",
    f"/t/{HERE}/entities",
    f"/t/{HERE}/entity-map",
    f"/t/{HERE}/entities/{WELL}",
    f"/t/{HERE}/entity-points?id={WELL}&attribute=depth",
    "/",
)
"""Everything that shows a stranger something of what is published."""
LEADS_ON = (f"/t/{HERE}", f"/t/{HERE}/")


def prop(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": "2026-06-01T00:00:00Z"}


async def publish(stranger: Stranger) -> None:
    """HERE publishes depth and name of its wells; who runs them, and its pumps, it keeps for itself."""
    values = {"depth": prop(12.5), "name": prop("井戸"), f"owner{SECRET}": prop(SECRET)}
    call = Call(HERE, Actor("system", "test"))
    for entity_id in (WELL, PUMP):
        attrs: Any = {VOCAB + name: [value] for name, value in values.items()}
        attrs[LOCATION] = [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.0]}}]
        doc: Any = {"id": entity_id, "type": [VOCAB + entity_id.split(":")[2]], "attrs": attrs}
        [outcome] = await stranger.platform.broker.apply(call, [Change(Op.CREATE, entity_id, doc)])
        assert outcome.status == "created"
    await stranger.platform.rules.documents.put(HERE, "published", PUBLIC, "person:p-1", "a test")


async def test_of_a_tenant_a_stranger_sees_exactly_what_it_has_published(stranger: Stranger) -> None:
    await publish(stranger)
    for path in SHOWN:
        for tenant, is_shown in ((HERE, True), (OTHER, False), (NOWHERE, False)):
            status, headers, body = await stranger.ask("GET", path.replace(HERE, tenant), "*/*", ngsild_tenant=tenant)
            if path == "/":
                assert (status, HERE in body, OTHER in body) == (200, True, False)
                continue
            assert status == (200 if is_shown else 401), (path, tenant)
            if is_shown:
                assert any(word in body for word in ("depth", "井戸", "Well")), path
                assert headers["cache-control"] == "no-cache", path
                assert {"Authorization", "Cookie", "NGSILD-Tenant"} <= set(headers["vary"].split(", ")), path
            for secret in (SECRET, PUMP, "Pump", OTHER):
                assert secret not in body.replace(tenant, ""), (path, secret)


async def test_what_is_not_published_is_answered_as_what_there_is_not(stranger: Stranger) -> None:
    await publish(stranger)
    kept = "urn:ngsi-ld:Pomp:1"
    for there, nowhere in (
        (f"{PREFIX}/entities/{PUMP}", f"{PREFIX}/entities/{kept}"),
        (f"{PREFIX}/temporal/entities/{PUMP}", f"{PREFIX}/temporal/entities/{kept}"),
        (f"/t/{HERE}/entities/{PUMP}", f"/t/{HERE}/entities/{kept}"),
        (f"{PREFIX}/types/Pump", f"{PREFIX}/types/Pomp"),
        (f"{PREFIX}/attributes/owner{SECRET}", f"{PREFIX}/attributes/ownerniemand777"),
        (f"{PREFIX}/entities?q=owner{SECRET}", f"{PREFIX}/entities?q=ownerniemand777"),
        (f"{PREFIX}/entities?type=Pump", f"{PREFIX}/entities?type=Pomp"),
        (f"{PREFIX}/entities?type=Well&orderBy=owner{SECRET}", f"{PREFIX}/entities?type=Well&orderBy=ownerniemand777"),
    ):
        mine, twin = [await stranger.ask("GET", one, "*/*", ngsild_tenant=HERE) for one in (there, nowhere)]
        assert mine[0] == twin[0], there
        assert mine[2].replace("Pump", "Pomp").replace(SECRET, "niemand777") == twin[2], there
    assert (await stranger.ask("GET", f"{PREFIX}/entities/{PUMP}", "*/*", ngsild_tenant=HERE))[0] == 404
    counted = await stranger.ask("GET", f"{PREFIX}/entities?local=true&count=true&limit=0", "*/*", ngsild_tenant=HERE)
    assert counted[1]["ngsild-results-count"] == "1"


async def test_beside_what_is_published_the_walk_is_the_same_as_before(stranger: Stranger) -> None:
    """Each route and method that shows nothing of it is answered for HERE as for a tenant that nobody has."""
    await publish(stranger)
    shown = {path.partition("?")[0] for path in SHOWN} | {*LEADS_ON, f"/feeds/v1/{HERE}/entities", f"/t/{HERE}/live"}
    passed = set()
    for method in METHODS:
        for here, nowhere in zip(stranger.places(HERE)[::5], stranger.places(NOWHERE)[::5], strict=True):
            if here in shown and method in ("GET", "HEAD"):
                continue
            mine = await stranger.ask(method, here, "application/json", ngsild_tenant=HERE)
            twin = await stranger.ask(method, nowhere, "application/json", ngsild_tenant=NOWHERE)
            if mine[0] in (200, 404, 400, 405, 406, 411, 415, 422) and twin[0] == 401:
                passed.add((method, here))
                assert SECRET not in mine[2]
                assert PUMP not in mine[2]
                continue
            same = f"{twin[1]} {twin[2]}".replace(NOWHERE, HERE).replace(NOWHERE.upper(), HERE.upper())
            assert f"{mine[1]} {mine[2]}" == same, (method, here)
    # What passes the door beside that: names that nobody has, and questions that are sent as a body.
    assert {method for method, _ in passed} <= {"GET", "HEAD", "POST"}
    assert {path for method, path in passed if method == "POST"} == {
        f"{PREFIX}/{kind}entityOperations/query" for kind in ("", "temporal/")
    }
    reading = re.compile(
        rf"{PREFIX}/(entities|temporal/entities|types|attributes|jsonldContexts/.+)(/.*)?|/t/{HERE}/entit.*"
    )
    assert all(
        reading.fullmatch(path)
        for _, path in passed
        if not path.startswith(f"{PREFIX}/entityOp") and "Operations" not in path
    )


async def test_a_tenant_that_takes_back_what_it_published_is_closed_again(stranger: Stranger) -> None:
    await publish(stranger)
    assert (await stranger.ask("GET", "/", "text/html"))[0] == 200
    await stranger.platform.rules.documents.remove(HERE, "published", "person:p-1", "a test")
    for path in SHOWN:
        mine = await stranger.ask("GET", path, "text/html", ngsild_tenant=HERE)
        assert (mine[0], mine[1]["location"][:7]) == (303, "/login?"), path


async def test_a_stranger_is_shown_the_way_to_log_in_and_no_page_but_those_of_data(stranger: Stranger) -> None:
    await publish(stranger)
    _, _, body = await stranger.ask("GET", f"/t/{HERE}/entities", "text/html", **{"accept-language": "ja"})
    assert f"/login?next=%2Ft%2F{HERE}%2Fentities" in body
    links = set(re.findall(rf'href="/t/{HERE}(/[a-z-]*)', body))
    assert links <= {"/entities"}
    _, _, body = await stranger.ask("GET", "/", "text/html")
    assert f'href="/t/{HERE}/entities"' in body
    status, headers, _ = await stranger.ask("GET", f"/t/{HERE}", "text/html")
    assert (status, headers["location"]) == (303, f"/t/{HERE}/entities")


async def test_a_feed_tells_strangers_of_what_is_published(stranger: Stranger) -> None:
    await publish(stranger)
    call = Call(HERE, ANONYMOUS, "feed")
    events = await stranger.platform.feeds.open(
        call,
        {"type": "Subscription", "entities": [{"type": "Well"}]},
        stranger.platform.contexts.core,
        after=None,
        standing=True,
    )
    found = [await anext(events) for _ in range(2)]
    assert found[1].entity is not None
    assert set(found[1].entity) == {"id", "type", "depth", "name", "location"}
    await events.aclose()


async def test_an_authorization_that_is_none_is_refused_though_something_is_published(stranger: Stranger) -> None:
    await publish(stranger)
    asked = await stranger.ask("GET", f"{PREFIX}/types", "*/*", ngsild_tenant=HERE, authorization="Bearer x")
    assert (asked[0], asked[1]["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    with_old_cookie = await stranger.ask("GET", f"{PREFIX}/types", "*/*", ngsild_tenant=HERE, cookie="kumihimo=x")
    assert with_old_cookie[0] == 200


async def test_a_stranger_is_given_the_context_that_an_answer_names_and_no_more_of_it(stranger: Stranger) -> None:
    id_ = await stranger.platform.shelf.add(HERE, {"depth": VOCAB + "depth"})
    address = f"{PREFIX}/jsonldContexts/{id_}"
    assert (await stranger.ask("GET", address, "*/*", ngsild_tenant=HERE))[0] == 401
    await publish(stranger)
    status, _, body = await stranger.ask("GET", address, "*/*", ngsild_tenant=HERE)
    assert (status, "depth" in body) == (200, True)
    for path, refused in ((f"{address}?details=true", 404), (f"{PREFIX}/jsonldContexts", 401)):
        assert (await stranger.ask("GET", path, "*/*", ngsild_tenant=HERE))[0] == refused


async def test_the_platforms_own_gateway_asks_the_policies_what_a_device_may_write(stranger: Stranger) -> None:
    narrow = f"""permit (principal in Role::"device", action == Action::"write", resource is Entity)
    when {{ context.attribute == "{VOCAB}batteryVoltage" }};"""
    platform = stranger.platform
    await platform.rules.documents.put(HERE, "device", narrow, "person:p-1", "a test")
    at = times.text(platform.clock.now())
    body = dumps({"observedAt": at, "level": 1.5, "battery": 12})
    await platform.gateway.publish(MqttPeer("c", HERE, "x"), f"kumihimo/{HERE}/x/up", body, {})
    doc = await platform.broker.get(HERE, "urn:a:b", ALL_ROWS, ALL_ATTRIBUTES)
    assert doc is not None
    assert set(doc["attrs"]) == {VOCAB + "batteryVoltage"}
    assert "waterLevel" in (await platform.registry.refusals(HERE))[0].en
