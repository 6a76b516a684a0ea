"""A season to be played: real reports of one town, and devices that were never there.

Real are the days, times, places and animals of the reports (Hakusan, autumn of 2024, as published). Simulated, and said
so on every entity: that a sensor stood near, saw the animal at the reported minute and once or twice more right after,
which traps closed, and what hunters and farmers reported. What is drawn by lot is always drawn the same.
"""

from __future__ import annotations

import random
import re
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.base.jsontext import dumps
from kumihimo.device.simulate.player import Step
from kumihimo.solutions.wildlife.devices import Site
from kumihimo.solutions.wildlife.entities import BEAR
from kumihimo.solutions.wildlife.incidents import read_all
from kumihimo.solutions.wildlife.models import Incident, together
from kumihimo.solutions.wildlife.moments import micros_of
from kumihimo.solutions.wildlife.patrol import km
from kumihimo.solutions.wildlife.risk import cell_of

TOWN, TENANT = "白山市", "hakusan-city"
TENANT_NAME = {"ja": "白山市", "en": "Hakusan City"}
FIRST, LAST = date(2024, 10, 1), date(2024, 11, 30)
SENSORS, TRAPS = 14, 8
GUEST = "play-"
"""Before the numbers of devices in a town that has others of its own, perhaps."""

SEES_KM = 3.0
"""A report further than this from every sensor is one that no sensor saw."""

MINUTE = 60_000_000
_HOUSES = re.compile("住宅|民家|市街|学校|団地|自宅|公民館|集落|道の駅")


@dataclass(frozen=True, slots=True)
class Said:
    """A report from the field: the fields of the form (reports.report_of), sent at `at`."""

    at: int
    form: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Season:
    """What is played. past: the town's incidents before the season; coming: those of the season, each an incident that
    becomes known at its moment; steps: what devices send; said: what people report. Moments in microseconds.
    """

    sites: tuple[Site, ...]
    past: tuple[Incident, ...]
    coming: tuple[Incident, ...]
    steps: tuple[Step, ...]
    said: tuple[Said, ...]
    start: int
    end: int


def load(area: Sequence[float] | None = None) -> Season:
    """Reads the shipped files and makes the season: that of TOWN, or of what was reported between west, south, east and
    north (degrees). BadRequestData for an area in which too little was reported to place anything.
    """
    known = [one for one in together(read_all()) if one.day <= LAST]
    town = [one for one in known if (one.town == TOWN if area is None else _lies_in(one, area))]
    past = [one for one in town if one.day < FIRST]
    coming = [one for one in town if one.day >= FIRST and one.at is not None]
    if not past or not coming:
        raise BadRequestData(
            f"the recorded season has nothing to play here: {len(past)} reports before it and {len(coming)} in it lie"
            " in the area; the reports are those of Ishikawa Prefecture, so give an area in it that is large enough"
        )
    draw = random.Random(2024)  # noqa: S311 - a play, no secret
    sites = _sites(past, "" if area is None else GUEST)
    detections = _detections(coming, [site for site in sites if site.kind == "sensor"], draw)
    closings = _closings([site for site in sites if site.kind == "trap"], draw)
    steps = [*detections, *(step for closing in closings for step in closing[0])]
    said = [said for closing in closings for said in closing[1]]
    return Season(
        tuple(sites),
        tuple(past),
        tuple(coming),
        tuple(sorted(steps, key=lambda step: step.at)),
        tuple(sorted([*said, *_damage(sites, draw)], key=lambda one: one.at)),
        micros_of(FIRST, 0),
        micros_of(LAST, 24 * 60),
    )


def _lies_in(one: Incident, area: Sequence[float]) -> bool:
    west, south, east, north = area
    return west <= one.lon <= east and south <= one.lat <= north


def _sites(past: Sequence[Incident], prefix: str) -> list[Site]:
    """Sensors where most was reported before the season, each with a light; a siren for each second one; traps."""
    by_cell: dict[str, list[Incident]] = {}
    for one in past:
        by_cell.setdefault(cell_of(one.lon, one.lat), []).append(one)
    most = sorted(by_cell.values(), key=lambda found: (-len(found), found[0].id))[:SENSORS]
    sites: list[Site] = []
    for number, found in enumerate(most, 1):
        name = f"{prefix}{number}"
        area = _area(found)
        lon = round(sum(one.lon for one in found) / len(found), 5)
        lat = round(sum(one.lat for one in found) / len(found), 5)
        beside = any(_HOUSES.search(one.note) for one in found)
        place = (area, lon, lat, beside)
        sites.append(Site("sensor", name, f"{area} 検知センサー{number}（模擬）", *place))
        sites.append(Site("light", name, f"{area} 追い払いライト{number}（模擬）", *place))
        if number % 2:
            sites.append(Site("siren", name, f"{area} サイレン{number}（模擬）", *place))
        if number <= TRAPS:
            sites.append(
                Site(
                    "trap",
                    name,
                    f"{area} 箱わな{number}（模擬）",
                    area,
                    round(lon + 0.003, 5),
                    round(lat - 0.002, 5),
                )
            )
    return sites


def _area(found: Sequence[Incident]) -> str:
    names = Counter(one.settlement or re.sub(r"地内.*|町内.*|[ 　].*", "", one.place) for one in found)
    return max(names, key=lambda name: (names[name], name)) or found[0].town


def _detections(coming: Sequence[Incident], sensors: Sequence[Site], draw: random.Random) -> list[Step]:
    """The nearest sensor sees each animal at the reported minute, and again; a second one near by may see it too."""
    steps = []
    for one in coming:
        near = sorted(sensors, key=lambda site: km((site.lon, site.lat), (one.lon, one.lat)))
        if one.at is None or one.kind == "trace" or km((near[0].lon, near[0].lat), (one.lon, one.lat)) > SEES_KM:
            continue
        for again in range(draw.randint(1, 3)):
            seconds = 0 if not again else draw.randint(60, 100) * again
            steps.append(_seen(near[0], one.at + seconds * 1_000_000, round(draw.uniform(0.55, 0.97), 2)))
    return steps


def _seen(site: Site, at: int, sure: float) -> Step:
    body = {"species": BEAR, "confidence": sure, "observedAt": times.text(times.from_micros(at))}
    return Step(at, site.device_id, "mqtt", dumps(body))


def _closings(traps: Sequence[Site], draw: random.Random) -> list[tuple[list[Step], list[Said]]]:
    """Traps for boars: a round of visits every second day; some nights one closes, and by day somebody comes."""
    found: list[tuple[list[Step], list[Said]]] = []
    for shift in range((LAST - FIRST).days):
        day = FIRST + timedelta(days=shift)
        closed = traps[draw.randrange(len(traps))] if draw.random() < 0.25 else None
        if closed is not None:
            found.append(_closing(closed, day, draw))
        if shift % 2:
            found += [([], [_visit(site, day, draw, "nothing")]) for site in traps if site is not closed]
    return found


def _closing(site: Site, day: date, draw: random.Random) -> tuple[list[Step], list[Said]]:
    at = micros_of(day, draw.randint(60, 5 * 60))
    caught = draw.random() < 0.75
    visit = _visit(site, day, draw, "caught" if caught else "sprung")
    said = [visit]
    if caught:
        form = {"kind": "catch", "species": "Sus scrofa", "count": str(draw.choice((1, 1, 1, 2)))}
        said.append(Said(visit.at + 5 * MINUTE, _form(draw, visit.at + 5 * MINUTE, {**form, "trap": site.entity_id})))
    opened = visit.at + 20 * MINUTE
    return [_switch(site, at, closed=True), _switch(site, opened, closed=False)], said


def _switch(site: Site, at: int, *, closed: bool) -> Step:
    return Step(at, site.device_id, "mqtt", dumps({"closed": closed, "observedAt": times.text(times.from_micros(at))}))


def _visit(site: Site, day: date, draw: random.Random, found: str) -> Said:
    at = micros_of(day, draw.randint(7 * 60, 9 * 60))
    return Said(at, _form(draw, at, {"kind": "visit", "trap": site.entity_id, "found": found}))


def _damage(sites: Sequence[Site], draw: random.Random) -> list[Said]:
    """Less damage as the season goes on, as the rice is brought in."""
    found = []
    sensors = [site for site in sites if site.kind == "sensor"]
    for shift in sorted(draw.sample(range(40), 12)):
        site, at = draw.choice(sensors), micros_of(FIRST + timedelta(days=shift), draw.randint(6 * 60, 17 * 60))
        form = {
            "kind": "damage",
            "species": "Sus scrofa",
            "crop": draw.choice(("稲", "サツマイモ", "カキ", "クリ")),
            "area": str(draw.randint(2, 60) * 10),
            "lon": str(site.lon),
            "lat": str(site.lat),
        }
        found.append(Said(at, _form(draw, at, form)))
    return found


def _form(draw: random.Random, at: int, fields: Mapping[str, str]) -> dict[str, str]:
    number = uuid.UUID(int=draw.getrandbits(128), version=4)
    note = "模擬の報告 / simulated"
    return {**fields, "id": str(number), "at": times.text(times.from_micros(at)), "note": note}
