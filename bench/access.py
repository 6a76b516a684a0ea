"""What a decision of access costs in process: from memory, and anew with fifty policies; no platform is started."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import SystemClock
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.storage.opening import database_for

HERE = Path(__file__).parent
POLICIES = 50
HIT = 2.0
MISS = 1_000.0
"""Microseconds that a decision may take from memory, and made anew."""
PERSON = Actor("person", "p-bench")
NAME = "https://uri.etsi.org/ngsi-ld/default-context/"


def policy(number: int) -> str:
    """One of fifty: rows by type, scope or value, and attributes by name."""
    role = f'principal in Role::"{"officer" if number % 2 else "engineer"}"'
    asked = (
        f'context.attribute == "{NAME}name{number}"',
        f'["{NAME}a{number}", "{NAME}b", "{NAME}c"].contains(context.attribute) && resource has "{NAME}open"',
        f'resource has "{NAME}level{number}" && resource["{NAME}level{number}"].containsAny([1, 2, "high"])',
        f'resource.scopes.contains("/fukui/sabae") && context.attribute != "{NAME}d{number}"',
    )[number % 4]
    return f'permit ({role}, action, resource in EntityType::"{NAME}Type{number}") when {{ {asked} }};\n'


async def timed(work: Callable[[], Awaitable[object]], rounds: int) -> float:
    """Median microseconds of one call."""
    found = []
    for _ in range(rounds):
        begin = time.perf_counter_ns()
        await work()
        found.append((time.perf_counter_ns() - begin) / 1e3)
    return sorted(found)[rounds // 2]


async def from_memory(access: Access, rounds: int) -> float:
    """Microseconds of the core for one decision of many in a row, so that the watch itself is not counted; best of ten.

    It waits for nothing, so what else the machine does at the time need not count.
    """
    call = Call("town", PERSON)
    await access.rights(call, "read")
    best = float("inf")
    for _ in range(10):
        begin = time.thread_time_ns()
        for _ in range(rounds):
            await access.rights(call, "read")
        best = min(best, (time.thread_time_ns() - begin) / 1e3 / rounds)
    return best


async def measured(folder: Path, rounds: int) -> dict[str, float]:
    """Microseconds by what was done."""
    clock = SystemClock()
    database = database_for(folder, None, (SCHEMA, PLATFORM_SCHEMA), clock)
    await database.open()
    try:
        await database.add_tenant("town")
        rules = StoredRules(database, clock)
        access = Access(False, rules, clock)
        rules.changes.told.append(access.forget)
        for part in range(5):
            text = "".join(policy(number) for number in range(part * 10, part * 10 + 10))
            await rules.documents.put("town", f"part-{part}", text, "person:p-0", "a measurement")
        for role in ("officer", "engineer"):
            await rules.members.add("town", PERSON, role, "person:p-0")
        number = 0

        async def anew() -> None:
            nonlocal number
            number += 1
            await access.rights(Call("town", PERSON, f"purpose-{number}"), "read")

        async def after_a_change() -> None:
            rules._standing.clear()  # noqa: SLF001 - as a change of the tenant leaves it
            access.forget("town")
            await access.rights(Call("town", PERSON), "read")

        await anew()
        return {
            "decision from memory": await from_memory(access, rounds * 10),
            f"decision anew, {POLICIES} policies": await timed(anew, rounds),
            f"first decision after a change, {POLICIES} policies": await timed(after_a_change, rounds // 4),
        }
    finally:
        await database.close()


def main(arguments: list[str]) -> int:
    """0 where both are under what is wanted."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=2000)
    options.add_argument("--keep", action="store_true", help="write the table into bench/README.md")
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(Path(folder), given.rounds))
    wanted = dict(zip(found, (HIT, MISS, None), strict=True))
    lines = ["| what | µs | wanted |", "|---|---|---|"]
    for what, micros in found.items():
        most = wanted[what]
        lines.append(f"| {what} | {micros:,.2f} | {'' if most is None else f'under {most:,.0f}'} |")
    print("\n".join(lines))
    if given.keep:
        _keep(lines)
    return 0 if all(most is None or found[what] < most for what, most in wanted.items()) else 1


def _keep(lines: list[str]) -> None:
    page = HERE / "README.md"
    before, _, rest = page.read_text().partition("<!-- access -->")
    _, _, after = rest.partition("<!-- /access -->")
    page.write_text(before + "<!-- access -->\n\n" + "\n".join(lines) + "\n\n<!-- /access -->" + after)
