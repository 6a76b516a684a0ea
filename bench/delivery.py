"""`make bench BENCH_ARGS=--notify`: how soon notifications follow the acknowledgement of the writes that they tell of.

At several rates of writes and numbers of subscriptions, each to one entity, so that each changed entity is due once.
Each cell stands on a copy of the same prepared folder and begins once the first was told something. It is given some
seconds more for what could not be told in time; what is told by then is said, and how late it was. A line says what
rate was reached; at high rates single writes are followed by batches of 100. Ends with 1 where a write was not taken.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import load
import paced
from ceilings import fsync_p50
from ground import Ground
from harness import Platform, keep
from measures import BATCH, ENTITIES, ROOT, compact, request
from taker import Taker

KIND = "Timed"


class Extent(argparse.Namespace):
    """The options."""

    rates: list[int]
    subscriptions: list[int]
    seconds: float
    patience: float
    endpoints: int
    keep: bool


def id_of(number: int) -> str:
    """An entity."""
    return f"urn:ngsi-ld:{KIND}:{number:05d}"


def document(number: int, value: int) -> dict[str, object]:
    """An entity with nothing but the number of its last write."""
    return {"id": id_of(number), "type": KIND, "senttime": {"type": "Property", "value": value}}


def subscription(number: int, uri: str) -> dict[str, object]:
    """A subscription to one entity."""
    return {
        "id": f"urn:ngsi-ld:Subscription:timed-{number:05d}",
        "type": "Subscription",
        "entities": [{"type": KIND, "id": id_of(number)}],
        "watchedAttributes": ["senttime"],
        "notification": {"endpoint": {"uri": uri}, "format": "keyValues"},
    }


def send(platform: Platform, requests: Sequence[bytes]) -> None:
    """Each once; ends the run where one was refused.

    Over many connections: a platform reads all subscriptions again after some were made, and that is soon most of it.
    """
    if (result := load.once(platform.port, requests, connections=200)).wrong:
        raise SystemExit(f"preparing: {result.refusal[:300]!r}")


@contextmanager
def prepared(subscriptions: int, taker: Taker, endpoints: int) -> Iterator[Path]:
    """A folder with so many entities and a subscription to each, and nothing to be told."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        with Platform() as platform:
            numbers = range(subscriptions)
            many = [
                compact([document(one, -1) for one in numbers[at : at + BATCH]])
                for at in range(0, subscriptions, BATCH)
            ]
            send(platform, [request("POST", f"{ROOT}/entityOperations/upsert", one) for one in many])
            wanted = [compact(subscription(one, taker.uri(f"/{one}", one % endpoints))) for one in numbers]
            send(platform, [request("POST", f"{ROOT}/subscriptions", one) for one in wanted])
            platform.stop()
            platform.copy_to(folder)
        yield folder


def single(subscriptions: int) -> Callable[[int], bytes]:
    """One entity with each write, in turn."""

    def make(number: int) -> bytes:
        body = compact({"senttime": {"type": "Property", "value": number}})
        return request("PATCH", f"{ENTITIES}/{id_of(number % subscriptions)}/attrs", body)

    return make


def batch(subscriptions: int) -> Callable[[int], bytes]:
    """A hundred entities with each write, in turn."""

    def make(number: int) -> bytes:
        values = range(number * BATCH, (number + 1) * BATCH)
        body = compact([document(value % subscriptions, value) for value in values])
        return request("POST", f"{ROOT}/entityOperations/update", body)

    return make


def warm(platform: Platform, taker: Taker) -> None:
    """Returns once it knows its subscriptions, which it reads after its start: when the first is told something."""
    taker.clear()
    body = compact({"senttime": {"type": "Property", "value": -2}})
    send(platform, [request("PATCH", f"{ENTITIES}/{id_of(0)}/attrs", body)])
    taker.wait(1, 120)
    if not taker.count():
        raise SystemExit("the first notification did not come")
    taker.clear()


def cell(folder: Path, core: int | None, taker: Taker, subscriptions: int, rate: int, size: int, extent: Extent) -> str:
    """A line of the table."""
    make = (single if size == 1 else batch)(subscriptions)
    with Platform(core=core, data=folder) as platform:
        warm(platform, taker)
        before = platform.cpu()
        written = paced.run(platform.port, make, rate=rate / size, seconds=extent.seconds)
        due = len(written.acknowledged) * size
        taker.wait(due, extent.patience)
        waited = time.perf_counter() - max(written.acknowledged.values())
        found, spent = taker.arrivals(), platform.cpu() - before
    values = range(due)
    took = sorted(found[one] - written.sent[one // size] for one in values if one in found)
    behind = sorted(found[one] - written.acknowledged[one // size] for one in values if one in found)
    acknowledged = sorted(moment - written.sent[one] for one, moment in written.acknowledged.items())
    delivered = f"{len(took):,}/{due:,}" + ("" if len(took) == due else f" within {waited:.0f} s after the last write")
    how = "single" if size == 1 else f"batches of {size}"
    return (
        f"| {subscriptions:,} | {rate:,} | {how} | {written.rate * size:,.0f} | {said(acknowledged)} | {said(took)} "
        f"| {said(behind)} | {delivered} | {spent / max(len(took), 1) * 1000:.2f} |"
    )


def said(times: Sequence[float]) -> str:
    """p50 and p99 in ms."""
    if not times:
        return "–"
    return " / ".join(f"{times[min(len(times) - 1, int(len(times) * part))] * 1000:,.1f}" for part in (0.5, 0.99))


HEAD = (
    "| subscriptions | writes/s | how | reached | acknowledged, ms | told, ms | after the acknowledgement, ms "
    "| delivered/due | processor, ms for each that was told |\n|---|---|---|---|---|---|---|---|---|"
)


def lines(extent: Extent, core: int | None) -> Iterator[str]:
    """All cells, those of one number of subscriptions on copies of one folder."""
    for subscriptions in extent.subscriptions:
        with Taker() as taker, prepared(subscriptions, taker, extent.endpoints) as folder:
            for rate in extent.rates:
                for size in (1, BATCH) if rate > 1_000 else (1,):
                    yield cell(folder, core, taker, subscriptions, rate, size, extent)


def main(arguments: Sequence[str]) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="bench --notify", description=__doc__)
    parser.add_argument("--rates", type=int, nargs="*", default=[200, 2_000, 5_000], help="entities written a second")
    parser.add_argument("--subscriptions", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--seconds", type=float, default=10.0, help="of writes in each cell")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds after the last write")
    parser.add_argument("--endpoints", type=int, default=100, help="hosts that the subscriptions are spread over")
    parser.add_argument("--keep", action="store_true", help="write the table into bench/README.md")
    extent = parser.parse_args(arguments, Extent())
    table = [HEAD]
    with Ground("sqlite") as ground:
        print(HEAD, flush=True)
        for line in lines(extent, ground.core):
            print(line, flush=True)
            table.append(line)
        head = (
            f"{extent.seconds:g} s of writes and at most {extent.patience:g} s more; {extent.endpoints} hosts, a path "
            f"for each subscription; p50 / p99. {ground.place}. ours: {ground.durability}; fdatasync p50 "
            f"{fsync_p50() * 1e6:.0f} µs; Python {sys.version.split()[0]}; load {os.getloadavg()[0]:.1f}."
        )
    print(head)
    if extent.keep:
        keep("notify", f"{head}\n\n" + "\n".join(table))
    return 0
