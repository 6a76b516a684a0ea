"""What an operator can ask of data that comes in from files, folders and addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.base.ids import check_tenant
from kumihimo.cli.operations.doors import OPERATOR, Doors, Operation
from kumihimo.platform.imports.load import expanded, upsert_entities
from kumihimo.platform.imports.models import Batch
from kumihimo.platform.imports.observations import layout_from
from kumihimo.service.sources.models import Reading, Source

MAX_ENTITIES = 1000


async def import_entities(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Upserts up to 1,000 entities in one commit; each is answered by itself."""
    tenant = check_tenant(str(given["tenant"]))
    entities: Sequence[Mapping[str, Any]] = given["entities"]
    if len(entities) > MAX_ENTITIES:
        raise BadRequestData(f"{len(entities)} entities in one piece; at most {MAX_ENTITIES} are taken")
    await doors.database.add_tenant(tenant)
    done = await upsert_entities(doors.broker, doors.contexts, Call(tenant, OPERATOR, purpose="import"), entities)
    return {"created": done.created, "updated": done.updated, "refused": done.refused}


async def history_begin(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Begins the import of a file's history, or says how far it is; the tenant must be there."""
    tenant = check_tenant(str(given["tenant"]))
    run, instead = await doors.imports.begin(
        tenant, str(given["import"]), str(given["title"]), again=bool(given.get("again"))
    )
    return {"run": asdict(run), "instead": None if instead is None else asdict(instead)}


async def history_take(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Writes a piece of a file into history: columns of readings, or entities over time."""
    tenant = check_tenant(str(given["tenant"]))
    try:
        found = await expanded(doors.contexts, tenant, given)
        before, after, refused = int(given["before"]), int(given["after"]), int(given["refused"])
    except (TypeError, ValueError, IndexError) as problem:
        raise BadRequestData(f"this is no piece of a file: {problem}") from problem
    may_create = bool(given["create"])
    batch = Batch(
        str(given["import"]), before, after, found.rows, found.types, refused + found.refused, may_create=may_create
    )
    taken = await doors.imports.take(tenant, batch)
    return {"run": asdict(taken.run), "reasons": [*found.reasons, *taken.reasons]}


async def history_settle(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Holds some of the newest of what was imported against the current state; done once its state says so."""
    call = Call(check_tenant(str(given["tenant"])), OPERATOR, purpose="import")
    return asdict(await doors.imports.settle(call, str(given["import"])))


async def source_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Adds a folder or an address that is looked at on a schedule."""
    tenant = check_tenant(str(given["tenant"]))
    layout = given["history"]
    reading = Reading(str(given["type"]), str(given["id_column"]), None if layout is None else layout_from(layout))
    kind: Literal["folder", "url"] = "folder" if given["folder"] else "url"
    source = Source(str(given["name"]), kind, str(given["folder"] or given["url"]), int(given["every"]), reading)
    return asdict(await doors.sources.add(tenant, source))


async def source_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A tenant's sources, how they fared, and what of each could not be read."""
    tenant = check_tenant(str(given["tenant"]))
    found = []
    for one in await doors.sources.all(tenant):
        aside = await doors.sources.set_aside(tenant, one.name)
        found.append({**asdict(one), "aside": [{"name": each.name, "detail": each.detail} for each in aside]})
    return found


async def source_remove(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Removes a source; what it brought stays."""
    tenant, name = check_tenant(str(given["tenant"])), str(given["name"])
    if not await doors.sources.remove(tenant, name):
        raise ResourceNotFound(f"tenant {tenant!r} has no source {name!r}")
    return {"tenant": tenant, "source": name, "removed": True}


async def source_run(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Looks at a source once, now."""
    return asdict(await doors.sources.run_now(check_tenant(str(given["tenant"])), str(given["name"])))


DATA: dict[str, Operation] = {
    "import": import_entities,
    "history-begin": history_begin,
    "history-take": history_take,
    "history-settle": history_settle,
    "source-add": source_add,
    "source-list": source_list,
    "source-remove": source_remove,
    "source-run": source_run,
}
