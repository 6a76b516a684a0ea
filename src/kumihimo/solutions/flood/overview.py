"""The wing's first page: the map, the table that says the same, what needs attention, the replay's controls."""

from __future__ import annotations

from typing import Any

from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.base.jsontext import dumps
from kumihimo.base.screens import Answer, Ask, Document, Page, Redirect
from kumihimo.device.simulate.schedule import MAX_SPEED
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.solutions.flood import demo, entities, views
from kumihimo.solutions.flood.attention import SHOWN, attention
from kumihimo.solutions.flood.base_map import base_map
from kumihimo.solutions.flood.demo import FloodDoors, Prepared
from kumihimo.solutions.flood.stage import Stage

GEOJSON = "application/geo+json"
TEMPLATE = "kumihimo.solutions.flood:flood.html"
SPEEDS = (60, 300, 600, 1800, 3600)


class Overview:
    """/flood, its map data and the replay's controls."""

    def __init__(self, doors: FloodDoors, stage: Stage) -> None:
        self._doors = doors
        self._stage = stage

    async def _rows(self, tenant: str) -> list[views.GaugeRow]:
        return views.gauge_rows(await views.docs_of(self._doors.broker, tenant, entities.GAUGE))

    async def show(self, ask: Ask) -> Answer:
        """The page."""
        rows = await self._rows(ask.tenant)
        needed = await attention(self._doors, ask.call, rows)
        data = {
            "rows": rows,
            "counts": views.counts(rows),
            "attention": needed[:SHOWN],
            "hidden": len(needed) - SHOWN,
            "sites": await self._sites(ask.tenant),
            "no_rain": self._no_rain(),
            **self._replay_data(),
        }
        live = ("RiverGauge", "Alert", "RiversideSign", "RiversideSiren")
        return Page(TEMPLATE, "flood.title", data, live=live)

    async def _sites(self, tenant: str) -> list[dict[str, Any]]:
        """Signs and sirens with what they show now."""
        found: list[dict[str, Any]] = []
        for kind in (entities.SIGN, entities.SIREN):
            found += [_site(doc) for doc in await views.docs_of(self._doors.broker, tenant, kind)]
        return sorted(found, key=lambda site: (site["state"] is None, str(site["name"])))

    def _no_rain(self) -> bool:
        prepared = self._stage.prepared
        return prepared is not None and not prepared.recording.stations

    def _replay_data(self) -> dict[str, Any]:
        prepared = self._stage.prepared
        return {"replay": prepared.player.state() if prepared else None, "speeds": SPEEDS}

    async def map_json(self, ask: Ask) -> Answer:
        """The gauges for km-map."""
        return Document(dumps(views.map_of(await self._rows(ask.tenant), ask.tenant, ask.lang)), GEOJSON)

    async def base_json(self, ask: Ask) -> Answer:
        """The schematic base map."""
        return Document(dumps(base_map(await self._rows(ask.tenant))), GEOJSON)

    # --- the replay --------------------------------------------------------------------------------------

    def _prepared(self) -> Prepared:
        if self._stage.prepared is None:
            raise ResourceNotFound("no replay runs here; it comes with `kumihimo demo`")
        return self._stage.prepared

    async def replay(self, ask: Ask) -> Answer:
        """Where the replay stands, as JSON: moments in seconds since the epoch."""
        del ask
        state = self._prepared().player.state()
        return Document(
            dumps(
                {
                    "recorded": state.recorded // 1_000_000,
                    "speed": state.speed,
                    "running": state.running,
                    "ended": state.ended,
                    "sent": state.sent,
                    "failed": state.failed,
                    "links": state.links,
                }
            ),
            "application/json",
        )

    async def control(self, ask: Ask) -> Answer:
        """Takes the form: action is pause, resume, step, speed (with speed) or reset."""
        prepared = self._prepared()
        action = ask.form.get("action", "")
        if action == "pause":
            prepared.player.pause()
        elif action == "resume":
            prepared.player.resume()
        elif action == "step":
            await prepared.player.step()
        elif action == "speed":
            prepared.player.set_speed(_speed(ask.form.get("speed", "")))
        elif action == "reset":
            await demo.reset(self._doors, prepared)
        else:
            raise BadRequestData(f"the replay knows no {action[:40]!r}")
        return Redirect("/flood")


def _site(doc: EntityDoc) -> dict[str, Any]:
    state = entities.instance_of(doc, entities.STATE)
    shown = entities.text_at(doc, entities.SHOWN)
    return {
        "id": doc["id"],
        "name": entities.text_at(doc, entities.NAME) or doc["id"],
        "state": state.get("value") if state else None,
        "shown": shown if state and state.get("value") == "showing" else "",
        "at": state.get("observedAt", "") if state else "",
    }


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError as problem:
        raise BadRequestData(f"speed is {text[:40]!r}; a number is needed") from problem
    if not 0 < speed <= MAX_SPEED:
        raise BadRequestData(f"speed must be above 0 and at most {MAX_SPEED:.0f}")
    return speed
