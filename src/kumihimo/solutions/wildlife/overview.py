"""The wing's first page: what needs a decision, where bears are likely tonight, devices, notices; and the method."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.jsontext import dumps
from kumihimo.base.screens import Answer, Ask, Document, Page
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.alerts.models import Alert
from kumihimo.solutions.wildlife import entities, record
from kumihimo.solutions.wildlife.compare import TOP, TUNED_ON
from kumihimo.solutions.wildlife.demo import recorded_now
from kumihimo.solutions.wildlife.doors import WildlifeDoors
from kumihimo.solutions.wildlife.outlook import FEWEST, Outlook, cells_as_features, level_of, outlines, outlook
from kumihimo.solutions.wildlife.replay_pages import ReplayPages
from kumihimo.solutions.wildlife.risk import place_of
from kumihimo.solutions.wildlife.stage import Stage
from kumihimo.solutions.wildlife.watch import SOURCE
from kumihimo.solutions.wildlife.words import AUDIENCES, PACKAGE, species_name, words

GEOJSON = "application/geo+json"
FIRST_CELLS, NEWEST = 10, 10
LIVE = ("Alert", "WildlifeIncident", "WildlifeNotice", "WildlifeSensor", "WildlifeTrap", "WildlifeSiren")


class Overview:
    """/wildlife, its map, and /wildlife/method."""

    def __init__(self, doors: WildlifeDoors, stage: Stage) -> None:
        self._doors = doors
        self._stage = stage
        self._replay = ReplayPages(doors, stage)

    def now(self, tenant: str) -> int:
        """The moment that counts as now: recorded time where a season is played."""
        return recorded_now(self._stage.of(tenant), tenant, times.micros(self._doors.clock.now()))

    async def _docs(self, call: Call, kind: str) -> list[EntityDoc]:
        return await self._doors.docs(call.tenant, kind, await self._doors.rights(call))

    async def _outlook(self, call: Call) -> Outlook:
        docs = await self._docs(call, entities.INCIDENT)
        return await asyncio.to_thread(outlook, docs, self.now(call.tenant))

    async def _alerts(self, call: Call) -> list[Alert] | None:
        """The open ones, those that wait for a decision first; None for whoever does not see all of the tenant."""
        if not await self._doors.sees_all(call):
            return None
        found = await self._doors.alerts.list(call.tenant, state="open", source=SOURCE)
        return sorted(found, key=lambda one: one.verdict != "undecided")

    async def show(self, ask: Ask) -> Answer:
        """What needs a decision, the map of tonight, the likeliest cells, devices and notices."""
        found = await self._outlook(ask.call)
        data = {
            "alerts": await self._alerts(ask.call),
            "outlook": found,
            "cells": _cells(found, await self._docs(ask.call, entities.INCIDENT)),
            "fewest": FEWEST,
            "sites": await self._sites(ask),
            "notices": await self._notices(ask),
            **await self._replay.shown(ask.call),
        }
        return Page(f"{PACKAGE}:overview.html", "wildlife.title", data, live=LIVE)

    async def _sites(self, ask: Ask) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        states = ((entities.SENSOR, entities.DETECTED), (entities.TRAP, entities.CLOSED))
        for kind, attribute in (*states, (entities.SIREN, entities.STATE), (entities.LIGHT, entities.STATE)):
            found += [_site(doc, kind, attribute, ask.lang) for doc in await self._docs(ask.call, kind)]
        return sorted(found, key=lambda site: (-(site["at"] or 0), site["name"]))

    async def _notices(self, ask: Ask) -> list[dict[str, Any]]:
        docs = await self._docs(ask.call, entities.NOTICE)
        found = [
            {
                "title": _title(doc, ask.lang),
                "audience": [words(ask.lang)(f"wildlife.audience.{one}") for one in _audience(doc)],
                "at": entities.observed_at(doc, entities.SECONDS) or 0,
                "seconds": entities.value_of(doc, entities.SECONDS),
            }
            for doc in docs
        ]
        return sorted(found, key=lambda one: -one["at"])[:NEWEST]

    async def map_json(self, ask: Ask) -> Answer:
        """Raised cells, sensors and open alerts for km-map."""
        found = await self._outlook(ask.call)
        features = []
        if found.forecast is not None:
            features = cells_as_features(found.forecast, words(ask.lang)("wildlife.cell.label_plain"))
        features += [_alert(one, ask) for one in await self._alerts(ask.call) or () if one.content.location]
        return Document(dumps({"type": "FeatureCollection", "features": features}), GEOJSON)

    async def base_json(self, ask: Ask) -> Answer:
        """Outlines of all areas: the map loads them once, while what is likely changes."""
        found = await self._outlook(ask.call)
        features = [] if found.forecast is None else outlines(found.forecast)
        return Document(dumps({"type": "FeatureCollection", "features": features}), GEOJSON)

    async def method(self, ask: Ask) -> Answer:
        """How the map is made, and what came out of its comparison with the naive one."""
        del ask
        data = {"result": record.kept(), "top": TOP, "tuned": TUNED_ON}
        return Page(f"{PACKAGE}:method.html", "wildlife.method.title", data)


def _cells(found: Outlook, incidents: Sequence[EntityDoc]) -> list[dict[str, Any]]:
    forecast = found.forecast
    if forecast is None:
        return []
    names = _names(incidents)
    return [
        {
            "cell": cell,
            "level": level_of(forecast, cell),
            "chance": 100 * forecast.chance(cell),
            "place": place_of(cell),
            "name": names.get(cell, ""),
        }
        for cell in forecast.ranked()[:FIRST_CELLS]
    ]


def _names(incidents: Sequence[EntityDoc]) -> dict[str, str]:
    """How the place of the newest report in each area is called."""
    found: dict[str, tuple[int, str]] = {}
    for doc in incidents:
        cell, address = entities.text_at(doc, entities.CELL), entities.value_of(doc, entities.ADDRESS)
        name = address.get("streetAddress") if isinstance(address, dict) else None
        at = entities.observed_at(doc, entities.KIND) or 0
        if cell and isinstance(name, str) and name and (at, name) > found.get(cell, (-1, "")):
            found[cell] = (at, name)
    return {cell: name for cell, (_, name) in found.items()}


def _site(doc: EntityDoc, kind: str, attribute: str, lang: str) -> dict[str, Any]:
    value = entities.value_of(doc, attribute)
    t = words(lang)
    if kind == entities.TRAP:
        state = t("wildlife.trap.closed") if value is True else t("wildlife.trap.open") if value is False else ""
    elif kind == entities.SENSOR:
        state = species_name(value, lang) if isinstance(value, str) else ""
    elif kind == entities.LIGHT and value in ("on", "off"):
        state = t(f"wildlife.light.{value}")
    elif kind == entities.SIREN and isinstance(value, str) and value.partition(":")[0] in ("sounding", "silent"):
        state = t(f"wildlife.siren.{value.partition(':')[0]}")
    else:
        state = value if isinstance(value, str) else ""
    return {
        "id": doc["id"],
        "name": entities.text_at(doc, entities.NAME) or doc["id"],
        "state": state,
        "at": entities.observed_at(doc, attribute),
        "simulated": entities.value_of(doc, entities.SIMULATED) is True,
    }


def _title(doc: EntityDoc, lang: str) -> str:
    title = entities.value_of(doc, entities.TITLE)
    return str(title.get(lang, "")) if isinstance(title, dict) else ""


def _audience(doc: EntityDoc) -> list[str]:
    found = entities.value_of(doc, entities.AUDIENCE)
    return [one for one in found if one in AUDIENCES] if isinstance(found, list) else []


def _alert(alert: Alert, ask: Ask) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": list(alert.content.location or ())},
        "properties": {
            "id": alert.id,
            "name": alert.content.title[ask.lang],
            "level": alert.severity,
            "label": "",
            "href": f"/t/{ask.tenant}/wildlife/alerts/{quote(alert.id, safe='')}",
        },
    }
