"""The rows of measures, of what they were before, and of review notes."""

from __future__ import annotations

from typing import Any, Final, cast

from kumihimo.service.kpi.measures import Measure, Note, NoteKind, Verdict, Version
from kumihimo.service.kpi.measures_text import kept, kept_frozen, of_kept, of_kept_frozen
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("kpi", __package__)
_NOTE: Final = "id, measure, kind, text, verdict, at, made_by, frozen"


def _measure(row: Row) -> Measure:
    return of_kept(row[0], row[1], row[2], row[3])


async def measures_tx(tx: Tx) -> list[Measure]:
    """All of the tenant, by id."""
    rows = await tx.fetch("SELECT content, revision, changed_at, changed_by FROM measure ORDER BY id")
    return [_measure(row) for row in rows]


async def measure_tx(tx: Tx, id_: str) -> Measure | None:
    """The measure of this id."""
    row = await tx.fetch_one("SELECT content, revision, changed_at, changed_by FROM measure WHERE id = $1", id_)
    return None if row is None else _measure(row)


async def put_tx(tx: Tx, one: Measure, why: str) -> None:
    """Keeps a measure as it is now, and this as a version of it."""
    content = kept(one)
    await tx.execute(
        "INSERT INTO measure (id, revision, content, changed_at, changed_by) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, content = excluded.content,"
        " changed_at = excluded.changed_at, changed_by = excluded.changed_by",
        one.id,
        one.revision,
        content,
        one.changed_at,
        one.changed_by,
    )
    await tx.execute(
        "INSERT INTO measure_version (id, revision, content, made_at, made_by, why) VALUES ($1, $2, $3, $4, $5, $6)",
        one.id,
        one.revision,
        content,
        one.changed_at,
        one.changed_by,
        why,
    )


async def remove_tx(tx: Tx, id_: str) -> None:
    """Forgets a measure with its versions."""
    await tx.execute("DELETE FROM measure_version WHERE id = $1", id_)
    await tx.execute("DELETE FROM measure WHERE id = $1", id_)


async def versions_tx(tx: Tx, id_: str, limit: int) -> list[Version]:
    """What a measure was and is, the newest first."""
    rows = await tx.fetch(
        "SELECT content, revision, made_at, made_by, why FROM measure_version WHERE id = $1"
        " ORDER BY revision DESC LIMIT $2",
        id_,
        limit,
    )
    return [Version(_measure(row), row[2], row[3], row[4]) for row in rows]


async def version_tx(tx: Tx, id_: str, revision: int) -> Measure | None:
    """What a measure was at a revision."""
    row = await tx.fetch_one(
        "SELECT content, revision, made_at, made_by FROM measure_version WHERE id = $1 AND revision = $2", id_, revision
    )
    return None if row is None else _measure(row)


async def trim_versions_tx(tx: Tx, id_: str, before: int) -> None:
    """Forgets the versions below a revision."""
    await tx.execute("DELETE FROM measure_version WHERE id = $1 AND revision < $2", id_, before)


# --- notes -------------------------------------------------------------------------------------------------


def _note(row: Row) -> Note:
    kind, verdict = cast("NoteKind", row[2]), cast("Verdict | Any", row[4])
    return Note(row[0], row[1], kind, row[3], row[5], row[6], verdict, of_kept_frozen(row[7]))


async def add_note_tx(tx: Tx, one: Note) -> None:
    """Keeps a note."""
    await tx.execute(
        f"INSERT INTO measure_note ({_NOTE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        one.id,
        one.measure,
        one.kind,
        one.text,
        one.verdict,
        one.at,
        one.by,
        kept_frozen(one.frozen),
    )


async def notes_tx(tx: Tx, measure: str) -> list[Note]:
    """The notes of a measure, the newest first."""
    rows = await tx.fetch(f"SELECT {_NOTE} FROM measure_note WHERE measure = $1 ORDER BY at DESC, id DESC", measure)
    return [_note(row) for row in rows]


async def count_notes_tx(tx: Tx, measure: str) -> int:
    """How many notes a measure has."""
    row = await tx.fetch_one("SELECT COUNT(*) FROM measure_note WHERE measure = $1", measure)
    return 0 if row is None else int(row[0])
