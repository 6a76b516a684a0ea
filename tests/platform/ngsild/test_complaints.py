"""What users of other brokers complained of, asked of this one (docs/reference/complaints.md)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.ngsild.calls import HERE, LD, Client, gauge
from tests.platform.ngsild.conftest import SCHEMAS, make_face

from kumihimo.base.ports import HttpAnswer
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.ngsild.api import routes

NAMES = {
    "town": "https://example.org/town#",
    "水位計": "town:Gauge",
    "水位": "town:level",
    "川": {"@id": "town:at", "@type": "@id"},
}
ENTITY: dict[str, Any] = {
    "id": "urn:ngsi-ld:Gauge:1",
    "type": "水位計",
    "水位": {"type": "Property", "value": 1.5, "town:accuracy": {"type": "Property", "value": 0.1}},
    "川": {"type": "Relationship", "object": "urn:ngsi-ld:River:1"},
    "town:rain": {"type": "Property", "value": {"水位": 1, "level": 2}},
    "https://other.example/wind": {"type": "Property", "value": 3},
    "nowhere": {"type": "Property", "value": 4},
}


async def test_names_come_back_as_they_were_given(any_client: Client) -> None:
    hosted = await any_client("POST", "/jsonldContexts", {"@context": NAMES})
    link = (
        f'<{HERE}{hosted.header("location")}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    )
    heads = {"link": link}
    assert (await any_client("POST", "/entities", ENTITY, headers=heads)).status == 201
    assert (await any_client("GET", f"/entities/{ENTITY['id']}", headers=heads)).json == ENTITY
    assert (await any_client("GET", "/entities", query=f"type={quote('水位計')}", headers=heads)).json == [ENTITY]
    selected = f"q={quote('水位>1;town:rain;https://other.example/wind==3')}&type={quote('水位計')}"
    assert (await any_client("GET", "/entities", query=selected, headers=heads)).json == [ENTITY]
    attrs = (await any_client("GET", "/attributes", headers=heads)).json["attributeList"]
    assert set(attrs) == ENTITY.keys() - {"id", "type"}
    assert (await any_client("GET", "/types", headers=heads)).json["typeList"] == ["水位計"]
    past = (await any_client("GET", f"/temporal/entities/{ENTITY['id']}", headers=heads)).json
    assert past.keys() == ENTITY.keys()
    query = {"type": "Query", "entities": [{"type": "水位計"}], "@context": NAMES}
    found = await any_client("POST", "/entityOperations/query", query, media=LD)
    assert found.json == [ENTITY]


async def test_an_entity_has_several_places_and_each_is_asked_for(any_client: Client) -> None:
    def at(longitude: float) -> dict[str, Any]:
        return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, 36.0]}}

    for number, (here, there) in enumerate([(136.0, 137.0), (137.0, 136.0)], start=1):
        assert (await any_client("POST", "/entities", gauge(number, location=at(here), outlet=at(there)))).status == 201
    near = f"type=Gauge&georel=near;maxDistance==1000&geometry=Point&coordinates={quote('[136.0,36.0]')}"
    for name, expected in (("", "1"), ("&geoproperty=location", "1"), ("&geoproperty=outlet", "2")):
        found = await any_client("GET", "/entities", query=near + name)
        assert [one["id"][-1] for one in found.json] == [expected], name


@pytest.mark.parametrize("text", ["<>\"'=;()", "福井市<北>", "a;b|c", "'", '"', "\\", "100%", "a&b=c", "😀", "改\n行"])
async def test_every_character_may_stand_in_a_value_and_be_asked_for(any_client: Client, text: str) -> None:
    named = gauge(1, 名前={"type": "Property", "value": text})
    assert (await any_client("POST", "/entities", named)).status == 201
    assert (await any_client("POST", "/entities", gauge(2, 名前={"type": "Property", "value": "x"}))).status == 201
    q = quote(f"名前=={json.dumps(text, ensure_ascii=False)}")
    found = await any_client("GET", "/entities", query=f"type=Gauge&q={q}")
    assert [one["名前"]["value"] for one in found.json] == [text]


async def test_a_host_of_contexts_that_hangs_keeps_nobody_else_waiting(
    database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    asked = asyncio.Event()

    async def hang(method: str, url: str, **options: Any) -> HttpAnswer:
        del method, url, options
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    face = replace(await make_face(await database_factory(SCHEMAS), fake_clock), contexts=Contexts(fetch=hang))
    client = Client(Starlette(routes=routes(face)))
    body = {**gauge(1), "@context": "https://dead.example/context.jsonld"}
    waiting = asyncio.create_task(client("POST", "/entities", body, media=LD))
    await asked.wait()
    try:
        assert (await client("POST", "/entities", gauge(2))).status == 201
        assert (await client("GET", "/entities", query="type=Gauge")).status == 200
        inline = {**gauge(3), "@context": {"level": "https://example.org/level"}}
        assert (await client("POST", "/entities", inline, media=LD)).status == 201
        assert not waiting.done()
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
