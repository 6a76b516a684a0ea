from __future__ import annotations

from typing import Any

import pytest
from tests.platform.delivery.stand import Stand, subscription

from kumihimo.platform.broker.models import Op

NULL = "urn:ngsi-ld:null"
FRENCH, GERMAN = "urn:d:fr", "urn:d:de"
MOMENT = "2026-01-01T00:00:00.000Z"


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


async def put_names(stand: Stand) -> None:
    await stand.put(level=1)
    names = [prop("Tower"), prop("Tour", datasetId=FRENCH), prop("Turm", datasetId=GERMAN)]
    await stand.write("urn:x:1", name=names)


async def told(stand: Stand) -> list[dict[str, Any]]:
    return [one.entity for one in await stand.catch_up()]


SAME: list[tuple[Any, Any, bool]] = [
    (1, 1, False),
    (1, 2, True),
    (1, True, True),
    ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, False),
    ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, True),
    ([1, 2], [2, 1], True),
]


@pytest.mark.parametrize("op", [Op.APPEND, Op.MERGE, Op.UPDATE])
@pytest.mark.parametrize(("before", "after", "notifies"), SAME)
async def test_only_a_value_different_from_the_existing_one_notifies(
    stand: Stand, op: Op, before: Any, after: Any, notifies: bool
) -> None:
    await stand.write_entity(level=prop(before))
    await stand.subscribe()
    stand.clock.advance(1)
    await stand.write("urn:x:1", op, level=prop(after))
    assert bool(await told(stand)) is notifies


@pytest.mark.parametrize("members", [{"unitCode": "MTR"}, {"observedAt": MOMENT}, {"accuracy": prop(1)}])
async def test_any_member_is_part_of_the_attribute(stand: Stand, members: dict[str, Any]) -> None:
    await stand.put(level=1)
    await stand.subscribe(watchedAttributes=["level"])
    await stand.write("urn:x:1", level=prop(1, **members))
    assert len(await told(stand)) == 1
    await stand.write("urn:x:1", level=prop(1, **members))
    assert await told(stand) == []


async def test_replacing_an_entity_notifies_of_what_became_another(stand: Stand) -> None:
    await stand.put(level=1, rain=1)
    await stand.subscribe(watchedAttributes=["level"], notification={"showChanges": True})
    await stand.write_entity(level=prop(1), rain=prop(2))
    assert await told(stand) == []
    await stand.write_entity(level=prop(2), rain=prop(2))
    (entity,) = await told(stand)
    assert entity["level"] == prop(2, previousValue=1)
    assert entity["rain"] == prop(2)


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("normalized", [prop("Tower"), prop("Turm", datasetId=GERMAN), prop(NULL, datasetId=FRENCH)]),
        ("concise", [{"value": "Tower"}, {"value": "Turm", "datasetId": GERMAN}, {"value": NULL, "datasetId": FRENCH}]),
        ("simplified", {"dataset": {"@none": "Tower", GERMAN: "Turm", FRENCH: NULL}}),
    ],
)
async def test_an_instance_that_is_deleted_is_told_with_its_dataset(stand: Stand, form: str, shown: Any) -> None:
    await put_names(stand)
    await stand.subscribe(notificationTrigger=["attributeDeleted"], notification={"format": form})
    await stand.subscribe()
    await stand.remove_attribute("urn:x:1", "name", FRENCH)
    (entity,) = await told(stand)
    assert entity["name"] == shown


async def test_an_attribute_that_lost_all_its_instances_is_told_once(stand: Stand) -> None:
    await put_names(stand)
    await stand.subscribe(notificationTrigger=["attributeDeleted"])
    await stand.subscribe(notificationTrigger=["attributeDeleted"], datasetId=[FRENCH], uri="http://a.example/")
    await stand.remove_attribute("urn:x:1", "name", every=True)
    by_url = {one.url: one.entity["name"] for one in await stand.catch_up()}
    assert by_url == {
        "http://endpoint.example/notify": prop(NULL),
        "http://a.example/": prop(NULL, datasetId=FRENCH),
    }


KINDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (prop(1), {"value": NULL, "previousValue": 1}),
    ({"type": "Relationship", "object": "urn:x:2"}, {"object": NULL, "previousObject": "urn:x:2"}),
    (
        {"type": "LanguageProperty", "languageMap": {"ja": "川"}},
        {"languageMap": {"@none": NULL}, "previousLanguageMap": {"ja": "川"}},
    ),
    ({"type": "JsonProperty", "json": {"a": 1}}, {"json": NULL, "previousJson": {"a": 1}}),
    ({"type": "VocabProperty", "vocab": "wet"}, {"vocab": NULL, "previousVocab": "wet"}),
    ({"type": "ListProperty", "valueList": [1, 2]}, {"valueList": [NULL], "previousValueList": [1, 2]}),
    (
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136, 36]}},
        {"value": NULL, "previousValue": {"type": "Point", "coordinates": [136, 36]}},
    ),
]


@pytest.mark.parametrize("trigger", ["attributeDeleted", "entityDeleted"])
@pytest.mark.parametrize(("given", "shown"), KINDS)
async def test_every_kind_of_attribute_can_be_told_as_deleted(
    stand: Stand, trigger: str, given: dict[str, Any], shown: dict[str, Any]
) -> None:
    await stand.write_entity(it=given)
    await stand.subscribe(notificationTrigger=[trigger], notification={"showChanges": True})
    await stand.subscribe(notificationTrigger=["attributeDeleted"], notification={"format": "concise"}, uri="http://a/")
    await stand.subscribe(
        notificationTrigger=["attributeDeleted"], notification={"format": "simplified"}, uri="http://b/"
    )
    await (stand.remove_attribute("urn:x:1", "it") if trigger == "attributeDeleted" else stand.remove("urn:x:1"))
    sent = {one.url: one.entity for one in await stand.catch_up()}
    assert sent["http://endpoint.example/notify"]["it"] == {"type": given["type"], **shown}
    assert ("deletedAt" in sent["http://endpoint.example/notify"]) is (trigger == "entityDeleted")
    assert sent["http://a/"]["it"] == sent["http://b/"]["it"] == NULL


async def test_a_deleted_entity_tells_of_the_attributes_where_only_these_were_asked_for(stand: Stand) -> None:
    await stand.put(level=1, rain=2)
    await stand.subscribe(notificationTrigger=["attributeDeleted"], watchedAttributes=["level"])
    await stand.subscribe(notificationTrigger=["attributeDeleted"], watchedAttributes=["snow"], uri="http://none/")
    both = {"notificationTrigger": ["attributeDeleted", "entityDeleted"]}
    await stand.subscribe(**both, notification={"sysAttrs": True}, uri="http://both/")
    await stand.remove("urn:x:1")
    sent = {one.url: one.entity for one in await stand.catch_up()}
    head = {"id": "urn:x:1", "type": "Gauge", "deletedAt": MOMENT}
    assert sent == {
        "http://endpoint.example/notify": {**head, "level": prop(NULL)},
        "http://both/": {**head, "createdAt": MOMENT, "modifiedAt": MOMENT},
    }


async def test_attributes_that_are_named_leave_the_system_attributes(stand: Stand) -> None:
    await stand.subscribe(notification={"sysAttrs": True, "attributes": ["level"], "format": "simplified"})
    await stand.write_entity("urn:x:1", level=prop(1), rain=prop(2))
    (entity,) = await told(stand)
    assert entity == {"id": "urn:x:1", "type": "Gauge", "createdAt": MOMENT, "modifiedAt": MOMENT, "level": 1}


async def test_a_deleted_attribute_keeps_its_stamps_where_these_are_asked_for(stand: Stand) -> None:
    await stand.put(level=1)
    stand.clock.advance(60)
    await stand.write("urn:x:1", level=prop(2))
    await stand.subscribe(
        notificationTrigger=["attributeDeleted"], notification={"sysAttrs": True, "format": "concise"}
    )
    stand.clock.advance(60)
    await stand.remove_attribute("urn:x:1", "level")
    (entity,) = await told(stand)
    stamps = {"createdAt": MOMENT, "modifiedAt": "2026-01-01T00:01:00.000Z", "deletedAt": "2026-01-01T00:02:00.000Z"}
    assert entity["level"] == {"value": NULL, **stamps}


async def test_geojson_has_its_context_inside_unless_the_receiver_prefers_it_outside(stand: Stand) -> None:
    geo = {"accept": "application/geo+json"}
    await stand.subscribe(endpoint=geo, uri="http://inside/")
    prefer = [{"key": "prefer", "value": "respond-async, body=json"}]
    await stand.subscribe(endpoint={**geo, "receiverInfo": prefer}, uri="http://outside/")
    deleted = subscription(notificationTrigger=["attributeDeleted"], endpoint=geo, uri="http://deleted/")
    await stand.delivery.create(stand.call, deleted, stand.contexts.core)
    await stand.put(location={"type": "Point", "coordinates": [136, 36]})
    sent = {one.url: one for one in await stand.catch_up()}
    inside, outside = sent["http://inside/"], sent["http://outside/"]
    assert inside.body["data"]["@context"] == stand.contexts.core.source
    assert ("Link" in inside.headers, "@context" in outside.body["data"], "Link" in outside.headers) == (
        False,
        False,
        True,
    )
    await stand.remove_attribute("urn:x:1", "location")
    (one,) = await stand.catch_up()
    (feature,) = one.body["data"]["features"]
    assert feature["geometry"] is None
    assert feature["properties"]["location"] == {"type": "GeoProperty", "value": NULL}
