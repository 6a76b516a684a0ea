"""The sources' rows, and what each was found to hold."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from kumihimo.base import jsontext
from kumihimo.platform.imports.observations import layout_from
from kumihimo.service.sources.models import Content, Reading, Source
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("sources", __package__)

_COLUMNS = (
    "name, kind, place, every, options, added_at, next_run, last_run, outcome, detail, taken, refused, failures,"
    " validators, reasons"
)
_PUT = (
    f"INSERT INTO source ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    " ON CONFLICT (name) DO UPDATE SET next_run = excluded.next_run, last_run = excluded.last_run,"
    " outcome = excluded.outcome, detail = excluded.detail, taken = excluded.taken, refused = excluded.refused,"
    " failures = excluded.failures, validators = excluded.validators,"
    " reasons = excluded.reasons"
)
_PUT_CONTENT = (
    "INSERT INTO source_content (source, name, mark, state, detail, at) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (source, name) DO UPDATE SET mark = excluded.mark, state = excluded.state,"
    " detail = excluded.detail, at = excluded.at"
)


def _source(row: Row) -> Source:
    reading = _reading(jsontext.parse(row[4]))
    members = dict(zip(_COLUMNS.split(", "), row, strict=True))
    del members["options"]
    members |= {"validators": jsontext.parse(row[13]), "reasons": tuple(jsontext.parse(row[14]))}
    return Source(**{**members, "reading": reading})


def _reading(given: dict[str, Any]) -> Reading:
    layout = None if given["history"] is None else layout_from(given["history"])
    return Reading(given["entity_type"], given["id_column"], layout)


async def sources_tx(tx: Tx) -> list[Source]:
    """All sources, by name."""
    return [_source(row) for row in await tx.fetch(f"SELECT {_COLUMNS} FROM source ORDER BY name")]


async def due_tx(tx: Tx, now: int) -> list[str]:
    """Names of those whose time has come, the longest due first."""
    return [
        str(name) for (name,) in await tx.fetch("SELECT name FROM source WHERE next_run <= $1 ORDER BY next_run", now)
    ]


async def source_tx(tx: Tx, name: str) -> Source | None:
    """The source of this name."""
    row = await tx.fetch_one(f"SELECT {_COLUMNS} FROM source WHERE name = $1", name)
    return None if row is None else _source(row)


async def put_tx(tx: Tx, one: Source) -> None:
    """Adds a source, or keeps how it fared."""
    await tx.execute(
        _PUT,
        one.name,
        one.kind,
        one.place,
        one.every,
        jsontext.text(asdict(one.reading)),
        one.added_at,
        one.next_run,
        one.last_run,
        one.outcome,
        one.detail,
        one.taken,
        one.refused,
        one.failures,
        jsontext.text(dict(one.validators)),
        jsontext.text(list(one.reasons)),
    )


async def remove_tx(tx: Tx, name: str) -> bool:
    """Forgets a source with all that was noted of it; whether there was one."""
    await tx.execute("DELETE FROM source_content WHERE source = $1", name)
    return await tx.execute("DELETE FROM source WHERE name = $1", name) > 0


async def contents_tx(tx: Tx, source: str) -> dict[str, Content]:
    """What the source was found to hold, by name."""
    rows = await tx.fetch("SELECT name, mark, state, detail, at FROM source_content WHERE source = $1", source)
    return {row[0]: Content(*row) for row in rows}


async def put_content_tx(tx: Tx, source: str, one: Content) -> None:
    """Notes what became of a content."""
    await tx.execute(_PUT_CONTENT, source, one.name, one.mark, one.state, one.detail, one.at)


async def forget_contents_tx(tx: Tx, source: str, names: Collection[str]) -> None:
    """Forgets contents that are no longer there."""
    await tx.execute_many(
        "DELETE FROM source_content WHERE source = $1 AND name = $2", [(source, name) for name in names]
    )
