"""Modifying one instance in the temporal evolution of an entity (clause 5.6.14)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import JSON, LD, LINK, TOWN_CONTEXT, Client, gauge

PAST = "/temporal/entities"
NAME = "urn:ngsi-ld:Gauge:1"
ONE = f"{PAST}/{NAME}"
LEVEL = f"{ONE}/attrs/level"
TOWN_LEVEL = "https://example.org/town#level"
NULL = "urn:ngsi-ld:null"


def moment(hour: int) -> str:
    return f"2020-01-01T{hour:02}:00:00Z"


def one(value: Any, hour: int, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": moment(hour), **more}


SERIES: dict[str, Any] = {
    "level": [one(1, 1, unitCode="MTR"), one(2, 2), one(7, 1, datasetId="urn:d:1")],
    "owner": [{"type": "Relationship", "object": "urn:p:1", "observedAt": moment(1)}],
    "place": [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136, 36]}, "observedAt": moment(1)}],
    "name": [{"type": "LanguageProperty", "languageMap": {"ja": "川"}, "observedAt": moment(1)}],
}


async def evolve(client: Client) -> Client:
    for number in (1, 2):
        body = {"id": f"urn:ngsi-ld:Gauge:{number}", "type": "Gauge", **SERIES}
        assert (await client("POST", PAST, body)).status == 201
    return client


@pytest.fixture
async def river(client: Client) -> Client:
    return await evolve(client)


@pytest.fixture
async def rivers(any_client: Client) -> Client:
    return await evolve(any_client)


async def was(client: Client, path: str = ONE, query: str = "options=sysAttrs") -> Any:
    found = await client("GET", path, query=query)
    assert found.status == 200, found.body
    return found.json


NEW: list[Any] = [
    ("level", one(5, 1), {"unitCode"}),
    ("owner", {"type": "Relationship", "object": "urn:p:2", "observedAt": moment(3)}, set()),
    (
        "place",
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}, "observedAt": moment(4)},
        set(),
    ),
    ("name", {"type": "LanguageProperty", "languageMap": {"en": "river"}, "observedAt": moment(1)}, set()),
]


async def test_the_new_instance_stands_for_the_old_and_nothing_else_changes(
    rivers: Client, fake_clock: FakeClock
) -> None:
    """Its id and createdAt stay, its modifiedAt is now; members that are not given are gone (clause 5.6.14.4)."""
    other = await was(rivers, f"{PAST}/urn:ngsi-ld:Gauge:2")
    for name, body, gone in NEW:
        before = await was(rivers)
        target = before[name][0]
        fake_clock.advance(60)
        answer = await rivers("PATCH", f"{ONE}/attrs/{name}/{target['instanceId']}", body)
        assert (answer.status, answer.body) == (204, b""), name
        after = await was(rivers)
        now = fake_clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        changed = {each["instanceId"]: each for each in after[name]}[target["instanceId"]]
        assert changed == {
            **body,
            "instanceId": target["instanceId"],
            "createdAt": target["createdAt"],
            "modifiedAt": now,
        }
        assert gone <= target.keys() - changed.keys()
        assert [each for each in after[name] if each != changed] == before[name][1:], name
        assert (before.pop("modifiedAt") < after.pop("modifiedAt") == now, name) == (True, name)
        assert {**after, name: 0} == {**before, name: 0}
    assert await was(rivers, f"{PAST}/urn:ngsi-ld:Gauge:2") == other


async def test_it_is_found_by_what_it_is_now(rivers: Client) -> None:
    target = (await was(rivers))["level"][0]["instanceId"]
    assert (await rivers("PATCH", f"{LEVEL}/{target}", one(50, 9, datasetId="urn:d:2"))).status == 204
    span = f"type=Gauge&timerel=after&timeAt={moment(8)}"
    found = await rivers("GET", PAST, query=f"{span}&q=level==50&datasetId=urn:d:2")
    assert [each["id"] for each in found.json] == [NAME]
    early = f"type=Gauge&timerel=before&timeAt={moment(8)}&q=level==1"
    assert [each["id"][-1] for each in (await rivers("GET", PAST, query=early)).json] == ["2"]
    figures = (await rivers("GET", ONE, query="aggrMethods=max&attrs=level")).json["level"]
    assert {each.get("datasetId"): each["max"][0][0] for each in figures} == {
        None: 2.0,
        "urn:d:1": 7.0,
        "urn:d:2": 50.0,
    }


BODIES: list[Any] = [
    ({"value": 11, "observedAt": moment(1)}, JSON, {}),
    ({"level": {"value": 12, "observedAt": moment(1)}}, JSON, {}),
    ({"level": [one(13, 1)]}, JSON, {}),
    ({"id": NAME, "type": "Gauge", "level": [one(14, 1)]}, JSON, {}),
    (one(15, 1), "application/merge-patch+json", {}),
    ({**one(16, 1), "@context": {"other": "https://example.org/other"}}, LD, {}),
]


async def test_the_instance_may_come_alone_or_within_its_entity(river: Client) -> None:
    target = (await was(river))["level"][0]["instanceId"]
    for number, (body, media, headers) in enumerate(BODIES, start=11):
        answer = await river("PATCH", f"{LEVEL}/{target}", body, media=media, headers=headers)
        assert answer.status == 204, (body, answer.body)
        series = {each["instanceId"]: each["value"] for each in (await was(river))["level"]}
        assert series[target] == number
        assert len(series) == 3


async def test_the_name_and_what_is_inside_are_read_by_the_context(river: Client) -> None:
    """By the Link header or in the body; `level` without it is another attribute."""
    link = {"link": LINK}
    await river("POST", f"{ONE}/attrs", {"level": [one(3, 3)]}, headers=link)
    target = (await was(river))[TOWN_LEVEL][0]["instanceId"]
    assert (await river("PATCH", f"{LEVEL}/{target}", one(4, 4))).kind == "ResourceNotFound"
    inner = one(4, 4, level={"type": "Property", "value": 0})
    assert (await river("PATCH", f"{LEVEL}/{target}", inner, headers=link)).status == 204
    found = (await was(river))[TOWN_LEVEL][0]
    assert (found["value"], found[TOWN_LEVEL]["value"]) == (4, 0)
    body = {**one(5, 5), **TOWN_CONTEXT}
    assert (await river("PATCH", f"{LEVEL}/{target}", body, media=LD)).status == 204
    found = await was(river)
    assert (found[TOWN_LEVEL][0]["value"], [each["value"] for each in found["level"]]) == (5, [1, 7, 2])


async def test_the_whole_name_is_the_same_attribute(river: Client) -> None:
    target = (await was(river))["level"][0]["instanceId"]
    whole = "https://uri.etsi.org/ngsi-ld/default-context/level"
    path = f"{ONE}/attrs/{quote(whole, safe='')}/{target}"
    for body, value in ((one(21, 1), 21), ({"level": one(22, 1)}, 22), ({whole: one(23, 1)}, 23)):
        assert (await river("PATCH", path, body)).status == 204, body
        assert (await was(river))["level"][0]["value"] == value
    assert (await river("PATCH", f"{LEVEL}/{target}", {whole: one(24, 1)})).status == 204
    assert (await was(river))["level"][0]["value"] == 24


async def test_the_present_stays(rivers: Client) -> None:
    await rivers("POST", "/entities", gauge(3))
    path = "urn:ngsi-ld:Gauge:3"
    now = (await rivers("GET", f"/entities/{path}", query="options=sysAttrs")).json
    target = (await was(rivers, f"{PAST}/{path}"))["level"][0]["instanceId"]
    assert (await rivers("PATCH", f"{PAST}/{path}/attrs/level/{target}", one(9, 9))).status == 204
    assert (await rivers("GET", f"/entities/{path}", query="options=sysAttrs")).json == now
    assert [each["value"] for each in (await was(rivers, f"{PAST}/{path}"))["level"]] == [9]


WRONG: list[Any] = [
    ({}, "BadRequestData"),
    ({"level": []}, "BadRequestData"),
    ({"level": [one(1, 1), one(2, 2)]}, "BadRequestData"),
    ({"rain": [one(1, 1)]}, "BadRequestData"),
    ({"level": [one(1, 1)], "rain": [one(1, 1)]}, "BadRequestData"),
    ({"type": "Property"}, "BadRequestData"),
    ({"type": "Colour", "value": 1}, "BadRequestData"),
    ({"type": "Relationship", "value": 1}, "BadRequestData"),
    ({"type": "Relationship", "object": "no uri"}, "BadRequestData"),
    (one(1, 1, observedAt="yesterday"), "BadRequestData"),
    (one(1, 1, observedAt=NULL), "BadRequestData"),
    (one(1, 1, datasetId="no uri"), "BadRequestData"),
    (one(1, 1, unitCode=NULL), "BadRequestData"),
    ({"level": NULL}, "BadRequestData"),
    ([one(1, 1)], "InvalidRequest"),
    (3, "InvalidRequest"),
    (b"{", "InvalidRequest"),
    (b"", "InvalidRequest"),
]


async def test_what_is_no_instance_changes_nothing(river: Client) -> None:
    before = await was(river)
    target = before["level"][0]["instanceId"]
    for body, kind in WRONG:
        answer = await river("PATCH", f"{LEVEL}/{target}", body)
        assert answer.kind == kind, (body, answer.body)
    assert (await river("PATCH", f"{LEVEL}/{target}", one(1, 1), media="text/plain")).status == 415
    assert await was(river) == before


async def test_instances_that_there_are_not(river: Client) -> None:
    before = await was(river)
    target = before["level"][0]["instanceId"]
    for path, kind in (
        (f"{PAST}/noUri/attrs/level/{target}", "BadRequestData"),
        (f"{ONE}/attrs/no(name/{target}", "BadRequestData"),
        (f"{LEVEL}/noUri", "BadRequestData"),
        (f"{PAST}/urn:ngsi-ld:Gauge:9/attrs/level/{target}", "ResourceNotFound"),
        (f"{PAST}/urn:ngsi-ld:Gauge:2/attrs/level/{target}", "ResourceNotFound"),
        (f"{ONE}/attrs/rain/{target}", "ResourceNotFound"),
        (f"{ONE}/attrs/place/{target}", "ResourceNotFound"),
        (f"{LEVEL}/urn:ngsi-ld:Instance:0-99", "ResourceNotFound"),
        (f"{LEVEL}/urn:x:1", "ResourceNotFound"),
    ):
        assert (await river("PATCH", path, one(1, 1))).kind == kind, path
    assert (await river.of("nowhere")("PATCH", f"{LEVEL}/{target}", one(1, 1))).kind == "NonexistentTenant"
    assert await was(river) == before
