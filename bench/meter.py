"""`make bench BENCH_ARGS=--meter`: what counting costs a request, beside what the request takes, in one run.

In this process: one count, and the whole layer around an answer that says nothing. Then a platform is asked (PATCH of
an attribute, GET by id), and the layer's time is set against a request's. Ends with 1 where a count takes a microsecond
or more, or an answer was not 2xx.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import load
from harness import Platform, keep, post

from kumihimo.app.http import tenant_of
from kumihimo.app.metering import kind_of, who_of
from kumihimo.base.call import Actor, Caller
from kumihimo.base.clock import SystemClock
from kumihimo.network.http.metered import Metered
from kumihimo.platform.metering.counters import Counters

COUNTS = 200_000
ANSWERS = 50_000
ENTITIES = 200
ROOT = "/ngsi-ld/v1/entities"
BOUND = 1.0
"""Microseconds of one count."""
WHO = {"a person": Actor("person", "p-1"), "an application": Actor("application", "a-7f3c9d1e2b")}


def count_micros(who: Actor) -> float:
    """Microseconds of processor for one count: what others do beside this is not counted."""
    count = Counters(SystemClock()).count
    began = time.process_time()
    for _ in range(COUNTS):
        count("town", "read", who)
    return (time.process_time() - began) / COUNTS * 1e6


async def answer(_scope: Any, _receive: Any, send: Any) -> None:
    """An application that says nothing, in two messages."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def nowhere(_: Any) -> None:
    """Where the answers go."""


async def answers(app: Any) -> float:
    """Microseconds of processor for one answer."""
    caller = Caller(WHO["an application"])
    scope = {"type": "http", "method": "PATCH", "path": f"{ROOT}/x/attrs", "headers": [(b"host", b"localhost")]}
    began = time.process_time()
    for _ in range(ANSWERS):
        await app({**scope, "state": {"caller": caller}}, None, nowhere)
    return (time.process_time() - began) / ANSWERS * 1e6


def layer_micros() -> float:
    """Microseconds that the layer adds to an answer: whose it is, what kind, who asked, two counts."""
    layer = Metered(answer, Counters(SystemClock()), whose=tenant_of, kind=kind_of, who=who_of)
    return asyncio.run(answers(layer)) - asyncio.run(answers(answer))


def request_micros(platform: Platform, requests: list[bytes], options: argparse.Namespace) -> float:
    """Microseconds for each request while the platform has as much to do as it can."""
    done = load.run(platform.port, requests, connections=options.connections, seconds=options.seconds)
    if done.wrong:
        raise SystemExit(f"{done.wrong} answers were not 2xx, the first {done.refusal[:300]!r}")
    return 1e6 / done.rate


def median_of(take: Callable[[], float], rounds: int) -> float:
    """The median of what so many rounds give."""
    return statistics.median(take() for _ in range(rounds))


def measure(options: argparse.Namespace) -> tuple[dict[str, float], float, dict[str, float]]:
    """Microseconds of a count by who is counted, of the layer, and of a request by its kind."""
    value = {"type": "Property", "value": 1}
    things = [{"id": f"urn:ngsi-ld:Thing:{n}", "type": "Thing", "n": value} for n in range(ENTITIES)]
    patch = json.dumps({"n": value}).encode()
    asked = {
        "PATCH one attribute, durable": [load.request("PATCH", f"{ROOT}/{one['id']}/attrs", patch) for one in things],
        "GET by id": [load.request("GET", f"{ROOT}/{one['id']}") for one in things],
    }
    with Platform() as platform:
        for start in range(0, ENTITIES, 100):
            post(platform.port, "/ngsi-ld/v1/entityOperations/create", things[start : start + 100])
        requests = {
            name: median_of(partial(request_micros, platform, ones, options), options.rounds)
            for name, ones in asked.items()
        }
    counts = {name: median_of(partial(count_micros, who), options.rounds) for name, who in WHO.items()}
    return counts, median_of(layer_micros, options.rounds), requests


def table(counts: dict[str, float], layer: float, requests: dict[str, float]) -> str:
    """The table of bench/README.md."""
    machine = f"{os.cpu_count()} cores, load generator included; load {os.getloadavg()[0]:.1f}."
    lines = [f"Python {sys.version.split()[0]}; {machine}", ""]
    lines += ["| what | µs | ratio |", "|---|---|---|"]
    lines += [f"| one count, {name} | {value:.2f} | bound {BOUND:g} |" for name, value in counts.items()]
    lines.append(f"| the layer around an answer, two counts within | {layer:.2f} | |")
    lines += [f"| {name} | {value:,.0f} | **{layer / value:.4f}** is the layer |" for name, value in requests.items()]
    return "\n".join(lines)


def main(given: list[str]) -> int:
    """0 where a count takes less than its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--keep", action="store_true", help="write the table into bench/README.md")
    options = parser.parse_args(given)
    counts, layer, requests = measure(options)
    text = table(counts, layer, requests)
    print(text)
    if options.keep:
        keep("meter", text)
    return 1 if max(counts.values()) >= BOUND else 0
