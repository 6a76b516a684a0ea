"""What queries take, once for both clients; values become query parameters (ETSI GS CIM 009 clauses 4.9 to 4.23)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

Form = Literal["normalized", "concise", "simplified"]
Names = str | Sequence[str]
Moment = datetime | str
NEAR = "near"


class Look(TypedDict, total=False):
    """How an entity is written."""

    pick: Names
    omit: Names
    lang: str
    format: Form
    sysAttrs: bool
    join: Literal["flat", "inline"]
    joinLevel: int
    datasetId: Names


class Selection(TypedDict, total=False):
    """Which entities are meant. near is (longitude, latitude, metres)."""

    type: str
    id: Names
    idPattern: str
    attrs: Names
    q: str
    scopeQ: str
    georel: str
    geometry: str
    coordinates: Any
    geoproperty: str
    near: tuple[float, float, float]


class Query(Selection, Look, total=False):
    """Which entities, how they are written, and in which order. limit: so many at most, else all."""

    orderBy: Names
    collation: str
    limit: int


class Span(TypedDict, total=False):
    """Which part of the past: from since (included) until (excluded); last: so many of the newest of each attribute."""

    since: Moment
    until: Moment
    last: int
    attrs: Names
    timeproperty: Literal["observedAt", "createdAt", "modifiedAt", "deletedAt"]
    methods: Names
    period: str


class PastQuery(Selection, Span, total=False):
    """The past of many entities; methods and period (ISO 8601) ask for figures."""

    limit: int


class FeedQuery(Selection, Look, total=False):
    """What a feed tells of. after: go on behind this position; standing: the entities as they are first."""

    watched: Names
    triggers: Names
    showChanges: bool
    after: int
    standing: bool


def parameters(given: Mapping[str, Any]) -> dict[str, str]:
    """Options as query parameters: lists with commas, moments in UTC, truths as true and false."""
    found = {name: _text(value) for name, value in given.items() if value is not None and name != NEAR}
    if NEAR in given:
        longitude, latitude, metres = given[NEAR]
        found["georel"] = f"near;maxDistance=={metres:g}"
        found["geometry"] = "Point"
        found["coordinates"] = json.dumps([longitude, latitude])
    return found


def span_parameters(given: Mapping[str, Any]) -> dict[str, str]:
    """The same for the past, whose beginning and end are named otherwise in NGSI-LD (clause 4.11)."""
    names = {"last": "lastN", "methods": "aggrMethods", "period": "aggrPeriodDuration"}
    rest = {names.get(name, name): value for name, value in given.items() if name not in ("since", "until")}
    return {**parameters(rest), **_timerel(given.get("since"), given.get("until"))}


def _timerel(since: Moment | None, until: Moment | None) -> dict[str, str]:
    if since is not None and until is not None:
        return {"timerel": "between", "timeAt": _text(since), "endTimeAt": _text(until)}
    if until is not None:
        return {"timerel": "before", "timeAt": _text(until)}
    return {"timerel": "after", "timeAt": _text(since)} if since is not None else {}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Sequence) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return json.dumps(value, ensure_ascii=False)


def moment_text(moment: datetime) -> str:
    """A moment in UTC as NGSI-LD writes it. ValueError for one without a time zone: nobody could tell which it is."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; give it one, for example zoneinfo.ZoneInfo('Asia/Tokyo')")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_moment(text: str) -> datetime:
    """The aware moment that the platform wrote."""
    return datetime.fromisoformat(text)
