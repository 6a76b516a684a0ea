"""What expires is gone from every answer at its moment, on both engines."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.ngsild.calls import Client, gauge
from tests.platform.ngsild.conftest import SCHEMAS, make_face

from kumihimo.base.times import text
from kumihimo.platform.ngsild.api import Face, routes

ONE = "/entities/urn:ngsi-ld:Gauge:1"


@pytest.fixture
async def any_face(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> Face:
    return await make_face(await any_database_factory(SCHEMAS), fake_clock)


@pytest.fixture
def town(any_face: Face) -> Client:
    return Client(Starlette(routes=routes(any_face)))


def after(clock: FakeClock, seconds: float) -> str:
    now = clock.now()
    clock.advance(seconds)
    moment = text(clock.now())
    clock.advance(-seconds)
    assert clock.now() == now
    return moment


async def test_an_entity_is_gone_from_every_answer(town: Client, fake_clock: FakeClock) -> None:
    body = gauge(1, expiresAt=after(fake_clock, 10))
    assert (await town("POST", "/entities", body)).status == 201
    await town("POST", "/entities", gauge(2))
    fake_clock.advance(9)
    assert (await town("GET", ONE)).status == 200
    fake_clock.advance(1)
    assert (await town("GET", ONE)).status == 404
    found = await town("GET", "/entities", query="type=Gauge&count=true")
    assert ([one["id"][-1] for one in found.json], found.header("ngsild-results-count")) == (["2"], "1")
    assert (await town("GET", "/types/Gauge")).json["entityCount"] == 1
    assert (await town("POST", "/entities", gauge(1))).status == 201


async def test_writing_finds_it_gone_before_anybody_has_read(town: Client, fake_clock: FakeClock) -> None:
    await town("POST", "/entities", gauge(1, expiresAt=after(fake_clock, 10)))
    fake_clock.advance(11)
    assert (await town("PATCH", f"{ONE}/attrs/level", {"value": 2})).status == 404


async def test_one_that_has_expired_already_is_never_seen(town: Client, fake_clock: FakeClock) -> None:
    assert (await town("POST", "/entities", gauge(1, expiresAt=after(fake_clock, -10)))).status == 201
    assert (await town("GET", ONE)).status == 404


async def test_attributes_go_alone_and_their_instances_too(town: Client, fake_clock: FakeClock) -> None:
    def part(value: int, seconds: float, **more: Any) -> dict[str, Any]:
        return {"type": "Property", "value": value, "expiresAt": after(fake_clock, seconds), **more}

    await town("POST", "/entities", gauge(1, rain=part(1, 5), wind=[part(1, 50), part(2, 10, datasetId="urn:d:1")]))
    fake_clock.advance(5)
    assert "rain" not in (await town("GET", ONE)).json
    assert (await town("GET", "/entities", query="q=rain==1")).json == []
    fake_clock.advance(5)
    assert (await town("GET", ONE)).json["wind"] == {"type": "Property", "value": 1}
    fake_clock.advance(40)
    assert set((await town("GET", ONE)).json) == {"id", "type", "level"}
    assert set((await town("GET", "/temporal" + ONE)).json) == {"id", "type", "level"}


async def test_expiry_can_be_put_off_and_taken_back(town: Client, fake_clock: FakeClock) -> None:
    await town("POST", "/entities", gauge(1, expiresAt=after(fake_clock, 10)))
    assert (await town("PATCH", ONE, {"expiresAt": after(fake_clock, 20)})).status == 204
    fake_clock.advance(15)
    assert (await town("GET", ONE)).status == 200
    assert (await town("PATCH", ONE, {"expiresAt": "urn:ngsi-ld:null"})).status == 204
    fake_clock.advance(15)
    assert (await town("GET", ONE)).status == 200
    assert (await town("PATCH", ONE, {"expiresAt": after(fake_clock, 1)})).status == 204
    fake_clock.advance(1)
    assert (await town("GET", ONE)).status == 404


async def test_many_at_once_go_in_steps(town: Client, fake_clock: FakeClock) -> None:
    until = after(fake_clock, 10)
    for start in (0, 500):
        batch = [gauge(number, expiresAt=until) for number in range(start, start + 500)]
        assert (await town("POST", "/entityOperations/create", batch)).status == 201
    fake_clock.advance(10)
    assert (await town("GET", "/entities", query="type=Gauge")).json == []


async def test_a_platform_that_begins_anew_knows_what_is_due(
    town: Client, any_face: Face, fake_clock: FakeClock
) -> None:
    await town("POST", "/entities", gauge(1, expiresAt=after(fake_clock, 10)))
    fake_clock.advance(10)
    later = await make_face(any_face.database, fake_clock)
    assert (await Client(Starlette(routes=routes(later)))("GET", ONE)).status == 404
