"""The developer's view of the data: entities by type, one entity with its history and the curl that fetches it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.base.jsontext import dumps
from kumihimo.base.screens import Ask, Document, Page, Screen
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.broker.models import Query
from kumihimo.platform.jsonld.models import NGSI_LD, EntityDoc
from kumihimo.platform.jsonld.render import Rendering, render_entity
from kumihimo.service.console.curl import create_entity, get_entity
from kumihimo.service.console.doors import Doors
from kumihimo.service.console.values import Line, is_number, lines_of
from kumihimo.service.console.words import OWN_PACKAGE

PAGE_SIZE = 50
SPANS = (1, 3, 7, 30)
ROWS = 48
EXAMPLE = {
    "id": "urn:ngsi-ld:WaterLevelObserved:example-1",
    "type": "WaterLevelObserved",
    "name": {"type": "Property", "value": "見本の水位計"},
    "waterLevel": {"type": "Property", "value": 1.25, "unitCode": "MTR", "observedAt": "2026-01-01T00:00:00Z"},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.22, 36.06]}},
}


def entity_screens(doors: Doors) -> list[Screen]:
    """The list, the entity's page, and the points of its charts."""
    pages = _Entities(doors)
    return [
        Screen(
            "/entities", pages.list, nav="nav.entities", order=900, package=OWN_PACKAGE, needs="read", is_public=True
        ),
        Screen("/entity-map", pages.map, package=OWN_PACKAGE, needs="read", is_public=True),
        Screen("/entity-points", pages.points, package=OWN_PACKAGE, needs="read", is_public=True),
        Screen("/entities/{id:path}", pages.one, package=OWN_PACKAGE, needs="read", is_public=True),
    ]


class _Entities:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def _query(self, ask: Ask, grant: Grant) -> Query:
        chosen, search = ask.query.get("type", ""), _search(ask)
        return Query(
            restriction=grant.restriction,
            visible=grant.visible,
            types=self._doors.context.expand_type(chosen) if chosen else None,
            id_pattern=_containing(search) if search else "",
            limit=PAGE_SIZE,
            after=ask.query.get("after", ""),
            count=True,
        )

    async def map(self, ask: Ask) -> Document:
        """The points of the rows of a page of the list, as GeoJSON (RFC 7946); those without a point are left out."""
        grant = await self._doors.access.decide(ask.call, "read")
        found = await self._doors.broker.find(ask.tenant, self._query(ask, grant))
        features = [self._feature(ask, doc) for doc in found.entities if _point(doc)]
        return Document(dumps({"type": "FeatureCollection", "features": features}), "application/geo+json")

    def _feature(self, ask: Ask, doc: EntityDoc) -> dict[str, Any]:
        row = self._row(doc)
        properties = {
            "id": doc["id"],
            "name": row["name"] or doc["id"].rpartition(":")[2],
            "level": None,
            "label": ", ".join(row["types"]),
            "href": f"/t/{ask.tenant}/entities/{quote(doc['id'])}",
            "stale": False,
        }
        return {"type": "Feature", "geometry": _point(doc), "properties": properties}

    async def list(self, ask: Ask) -> Page:
        """Entities of a type or with a text in their id."""
        grant = await self._doors.access.decide(ask.call, "read")
        context = self._doors.context
        chosen, search = ask.query.get("type", ""), _search(ask)
        found = await self._doors.broker.find(ask.tenant, self._query(ask, grant))
        types = [
            (context.compact(name), count)
            for name, _, count in await self._doors.broker.types(ask.tenant, grant.restriction, grant.visible)
        ]
        data = {
            "types": sorted(types),
            "chosen": chosen,
            "search": search,
            "total": found.total,
            "rows": [self._row(doc) for doc in found.entities],
            "located": any(_point(doc) for doc in found.entities),
            "more": urlencode({"type": chosen, "q": search, "after": found.after}) if found.after else "",
            "here": urlencode({"type": chosen, "q": search, "after": ask.query.get("after", "")}),
            "example": create_entity(ask.base_url, ask.tenant, EXAMPLE, needs_key=bool(ask.person)),
        }
        return Page(f"{OWN_PACKAGE}:entities.html", "entities.title", data)

    def _row(self, doc: EntityDoc) -> dict[str, Any]:
        lines = lines_of(doc, self._doors.context.compact)
        moments = [line.observed_at for line in lines if line.observed_at]
        return {
            "id": doc["id"],
            "types": [self._doors.context.compact(name) for name in doc["type"]],
            "name": next((line.value for line in lines if line.name in ("name", "title")), ""),
            "observed_at": max(moments, default=""),
            "attributes": len(doc.get("attrs", {})),
        }

    async def one(self, ask: Ask) -> Page:
        """One entity: its values, the history of one of them, its JSON-LD and the command that fetches it."""
        grant = await self._doors.access.decide(ask.call, "read")
        doc = await self._get(ask, ask.path["id"], grant)
        context = self._doors.context
        lines = lines_of(doc, context.compact)
        charts = list(dict.fromkeys(line.name for line in lines if line.numeric and line.observed_at))
        attribute = ask.query.get("attribute", "")
        attribute = attribute if attribute in charts else next(iter(charts), "")
        days = _days(ask)
        line = next((one for one in lines if one.name == attribute), None)
        points = await self._points(ask, doc["id"], line, days) if line else []
        document = render_entity(doc, Rendering(context))
        data = {
            "id": doc["id"],
            "types": [context.compact(name) for name in doc["type"]],
            "lines": lines,
            "charts": charts,
            "attribute": attribute,
            "unit": line.unit if line else "",
            "days": days,
            "spans": SPANS,
            "points": points[-ROWS:][::-1],
            "count": len(points),
            "points_query": urlencode({"id": doc["id"], "attribute": attribute, "days": days}),
            "document": json.dumps({**document, "@context": context.source}, ensure_ascii=False, indent=2),
            "command_text": get_entity(ask.base_url, ask.tenant, doc["id"], context, needs_key=bool(ask.person)),
        }
        title = next((one.value for one in lines if one.iri.endswith("/name") or one.name == "name"), doc["id"])
        return Page(f"{OWN_PACKAGE}:entity.html", title, data, live=(doc["id"],))

    async def points(self, ask: Ask) -> Document:
        """The chart's JSON."""
        grant = await self._doors.access.decide(ask.call, "read")
        doc = await self._get(ask, ask.query.get("id", ""), grant)
        name = ask.query.get("attribute", "")
        lines = lines_of(doc, self._doors.context.compact)
        line = next((one for one in lines if one.name == name and one.numeric), None)
        if line is None:
            raise ResourceNotFound(f"{doc['id']} has no number in {name[:64]!r}")
        points = await self._points(ask, doc["id"], line, _days(ask))
        series = {
            "label": name,
            "unit": line.unit,
            "kind": "line",
            "points": [[at / 1_000_000, value] for at, value in points],
        }
        return Document(dumps({"series": [series], "thresholds": []}), "application/json")

    async def _get(self, ask: Ask, entity_id: str, grant: Grant) -> EntityDoc:
        doc = await self._doors.broker.get(ask.tenant, entity_id, grant.restriction, grant.visible)
        if doc is None:
            raise ResourceNotFound(f"there is no entity {entity_id[:200]!r}")
        return doc

    async def _points(self, ask: Ask, entity_id: str, line: Line, days: int) -> Sequence[tuple[int, Any]]:
        """The days that end with the newest value: recorded time may lie years before today (decision 5)."""
        end = times.micros(times.parse(line.observed_at)) if line.observed_at else times.micros(self._doors.clock.now())
        start = end - timedelta(days=days) // timedelta(microseconds=1)
        found = await self._doors.history.points(ask.tenant, entity_id, line.iri, start, end + 1)
        return [(at, value) for at, value in found if is_number(value)]


def _search(ask: Ask) -> str:
    return ask.query.get("q", "").strip()[:200]


def _point(doc: EntityDoc) -> dict[str, Any] | None:
    for instance in doc.get("attrs", {}).get(NGSI_LD + "location", ()):
        value = instance.get("value")
        if isinstance(value, dict) and value.get("type") == "Point":
            return value
    return None


def _days(ask: Ask) -> int:
    try:
        days = int(ask.query.get("days", "3"))
    except ValueError as problem:
        raise BadRequestData("days is no whole number") from problem
    return days if days in SPANS else SPANS[1]


def _containing(text: str) -> str:
    """A pattern (RE2 subset) of ids that hold this text."""
    return ".*" + re.sub(r"([.^$*+?()\[\]{}|\\])", r"\\\1", text) + ".*"
