"""What people report from the field: damage, a catch, a visit to a trap; also later, from a telephone without a net.

The page gives each report an id of its own, so that one that is sent twice is written once. Who reports is not kept
in the entity: the change log has the account that sent it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.platform.broker.models import Change
from kumihimo.platform.jsonld.models import Instance
from kumihimo.solutions.wildlife import entities

Kind = Literal["damage", "catch", "visit"]
KINDS: dict[str, tuple[str, str]] = {
    "damage": (entities.DAMAGE, "WildlifeDamage"),
    "catch": (entities.CATCH, "WildlifeCatch"),
    "visit": (entities.VISIT, "TrapVisit"),
}
FOUND = ("nothing", "caught", "sprung", "damaged")
MAX_AREA = 1_000_000.0
MAX_COUNT = 50
LATE = 30 * 24 * 3600 * 1_000_000
"""How old a report may be, and AHEAD how far a telephone's clock may be wrong, in microseconds."""

AHEAD = 10 * 60 * 1_000_000
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z", re.ASCII)
_CALLED = {"lon": "経度", "lat": "緯度", "area": "面積", "count": "頭数"}
_SPECIES = frozenset({"Ursus thibetanus", "Sus scrofa", "Cervus nippon", "Macaca fuscata", "unknown"})


class WrongField(BadRequestData):
    """A field of the form that cannot be taken as it is. field: its name, so that pages can lead there."""

    field = ""


def wrong(field: str, said: str, ja: str) -> WrongField:
    """The problem with a field, in both languages: what is wrong, and what to do."""
    problem = WrongField(said).said(ja)
    problem.field = field
    return problem


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it will be written; at in microseconds."""

    kind: Kind
    entity_id: str
    at: int
    change: Change


def report_of(form: Mapping[str, str], now: int) -> Report:
    """The report in a form. BadRequestData says which field is wrong and what it should be.

    Fields: kind, id (a random UUID), at (ISO 8601 with zone), species, note; damage: crop, area (square metres), lon,
    lat; catch: count, trap or lon and lat; visit: trap, found.
    """
    kind = form.get("kind", "")
    if kind not in KINDS:
        raise wrong("kind", "kind is damage, catch or visit", "何の報告かを選んでください。")
    if not _ID.match(form.get("id", "")):
        raise BadRequestData("id is no random UUID; open the page again").said("ページを開き直してください。")
    at = _moment(form.get("at", ""), now)
    expanded, short = KINDS[kind]
    entity_id = f"urn:ngsi-ld:{short}:{form['id']}"
    attrs = {entities.REPORTED_AT: entities.moment(at)}
    note = form.get("note", "").strip()
    if len(note) > 500:
        raise wrong("note", "note has at most 500 characters", "ひとことは 500 文字までにしてください。")
    if note:
        attrs[entities.NOTE] = entities.prop(note)
    place = _place(form, needed=kind == "damage" or (kind == "catch" and not form.get("trap")))
    if place is not None:
        attrs[entities.LOCATION] = entities.point(*place)
    attrs |= {"damage": _damage, "catch": _catch, "visit": _visit}[kind](form, at)
    found: Kind = "damage" if kind == "damage" else "catch" if kind == "catch" else "visit"
    return Report(found, entity_id, at, entities.change(entity_id, expanded, attrs))


def with_photo(report: Report, tenant: str) -> Report:
    """The report that says where its photograph is shown."""
    doc = report.change.doc
    attrs = {} if doc is None else doc["attrs"]
    path = f"/t/{tenant}/wildlife/photos/{report.entity_id}"
    attrs = {**attrs, entities.PHOTO: entities.prop(path)}
    return replace(report, change=entities.change(report.entity_id, KINDS[report.kind][0], attrs))


def _moment(text: str, now: int) -> int:
    try:
        at = times.micros(times.parse(text))
    except ValueError as problem:
        said = "at is no moment with its zone, as 2024-10-05T18:20:00+09:00"
        raise BadRequestData(said).said("ページを開き直してください。") from problem
    if not now - LATE <= at <= now + AHEAD:
        said = "at lies more than 30 days back, or in the future; check the telephone's clock"
        raise BadRequestData(said).said("30 日より前か、先の時刻になっています。端末の時計を確かめてください。")
    return at


def _place(form: Mapping[str, str], *, needed: bool) -> tuple[float, float] | None:
    if not form.get("lon") and not form.get("lat") and not needed:
        return None
    lon, lat = _number(form, "lon", -180, 180), _number(form, "lat", -90, 90)
    return round(lon, 5), round(lat, 5)


def _number(form: Mapping[str, str], name: str, low: float, high: float) -> float:
    called = _CALLED[name]
    try:
        value = float(form.get(name, ""))
    except ValueError as problem:
        said = f"{name} is no number: write one of {low:g} to {high:.0f}"
        raise wrong(name, said, f"{called}を {low:g}～{high:.0f} の数字で入れてください。") from problem
    if not math.isfinite(value) or not low <= value <= high:
        said = f"{name} must be {low:g} to {high:.0f}"
        raise wrong(name, said, f"{called}は {low:g}～{high:.0f} にしてください。")
    return value


def _species(form: Mapping[str, str]) -> str:
    species = form.get("species", "")
    if species not in _SPECIES:
        raise wrong("species", f"species is one of {', '.join(sorted(_SPECIES))}", "動物を選んでください。")
    return species


def _damage(form: Mapping[str, str], at: int) -> dict[str, list[Instance]]:
    crop = form.get("crop", "").strip()
    if not 1 <= len(crop) <= 60:
        raise wrong("crop", "crop has 1 to 60 characters", "作物などを 1～60 文字で書いてください。")
    return {
        entities.SPECIES: entities.prop(_species(form)),
        entities.CROP: entities.prop(crop),
        entities.AREA: entities.prop(_number(form, "area", 0, MAX_AREA), entities.SQUARE_METRE, at),
    }


def _catch(form: Mapping[str, str], at: int) -> dict[str, list[Instance]]:
    count = _number(form, "count", 1, MAX_COUNT)
    if not count.is_integer():
        raise wrong("count", "count is a whole number", "頭数は整数で入れてください。")
    attrs = {
        entities.SPECIES: entities.prop(_species(form)),
        entities.COUNT: entities.prop(int(count), observed_at=at),
    }
    if form.get("trap"):
        attrs[entities.AT_TRAP] = entities.related(_trap(form))
    return attrs


def _visit(form: Mapping[str, str], at: int) -> dict[str, list[Instance]]:
    if form.get("found", "") not in FOUND:
        raise wrong("found", f"found is one of {', '.join(FOUND)}", "わなの状態を選んでください。")
    return {
        entities.AT_TRAP: entities.related(_trap(form)),
        entities.FOUND: entities.prop(form["found"], observed_at=at),
    }


def _trap(form: Mapping[str, str]) -> str:
    trap = form.get("trap", "")
    if not trap.startswith("urn:ngsi-ld:WildlifeTrap:") or len(trap) > 120:
        raise wrong("trap", "trap names no trap: choose the one that you visited", "見回ったわなを選んでください。")
    return trap
