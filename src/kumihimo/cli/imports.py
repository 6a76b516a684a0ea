"""`kumihimo import`: a town's own file, first shown, then written."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.progress import Progress

from kumihimo.app.wire import read_preload
from kumihimo.base.errors import BadRequestData, LdContextNotAvailable, Problem
from kumihimo.base.jsontext import text
from kumihimo.base.settings import Settings
from kumihimo.cli.reach import Perform, reached
from kumihimo.cli.say import fail, say, warn
from kumihimo.cli.words import said, t
from kumihimo.platform.imports.load import free_in
from kumihimo.platform.imports.tables import Table, read_table
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.expand import expand_entity

PIECE = 500
SHOWN = 12


def import_file(settings: Settings, file: Path, *, tenant: str, entity_type: str, id_column: str, apply: bool) -> int:
    """Reads the file, shows what was understood, writes it where apply is set. 0, or 1 where rows were refused."""
    try:
        raw = file.read_bytes()
    except OSError as problem:
        raise BadRequestData(f"{file} cannot be read: {problem.strerror}") from problem
    contexts = Contexts(preload=read_preload(settings.context_preload))
    table = read_table(raw, name=file.name, entity_type=entity_type, id_column=id_column, free=free_in(contexts))
    unjudged = asyncio.run(_judge(table, contexts))
    _preview(file, table, unjudged)
    if not apply:
        say("Nothing was written. Run it again with --apply to write.")
        return 1 if table.problems else 0
    return asyncio.run(_reach_and_write(settings, table, tenant))


async def _judge(table: Table, contexts: Contexts) -> int:
    """Takes out what the platform would refuse; how many have a @context that only the platform can have."""
    unjudged, refused = 0, {}
    for entity in table.entities:
        try:
            expand_entity(entity, await contexts.resolve(entity.get("@context")))
        except LdContextNotAvailable:
            unjudged += 1
        except Problem as problem:
            refused[entity["id"]] = problem.detail
    table.drop(refused)
    return unjudged


def _preview(file: Path, table: Table, unjudged: int) -> None:
    say(f"{file.name}: {table.rows} rows, {len(table.entities)} entities, encoding {table.encoding}")
    if unjudged:
        say(f"  {unjudged} of these name an @context that is not preloaded; they are judged when they are written")
    if table.repeated:
        warn(f"  {table.repeated} rows repeat an id; name a column that tells the rows apart with --id-column")
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
                raise fail(t("cli.import.stopped", count=start, why=said(problem))) from problem
            created += answer["created"]
            updated += answer["updated"]
            refused += answer["refused"]
            progress.advance(task, len(piece))
    say(f"{created} created, {updated} updated, {len(refused)} refused")
    for one in refused[:SHOWN]:
        warn(f"  {one['id']}: {one['detail']}")
    return 1 if refused or table.problems else 0
