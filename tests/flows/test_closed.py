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
from kumihimo.base.settings import Settings
from kumihimo.device.registry.models import Device
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
LOGGING_IN = ("/login", "/recover", "/login/code", "/login/passkey", "/login/passkey/options", "/logout")
"""Forms that strangers send, which are taken from a page of ours alone: the stranger here says nothing of a page."""
NO_PROVIDER = {
    *((method, f"/login/{way}/x") for method in ("GET", "HEAD") for way in ("with", "from", "keys")),
    ("POST", "/login/ended/x"),
}
"""Log-in through a provider outside that there is not."""
PROVIDER = {*PROVIDER_OPEN, *(("HEAD", path) for method, path in PROVIDER_OPEN if method == "GET")}
"""The provider's endpoints find out by themselves which application asks, and who is logged in."""
OF_DEVICES = tuple(f"/devices/v1/{HERE}/x/{what}" for what in ("authority", "revoked"))
"""A device proves itself there, and is told so by a problem document whatever it accepts."""
WEBHOOK = f"/webhooks/{HERE}/x"
"""Its token is not the tenant's: 404, as where there is no such tenant."""
READINGS = "/devices/v1/{tenant}/{device}/readings"


class Stranger:
    def __init__(self, platform: Any) -> None:
        self.app = build_http(platform)
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
        headers = [(name.encode(), value.encode()) for name, value in {**given, **more}.items()]
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
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
            expected = (404,) if (method, here) == ("POST", WEBHOOK) else expected
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
