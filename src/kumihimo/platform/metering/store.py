"""The numbers' rows: days, the months that are left of them, and the plans of the platform's cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kumihimo.base import jsontext
from kumihimo.platform.metering.models import APPLICATION, MAX_SERVICES, OTHERS, WHOLE, Plan, Used
from kumihimo.storage.database import Schema, Tx

SCHEMA = Schema("metering", __package__)
PLATFORM_SCHEMA = Schema("metering", __package__, "platform")

WRITER_KEPT = 7 * 24 * 3600 * 1_000_000
"""Microseconds after which a process that wrote nothing any more is forgotten: it has ended, or has nothing waiting."""

_ADD = (
    "INSERT INTO usage_{0} ({0}, service, measure, amount) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT ({0}, service, measure) DO UPDATE SET amount = usage_{0}.amount + excluded.amount"
)
_ADD_DAY, _ADD_MONTH = _ADD.format("day"), _ADD.format("month")
_SET_STORED = (
    "INSERT INTO usage_day (day, service, measure, amount) VALUES ($1, $2, 'storage', $3)"
    " ON CONFLICT (day, service, measure) DO UPDATE SET amount = excluded.amount"
)
_NOTE_BATCH = (
    "INSERT INTO usage_writer (writer, batch, at) VALUES ($1, $2, $3)"
    " ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch, at = excluded.at"
)
_PUT_PLAN = (
    "INSERT INTO cost_plan (since, cost, weights) VALUES ($1, $2, $3)"
    " ON CONFLICT (since) DO UPDATE SET cost = excluded.cost, weights = excluded.weights"
)


async def add_tx(tx: Tx, writer: str, batch: int, now: int, rows: Sequence[Used]) -> bool:
    """Adds a batch; False where it was added already. Batches of a writer are numbered upwards, each given again as
    it was until it is known to be in. now in microseconds.
    """
    last = await tx.fetch_one("SELECT batch FROM usage_writer WHERE writer = $1", writer)
    if last is not None and last[0] >= batch:
        return False
    await tx.execute(_NOTE_BATCH, writer, batch, now)
    await tx.execute("DELETE FROM usage_writer WHERE at < $1", now - WRITER_KEPT)
    await tx.execute_many(_ADD_DAY, await _bounded_tx(tx, rows))
    return True


async def _bounded_tx(tx: Tx, rows: Sequence[Used]) -> list[tuple[Any, ...]]:
    """The rows by key, of applications only as many as a day has room for.

    In the order of their keys, so that two processes that add at once wait for each other instead of for ever.
    """
    services: dict[str, set[str]] = {}
    sums: Counter[tuple[str, str, str]] = Counter()
    for day, service, measure, amount in rows:
        if service.startswith(APPLICATION):
            if day not in services:
                found = await tx.fetch("SELECT DISTINCT service FROM usage_day WHERE day = $1", day)
                services[day] = {name for (name,) in found if name.startswith(APPLICATION)}
            if service not in services[day] and len(services[day]) >= MAX_SERVICES:
                service = OTHERS  # noqa: PLW2901 - it is counted under another name
            else:
                services[day].add(service)
        sums[day, service, measure] += amount
    return [(*key, amount) for key, amount in sorted(sums.items())]


async def set_stored_tx(tx: Tx, days: Sequence[str], size: int) -> None:
    """Says how many bytes the tenant's data takes on these days; the last to say so is right."""
    await tx.execute_many(_SET_STORED, [(day, WHOLE, size) for day in days])


async def size_tx(tx: Tx) -> int:
    """Bytes that the scope's data takes of the disk."""
    row = await tx.fetch_one(f"SELECT {tx.dialect.stored_bytes()}")
    return int(row[0]) if row is not None else 0


async def month_tx(tx: Tx, month: str) -> list[Used]:
    """All numbers of a month: its days, and what is kept of it as a whole (with day "")."""
    whole = await tx.fetch("SELECT '', service, measure, amount FROM usage_month WHERE month = $1", month)
    days = await tx.fetch(
        "SELECT day, service, measure, amount FROM usage_day WHERE day >= $1 AND day <= $2"
        " ORDER BY day, service, measure",
        f"{month}-01",
        f"{month}-31",
    )
    return [Used(*row) for row in (*whole, *days)]


async def first_month_tx(tx: Tx) -> str:
    """The oldest month of which there are numbers, "" where there are none."""
    found = [
        await tx.fetch_one("SELECT MIN(month) FROM usage_month"),
        await tx.fetch_one("SELECT MIN(day) FROM usage_day"),
    ]
    return min((str(row[0])[:7] for row in found if row is not None and row[0]), default="")


async def roll_tx(tx: Tx, before: str, most: int) -> int:
    """Adds up to so many days before this one to their months and takes them away; how many it took.

    Whoever takes a row away adds it, so that two processes that do this at once count nothing twice.
    """
    days = await tx.fetch("SELECT DISTINCT day FROM usage_day WHERE day < $1 ORDER BY day LIMIT $2", before, most)
    sums: Counter[tuple[str, str, str]] = Counter()
    for (day,) in days:
        gone = await tx.fetch("DELETE FROM usage_day WHERE day = $1 RETURNING service, measure, amount", day)
        for service, measure, amount in gone:
            sums[day[:7], service, measure] += amount
    await tx.execute_many(_ADD_MONTH, [(*key, amount) for key, amount in sorted(sums.items())])
    return len(days)


# --- the platform's scope ----------------------------------------------------------------------------------


async def put_plan_tx(tx: Tx, plan: Plan) -> None:
    """Keeps a plan in place of one from the same month on."""
    await tx.execute(_PUT_PLAN, plan.since, plan.cost, jsontext.text(dict(plan.weights)))


async def plan_tx(tx: Tx, month: str) -> Plan | None:
    """The plan that a month's cost is split by: the newest that does not begin later."""
    row = await tx.fetch_one(
        "SELECT since, cost, weights FROM cost_plan WHERE since <= $1 ORDER BY since DESC LIMIT 1", month
    )
    return None if row is None else Plan(row[0], row[1], jsontext.parse(row[2]))
