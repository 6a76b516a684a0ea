"""The query model as SQL conditions on `entity e`, and on entities that it links to, through the dialect.

Types, attributes, ids and boxes of geometries use indexes. The values of q and scopes have none: they are a filter over
the documents that the indexed conditions leave, of which a q always has one, the attributes that it names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from kumihimo.base import jsontext
from kumihimo.platform.broker import boxes, moments
from kumihimo.platform.broker.models import (
    ALL_ATTRIBUTES,
    EVERY_ROW,
    EVERYTHING,
    NO_ROW,
    GeoQuery,
    Grant,
    QAnd,
    QLink,
    QNode,
    QOr,
    QPath,
    QRange,
    QTerm,
    QValue,
    Restriction,
    RowAnd,
    RowIds,
    RowNode,
    RowNot,
    RowOr,
    RowScope,
    RowTypes,
    Selector,
    TypeAnd,
    TypeNode,
    TypeOr,
    Visible,
)
from kumihimo.platform.broker.paths import EQUALITIES, TARGET_WAYS, TIME_MEMBERS, paths_of, type_beside
from kumihimo.platform.broker.scopes import ScopeNode, scope_node
from kumihimo.storage.database import Dialect

FALSE = "1 = 0"
TRUE = "1 = 1"
_EVERYWHERE = frozenset({"attrs", "*", "value"})
_CHAIN = 32
_LINKED = "l"
_LONG = 1000
"""Characters from which a text is not looked for before documents are opened: LIKE takes patterns of some size only."""
_PLAIN = re.compile(r"[^\"\\\x00-\x1f]+\Z")
"""Names that stand in JSON text as they are, and in a LIKE pattern match at least themselves."""


class Conditions:
    """Makes conditions and gathers what is bound in them, in the order of $1, $2 and so on."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.parameters: list[Any] = []
        self._row = "e"
        self._links = 0
        self._filtering = False
        self._made: dict[tuple[str, RowNode], str] = {}

    @property
    def _doc(self) -> str:
        return f"{self._row}.doc"

    def bind(self, value: Any) -> str:
        """The place of the value, e.g. "$3"."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    # --- types, ids, attributes, scopes ----------------------------------------------------------------

    def types(self, node: TypeNode) -> str:
        """The entity's types satisfy the expression (clause 4.17)."""
        if isinstance(node, str):
            return self._of_type(f"= {self.bind(node)}")
        if isinstance(node, TypeAnd):
            return _joined(" AND ", [self.types(part) for part in node.parts])
        names = [part for part in node.parts if isinstance(part, str)]
        parts = [self.types(part) for part in node.parts if not isinstance(part, str)]
        if names:
            places = ", ".join(self.bind(name) for name in names)
            parts.append(self._of_type(f"IN ({places})"))
        return _joined(" OR ", parts)

    def _of_type(self, types: str) -> str:
        """Entities are looked up by their type; of one that was found by something else, its type is looked up."""
        if self._row[0] == _LINKED or self._filtering:
            return f"EXISTS (SELECT 1 FROM entity_type y WHERE y.type {types} AND y.number = {self._row}.number)"
        return f"{self._row}.number IN (SELECT number FROM entity_type WHERE type {types})"

    def ids(self, ids: Sequence[str]) -> str:
        """The entity is one of these."""
        if len(ids) == 1:
            return f"{self._row}.id = {self.bind(ids[0])}"
        return self._dialect.any_of(f"{self._row}.id", self.bind(jsontext.text(list(ids))))

    def id_pattern(self, pattern: str) -> str:
        """The entity's id matches the pattern (one that `check_pattern` gave)."""
        return self._dialect.matches_pattern(f"{self._row}.id", self.bind(pattern))

    def attrs(self, names: Sequence[str], visible: Visible) -> str:
        """The entity has one of the attributes that may be seen of it; looked up for each entity that is left."""
        alike: dict[RowNode, list[str]] = {}
        for name in names:
            alike.setdefault(visible.where(name), []).append(name)
        parts = [self._seen(rows, partial(self._has, some)) for rows, some in alike.items()]
        return _joined(" OR ", parts)

    def _has(self, names: Iterable[str]) -> str:
        places = ", ".join(self.bind(name) for name in names)
        found = f"SELECT 1 FROM entity_attribute a WHERE a.number = {self._row}.number AND a.attribute IN ({places})"
        return f"EXISTS ({found})"

    def _seen(self, rows: RowNode, make: Callable[[], str], *, otherwise: bool = False) -> str:
        """What is made, on these rows; on others the condition is `otherwise`."""
        if rows == EVERY_ROW:
            return make()
        if rows == NO_ROW:
            return TRUE if otherwise else FALSE
        among = self.rows(rows)
        return f"(NOT ({among}) OR {make()})" if otherwise else f"({among} AND {make()})"

    def needs(self, names: Iterable[str], visible: Visible) -> str:
        """As attrs, where nothing narrower leads: the entities are looked up by the index of attributes.

        Those are among them of which the attribute may not be seen: attrs or q, which stand beside it, leave them out.
        """
        places = ", ".join(self.bind(name) for name in names if visible.where(name) != NO_ROW)
        found = f"SELECT number FROM entity_attribute WHERE attribute IN ({places})"
        return f"{self._row}.number IN ({found})" if places else FALSE

    def scope(self, node: ScopeNode) -> str:
        """The entity has scopes that satisfy the expression (clause 4.19)."""
        if isinstance(node, str):
            table = self._dialect.json_values(self._doc, ("scope",))
            return f"EXISTS (SELECT 1 FROM {table} v WHERE {self._dialect.matches_pattern('v.txt', self.bind(node))})"
        word, parts = node
        return _joined(f" {word} ", [self.scope(part) for part in parts])

    # --- q -----------------------------------------------------------------------------------------------

    def q(self, node: QNode, visible: Visible, linked: Grant) -> str:
        """The entity satisfies the q expression (clause 4.9); an attribute that may not be seen is not there.

        Of entities that it links to may be seen what `linked` says; one that may not be seen is not there at all.
        """
        if isinstance(node, QAnd):
            # What the text of a document can deny goes first: it spares the others their look inside.
            parts = sorted(node.parts, key=lambda part: not (isinstance(part, QTerm) and _texts(part)))
            return _joined(" AND ", [self.q(part, visible, linked) for part in parts])
        if isinstance(node, QOr):
            return _joined(" OR ", [self.q(part, visible, linked) for part in node.parts])
        if isinstance(node, QLink):
            return self._seen(visible.where(node.attribute), lambda: self._link(node, linked))
        if visible.is_all or not node.path.attributes:
            return self._term(node)
        rows = visible.where(node.path.attributes[0])
        return self._seen(rows, lambda: self._term(node), otherwise=node.operator == "absent")

    def _link(self, link: QLink, linked: Grant) -> str:
        """An entity that the relationship names, found by its id, satisfies the part."""
        ways = [("attrs", link.attribute, "*", *way) for way in TARGET_WAYS]
        tables = [f"SELECT w.txt FROM {self._dialect.json_values(self._doc, way)} w" for way in ways]
        outside = self._row
        self._links += 1
        self._row = row = f"{_LINKED}{self._links}"
        parts = [self.q(link.part, linked.visible, linked), *self.restricted(linked.restriction)]
        if link.types:
            parts.append(self.types(TypeOr(link.types)))
        self._row = outside
        named = " UNION ALL ".join(tables)
        # CROSS, because it tells SQLite the order: from the ids to the entities, and not the other way round.
        found = f"SELECT 1 FROM ({named}) v CROSS JOIN entity {row} WHERE {row}.id = v.txt AND {' AND '.join(parts)}"
        return f"EXISTS ({found})"

    def restricted(self, restriction: Restriction) -> list[str]:
        """The entity may be seen; all of them hold."""
        rows = restriction.rows
        parts = rows.parts if isinstance(rows, RowAnd) else (rows,)
        # Types that all must have may lead to the entities, where nothing else does.
        return [self.types(_any_of(part)) if isinstance(part, RowTypes) else self.rows(part) for part in parts]

    def rows(self, node: RowNode) -> str:
        """The entity is among the rows: true or false, and never unknown. Rights may look at what nobody may see."""
        known = self._made.get((self._row, node))
        if known is None:
            outside, self._filtering = self._filtering, True
            known = self._made[self._row, node] = self._among(node)
            self._filtering = outside
        return known

    def _among(self, node: RowNode) -> str:
        if isinstance(node, RowTypes):
            return self.types(_any_of(node))
        if isinstance(node, RowIds):
            return self.ids(sorted(node.ids))
        if isinstance(node, RowScope):
            return self.scope(scope_node(node.scope_q))
        if isinstance(node, RowAnd):
            return _joined(" AND ", [self.rows(part) for part in node.parts]) if node.parts else TRUE
        if isinstance(node, RowOr):
            return _joined(" OR ", [self.rows(part) for part in node.parts])
        if isinstance(node, RowNot):
            return f"(NOT ({self.rows(node.part)}))"
        return self.q(node.q, ALL_ATTRIBUTES, EVERYTHING)

    def selectors(self, selectors: Sequence[Selector]) -> str:
        """The entity satisfies one of the selectors (clause 5.2.33); each is looked up by its own index."""
        outside = self._row
        self._row = "s"
        parts = [self._selected(selector) for selector in selectors]
        self._row = outside
        return f"{self._row}.number IN ({' UNION ALL '.join(parts)})"

    def _selected(self, selector: Selector) -> str:
        where = []
        if selector.types is not None:
            where.append(self.types(selector.types))
        if selector.ids:
            where.append(self.ids(selector.ids))
        elif selector.id_pattern:
            where.append(self.id_pattern(selector.id_pattern))
        return "SELECT s.number FROM entity s" + (" WHERE " + " AND ".join(where) if where else "")

    def _term(self, term: QTerm) -> str:
        if term.operator == "exists":
            return self._any(term.path, "", exists=True)
        if term.operator == "absent":
            return f"(NOT {self._any(term.path, '', exists=True)})"
        targets = term.operator in EQUALITIES
        if term.operator in {"!=", "!~="}:
            return f"({self._any(term.path, '', targets=targets)} AND NOT {self._matching(term, targets)})"
        return self._matching(term, targets)

    def _matching(self, term: QTerm, targets: bool) -> str:
        """Any of the values satisfies the comparison; one with texts can do so only where the document names them."""
        found = self._any(term.path, self._leaf(term), numbers=_numeric(term), targets=targets)
        texts = self._ahead(term)
        if not texts:
            return found
        named = _joined(" OR ", [f"{self._doc} LIKE {self.bind(_held(one))}" for one in texts])
        return f"CASE WHEN {named} THEN {found} ELSE FALSE END"

    def _ahead(self, term: QTerm) -> list[str]:
        """The texts one of which the row's document must hold."""
        return _texts(term)

    def _any(
        self, path: QPath, condition: str, *, exists: bool = False, numbers: bool = False, targets: bool = True
    ) -> str:
        """Any of the values at the path satisfies the condition on v."""
        where = f" WHERE {condition}" if condition else ""
        return _joined(
            " OR ",
            [self._at(steps, where) for steps in paths_of(path, exists=exists, numbers=numbers, targets=targets)],
        )

    def _at(self, steps: Sequence[str], where: str) -> str:
        """Any of the values at one way. A document is opened only where its text names all steps of the way."""
        names = [step for step in dict.fromkeys(steps) if step not in _EVERYWHERE and _PLAIN.match(step)]
        values = self._dialect.json_values(self._doc, steps, type_beside(steps))
        exact = f"EXISTS (SELECT 1 FROM {values} v{where})"
        if not names:
            return exact
        named = " AND ".join(f"{self._doc} LIKE {self.bind(_named(name))}" for name in names)
        # CASE, because it says the order, and because planners take a bare LIKE for rarer than it is.
        return f"CASE WHEN {named} THEN {exact} ELSE FALSE END"

    def _leaf(self, term: QTerm) -> str:
        moment = term.path.member in TIME_MEMBERS
        if term.operator in {"~=", "!~="}:
            pattern = self.bind(str(term.values[0]))
            return f"v.kind = 'string' AND {self._dialect.matches_pattern('v.txt', pattern)}"
        operator = "=" if term.operator in {"==", "!="} else term.operator
        parts = []
        for value in term.values:
            if isinstance(value, QRange):
                low, high = self._compare(value.low, ">=", moment), self._compare(value.high, "<=", moment)
                parts.append(f"({low} AND {high})")
            else:
                parts.append(self._compare(value, operator, moment))
        return _joined(" OR ", parts)

    def _compare(self, value: QValue, operator: str, moment: bool) -> str:
        if isinstance(value, bool):
            return f"(v.kind = 'boolean' AND v.txt = '{str(value).lower()}')" if operator == "=" else FALSE
        if isinstance(value, int | float):
            return f"(v.kind = 'number' AND v.num {operator} {self.bind(as_double(value))})"
        if moment:
            return f"(v.kind = 'string' AND {_key('DateTime')} {operator} {self.bind(moments.loose_key(value))})"
        return f"(v.kind = 'string' AND {self._compare_text(value, operator)})"

    def _compare_text(self, wanted: str, operator: str) -> str:
        """A text, or a moment of the type that stands beside it with one of the same kind (clause 4.9)."""
        plain = f"v.txt {operator} {self.bind(wanted)}"
        typed = self._kind_of_moment()
        kind = moments.wanted_kind(wanted)
        if kind is None:
            return f"{plain} AND {typed} IS NULL"
        key = f"{_key(kind)} {operator} {self.bind(moments.wanted_key(kind, wanted))}"
        return f"CASE coalesce({typed}, '') WHEN '' THEN {plain} WHEN '{kind}' THEN {key} ELSE FALSE END"

    def _kind_of_moment(self) -> str:
        """`moments.stored_kind` in SQL."""
        cases = []
        for kind in moments.KINDS:
            names = ", ".join(f"'{name}'" for name in moments.names_of(kind))
            written = self._dialect.matches_pattern("v.txt", f"'^{moments.WRITTEN[kind]}$'")
            cases.append(f"WHEN v.beside IN ({names}) AND {written} THEN '{kind}'")
        return f"CASE WHEN v.beside IS NULL THEN NULL {' '.join(cases)} END"

    # --- geography ---------------------------------------------------------------------------------------

    def geo(self, geo: GeoQuery, visible: Visible) -> str:
        """A geometry of the entity stands in the relation (clause 4.10)."""
        return self._seen(visible.where(geo.property), lambda: self._geo(geo))

    def _geo(self, geo: GeoQuery) -> str:
        attribute = self.bind(geo.property)
        exact = self._exact(geo, self.bind(jsontext.text(geo.geometry)), "g.geometry")
        box = boxes.box_of(geo)
        start = f"SELECT g.number FROM entity_geo g WHERE g.attribute = {attribute}"
        if box is None:
            return f"{self._row}.number IN ({start} AND {exact})"
        south, north = self.bind(box[1]), self.bind(box[3])
        west, east = self.bind(box[0]), self.bind(box[2])
        points = (
            f"g.extent = 0 AND g.min_lat >= {south} AND g.min_lat <= {north}"
            f" AND g.min_lon >= {west} AND g.min_lon <= {east}"
        )
        areas = (
            f"g.extent = 1 AND g.min_lat <= {north} AND g.max_lat >= {south}"
            f" AND g.min_lon <= {east} AND g.max_lon >= {west}"
        )
        return f"{self._row}.number IN ({start} AND {points} AND {exact} UNION ALL {start} AND {areas} AND {exact})"

    def _exact(self, geo: GeoQuery, geometry: str, stored: str) -> str:
        if geo.relation != "near":
            return self._dialect.geo_relation(stored, geo.relation, geometry)
        distance = self._dialect.geo_distance(stored, geometry)
        parts = []
        if geo.max_distance is not None:
            parts.append(f"{distance} <= {self.bind(float(geo.max_distance))}")
        if geo.min_distance is not None:
            parts.append(f"{distance} > {self.bind(float(geo.min_distance))}")
        return " AND ".join(parts) or FALSE


def _any_of(rows: RowTypes) -> TypeNode:
    return TypeOr(tuple(sorted(rows.types)))


def _key(kind: moments.Kind) -> str:
    """`moments.key` in SQL."""
    cut = f"substr(rtrim(replace(v.txt, ',', '.'), 'Z'), 1, {moments.LENGTH[kind]})"
    return f"CASE WHEN {cut} LIKE '%.%' THEN rtrim(rtrim({cut}, '0'), '.') ELSE {cut} END"


def _numeric(term: QTerm) -> bool:
    """Whether only numbers and flags can satisfy the comparison."""
    return term.operator not in {"~=", "!~="} and not any(
        isinstance(value.low if isinstance(value, QRange) else value, str) for value in term.values
    )


def _texts(term: QTerm) -> list[str]:
    """The texts one of which a document must hold as they are, to satisfy an equality; none where that is not so."""
    if term.operator not in {"==", "!="} or term.path.member in TIME_MEMBERS:
        return []
    texts = [value for value in term.values if isinstance(value, str) and _stands_as_it_is(value)]
    return texts if len(texts) == len(term.values) else []


def _stands_as_it_is(text: str) -> bool:
    """Whether what equals the text is written as it is: a moment may be written in several ways."""
    return len(text) < _LONG and _PLAIN.match(text) is not None and moments.wanted_kind(text) is None


def as_double(value: float) -> float:
    """The number as the engines compare it; an integer beyond the doubles is infinite."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _named(name: str) -> str:
    return f'%"{name}":%'


def _held(text: str) -> str:
    return f'%"{text}"%'


def _joined(word: str, parts: Sequence[str]) -> str:
    if not parts:
        return FALSE
    if len(parts) > _CHAIN:
        # A long chain is a deep tree to SQLite, which takes a depth of 1,000.
        middle = len(parts) // 2
        parts = [_joined(word, parts[:middle]), _joined(word, parts[middle:])]
    return parts[0] if len(parts) == 1 else "(" + word.join(parts) + ")"
