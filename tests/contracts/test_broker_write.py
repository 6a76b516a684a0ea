"""The write contract on both engines."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.model.house import E1, E2, House, entity, fragment

from kumihimo.base.errors import AlreadyExists, BadRequestData, PayloadTooLarge, ResourceNotFound
from kumihimo.platform.broker import instances, log
from kumihimo.platform.broker.instances import MAX_ATTRIBUTES, MAX_BYTES, MAX_TYPES
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.storage.migrate import parts_of


@pytest.fixture
async def house(any_database_factory: Any, fake_clock: FakeClock) -> House:
    database = await any_database_factory([SCHEMA, HISTORY])
    await database.add_tenant("town")
    return House(database, fake_clock)


async def test_create_stamps_logs_and_nudges(house: House) -> None:
    outcome = await house.one(Op.CREATE, entity(a=1))
    assert (outcome.status, outcome.seq, outcome.updated) == ("created", 1, ("a",))
    doc = await house.get()
    assert doc["createdAt"] == doc["modifiedAt"] == doc["attrs"]["a"][0]["createdAt"] == "2026-01-01T00:00:01.000Z"
    (record,) = await house.log()
    assert record.entity == doc
    assert (record.kind, record.changed, record.deleted, record.previous) == ("entityCreated", ("a",), (), {})
    assert (record.tenant, record.actor, record.purpose) == ("town", "device:g1", "device-reading")
    assert (record.cause, record.request_id, record.version) == ("log:x:1", "r1", 1)
    assert house.nudges.topics == ["log.town"]


async def test_one_refused_change_leaves_its_neighbours(house: House) -> None:
    outcomes = await house.apply(
        Change(Op.CREATE, E1, entity(E1, a=1)),
        Change(Op.CREATE, E1, entity(E1, a=2)),
        Change(Op.DELETE, E2),
        Change(Op.CREATE, E2, entity(E2, b=1)),
    )
    assert [one.status for one in outcomes] == ["created", "refused", "refused", "created"]
    assert isinstance(outcomes[1].problem, AlreadyExists)
    assert isinstance(outcomes[2].problem, ResourceNotFound)
    assert [record.seq for record in await house.log()] == [1, 2]
    assert await house.value("a") == 1


@pytest.mark.parametrize("bad", ["a\0b", {"k\0": 1}, [["\0"]]], ids=["text", "name", "deep"])
@pytest.mark.parametrize("op", [Op.CREATE, Op.UPSERT_UPDATE, Op.APPEND, Op.READING])
async def test_u_0000_is_not_stored_whatever_way_it_comes(house: House, op: Op, bad: Any) -> None:
    await house.apply(Change(Op.CREATE, E2, entity(E2, b=1)))
    outcomes = await house.apply(
        Change(op, E2 if op is Op.APPEND else E1, entity(E1, a=bad)), Change(Op.APPEND, E2, fragment(b=2))
    )
    assert [one.status for one in outcomes] == ["refused", "updated"]
    assert isinstance(outcomes[0].problem, BadRequestData)
    assert "U+0000" in outcomes[0].problem.detail
    assert (await house.one(Op.CREATE, entity(E1, a="\\u0000 is plain text"))).status == "created"


async def test_an_entity_does_not_grow_without_bounds(house: House) -> None:
    many: dict[str, Any] = {f"a{number}": 1 for number in range(MAX_ATTRIBUTES)}
    await house.one(Op.CREATE, entity(**many))
    more = await house.one(Op.APPEND, fragment(b=1))
    assert more.status == "refused"
    assert isinstance(more.problem, PayloadTooLarge)
    assert (await house.one(Op.APPEND, fragment(a1=2))).status == "updated"
    crowded = entity(E2, a=1) | {"type": [f"T{number}" for number in range(MAX_TYPES + 1)]}
    assert isinstance((await house.apply(Change(Op.CREATE, E2, crowded)))[0].problem, PayloadTooLarge)


async def test_an_entity_does_not_grow_without_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    half = "水" * (MAX_BYTES // 6)  # of three bytes each
    outcomes = await house.apply(
        Change(Op.CREATE, E1, entity(a=half)),
        Change(Op.APPEND, E1, fragment(b=half)),
        Change(Op.CREATE, E2, entity(a=1)),
        Change(Op.APPEND, E1, fragment(c=1)),
    )
    assert [one.status for one in outcomes] == ["created", "refused", "created", "updated"]
    assert isinstance(outcomes[1].problem, PayloadTooLarge)
    assert str(MAX_BYTES) in outcomes[1].problem.detail
    assert list((await house.get())["attrs"]) == ["a", "c"]
    monkeypatch.setattr(instances, "MAX_BYTES", 1000)  # as where the entity was stored under another limit
    assert (await house.one(Op.APPEND, fragment(d=1))).status == "refused"
    assert (await house.one(Op.DELETE_ATTRIBUTE, attribute="c")).status == "updated"
    assert (await house.one(Op.DELETE)).status == "deleted"


async def test_changes_of_one_entity_in_a_batch_see_each_other(house: House) -> None:
    outcomes = await house.apply(
        Change(Op.CREATE, E1, entity(a=1)),
        Change(Op.UPDATE, E1, fragment(a=2)),
        Change(Op.DELETE, E1),
        Change(Op.CREATE, E1, entity(a=3)),
        Change(Op.APPEND, E1, fragment(b=4)),
    )
    assert [one.status for one in outcomes] == ["created", "updated", "deleted", "created", "updated"]
    assert (await house.value("a"), await house.value("b")) == (3, 4)
    assert await house.rows("SELECT number FROM entity") == [(4,)]
    assert await house.rows("SELECT type, number FROM entity_type") == [("T", 4)]
    kinds = [record.kind for record in await house.log()]
    assert kinds == ["entityCreated", "entityUpdated", "entityDeleted", "entityCreated", "entityUpdated"]
    outcomes = await house.apply(Change(Op.DELETE, E1), Change(Op.UPSERT, E1, entity(c=1)), Change(Op.DELETE, E1))
    assert [one.status for one in outcomes] == ["deleted", "created", "deleted"]
    assert await house.rows("SELECT number FROM entity") == []
    assert await house.rows("SELECT number FROM entity_type") == []


async def test_update_overwrites_and_adds(house: House) -> None:
    await house.one(Op.CREATE, entity(a=1))
    outcome = await house.one(Op.UPDATE, fragment(a=2, b=3))
    assert (outcome.updated, outcome.not_updated) == (("a", "b"), ())
    doc = await house.get()
    assert doc["attrs"]["a"][0]["createdAt"] < doc["attrs"]["a"][0]["modifiedAt"] == doc["modifiedAt"]
    record = (await house.log(1))[0]
    assert record.previous["a"][0]["value"] == 1
    outcome = await house.one(Op.UPDATE, fragment(c="urn:ngsi-ld:null"))
    assert (outcome.status, outcome.seq) == ("unchanged", 0)
    assert house.nudges.topics == ["log.town"] * 2
    assert (await house.one(Op.UPDATE, fragment(b=3))).updated == ("b",)


async def test_append_new_reports_what_exists(house: House) -> None:
    await house.one(Op.CREATE, entity(a=1))
    outcome = await house.one(Op.APPEND_NEW, fragment(a=2, b=3))
    assert outcome.updated == ("b",)
    assert [name for name, _ in outcome.not_updated] == ["a"]
    assert await house.value("a") == 1


async def test_types_are_added_and_indexed(house: House) -> None:
    await house.one(Op.CREATE, entity(a=1))
    await house.one(Op.APPEND, {"type": ["U", "T"], **fragment(a=2)})
    assert (await house.get())["type"] == ["T", "U"]
    assert await house.rows("SELECT type FROM entity_type ORDER BY type") == [("T",), ("U",)]
    await house.one(Op.REPLACE, {**entity(z=1), "type": ["V"]})
    assert await house.rows("SELECT type FROM entity_type ORDER BY type") == [("V",)]
    record = (await house.log(2))[0]
    assert (record.changed, record.deleted) == (("z",), ("a",))


async def test_the_index_of_attributes_follows_the_entities(house: House) -> None:
    async def indexed() -> list[tuple[str, int]]:
        return await house.rows("SELECT attribute, number FROM entity_attribute ORDER BY attribute, number")

    await house.apply(Change(Op.CREATE, E1, entity(a=1, b=2)), Change(Op.CREATE, E2, entity(E2, b=3)))
    assert await indexed() == [("a", 1), ("b", 1), ("b", 2)]
    await house.apply(Change(Op.APPEND, E1, fragment(c=2)), Change(Op.DELETE_ATTRIBUTE, E1, attribute="a"))
    assert await indexed() == [("b", 1), ("b", 2), ("c", 1)]
    await house.one(Op.UPDATE, fragment(b=9))
    await house.one(Op.REPLACE, entity(z=1))
    assert await indexed() == [("b", 2), ("z", 1)]
    await house.apply(Change(Op.DELETE, E1), Change(Op.UPSERT, E1, entity(y=1)), Change(Op.DELETE, E2))
    assert await indexed() == [("y", 8)]


async def test_the_index_of_attributes_is_made_for_the_entities_there_are(house: House) -> None:
    """What version 3 of the tables does with a file of an older program."""
    await house.apply(Change(Op.CREATE, E1, entity(a=1, 水位=2)), Change(Op.CREATE, E2, entity(E2, a=3)))
    engine = "sqlite" if house.database.dialect.name == "sqlite" else "postgres"
    statements = parts_of(SCHEMA, engine)[2].sql.split(";")
    fill = next(one for one in statements if "INSERT INTO entity_attribute" in one)
    wanted = await house.rows("SELECT attribute, number FROM entity_attribute ORDER BY number, attribute")

    async def again(tx: Any) -> None:
        await tx.execute("DELETE FROM entity_attribute")
        await tx.execute(fill)

    await house.database.write("town", again)
    found = await house.rows("SELECT attribute, number FROM entity_attribute ORDER BY number, attribute")
    assert found == wanted
    assert len(found) == 3


async def test_the_geometry_index_follows(house: House) -> None:
    point = {"type": "Point", "coordinates": [136.2, 36.0]}
    doc = {"id": E1, "type": ["T"], "attrs": {"location": [{"type": "GeoProperty", "value": point}]}}
    await house.one(Op.CREATE, doc)
    assert await house.rows("SELECT min_lon, max_lat, extent FROM entity_geo") == [(136.2, 36.0, 0)]
    line = {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}
    await house.one(Op.UPDATE, {"attrs": {"location": [{"type": "GeoProperty", "value": line}]}})
    assert await house.rows("SELECT min_lon, max_lat, extent FROM entity_geo") == [(1.0, 4.0, 1)]
    await house.one(Op.DELETE_ATTRIBUTE, attribute="location")
    assert await house.rows("SELECT number FROM entity_geo") == []


async def test_a_place_told_again_stays_as_it_is_indexed(house: House) -> None:
    def told(level: int, lon: float, kind: str = "GeoProperty") -> Any:
        place = {"type": kind, "value": {"type": "Point", "coordinates": [lon, 36.0]}}
        return {"id": E1, "type": ["T"], "attrs": {"level": [{"type": "Property", "value": level}], "place": [place]}}

    async def change_tx(tx: Any) -> None:
        await tx.execute("UPDATE entity_geo SET max_lat = 99 WHERE attribute = $1", "place")

    index = "SELECT attribute, min_lon, max_lat FROM entity_geo"
    await house.one(Op.UPSERT, told(1, 136.2))
    await house.database.write("town", change_tx)
    await house.one(Op.UPSERT, told(2, 136.2))
    await house.one(Op.UPSERT_UPDATE, told(3, 136.2))
    assert await house.rows(index) == [("place", 136.2, 99.0)], "nothing was written anew"
    await house.one(Op.UPSERT_UPDATE, told(4, 136.3))
    assert await house.rows(index) == [("place", 136.3, 36.0)]
    await house.apply(Change(Op.UPDATE, E1, told(5, 136.4)), Change(Op.UPDATE, E1, told(6, 136.3)))
    assert await house.rows(index) == [("place", 136.3, 36.0)]
    await house.one(Op.UPSERT, told(7, 136.3, "Property"))
    assert await house.rows(index) == []


async def test_partial_update_merges_members(house: House) -> None:
    first = {"type": "Property", "value": 1, "unitCode": "CEL", "attrs": {"acc": [{"type": "Property", "value": 9}]}}
    other = {"type": "Property", "value": 5, "datasetId": "urn:d:1"}
    await house.one(Op.CREATE, {"id": E1, "type": ["T"], "attrs": {"a": [first, other]}})
    await house.one(Op.PARTIAL_UPDATE, {"attrs": {"a": [{"value": 2}]}}, attribute="a")
    await house.one(Op.PARTIAL_UPDATE, {"attrs": {"a": [{"unitCode": "X"}]}}, attribute="a", dataset="urn:d:1")
    held = (await house.get())["attrs"]["a"]
    assert (held[0]["value"], held[0]["unitCode"], held[0]["attrs"]["acc"][0]["value"]) == (2, "CEL", 9)
    assert (held[1]["value"], held[1]["unitCode"]) == (5, "X")
    outcome = await house.one(Op.PARTIAL_UPDATE, {"attrs": {"a": [{"object": "urn:x:1"}]}}, attribute="a")
    assert isinstance(outcome.problem, BadRequestData)
    outcome = await house.one(Op.PARTIAL_UPDATE, {"attrs": {"b": [{"value": 1}]}}, attribute="b")
    assert isinstance(outcome.problem, ResourceNotFound)


async def test_merge_with_null_takes_away(house: House) -> None:
    null = "urn:ngsi-ld:null"
    await house.one(Op.CREATE, entity(a={"x": 1, "y": {"z": 2}}, b=1, c=1))
    outcome = await house.one(Op.MERGE, fragment(a={"x": null, "y": {"w": 3}}, b=null, d=4, e={"k": null, "m": 1}))
    attrs = (await house.get())["attrs"]
    assert {name: many[0]["value"] for name, many in attrs.items()} == {
        "a": {"y": {"z": 2, "w": 3}},
        "c": 1,
        "d": 4,
        "e": {"m": 1},
    }
    assert outcome.updated == ("a", "d", "e", "b")
    record = (await house.log(1))[0]
    assert (record.changed, record.deleted) == (("a", "d", "e"), ("b",))


async def test_delete_attribute_by_dataset_and_all(house: House) -> None:
    many = [{"type": "Property", "value": n, **({"datasetId": f"urn:d:{n}"} if n else {})} for n in range(3)]
    await house.one(Op.CREATE, {"id": E1, "type": ["T"], "attrs": {"a": many, "b": [many[0]]}})
    await house.one(Op.DELETE_ATTRIBUTE, attribute="a", dataset="urn:d:1")
    assert [one["value"] for one in (await house.get())["attrs"]["a"]] == [0, 2]
    assert (await house.one(Op.DELETE_ATTRIBUTE, attribute="a", dataset="urn:d:1")).status == "refused"
    await house.one(Op.DELETE_ATTRIBUTE, attribute="a", every=True)
    assert list((await house.get())["attrs"]) == ["b"]
    assert isinstance((await house.one(Op.DELETE_ATTRIBUTE, attribute="zz")).problem, ResourceNotFound)


async def test_readings_newer_late_duplicate_and_corrected(house: House) -> None:
    assert await house.read(1.0, 100) == "stored"
    assert await house.read(2.0, 200) == "stored"
    assert await house.read(1.5, 150) == "late"
    assert await house.read(1.5, 150) == "duplicate"
    assert await house.read(2.0, 200) == "duplicate"
    assert await house.read(1.0, 100) == "duplicate"
    assert await house.value("level") == 2.0
    assert len(await house.log()) == 2
    assert await house.read(2.5, 200) == "stored"
    assert await house.value("level") == 2.5
    assert await house.read(1.4, 150) == "late"
    assert len(await house.log()) == 3
    doc = await house.get()
    assert doc["type"] == ["Gauge"]
    assert doc["attrs"]["level"][0]["observedAt"] == "1970-01-01T00:03:20.000Z"


async def test_a_reader_keeps_its_position(house: House) -> None:
    await house.one(Op.CREATE, entity(a=1))
    database = house.database
    assert await database.read("town", lambda tx: log.position_tx(tx, "r")) == 0
    await database.write("town", lambda tx: log.set_position_tx(tx, "r", 1))
    await database.write("town", lambda tx: log.set_position_tx(tx, "r", 7))
    assert await database.read("town", lambda tx: log.position_tx(tx, "r")) == 7
    assert await database.read("town", log.head_tx) == 1
