"""Reading current state: the typed query as one statement, so that limit, offset, count and cursor are exact."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from kumihimo.base.errors import BadRequestData, TooManyResults
from kumihimo.base.jsontext import parse, text
from kumihimo.platform.access.models import EVERY_ROW
from kumihimo.platform.access.rows import of_type
from kumihimo.platform.broker.conditions import Conditions
from kumihimo.platform.broker.leading import leading, needed_attributes
from kumihimo.platform.broker.masks import admits, masked
from kumihimo.platform.broker.models import (
    ALL_ROWS,
    Found,
    FoundTexts,
    Grant,
    Ordering,
    Query,
    Restriction,
    Visible,
)
from kumihimo.platform.broker.ordering import ordered_tx
from kumihimo.platform.broker.patterns import check_pattern
from kumihimo.platform.broker.scopes import parse_scope_q
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import Tx

MAX_SELECTED = 100_000
_PAGE = 500
_QUICK_LIMIT, _QUICK_OFFSET = 100, 1000
SMALL, _REMEMBERED = 8192, 4096
"""Of how many characters, and how many, masked entities are remembered: 64 MiB of characters in the worst case."""


async def find_tx(tx: Tx, query: Query) -> Found:
    """A page of the entities that the query selects, masked; total where count was asked."""
    found = await find_texts_tx(tx, query)
    return Found([parse(one) for one in found.texts], found.total, found.after, found.more)


async def find_texts_tx(tx: Tx, query: Query) -> FoundTexts:
    """As find_tx, the entities as texts."""
    if query.order is not None:
        return await _ordered_page_tx(tx, query, query.order)
    source, conditions, where = _statement(tx, query)
    total = None
    if query.count:
        row = await tx.fetch_one(f"SELECT count(*) FROM {source}{_where(where)}", *conditions.parameters)
        total = int(row[0]) if row is not None else 0
    if query.limit <= 0:
        return FoundTexts(total=total)
    number = _number(source)
    if query.after:
        where.append(f"{number} > {conditions.bind(cursor_number(query.after))}")
    limit, offset = conditions.bind(query.limit + 1), conditions.bind(query.offset)
    rows = await tx.fetch(
        f"SELECT {number}, e.doc FROM {source}{_where(where)} ORDER BY {number} LIMIT {limit} OFFSET {offset}",
        *conditions.parameters,
    )
    page = rows[: query.limit]
    more = len(rows) > query.limit
    after = cursor(page[-1][0]) if more else ""
    return FoundTexts([_masked_text(row[1], query.visible) for row in page], total, after, more)


async def _ordered_page_tx(tx: Tx, query: Query, order: Ordering) -> FoundTexts:
    """A page of the entities in the order asked for; with one order the whole is known, and so is its number."""
    if query.after:
        raise BadRequestData("the page's cursor is of the order of creation; leave it away, or orderBy")
    source, conditions, where = _statement(tx, query)
    numbers = await ordered_tx(tx, source, _number(source), conditions, where, order, query.visible)
    total = len(numbers) if query.count else None
    end = query.offset + query.limit
    page = numbers[query.offset : end]
    if not page:
        return FoundTexts(total=total)
    places = ", ".join(f"${place}" for place in range(1, len(page) + 1))
    docs = {
        row[0]: row[1] for row in await tx.fetch(f"SELECT number, doc FROM entity WHERE number IN ({places})", *page)
    }
    texts = [_masked_text(docs[number], query.visible) for number in page]
    return FoundTexts(texts, total, more=len(numbers) > end)


def is_quick(query: Query) -> bool:
    """Whether the query reads no more than a page's beginning of one type, so that others may wait for it. Rights may
    hang on the type then, and on nothing else of an entity.
    """
    if not isinstance(query.types, str) or query.order is not None:
        return False
    asks_more = query.ids or query.id_pattern or query.geo or query.attrs or query.scope_q or query.q or query.count
    few = query.limit <= _QUICK_LIMIT and query.offset <= _QUICK_OFFSET
    is_open = query.restriction.everything or of_type(query.restriction.rows, query.types) == EVERY_ROW
    is_plain = query.visible.flat is not None or query.visible.of_type(query.types).flat is not None
    return few and is_open and is_plain and not asks_more


async def selected_tx(tx: Tx, query: Query) -> list[tuple[int, str]]:
    """Numbers and ids of all entities that the query selects, whatever its page; TooManyResults over 100,000."""
    source, conditions, where = _statement(tx, query)
    number = _number(source)
    rows = await tx.fetch(
        f"SELECT {number}, e.id FROM {source}{_where(where)} ORDER BY {number} LIMIT {MAX_SELECTED + 1}",
        *conditions.parameters,
    )
    if len(rows) > MAX_SELECTED:
        raise TooManyResults(f"the query selects more than {MAX_SELECTED} entities; narrow it by type, id or place")
    return [(row[0], row[1]) for row in rows]


async def stored_tx(tx: Tx, entity_id: str) -> str | None:
    """The text of one entity as it is stored, whole: for `seen_text`, or rooms that ask what may be seen of it."""
    row = await tx.fetch_one("SELECT doc FROM entity WHERE id = $1", entity_id)
    return None if row is None else str(row[0])


async def get_tx(tx: Tx, entity_id: str, restriction: Restriction, visible: Visible) -> EntityDoc | None:
    """One entity, masked; None where there is none that may be seen."""
    stored = await stored_tx(tx, entity_id)
    found = None if stored is None else seen_text(stored, restriction, visible)
    return None if found is None else parse(found)


async def docs_tx(tx: Tx, ids: Sequence[str]) -> dict[str, EntityDoc]:
    """Those of the entities that stand, whole, for rooms that have to ask what somebody may see of them."""
    rows = await tx.fetch(f"SELECT id, doc FROM entity WHERE {tx.dialect.any_of('id', '$1')}", text(list(ids)))
    return {row[0]: parse(row[1]) for row in rows}


async def types_tx(tx: Tx, restriction: Restriction, visible: Visible) -> list[tuple[str, list[str], int]]:
    """Type, attributes of its entities, and their number, as far as they may be seen; sorted by type."""
    found: dict[str, tuple[dict[str, None], list[int]]] = {}
    after = -1
    while True:
        rows = await tx.fetch("SELECT number, doc FROM entity WHERE number > $1 ORDER BY number LIMIT $2", after, _PAGE)
        for _, stored in rows:
            doc: EntityDoc = parse(stored)
            if not admits(restriction, doc):
                continue
            names = dict.fromkeys(masked(doc, visible)["attrs"])
            for one in dict.fromkeys(doc["type"]):
                attrs, count = found.setdefault(one, ({}, [0]))
                attrs.update(names)
                count[0] += 1
        if len(rows) < _PAGE:
            return [(one, sorted(found[one][0]), found[one][1][0]) for one in sorted(found)]
        after = rows[-1][0]


def _masked_text(stored: str, visible: Visible) -> str:
    return seen_text(stored, ALL_ROWS, visible) or ""  # of all rows there is one


def seen_text(stored: str, restriction: Restriction, visible: Visible) -> str | None:
    """What may be seen of the document that was stored as this text; None where the entity may not be seen."""
    if restriction.everything and visible.is_all:
        return stored
    return (_seen if len(stored) <= SMALL else _seen.__wrapped__)(stored, restriction, visible)


@lru_cache(maxsize=_REMEMBERED)
def _seen(stored: str, restriction: Restriction, visible: Visible) -> str | None:
    """It hangs on nothing but what is given: an entity that changed, or other rights, are another question."""
    doc: EntityDoc = parse(stored)
    if not admits(restriction, doc):
        return None
    seen = masked(doc, visible)
    return stored if len(seen["attrs"]) == len(doc["attrs"]) else text(seen)


def cursor(number: int) -> str:
    """The opaque text for "behind the entity of this number"."""
    return base64.urlsafe_b64encode(f"1:{number}".encode()).decode().rstrip("=")


def cursor_number(text: str) -> int:
    """The number in a cursor; BadRequestData for one that `cursor` did not give."""
    try:
        version, number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").split(":")
        if version == "1" and number.isdecimal() and len(number) < 19:
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise BadRequestData("the page's cursor is not one that this platform gave; begin again without it")


def _number(source: str) -> str:
    return "t.number" if " t JOIN " in source else "e.number"


def _where(parts: list[str]) -> str:
    return " WHERE " + " AND ".join(parts) if parts else ""


def _statement(tx: Tx, query: Query) -> tuple[str, Conditions, list[str]]:
    """The tables, what is bound, and the conditions.

    Where one type or attribute is certain, its index leads, so that a page of a large type is read from its beginning
    and no further.
    """
    conditions = Conditions(tx.dialect)
    restriction, visible = query.restriction, query.visible
    lead = leading(query)
    if lead.type and not (restriction.everything and visible.is_all):
        # The type is certain: what rights ask of types needs no look, and mostly nothing is left of them.
        restriction, visible = Restriction(of_type(restriction.rows, lead.type)), visible.of_type(lead.type)
    where: list[str] = []
    source = "entity e"
    if lead.type:
        source = "entity_type t JOIN entity e ON e.number = t.number"
        where.append(f"t.type = {conditions.bind(lead.type)}")
    elif lead.attribute:
        source = "entity_attribute t JOIN entity e ON e.number = t.number"
        where.append(f"t.attribute = {conditions.bind(lead.attribute)}")
    elif (needed := needed_attributes(query)) and not (query.ids or query.selectors or query.geo):
        where.append(conditions.needs(sorted(needed), visible))
    parts: list[tuple[Any, Callable[[Any], str]]] = [
        (lead.rest, conditions.types),
        (query.ids, conditions.ids),
        (query.id_pattern and check_pattern(query.id_pattern), conditions.id_pattern),
        (query.selectors, conditions.selectors),
        (query.geo, lambda geo: conditions.geo(geo, visible)),
        (query.attrs, lambda names: conditions.attrs(names, visible)),
        (query.scope_q and parse_scope_q(query.scope_q), conditions.scope),
        (query.q, lambda q: conditions.q(q, visible, Grant(query.restriction, query.visible))),
    ]
    where += [make(value) for value, make in parts if value]
    if not restriction.everything:
        where += conditions.restricted(restriction)
    return source, conditions, where
