"""Run 4, notifications: writes in an open loop, each with the moment at which it was due; the latency is from that
moment to the arrival. For one subscription to a type and for one per entity; then beside an endpoint that hangs, and
with a restart of the platform in the middle.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from functools import partial

import load
import openloop
from measures import ENTITIES, ROOT, Extent, Measure, Refused, Sample, Stage, Target, compact, quantiles, request, right
from sink import Sink

SUBSCRIPTIONS = f"{ROOT}/subscriptions"
PATIENCE = 30.0
"""Seconds after the last write that a notification may take."""
RATE = 200
"""Writes per second beside a hanging endpoint and over a restart."""


def timed(kind: str, number: int) -> dict[str, object]:
    """An entity with nothing but the moment of its last write."""
    return {"id": f"urn:ngsi-ld:{kind}:{number:04d}", "type": kind, "senttime": {"type": "Property", "value": 0}}


def subscription(name: str, port: int, entities: dict[str, str]) -> dict[str, object]:
    """A subscription to senttime, sent to this port as key-values."""
    return {
        "id": f"urn:ngsi-ld:Subscription:bench-{name}",
        "type": "Subscription",
        "entities": [entities],
        "watchedAttributes": ["senttime"],
        "notification": {"endpoint": {"uri": f"http://127.0.0.1:{port}/"}, "format": "keyValues"},
    }


class Run:
    """The stages, with the one sink that all notifications go to."""

    def __init__(self, extent: Extent) -> None:
        self.extent = extent.shorter
        self.sink = Sink()
        self.sink.start()

    def stages(self) -> Iterator[Stage]:
        rate = min(RATE, max(self.extent.rates))
        of_type, of_each = "one subscription to a type", f"{self.extent.each:,} subscriptions to one entity each"
        yield Stage(self.rated("TimedByType", of_type), prepare=partial(self.prepare, "TimedByType", 1))
        hung = partial(self.beside_a_hang, "TimedByType", rate)
        yield Stage([Measure(f"{of_type}, {rate} writes/s, another endpoint hangs", "ms", hung, at_once=False)])
        again = partial(self.over_a_restart, "TimedByType", rate)
        yield Stage([Measure(f"{of_type}, {rate} writes/s, restart in the middle", "ms", again, peers=False, rounds=1)])
        each = partial(self.prepare, "TimedEach", self.extent.each)
        yield Stage(self.rated("TimedEach", of_each), prepare=each)

    def rated(self, kind: str, what: str) -> list[Measure]:
        return [
            Measure(f"{what}, {rate} writes/s", "ms", partial(self.latency, kind, rate), at_once=False)
            for rate in self.extent.rates
        ]

    def prepare(self, kind: str, subscriptions: int, target: Target) -> None:
        """The entities, and one subscription to their type or one to each of them; returns once all is quiet."""
        target.upsert([timed(kind, number) for number in range(self.extent.each)])
        wanted = (
            [{"type": kind}]
            if subscriptions == 1
            else [{"type": kind, "id": f"urn:ngsi-ld:{kind}:{number:04d}"} for number in range(subscriptions)]
        )
        made = [subscription(f"{kind}-{number}", self.sink.port, one) for number, one in enumerate(wanted)]
        if target.platform is None:  # a peer may still have those of an earlier run, with another sink
            old = [request("DELETE", f"{SUBSCRIPTIONS}/{one['id']}") for one in made]
            load.once(target.port, old, host=target.host)
        target.send([request("POST", SUBSCRIPTIONS, compact(one)) for one in made])
        time.sleep(1)  # whether a broker tells of what it finds at once, and how often, is its own affair

    def latency(self, kind: str, rate: int, target: Target) -> Sample:
        """The median, in ms; the note says how many of the acknowledged writes arrived, and how soon."""
        sent = openloop.run(
            target.port, partial(self.write, kind, target), rate=rate, seconds=self.extent.seconds, host=target.host
        )
        if sent.lost:
            raise Refused(f"{sent.lost} writes were not answered")
        return self.account(sent)

    def write(self, kind: str, target: Target, number: int, moment: int) -> bytes:
        path = f"{ENTITIES}/urn:ngsi-ld:{kind}:{number % self.extent.each:04d}/attrs"
        return target.signed(request("POST", path, compact({"senttime": {"type": "Property", "value": moment}})))

    def account(self, sent: openloop.Sent, note: str = "") -> Sample:
        """What arrived of what was acknowledged; Refused where a write was, or where something stayed out."""
        if sent.refusal:
            right(load.Result(wrong=1, refusal=sent.refusal))
        due = [float(moment) for moment in sent.acknowledged]
        until = time.monotonic() + PATIENCE
        while any(moment not in self.sink.arrivals for moment in due) and time.monotonic() < until:
            time.sleep(0.02)
        took = [self.sink.arrivals[moment] - moment / 1e6 for moment in due if moment in self.sink.arrivals]
        if len(took) < len(due):
            raise Refused(f"delivered {len(took)}/{len(due)} within {PATIENCE:g} s")
        acknowledged = sorted(sent.acknowledged.values())[len(due) // 2] * 1000
        said = f"delivered {len(took)}/{len(due)}, {quantiles(took)}, acknowledged in {acknowledged:.1f} ms{note}"
        return Sample(sorted(took)[len(took) // 2] * 1000, said)

    def beside_a_hang(self, kind: str, rate: int, target: Target) -> Sample:
        """As `latency`, while a second subscription to the same writes has an endpoint that never answers."""
        with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
            body = subscription("hangs", silent.getsockname()[1], {"type": kind})
            target.ask("POST", SUBSCRIPTIONS, body)
            try:
                return self.latency(kind, rate, target)
            finally:
                target.ask("DELETE", f"{SUBSCRIPTIONS}/{body['id']}")

    def over_a_restart(self, kind: str, rate: int, target: Target) -> Sample:
        """As `latency`, while the platform is ended and started again; only acknowledged writes are due."""
        platform = target.platform
        assert platform
        away: list[float] = []

        def restart() -> None:
            began = time.perf_counter()
            platform.stop()
            platform.start()
            away.append(time.perf_counter() - began)

        timer = threading.Timer(self.extent.seconds / 2, restart)
        timer.start()
        seconds = self.extent.seconds * 3
        write = partial(self.write, kind, target)
        sent = openloop.run(target.port, write, rate=rate, seconds=seconds, host=target.host)
        timer.join()
        before = self.sink.doubled
        sample = self.account(sent)
        doubled = self.sink.doubled - before
        return Sample(
            sample.value,
            f"{sample.note}; away {away[0]:.1f} s, {sent.lost} writes found nobody, {doubled} arrived twice",
        )


def stages(extent: Extent) -> Iterator[Stage]:
    """The stages of this run."""
    return Run(extent).stages()
