"""`make bench BENCH_ARGS=--rights`: what rights cost the broker, those of everything and a mask of 20 clauses.

Each measurement is a process of its own on a fresh folder, in turn: with rights of everything and with the mask, and,
where --before names the source folder of an earlier state, that one's broker with rights of everything. More is better;
the ratio is the median of the rounds'.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from kumihimo.base.call import Call
from kumihimo.base.clock import SystemClock
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Change, Op, QPath, QTerm, Query
from kumihimo.platform.broker.store import SCHEMA as BROKER
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.storage.opening import database_for

ENTITIES = 2000
TENANT = "bench"
NAMES = ("temperature", "humidity", "open", "name", "owner")
Work = Callable[[int], Awaitable[object]]


def entity(number: int) -> Any:
    """A store with five properties."""
    values: dict[str, Any] = {
        "temperature": 20 + number % 10,
        "humidity": 50 + number % 40,
        "open": number % 2 == 0,
        "name": f"店舗{number}",
        "owner": f"urn:ngsi-ld:Person:{number % 50}",
    }
    attrs = {name: [{"type": "Property", "value": value}] for name, value in values.items()}
    return {"id": f"urn:ngsi-ld:Store:{number}", "type": ["Store"], "attrs": attrs}


def masked() -> Any:
    """20 clauses: ten of what is shown, of which one is of the stores; ten of what is hidden of some stores."""
    from kumihimo.platform.access import grants  # noqa: PLC0415 - an earlier state has no such names
    from kumihimo.platform.access import models as access  # noqa: PLC0415 - an earlier state has no such names

    def among(rows: Any, *names: str, others: bool = False) -> Any:
        return access.Clause(rows, access.Names(frozenset(names), others=others))

    stores = access.RowTypes(frozenset({"Store"}))
    shown = [among(stores, others=True)]
    shown += [among(access.RowTypes(frozenset({f"Other{n}"})), "name", "level") for n in range(9)]
    hidden = [
        among(
            access.RowAnd((stores, access.RowQ(QTerm(QPath(("humidity",)), ">", (80 + n,))))), NAMES[n % 5], f"own{n}"
        )
        for n in range(10)
    ]
    return grants.Grant.of(access.Rights(tuple(shown), tuple(hidden)))


async def rate(work: Work, seconds: float) -> float:
    """How often it is done in a second of the process's own computing, one after the other."""
    done, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        await work(done)
        done += 1
    return done / (time.process_time() - began)


async def figures(folder: Path, seconds: float, *, with_mask: bool) -> dict[str, float]:
    """Rates of the broker's door, by what was done."""
    database = database_for(folder, None, [BROKER, HISTORY], SystemClock())
    await database.open()
    await database.add_tenant(TENANT)
    broker, call = Broker(database, SystemClock(), MemoryBus(), remember_tx), Call(TENANT)
    for start in range(0, ENTITIES, 500):
        await broker.apply(call, [Change(Op.CREATE, (one := entity(n))["id"], one) for n in range(start, start + 500)])
    grant = masked() if with_mask else None
    restriction, visible = (grant.restriction, grant.visible) if grant is not None else (ALL_ROWS, ALL_ATTRIBUTES)
    more: dict[str, Any] = {}
    if grant is not None:
        from kumihimo.platform.broker.models import Allowed  # noqa: PLC0415 - an earlier state has no such name

        more["allowed"] = Allowed(grant, grant)
    base = Query(restriction, visible, types="Store")
    warm = QTerm(QPath(("temperature",)), ">", (27,))
    hidden = QTerm(QPath(("name",)), "==", ("店舗77",))

    def patched(n: int) -> Change:
        doc: Any = {"attrs": {"temperature": [{"type": "Property", "value": n}]}}
        # Those of little humidity: of them nothing is hidden, so that the same is written in all runs.
        return Change(Op.UPDATE, f"urn:ngsi-ld:Store:{n * 40 % ENTITIES + n % 20}", doc, **more)

    works: dict[str, Work] = {
        "GET by id": lambda n: broker.get_text(TENANT, f"urn:ngsi-ld:Store:{n % ENTITIES}", restriction, visible),
        "query of 20 by type": lambda _: broker.find_texts(TENANT, base),
        "query of 20 by type and q": lambda _: broker.find_texts(TENANT, with_(base, q=warm)),
        "count by type and q": lambda _: broker.find_texts(TENANT, with_(base, q=hidden, limit=0, count=True)),
        "update of one attribute, durable": lambda n: broker.apply(call, [patched(n)]),
        "batch update of 100, durable": lambda n: broker.apply(call, [patched(n * 100 + k) for k in range(100)]),
    }
    found = {what: await rate(work, seconds) for what, work in works.items()}
    await database.close()
    return found


def with_(query: Query, **members: Any) -> Query:
    """The same rights and type, asked for more."""
    names = ("restriction", "visible", "types")
    return Query(**{name: getattr(query, name) for name in names}, **members)


def child(source: Path, seconds: float, *, with_mask: bool) -> dict[str, float]:
    """The figures of a process that runs on this source."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--child", folder, "--seconds", str(seconds)]
        command += ["--mask"] if with_mask else []
        environment = {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{Path(__file__).parent}"}
        ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return {str(what): float(one) for what, one in json.loads(ran.stdout).items()}


def main(arguments: list[str]) -> int:
    """The table, and with --keep the page."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--before", type=Path, help="source folder of an earlier state")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=0.5)
    options.add_argument("--keep", action="store_true")
    options.add_argument("--child", type=Path)
    options.add_argument("--mask", action="store_true")
    given = options.parse_args(arguments)
    if given.child is not None:
        print(json.dumps(asyncio.run(figures(given.child, given.seconds, with_mask=given.mask))))
        return 0
    now = Path(__file__).parent.parent / "src"
    kinds: dict[str, tuple[Path, bool]] = {"everything": (now, False), "20 clauses": (now, True)}
    if given.before is not None:
        kinds["before"] = (given.before, False)
    rounds = [
        {kind: child(source, given.seconds, with_mask=mask) for kind, (source, mask) in kinds.items()}
        for _ in range(given.rounds)
    ]
    table = lines(rounds, "before" if given.before is not None else "everything")
    print(table)
    if given.keep:
        from harness import keep  # noqa: PLC0415 - a measuring process has no need of it

        keep("rights", table)
    return 0


def lines(rounds: list[dict[str, dict[str, float]]], base: str) -> str:
    """The table: rates as medians of the rounds, and ratios to the base as medians of the rounds' ratios."""
    kinds = ["before", "everything", "20 clauses"] if base == "before" else ["everything", "20 clauses"]

    def middle(kind: str, what: str) -> float:
        return statistics.median(one[kind][what] for one in rounds)

    def ratio(kind: str, to: str, what: str) -> float:
        return statistics.median(one[kind][what] / one[to][what] for one in rounds)

    head = "| what, for each second of computing | " + " | ".join(kinds)
    head += " | everything to before" if base == "before" else ""
    rows = [head + " | 20 clauses to everything |"]
    rows.append("|---" * (rows[0].count("|") - 1) + "|")
    for what in rounds[0]["everything"]:
        cells = [f"{middle(kind, what):,.0f}" for kind in kinds]
        if base == "before":
            cells.append(f"**{ratio('everything', 'before', what):.3f}**")
        cells.append(f"**{ratio('20 clauses', 'everything', what):.3f}**")
        rows.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
