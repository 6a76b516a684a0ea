"""What the pages show, made from entities: rows, map features, the schematic base map, chart series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import quote

from kumihimo.base import times
from kumihimo.platform.access.rows import all_of
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import EVERY_ROW, NO_ATTRIBUTES, Grant, Query, Restriction
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.models import Level, Thresholds, level_name
from kumihimo.solutions.flood.tenants import town_name
from kumihimo.solutions.flood.thresholds import HOUR, level_of
from kumihimo.solutions.flood.words import words

CREDITS = {entities.RIVER_CREDIT: "flood.credit.river", entities.RAIN_CREDIT: "flood.credit.rain"}
"""The words for a data provider that the wing itself names."""

STALE = 3 * HOUR
"""A gauge whose newest reading is this much older than that of the middle gauge is shown as stale."""


@dataclass(frozen=True, slots=True)
class GaugeRow:
    """One gauge as it stands; height in metres, at in microseconds, level None where it has no thresholds."""

    number: str
    id: str
    name: str
    river: str
    town: str
    address: str
    responsible: str
    thresholds: Thresholds
    lon: float
    lat: float
    height: float | None
    at: int | None
    level: int | None
    stale: bool
    sea_level: bool
    zero: float | None
    credit: str
    source: str
    training: bool = False

    def label(self, lang: str) -> str:
        """Height and level in words; a training gauge says that it is one."""
        training = "" if not self.training else "訓練 " if lang == "ja" else "training: "
        if self.height is None:
            return training + ("観測値なし" if lang == "ja" else "no reading")
        if self.level is None:
            return f"{training}{self.height:.2f} m"
        return f"{training}{self.height:.2f} m {level_name(self.level, lang)}"

    def to_next(self) -> float | None:
        """Metres to the next higher threshold, None at the highest or where there is no reading."""
        above = [limit for _, limit in self.thresholds.known() if self.height is not None and limit > self.height]
        return round(above[0] - self.height, 2) if above and self.height is not None else None


async def docs_of(broker: Broker, tenant: str, kind: str, grant: Grant, ids: tuple[str, ...] = ()) -> list[EntityDoc]:
    """All entities of a type, or those of these ids, as they may be seen."""
    query = Query(grant.restriction, grant.visible, types=kind, ids=ids, limit=1000)
    return await broker.find_all(tenant, query)


async def gauges_of(broker: Broker, tenant: str, grant: Grant, ids: tuple[str, ...] = ()) -> list[EntityDoc]:
    """The gauges as they may be seen. One of which a threshold is hidden shows none: by those that are left, its river
    would stand at a lower level than it does.
    """
    docs, limits = await docs_of(broker, tenant, entities.GAUGE, grant, ids), tuple(entities.THRESHOLDS.values())
    rows = all_of(map(grant.visible.where, limits))
    if rows == EVERY_ROW or not docs:
        return docs
    judged = Grant(Restriction(all_of((grant.restriction.rows, rows))), NO_ATTRIBUTES)
    whole = {doc["id"] for doc in await docs_of(broker, tenant, entities.GAUGE, judged, ids)}
    return [doc if doc["id"] in whole else _without(doc, limits) for doc in docs]


def _without(doc: EntityDoc, names: Sequence[str]) -> EntityDoc:
    attrs = {name: instances for name, instances in doc["attrs"].items() if name not in names}
    return cast("EntityDoc", {**doc, "attrs": attrs})


def said(row: GaugeRow, lang: str) -> GaugeRow:
    """The row as a reader of this language sees it: towns by their name in Latin letters, the training gauge and the
    credits in words of ours. Gauges and rivers keep the source's names.
    """
    if not row.training:
        return replace(row, town=town_name(row.town, lang), credit=_credit(row.credit, lang))
    t = words(lang)
    return replace(
        row,
        name=t("flood.training.name"),
        river=t("flood.training.river"),
        address=t("flood.training.address"),
        town=town_name(row.town, lang),
        credit=t("flood.credit.training"),
    )


def credit(doc: EntityDoc, lang: str) -> str:
    """The provider of an entity's data in the reader's language, where it is one that the wing names."""
    return _credit(entities.text_at(doc, entities.PROVIDER), lang)


def _credit(provider: str, lang: str) -> str:
    return words(lang)(CREDITS[provider]) if provider in CREDITS else provider


def gauge_rows(docs: Sequence[EntityDoc]) -> list[GaugeRow]:
    """Rows of the gauges with a position: highest level first, then nearest to the next one, then by name."""
    moments = sorted(at for doc in docs if (at := _observed(doc)) is not None)
    # The middle one, so that a single reading with a strange moment makes no other gauge look old.
    usual = moments[len(moments) // 2] if moments else 0
    rows = [row for doc in docs if (row := _row(doc, usual)) is not None]
    return sorted(rows, key=_rank)


def counts(rows: Sequence[GaugeRow]) -> list[tuple[int | None, int]]:
    """How many gauges stand at each level, highest first, then those without thresholds; training gauges left out."""
    real = [row for row in rows if not row.training]
    levels: tuple[int | None, ...] = (*reversed([int(level) for level in Level]), None)
    return [(level, sum(row.level == level for row in real)) for level in levels]


def _rank(row: GaugeRow) -> tuple[int, float, str]:
    to_next = row.to_next()
    return (-1 if row.level is None else row.level) * -1, math.inf if to_next is None else to_next, row.name


def _observed(doc: EntityDoc) -> int | None:
    level = entities.instance_of(doc, entities.LEVEL)
    return times.micros(times.parse(level["observedAt"])) if level and "observedAt" in level else None


def _row(doc: EntityDoc, usual: int) -> GaugeRow | None:
    place = entities.place_of(doc)
    if place is None:
        return None
    height, at = entities.number_at(doc, entities.LEVEL), _observed(doc)
    thresholds = entities.thresholds_of(doc)
    training = entities.value_of(doc, entities.SIMULATED) is True
    return GaugeRow(
        number=entities.number_of(doc["id"]),
        id=doc["id"],
        name=entities.text_at(doc, entities.NAME) or doc["id"],
        river=entities.text_at(doc, entities.RIVER),
        town=entities.address_of(doc, "addressLocality"),
        address=entities.address_of(doc, "streetAddress"),
        responsible=entities.text_at(doc, entities.RESPONSIBLE),
        thresholds=thresholds,
        lon=place[0],
        lat=place[1],
        height=height,
        at=at,
        level=int(level_of(height, thresholds)) if thresholds.known() and height is not None else None,
        stale=not training and (at is None or usual - at > STALE),
        sea_level=entities.text_at(doc, entities.REFERENCE) == "sea level",
        zero=entities.number_at(doc, entities.ZERO),
        credit=entities.text_at(doc, entities.PROVIDER),
        source=entities.text_at(doc, entities.SOURCE),
        training=training,
    )


def map_of(rows: Sequence[GaugeRow], tenant: str, lang: str) -> dict[str, Any]:
    """The gauges as GeoJSON, the form that km-map takes."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [row.lon, row.lat]},
                "properties": {
                    "id": row.id,
                    "name": row.name,
                    "level": row.level,
                    "label": row.label(lang),
                    "href": f"/t/{tenant}/flood/gauges/{quote(row.number, safe='')}",
                    "stale": row.stale,
                },
            }
            for row in rows
        ],
    }


# --- charts ----------------------------------------------------------------------------------------------


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle distance between two (lon, lat) in degrees, in kilometres."""
    lon1, lat1, lon2, lat2 = (math.radians(value) for value in (*one, *other))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371.0 * math.asin(math.sqrt(half))


def nearest(place: tuple[float, float], stations: Sequence[EntityDoc]) -> tuple[EntityDoc, float] | None:
    """The nearest station and its distance in km."""
    found = [(doc, distance_km(place, at)) for doc in stations if (at := entities.place_of(doc)) is not None]
    return min(found, key=lambda pair: pair[1], default=None)


Points = Sequence[tuple[int, Any]]


def chart_of(row: GaugeRow, levels: Points, rain: Points, rain_name: str, lang: str) -> dict[str, Any]:
    """The form that km-chart takes: the level as a line, rain as bars, the gauge's own thresholds."""
    words = ("水位", f"雨量 {rain_name}") if lang == "ja" else ("Water level", f"Rain {rain_name}")
    series = [{"label": words[0], "unit": "m", "kind": "line", "points": _seconds(levels)}]
    if rain:
        series.append({"label": words[1], "unit": "mm/h", "kind": "bar", "points": _seconds(rain)})
    marks = [
        {"label": level_name(level, lang), "value": height, "level": int(level)}
        for level, height in row.thresholds.known()
    ]
    return {"series": series, "thresholds": marks}


def _seconds(points: Points) -> list[list[float]]:
    return [[at // 1_000_000, value] for at, value in points if entities.is_number(value)]


def threshold_rows(thresholds: Thresholds) -> list[tuple[int, float | None]]:
    """All four levels with the gauge's height for each, None where it has none, highest first."""
    return [(int(level), thresholds.height(level)) for level in reversed(Level) if level is not Level.NORMAL]
