"""What is written into the two towns of the walk over all routes."""

from __future__ import annotations

from typing import Any

FIRST = "2026-06-01T0{}:00:00Z"


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def gauge(tenant: str, entity_id: str, word: str) -> dict[str, Any]:
    return {
        "id": entity_id,
        "type": "RiverGauge",
        "name": prop(word),
        "river": prop(word),
        "address": prop({"addressLocality": word, "streetAddress": word}),
        "responsibleTenant": prop(tenant),
        "standbyLevel": prop(1.0),
        "dangerLevel": prop(3.0),
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2, 36.0]}},
    }


def thing(entity_id: str, kind: str, attribute: str, word: str) -> dict[str, Any]:
    more = {"unitCode": word, "observedAt": FIRST.format(1)}
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.3, 36.0]}}
    return {"id": entity_id, "type": kind, attribute: prop(5, **more), "name": prop(word), "location": place}
