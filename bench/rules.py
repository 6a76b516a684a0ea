"""How many changes a rule judges in a second, and how soon after a change its action is done; in process, on SQLite."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from kumihimo.app.platform import Platform
from kumihimo.app.start import open_database
from kumihimo.app.wire import wire
from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, NGSI_LD

HERE = Path(__file__).parent
CALL = Call("town", Actor("system", "bench"))
GAUGES = 100
NEIGHBOURS = 1000
TASK = '\n[[rule.then]]\ndo = "task"\nwhom = "x"\ntext = "{entity.id}"\nminutes = 5\n'
WINDOW = '\n[[rule.window]]\nname = "top"\nfigure = "most"\nattribute = "level"\nminutes = 60\n'
JOIN = '\n[[rule.join]]\nname = "near"\ntypes = ["School"]\nmetres = 300\n'
KINDS = {
    "a condition alone": 'condition = "entity.level > 1000000 && has(before.level)"',
    "with a window": 'condition = "top > 1000000"' + WINDOW,
    f"with a join by place, {NEIGHBOURS} entities": 'condition = "near.size() > 1000"' + JOIN,
}


def text(when: str) -> str:
    """A rule set of one rule on gauges."""
    return f'name = "bench"\n[[rule]]\nname = "one"\ntypes = ["Gauge"]\nwatch = ["level"]\n{when}{TASK}'


def reading(number: int, level: float) -> Change:
    """A gauge's next level, of this moment."""
    entity = f"urn:ngsi-ld:Gauge:{number % GAUGES}"
    moment = times.text(SystemClock().now())
    place = {"type": "Point", "coordinates": [136.0 + number % GAUGES / 1000, 36.0]}
    attrs: dict[str, Any] = {
        DEFAULT_VOCAB + "level": [{"type": "Property", "value": level, "observedAt": moment}],
        NGSI_LD + "location": [{"type": "GeoProperty", "value": place}],
    }
    return Change(Op.UPSERT_UPDATE, entity, {"id": entity, "type": [DEFAULT_VOCAB + "Gauge"], "attrs": attrs})


def school(number: int) -> Change:
    """One of the entities that are joined."""
    entity = f"urn:ngsi-ld:School:{number}"
    place = {"type": "Point", "coordinates": [136.0 + number / 10_000, 36.0]}
    attrs: dict[str, Any] = {NGSI_LD + "location": [{"type": "GeoProperty", "value": place}]}
    return Change(Op.UPSERT, entity, {"id": entity, "type": [DEFAULT_VOCAB + "School"], "attrs": attrs})


async def judged(platform: Platform, when: str, changes: int) -> float:
    """Changes judged in a second, out of a log in which they wait; nothing fires."""
    await platform.rule_sets.put(CALL, text(when), on=True)
    for start in range(0, changes, 100):
        await platform.broker.apply(CALL, [reading(number, 1.0 + number) for number in range(start, start + 100)][:100])
    await platform.broker.apply(CALL, [reading(0, -1.0)])
    begin = time.perf_counter()
    await platform.rule_sets.keeper.catch_up("town")
    took = time.perf_counter() - begin
    cost = (await platform.rule_sets.costs(CALL, "bench"))["one"]
    if cost.judged != changes + 1 or cost.unanswered:
        raise SystemExit(f"{cost.judged} of {changes + 1} changes were judged, {cost.unanswered} without an answer")
    await platform.rule_sets.remove(CALL, "bench")
    return cost.judged / took


async def latencies(platform: Platform, firings: int, rate: float) -> list[float]:
    """Milliseconds from an acknowledged change to its task, ascending, at so many changes a second."""
    await platform.rule_sets.put(CALL, text('condition = "entity.level >= 0"'), on=True)
    running = asyncio.create_task(platform.rule_sets.run())
    written: dict[str, float] = {}
    done: dict[str, float] = {}
    watching = asyncio.create_task(_watch(platform, done, firings))
    begin = time.perf_counter()
    for number in range(firings):
        await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
        [outcome] = await platform.broker.apply(CALL, [reading(number, float(number))])
        written[f"bench/one/{outcome.seq}/0"] = time.perf_counter()
    async with asyncio.timeout(60):
        await watching
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return sorted((done[key] - at) * 1000 for key, at in written.items())


async def _watch(platform: Platform, done: dict[str, float], firings: int) -> None:
    """Looks for new tasks every two milliseconds, which is how exact the figures are."""
    while len(done) < firings:
        rows = await platform.database.read("town", lambda tx: tx.fetch("SELECT id FROM rule_task"))
        now = time.perf_counter()
        for (key,) in rows:
            done.setdefault(key, now)
        await asyncio.sleep(0.002)


async def measured(folder: str, options: argparse.Namespace) -> list[tuple[str, str]]:
    """What was measured, and its figure."""
    platform = wire(Settings(data=folder, open=True), SystemClock())
    async with open_database(platform):
        await platform.database.add_tenant("town")
        await platform.broker.apply(CALL, [school(number) for number in range(NEIGHBOURS)])
        found = []
        for kind, when in KINDS.items():
            found.append(
                (
                    f"changes judged in a second, {kind}",
                    f"{await judged(platform, when, options.changes // (10 if JOIN in when else 1)):,.0f}",
                )
            )
        sorted_ = await latencies(platform, options.firings, options.rate)
        for name, part in (("p50", 0.5), ("p99", 0.99)):
            value = sorted_[min(len(sorted_) - 1, int(len(sorted_) * part))]
            found.append(
                (f"from the change to its task, {options.rate:g} firings a second, {name}, ms", f"{value:.1f}")
            )
        return found


def main(arguments: list[str]) -> int:
    """0 where every change was judged and every firing came to its task."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--changes", type=int, default=2000)
    options.add_argument("--firings", type=int, default=500)
    options.add_argument("--rate", type=float, default=20.0)
    options.add_argument("--keep", action="store_true", help="write the table into bench/README.md")
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(folder, given))
    lines = ["| what | figure |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in found)]
    print("\n".join(lines))
    if given.keep:
        page = HERE / "README.md"
        before, _, rest = page.read_text().partition("<!-- rules -->")
        _, _, after = rest.partition("<!-- /rules -->")
        page.write_text(before + "<!-- rules -->\n\n" + "\n".join(lines) + "\n\n<!-- /rules -->" + after)
    return 0
