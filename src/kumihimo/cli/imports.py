"""`kumihimo import`: a town's own file, first shown, then written."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.progress import Progress

from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.jsontext import text
from kumihimo.base.settings import Settings
from kumihimo.cli.reach import Perform, reached
from kumihimo.cli.say import fail, say, warn
from kumihimo.cli.tables import Table, read_table

PIECE = 500
SHOWN = 12


def import_file(settings: Settings, file: Path, *, tenant: str, entity_type: str, id_column: str, apply: bool) -> int:
    """Reads the file, shows what was understood, writes it where apply is set. 0, or 1 where rows were refused."""
    try:
        raw = file.read_bytes()
    except OSError as problem:
        raise BadRequestData(f"{file} cannot be read: {problem.strerror}") from problem
    table = read_table(raw, name=file.name, entity_type=entity_type, id_column=id_column)
    _preview(file, table)
    if not apply:
        say("Nothing was written. Run it again with --apply to write.")
        return 1 if table.problems else 0
    return asyncio.run(_reach_and_write(settings, table, tenant))


def _preview(file: Path, table: Table) -> None:
    say(f"{file.name}: {len(table.entities)} entities, encoding {table.encoding}")
    for heading, name in table.columns.items():
        say(f"  {heading} -> {name}")
    for entity in table.entities[:2]:
        say("  " + text(entity))
    for problem in table.problems[:SHOWN]:
        warn(f"  {problem}")
    if len(table.problems) > SHOWN:
        warn(f"  … and {len(table.problems) - SHOWN} more")


async def _reach_and_write(settings: Settings, table: Table, tenant: str) -> int:
    async with reached(settings) as do:
        return await _write(do, table, tenant)


async def _write(do: Perform, table: Table, tenant: str) -> int:
    created = updated = 0
    refused: list[dict[str, str]] = []
    with Progress(transient=True) as progress:
        task = progress.add_task("import", total=len(table.entities))
        for start in range(0, len(table.entities), PIECE):
            piece = table.entities[start : start + PIECE]
            try:
                answer = await do("import", {"tenant": tenant, "entities": piece})
            except (Problem, ConnectionError) as problem:
                raise fail(f"stopped after {start} entities: {problem}") from problem
            created += answer["created"]
            updated += answer["updated"]
            refused += answer["refused"]
            progress.advance(task, len(piece))
    say(f"{created} created, {updated} updated, {len(refused)} refused")
    for one in refused[:SHOWN]:
        warn(f"  {one['id']}: {one['detail']}")
    return 1 if refused or table.problems else 0
