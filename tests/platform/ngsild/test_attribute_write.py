"""One attribute alone: partial update, replacement, deletion (clauses 5.6.4, 5.6.5 and 5.6.19)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import LINK, Client, gauge
from tests.platform.ngsild.writes import (
    ATTRS,
    FIRST,
    ID,
    LATER,
    NULL,
    ONE,
    RADAR,
    SECOND,
    SONAR,
    START,
    link,
    make,
    point,
    prop,
    shown,
    stamped,
    values,
    words,
)


async def patch(client: Client, name: str, fragment: Any) -> None:
    done = await client("PATCH", f"{ATTRS}/{name}", fragment)
    assert (done.status, done.body) == (204, b""), done.body


# --- partial update ----------------------------------------------------------------------------------------


async def test_the_value_of_every_kind_is_updated(client: Client) -> None:
    await make(client, **FIRST)
    for name, attribute in SECOND.items():
        await patch(client, name, {member: value for member, value in attribute.items() if member != "type"})
    assert await shown(client) == gauge(**SECOND)


async def test_the_type_may_be_said_again_and_not_changed(client: Client) -> None:
    await make(client, **FIRST)
    for name, attribute in SECOND.items():
        await patch(client, name, attribute)
        other = link("urn:x:1") if attribute["type"] == "Property" else prop(1)
        assert (await client("PATCH", f"{ATTRS}/{name}", other)).kind == "BadRequestData", name
    assert await shown(client) == gauge(**SECOND)


async def test_the_value_of_another_kind_is_refused(client: Client) -> None:
    await make(client, owner=link("urn:x:1"))
    assert (await client("PATCH", f"{ATTRS}/level", {"object": "urn:x:1"})).kind == "BadRequestData"
    assert (await client("PATCH", f"{ATTRS}/owner", {"value": 1})).kind == "BadRequestData"
    assert (await client("PATCH", f"{ATTRS}/owner", {"unitCode": "MTR"})).kind == "BadRequestData"
    assert await shown(client) == gauge(owner=link("urn:x:1"))


@pytest.mark.parametrize(
    ("fragment", "member", "value"),
    [
        ({"value": 9}, "value", 9),
        ({"observedAt": "2026-03-01T00:00:00Z"}, "observedAt", "2026-03-01T00:00:00Z"),
        ({"unitCode": "CMT"}, "unitCode", "CMT"),
        ({"accuracy": 1}, "accuracy", prop(1)),
        ({"accuracy": prop(1, unitCode="P1")}, "accuracy", prop(1, unitCode="P1")),
        ({"by": link("urn:x:1")}, "by", link("urn:x:1")),
    ],
)
async def test_each_member_is_updated_alone(client: Client, fragment: Any, member: str, value: Any) -> None:
    await make(client)
    await patch(client, "level", fragment)
    assert (await shown(client))["level"] == {**gauge()["level"], member: value}


async def test_a_value_is_replaced_and_not_merged(client: Client) -> None:
    """Clause 5.5.8, unlike a merge."""
    await make(client, rain=prop({"a": 1, "b": 2}), name=words(ja="川", en="river"))
    await patch(client, "rain", {"value": {"b": 3}})
    await patch(client, "name", {"languageMap": {"fr": "rivière"}})
    told = await shown(client)
    assert (told["rain"], told["name"]) == (prop({"b": 3}), words(fr="rivière"))


async def test_a_sub_attribute_is_replaced_whole_and_its_neighbours_stay(client: Client, fake_clock: FakeClock) -> None:
    await make(client, rain=prop(1, accuracy=prop(5, unitCode="P1"), by=link("urn:x:1")))
    fake_clock.advance(60)
    await patch(client, "rain", {"accuracy": prop(6)})
    assert (await shown(client))["rain"] == prop(1, accuracy=prop(6), by=link("urn:x:1"))
    rain = (await stamped(client))["rain"]
    assert (rain["accuracy"]["createdAt"], rain["accuracy"]["modifiedAt"]) == (START, LATER)
    assert (rain["by"]["createdAt"], rain["by"]["modifiedAt"]) == (START, START)


@pytest.mark.parametrize("member", ["unitCode", "observedAt", "accuracy"])
async def test_the_ngsi_ld_null_takes_a_member_away(client: Client, member: str) -> None:
    level = prop(1, unitCode="MTR", observedAt="2026-01-01T00:00:00Z", accuracy=prop(5))
    await make(client, rain=level)
    await patch(client, "rain", {member: NULL})
    assert (await shown(client))["rain"] == {name: value for name, value in level.items() if name != member}


async def test_the_instances_of_a_sub_attribute_are_told_apart(client: Client) -> None:
    accuracy = [prop(1), prop(2, datasetId=RADAR), prop(3, datasetId=SONAR)]
    await make(client, rain=prop(0, accuracy=accuracy))
    await patch(client, "rain", {"accuracy": prop(4, datasetId=RADAR)})
    assert values((await shown(client))["rain"]["accuracy"]) == {"": 1, RADAR: 4, SONAR: 3}
    await patch(client, "rain", {"accuracy": [prop(NULL), prop(NULL, datasetId=SONAR)]})
    assert values((await shown(client))["rain"]["accuracy"]) == {RADAR: 4}


async def test_the_ngsi_ld_null_inside_of_a_sub_attribute_is_not_stored(client: Client) -> None:
    await make(client)
    await patch(client, "level", {"accuracy": prop(5, unitCode=NULL, note=NULL)})
    assert (await shown(client))["level"]["accuracy"] == prop(5)


@pytest.mark.parametrize(
    ("name", "null"),
    [
        ("property", {"value": NULL}),
        ("place", {"value": NULL}),
        ("relationship", {"object": NULL}),
        ("words", {"languageMap": {"@none": NULL}}),
        ("kind", {"vocab": NULL}),
        ("raw", {"json": NULL}),
        ("list", {"valueList": NULL}),
        ("links", {"objectList": NULL}),
    ],
)
async def test_the_ngsi_ld_null_as_value_takes_the_instance_away(client: Client, name: str, null: Any) -> None:
    other = {**FIRST[name], "datasetId": RADAR}
    await make(client, **{name: [FIRST[name], other]})
    await patch(client, name, null)
    assert (await shown(client))[name] == other
    await patch(client, name, {**null, "datasetId": RADAR})
    assert await shown(client) == gauge()


async def test_the_datasets_instance_is_updated_alone(client: Client, fake_clock: FakeClock) -> None:
    await make(client, rain=[prop(1, unitCode="MMT"), prop(2, datasetId=RADAR, unitCode="MMT")])
    fake_clock.advance(60)
    await patch(client, "rain", {"value": 3, "datasetId": RADAR})
    default, radar = (await stamped(client))["rain"]
    assert default == prop(1, unitCode="MMT", createdAt=START, modifiedAt=START)
    assert radar == prop(3, datasetId=RADAR, unitCode="MMT", createdAt=START, modifiedAt=LATER)
    await patch(client, "rain", {"value": 4})
    assert values((await shown(client))["rain"]) == {"": 4, RADAR: 3}
    await patch(client, "rain", {"value": 5, "datasetId": "@none"})
    assert values((await shown(client))["rain"]) == {"": 5, RADAR: 3}


async def test_an_instance_that_there_is_not_is_not_found(client: Client) -> None:
    await make(client, rain=prop(2, datasetId=RADAR))
    for name, fragment in (
        ("depth", {"value": 1}),
        ("level", {"value": 1, "datasetId": RADAR}),
        ("rain", {"value": 1}),
        ("rain", {"value": 1, "datasetId": SONAR}),
    ):
        refused = await client("PATCH", f"{ATTRS}/{name}", fragment)
        assert (refused.status, refused.kind) == (404, "ResourceNotFound"), fragment
    assert await shown(client) == gauge(rain=prop(2, datasetId=RADAR))


async def test_a_dataset_cannot_be_taken_from_its_instance(client: Client) -> None:
    await make(client)
    assert (await client("PATCH", f"{ATTRS}/level", {"datasetId": NULL})).kind == "BadRequestData"
    assert await shown(client) == gauge()


# --- replacing ---------------------------------------------------------------------------------------------


async def put(client: Client, name: str, attribute: Any) -> None:
    done = await client("PUT", f"{ATTRS}/{name}", attribute)
    assert (done.status, done.body) == (204, b""), done.body


async def test_an_attribute_of_every_kind_is_replaced_whole(client: Client) -> None:
    await make(client, **{name: {**one, "note": prop(1)} for name, one in FIRST.items()})
    for name, attribute in SECOND.items():
        await put(client, name, attribute)
    assert await shown(client) == gauge(**SECOND)


async def test_a_replaced_attribute_may_be_of_another_kind(client: Client) -> None:
    await make(client)
    await put(client, "level", link("urn:x:1", since=prop(2020)))
    assert await shown(client) == {**gauge(), "level": link("urn:x:1", since=prop(2020))}


async def test_a_replaced_attribute_keeps_when_it_was_created(client: Client, fake_clock: FakeClock) -> None:
    await make(client, rain=prop(1))
    fake_clock.advance(60)
    await put(client, "level", prop(2))
    told = await stamped(client)
    assert (told["level"]["createdAt"], told["level"]["modifiedAt"]) == (START, LATER)
    assert (told["rain"]["modifiedAt"], told["modifiedAt"]) == (START, LATER)


async def test_one_instance_is_replaced_alone(client: Client) -> None:
    await make(client, rain=[prop(1, unitCode="MMT"), prop(2, datasetId=RADAR, unitCode="MMT")])
    await put(client, "rain", prop(3, datasetId=RADAR))
    assert (await shown(client))["rain"] == [prop(1, unitCode="MMT"), prop(3, datasetId=RADAR)]
    await put(client, "rain", prop(4))
    assert (await shown(client))["rain"] == [prop(4), prop(3, datasetId=RADAR)]


async def test_an_instance_that_there_is_not_is_not_replaced(client: Client) -> None:
    await make(client, rain=prop(2, datasetId=RADAR))
    for name, attribute in (
        ("depth", prop(1)),
        ("level", prop(1, datasetId=RADAR)),
        ("rain", prop(1)),
        ("rain", prop(1, datasetId=SONAR)),
    ):
        refused = await client("PUT", f"{ATTRS}/{name}", attribute)
        assert (refused.status, refused.kind) == (404, "ResourceNotFound"), attribute
    assert await shown(client) == gauge(rain=prop(2, datasetId=RADAR))


async def test_what_is_no_attribute_replaces_none(client: Client) -> None:
    await make(client)
    for wrong in (
        {"type": "Property"},
        {"type": "Relationship", "value": 1},
        {"value": 1, "object": "urn:x:1"},
        {"unitCode": "MTR"},
        {"id": ID, "type": "Gauge", "level": prop(1)},
        {"type": "GeoProperty", "value": 5},
    ):
        refused = await client("PUT", f"{ATTRS}/level", wrong)
        assert (refused.status, refused.kind) == (400, "BadRequestData"), wrong
    assert (await client("PUT", f"{ATTRS}/level", [prop(1)])).status == 400
    assert await shown(client) == gauge()


# --- deleting ----------------------------------------------------------------------------------------------


async def test_an_attribute_of_every_kind_goes_with_all_it_had(client: Client) -> None:
    await make(client, **{name: {**one, "note": prop(1, deep=prop(2))} for name, one in FIRST.items()})
    for name in FIRST:
        gone = await client("DELETE", f"{ATTRS}/{name}")
        assert (gone.status, gone.body) == (204, b"")
        assert name not in await shown(client)
        assert (await client("DELETE", f"{ATTRS}/{name}")).kind == "ResourceNotFound"
    assert await shown(client) == gauge()
    assert (await client("GET", "/entities", query="q=property.note")).json == []


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", {RADAR: 2, SONAR: 3}),
        ("datasetId=@none", {RADAR: 2, SONAR: 3}),
        ("deleteAll=false", {RADAR: 2, SONAR: 3}),
        (f"datasetId={RADAR}", {"": 1, SONAR: 3}),
    ],
)
async def test_one_instance_is_deleted_alone(any_client: Client, query: str, left: Any) -> None:
    await make(any_client, rain=[prop(1), prop(2, datasetId=RADAR), prop(3, datasetId=SONAR)])
    assert (await any_client("DELETE", f"{ATTRS}/rain", query=query)).status == 204
    assert values((await shown(any_client))["rain"]) == left


async def test_all_instances_are_deleted(client: Client) -> None:
    await make(client, rain=[prop(1), prop(2, datasetId=RADAR)])
    assert (await client("DELETE", f"{ATTRS}/rain", query="deleteAll=true")).status == 204
    assert await shown(client) == gauge()


async def test_an_instance_that_there_is_not_is_not_deleted(client: Client) -> None:
    await make(client, rain=prop(2, datasetId=RADAR))
    for name, query in (
        ("depth", ""),
        ("depth", "deleteAll=true"),
        ("rain", ""),
        ("rain", "datasetId=@none"),
        ("rain", f"datasetId={SONAR}"),
    ):
        assert (await client("DELETE", f"{ATTRS}/{name}", query=query)).kind == "ResourceNotFound", (name, query)
    assert await shown(client) == gauge(rain=prop(2, datasetId=RADAR))


@pytest.mark.parametrize("query", ["datasetId=radar", "deleteAll=maybe", f"deleteAll=true&datasetId={RADAR}"])
async def test_a_deletion_says_clearly_what_it_means(client: Client, query: str) -> None:
    await make(client)
    assert (await client("DELETE", f"{ATTRS}/level", query=query)).kind == "BadRequestData"
    assert await shown(client) == gauge()


async def test_a_deletion_is_a_change_of_the_entity(client: Client, fake_clock: FakeClock) -> None:
    await make(client, rain=prop(1))
    fake_clock.advance(60)
    await client("DELETE", f"{ATTRS}/rain")
    told = await stamped(client)
    assert (told["createdAt"], told["modifiedAt"], told["level"]["modifiedAt"]) == (START, LATER, START)


async def test_a_place_that_is_deleted_is_found_no_more(any_client: Client) -> None:
    await make(any_client, location=point(136.2))
    near = {"type": "Gauge", "georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": "[136.2,36.0]"}
    assert len((await any_client("GET", "/entities", query=near)).json) == 1
    assert (await any_client("DELETE", f"{ATTRS}/location")).status == 204
    assert (await any_client("GET", "/entities", query=near)).json == []


async def test_a_name_is_its_iri_whatever_it_was_given_by(client: Client) -> None:
    await client("POST", "/entities", gauge(), headers={"link": LINK})
    iri = "https%3A%2F%2Fexample.org%2Ftown%23level"
    assert (await client("PATCH", f"{ATTRS}/{iri}", {"value": 2})).status == 204
    assert (await client("GET", ONE, headers={"link": LINK})).json["level"]["value"] == 2
    assert (await client("DELETE", f"{ATTRS}/{iri}")).status == 204
    assert set(await shown(client)) == {"id", "type"}
