"""Run 3, query: entities of 1,188 bytes at growing numbers, then series of growing length.

The questions are `type&q=a>x;b==y` and a relationship, each for a page of 20 over ten connections.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from measures import (
    ENTITIES,
    ROOT,
    Extent,
    Measure,
    Refused,
    Sample,
    Stage,
    Target,
    closed,
    compact,
    quantiles,
    request,
)

SIZE = 1_188
TYPES = 5
BASINS = 10
PAGE = 20
CONNECTIONS = 10
TEMPORAL = f"{ROOT}/temporal/entities"
START = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 10_000
"""Instances in one request: the most that stays well below the largest body."""
BOUND = 200.0
"""Milliseconds that four figures of 10,000 points in periods of five minutes may take, on one core."""
ASKED = "timerel=after&timeAt=2026-01-01T00:00:00Z&format=aggregatedValues"


def station(number: int) -> dict[str, object]:
    """1,188 bytes as JSON: three texts, two readings of two datasets each, a sub-attribute, a relationship, a Point."""
    turn = number // TYPES
    made: dict[str, object] = {
        "id": f"urn:ngsi-ld:Station:{number:06d}",
        "type": f"Station{number % TYPES}",
        "name": text(f"水位観測所 {number}"),
        "quality": text(("good", "poor")[turn % 2]),
        "level": readings(turn * 7 % 100, accuracy={"type": "Property", "value": 0.01}),
        "flow": readings(turn * 3 % 100),
        "basin": {"type": "Relationship", "object": f"urn:ngsi-ld:Basin:{turn % BASINS}"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.2 + turn / 1e5, 36.0625]}},
        "description": text(""),
    }
    made["description"] = text("." * (SIZE - len(compact(made))))
    return made


def text(value: str) -> dict[str, str]:
    """A Property that is a text."""
    return {"type": "Property", "value": value}


def readings(value: int, **beside: object) -> list[dict[str, object]]:
    """One reading as it came, and as somebody checked it."""
    shared = {"type": "Property", "unitCode": "MTR", "observedAt": "2026-06-24T03:00:00Z"}
    return [
        {**shared, "value": value, "datasetId": "urn:ngsi-ld:Dataset:raw", **beside},
        {**shared, "value": value, "datasetId": "urn:ngsi-ld:Dataset:checked"},
    ]


def stages(extent: Extent, at_full: Sequence[Measure] = ()) -> Iterator[Stage]:
    """A stage for each number of entities, then one for each number of instances.

    at_full: measures of the footprint, taken as soon as all entities are there.
    """
    there, brief = 0, extent.shorter
    for size in extent.entities:
        fill = partial(grow, start=there, end=size)
        if size == extent.entities[-1] and at_full:
            yield Stage(at_full, prepare=fill, run="footprint")
            fill = partial(grow, start=size, end=size)
        yield Stage(
            [
                Measure(f"type & q=level>x;quality==y at {size:,}", "1/s", closed(conditions(), CONNECTIONS, brief)),
                Measure(f"type & q=basin==urn at {size:,}", "1/s", closed(relationships(), CONNECTIONS, brief)),
            ],
            prepare=fill,
        )
        there = size
    for length in extent.instances:
        measures = [Measure(f"hourly mean of {length:,} instances", "ms", partial(figures, length, "avg", "PT1H"))]
        if length == CHUNK:
            four = partial(figures, length, "avg,min,max,totalCount", "PT5M")
            measures.append(Measure(f"four figures per PT5M of {length:,} instances", "ms", four, bound=BOUND))
        yield Stage(measures, prepare=partial(write_series, length=length))


def conditions() -> list[bytes]:
    """Pages of stations whose level is above a bound and whose quality is good: a quarter of their type."""
    return [
        request("GET", f"{ENTITIES}?type=Station{kind}&q=level%3E{bound};quality==%22good%22&limit={PAGE}")
        for bound in range(40, 60)
        for kind in range(TYPES)
    ]


def relationships() -> list[bytes]:
    """Pages of stations of one basin: a tenth of their type."""
    return [
        request("GET", f"{ENTITIES}?type=Station{kind}&q=basin==%22urn:ngsi-ld:Basin:{basin}%22&limit={PAGE}")
        for basin in range(BASINS)
        for kind in range(TYPES)
    ]


def grow(target: Target, start: int, end: int) -> None:
    """More stations, until there are so many; Refused where a question has not a full page then."""
    target.upsert([station(number) for number in range(start, end)])
    for asked in (conditions()[-1], relationships()[-1]):
        found = json.loads(target.send([asked]).last.partition(b"\r\n\r\n")[2])
        if len(found) != PAGE:
            raise Refused(f"a page of {PAGE} was asked for, {len(found)} entities came")


def series(start: int, end: int) -> list[dict[str, object]]:
    """Readings one minute apart."""
    return [
        {"type": "Property", "value": n % 50 + 0.5, "observedAt": f"{START + timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ}"}
        for n in range(start, end)
    ]


def write_series(target: Target, length: int) -> None:
    """A series of so many instances, of an entity of its own, written in parts."""
    name = f"urn:ngsi-ld:Gauge:{length}"
    target.ask("POST", TEMPORAL, {"id": name, "type": "Gauge", "level": series(0, min(CHUNK, length))})
    for start in range(CHUNK, length, CHUNK):
        target.ask("POST", f"{TEMPORAL}/{name}/attrs", {"level": series(start, start + CHUNK)})


def figures(length: int, methods: str, period: str, target: Target) -> Sample:
    """Milliseconds of these figures for each period of a series, one request at a time: the median of ten."""
    path = f"{TEMPORAL}/urn:ngsi-ld:Gauge:{length}?{ASKED}&aggrMethods={methods}&aggrPeriodDuration={period}"
    minutes = {"PT1H": 60, "PT5M": 5}[period]
    answer = json.loads(target.read(path))["level"]
    found = answer[0] if isinstance(answer, list) else answer
    if len(found["avg"]) != -(-length // minutes):
        raise Refused(f"{len(found['avg'])} periods came, {-(-length // minutes)} are there")
    latencies = target.send([request("GET", path)] * 10, connections=1).latencies
    return Sample(sorted(latencies)[5] * 1000, quantiles(latencies))
