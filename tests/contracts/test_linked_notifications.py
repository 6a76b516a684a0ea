"""Linked entities in subscriptions (clauses 4.5.23, 4.9 and 5.8.6), on both engines."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.delivery.stand import SCHEMAS, TENANT, Stand
from tests.rights import only, rows

from kumihimo.base.call import Call
from kumihimo.platform.access.decide import Access, Action, Grant

NULL = "urn:ngsi-ld:null"


@pytest.fixture
async def stand(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> Stand:
    database = await any_database_factory(SCHEMAS)
    await database.add_tenant(TENANT)
    return Stand(database, fake_clock)


def to(target: str) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}


def prop(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value}


async def build(stand: Stand) -> None:
    """Two gauges at one river, which is in a basin."""
    await stand.write_entity("urn:basin", area=prop(1280))
    await stand.write_entity("urn:river", within=to("urn:basin"), length=prop(116))
    await stand.write_entity("urn:x:1", at=to("urn:river"), level=prop(1))
    await stand.write_entity("urn:x:2", at=to("urn:river"), beside=to("urn:x:1"), level=prop(1))


RIVER = {"id": "urn:river", "type": "Gauge", "within": to("urn:basin"), "length": prop(116)}
BASIN = {"id": "urn:basin", "type": "Gauge", "area": prop(1280)}


async def told(stand: Stand, **notification: Any) -> list[dict[str, Any]]:
    await build(stand)
    await stand.subscribe(entities=[{"type": "Gauge", "id": "urn:x:1"}], notification=notification)
    await stand.write("urn:x:1", level=prop(2))
    (one,) = await stand.catch_up()
    data: list[dict[str, Any]] = one.body["data"]
    return data


async def test_flat_puts_the_linked_entities_behind(stand: Stand) -> None:
    gauge = {"id": "urn:x:1", "type": "Gauge", "at": to("urn:river"), "level": prop(2)}
    assert await told(stand, join="flat") == [gauge, RIVER]


async def test_inline_puts_them_into_their_relationships_as_deep_as_asked(stand: Stand) -> None:
    river = {**RIVER, "within": {**to("urn:basin"), "entity": BASIN}}
    (gauge,) = await told(stand, join="inline", joinLevel=2)
    assert gauge["at"] == {**to("urn:river"), "entity": river}


async def test_forms_and_attributes_go_with_join(stand: Stand) -> None:
    simple = {"id": "urn:river", "type": "Gauge", "within": "urn:basin", "length": 116}
    data = await told(stand, join="flat", format="simplified", attributes=["at"])
    assert data == [{"id": "urn:x:1", "type": "Gauge", "at": "urn:river"}, simple]
    await stand.subscribe(notification={"join": "inline", "attributes": ["level"]}, uri="http://a/")
    await stand.write("urn:x:2", level=prop(5))
    sent = [one.entity for one in await stand.catch_up() if one.url == "http://a/"]
    assert sent == [{"id": "urn:x:2", "type": "Gauge", "level": prop(5)}]


async def test_a_change_of_a_linked_entity_notifies_nobody_and_no_join_is_none(stand: Stand) -> None:
    (gauge,) = await told(stand, join="@none", joinLevel=3)
    assert gauge["at"] == to("urn:river")
    await stand.write("urn:river", length=prop(117))
    assert await stand.catch_up() == []


async def test_what_throttling_held_and_what_is_periodic_is_joined_too(stand: Stand) -> None:
    await build(stand)
    ids = [{"type": "Gauge", "id": ["urn:x:1", "urn:x:2"]}]
    await stand.subscribe(entities=ids, throttling=60, notification={"join": "flat"}, uri="http://held/")
    await stand.subscribe(entities=ids, timeInterval=60, notification={"join": "flat"}, uri="http://turn/")
    await stand.write("urn:x:1", level=prop(2))
    await stand.catch_up()
    await stand.write("urn:x:1", level=prop(3))
    await stand.write("urn:x:2", level=prop(3))
    await stand.catch_up()
    stand.clock.advance(60)
    sent = {one.url: [part["id"] for part in one.body["data"]] for one in await stand.catch_up()}
    assert sent == {"http://held/": ["urn:x:1", "urn:x:2", "urn:river"]} | {
        "http://turn/": ["urn:x:1", "urn:x:2", "urn:river"]
    }


async def test_a_deleted_entity_and_a_deleted_link_lead_nowhere(stand: Stand) -> None:
    await build(stand)
    triggers = ["entityDeleted", "attributeDeleted"]
    for join in ("flat", "inline"):
        await stand.subscribe(notificationTrigger=triggers, notification={"join": join}, uri=f"http://{join}/")
    await stand.remove_attribute("urn:x:1", "at")
    await stand.remove("urn:x:1")
    for one in await stand.catch_up():
        (entity,) = one.body["data"]
        assert entity.get("at") in (None, to(NULL))


async def test_q_asks_about_linked_entities(stand: Stand) -> None:
    await build(stand)
    await stand.write_entity("urn:dry", length=prop(5))
    for number, q in enumerate(
        ("at{length}>100;at{within{area}}>1000", "at{length}<100|beside{level}==1", "at{depth}")
    ):
        await stand.subscribe(entities=[{"type": "Gauge", "idPattern": "^urn:x:"}], q=q, uri=f"http://{number}/")
    await stand.write_entity("urn:x:3", at=to("urn:dry"), level=prop(1))
    await stand.write("urn:x:1", level=prop(7))
    await stand.write("urn:x:2", level=prop(7))
    sent = sorted((one.url, one.entity["id"]) for one in await stand.catch_up())
    assert sent == [("http://0/", "urn:x:1"), ("http://0/", "urn:x:2"), ("http://1/", "urn:x:3")]
    await stand.write("urn:x:1", level=prop(1))
    await stand.write("urn:x:2", level=prop(8))
    sent = sorted((one.url, one.entity["id"]) for one in await stand.catch_up())
    assert sent == [("http://0/", "urn:x:1"), ("http://0/", "urn:x:2"), ("http://1/", "urn:x:2")]


async def test_values_that_are_names_are_read_as_such(stand: Stand) -> None:
    await stand.subscribe(q='kind=="wet"', expandValues="kind")
    await stand.subscribe(q='kind=="wet"', expandValues="kind", jsonKeys="kind", uri="http://raw/")
    await stand.write_entity("urn:x:1", kind={"type": "VocabProperty", "vocab": "wet"})
    await stand.write_entity("urn:x:2", kind=prop("wet"))
    sent = sorted((one.url, one.entity["id"]) for one in await stand.catch_up())
    assert sent == [("http://endpoint.example/notify", "urn:x:1"), ("http://raw/", "urn:x:2")]


class NarrowAccess(Access):
    """Hides the river's length, and the basin."""

    async def decide(self, call: Call, action: Action) -> Grant:
        names = [f"https://uri.etsi.org/ngsi-ld/default-context/{one}" for one in ("at", "level", "within")]
        allowed = rows(ids=("urn:x:1", "urn:x:2", "urn:river"))
        return Grant(allowed, only(*names))


async def test_linked_entities_are_seen_as_the_maker_may_see_them(stand: Stand) -> None:
    stand.delivery._catalogue._access = NarrowAccess(False)
    await build(stand)
    ids = [{"type": "Gauge", "id": "urn:x:1"}]
    await stand.subscribe(entities=ids, notification={"join": "flat", "joinLevel": 2}, uri="http://join/")
    await stand.subscribe(entities=ids, q="at{length}>1", uri="http://probe/")
    await stand.subscribe(entities=ids, q="at{within{area}}>1", uri="http://deep/")
    await stand.write("urn:x:1", level=prop(2))
    (one,) = await stand.catch_up()
    assert one.body["data"][1:] == [{"id": "urn:river", "type": "Gauge", "within": to("urn:basin")}]


async def test_too_many_linked_entities_leave_the_change_itself(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kumihimo.platform.broker.links.MAX_LINKED", 0)
    (gauge,) = await told(stand, join="flat")
    assert gauge["level"] == prop(2)
