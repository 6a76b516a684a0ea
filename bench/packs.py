"""`make bench BENCH_ARGS=--packs`: how long a pack takes from its archive to a town, and away again, on SQLite.

In this process, with full durability: the pack's own tests on a platform of their own, the installation, the upgrade to
a next version, and the removal; for `flood`, and for a pack of 200 entities made from it. Wall time. Beside them stands
the floor: as many durable writes, one after the other, as the installation has things to make. Ends with 1 where tests
and installation together take a minute or more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from harness import keep

from kumihimo.app.packs import trial_on
from kumihimo.app.platform import Platform
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings
from kumihimo.platform.broker.models import Change, Op
from kumihimo.solutions.packs.archive import MANIFEST, read_archive, write_archive
from kumihimo.solutions.packs.library import Library
from kumihimo.solutions.packs.manifest import held
from kumihimo.solutions.packs.models import Held

MINUTE = 60.0
ENTITIES = 200
CALL = Call("town", Actor("system", "bench"))
Times = dict[str, float]


def made_of(flood: Held, version: str) -> Held:
    """A pack of outside with many entities, which stands on no part of the platform."""
    text = flood.files[MANIFEST].decode()
    for old, new in (
        ('id = "flood"', 'id = "many"'),
        ('version = "1.0.0"', f'version = "{version}"'),
        ('python = "kumihimo.solutions.flood"\n', ""),
        ('id = "flood.lead-time"', 'id = "many.lead-time"'),
        ('sample = ["sample.jsonld"]', 'sample = ["sample.jsonld"]\nstart = ["start.jsonld"]'),
    ):
        text = text.replace(old, new)
    gauges = [
        {"id": f"urn:ngsi-ld:RiverGauge:many-{n}", "type": "RiverGauge", "name": {"type": "Property", "value": version}}
        for n in range(ENTITIES)
    ]
    files = {**flood.files, MANIFEST: text.encode(), "start.jsonld": json.dumps(gauges).encode()}
    return held(read_archive(write_archive(files)), "outside", {})


async def timed(work: Awaitable[object]) -> float:
    """Seconds that the work takes."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def floor(platform: Platform, count: int) -> float:
    """Seconds of so many durable writes, one after the other."""
    began = time.perf_counter()
    for number in range(count):
        doc = {"id": f"urn:x:{number}", "type": ["https://example.org/T"], "attrs": {}}
        await platform.broker.apply(CALL, [Change(Op.CREATE, f"urn:x:{number}", doc)])  # type: ignore[arg-type]
    return time.perf_counter() - began


async def once(first: Held, second: Held | None) -> tuple[int, Times]:
    """How many things are made, and the seconds of each step, on a platform of its own."""
    with tempfile.TemporaryDirectory() as folder:
        platform = wire(Settings(data=folder, port=0, mqtt_port=-1), SystemClock())
        await platform.database.open()
        try:
            await platform.database.add_tenant("town")
            packs = platform.packs
            things = len((await packs.plan(first, "town")).steps)
            found = {"the pack's own tests": await timed(trial_on(wire)(first))}
            found["tests and installation"] = await timed(packs.install(CALL, first, unsigned=True))
            if second is not None:
                found["tests and upgrade"] = await timed(packs.install(CALL, second, unsigned=True))
            found["removal"] = await timed(packs.remove(CALL, first.pack.id))
            found["floor"] = await floor(platform, things)
            return things, found
        finally:
            await platform.database.close()


def median(first: Held, second: Held | None, rounds: int) -> tuple[int, Times]:
    """The median of each step."""
    runs = [asyncio.run(once(first, second)) for _ in range(rounds)]
    return runs[0][0], {name: statistics.median(times[name] for _, times in runs) for name in runs[0][1]}


def table(found: dict[str, tuple[int, Times]]) -> str:
    """The table of bench/README.md."""
    lines = [f"Python {sys.version.split()[0]}; {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}.", ""]
    lines += ["| pack | step | seconds | ratio to as many durable writes |", "|---|---|---|---|"]
    for name, (things, times) in found.items():
        for step, seconds in times.items():
            if step != "floor":
                ratio = f"{seconds / times['floor']:.1f}"
                lines.append(f"| {name}, {things} things | {step} | {seconds:.2f} | {ratio} |")
    return "\n".join(lines)


def main(given: list[str]) -> int:
    """0 where tests and installation take less than a minute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="write the table into bench/README.md")
    options = parser.parse_args(given)
    flood = Library(Path("nowhere")).find("flood")
    found = {
        "flood": median(flood, None, options.rounds),
        "many": median(made_of(flood, "1.0.0"), made_of(flood, "1.1.0"), options.rounds),
    }
    text = table(found)
    print(text)
    if options.keep:
        keep("packs", text)
    return 1 if max(times["tests and installation"] for _, times in found.values()) >= MINUTE else 0
