"""Pages for the field: the round of traps, and the form for reports that also works without a net."""

from __future__ import annotations

import math
import uuid
from importlib import resources
from typing import Any

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, Forbidden, Problem
from kumihimo.base.screens import Answer, Ask, Document, Page, Redirect
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.album import Album
from kumihimo.solutions.wildlife.demo import recorded_now
from kumihimo.solutions.wildlife.devices import trap_of
from kumihimo.solutions.wildlife.doors import WildlifeDoors
from kumihimo.solutions.wildlife.patrol import Place, round_trip, to_visit
from kumihimo.solutions.wildlife.photos import sent_photo
from kumihimo.solutions.wildlife.reports import FOUND, Report, WrongField, report_of, with_photo
from kumihimo.solutions.wildlife.stage import Stage
from kumihimo.solutions.wildlife.words import PACKAGE, species_name

SPECIES = ("Sus scrofa", "Ursus thibetanus", "Cervus nippon", "Macaca fuscata", "unknown")
MAX_STOPS = 60
FIELDS = ("trap", "found", "species", "crop", "area", "lat", "lon", "note")


class FieldPages:
    """/wildlife/patrol, /wildlife/report and the report page's worker."""

    def __init__(self, doors: WildlifeDoors, stage: Stage, album: Album) -> None:
        self._doors = doors
        self._stage = stage
        self._album = album

    async def _docs(self, call: Call, kind: str) -> list[EntityDoc]:
        return await self._doors.docs(call.tenant, kind, await self._doors.rights(call))

    async def patrol(self, ask: Ask) -> Answer:
        """The traps to be visited, in the order of a short round from where the telephone is, else from the first."""
        visited: dict[str, int] = {}
        for doc in await self._docs(ask.call, entities.VISIT):
            at_trap, at = _trap_of_visit(doc), entities.observed_at(doc, entities.FOUND)
            if at is not None:
                visited[at_trap] = max(at, visited.get(at_trap, 0))
        traps = [
            trap
            for doc in await self._docs(ask.call, entities.TRAP)
            if (trap := trap_of(doc, visited.get(doc["id"]))) is not None
        ]
        now = recorded_now(self._stage.of(ask.tenant), ask.tenant, times.micros(self._doors.clock.now()))
        stops = to_visit(traps, now)
        start = _start(ask) or (stops[0].trap.place if stops else (0.0, 0.0))
        order, km = round_trip(start, stops[:MAX_STOPS])
        data = {
            "stops": order,
            "km": km,
            "traps": len(traps),
            "more": max(0, len(stops) - MAX_STOPS),
            "from_here": _start(ask) is not None,
        }
        scripts = ("wildlife/js/patrol.js",)
        return Page(f"{PACKAGE}:patrol.html", "wildlife.patrol.title", data, live=("WildlifeTrap",), scripts=scripts)

    async def report(self, ask: Ask) -> Answer:
        """The form."""
        return await self._report_page(ask, None)

    async def _report_page(self, ask: Ask, problem: Problem | None) -> Page:
        asked = {name: ask.query[name] for name in ("kind", "trap") if name in ask.query}
        data = {
            "traps": await self._traps(ask),
            "species": [(name, species_name(name, ask.lang)) for name in SPECIES],
            "found": FOUND,
            "problem": problem,
            "wrong": problem.field if isinstance(problem, WrongField) else "",
            "sent": "sent" in ask.query,
            "form": {**dict.fromkeys(FIELDS, ""), "kind": "visit", "count": "1", **asked, **ask.form},
        }
        status = 200 if problem is None else problem.status
        page = f"{PACKAGE}:report.html"
        scripts = ("wildlife/js/photo.js", "wildlife/js/report.js")
        return Page(page, "wildlife.report.title", data, status=status, scripts=scripts)

    async def _traps(self, ask: Ask) -> list[dict[str, Any]]:
        """The traps to choose from; none for who may report but not read."""
        try:
            docs = await self._docs(ask.call, entities.TRAP)
        except Forbidden:
            return []
        found = [{"id": doc["id"], "name": entities.text_at(doc, entities.NAME) or doc["id"]} for doc in docs]
        return sorted(found, key=lambda trap: str(trap["name"]))

    async def take(self, ask: Ask) -> Answer:
        """Takes a report; the same one again changes nothing. Without script it has no id and no moment of its own:
        it is of now, and new each time.
        """
        now, tenant = self._doors.clock.now(), ask.tenant
        given = {name: value for name, value in ask.form.items() if value or name not in ("id", "at")}
        form = {"id": str(uuid.uuid4()), "at": times.text(now), **given}
        try:
            plain, body = report_of(form, times.micros(now)), sent_photo(form)
            is_known = body is None or await self._album.knows(tenant, plain.entity_id)
            report = await self._with_photo(tenant, plain, body)
        except BadRequestData as problem:
            return await self._report_page(ask, problem)
        try:
            await self._doors.apply(ask.call, [report.change])
        except Problem:
            if (
                not is_known
            ):  # nobody who may not write the report leaves a photograph with it, or fills the town's room
                await self._album.forget(tenant, [report.entity_id])
            raise
        return Redirect("/wildlife/report?sent=1")

    async def _with_photo(self, tenant: str, report: Report, body: bytes | None) -> Report:
        """The report that names its photograph, once this is kept: a photograph without its report nobody sees, and the
        watch takes it away. One that was deleted does not come back with a report that is sent again.
        """
        if body is None:
            return report
        if report.kind == "visit":
            raise BadRequestData("a visit to a trap has no photograph").worded("wildlife.photo.refused.visit")
        picture = await self._album.cleaned(body)
        is_kept = await self._album.keep(tenant, report.entity_id, picture)
        return with_photo(report, tenant) if is_kept else report

    async def worker(self, ask: Ask) -> Answer:
        """The service worker: its address is below /wildlife/, and so is what it may see."""
        del ask
        body = resources.files(PACKAGE).joinpath("static", "js", "worker.js").read_bytes()
        return Document(body, "text/javascript")


def _trap_of_visit(doc: EntityDoc) -> str:
    found = entities.instance_of(doc, entities.AT_TRAP)
    return str(found.get("object", "")) if found else ""


def _start(ask: Ask) -> Place | None:
    """Where the telephone says that it is."""
    try:
        lon, lat = float(ask.query.get("lon", "")), float(ask.query.get("lat", ""))
    except ValueError:
        return None
    inside = math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90
    return (lon, lat) if inside else None
