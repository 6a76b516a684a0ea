"""Whole files taken in by the platform itself: as `kumihimo import` and `import-history` do, with nobody beside."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, BinaryIO, NamedTuple

from kumihimo.base.call import Call
from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import dumps
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.imports.door import Imports
from kumihimo.platform.imports.evolutions import Evolutions
from kumihimo.platform.imports.models import Batch
from kumihimo.platform.imports.observations import Layout, Observations
from kumihimo.platform.imports.pieces import SHOWN
from kumihimo.platform.imports.rows import Expanded, Series, from_columns, from_entities
from kumihimo.platform.imports.scan import Scan, scan
from kumihimo.platform.imports.tables import Free, read_table
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.expand import expand_entity

JSON = (".json", ".jsonld", ".jsonl", ".ndjson")
_PIECE = 500


class Upserted(NamedTuple):
    """How many entities came to be or changed, and id and detail of those that were refused."""

    created: int
    updated: int
    refused: list[dict[str, str]]


class Loaded(NamedTuple):
    """How many entities or observations of a file were taken and refused, and some of the reasons."""

    taken: int
    refused: int
    reasons: Sequence[str] = ()


def free_in(contexts: Contexts) -> Free:
    """Whether a name is an attribute's: core terms such as location, observedAt or createdAt are not."""

    def is_free(name: str) -> bool:
        try:
            doc = expand_entity({"id": "urn:x:1", "type": "T", name: {"type": "Property", "value": 1}}, contexts.core)
        except Problem:
            return False
        return len(doc["attrs"]) == 1

    return is_free


def import_key(found: Scan, layout: Layout, *, may_create: bool) -> str:
    """The id of an import: the same for the same content read in the same way, wherever the file lies."""
    how = [1, found.digest, found.size, asdict(layout), may_create]
    return hashlib.sha256(dumps(how)).hexdigest()


def reader_of(file: BinaryIO, name: str, found: Scan, layout: Layout, free: Free) -> Observations | Evolutions:
    """What reads the file's history, by its name. BadRequestData where it cannot be."""
    if name.lower().endswith(JSON):
        return Evolutions(file, found)
    return Observations(file, found, layout, free)


async def upsert_entities(
    broker: Broker, contexts: Contexts, call: Call, entities: Sequence[Mapping[str, Any]]
) -> Upserted:
    """Upserts entities in one commit; each is answered by itself."""
    changes: list[Change] = []
    refused: list[dict[str, str]] = []
    for entity in entities:
        try:
            doc = expand_entity(entity, await contexts.resolve(entity.get("@context"), call.tenant))
            changes.append(Change(Op.UPSERT_UPDATE, doc["id"], doc))
        except Problem as problem:
            refused.append({"id": str(entity.get("id", "")), "detail": problem.detail})
    outcomes = await broker.apply(call, changes)
    refused += [{"id": one.id, "detail": one.problem.detail} for one in outcomes if one.problem is not None]
    return Upserted(
        sum(one.status == "created" for one in outcomes),
        sum(one.status in ("updated", "unchanged") for one in outcomes),
        refused,
    )


async def load_entities(
    broker: Broker, contexts: Contexts, call: Call, raw: bytes, name: str, *, entity_type: str, id_column: str = ""
) -> Loaded:
    """Takes a file into the current state. BadRequestData where it cannot be read as a whole."""
    free = free_in(contexts)
    table = await asyncio.to_thread(read_table, raw, name=name, entity_type=entity_type, id_column=id_column, free=free)
    taken, reasons = 0, list(table.problems)
    for start in range(0, len(table.entities), _PIECE):
        done = await upsert_entities(broker, contexts, call, table.entities[start : start + _PIECE])
        taken += done.created + done.updated
        reasons += [f"{one['id']}: {one['detail']}" for one in done.refused]
    return Loaded(taken, len(reasons), reasons[:SHOWN])


async def expanded(contexts: Contexts, tenant: str, body: Mapping[str, Any]) -> Expanded:
    """The instances of a piece's body."""
    if "entities" in body:
        return await from_entities(body["entities"], lambda context: contexts.resolve(context, tenant))
    series = [Series(*map(str, one)) for one in body["series"]]
    return from_columns(series, body["of"], body["at"], body["values"], contexts.core)


async def load_history(
    imports: Imports,
    contexts: Contexts,
    call: Call,
    file: BinaryIO,
    name: str,
    layout: Layout,
    check: Callable[[], None],
) -> Loaded:
    """Takes a file into history, from where it stopped; one that was taken already gives what it gave then.

    check is called before each piece and raises where the file has changed. BadRequestData where it cannot be read.
    """
    found = await asyncio.to_thread(scan, file)
    reader = await asyncio.to_thread(reader_of, file, name, found, layout, free_in(contexts))
    key = import_key(found, layout, may_create=True)
    run, _ = await imports.begin(call.tenant, key, name)
    reasons: list[str] = []
    pieces = reader.pieces(run.position)
    while run.state == "running" and (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        check()
        rows = await expanded(contexts, call.tenant, piece.body)
        batch = Batch(key, run.position, piece.after, rows.rows, rows.types, piece.refused + rows.refused)
        taken = await imports.take(call.tenant, batch)
        run = taken.run
        reasons += [*piece.problems, *rows.reasons, *taken.reasons][: SHOWN - len(reasons)]
    run = await imports.finish(call, key)
    return Loaded(run.stored + run.duplicates + run.corrected, run.refused, reasons)
