"""A temporal query as conditions on the rows of history (clause 4.11), and q and places asked of those (5.7.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.base.jsontext import text
from kumihimo.platform.access.models import ALL_NAMES, Names
from kumihimo.platform.broker.conditions import FALSE, Conditions
from kumihimo.platform.broker.models import NO_ROW, GeoQuery, QTerm, Visible
from kumihimo.platform.broker.paths import type_beside
from kumihimo.platform.history.models import SCOPE, TemporalQuery
from kumihimo.platform.history.store import COUNTS, INSTANCE, TOMBSTONE
from kumihimo.storage.database import Dialect

COLUMNS = {
    "observedAt": "observed_at",
    "createdAt": "created_at",
    "modifiedAt": "modified_at",
    "deletedAt": "modified_at",
}
"""Where an instance's moment stands; that of a deletion is when its row was written."""

MODIFIED = (
    "coalesce((SELECT max(h.modified_at) FROM history h WHERE h.entity_id = n.entity_id"
    " AND h.modified_at > n.modified_at), n.modified_at)"
)
"""When `history_entity n`, or anything of it, was modified last: a write of an instance does not touch its row."""
_HEAD = {"createdAt": "n.created_at", "modifiedAt": MODIFIED}
"""Members of an entity that the past knows."""
_FEW = 8
"""So many names are compared one by one, which costs less than to look each row's name up among them."""
Bind = Callable[[Any], str]
Spans = Sequence[tuple[int, int]]
"""Beginnings, which are included, and ends, which are not."""


class Window:
    """Which rows `h` of history a temporal query means, of entities of which these attributes may be seen."""

    def __init__(self, query: TemporalQuery, names: Names, dialect: Dialect) -> None:
        column = COLUMNS.get(query.timeproperty)
        if column is None:
            raise BadRequestData(f"timeproperty {query.timeproperty[:40]!r} is none of {', '.join(COLUMNS)}")
        if query.timerel == "between" and query.end_time_at < query.time_at:
            raise BadRequestData("endTimeAt is before timeAt")
        self._column = f"h.{column}"
        self._kind = TOMBSTONE if query.timeproperty == "deletedAt" else INSTANCE
        self._query = query
        self._names = names
        self._dialect = dialect
        # Where a time is asked for, what does not have it is not meant (clause 4.11); else it stands by its writing.
        self.moment = self._column if query.timerel else f"coalesce({self._column}, h.modified_at)"

    def rows(self, bind: Bind) -> str:
        """The rows in the window, of whatever attribute."""
        parts = [f"h.kind = {self._kind}", "h.instance <> ''", COUNTS]
        parts.append(f"(h.expires_at IS NULL OR h.expires_at > {bind(self._query.now)})")
        return " AND ".join(parts + self._time(bind))

    def _time(self, bind: Bind) -> list[str]:
        query, moment = self._query, self._column
        if query.timerel == "before":
            return [f"{moment} < {bind(query.time_at)}"]
        if query.timerel == "after":
            return [f"{moment} >= {bind(query.time_at)}"]
        if query.timerel == "between":
            return [f"{moment} >= {bind(query.time_at)}", f"{moment} < {bind(query.end_time_at)}"]
        return []

    def shown(self, bind: Bind, within: Spans | None = None) -> str:
        """The rows in the window that are given: of the attributes and datasets asked for, in one of the spans."""
        parts = [self.rows(bind), f"h.attribute <> '{SCOPE}'", *self._named(bind)]
        if self._query.datasets is not None:
            parts.append(self._any_of("h.dataset", sorted(self._query.datasets), bind))
        if within is not None:
            spans = [f"({self.moment} >= {bind(start)} AND {self.moment} < {bind(end)})" for start, end in within]
            parts.append("(" + " OR ".join(spans) + ")" if spans else FALSE)
        return " AND ".join(parts)

    def _named(self, bind: Bind) -> list[str]:
        """Which attributes, said as cheaply as can be: it is asked of every row."""
        asked, seen = self._query.attrs, self._names
        if asked:
            found = [one for one in asked if one in seen]
            return [self._any_of("h.attribute", found, bind)] if found else [FALSE]
        if seen == ALL_NAMES:
            return []
        named = sorted(seen.names)
        if not seen.others:
            return [self._any_of("h.attribute", named, bind)]
        if len(named) > _FEW:
            return [f"NOT ({self._any_of('h.attribute', named, bind)})"]
        return [f"h.attribute <> {bind(one)}" for one in named]

    def _any_of(self, column: str, values: Sequence[str], bind: Bind) -> str:
        return self._dialect.any_of(column, bind(text(list(values))))


class PastConditions(Conditions):
    """q and a geo-query on `history_entity n`, asked of the instances in the window (clause 5.7.4.4)."""

    def __init__(self, window: Window, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._window = window
        self._rows = ""

    def _some(self, attribute: str, rest: str) -> str:
        """An instance of the attribute is in the window, with more conditions on it."""
        # Bound at the first use, and once: what is bound and not used has no type.
        self._rows = self._rows or self._window.rows(self.bind)
        return (
            f"EXISTS (SELECT 1 FROM history h WHERE h.entity_id = n.entity_id AND h.attribute = {self.bind(attribute)}"
            f" AND {self._rows}{rest})"
        )

    def _ahead(self, term: QTerm) -> list[str]:  # noqa: ARG002 - the past has no document of an entity
        return []

    def _at(self, steps: Sequence[str], where: str) -> str:
        if steps[0] != "attrs":
            return self._head(steps[0], where)
        inside = steps[3:]
        if not inside:
            return self._some(steps[1], "")
        values = self._dialect.json_values("h.instance", inside, type_beside(steps))
        return self._some(steps[1], f" AND EXISTS (SELECT 1 FROM {values} v{where})")

    def _head(self, member: str, where: str) -> str:
        column = _HEAD.get(member)
        if column is None and not where:
            return FALSE
        moment = self._dialect.moment_text(column) if column else "CAST(NULL AS TEXT)"
        columns = (
            f"'string' AS kind, CAST(NULL AS DOUBLE PRECISION) AS num, {moment} AS txt, CAST(NULL AS TEXT) AS beside"
        )
        return f"EXISTS (SELECT 1 FROM (SELECT {columns}) v{where})"

    def geo(self, geo: GeoQuery, visible: Visible) -> str:
        """A geometry that the entity had in the window stands in the relation (clause 4.10)."""
        if visible.where(geo.property) == NO_ROW:
            return FALSE
        kind, value = (self._dialect.json_text("h.instance", name) for name in ("type", "value"))
        exact = self._exact(geo, self.bind(text(geo.geometry)), value)
        # CASE, because it says the order: what is no geometry must not be read as one.
        geometry = f"{kind} = 'GeoProperty' AND {value} LIKE '{{%'"
        return self._some(geo.property, f" AND CASE WHEN {geometry} THEN {exact} ELSE FALSE END")
