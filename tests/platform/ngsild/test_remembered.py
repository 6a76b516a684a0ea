"""What was rendered before is given again only where it would be rendered alike; routes are found as without it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from tests.platform.ngsild.calls import JSON, LD, LINK, Client

from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.rendering import Rendering
from kumihimo.platform.ngsild.api import RESOURCES, Face, Switch, routes
from kumihimo.platform.ngsild.remembered import MAX_CONTEXTS, MAX_ONE, Remembered

GAUGE = {
    "id": "urn:ngsi-ld:Gauge:1",
    "type": "Gauge",
    "level": {"type": "Property", "value": 1.5, "unitCode": "MTR"},
    "name": {"type": "LanguageProperty", "languageMap": {"ja": "橋", "en": "bridge"}},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.0]}},
}
ROOT = "/ngsi-ld/v1/entities"
ONE = f"{ROOT}/{GAUGE['id']}"
QUERIES: list[dict[str, str]] = [
    {},
    {"options": "keyValues"},
    {"format": "concise"},
    {"options": "sysAttrs"},
    {"lang": "ja"},
    {"lang": "en"},
    {"attrs": "level"},
    {"pick": "id,level"},
    {"omit": "level"},
    {"omit": "id,type"},
]
HEADERS: list[dict[str, str]] = [{}, {"accept": LD}, {"link": LINK}, {"accept": "application/geo+json"}]


async def ways(client: Client) -> list[tuple[int, Any, Any]]:
    """The entity in each of its forms, alone and in a page."""
    found = []
    for query in QUERIES:
        for headers in HEADERS:
            for path, more in ((ONE, {}), (ROOT, {"local": "true"})):
                reply = await client("GET", path, query={**query, **more}, headers=headers)
                found.append((reply.status, sorted(reply.headers), reply.json))
    return found


async def test_every_form_is_the_same_the_second_time(client: Client, face: Face) -> None:
    assert (await client("POST", ROOT, GAUGE, headers={"content-type": JSON})).status == 201
    first = await ways(client)
    assert len(face.remembered) > len(QUERIES)
    assert await ways(client) == first
    face.remembered = Remembered(most=0)
    assert await ways(client) == first
    assert len(face.remembered) == 0


async def test_a_change_is_seen_at_once(client: Client) -> None:
    assert (await client("POST", ROOT, GAUGE, headers={"content-type": JSON})).status == 201
    for value in range(5):
        body = {"level": {"type": "Property", "value": value}}
        await client("PATCH", f"{ONE}/attrs", body, headers={"content-type": JSON})
        assert (await client("GET", ONE)).json["level"]["value"] == value
        assert (await client("GET", ROOT, query={"type": "Gauge"})).json[0]["level"]["value"] == value


async def test_what_one_tenant_was_told_is_not_told_to_another(client: Client, face: Face) -> None:
    for tenant in ("east", "west"):
        headers = {"content-type": JSON, "ngsild-tenant": tenant}
        assert (await client("POST", ROOT, GAUGE, headers=headers)).status == 201
    await client("GET", ONE, headers={"ngsild-tenant": "east"})
    before = len(face.remembered)
    await client("GET", ONE, headers={"ngsild-tenant": "west"})
    assert len(face.remembered) == before + 1


def test_what_is_remembered_is_bounded() -> None:
    core, remembered = Contexts().core, Remembered(most=100_000)
    remembered.keep(("t", JSON, Rendering(core), "x" * MAX_ONE), b"")
    assert len(remembered) == 0
    for place in range(1000):
        remembered.keep(("t", JSON, Rendering(core), str(place)), b"x" * 500)
        remembered.get(("t", JSON, Rendering(core), "0"))
    assert 0 < remembered.weight <= 100_000
    assert remembered.get(("t", JSON, Rendering(core), "0")) is not None, "what is used stays"
    assert remembered.get(("t", JSON, Rendering(core), "1")) is None
    assert remembered.get(("t", JSON, Rendering(core), "999")) is not None


async def test_contexts_are_forgotten_with_what_was_written_by_them() -> None:
    contexts, remembered = Contexts(), Remembered()
    for place in range(MAX_CONTEXTS + 5):
        context = await contexts.resolve({"name": f"https://example.org/{place}"})
        remembered.keep(("t", JSON, Rendering(context), "{}"), b"")
    assert len(remembered) == MAX_CONTEXTS


def paths() -> list[str]:
    """Every resource's path with names filled in, and paths beside them."""
    known = ["/ngsi-ld/v1" + one.path.replace("{", "urn:x:").replace("}", "") for one in RESOURCES]
    wrong = ["/", "/ngsi-ld/v1", "/ngsi-ld/v1/", "/ngsi-ld/v1/nothing", "/ngsi-ld/v1/entities/a/b/c/d/e", "/ngsi-ld/v2"]
    return [*known, *(one + "/" for one in known), *wrong, "/ngsi-ld/v1/entities/urn%3Ax%2Fy", "/ngsi-ld/v1//entities"]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "HEAD"])
async def test_the_switch_finds_what_the_routes_find(face: Face, method: str) -> None:
    face.open_house = False  # or the first who asks would make the tenant that the second finds
    slow = Client(Starlette(routes=routes(face)))
    fast = Client(Switch(routes(face), Starlette(routes=routes(face))))
    for path in paths():
        ways = [await client(method, path, headers={"ngsild-tenant": "none"}) for client in (slow, fast)]
        told = [(one.status, one.headers, _without_number(one.body)) for one in ways]
        assert told[0] == told[1], (method, path)


def _without_number(body: bytes) -> bytes:
    return body.partition(b'"requestId"')[0]
