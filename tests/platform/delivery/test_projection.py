"""What a notification tells of an entity and of those behind it: attributes, pick and omit (clauses 4.21, 5.2.14)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.delivery.stand import Stand

HERE = {"id": "urn:x:1", "type": "Gauge"}
RIVER = {"id": "urn:river", "type": "Gauge"}
BASIN = {"id": "urn:basin", "type": "Gauge"}


def to(target: str) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}


def prop(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value}


async def told(stand: Stand, **notification: Any) -> list[dict[str, Any]]:
    """What is told of a gauge at a river in a basin when its level changes."""
    await stand.write_entity("urn:basin", area=prop(1280), rank=prop(1))
    await stand.write_entity("urn:river", within=to("urn:basin"), length=prop(116), rank=prop(2))
    await stand.write_entity("urn:x:1", at=to("urn:river"), level=prop(1), rank=prop(3))
    await stand.subscribe(entities=[{"type": "Gauge", "id": "urn:x:1"}], notification=notification)
    await stand.write("urn:x:1", level=prop(2))
    (one,) = await stand.catch_up()
    data: list[dict[str, Any]] = one.body["data"]
    return data


async def test_attributes_are_told_beside_id_and_type(stand: Stand) -> None:
    assert await told(stand, attributes=["level"]) == [{**HERE, "level": prop(2)}]


@pytest.mark.parametrize("pick", [["id", "level"], ["id,level"], ["id|level"], ["level", "id", "level"]])
async def test_pick_tells_what_it_names_and_no_more(stand: Stand, pick: list[str]) -> None:
    assert await told(stand, pick=pick) == [{"id": "urn:x:1", "level": prop(2)}]


@pytest.mark.parametrize("omit", [["at", "rank"], ["at,rank"], ["at|rank"]])
async def test_omit_leaves_out_what_it_names(stand: Stand, omit: list[str]) -> None:
    assert await told(stand, omit=omit) == [{**HERE, "level": prop(2)}]


async def test_pick_and_omit_go_together(stand: Stand) -> None:
    assert await told(stand, pick=["type", "level", "rank"], omit=["id"]) == [
        {"type": "Gauge", "level": prop(2), "rank": prop(3)}
    ]


async def test_without_braces_linked_entities_are_told_whole(stand: Stand) -> None:
    data = await told(stand, pick=["id", "type", "at"], join="flat")
    assert data == [{**HERE, "at": to("urn:river")}, {**RIVER, "within": to("urn:basin")} | LENGTHS]


LENGTHS = {"length": prop(116), "rank": prop(2)}


async def test_braces_pick_of_the_entity_behind_a_relationship(stand: Stand) -> None:
    data = await told(stand, pick=["id", "type", "at{id,length}"], join="flat")
    assert data == [{**HERE, "at": to("urn:river")}, {"id": "urn:river", "length": prop(116)}]


async def test_braces_in_braces_reach_as_deep_as_the_join(stand: Stand) -> None:
    pick = ["id", "at{id,within{id,area}}"]
    (gauge,) = await told(stand, pick=pick, join="inline", joinLevel=2)
    basin = {"id": "urn:basin", "area": prop(1280)}
    river = {"id": "urn:river", "within": {**to("urn:basin"), "entity": basin}}
    assert gauge == {"id": "urn:x:1", "at": {**to("urn:river"), "entity": river}}


async def test_omit_with_braces_leaves_the_relationship_itself(stand: Stand) -> None:
    data = await told(stand, omit=["rank", "at{rank,length}"], join="flat", format="simplified")
    assert data == [{**HERE, "at": "urn:river", "level": 2}, {**RIVER, "within": "urn:basin"}]


async def test_an_attribute_that_is_not_picked_still_notifies(stand: Stand) -> None:
    assert await told(stand, pick=["id", "rank"]) == [{"id": "urn:x:1", "rank": prop(3)}]


async def test_a_linked_entity_that_is_not_picked_is_not_told(stand: Stand) -> None:
    assert await told(stand, pick=["id", "level"], join="flat") == [{"id": "urn:x:1", "level": prop(2)}]


async def test_nested_names_survive_a_restart_and_a_change_of_context(stand: Stand) -> None:
    default = "https://uri.etsi.org/ngsi-ld/default-context/"
    own = await stand.contexts.resolve({"川": default + "at", "長": default + "length", "水位": default + "level"})
    document = {
        "type": "Subscription",
        "entities": [{"type": "Gauge", "id": "urn:x:1"}],
        "notification": {
            "pick": ["id", "川{長}"],
            "join": "flat",
            "format": "simplified",
            "endpoint": {"uri": "http://endpoint.example/"},
        },
    }
    await stand.delivery.create(stand.call, document, own)
    stand.restart()
    await stand.write_entity("urn:river", length=prop(116))
    await stand.write_entity("urn:x:1", at=to("urn:river"), level=prop(1))
    (one,) = await stand.catch_up()
    assert one.body["data"] == [{"id": "urn:x:1", "川": "urn:river"}, {"長": 116}]


async def test_a_filter_on_context_sources_keeps_nothing_of_this_broker_back(stand: Stand) -> None:
    id_ = await stand.subscribe(csf='operator=="somebody"')
    await stand.put(level=1)
    assert [one.entity["id"] for one in await stand.catch_up()] == ["urn:x:1"]
    assert (await stand.delivery.get(stand.call, id_))["csf"] == 'operator=="somebody"'
    await stand.delivery.update(stand.call, id_, {"csf": None}, stand.contexts.core)
    assert "csf" not in await stand.delivery.get(stand.call, id_)
