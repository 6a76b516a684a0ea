"""Purging by a query, and finding what there is, on both engines."""

from __future__ import annotations

import pytest
from tests.platform.ngsild.calls import Client, gauge


@pytest.fixture
async def river(any_client: Client) -> Client:
    for number in range(1, 4):
        name = {"type": "Property", "value": f"n{number}"}
        assert (await any_client("POST", "/entities", gauge(number, float(number), name=name))).status == 201
    pump = {"id": "urn:ngsi-ld:Pump:1", "type": "Pump", "of": {"type": "Relationship", "object": "urn:ngsi-ld:Gauge:1"}}
    assert (await any_client("POST", "/entities", pump)).status == 201
    return any_client


async def left(client: Client) -> str:
    return "".join(one["id"][-1] for one in (await client("GET", "/entities", query="type=Gauge")).json)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [("type=Gauge", ""), ("q=level>1", "1"), ("type=Gauge&id=urn:ngsi-ld:Gauge:2", "13"), ("type=Nothing", "123")],
)
async def test_what_is_selected_goes(river: Client, query: str, numbers: str) -> None:
    assert (await river("DELETE", "/entities", query=query)).status == 204
    assert await left(river) == numbers
    assert (await river("GET", "/entities/urn:ngsi-ld:Pump:1")).status == 200


async def test_all_that_is_here_goes(river: Client) -> None:
    assert (await river("DELETE", "/entities", query="local=true")).status == 204
    assert (await river("GET", "/entities", query="local=true")).json == []


async def test_attributes_go_or_stay(river: Client) -> None:
    assert (await river("DELETE", "/entities", query="type=Gauge&drop=name")).status == 204
    first = (await river("GET", "/entities/urn:ngsi-ld:Gauge:1")).json
    assert ("name" in first, "level" in first) == (False, True)
    await river("POST", "/entities/urn:ngsi-ld:Gauge:1/attrs", {"name": "a", "rain": 1})
    assert (await river("DELETE", "/entities", query="type=Gauge&keep=rain")).status == 204
    first = (await river("GET", "/entities/urn:ngsi-ld:Gauge:1")).json
    assert set(first) == {"id", "type", "rain"}


@pytest.mark.parametrize(
    ("query", "counted"),
    [
        ("type=Gauge", {"entities": 3}),
        ("local=true", {"entities": 4}),
        ("q=level>1", {"entities": 2}),
        ("type=Nothing", {"entities": 0}),
        ("type=Gauge&drop=name,rain", {"entities": 3, "attributes": 3}),
        ("type=Gauge&keep=rain", {"entities": 3, "attributes": 6}),
        ("type=Gauge&keep=level,name", {"entities": 0, "attributes": 0}),
    ],
)
async def test_a_dry_run_counts_what_would_go_and_takes_nothing(
    river: Client, query: str, counted: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kumihimo.platform.ngsild.purge.STEP", 2)
    before = (await river("GET", "/entities", query="local=true")).json
    answer = await river("DELETE", "/entities", query=f"{query}&dryRun=true")
    assert (answer.status, answer.json) == (200, counted)
    assert answer.header("ngsild-results-count") == str(counted["entities"])
    assert (await river("GET", "/entities", query="local=true")).json == before


async def test_a_dry_run_is_asked_for_with_true_or_false(river: Client) -> None:
    assert (await river("DELETE", "/entities", query="type=Gauge&dryRun=yes")).kind == "BadRequestData"
    assert await left(river) == "123"
    assert (await river("DELETE", "/entities", query="type=Gauge&dryRun=false")).status == 204
    assert await left(river) == ""


@pytest.mark.parametrize(
    "query",
    [
        "",
        "id=urn:ngsi-ld:Gauge:1",
        "idPattern=.*",
        "attrs=createdAt",
        "type=Gauge&keep=a&drop=b",
        "type=Gauge&q=owner%7Bname%7D==1",
        "q=modifiedAt>2020-01-01T00:00:00Z",
    ],
)
async def test_what_is_too_wide_or_wrong_deletes_nothing(river: Client, query: str) -> None:
    assert (await river("DELETE", "/entities", query=query)).kind == "BadRequestData"
    assert await left(river) == "123"


async def test_one_type_with_its_attributes(river: Client) -> None:
    found = (await river("GET", "/types/Gauge")).json
    assert (found["type"], found["typeName"], found["entityCount"]) == ("EntityTypeInfo", "Gauge", 3)
    kinds = {one["attributeName"]: one["attributeTypes"] for one in found["attributeDetails"]}
    assert kinds == {"level": ["Property"], "name": ["Property"]}
    assert (await river("GET", "/types/Nothing")).kind == "ResourceNotFound"


async def test_attributes_and_whose_they_are(river: Client) -> None:
    assert (await river("GET", "/attributes")).json["attributeList"] == ["level", "name", "of"]
    detailed = {
        one["attributeName"]: one["typeNames"] for one in (await river("GET", "/attributes", query="details=true")).json
    }
    assert detailed == {"level": ["Gauge"], "name": ["Gauge"], "of": ["Pump"]}
    one = (await river("GET", "/attributes/of")).json
    assert (one["attributeCount"], one["attributeTypes"], one["typeNames"]) == (1, ["Relationship"], ["Pump"])
    assert (await river("GET", "/attributes/nothing")).kind == "ResourceNotFound"
    assert (await river("GET", "/attributes", query="limit=5")).kind == "InvalidRequest"
