from __future__ import annotations

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.ngsild.calls import Client, gauge
from tests.platform.ngsild.conftest import SCHEMAS, make_face

from kumihimo.platform.ngsild.api import routes

ONE = "/entities/urn:ngsi-ld:Gauge:1"


async def test_tenants_do_not_see_each_other(client: Client) -> None:
    fukui, sabae = client.of("fukui"), client.of("sabae")
    made = await fukui("POST", "/entities", gauge())
    assert (made.status, made.header("ngsild-tenant")) == (201, "fukui")
    await sabae("POST", "/entities", gauge(2))
    assert (await fukui("GET", ONE)).status == 200
    for other in (sabae, client):
        assert (await other("GET", ONE)).kind == "ResourceNotFound"
        assert (await other("DELETE", ONE)).kind == "ResourceNotFound"
        assert b"Gauge:1" not in (await other("GET", "/entities", query="type=Gauge")).body
    assert (await client("GET", ONE)).header("ngsild-tenant") is None


async def test_only_creating_makes_a_tenant(client: Client) -> None:
    katsuyama = client.of("katsuyama")
    unknown = await katsuyama("GET", "/entities", query="type=Gauge")
    assert (unknown.kind, unknown.header("ngsild-tenant")) == ("NonexistentTenant", "katsuyama")
    assert (await katsuyama("GET", "/types")).kind == "NonexistentTenant"
    assert (await katsuyama("DELETE", ONE)).kind == "NonexistentTenant"
    assert (await katsuyama("PATCH", f"{ONE}/attrs/level", {"value": 1})).kind == "NonexistentTenant"
    assert (await katsuyama("POST", "/entityOperations/upsert", [gauge()])).status == 201
    assert (await katsuyama("GET", ONE)).status == 200


async def test_the_default_tenant_is_always_there(client: Client) -> None:
    assert (await client("GET", "/entities", query="type=Gauge")).json == []
    assert (await client.of("default")("GET", "/types")).status == 200


@pytest.mark.parametrize("name", ["Fukui", "-a", "a b", "a/b", "../x", "x" * 64])
async def test_names_that_no_tenant_may_have(client: Client, name: str) -> None:
    assert (await client.of(name)("GET", "/types")).kind == "BadRequestData"


async def test_a_closed_house_answers_nobody(database_factory: DatabaseFactory, fake_clock: FakeClock) -> None:
    database = await database_factory(SCHEMAS)
    await database.add_tenant("default")
    closed = Client(Starlette(routes=routes(await make_face(database, fake_clock, open_house=False))))
    for method, path, body in (
        ("GET", "/entities?type=Gauge", None),
        ("GET", ONE, None),
        ("POST", "/entities", gauge()),
        ("DELETE", ONE, None),
        ("POST", "/entityOperations/delete", ["urn:ngsi-ld:Gauge:1"]),
        ("GET", "/temporal/entities?type=Gauge", None),
        ("GET", "/types", None),
        ("GET", "/subscriptions", None),
        ("POST", "/subscriptions", {}),
    ):
        bare, _, query = path.partition("?")
        refused = await closed(method, bare, body, query=query)
        assert (refused.status, refused.kind) == (401, "Unauthenticated"), path
    assert await database.tenants() == ["default"]
