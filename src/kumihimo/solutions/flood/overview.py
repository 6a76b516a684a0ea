"""The wing's first page: the map, the table that says the same, what needs attention, the replay's controls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, Forbidden, ResourceNotFound
from kumihimo.base.jsontext import dumps
from kumihimo.base.screens import Answer, Ask, Document, Page, Redirect
from kumihimo.device.actuation.capability import PATTERNS
from kumihimo.device.simulate.schedule import MAX_SPEED
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.solutions.flood import demo, entities, views
from kumihimo.solutions.flood.attention import SHOWN, attention
from kumihimo.solutions.flood.base_map import base_map
from kumihimo.solutions.flood.demo import FloodDoors, Prepared
from kumihimo.solutions.flood.stage import Stage
from kumihimo.solutions.flood.tenants import TENANTS, TOWNS, town_name
from kumihimo.solutions.flood.words import words

GEOJSON = "application/geo+json"
TEMPLATE = "kumihimo.solutions.flood:flood.html"
RESET = "kumihimo.solutions.flood:reset.html"
SPEEDS = (60, 300, 600, 1800, 3600)


class Overview:
    """/flood, its map data and the replay's controls."""

    def __init__(self, doors: FloodDoors, stage: Stage) -> None:
        self._doors = doors
        self._stage = stage

    async def _rows(self, call: Call) -> list[views.GaugeRow]:
        grant = await self._doors.seen_by(call)
        return views.gauge_rows(await views.gauges_of(self._doors.broker, call.tenant, grant))

    async def show(self, ask: Ask) -> Answer:
        """The map and the list of gauges, each with the level that its river reached."""
        rows = await self._rows(ask.call)
        needed = await attention(self._doors, ask.call, rows)
        data = {
            "rows": [views.said(row, ask.lang) for row in rows],
            "counts": views.counts(rows),
            "attention": needed[:SHOWN],
            "hidden": len(needed) - SHOWN,
            "sites": await self._sites(ask.call, ask.lang),
            "no_rain": self._no_rain(),
            **await self._replay_data(ask.call),
        }
        live = ("RiverGauge", "Alert", "RiversideSign", "RiversideSiren")
        return Page(TEMPLATE, "flood.title", data, live=live)

    async def _sites(self, call: Call, lang: str) -> list[dict[str, Any]]:
        """Signs and sirens with what they show now."""
        grant = await self._doors.seen_by(call)
        found: list[dict[str, Any]] = []
        for kind in (entities.SIGN, entities.SIREN):
            found += [
                _site(doc, kind, lang) for doc in await views.docs_of(self._doors.broker, call.tenant, kind, grant)
            ]
        return sorted(found, key=lambda site: (site["state"] is None, str(site["name"])))

    def _no_rain(self) -> bool:
        prepared = self._stage.prepared
        return prepared is not None and not prepared.recording.stations

    async def _replay_data(self, call: Call) -> dict[str, Any]:
        prepared = self._stage.prepared
        if prepared is None:
            return {"replay": None}
        may_play = await self._doors.decides(call)
        return {
            "replay": prepared.player.state(),
            "speeds": SPEEDS,
            "may_play": may_play,
            "may_reset": may_play and await self._may_reset(call),
        }

    async def _may_reset(self, call: Call) -> bool:
        """Who starts over does so in every town of the demonstration, and takes its decisions away."""
        return all([await self._doors.decides(replace(call, tenant=tenant)) for tenant in TENANTS])

    async def map_json(self, ask: Ask) -> Answer:
        """The gauges for km-map."""
        rows = [views.said(row, ask.lang) for row in await self._rows(ask.call)]
        return Document(dumps(views.map_of(rows, ask.tenant, ask.lang)), GEOJSON)

    async def base_json(self, ask: Ask) -> Answer:
        """The schematic base map."""
        return Document(dumps(base_map(await self._rows(ask.call), ask.lang)), GEOJSON)

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
        """Takes the form: action is pause, resume, step, speed (with speed) or reset, which asks back first."""
        prepared = self._prepared()
        action = ask.form.get("action", "")
        if action == "reset" and not await self._may_reset(ask.call):
            raise Forbidden("starting over takes every town's decisions away: one must be allowed to decide in each")
        if action == "pause":
            prepared.player.pause()
        elif action == "resume":
            prepared.player.resume()
        elif action == "step":
            await prepared.player.step()
        elif action == "speed":
            prepared.player.set_speed(_speed(ask.form.get("speed", "")))
        elif action == "reset" and ask.form.get("confirm") != "yes":
            return Page(RESET, "flood.replay.reset", {})
        elif action == "reset":
            await demo.reset(self._doors, prepared)
        else:
            raise BadRequestData(f"the replay knows no {action[:40]!r}")
        return Redirect("/flood")


def _site(doc: EntityDoc, kind: str, lang: str) -> dict[str, Any]:
    state = entities.instance_of(doc, entities.STATE)
    value = state.get("value") if state else None
    shown = entities.text_at(doc, entities.SHOWN)
    return {
        "id": doc["id"],
        "name": _site_name(doc, kind, lang),
        "state": None if value is None else _site_state(str(value), lang),
        "shown": shown if value == "showing" else "",
        "at": state.get("observedAt", "") if state else "",
    }


def _site_name(doc: EntityDoc, kind: str, lang: str) -> str:
    """The wing's own signs and sirens are named by their town; any other keeps its name."""
    name = entities.text_at(doc, entities.NAME) or str(doc["id"])
    town = name.partition(" ")[0]
    if lang == "ja" or town not in TOWNS:
        return name
    return words(lang)("flood.site.sign" if kind == entities.SIGN else "flood.site.siren", town=town_name(town, lang))


_STATES = {"showing": "showing", "blank": "blank", "silent": "stopped"} | {
    f"sounding: {pattern}": f"sounding.{pattern}" for pattern in PATTERNS
}


def _site_state(value: str, lang: str) -> str:
    """A state that the simulated devices report, in words; any other as it was reported."""
    return words(lang)(f"flood.site.{_STATES[value]}") if value in _STATES else value


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError as problem:
        raise BadRequestData(f"speed is {text[:40]!r}; a number is needed") from problem
    if not 0 < speed <= MAX_SPEED:
        raise BadRequestData(f"speed must be above 0 and at most {MAX_SPEED:.0f}")
    return speed
