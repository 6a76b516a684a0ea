"""Run 1, shape: 100 vehicles of five attributes; a page of 20 at 50 and 200 connections, one by its id at 50."""

from __future__ import annotations

from collections.abc import Iterator

from measures import ENTITIES, Extent, Measure, Stage, closed, compact, request

VEHICLES = 100
PAGE = 20


def vehicle(number: int) -> dict[str, object]:
    """Five attributes of about 550 bytes together."""
    at = "2026-06-24T03:00:00Z"
    return {
        "id": f"urn:ngsi-ld:Vehicle:{number:04d}",
        "type": "Vehicle",
        "brand": {"type": "Property", "value": ("北陸自動車", "九頭竜モータース")[number % 2], "observedAt": at},
        "speed": {"type": "Property", "value": 20 + number % 60, "unitCode": "KMH", "observedAt": at},
        "battery": {"type": "Property", "value": 0.5 + number / 1000, "unitCode": "C62"},
        "operator": {"type": "Relationship", "object": f"urn:ngsi-ld:Organization:{number % 7}", "observedAt": at},
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [136.2 + number / 1e4, 36.06 + number / 1e4]},
            "observedAt": at,
        },
    }


def stages(extent: Extent) -> Iterator[Stage]:
    """One stage of three measures."""
    page = [request("GET", f"{ENTITIES}?type=Vehicle&limit={PAGE}")]
    ids = [request("GET", f"{ENTITIES}/urn:ngsi-ld:Vehicle:{number:04d}") for number in range(VEHICLES)]
    size = len(compact(vehicle(1)))
    yield Stage(
        [
            Measure(f"page of {PAGE} by type, 50 connections, {size} bytes each", "1/s", closed(page, 50, extent)),
            Measure(f"page of {PAGE} by type, 200 connections", "1/s", closed(page, 200, extent)),
            Measure("GET by id, 50 connections", "1/s", closed(ids, 50, extent)),
        ],
        prepare=lambda target: target.upsert([vehicle(number) for number in range(VEHICLES)]),
    )
