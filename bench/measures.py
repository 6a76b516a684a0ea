"""What a run of `make bench BENCH_ARGS=--broker` is made of: stages of measures, each taken of every target in turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import load
from harness import Platform

ROOT = "/ngsi-ld/v1"
ENTITIES = f"{ROOT}/entities"
BATCH = 100


class Refused(Exception):
    """A target answered otherwise than 2xx, or a part of a batch was refused (207). Ours: the run ends with 1."""


@dataclass(frozen=True)
class Target:
    """Whom a run measures: ours, with its process, or a peer, of which only the address is known.

    key: what it is asked with, where it lets in no stranger.
    """

    name: str
    port: int
    host: str = "127.0.0.1"
    durability: str = ""
    platform: Platform | None = None
    key: str = ""

    def signed(self, request: bytes) -> bytes:
        """The request with the key, where there is one."""
        return (
            request.replace(b"\r\n", f"\r\nAuthorization: Bearer {self.key}\r\n".encode(), 1) if self.key else request
        )

    def send(self, requests: Iterable[bytes], connections: int = 4) -> load.Result:
        """Sends each request once; Refused where one was."""
        signed = [self.signed(one) for one in requests]
        return right(load.once(self.port, signed, connections=connections, host=self.host))

    def drive(self, requests: Sequence[bytes], connections: int, seconds: float) -> load.Result:
        """Sends them in turn for so many seconds; Refused where one was."""
        signed = [self.signed(one) for one in requests]
        return right(load.run(self.port, signed, connections=connections, seconds=seconds, host=self.host))

    def ask(self, method: str, path: str, body: object = None) -> load.Result:
        """One request with JSON; Refused where it was."""
        return self.send([request(method, path, b"" if body is None else compact(body))], connections=1)

    def read(self, path: str) -> bytes:
        """The body of one answer."""
        return self.send([request("GET", path)], connections=1).last.partition(b"\r\n\r\n")[2]

    def upsert(self, entities: Sequence[object]) -> load.Result:
        """Puts entities there, in batches of 100."""
        path = f"{ROOT}/entityOperations/upsert"
        return self.send(
            [
                request("POST", path, compact(entities[start : start + BATCH]))
                for start in range(0, len(entities), BATCH)
            ]
        )


@dataclass(frozen=True)
class Extent:
    """How long and how large: seconds of a measure after seconds of warm-up, the median of so many rounds."""

    rounds: int
    warm: float
    seconds: float
    entities: tuple[int, ...]
    instances: tuple[int, ...]
    rates: tuple[int, ...]
    each: int

    @property
    def shorter(self) -> Extent:
        """The same for runs of many lines: fewer seconds each."""
        return replace(self, warm=self.warm / 2, seconds=self.seconds * 0.6)

    def __str__(self) -> str:
        return f"{self.seconds:g} s after {self.warm:g} s of warm-up"


WHOLE = Extent(3, 2.0, 5.0, (1_000, 10_000, 100_000), (1_000, 10_000, 100_000), (100, 200, 500), 1_000)
QUICK = Extent(1, 0.2, 0.5, (1_000,), (1_000,), (100,), 20)


@dataclass(frozen=True)
class Sample:
    """One value of one measure, and what is said beside it."""

    value: float
    note: str = ""


@dataclass(frozen=True)
class Measure:
    """One line of the table. Less is better of time and room, more of all else; beyond its bound ours fails.

    at_once: whether two platforms can be asked at once; not where so much comes in a second as one of them can take.
    """

    what: str
    unit: str
    take: Callable[[Target], Sample]
    bound: float | None = None
    peers: bool = True
    rounds: int | None = None
    at_once: bool = True

    @property
    def less(self) -> bool:
        return self.unit in {"ms", "s", "MiB", "bytes"}


@dataclass(frozen=True)
class Stage:
    """Measures that stand on the same preparation; run is the name of the run in the table where it is another's."""

    measures: Sequence[Measure]
    prepare: Callable[[Target], object] = field(default=lambda _: None)
    run: str = ""


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as bytes; it says what it accepts, which some brokers need to hear."""
    return load.request(method, path, body, {"Accept": "application/json"})


def closed(requests: Sequence[bytes], connections: int, extent: Extent, *, each: int = 1) -> Callable[[Target], Sample]:
    """A measure's take: a closed loop; the value is requests (times each) per second, the note its latencies."""

    def take(target: Target) -> Sample:
        target.drive(requests, connections, extent.warm)
        result = target.drive(requests, connections, extent.seconds)
        return Sample(result.rate * each, quantiles(result.latencies))

    return take


def quantiles(latencies: Sequence[float]) -> str:
    """p50, p95 and p99 in ms, as the notes say them."""
    ordered = sorted(latencies) or [0.0]
    found = [ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 for part in (0.5, 0.95, 0.99)]
    return f"p50/p95/p99 {found[0]:.1f}/{found[1]:.1f}/{found[2]:.1f} ms"


def right(result: load.Result) -> load.Result:
    """The result itself; Refused where an answer was not 2xx, or 207."""
    if result.wrong:
        status, _, rest = result.refusal.partition(b"\r\n")
        body = rest.partition(b"\r\n\r\n")[2]
        raise Refused(f"{status.decode()} {body[:200].decode(errors='replace')}".strip())
    return result


def compact(body: object) -> bytes:
    """JSON without spaces, Japanese as it is."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
