"""What is written below /temporal has limits, each said with what to do; and nothing of what is refused is kept."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import Client

from kumihimo.platform.broker.instances import MAX_BYTES, MAX_TYPES

PAST = "/temporal/entities"
NAME = "urn:ngsi-ld:Gauge:1"
ONE = f"{PAST}/{NAME}"
HALF = "水" * (MAX_BYTES // 6)  # of three bytes each
LARGE: Any = {"value": [HALF, HALF], "observedAt": "2026-01-02T00:00:00Z"}
SMALL: Any = {"value": [HALF], "observedAt": "2026-01-02T00:00:00Z"}


def gauge(*series: Any, **more: Any) -> dict[str, Any]:
    return {"id": NAME, "type": "Gauge", "level": list(series), **more}


def said(answer: Any) -> str:
    """What the refusal says, which names the limit and a way out."""
    assert (answer.status, answer.kind) == (413, "PayloadTooLarge"), answer.body
    detail = str(answer.json["detail"])
    assert "level" in detail
    assert str(MAX_BYTES) in detail
    assert "elsewhere" in detail
    return detail


async def test_an_instance_does_not_grow_without_end(any_client: Client) -> None:
    said(await any_client("POST", PAST, gauge(SMALL, LARGE)))
    assert (await any_client("GET", ONE)).status == 404
    assert (await any_client("POST", PAST, gauge(SMALL, {**SMALL, "datasetId": "urn:d:1"}))).status == 201
    said(await any_client("POST", PAST, gauge({**SMALL, "observedAt": "2026-01-03T00:00:00Z"}, LARGE)))
    said(await any_client("POST", f"{ONE}/attrs", {"rain": [{"value": 1}], "level": [LARGE]}))
    kept = (await any_client("GET", ONE)).json
    assert (len(kept["level"]), "rain" in kept) == (2, False)
    said(await any_client("PATCH", f"{ONE}/attrs/level/{kept['level'][0]['instanceId']}", LARGE))
    inside = {"value": 1, "part": {"value": HALF}, "other": {"value": HALF}}
    said(await any_client("POST", f"{ONE}/attrs", {"level": inside}))
    assert (await any_client("GET", ONE)).json == kept


async def test_types_do_not_grow_without_end(any_client: Client) -> None:
    types = [f"T{number}" for number in range(MAX_TYPES)]
    assert (await any_client("POST", PAST, {"id": NAME, "type": types})).status == 201
    for more, status in ((["T1"], 204), (["T1", "Gauge"], 413)):
        answer = await any_client("POST", PAST, {"id": NAME, "type": more, "level": 1})
        assert answer.status == status, answer.body
    assert str(MAX_TYPES) in answer.json["detail"]
    found = (await any_client("GET", ONE)).json
    assert (found["type"], len(found["level"])) == (types, 1)
    crowded = {"id": "urn:ngsi-ld:Gauge:2", "type": [*types, "Gauge"]}
    assert (await any_client("POST", PAST, crowded)).kind == "PayloadTooLarge"


@pytest.mark.parametrize("path", [PAST, f"{ONE}/attrs"])
async def test_bodies_that_are_too_deep_or_hold_what_is_not_stored(client: Client, path: str) -> None:
    await client("POST", PAST, gauge(1))
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    assert (await client("POST", path, gauge({"value": deep}))).kind == "PayloadTooLarge"
    assert (await client("POST", path, gauge({"value": "a\x00b"}))).kind == "BadRequestData"
