"""`make bench`: each number as a ratio to a ceiling measured in the same run, interleaved, median of the rounds.

With --keep it writes bench/results.json and the table of bench/README.md. Ends with 1 where a ratio is above 1 (then
the measurement is wrong), an answer was not 2xx or refused a part (207), or a notification was lost.
Other runs are taken instead where they are named: --broker the five broker runs (broker.py; `--broker --help` tells
their options), --mqtt connected devices (mqtt.py), --notify notifications at several rates (delivery.py), --dead what
dead endpoints cost the others (dead.py), --history an import of history (past.py), --access decisions (access.py),
--meter what counting costs (meter.py), --tokens who shows a token (tokens.py), --rights what rights cost the broker
(rights.py), --rules how many changes rules judge and how soon they act (rules.py).
--meter what counting costs (meter.py), --packs how long a pack takes to install (packs.py), --tokens who shows a token
(tokens.py), --rights what rights cost the broker (rights.py).
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import access
import broker
import ceilings
import dead
import delivery
import load
import meter
import mqtt
import packs
import past
import rules
import tokens
from harness import Platform, get, keep, post
from sink import Sink

import rights

HERE = Path(__file__).parent
ENTITIES = 1000
POINTS = 10_000
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"


OTHERS: dict[str, Callable[[list[str]], int]] = {
    "--broker": broker.main,
    "--mqtt": mqtt.main,
    "--notify": delivery.main,
    "--dead": dead.main,
    "--history": past.main,
    "--access": access.main,
    "--meter": meter.main,
    "--packs": packs.main,
    "--tokens": tokens.main,
    "--rights": rights.main,
    "--rules": rules.main,
}


@dataclass
class Number:
    """One line of the table. ratio is ours / ceiling where more is better, ceiling / ours where less is."""

    what: str
    ours: float
    ceiling: float
    unit: str
    ratio: float
    note: str = ""


def entity(number: int) -> dict[str, object]:
    """The entity of the published load tests' shape: two properties, a flag, a relationship, about 550 bytes."""
    return {
        "id": f"urn:ngsi-ld:Store:{number:05d}",
        "type": "Store",
        "temperature": {"type": "Property", "value": 20 + number % 10, "unitCode": "CEL"},
        "humidity": {"type": "Property", "value": 50 + number % 40, "unitCode": "P1"},
        "open": {"type": "Property", "value": number % 2 == 0},
        "name": {"type": "Property", "value": f"店舗{number}"},
        "owner": {"type": "Relationship", "object": f"urn:ngsi-ld:Person:{number % 50}"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2 + number / 1e4, 36.06]}},
    }


def compare(
    what: str,
    platform: Platform,
    requests: list[bytes],
    answer: bytes,
    status: str,
    *,
    durable: bool,
    options: argparse.Namespace,
) -> Number:
    """Rate of the platform against an echo server with the same request and answer, round by round."""
    ours, bare, ratios, p99 = [], [], [], []
    with ceilings.EchoServer(answer, status, durable=durable) as port:
        for _ in range(options.rounds):
            mine = load.run(platform.port, requests, connections=options.connections, seconds=options.seconds)
            if mine.wrong:
                raise SystemExit(f"{what}: {mine.wrong} answers were not 2xx, or 207")
            other = load.run(port, requests, connections=options.connections, seconds=options.seconds)
            ours.append(mine.rate)
            bare.append(other.rate)
            ratios.append(mine.rate / other.rate)
            p99.append(mine.quantile(0.99) * 1000)
    note = f"p99 {statistics.median(p99):.1f} ms, {options.connections} connections"
    return Number(what, statistics.median(ours), statistics.median(bare), "1/s", statistics.median(ratios), note)


def notification_latency(platform: Platform, options: argparse.Namespace) -> Number:
    """From the PATCH's sending to the notification's arrival, at 100 writes a second, against a server that commits the
    body as durably and posts it on at once; round by round, to the same sink.
    """
    sink = Sink()
    sink.start()
    subscription = {
        "id": "urn:ngsi-ld:Subscription:bench",
        "type": "Subscription",
        "entities": [{"type": "Timed"}],
        "notification": {"endpoint": {"uri": f"http://127.0.0.1:{sink.port}/"}, "format": "keyValues"},
    }
    post(platform.port, "/ngsi-ld/v1/subscriptions", subscription)
    timed = {"id": "urn:ngsi-ld:Timed:1", "type": "Timed", "senttime": {"type": "Property", "value": 0}}
    post(platform.port, "/ngsi-ld/v1/entities", timed)
    sink.wait_for([0.0], "the first notification")
    rounds: list[tuple[Paced, Paced]] = []
    with ceilings.EchoServer(b"", "204 No Content", durable=True, sink=sink.port) as port:
        for _ in range(options.rounds):
            ours = Paced(platform.port, sink, options.seconds, '{"senttime": {"type": "Property", "value": %r}}')
            rounds.append((ours, Paced(port, sink, options.seconds, '{"senttime": %r}')))
    mine, bare = [one.p50 for one, _ in rounds], [one.p50 for _, one in rounds]
    ratio = statistics.median(other / one for one, other in zip(mine, bare, strict=True))
    p99, acknowledged = (statistics.median(getattr(one, name) for one, _ in rounds) for name in ("p99", "acknowledged"))
    sent = sum(one.sent for one, _ in rounds)
    note = f"delivered {sent}/{sent}, p99 {p99 * 1000:.1f} ms, write acknowledged in {acknowledged * 1000:.2f} ms"
    what = "notification latency, 100 writes/s"
    return Number(what, statistics.median(mine) * 1000, statistics.median(bare) * 1000, "ms", ratio, note)


class Paced:
    """100 writes a second over one connection, each holding the moment of its sending; ends the run where an answer is
    not right, or a notification is lost.
    """

    def __init__(self, port: int, sink: Sink, seconds: float, body: str) -> None:
        acks, moments = [], []
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(int(100 * seconds)):
                began = time.perf_counter()
                path = "/ngsi-ld/v1/entities/urn:ngsi-ld:Timed:1/attrs"
                line.sendall(load.request("PATCH", path, (body % began).encode()))
                answer = line.recv(65536)
                if not load.is_right(answer):
                    raise SystemExit(f"notification latency: {answer[:300]!r}")
                acks.append(time.perf_counter() - began)
                moments.append(began)
                time.sleep(max(0.0, 0.01 - (time.perf_counter() - began)))
        sink.wait_for(moments, "notification latency")
        due = sorted(sink.arrivals[one] - one for one in moments)
        self.sent = len(due)
        self.p50, self.p99 = statistics.median(due), due[int(len(due) * 0.99)]
        self.acknowledged = statistics.median(acks)


def start_to_ready(options: argparse.Namespace) -> Number:
    """Seconds from exec to the first 200; not the first time, which may have to compile what was just edited."""
    ours, bare = [], []
    for place in range(options.rounds + 1):
        with Platform() as platform:
            seconds, _ = ceilings.bare_start()
            if place:
                ours.append(platform.started)
                bare.append(seconds)
    ratio = statistics.median(other / mine for mine, other in zip(ours, bare, strict=True))
    note = "against importing the same libraries"
    return Number("start to ready", statistics.median(ours), statistics.median(bare), "s", ratio, note)


def measure(options: argparse.Namespace) -> list[Number]:
    """All lines of the table, on one fresh platform."""
    numbers = [start_to_ready(options)]
    with Platform() as platform:
        _, bare_rss = ceilings.bare_start()
        rss = platform.rss()
        numbers.append(
            Number("idle memory", rss, bare_rss, "MiB", bare_rss / rss, "against the same libraries imported")
        )
        for start in range(0, ENTITIES, 100):
            post(platform.port, "/ngsi-ld/v1/entityOperations/create", [entity(n) for n in range(start, start + 100)])
        root = "/ngsi-ld/v1/entities"
        one = get(platform.port, f"{root}/urn:ngsi-ld:Store:00001")
        twenty = get(platform.port, f"{root}?type=Store&limit=20")
        patches = [
            load.request(
                "PATCH",
                f"{root}/urn:ngsi-ld:Store:{n:05d}/attrs",
                json.dumps({"temperature": {"type": "Property", "value": n % 40}}).encode(),
            )
            for n in range(ENTITIES)
        ]
        gets = [load.request("GET", f"{root}/urn:ngsi-ld:Store:{n:05d}") for n in range(ENTITIES)]
        pages = [load.request("GET", f"{root}?type=Store&limit=20&offset={n}") for n in range(0, 200, 20)]
        numbers.append(
            compare(
                "PATCH one attribute, durable", platform, patches, b"", "204 No Content", durable=True, options=options
            )
        )
        numbers.append(compare("GET by id", platform, gets, one, "200 OK", durable=False, options=options))
        numbers.append(
            compare("query of 20 by type", platform, pages, twenty, "200 OK", durable=False, options=options)
        )
        numbers.append(batch(platform, options))
        numbers.append(aggregation(platform, options))
        numbers.append(notification_latency(platform, options))
        numbers.append(
            Number(
                "memory after the run",
                platform.rss(),
                bare_rss,
                "MiB",
                bare_rss / platform.rss(),
                f"{ENTITIES} entities",
            )
        )
    return numbers


def batch(platform: Platform, options: argparse.Namespace) -> Number:
    """Entities per second of batch upserts of 100, against the barest durable batch."""
    bodies = [
        load.request(
            "POST",
            "/ngsi-ld/v1/entityOperations/upsert?options=update",
            json.dumps([entity(n) for n in range(start, start + 100)]).encode(),
        )
        for start in range(0, ENTITIES, 100)
    ]
    ours, bare, ratios = [], [], []
    document = json.dumps(entity(1)).encode()
    for _ in range(options.rounds):
        mine = load.run(platform.port, bodies, connections=4, seconds=options.seconds)
        if mine.wrong:
            raise SystemExit(f"batch: {mine.wrong} answers were not 2xx, or 207")
        ceiling = ceilings.batch_rate(document, options.seconds / 2)
        ours.append(mine.rate * 100)
        bare.append(ceiling)
        ratios.append(mine.rate * 100 / ceiling)
    return Number(
        "batch upsert of 100, durable",
        statistics.median(ours),
        statistics.median(bare),
        "entities/s",
        statistics.median(ratios),
        "4 connections",
    )


def aggregation(platform: Platform, options: argparse.Namespace) -> Number:
    """Milliseconds of four figures for each five minutes of a week of readings, one a minute, over one connection."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    series = [
        {
            "type": "Property",
            "value": n % 50 + 0.5,
            "observedAt": (start + timedelta(minutes=n)).isoformat().replace("+00:00", "Z"),
        }
        for n in range(POINTS)
    ]
    root = "/ngsi-ld/v1/temporal/entities"
    post(platform.port, root, {"id": "urn:ngsi-ld:Gauge:bench", "type": "Gauge", "level": series})
    ask = "format=aggregatedValues&aggrMethods=avg,min,max,totalCount&aggrPeriodDuration=PT5M"
    path = f"{root}/urn:ngsi-ld:Gauge:bench?timerel=after&timeAt=2026-01-01T00:00:00Z&{ask}"
    ours, bare = [], []
    for _ in range(options.rounds * 5):
        began = time.perf_counter()
        answer = json.loads(get(platform.port, path))
        ours.append(time.perf_counter() - began)
        bare.append(ceilings.aggregation_seconds(POINTS, 300))
    if len(answer["level"]["avg"]) != POINTS // 5:
        raise SystemExit("aggregation: the answer has not all periods")
    mine, other = statistics.median(ours) * 1000, statistics.median(bare) * 1000
    note = f"{POINTS} points, PT5M, four methods, one request at a time; wanted under 200 ms"
    return Number("aggregation of a series", mine, other, "ms", other / mine, note)


def table(numbers: list[Number], fsync: float) -> str:
    """The table of bench/README.md."""
    machine = f"Python {sys.version.split()[0]}; {os.cpu_count()} cores, load generator included."
    lines = [
        f"fdatasync p50 {fsync * 1e6:.0f} µs; {machine}",
        "",
        "| what | ours | ceiling | unit | ratio | note |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {n.what} | {n.ours:,.2f} | {n.ceiling:,.2f} | {n.unit} | **{n.ratio:.3f}** | {n.note} |" for n in numbers
    ]
    return "\n".join(lines)


def main() -> int:
    """0 where every number is below its ceiling."""
    for name, run in OTHERS.items():
        if name in sys.argv[1:]:
            return run([one for one in sys.argv[1:] if one != name])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--keep", action="store_true", help="write the results into bench/")
    options = parser.parse_args()
    fsync = ceilings.fsync_p50()
    numbers = measure(options)
    text = table(numbers, fsync)
    print(text)
    if options.keep:
        (HERE / "results.json").write_text(
            json.dumps([asdict(n) for n in numbers], indent=1, ensure_ascii=False) + "\n"
        )
        keep("table", text)
    above = [n.what for n in numbers if n.ratio > 1]
    if above:
        print(f"above their ceiling, so the measurement is wrong: {', '.join(above)}")
    return 1 if above else 0


if __name__ == "__main__":
    raise SystemExit(main())
