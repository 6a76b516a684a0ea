"""What an operator can ask of what was used, and how its cost is split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.base.ids import check_tenant
from kumihimo.cli.operations.doors import Doors, Operation
from kumihimo.platform.metering.models import CALLS, Plan
from kumihimo.platform.metering.tables import cost_table, usage_table


async def usage(doors: Doors, given: Mapping[str, Any]) -> Any:
    """What one tenant used in a month, by service, or what all did; with the same as CSV, by day and service."""
    tenant, month, lang = str(given["tenant"]), str(given["month"]), str(given["lang"])
    if tenant:
        found = [await doors.metering.usage(check_tenant(tenant), month)]
        rows = [{"service": name, **_used(sums)} for name, sums in found[0].by("service").items()]
    else:
        found = await doors.metering.all(month)
        rows = [{"tenant": one.tenant, **_used(one.sums()), "stored": one.stored} for one in found]
    month = month or doors.metering.month()
    return {
        "month": month,
        "is_over": all(one.is_over for one in found) and doors.metering.month() > month,
        "rows": rows,
        "csv": usage_table(found, lang),
    }


def _used(sums: Mapping[Any, int]) -> dict[str, int]:
    names = ("screen", "readings", "refused", "sent", "failed", "bytes")
    return {"calls": sum(sums.get(one, 0) for one in CALLS), **{name: sums.get(name, 0) for name in names}}


async def usage_split(doors: Doors, given: Mapping[str, Any]) -> Any:
    """How a month's cost is split among the tenants, with the same as CSV; plan is None where no cost is set."""
    found = await doors.metering.costs(str(given["month"]))
    return {
        "month": found.month,
        "is_over": found.is_over,
        "plan": None if found.plan is None else asdict(found.plan),
        "missing": list(found.missing),
        "rows": [{"tenant": one.tenant, **one.parts, "total": one.total} for one in found.shares],
        "csv": cost_table(found, str(given["lang"])),
    }


async def usage_plan(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Sets what a month costs, and what the cost is split by, from a month on."""
    since = str(given["since"]) or doors.metering.month()
    try:
        plan = Plan(since, int(given["cost"]), {name: int(value) for name, value in given["weights"].items()})
    except (TypeError, ValueError, AttributeError) as problem:
        raise BadRequestData(f"a plan is a cost and weights, all whole numbers: {problem}") from problem
    await doors.metering.plan(plan)
    return asdict(plan)


USAGE: dict[str, Operation] = {
    "usage": usage,
    "usage-split": usage_split,
    "usage-plan": usage_plan,
}
