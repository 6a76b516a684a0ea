"""An application of the platform itself: every tenant with one key, as far as it holds roles; new ones by its scope."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes import FakeClock
from tests.service.console.asgi_client import Client

from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.start import open_database
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor
from kumihimo.base.errors import BadRequestData
from kumihimo.base.settings import Settings
from kumihimo.storage.database import PLATFORM

ENTITIES = "/ngsi-ld/v1/entities"
ALL = ("ngsi-ld:read", "ngsi-ld:write", "tenants:write")


@pytest.fixture
async def closed(tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[Platform]:
    platform = wire(Settings(data=str(tmp_path / "data"), port=0, mqtt_port=-1), fake_clock)
    async with open_database(platform):
        for tenant in ("kawa", "yama"):
            await platform.database.add_tenant(tenant)
        yield platform


async def status(platform: Platform, key: str, tenant: str, method: str = "GET") -> int:
    client = Client(build_http(platform))
    headers = {"authorization": f"Bearer {key}", "ngsild-tenant": tenant, "content-type": "application/json"}
    if method == "GET":
        return (await client.get(f"{ENTITIES}?type=T", headers)).status
    body = b'{"id":"urn:x:1","type":"T"}'
    return (await client.send("POST", ENTITIES, {**headers, "content-length": str(len(body))}, body)).status


async def key_of(platform: Platform, role_in: str | None, *scopes: str) -> str:
    made = await platform.provider.applications.add("", "operations", "key", scopes=scopes)
    if role_in is not None:
        await platform.access.add_member(role_in, Actor("application", made.application.id), "operator", "test")
    return made.secret


async def test_it_comes_where_it_holds_a_role_and_as_operator_everywhere(closed: Platform) -> None:
    nowhere, in_one, everywhere = [await key_of(closed, role, *ALL) for role in (None, "kawa", PLATFORM)]
    for tenant, expected in (("kawa", (403, 200, 200)), ("yama", (403, 403, 200))):
        assert tuple([await status(closed, key, tenant) for key in (nowhere, in_one, everywhere)]) == expected


async def test_it_makes_a_tenant_by_writing_where_it_operates_and_has_the_scope(closed: Platform) -> None:
    unscoped, elsewhere = await key_of(closed, PLATFORM, *ALL[:2]), await key_of(closed, "kawa", *ALL)
    assert await status(closed, unscoped, "umi", "POST") == 404
    assert await status(closed, elsewhere, "umi", "POST") in {401, 403, 404}
    key = await key_of(closed, PLATFORM, *ALL)
    assert await status(closed, key, "umi") == 404, "reading makes none"
    assert "umi" not in await closed.database.tenants()
    assert await status(closed, key, "umi", "POST") == 201
    assert await status(closed, key, "umi") == 200
    assert await status(closed, elsewhere, "umi") == 403


async def test_it_acts_for_nobody_but_itself_and_no_tenants_application_makes_tenants(closed: Platform) -> None:
    add = closed.provider.applications.add
    with pytest.raises(BadRequestData, match="itself"):
        await add("", "app", "confidential", scopes=["openid"], redirect_uris=["https://app.example/back"])
    with pytest.raises(BadRequestData, match="tenants:write"):
        await add("kawa", "app", "key", scopes=ALL)
