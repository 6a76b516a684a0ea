"""A farm, a shop and a herd in Echizen, in the shapes of request that the FIWARE tutorials teach."""

from __future__ import annotations

import json
from typing import Any

from tests.platform.ngsild.calls import Client, Reply

FARM = "https://noen.example/farm.jsonld"
JAPANESE = "https://noen.example/nihongo.jsonld"
V = "https://noen.example/terms#"
_REFERENCES = ("controlledAsset", "locatedIn", "stocks", "shelves", "ordered", "orderedFor", "installedBy", "runBy")
_WORDS = ("sensor", "actuator", "barn", "greenhouse", "shop")
_TERMS: dict[str, Any] = {
    **{name: V + name for name in ("Building", "Thermometer", "Hopper", "Shelf", "Product", "Order", "Town", "Cow")},
    **{name: V + name for name in ("name", "address", "verified", "temperature", "battery", "filling", "price")},
    **{name: V + name for name in ("count", "heartRate", "sex", "status", "precision", "population", *_WORDS)},
    **{name: {"@id": V + name, "@type": "@id"} for name in _REFERENCES},
    "category": {"@id": V + "category", "@type": "@vocab"},
}
_JAPANESE: dict[str, Any] = {
    "建物": V + "Building",
    "名称": V + "name",
    "住所": V + "address",
    "分類": {"@id": V + "category", "@type": "@vocab"},
    "場所": "https://uri.etsi.org/ngsi-ld/location",
    "納屋": V + "barn",
    "温室": V + "greenhouse",
    "店": V + "shop",
}
PRELOAD = {
    FARM: json.dumps({"@context": _TERMS}).encode(),
    JAPANESE: json.dumps({"@context": _JAPANESE}).encode(),
}


def link(context: str = FARM) -> dict[str, str]:
    """The header that names the @context."""
    return {"link": f'<{context}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}


def n(kind: str, number: object) -> str:
    """The URI of a thing."""
    return f"urn:ngsi-ld:{kind}:{number}"


def point(longitude: float, latitude: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [longitude, latitude]}


async def done(client: Client, method: str, path: str, body: Any = None, **how: Any) -> Reply:
    """A write that must succeed."""
    reply = await client(method, path, body, **how)
    assert reply.status in (200, 201, 204), (method, path, reply.status, reply.body)
    return reply


async def seen(client: Client, path: str, query: Any = "", **how: Any) -> Any:
    """What a read answers."""
    reply = await client("GET", path, query=query, **how)
    assert reply.status == 200, (path, query, reply.body)
    return reply.json
