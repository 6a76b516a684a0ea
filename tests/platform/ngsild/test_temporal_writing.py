"""Creating, updating and adding to the temporal evolution of an entity (clauses 5.6.11 and 5.6.12)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import JSON, LD, LINK, TOWN_CONTEXT, Client

PAST = "/temporal/entities"
NAME = "urn:ngsi-ld:Gauge:1"
ONE = f"{PAST}/{NAME}"
ATTRS = f"{ONE}/attrs"
TOWN_LEVEL = "https://example.org/town#level"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
NULL = "urn:ngsi-ld:null"


def at(hour: int) -> str:
    return f"2026-01-01T{hour:02}:00:00Z"


def level(value: Any, hour: int, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": at(hour), **more}


def gauge(**attrs: Any) -> dict[str, Any]:
    return {"id": NAME, "type": "Gauge", **attrs}


def values(evolution: Any, name: str = "level") -> list[Any]:
    return [one["value"] for one in evolution[name]]


KINDS: dict[str, dict[str, Any]] = {
    "level": {"type": "Property", "value": 1.5, "unitCode": "MTR", "datasetId": "urn:d:1"},
    "state": {"type": "Property", "value": {"valve": ["open", 3, None]}},
    "owner": {"type": "Relationship", "object": "urn:ngsi-ld:Person:1", "objectType": "Person"},
    "owners": {"type": "Relationship", "object": ["urn:ngsi-ld:Person:1", "urn:ngsi-ld:Person:2"]},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.06]}},
    "name": {"type": "LanguageProperty", "languageMap": {"ja": "足羽川", "en": ["Asuwa", "river"]}},
    "use": {"type": "VocabProperty", "vocab": ["flood", "drought"]},
    "note": {"type": "JsonProperty", "json": {"by": "urn:x:1", "n": None}},
    "steps": {"type": "ListProperty", "valueList": [1, "two", True]},
    "parts": {
        "type": "ListRelationship",
        "objectList": [{"object": "urn:ngsi-ld:Pump:1"}, {"object": "urn:ngsi-ld:Pump:2"}],
    },
}


def shown(instances: Any) -> list[dict[str, Any]]:
    """Instances without what the platform adds."""
    return [{name: value for name, value in one.items() if name != "instanceId"} for one in instances]


async def test_an_instance_of_every_kind_is_kept_as_it_was(any_client: Client) -> None:
    series = {name: [{**instance, "observedAt": at(hour)} for hour in (1, 2)] for name, instance in KINDS.items()}
    assert (await any_client("POST", PAST, gauge(**series))).status == 201
    other = "urn:ngsi-ld:Gauge:2"
    await any_client("POST", PAST, {"id": other, "type": "Gauge"})
    added = await any_client("POST", f"{PAST}/{other}/attrs", series)
    assert (added.status, added.body) == (204, b"")
    for name in (NAME, other):
        found = (await any_client("GET", f"{PAST}/{name}")).json
        assert {name: shown(found[name]) for name in KINDS} == series, name


async def test_creating_says_where_it_is_and_updating_does_not(client: Client) -> None:
    made = await client("POST", PAST, gauge(level=[level(1, 1)]))
    assert (made.status, made.header("location"), made.body) == (201, f"/ngsi-ld/v1{ONE}", b"")
    again = await client("POST", PAST, gauge(level=[level(2, 2)]))
    assert (again.status, again.header("location"), again.body) == (204, None, b"")


async def test_an_update_adds_instances_and_replaces_none(any_client: Client) -> None:
    await any_client("POST", PAST, gauge(level=[level(1, 1), level(2, 2)], rain=[level(5, 1)]))
    more = gauge(level=[level(3, 3), level(4, 4, datasetId="urn:d:1")], wind=[level(7, 1)])
    assert (await any_client("POST", PAST, more)).status == 204
    found = (await any_client("GET", ONE)).json
    assert (values(found), values(found, "rain"), values(found, "wind")) == ([1, 2, 3, 4], [5], [7])


@pytest.mark.parametrize("path", [PAST, ATTRS])
async def test_new_types_join_those_there_are(any_client: Client, path: str) -> None:
    await any_client("POST", PAST, gauge(level=[level(1, 1)]))
    body: dict[str, Any] = {"id": NAME, "level": [level(2, 2)]}
    for given, types in (
        ({}, "Gauge"),
        ({"type": "Gauge"}, "Gauge"),
        ({"type": "Sensor"}, ["Gauge", "Sensor"]),
        ({"type": ["Station", "Gauge"]}, ["Gauge", "Sensor", "Station"]),
    ):
        assert (await any_client("POST", path, {**body, **given})).status == 204, given
        assert (await any_client("GET", ONE)).json["type"] == types, given
    found = await any_client("GET", PAST, query=f"type=Station&timerel=after&timeAt={at(0)}")
    assert [one["id"] for one in found.json] == [NAME]


@pytest.mark.parametrize("path", [PAST, ATTRS])
async def test_sub_attributes_stay_with_their_instance(client: Client, path: str) -> None:
    await client("POST", PAST, gauge())
    parts = {
        "unitCode": "MTR",
        "quality": {"type": "Property", "value": 0.9, "by": {"type": "Relationship", "object": "urn:p:1"}},
        "place": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.06]}},
    }
    body = gauge(level=[level(1, 1, **parts), level(2, 2)])
    assert (await client("POST", path, body)).status == 204
    found = (await client("GET", ONE)).json["level"]
    assert [{name: one.get(name) for name in parts} for one in found] == [parts, dict.fromkeys(parts)]


@pytest.mark.parametrize("path", [PAST, ATTRS])
async def test_names_are_read_by_the_context_of_the_body_or_the_link(client: Client, path: str) -> None:
    await client("POST", PAST, {"id": NAME, "type": "Thing"})
    inside = {**gauge(level=[level(1, 1)]), **TOWN_CONTEXT}
    assert (await client("POST", path, inside, media=LD)).status == 204
    assert (await client("POST", path, gauge(level=[level(2, 2)]), headers={"link": LINK})).status == 204
    assert (await client("POST", path, gauge(level=[level(3, 3)]))).status == 204
    found = (await client("GET", ONE)).json
    assert (values(found, TOWN_LEVEL), values(found)) == ([1, 2], [3])
    assert set(found["type"]) == {"Thing", "https://example.org/town#Gauge", "Gauge"}
    town = (await client("GET", ONE, headers={"link": LINK})).json
    assert (values(town), values(town, "ngsi-ld:default-context/level")) == ([1, 2], [3])


async def test_a_concise_instance_is_kept_as_a_whole_one(client: Client) -> None:
    point = {"type": "Point", "coordinates": [136.2, 36.06]}
    body = gauge(level={"value": 1, "observedAt": at(1)}, name="Asuwa", place=point, owner={"object": "urn:p:1"})
    assert (await client("POST", PAST, body)).status == 201
    found = (await client("GET", ONE)).json
    assert {name: found[name][0]["type"] for name in ("level", "name", "place", "owner")} == {
        "level": "Property",
        "name": "Property",
        "place": "GeoProperty",
        "owner": "Relationship",
    }
    assert (values(found, "name"), values(found, "place")) == (["Asuwa"], [point])


async def test_the_platform_gives_ids_and_times_of_writing(client: Client, fake_clock: FakeClock) -> None:
    made = level(1, 1, createdAt="1999-01-01T00:00:00Z", modifiedAt="1999-01-01T00:00:00Z", instanceId="urn:mine")
    await client("POST", PAST, gauge(level=[made, level(2, 2)], createdAt="1999-01-01T00:00:00Z"))
    fake_clock.advance(60)
    await client("POST", ATTRS, {"level": [level(3, 3)]})
    found = (await client("GET", ONE, query="options=sysAttrs")).json
    assert [one["createdAt"] for one in found["level"]] == ["2026-01-01T00:00:00.000Z"] * 2 + [
        "2026-01-01T00:01:00.000Z"
    ]
    assert all(one["createdAt"] == one["modifiedAt"] for one in found["level"])
    assert found["createdAt"] == "2026-01-01T00:00:00.000Z"
    ids = [one["instanceId"] for one in found["level"]]
    assert len(set(ids)) == 3
    assert all(one.startswith("urn:ngsi-ld:") for one in ids)
    plain = (await client("GET", ONE)).json
    assert not {"createdAt", "modifiedAt"} & {*plain, *plain["level"][0]}


async def test_the_present_does_not_change(client: Client) -> None:
    now = gauge(level=level(9, 9))
    await client("POST", "/entities", now)
    before = (await client("GET", f"/entities/{NAME}", query="options=sysAttrs")).json
    await client("POST", PAST, gauge(level=[level(1, 1)], rain=[level(2, 20)]))
    await client("POST", ATTRS, {"type": "Sensor", "level": [level(3, 23)]})
    assert (await client("GET", f"/entities/{NAME}", query="options=sysAttrs")).json == before
    found = (await client("GET", ONE)).json
    assert (values(found), values(found, "rain")) == ([1, 9, 3], [2])


async def test_tenants_do_not_see_what_another_was(client: Client) -> None:
    await client("POST", PAST, gauge(level=[level(1, 1)]))
    assert (await client.of("fukui")("POST", PAST, gauge(level=[level(2, 2)]))).status == 201
    other = await client.of("fukui")("GET", ONE)
    assert (values(other.json), other.header("ngsild-tenant")) == ([2], "fukui")
    assert values((await client("GET", ONE)).json) == [1]
    assert (await client.of("nowhere")("GET", ONE)).kind == "NonexistentTenant"
    assert (await client.of("nowhere")("POST", ATTRS, {"level": 1})).kind == "NonexistentTenant"


WRONG_ATTRIBUTES: list[Any] = [
    {"level": {"type": "Property"}},
    {"level": {"type": "Property", "observedAt": at(1)}},
    {"owner": {"type": "Relationship", "value": "urn:p:1"}},
    {"owner": {"type": "Relationship", "object": "no uri"}},
    {"place": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": ["a", 1]}}},
    {"name": {"type": "LanguageProperty", "languageMap": "river"}},
    {"use": {"type": "VocabProperty", "vocab": 3}},
    {"note": {"type": "JsonProperty", "json": "text"}},
    {"steps": {"type": "ListProperty", "valueList": 1}},
    {"parts": {"type": "ListRelationship", "objectList": ["no uri"]}},
    {"level": {"type": "Colour", "value": 1}},
    {"level": None},
    {"level": []},
    {"level": [{"type": "Property", "value": None}]},
    {"level": level(1, 1, observedAt="yesterday")},
    {"level": level(1, 1, observedAt="2026-13-01T00:00:00Z")},
    {"level": level(1, 1, observedAt=20260101)},
    {"level": level(1, 1, observedAt=NULL)},
    {"level": level(1, 1, expiresAt="soon")},
    {"level": level(1, 1, expiresAt=NULL)},
    {"level": level(1, 1, datasetId="no uri")},
    {"level": level(1, 1, datasetId=NULL)},
    {"level": level(1, 1, unitCode=3)},
    {"level": level(1, 1, unitCode=NULL)},
    {"level": level(1, 1, quality={"type": "Property"})},
    {"level": level(1, 1, quality=NULL)},
    {"level": level({"part": NULL}, 1)},
    {"level": [level([{"part": NULL}], 1)]},
    {"no(name": level(1, 1)},
    {"level": NULL},
    {"type": NULL},
    {"type": []},
    {"type": 3, "level": level(1, 1)},
    {"scope": NULL},
    {"expiresAt": NULL},
    {"level": level(1, 1), DEFAULT + "level": level(2, 2)},
]


async def test_what_is_no_ngsi_ld_is_refused_and_nothing_of_it_is_kept(client: Client) -> None:
    await client("POST", PAST, gauge(rain=[level(1, 1)]))
    for wrong in WRONG_ATTRIBUTES:
        for path, body in ((PAST, gauge(**{"wind": 1, **wrong})), (ATTRS, {"wind": 1, **wrong})):
            answer = await client("POST", path, body)
            assert answer.kind == "BadRequestData", (wrong, answer.body)
        new = await client("POST", PAST, {**gauge(**{"wind": 1, **wrong}), "id": "urn:ngsi-ld:Gauge:2"})
        assert new.kind == "BadRequestData", wrong
    found = (await client("GET", ONE)).json
    assert set(found) == {"id", "type", "rain"}
    assert (await client("GET", f"{PAST}/urn:ngsi-ld:Gauge:2")).status == 404


async def test_heads_that_are_refused(client: Client) -> None:
    await client("POST", PAST, gauge(level=[level(1, 1)]))
    for wrong in (
        {"type": "Gauge", "level": level(1, 1)},
        {"id": "no uri", "type": "Gauge"},
        {"id": "", "type": "Gauge"},
        {"id": 3, "type": "Gauge"},
        {"id": NULL, "type": "Gauge"},
        {"id": "urn:ngsi-ld:Gauge:2", "level": level(1, 1)},
    ):
        assert (await client("POST", PAST, wrong)).kind == "BadRequestData", wrong
    for path, body, kind in (
        (f"{PAST}/noUri/attrs", {"level": level(1, 1)}, "BadRequestData"),
        (f"{PAST}/urn:ngsi-ld:Gauge:9/attrs", {"level": level(1, 1)}, "ResourceNotFound"),
        (ATTRS, {"id": "urn:ngsi-ld:Gauge:9", "level": level(1, 1)}, "BadRequestData"),
        (ATTRS, {}, "BadRequestData"),
        (ATTRS, {"type": "Sensor"}, "BadRequestData"),
    ):
        assert (await client("POST", path, body)).kind == kind, (path, body)
    found = (await client("GET", ONE)).json
    assert (found["type"], values(found)) == ("Gauge", [1])


BODIES: list[Any] = [
    (b"{", JSON, 400, "InvalidRequest"),
    (b"", JSON, 400, "InvalidRequest"),
    (b"[]", JSON, 400, "InvalidRequest"),
    (b'"text"', JSON, 400, "InvalidRequest"),
    (b'{"level": NaN}', JSON, 400, "InvalidRequest"),
    (b"{}", "text/plain", 415, "UnsupportedMediaType"),
    (b'{"id": "urn:a:1", "type": "T", "level": 1}', LD, 400, "BadRequestData"),
    (b'{"id": "urn:a:1", "type": "T", "level": 1, "@context": {}}', JSON, 400, "BadRequestData"),
]


@pytest.mark.parametrize("path", [PAST, ATTRS])
async def test_bodies_that_cannot_be_read(client: Client, path: str) -> None:
    for body, media, status, kind in BODIES:
        answer = await client("POST", path, body, media=media)
        assert (answer.status, answer.kind) == (status, kind), body
    both = await client("POST", path, {**gauge(level=1), **TOWN_CONTEXT}, media=LD, headers={"link": LINK})
    assert both.kind == "BadRequestData"
    assert (await client("POST", path, headers={"content-type": JSON})).status == 411
    assert (await client("POST", path, gauge(level=1), query="colour=red")).kind == "InvalidRequest"
    assert (await client("GET", ONE)).status == 404


async def test_what_was_deleted_may_be_told(client: Client) -> None:
    """Clause 5.5.4: in the temporal evolution the NGSI-LD null may be a value, for what was deleted (4.5.7)."""
    gone: dict[str, Any] = {
        "level": {"type": "Property", "value": NULL},
        "owner": {"type": "Relationship", "object": NULL},
        "name": {"type": "LanguageProperty", "languageMap": {"@none": NULL}},
    }
    body = gauge(**{name: [{**one, "observedAt": at(1)}] for name, one in gone.items()})
    assert (await client("POST", PAST, body)).status == 201
    found = (await client("GET", ONE)).json
    assert (found["level"][0]["value"], found["owner"][0]["object"]) == (NULL, NULL)
    assert found["name"][0]["languageMap"] == {"@none": NULL}
