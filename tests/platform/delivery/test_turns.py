"""A periodic notification tells of all that match, and of nothing else (clause 5.8.6, timeInterval)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.delivery.stand import Sent, Stand


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


async def five(stand: Stand) -> None:
    here, away = ({"type": "Point", "coordinates": [one, 36.0]} for one in (136.2, 140.0))
    for number, (level, scope, where) in enumerate(
        [(1, "/a", here), (5, "/a", here), (5, "/b", here), (5, "/a", away)], start=1
    ):
        await stand.put(f"urn:x:{number}", level=level, scope=scope, location=where)
    await stand.put("urn:y:1", "Pump", level=5)


def ids(sent: list[Sent]) -> list[str]:
    return [part["id"] for one in sent for part in one.body["data"]]


PERIODIC: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["urn:x:1", "urn:x:2", "urn:x:3", "urn:x:4"]),
    ({"q": "level>1"}, ["urn:x:2", "urn:x:3", "urn:x:4"]),
    ({"scopeQ": "/a"}, ["urn:x:1", "urn:x:2", "urn:x:4"]),
    (
        {"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [136.2, 36.0]}},
        ["urn:x:1", "urn:x:2", "urn:x:3"],
    ),
    (
        {
            "q": "level>1",
            "scopeQ": "/a",
            "geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [136.2, 36.0]},
        },
        ["urn:x:2"],
    ),
    ({"entities": [{"type": "Gauge", "id": "urn:x:1"}, {"type": "Pump"}]}, ["urn:x:1", "urn:y:1"]),
    ({"q": "level>100"}, []),
    ({"expiresAt": "2026-01-01T00:00:30Z"}, []),
    ({"isActive": False}, []),
]


@pytest.mark.parametrize(("members", "told"), PERIODIC, ids=str)
async def test_a_turn_tells_of_all_that_match_and_of_no_other(
    stand: Stand, members: dict[str, Any], told: list[str]
) -> None:
    await five(stand)
    await stand.subscribe(timeInterval=60, **members)
    stand.clock.advance(60)
    sent = await stand.catch_up()
    assert ids(sent) == told
    assert len(sent) == bool(told)


async def test_a_turn_tells_of_the_instances_asked_for(stand: Stand) -> None:
    await stand.write_entity("urn:x:1", level=[prop(1), prop(2, datasetId="urn:d:1")], rain=prop(3))
    await stand.subscribe(timeInterval=60, datasetId=["urn:d:1"])
    stand.clock.advance(60)
    (one,) = await stand.catch_up()
    assert one.entity == {"id": "urn:x:1", "type": "Gauge", "level": prop(2, datasetId="urn:d:1")}
