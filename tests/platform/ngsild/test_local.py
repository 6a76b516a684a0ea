"""Limiting an operation to this broker (clause 5.5.13): `local` and `localOnly` are checked; all is local yet."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import Client, Reply, gauge

ONE = "/entities/urn:ngsi-ld:Gauge:1"
LEVEL = {"type": "Property", "value": 9}
READS = [
    ("/entities", "type=Gauge"),
    (ONE, ""),
    ("/types", ""),
    ("/types/Gauge", ""),
    ("/attributes", ""),
    ("/attributes/level", ""),
    ("/temporal/entities", "type=Gauge&timerel=after&timeAt=2020-01-01T00:00:00Z"),
    ("/temporal/entities/urn:ngsi-ld:Gauge:1", ""),
    ("/subscriptions", ""),
    ("/jsonldContexts", ""),
]
WRITES: list[tuple[str, str, Any, int]] = [
    ("POST", "/entities", gauge(2), 201),
    ("PUT", ONE, gauge(1), 204),
    ("PATCH", ONE, {"level": LEVEL}, 204),
    ("POST", f"{ONE}/attrs", {"level": LEVEL}, 204),
    ("PATCH", f"{ONE}/attrs", {"level": LEVEL}, 204),
    ("PATCH", f"{ONE}/attrs/level", {"value": 8}, 204),
    ("PUT", f"{ONE}/attrs/level", LEVEL, 204),
    ("DELETE", f"{ONE}/attrs/level", None, 204),
    ("POST", "/entityOperations/create", [gauge(3)], 201),
    ("POST", "/entityOperations/upsert", [gauge(3)], 204),
    ("POST", "/entityOperations/update", [gauge(3)], 204),
    ("POST", "/entityOperations/merge", [gauge(3)], 204),
    ("POST", "/entityOperations/delete", [gauge(3)["id"]], 204),
    ("DELETE", ONE, None, 204),
]


def told(answer: Reply) -> Any:
    """What was said, without the name that each list of types or attributes gets anew."""
    assert answer.status == 200, answer.body
    return {**answer.json, "id": ""} if isinstance(answer.json, dict) else answer.json


async def test_reading_takes_local_and_gives_the_same(any_client: Client) -> None:
    await any_client("POST", "/entities", gauge())
    for path, query in READS:
        plain = told(await any_client("GET", path, query=query))
        for local in ("true", "false"):
            asked = "&".join(filter(None, (query, f"local={local}")))
            assert told(await any_client("GET", path, query=asked)) == plain, path


async def test_writing_takes_local_and_writes_here(any_client: Client) -> None:
    await any_client("POST", "/entities", gauge())
    for method, path, body, status in WRITES:
        answer = await any_client(method, path, body, query="local=true")
        assert answer.status == status, (method, path, answer.body)
    assert (await any_client("GET", "/entities", query="local=true")).json == [gauge(2)]


async def test_local_is_a_flag_when_reading(client: Client) -> None:
    await client("POST", "/entities", gauge())
    for path, query in (*READS, ("/info/sourceIdentity", "")):
        for wrong in ("yes", "TRUE", "1"):
            refused = await client("GET", path, query="&".join(filter(None, (query, f"local={wrong}"))))
            assert refused.kind == "BadRequestData", (path, wrong)


async def test_local_is_a_flag_when_writing(client: Client) -> None:
    await client("POST", "/entities", gauge())
    for method, path, body, _ in WRITES:
        refused = await client(method, path, body, query="local=perhaps")
        assert refused.kind == "BadRequestData", (method, path)
    assert (await client("GET", "/entities", query="type=Gauge")).json == [gauge()]


async def test_a_query_that_is_local_needs_no_selection(client: Client) -> None:
    await client("POST", "/entities", gauge())
    for query in ("", "local=false", "limit=5"):
        assert (await client("GET", "/entities", query=query)).kind == "BadRequestData", query
    assert (await client("GET", "/entities", query="local=true")).json == [gauge()]
    assert (await client("GET", "/entities", query="local=true&idPattern=Gauge")).json == [gauge()]
    counted = await client("GET", "/entities", query="local=true&count=true&limit=0")
    assert counted.header("ngsild-results-count") == "1"
    body = {"type": "Query"}
    assert (await client("POST", "/entityOperations/query", body)).kind == "BadRequestData"
    assert (await client("POST", "/entityOperations/query", body, query="local=true")).json == [gauge()]


async def test_all_types_are_asked_for_here_alone(client: Client) -> None:
    await client("POST", "/entities", gauge())
    for query in ("type=*", "type=*&local=true"):
        assert (await client("GET", "/entities", query=query)).json == [gauge()]
    assert (await client("GET", "/entities", query="type=*&local=false")).kind == "BadRequestData"


async def test_an_order_is_one_of_what_is_here(client: Client) -> None:
    for number in (2, 1):
        await client("POST", "/entities", gauge(number, 5.0 - number))
    for query in ("type=Gauge&orderBy=level", "type=Gauge&orderBy=level&local=true"):
        assert [each["id"][-1] for each in (await client("GET", "/entities", query=query)).json] == ["2", "1"]


@pytest.mark.parametrize("local", [True, False])
async def test_a_subscription_says_whether_it_is_local(client: Client, local: bool) -> None:
    body = {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "localOnly": local,
        "notification": {"endpoint": {"uri": "http://a.example/"}},
    }
    assert (await client("POST", "/subscriptions", body)).status == 201
    assert (await client("GET", "/subscriptions/urn:ngsi-ld:Subscription:1")).json["localOnly"] is local
    change = {"localOnly": not local}
    assert (await client("PATCH", "/subscriptions/urn:ngsi-ld:Subscription:1", change)).status == 204
    assert (await client("GET", "/subscriptions/urn:ngsi-ld:Subscription:1")).json["localOnly"] is not local
    values: list[Any] = ["true", 1, [], {}]
    for wrong in values:
        refused = await client("PATCH", "/subscriptions/urn:ngsi-ld:Subscription:1", {"localOnly": wrong})
        assert refused.kind == "BadRequestData", wrong
