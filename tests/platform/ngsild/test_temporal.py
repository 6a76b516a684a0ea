from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import Client, gauge

ONE = "/entities/urn:ngsi-ld:Gauge:1"
PAST = "/temporal/entities"
NAME = "urn:ngsi-ld:Gauge:1"


def at(hour: int) -> str:
    return f"2026-01-01T{hour:02}:00:00Z"


@pytest.fixture
async def river(any_client: Client) -> Client:
    await any_client("POST", "/entities", gauge(name={"type": "Property", "value": "a"}))
    for hour in range(1, 5):
        change = {"value": float(hour), "observedAt": at(hour)}
        assert (await any_client("PATCH", f"{ONE}/attrs/level", change)).status == 204
    await any_client("POST", "/entities", gauge(2))
    return any_client


A_SPAN_OF_ONE_ENTITY: list[Any] = [
    (f"timerel=after&timeAt={at(3)}", [3.0, 4.0]),
    (f"timerel=before&timeAt={at(2)}", [1.5, 1.0]),
    (f"timerel=between&timeAt={at(1)}&endTimeAt={at(3)}", [1.0, 2.0]),
    ("lastN=2", [3.0, 4.0]),
    (f"timerel=before&timeAt={at(4)}&lastN=1", [3.0]),
    ("", [1.5, 1.0, 2.0, 3.0, 4.0]),
]


async def test_a_span_of_one_entity(river: Client) -> None:
    for query, values in A_SPAN_OF_ONE_ENTITY:
        past = await river("GET", f"{PAST}/{NAME}", query=f"attrs=level&{query}")
        assert past.status == 200, past.body
        assert sorted(one["value"] for one in past.json["level"]) == sorted(values), query
        assert all(one["instanceId"] for one in past.json["level"]), query
        assert "name" not in past.json, query


async def test_values_with_their_times(river: Client) -> None:
    query = f"timerel=after&timeAt={at(3)}&options=temporalValues&pick=level"
    past = (await river("GET", f"{PAST}/{NAME}", query=query)).json
    assert set(past) == {"level"}
    assert past["level"]["values"] == [[3.0, at(3)], [4.0, at(4)]]


async def test_many_entities(river: Client) -> None:
    query = f"type=Gauge&timerel=after&timeAt={at(0)}&attrs=level&count=true"
    past = await river("GET", PAST, query=query)
    assert [one["id"][-1] for one in past.json] == ["1", "2"]
    assert past.header("ngsild-results-count") == "2"
    first = await river("GET", PAST, query=query + "&limit=1")
    assert len(first.json) == 1
    assert 'rel="next"' in (first.header("link") or "")


SPANS_THAT_ARE_NONE: list[Any] = [
    "timerel=after",
    "timerel=before",
    f"timerel=between&timeAt={at(1)}",
    f"timerel=during&timeAt={at(1)}",
    f"timeAt={at(1)}",
    "timerel=after&timeAt=2026-01-01",
    "timerel=after&timeAt=0000-01-01T00:00:00Z",
    "timerel=after&timeAt=9999-12-31T23:59:59-01:00",
    "timerel=after&timeAt=2026-01-01T24:00:00Z",
    "lastN=0",
    "lastN=-1",
    "lastN=1.5",
    "timeproperty=bornAt",
    "pick=level&omit=level",
    "pick=owner{name}",
]


async def test_spans_that_are_none(client: Client) -> None:
    for query in SPANS_THAT_ARE_NONE:
        assert (await client("GET", f"{PAST}/{NAME}", query=query)).kind == "BadRequestData"
        assert (await client("GET", PAST, query=f"type=Gauge&{query}")).kind == "BadRequestData", query


async def test_the_last_moment_of_all(river: Client) -> None:
    past = await river("GET", f"{PAST}/{NAME}", query="timerel=before&timeAt=9999-12-31T23:59:59Z&attrs=level")
    assert len(past.json["level"]) == 5


async def test_what_is_not_found_or_not_taken(river: Client) -> None:
    assert (await river("GET", f"{PAST}/urn:ngsi-ld:Gauge:9")).kind == "ResourceNotFound"
    assert (await river("GET", f"{PAST}/{NAME}", query="attrs=unknown")).kind == "ResourceNotFound"
    assert (await river("GET", f"{PAST}/gauge")).kind == "BadRequestData"
    assert (await river("GET", PAST, query=f"timerel=after&timeAt={at(1)}")).kind == "BadRequestData"
    assert (await river("GET", PAST, query="type=Gauge&format=csv")).kind == "InvalidRequest"
    geo = await river("GET", f"{PAST}/{NAME}", headers={"accept": "application/geo+json"})
    assert geo.kind == "NotAcceptable"
