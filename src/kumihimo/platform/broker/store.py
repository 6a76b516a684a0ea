"""The broker's tables, and every statement that writes them; what is read by query is in `query.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kumihimo.base import jsontext
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import Schema, Tx

SCHEMA = Schema("broker", __package__)

LogRow = tuple[int, int, str, str, str, str, str, str, str, str, str, str, str, int]

_INSERT_LOG = (
    "INSERT INTO log (seq, at, kind, entity_id, entity, changed, deleted, previous, actor, purpose, cause, request_id,"
    " key_id, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
)


async def held_tx(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[int, EntityDoc]]:
    """Number and document of those of the entities that exist, by id."""
    if len(ids) == 1:
        rows = await tx.fetch("SELECT id, number, doc FROM entity WHERE id = $1", ids[0])
    else:
        condition = tx.dialect.any_of("id", "$1")
        rows = await tx.fetch(f"SELECT id, number, doc FROM entity WHERE {condition}", jsontext.text(list(ids)))
    return {row[0]: (row[1], jsontext.parse(row[2])) for row in rows}


async def insert_entities_tx(tx: Tx, rows: Sequence[tuple[int, str, str]]) -> None:
    """Adds entities: number, id, document."""
    await tx.execute_many("INSERT INTO entity (number, id, doc) VALUES ($1, $2, $3)", rows)


async def update_entities_tx(tx: Tx, rows: Sequence[tuple[str, int]]) -> None:
    """Replaces documents: document, number."""
    await tx.execute_many("UPDATE entity SET doc = $1 WHERE number = $2", rows)


async def delete_entities_tx(tx: Tx, numbers: Sequence[int]) -> None:
    """Takes entities away with their index rows."""
    rows = [(number,) for number in numbers]
    await tx.execute_many("DELETE FROM entity WHERE number = $1", rows)
    await tx.execute_many("DELETE FROM entity_type WHERE number = $1", rows)
    await tx.execute_many("DELETE FROM entity_attribute WHERE number = $1", rows)
    await tx.execute_many("DELETE FROM entity_geo WHERE number = $1", rows)
    await tx.execute_many("DELETE FROM entity_expiry WHERE number = $1", rows)


async def index_types_tx(tx: Tx, docs: Iterable[tuple[int, EntityDoc]], stale: Sequence[int]) -> None:
    """Makes the type index say what the documents say; stale names the numbers that had rows before."""
    if stale:
        await tx.execute_many("DELETE FROM entity_type WHERE number = $1", [(number,) for number in stale])
    rows = [(one, number) for number, doc in docs for one in dict.fromkeys(doc["type"])]
    await tx.execute_many("INSERT INTO entity_type (type, number) VALUES ($1, $2)", rows)


async def index_attributes_tx(tx: Tx, docs: Iterable[tuple[int, EntityDoc]], stale: Sequence[int]) -> None:
    """Makes the attribute index say what the documents say; stale as for the types."""
    if stale:
        await tx.execute_many("DELETE FROM entity_attribute WHERE number = $1", [(number,) for number in stale])
    rows = [(name, number) for number, doc in docs for name in doc["attrs"]]
    if rows:
        await tx.execute_many("INSERT INTO entity_attribute (attribute, number) VALUES ($1, $2)", rows)


async def index_geo_tx(tx: Tx, docs: Iterable[tuple[int, EntityDoc]], stale: Sequence[int]) -> None:
    """Makes the geometry index say what the documents say; stale as for the types."""
    if stale:
        await tx.execute_many("DELETE FROM entity_geo WHERE number = $1", [(number,) for number in stale])
    rows = [row for number, doc in docs for row in _geo_rows(number, doc)]
    if rows:
        await tx.execute_many(
            "INSERT INTO entity_geo (number, attribute, extent, min_lon, min_lat, max_lon, max_lat, geometry)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            rows,
        )


def _geo_rows(number: int, doc: EntityDoc) -> Iterable[tuple[Any, ...]]:
    for name, instances in doc["attrs"].items():
        for instance in instances:
            if instance["type"] != "GeoProperty":
                continue
            found = bounds(instance.get("value"))
            if found is not None:
                extent = int(found[0] != found[2] or found[1] != found[3])
                yield (number, name, extent, *found, jsontext.text(instance["value"]))


def bounds(geometry: Any) -> tuple[float, float, float, float] | None:
    """Min lon, min lat, max lon, max lat of a GeoJSON geometry; None where it has no position."""
    positions = list(_positions(geometry))
    if not positions:
        return None
    longitudes = [float(position[0]) for position in positions]
    latitudes = [float(position[1]) for position in positions]
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def _positions(geometry: Any) -> Iterable[Sequence[float]]:
    if not isinstance(geometry, dict):
        return
    for part in geometry.get("geometries", ()):
        yield from _positions(part)
    waiting = [geometry.get("coordinates", [])]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, list) or not one:
            continue
        if isinstance(one[0], list):
            waiting.extend(one)
        elif len(one) > 1:
            yield one


async def insert_log_tx(tx: Tx, rows: Sequence[LogRow]) -> None:
    """Adds records to the log."""
    await tx.execute_many(_INSERT_LOG, rows)
