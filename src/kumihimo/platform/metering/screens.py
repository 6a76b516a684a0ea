"""The pages of usage and cost: a tenant's month by day and by service, and the cost table of the whole platform."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from kumihimo.base.call import Call
from kumihimo.base.errors import Forbidden, Unauthenticated
from kumihimo.base.ports import Measure
from kumihimo.base.screens import Answer, Ask, Document, Page, Screen
from kumihimo.platform.metering.days import beside, check_month
from kumihimo.platform.metering.door import Metering
from kumihimo.platform.metering.models import CALLS, MEASURES, WEIGHED, CostTable, Usage
from kumihimo.platform.metering.tables import cost_table, encoded, service, usage_table, weighed

PACKAGE: Final = "kumihimo.platform.metering"
COUNTED: Final = tuple(name for name in MEASURES if name not in ("bytes", "storage"))
EXAMPLE: Final = (
    "kumihimo usage plan --cost 1200000 --weight readings=40 --weight storage=30 --weight calls=20 --weight evenly=10"
)
Allow = Callable[[Call], Awaitable[object]]


def usage_screens(metering: Metering, allow: Allow, allow_all: Allow) -> list[Screen]:
    """/usage and /usage/split.

    allow(call) raises a Problem where the caller may not see what the tenant used, allow_all where it may not see what
    all tenants of the platform did.
    """
    pages = _Pages(metering, allow, allow_all)
    return [
        Screen("/usage", pages.usage, nav="usage.nav", order=75, package=PACKAGE, needs="usage", menu="nav.manage"),
        Screen("/usage/split", pages.split, package=PACKAGE, needs=""),
    ]


class _Pages:
    def __init__(self, metering: Metering, allow: Allow, allow_all: Allow) -> None:
        self._metering = metering
        self._allow = allow
        self._allow_all = allow_all

    async def usage(self, ask: Ask) -> Answer:
        """What the tenant used in a month (`month`, the present one without), by day and by service; `csv` gives the
        table as utf-8 or cp932.
        """
        await self._allow(ask.call)
        found = await self._metering.usage(ask.tenant, ask.query.get("month", ""))
        if encoding := ask.query.get("csv", ""):
            return _document(usage_table([found], ask.lang), encoding)
        first = await self._metering.first_month(ask.tenant)
        may_split = await self._may_split(ask.call)
        data = {**self._months(found.month, first), **_shown(found, ask.lang), "may_split": may_split}
        return Page(f"{PACKAGE}:usage.html", "usage.title", data)

    async def _may_split(self, call: Call) -> bool:
        """Whether the page of the cost of all tenants is for this caller: nobody is led to a page that refuses them."""
        try:
            await self._allow_all(call)
        except (Forbidden, Unauthenticated):
            return False
        return True

    async def split(self, ask: Ask) -> Answer:
        """How the platform's cost of a month is split among its tenants; `csv` as above."""
        await self._allow_all(ask.call)
        table = await self._metering.costs(ask.query.get("month", ""))
        if encoding := ask.query.get("csv", ""):
            return _document(cost_table(table, ask.lang), encoding)
        first = await self._metering.first_month(ask.tenant)
        data = {**self._months(table.month, first), **_split_shown(table, ask.lang), "plan_command": EXAMPLE}
        return Page(f"{PACKAGE}:split.html", "usage.split.title", data)

    def _months(self, month: str, first: str) -> dict[str, Any]:
        """The month that is shown, and those beside it where there is anything."""
        earlier, later = beside(month, -1), beside(month, 1)
        present = self._metering.month()
        return {
            "month": check_month(month),
            "earlier": earlier if earlier >= first else "",
            "later": later if later <= present else "",
        }


def _document(text: str, encoding: str) -> Document:
    body = encoded(text, encoding)
    return Document(body, f"text/csv; charset={'shift_jis' if encoding == 'cp932' else 'utf-8'}")


def _shown(found: Usage, lang: str) -> dict[str, Any]:
    days = [(day, _row(sums)) for day, sums in found.by("day").items()]
    sums = found.sums()
    return {
        "usage": found,
        "measures": [name for name in COUNTED if sums.get(name)],
        "figures": {**_row(sums), "storage": sized(found.stored)},
        "days": [(day, row) for day, row in days if day],
        "most": max((row["calls"] for _, row in days), default=0),
        "services": [(service(name, lang), _row(sums)) for name, sums in found.by("service").items()],
    }


def _row(sums: Mapping[Measure, int]) -> dict[str, Any]:
    return {
        "calls": sum(sums.get(name, 0) for name in CALLS),
        **{name: sums.get(name, 0) for name in COUNTED},
        "bytes": sized(sums.get("bytes", 0)),
        "storage": sized(sums["storage"]) if "storage" in sums else "",
    }


def _split_shown(table: CostTable, lang: str) -> dict[str, Any]:
    weights = table.plan.weights if table.plan is not None else {}
    names = [name for name in WEIGHED if weights.get(name)]
    return {
        "table": table,
        "weights": [(weighed(name, lang), f"{weights[name] / 100:g}") for name in names],
        "measures": [(name, weighed(name, lang)) for name in names],
        "sums": {name: sum(one.parts[name] for one in table.shares) for name in names},
        "whole": sum(one.total for one in table.shares),
    }


def sized(size: int) -> str:
    """Bytes as people read them: 812 B, 3.4 KB, 1.2 GB (powers of 1,000)."""
    if size < 1000:
        return f"{size} B"
    value, units = float(size), iter(("KB", "MB", "GB", "TB"))
    unit = ""
    while value >= 999.5 and (following := next(units, "")):
        value, unit = value / 1000, following
    return f"{value:,.{1 if value < 9.95 else 0}f} {unit}"
