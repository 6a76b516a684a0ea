"""Run 2, update: 1,000 stores; one attribute at a time, alternating, then batches of 100.

History is on: the platform has no switch for it (what was is a part of what it keeps), so there is no line without.
"""

from __future__ import annotations

from collections.abc import Iterator

from measures import BATCH, ENTITIES, ROOT, Extent, Measure, Stage, closed, compact, request

STORES = 1_000
AT = "2026-06-24T03:00:00Z"
VALUES = 4
"""How many values an attribute goes through, so that a write is a change."""


def store(number: int, turn: int = 0) -> dict[str, object]:
    """Two measurements, a flag and a relationship, about 380 bytes."""
    return {
        "id": f"urn:ngsi-ld:Shop:{number:05d}",
        "type": "Shop",
        "temperature": {"type": "Property", "value": 18.5 + (number + turn) % 10, "unitCode": "CEL", "observedAt": AT},
        "humidity": {"type": "Property", "value": 40 + (number + turn) % 50, "unitCode": "P1", "observedAt": AT},
        "open": {"type": "Property", "value": (number + turn) % 2 == 0},
        "owner": {"type": "Relationship", "object": f"urn:ngsi-ld:Person:shopkeeper-{number % 50:03d}"},
    }


def single(number: int, turn: int, name: str) -> bytes:
    """One attribute of one store, as POST …/attrs."""
    body = compact({name: store(number, turn)[name]})
    return request("POST", f"{ENTITIES}/urn:ngsi-ld:Shop:{number:05d}/attrs", body)


def stages(extent: Extent) -> Iterator[Stage]:
    """One stage of two measures."""
    turns = range(1, VALUES + 1)
    singles = [
        single(number, turn, ("temperature", "humidity")[turn % 2]) for turn in turns for number in range(STORES)
    ]
    batches = [
        request(
            "POST",
            f"{ROOT}/entityOperations/update",
            compact([store(number, turn) for number in range(start, start + BATCH)]),
        )
        for turn in turns
        for start in range(0, STORES, BATCH)
    ]
    yield Stage(
        [
            Measure("POST one attribute, 50 connections, history on", "updates/s", closed(singles, 50, extent)),
            Measure(
                f"batch update of {BATCH}, 4 connections, history on",
                "updates/s",
                closed(batches, 4, extent, each=BATCH),
            ),
        ],
        prepare=lambda target: target.upsert([store(number) for number in range(STORES)]),
    )
