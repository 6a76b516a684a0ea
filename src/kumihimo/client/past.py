"""The past of entities, as rows and as data frames (clauses 5.6.11, 5.7.3 and 5.7.4)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Unpack
from urllib.parse import quote

from kumihimo.client.connection import LD, Connection
from kumihimo.client.frames import frame
from kumihimo.client.models import Entity, Reading
from kumihimo.client.options import PastQuery, Span, moment_text, parse_moment, span_parameters

PAGE = 100
_TEMPORAL = f"{LD}/temporal/entities"
_HEAD = frozenset(("id", "type", "scope", "@context"))
_BEFORE_ALL = "0001-01-01T00:00:00Z"


class Past:
    """What was. Values come as rows (`readings`), in the order of their time within each attribute."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def write(self, entity: Entity) -> None:
        """Writes instances into the past; each has `observedAt`. The present stays as it is."""
        await self._connection.ask("POST", _TEMPORAL, body=entity)

    async def readings(self, entity_id: str, **span: Unpack[Span]) -> AsyncGenerator[Reading, None]:
        """An entity's values; NotFound where nothing is known of it. Parts (206) are followed to the end."""
        params = _form(span_parameters(span))
        path = f"{_TEMPORAL}/{quote(entity_id, safe=':')}"
        seen: set[tuple[str, str]] = set()
        while True:
            answer = await self._connection.ask("GET", path, params)
            for reading in _readings([answer.body], seen):
                yield reading
            onward = _onward(answer.status, answer.headers.get("Content-Range", ""), params)
            if onward is None:
                return
            params = onward

    async def query(self, **query: Unpack[PastQuery]) -> AsyncGenerator[Reading, None]:
        """The values of all entities that fit, page by page; without since and until everything that is known."""
        left = query.pop("limit", None)
        params = _form({"timerel": "after", "timeAt": _BEFORE_ALL, **span_parameters(query)})
        if not query.keys() & {"type", "attrs", "q", "georel", "near"}:
            params["local"] = "true"
        offset = 0
        while left != 0:
            size = PAGE if left is None else min(PAGE, left)
            page, part = await self._page({**params, "limit": str(size), "offset": str(offset)})
            for reading in page:
                yield reading
            offset += part
            left = None if left is None else left - part
            if part < size:
                return

    async def _page(self, params: dict[str, str]) -> tuple[list[Reading], int]:
        """A page of entities with all their parts, and how many entities it had."""
        found: list[Reading] = []
        seen: set[tuple[str, str]] = set()
        entities = 0
        asked: dict[str, str] | None = params
        while asked is not None:
            answer = await self._connection.ask("GET", _TEMPORAL, asked)
            entities = max(entities, len(answer.body))
            found += _readings(answer.body, seen)
            asked = _onward(answer.status, answer.headers.get("Content-Range", ""), asked)
        # Parts hold a span of time of all entities; rows stand by entity and attribute again.
        return sorted(found, key=lambda one: (one.entity, one.attribute, one.figure)), entities

    async def frame(self, *, library: Literal["pandas", "polars"] = "pandas", **query: Unpack[PastQuery]) -> Any:
        """The values as a data frame with the columns entity, attribute, time, value (and figure, until for figures).

        ImportError where the library is not installed.
        """
        return frame([one async for one in self.query(**query)], library)


def _form(params: Mapping[str, str]) -> dict[str, str]:
    return {**params, "format": "aggregatedValues" if "aggrMethods" in params else "temporalValues"}


def _onward(status: int, content_range: str, params: Mapping[str, str]) -> dict[str, str] | None:
    """The parameters of the part behind this one; None where it was whole, or was to be the newest values alone."""
    if status != 206 or "lastN" in params or not content_range:
        return None
    span = content_range.removeprefix("date-time ").partition("/")[0]
    end = span[span.index("Z-") + 2 :] if "Z-" in span else ""
    if not end or end == params.get("timeAt"):
        return None
    if params.get("timerel") == "between":
        return {**params, "timeAt": end}
    if params.get("timerel") == "before":
        return {**params, "timerel": "between", "endTimeAt": params["timeAt"], "timeAt": end}
    return {**params, "timerel": "after", "timeAt": end}


def _readings(entities: Iterable[Mapping[str, Any]], seen: set[tuple[str, str]]) -> Iterator[Reading]:
    """The rows of entities in the simplified or aggregated temporal form, without what came with the part before."""
    for entity in entities:
        for attribute, given in entity.items():
            if attribute in _HEAD:
                continue
            for series in given if isinstance(given, list) else [given]:
                key = f"{entity['id']} {attribute} {series.get('datasetId', '')}"
                for reading in _rows(entity["id"], attribute, series):
                    mark = (key + reading.figure, moment_text(reading.time) + repr(reading.value))
                    if mark not in seen:
                        seen.add(mark)
                        yield reading


def _rows(entity: str, attribute: str, series: Mapping[str, Any]) -> Iterator[Reading]:
    for member, values in series.items():
        if member in ("type", "datasetId") or not isinstance(values, Sequence) or isinstance(values, str):
            continue
        if member in ("values", "objects", "languageMaps", "vocabs", "jsons", "valueLists", "objectLists"):
            for value, time in values:
                yield Reading(entity, attribute, parse_moment(time), value)
            continue
        for value, start, end in values:
            yield Reading(entity, attribute, parse_moment(start), value, member, parse_moment(end))
