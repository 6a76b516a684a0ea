"""Appending and updating several attributes at once (clauses 5.6.2 and 5.6.3)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import Client, gauge
from tests.platform.ngsild.writes import (
    ATTRS,
    FIRST,
    LATER,
    NULL,
    RADAR,
    SECOND,
    SONAR,
    START,
    VOCAB,
    link,
    make,
    prop,
    shown,
    stamped,
    values,
)

APPEND, UPDATE = "POST", "PATCH"
both = pytest.mark.parametrize("method", [APPEND, UPDATE])


async def write(client: Client, method: str, fragment: Any, **query: str) -> None:
    done = await client(method, ATTRS, fragment, query=query)
    assert (done.status, done.body) == (204, b""), done.body


@both
async def test_attributes_of_every_kind_are_added(client: Client, method: str) -> None:
    await make(client)
    await write(client, method, FIRST)
    assert await shown(client) == gauge(**FIRST)


@both
async def test_attributes_of_every_kind_are_overwritten(client: Client, method: str) -> None:
    await make(client, **FIRST)
    await write(client, method, SECOND)
    assert await shown(client) == gauge(**SECOND)


@both
async def test_what_is_overwritten_is_overwritten_whole(client: Client, method: str) -> None:
    """Clause 5.5.8: members and sub-attributes that the fragment lacks are gone, and values are not merged."""
    await make(client, rain=prop({"a": 1, "b": 2}, unitCode="MMT", accuracy=prop(5), by=link("urn:x:1")))
    await write(client, method, {"rain": prop({"b": 3}, accuracy=prop(6))})
    assert await shown(client) == gauge(rain=prop({"b": 3}, accuracy=prop(6)))


@both
async def test_an_attribute_may_become_another_kind(client: Client, method: str) -> None:
    await make(client)
    await write(client, method, {"level": link("urn:x:1")})
    assert (await shown(client))["level"] == link("urn:x:1")


@both
async def test_attributes_that_are_not_named_stay(client: Client, method: str, fake_clock: FakeClock) -> None:
    await make(client, rain=prop(1))
    fake_clock.advance(60)
    await write(client, method, {"level": prop(2)})
    told = await stamped(client)
    assert (told["rain"]["value"], told["rain"]["modifiedAt"]) == (1, START)
    assert (told["level"]["createdAt"], told["level"]["modifiedAt"]) == (START, LATER)


@both
async def test_an_instance_of_another_dataset_is_added(client: Client, method: str) -> None:
    await make(client, rain=prop(1))
    await write(client, method, {"rain": prop(2, datasetId=RADAR)})
    await write(client, method, {"rain": prop(3, datasetId=SONAR)})
    assert values((await shown(client))["rain"]) == {"": 1, RADAR: 2, SONAR: 3}


@both
async def test_a_default_instance_is_added_beside_others(client: Client, method: str) -> None:
    await make(client, rain=prop(2, datasetId=RADAR))
    await write(client, method, {"rain": prop(1)})
    assert values((await shown(client))["rain"]) == {"": 1, RADAR: 2}


@both
async def test_an_instance_of_the_same_dataset_is_overwritten(
    client: Client, method: str, fake_clock: FakeClock
) -> None:
    await make(client, rain=[prop(1, unitCode="MMT"), prop(2, datasetId=RADAR, unitCode="MMT")])
    fake_clock.advance(60)
    await write(client, method, {"rain": prop(3, datasetId=RADAR)})
    default, radar = (await stamped(client))["rain"]
    assert default == prop(1, unitCode="MMT", createdAt=START, modifiedAt=START)
    assert radar == prop(3, datasetId=RADAR, createdAt=START, modifiedAt=LATER)


@both
async def test_the_default_instance_is_overwritten_alone(client: Client, method: str, fake_clock: FakeClock) -> None:
    await make(client, rain=[prop(1, unitCode="MMT"), prop(2, datasetId=RADAR)])
    fake_clock.advance(60)
    await write(client, method, {"rain": prop(3)})
    default, radar = (await stamped(client))["rain"]
    assert default == prop(3, createdAt=START, modifiedAt=LATER)
    assert radar == prop(2, datasetId=RADAR, createdAt=START, modifiedAt=START)


@both
async def test_several_instances_are_written_at_once(client: Client, method: str) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR)])
    await write(client, method, {"rain": [prop(3), prop(4, datasetId=RADAR), prop(5, datasetId=SONAR)]})
    assert values((await shown(client))["rain"]) == {"": 3, RADAR: 4, SONAR: 5}


@both
async def test_types_are_added_to_those_there_are(client: Client, method: str) -> None:
    await make(client)
    await write(client, method, {"type": "Gauge", "level": prop(2)})
    assert (await shown(client))["type"] == "Gauge"
    await write(client, method, {"type": ["Gauge", "Sensor"], "level": prop(2)})
    assert (await shown(client))["type"] == ["Gauge", "Sensor"]
    assert len((await client("GET", "/entities", query="type=Sensor")).json) == 1


@both
async def test_a_scope_is_replaced(client: Client, method: str) -> None:
    await make(client, scope=["/Fukui", "/Japan"])
    await write(client, method, {"scope": "/Sabae"})
    assert (await shown(client))["scope"] == "/Sabae"


@both
async def test_the_fragment_may_be_concise(client: Client, method: str) -> None:
    await make(client)
    await write(client, method, {"level": 2, "rain": {"value": 3, "unitCode": "MMT"}, "owner": {"object": "urn:x:1"}})
    told = await shown(client)
    assert (told["level"], told["rain"], told["owner"]) == (prop(2), prop(3, unitCode="MMT"), link("urn:x:1"))


# --- appending only ----------------------------------------------------------------------------------------


async def test_a_scope_is_appended_where_there_is_none(client: Client) -> None:
    await make(client)
    await write(client, APPEND, {"scope": "/Fukui"})
    assert (await shown(client))["scope"] == "/Fukui"


async def test_without_overwriting_scopes_are_added_to_those_there_are(client: Client) -> None:
    await make(client, scope=["/Fukui", "/Japan"])
    await write(client, APPEND, {"scope": ["/Japan", "/Sabae"]}, options="noOverwrite")
    assert (await shown(client))["scope"] == ["/Fukui", "/Japan", "/Sabae"]


async def test_without_overwriting_what_stands_is_left_and_told(client: Client, fake_clock: FakeClock) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR)])
    fake_clock.advance(60)
    fragment = {"level": prop(9), "rain": [prop(9, datasetId=RADAR), prop(3, datasetId=SONAR)], "wind": prop(4)}
    part = await client(APPEND, ATTRS, fragment, query="options=noOverwrite")
    assert part.status == 207
    assert sorted(part.json["updated"]) == [VOCAB + "rain", VOCAB + "wind"]
    assert [one["attributeName"] for one in part.json["notUpdated"]] == [VOCAB + "level", VOCAB + "rain"]
    told = await stamped(client)
    assert values(told["rain"]) == {"": 1, RADAR: 2, SONAR: 3}
    assert (told["level"]["value"], told["level"]["modifiedAt"]) == (1.5, START)
    assert told["wind"]["createdAt"] == LATER


async def test_without_overwriting_all_that_is_new_is_written(client: Client) -> None:
    await make(client, rain=prop(1))
    fragment = {"rain": prop(2, datasetId=RADAR), "wind": prop(4), "type": "Sensor"}
    await write(client, APPEND, fragment, options="noOverwrite")
    told = await shown(client)
    assert (values(told["rain"]), told["wind"], told["type"]) == ({"": 1, RADAR: 2}, prop(4), ["Gauge", "Sensor"])


# --- updating only -----------------------------------------------------------------------------------------


async def test_a_scope_is_not_updated_where_there_is_none(client: Client) -> None:
    await make(client)
    part = await client(UPDATE, ATTRS, {"scope": "/Fukui", "level": prop(2)})
    assert (part.status, part.json["updated"]) == (207, [VOCAB + "level"])
    assert [one["attributeName"] for one in part.json["notUpdated"]] == ["scope"]
    told = await shown(client)
    assert ("scope" in told, told["level"]) == (False, prop(2))


async def test_a_scope_is_taken_away(client: Client) -> None:
    await make(client, scope="/Fukui")
    await write(client, UPDATE, {"scope": NULL})
    assert "scope" not in await shown(client)


async def test_the_ngsi_ld_null_takes_attributes_of_every_kind_away(client: Client) -> None:
    await make(client, **FIRST)
    await write(
        client,
        UPDATE,
        {
            "property": prop(NULL),
            "place": {"type": "GeoProperty", "value": NULL},
            "relationship": link(NULL),
            "words": {"type": "LanguageProperty", "languageMap": {"@none": NULL}},
            "kind": {"type": "VocabProperty", "vocab": NULL},
            "raw": {"type": "JsonProperty", "json": NULL},
            "list": {"type": "ListProperty", "valueList": NULL},
            "links": {"type": "ListRelationship", "objectList": NULL},
            "level": NULL,
        },
    )
    assert set(await shown(client)) == {"id", "type"}


@pytest.mark.parametrize(("dataset", "left"), [("", {RADAR: 2, SONAR: 3}), (RADAR, {"": 1, SONAR: 3})])
async def test_the_ngsi_ld_null_takes_one_instance_away(client: Client, dataset: str, left: Any) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR), prop(3, datasetId=SONAR)])
    await write(client, UPDATE, {"rain": prop(NULL, **({"datasetId": dataset} if dataset else {}))})
    assert values((await shown(client))["rain"]) == left


async def test_a_dataset_that_is_not_there_cannot_be_taken_away(client: Client) -> None:
    await make(client, rain=prop(1))
    part = await client(UPDATE, ATTRS, {"rain": prop(NULL, datasetId=RADAR), "level": prop(2)})
    assert part.status == 207
    assert [one["attributeName"] for one in part.json["notUpdated"]] == [VOCAB + "rain"]
    assert (await shown(client))["rain"] == prop(1)


async def test_a_member_that_is_the_ngsi_ld_null_is_not_written(client: Client) -> None:
    await make(client)
    rain = prop(1, unitCode=NULL, accuracy=NULL, by=link("urn:x:1", since=prop(NULL), note=prop(1)))
    await write(client, UPDATE, {"level": prop(2, unitCode=NULL), "rain": rain})
    told = await shown(client)
    assert (told["level"], told["rain"]) == (prop(2), prop(1, by=link("urn:x:1", note=prop(1))))


@both
async def test_a_dataset_cannot_be_taken_from_its_instance(client: Client, method: str) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR)])
    assert (await client(method, ATTRS, {"rain": prop(3, datasetId=NULL)})).kind == "BadRequestData"
    assert values((await shown(client))["rain"]) == {"": 1, RADAR: 2}
