"""What the command line does with measures: whoever may read the data folder may do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kumihimo.base.call import Actor, Call
from kumihimo.base.ids import check_tenant
from kumihimo.cli.operations.doors import Doors, Operation
from kumihimo.platform.access.grants import EVERYTHING

BY: Final = Actor("system", "command line")


def _call(given: Mapping[str, Any]) -> Call:
    return Call(check_tenant(str(given["tenant"])), BY, "operate")


async def measure_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A tenant's measures, each after the one above it, and how their targets stand."""
    call = _call(given)
    many = [one for branch in await doors.measures.tree(call.tenant) for one in branch.walk()]
    seen = await doors.measures.seen(call.tenant, many, EVERYTHING)
    return [
        {
            "id": one.id,
            "level": one.level,
            "parent": one.parent,
            "title": dict(one.title),
            "owner": one.owner,
            "due": "" if one.due_on is None else str(one.due_on),
            "state": one.state,
            "example": one.is_example,
            "targets": [
                {
                    "kpi": each.target.kpi,
                    "target": each.target.target,
                    "better": each.target.better,
                    "due": str(each.target.due_on),
                    "actual": None if each.standing is None else each.standing.actual,
                    "stands": None if each.standing is None else each.standing.state,
                }
                for each in seen[one.id]
            ],
        }
        for one in many
    ]


async def measure_export(doors: Doors, given: Mapping[str, Any]) -> Any:
    """All measures of a tenant as TOML."""
    return {"text": await doors.measures.exported(_call(given).tenant)}


async def measure_import(doors: Doors, given: Mapping[str, Any]) -> Any:
    """What a file of measures changes; with apply it does it."""
    call, apply = _call(given), given.get("apply") is True
    changes = await doors.measures.take(call, str(given["text"]), apply=apply, why=str(given.get("why", "")))
    return [
        {
            "id": one.measure.id,
            "title": one.measure.called("ja"),
            "new": one.is_new,
            "differences": [list(each) for each in one.differences],
        }
        for one in changes
    ]


MEASURES: dict[str, Operation] = {
    "measure-list": measure_list,
    "measure-export": measure_export,
    "measure-import": measure_import,
}
