"""`make bench BENCH_ARGS=--dead`: 1,000 endpoints of which 100 are dead, half of them hang and half refuse.

The same writes twice in each round: with subscriptions of the 900 others alone, and with those of the dead beside them,
for which something waits already. Ends with 1 where a write was not taken or one of the others was not told.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import paced
from ceilings import fsync_p50
from delivery import said, send
from ground import Ground
from harness import Platform, keep
from measures import ENTITIES, ROOT, compact, request
from taker import HANG, Taker

KIND = "Post"
EACH = 10
"""Entities of each subscription."""


def id_of(endpoint: int, number: int) -> str:
    """One of the endpoint's entities."""
    return f"urn:ngsi-ld:{KIND}:{endpoint:04d}-{number}"


def documents(endpoint: int, value: int) -> list[dict[str, object]]:
    """The entities of a subscription."""
    kind = f"{KIND}{endpoint:04d}"
    attrs = {"senttime": {"type": "Property", "value": value}}
    return [{"id": id_of(endpoint, number), "type": kind, **attrs} for number in range(EACH)]


def subscription(endpoint: int, uri: str) -> bytes:
    """To the entities of one type."""
    body = {
        "id": f"urn:ngsi-ld:Subscription:post-{endpoint:04d}",
        "type": "Subscription",
        "entities": [{"type": f"{KIND}{endpoint:04d}"}],
        "notification": {"endpoint": {"uri": uri}, "format": "keyValues"},
    }
    return request("POST", f"{ROOT}/subscriptions", compact(body))


def upsert(endpoints: Sequence[int], value: int) -> list[bytes]:
    """All their entities, a batch for every ten endpoints."""
    path = f"{ROOT}/entityOperations/upsert"
    return [
        request("POST", path, compact([one for each in endpoints[at : at + 10] for one in documents(each, value)]))
        for at in range(0, len(endpoints), 10)
    ]


class Town:
    """Who is well and who is dead: every tenth, in turn hanging and refusing."""

    def __init__(self, endpoints: int, taker: Taker, closed: int) -> None:
        self.taker, self.closed = taker, closed
        self.all = range(endpoints)
        self.dead = [one for one in self.all if one % 10 == 9]
        self.well = [one for one in self.all if one % 10 != 9]

    def uri(self, one: int) -> str:
        """A host for each; at those that refuse nobody listens."""
        if one % 10 != 9:
            return self.taker.uri(f"/{one}", one)
        if one % 20 == 9:
            return self.taker.uri(HANG, one)
        return self.taker.uri("/", one).replace(f":{self.taker.port}/", f":{self.closed}/")

    @contextmanager
    def prepared(self) -> Iterator[Path]:
        """A folder with all entities, and the subscriptions of those that are well."""
        with tempfile.TemporaryDirectory() as name, Platform() as platform:
            send(platform, upsert(self.all, -1))
            send(platform, [subscription(one, self.uri(one)) for one in self.well])
            platform.stop()
            platform.copy_to(Path(name) / "data")
            yield Path(name) / "data"

    def write(self, number: int) -> bytes:
        """One entity of the next endpoint, dead or not."""
        count = len(self.all)
        path = f"{ENTITIES}/{id_of(number % count, number // count % EACH)}/attrs"
        return request("PATCH", path, compact({"senttime": {"type": "Property", "value": number}}))

    def is_due(self, number: int) -> bool:
        return number % len(self.all) % 10 != 9


def take(town: Town, folder: Path, core: int | None, options: argparse.Namespace, *, dead: bool) -> list[float]:
    """Seconds from the sending of each write to its arrival at who is well, sorted."""
    with Platform(core=core, data=folder) as platform:
        if dead:
            send(platform, [subscription(one, town.uri(one)) for one in town.dead])
            send(platform, upsert(town.dead, -2))
        town.taker.clear()
        written = paced.run(platform.port, town.write, rate=options.rate, seconds=options.seconds)
        due = [one for one in written.sent if town.is_due(one)]
        town.taker.wait(len(due), options.patience)
        found = town.taker.arrivals()
    missing = [one for one in due if one not in found]
    if missing:
        raise SystemExit(f"{len(missing)} of {len(due)} were not told within {options.patience:g} s")
    return sorted(found[one] - written.sent[one] for one in due)


def main(arguments: Sequence[str]) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="bench --dead", description=__doc__)
    parser.add_argument("--endpoints", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=100.0, help="writes a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="of writes in each half of a round")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds after the last write")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="write the table into bench/README.md")
    options = parser.parse_args(arguments)
    rounds: list[tuple[list[float], list[float]]] = []
    with Ground("sqlite") as ground, Taker() as taker, socket.socket() as nobody:
        nobody.bind(("", 0))  # taken and not listened on, so that whoever connects is refused
        town = Town(options.endpoints, taker, int(nobody.getsockname()[1]))
        with town.prepared() as folder:
            for _ in range(options.rounds):
                alone = take(town, folder, ground.core, options, dead=False)
                rounds.append((alone, take(town, folder, ground.core, options, dead=True)))
                print(f"alone {said(alone)} ms, beside the dead {said(rounds[-1][1])} ms", flush=True)
        place = f"{ground.place}. ours: {ground.durability}"
    text = table(rounds, town, options)
    head = (
        f"{options.rate:g} writes/s for {options.seconds:g} s, {options.rounds} rounds. {place}; fdatasync p50 "
        f"{fsync_p50() * 1e6:.0f} µs; Python {sys.version.split()[0]}; load {os.getloadavg()[0]:.1f}."
    )
    print(f"{head}\n\n{text}")
    if options.keep:
        keep("dead", f"{head}\n\n{text}")
    return 0


def table(rounds: Sequence[tuple[list[float], list[float]]], town: Town, options: argparse.Namespace) -> str:
    """Both halves, all rounds together, and the median of the rounds' ratios of p99."""
    sides = [sorted(one for pair in rounds for one in pair[side]) for side in (0, 1)]
    ratios = [p99(beside) / p99(alone) for alone, beside in rounds]
    names = (f"{len(town.well)} endpoints that are well", f"the same beside {len(town.dead)} that are dead")
    rows = [
        f"| {name} | {said(times)} | {len(times):,}/{len(times):,} |" for name, times in zip(names, sides, strict=True)
    ]
    rows.append(f"| p99 beside the dead to p99 alone, median of {options.rounds} | {statistics.median(ratios):.2f} | |")
    return "\n".join(["| what | told, p50 / p99 in ms | delivered/due |", "|---|---|---|", *rows])


def p99(times: Sequence[float]) -> float:
    """Of sorted times."""
    return times[min(len(times) - 1, int(len(times) * 0.99))]
