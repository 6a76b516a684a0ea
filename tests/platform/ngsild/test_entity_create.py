"""Creating and replacing entities (clauses 5.6.1 and 5.6.18)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import LD, TOWN, Client, gauge
from tests.platform.ngsild.writes import (
    FIRST,
    ID,
    LATER,
    ONE,
    RADAR,
    SECOND,
    SONAR,
    START,
    link,
    make,
    prop,
    shown,
    stamped,
    values,
    words,
)


async def test_an_entity_with_every_kind_of_attribute_comes_back_as_given(any_client: Client) -> None:
    await make(any_client, **FIRST)
    assert await shown(any_client) == gauge(**FIRST)


async def test_an_entity_needs_no_attributes(client: Client) -> None:
    assert (await client("POST", "/entities", {"id": ID, "type": "Gauge"})).status == 201
    assert await shown(client) == {"id": ID, "type": "Gauge"}


async def test_what_stands_is_not_created_again(client: Client) -> None:
    await make(client)
    refused = await client("POST", "/entities", {"id": ID, "type": "Pump", "power": prop(5)})
    assert (refused.status, refused.kind) == (409, "AlreadyExists")
    assert await shown(client) == gauge()


async def test_what_was_deleted_may_be_created_anew(client: Client, fake_clock: FakeClock) -> None:
    await make(client)
    await client("DELETE", ONE)
    fake_clock.advance(60)
    await make(client)
    told = await stamped(client)
    assert (told["createdAt"], told["level"]["createdAt"]) == (LATER, LATER)


async def test_all_that_is_created_has_one_time(client: Client) -> None:
    await make(client, rain=prop(1, accuracy=prop(5)), name=[prop("a"), prop("b", datasetId=RADAR)])
    told = await stamped(client)
    holders = [told, told["level"], told["rain"], told["rain"]["accuracy"], *told["name"]]
    assert {(one["createdAt"], one["modifiedAt"]) for one in holders} == {(START, START)}


async def test_times_that_the_platform_keeps_are_not_taken(client: Client) -> None:
    old = {"createdAt": "2001-01-01T00:00:00Z", "modifiedAt": "2001-01-01T00:00:00Z"}
    await make(client, **old, rain=prop(1, **old))
    told = await stamped(client)
    for holder in (told, told["rain"]):
        assert (holder["createdAt"], holder["modifiedAt"]) == (START, START)


async def test_attributes_of_attributes_come_back_as_given(client: Client) -> None:
    deep = prop(
        1, by=link("urn:x:1", since=prop(2020, note=prop("a"))), unitCode="MMT", accuracy=prop(5, unitCode="P1")
    )
    owner = link("urn:x:2", observedAt="2026-01-01T00:00:00Z", kind={"type": "VocabProperty", "vocab": "town"})
    await make(client, rain=deep, owner=owner, name={**words(ja="川"), "checked": prop(True)})
    assert await shown(client) == gauge(rain=deep, owner=owner, name={**words(ja="川"), "checked": prop(True)})


async def test_an_entity_may_have_several_types(client: Client) -> None:
    assert (await client("POST", "/entities", {**gauge(), "type": ["Gauge", "Sensor", "Gauge"]})).status == 201
    assert (await shown(client))["type"] == ["Gauge", "Sensor"]
    for kind in ("Gauge", "Sensor"):
        assert [one["id"] for one in (await client("GET", "/entities", query={"type": kind})).json] == [ID]


@pytest.mark.parametrize(
    ("given", "told"),
    [("/Fukui", "/Fukui"), (["/Fukui"], "/Fukui"), (["/Fukui/Sabae", "/Japan"], ["/Fukui/Sabae", "/Japan"])],
)
async def test_a_scope_is_kept(client: Client, given: Any, told: Any) -> None:
    await make(client, scope=given)
    assert (await shown(client))["scope"] == told


@pytest.mark.parametrize(
    "scope", [5, {}, [], "", "/", "/a//b", "/9a", "/a b", ["/a", 5], {"type": "Property", "value": "/a"}]
)
async def test_what_is_no_scope_is_refused(client: Client, scope: Any) -> None:
    refused = await client("POST", "/entities", gauge(scope=scope))
    assert (refused.status, refused.kind) == (400, "BadRequestData")


async def test_keywords_may_stand_for_id_and_type(client: Client) -> None:
    body = {"@id": ID, "@type": "Gauge", "level": {"@type": "Property", "value": 1}}
    assert (await client("POST", "/entities", body)).status == 201
    assert await shown(client) == {"id": ID, "type": "Gauge", "level": prop(1)}


async def test_an_attribute_may_be_named_by_its_iri(client: Client) -> None:
    body = {**gauge(), "https://example.org/town#depth": prop(3), "@context": TOWN}
    assert (await client("POST", "/entities", body, media=LD)).status == 201
    assert (await shown(client))["https://example.org/town#depth"] == prop(3)


# --- replacing ---------------------------------------------------------------------------------------------


async def replace(client: Client, body: Any, **query: str) -> None:
    done = await client("PUT", ONE, body, query=query)
    assert (done.status, done.body) == (204, b""), done.body


async def test_what_the_new_entity_does_not_name_is_gone(any_client: Client) -> None:
    client = any_client
    await make(client, scope="/Fukui", rain=prop(1, accuracy=prop(5)), expiresAt="2030-01-01T00:00:00Z")
    await replace(client, {"type": ["Pump"], "rain": prop(2), "power": prop(3)})
    assert set(await stamped(client)) == {"id", "type", "createdAt", "modifiedAt", "rain", "power"}
    assert await shown(client) == {"id": ID, "type": "Pump", "rain": prop(2), "power": prop(3)}
    assert [one["id"] for one in (await client("GET", "/entities", query="type=Pump")).json] == [ID]
    assert (await client("GET", "/entities", query="type=Gauge")).json == []


async def test_every_kind_of_attribute_is_replaced(client: Client) -> None:
    await make(client, **FIRST)
    await replace(client, {"type": "Gauge", **SECOND})
    assert await shown(client) == {"id": ID, "type": "Gauge", **SECOND}


async def test_an_attribute_may_become_another_kind(client: Client) -> None:
    await make(client)
    await replace(client, {"type": "Gauge", "level": link("urn:x:1")})
    assert (await shown(client))["level"] == link("urn:x:1")


async def test_all_instances_of_an_attribute_are_replaced(client: Client, fake_clock: FakeClock) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR)])
    fake_clock.advance(60)
    await replace(client, {"type": "Gauge", "rain": [prop(3, datasetId=RADAR), prop(4, datasetId=SONAR)]})
    rain = (await stamped(client))["rain"]
    assert values(rain) == {RADAR: 3, SONAR: 4}
    assert [one["createdAt"] for one in rain] == [START, LATER]


async def test_the_id_of_the_path_holds(client: Client) -> None:
    await make(client)
    await replace(client, {"id": ID, "type": "Gauge", "level": prop(1)})
    await replace(client, {"type": "Gauge", "level": prop(2)})
    other = {"id": "urn:ngsi-ld:Gauge:2", "type": "Gauge", "level": prop(3)}
    assert (await client("PUT", ONE, other)).kind == "BadRequestData"
    assert await shown(client) == {"id": ID, "type": "Gauge", "level": prop(2)}
    assert (await client("GET", "/entities/urn:ngsi-ld:Gauge:2")).status == 404


async def test_without_a_type_the_old_types_stay(client: Client) -> None:
    await make(client)
    await replace(client, {"depth": prop(1)})
    assert await shown(client) == {"id": ID, "type": "Gauge", "depth": prop(1)}


async def test_a_scope_is_replaced(client: Client) -> None:
    await make(client, scope="/Fukui")
    await replace(client, {"type": "Gauge", "scope": ["/Sabae", "/Echizen"]})
    assert (await shown(client))["scope"] == ["/Sabae", "/Echizen"]


async def test_an_entity_may_be_replaced_in_the_simplified_form(client: Client) -> None:
    await make(client)
    simple = {"type": "Gauge", "level": 3, "name": {"languageMap": {"ja": "川"}}, "place": FIRST["place"]["value"]}
    await replace(client, simple, format="simplified")
    told = await shown(client)
    assert (told["level"], told["name"], told["place"]) == (prop(3), words(ja="川"), FIRST["place"])


async def test_what_is_no_entity_replaces_nothing(client: Client) -> None:
    await make(client)
    for wrong in (
        {"type": [], "level": prop(1)},
        {"type": "1Gauge"},
        {"type": "Gauge", "level": {"type": "Property"}},
        {"type": "Gauge", "level": [prop(1), prop(2)]},
        {"type": "Gauge", "@graph": []},
        {"type": "Gauge", "observedAt": prop(1)},
        {"type": "Gauge", "expiresAt": "soon"},
    ):
        refused = await client("PUT", ONE, wrong)
        assert (refused.status, refused.kind) == (400, "BadRequestData"), wrong
    assert await shown(client) == gauge()


# --- deleting ----------------------------------------------------------------------------------------------


async def test_what_is_deleted_is_gone_with_all_it_had(any_client: Client) -> None:
    client = any_client
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR)], place=FIRST["place"])
    await client("POST", "/entities", gauge(2))
    assert (await client("DELETE", ONE)).status == 204
    assert (await client("GET", ONE)).kind == "ResourceNotFound"
    for query, left in (("type=Gauge", ["2"]), ("q=rain", []), ("attrs=rain,level", ["2"]), ("local=true", ["2"])):
        assert [one["id"][-1] for one in (await client("GET", "/entities", query=query)).json] == left, query
    assert (await client("DELETE", ONE)).kind == "ResourceNotFound"
    assert (await client("PATCH", ONE, {"rain": prop(1)})).kind == "ResourceNotFound"
