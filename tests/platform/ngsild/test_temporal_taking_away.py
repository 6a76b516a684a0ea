"""Taking away from the past: attributes, single instances, whole evolutions (clauses 5.6.13, 5.6.15 and 5.6.16)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from tests.platform.ngsild.calls import LINK, Client, gauge

PAST = "/temporal/entities"
NAME = "urn:ngsi-ld:Gauge:1"
ONE = f"{PAST}/{NAME}"
LEVEL = f"{ONE}/attrs/level"
OTHER = f"{PAST}/urn:ngsi-ld:Gauge:2"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"


def one(value: Any, hour: int, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": f"2020-01-01T{hour:02}:00:00Z", **more}


def moment(hour: int, **members: Any) -> dict[str, Any]:
    return {"observedAt": f"2020-01-01T{hour:02}:00:00Z", **members}


PARTS = {"quality": {"type": "Property", "value": 0.5, "by": {"type": "Relationship", "object": "urn:p:1"}}}
SERIES: dict[str, Any] = {
    "level": [one(1, 1, **PARTS), one(2, 2), one(7, 1, datasetId="urn:d:1"), one(8, 2, datasetId="urn:d:2")],
    "rain": [one(5, 1)],
    "owner": [moment(hour, type="Relationship", object=f"urn:p:{hour}") for hour in (1, 2)],
    "place": [moment(hour, type="GeoProperty", value={"type": "Point", "coordinates": [hour, 36]}) for hour in (1, 2)],
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


async def was(client: Client, path: str = ONE) -> Any:
    found = await client("GET", path)
    assert found.status == 200, found.body
    return found.json


async def values(client: Client, name: str = "level", path: str = ONE) -> list[Any]:
    return sorted(each["value"] for each in (await was(client, path)).get(name, []))


async def test_what_is_not_meant_stays(rivers: Client) -> None:
    """Without anything the default instances go; with datasetId those; with deleteAll all. Nothing else does."""
    before, other = await was(rivers), await was(rivers, OTHER)
    steps = [
        ("datasetId=urn:d:1", [1, 2, 8]),
        ("deleteAll=false", [8]),
        ("datasetId=urn:d:2", []),
    ]
    for query, left in steps:
        answer = await rivers("DELETE", LEVEL, query=query)
        assert (answer.status, answer.body) == (204, b""), query
        assert await values(rivers) == left, query
    after = await was(rivers)
    assert {name: before[name] for name in before if name != "level"} == after
    assert await was(rivers, OTHER) == other


async def test_without_a_dataset_only_the_default_instances_go(rivers: Client) -> None:
    assert (await rivers("DELETE", LEVEL)).status == 204
    assert await values(rivers) == [7, 8]
    assert (await rivers("DELETE", LEVEL)).kind == "ResourceNotFound"


async def test_all_instances_go_whatever_their_datasets(rivers: Client) -> None:
    assert (await rivers("DELETE", LEVEL, query="deleteAll=true")).status == 204
    assert "level" not in await was(rivers)
    assert await values(rivers, "rain") == [5]


async def test_a_dataset_that_is_not_there_is_not_found(river: Client) -> None:
    answer = await river("DELETE", LEVEL, query="datasetId=urn:d:9")
    assert answer.kind == "ResourceNotFound"
    assert await values(river) == [1, 2, 7, 8]


async def test_the_name_is_read_by_the_context(river: Client) -> None:
    """In the town's context `level` is another attribute, until one of that name is there."""
    link = {"link": LINK}
    assert (await river("DELETE", LEVEL, headers=link)).kind == "ResourceNotFound"
    assert await values(river) == [1, 2, 7, 8]
    await river("POST", f"{ONE}/attrs", {"level": [one(3, 3), one(4, 4)]}, headers=link)
    town = (await river("GET", ONE, headers=link)).json["level"]
    first = {each["value"]: each["instanceId"] for each in town}[3]
    assert (await river("DELETE", f"{LEVEL}/{first}")).kind == "ResourceNotFound"
    assert (await river("DELETE", f"{LEVEL}/{first}", headers=link)).status == 204
    assert [each["value"] for each in (await river("GET", ONE, headers=link)).json["level"]] == [4]
    assert (await river("DELETE", LEVEL, headers=link)).status == 204
    assert await values(river) == [1, 2, 7, 8]
    whole = quote(DEFAULT + "level", safe="")
    assert (await river("DELETE", f"{ONE}/attrs/{whole}", headers=link)).status == 204
    assert await values(river) == [7, 8]


async def test_an_instance_goes_with_all_that_is_in_it_and_nothing_else_does(rivers: Client) -> None:
    before, other = await was(rivers), await was(rivers, OTHER)
    for name, place in (("level", 0), ("owner", 1), ("place", 0)):
        target = before[name][place]
        answer = await rivers("DELETE", f"{ONE}/attrs/{name}/{target['instanceId']}")
        assert (answer.status, answer.body) == (204, b""), name
        before[name].remove(target)
        assert await was(rivers) == before, name
        again = await rivers("DELETE", f"{ONE}/attrs/{name}/{target['instanceId']}")
        assert again.kind == "ResourceNotFound", name
    assert await was(rivers, OTHER) == other


async def test_the_last_instance_takes_the_attribute_with_it(river: Client) -> None:
    target = (await was(river))["rain"][0]["instanceId"]
    assert (await river("DELETE", f"{ONE}/attrs/rain/{target}")).status == 204
    assert "rain" not in await was(river)
    assert (await river("DELETE", f"{ONE}/attrs/rain")).kind == "ResourceNotFound"


async def test_an_instance_is_found_under_its_own_entity_and_attribute_only(river: Client) -> None:
    before, other = await was(river), await was(river, OTHER)
    target = before["level"][0]["instanceId"]
    for path in (
        f"{OTHER}/attrs/level/{target}",
        f"{ONE}/attrs/rain/{target}",
        f"{ONE}/attrs/wind/{target}",
        f"{PAST}/urn:ngsi-ld:Gauge:9/attrs/level/{target}",
        f"{LEVEL}/urn:ngsi-ld:Instance:none",
        f"{LEVEL}/urn:x:1",
    ):
        assert (await river("DELETE", path)).kind == "ResourceNotFound", path
    assert (await was(river), await was(river, OTHER)) == (before, other)


async def test_a_whole_evolution_goes_and_can_begin_anew(rivers: Client) -> None:
    other = await was(rivers, OTHER)
    answer = await rivers("DELETE", ONE)
    assert (answer.status, answer.body) == (204, b"")
    assert (await rivers("GET", ONE)).kind == "ResourceNotFound"
    assert (await rivers("DELETE", ONE)).kind == "ResourceNotFound"
    query = "type=Gauge&timerel=after&timeAt=2000-01-01T00:00:00Z"
    assert [each["id"][-1] for each in (await rivers("GET", PAST, query=query)).json] == ["2"]
    assert await was(rivers, OTHER) == other
    again = await rivers("POST", PAST, {"id": NAME, "type": "Pump", "level": [one(9, 9)]})
    assert again.status == 201
    found = await was(rivers)
    assert (found["type"], await values(rivers)) == ("Pump", [9])


async def test_the_present_stays(rivers: Client) -> None:
    body = {**gauge(3), "rain": 4}
    assert (await rivers("POST", "/entities", body)).status == 201
    path = "urn:ngsi-ld:Gauge:3"
    now = (await rivers("GET", f"/entities/{path}", query="options=sysAttrs")).json
    first = (await was(rivers, f"{PAST}/{path}"))["level"][0]["instanceId"]
    for target in (f"{PAST}/{path}/attrs/level/{first}", f"{PAST}/{path}/attrs/rain", f"{PAST}/{path}"):
        assert (await rivers("DELETE", target)).status == 204, target
        assert (await rivers("GET", f"/entities/{path}", query="options=sysAttrs")).json == now


REFUSED: list[Any] = [
    (f"{PAST}/noUri", "", "BadRequestData"),
    (f"{PAST}/noUri/attrs/level", "", "BadRequestData"),
    (f"{PAST}/noUri/attrs/level/urn:ngsi-ld:Instance:1-1", "", "BadRequestData"),
    (f"{ONE}/attrs/no(name", "", "BadRequestData"),
    (f"{ONE}/attrs/id", "", "BadRequestData"),
    (f"{ONE}/attrs/no(name/urn:ngsi-ld:Instance:1-1", "", "BadRequestData"),
    (f"{LEVEL}/noUri", "", "BadRequestData"),
    (LEVEL, "datasetId=noUri", "BadRequestData"),
    (LEVEL, "deleteAll=yes", "BadRequestData"),
    (LEVEL, "deleteAll=true&datasetId=urn:d:1", "BadRequestData"),
    (LEVEL, "colour=red", "InvalidRequest"),
    (ONE, "datasetId=urn:d:1", "InvalidRequest"),
    (f"{PAST}/urn:ngsi-ld:Gauge:9", "", "ResourceNotFound"),
    (f"{PAST}/urn:ngsi-ld:Gauge:9/attrs/level", "", "ResourceNotFound"),
    (f"{ONE}/attrs/wind", "", "ResourceNotFound"),
    (f"{ONE}/attrs/wind", "deleteAll=true", "ResourceNotFound"),
]


async def test_what_is_refused_takes_nothing_away(river: Client) -> None:
    before = await was(river)
    for path, query, kind in REFUSED:
        assert (await river("DELETE", path, query=query)).kind == kind, (path, query)
    for path in (PAST, f"{PAST}/"):
        assert (await river("DELETE", path)).status == 405, path
    assert await was(river) == before


async def test_tenants_keep_their_own_past(river: Client) -> None:
    await river.of("fukui")("POST", PAST, {"id": NAME, "type": "Gauge", "level": [one(1, 1)]})
    assert (await river.of("fukui")("DELETE", ONE)).status == 204
    assert await values(river) == [1, 2, 7, 8]
    assert (await river.of("nowhere")("DELETE", ONE)).kind == "NonexistentTenant"
