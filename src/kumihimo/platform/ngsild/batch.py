"""Batches: many entities in one request, one transaction, one answer for each (clauses 6.14 to 6.17, 6.23, 6.31)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kumihimo.base.errors import BadRequestData, PayloadTooLarge, Problem
from kumihimo.base.ids import is_uri
from kumihimo.platform.broker.models import Change, Merging, Op, Outcome
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.expand import expand_entity
from kumihimo.platform.ngsild.answers import Answer, done, plain
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.attributes import read_options
from kumihimo.platform.ngsild.bodies import Body, read_body, split_context
from kumihimo.platform.ngsild.entities import read_merging
from kumihimo.platform.ngsild.parameters import read_form
from kumihimo.platform.ngsild.table import Operation, Resource

MAX_ITEMS = 1000
PLAIN = Merging()


@dataclass(slots=True)
class Tally:
    """What became of each item: ids that came to be, ids that went well (in order), and errors."""

    created: list[str] = field(default_factory=list)
    success: list[str] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, entity_id: str, problem: Problem) -> None:
        """A BatchEntityError (clause 5.2.17)."""
        self.errors.append({"entityId": entity_id, "error": problem.document()})

    def count(self, outcome: Outcome, context: Context | None) -> None:
        """Adds what the broker said of an item; some attributes left out is an error of this item."""
        if outcome.problem is not None:
            self.refuse(outcome.id, outcome.problem)
        elif outcome.not_updated:
            names = ", ".join(context.compact(name) if context else name for name, _ in outcome.not_updated)
            self.refuse(outcome.id, BadRequestData(f"not written: {names}; {outcome.not_updated[0][1]}"))
        else:
            self.success.append(outcome.id)
            if outcome.status == "created":
                self.created.append(outcome.id)

    def answer(self) -> Answer:
        """207 with both lists where there is an error, 201 with the ids that came to be, else 204."""
        if self.errors:
            return plain(207, {"success": list(dict.fromkeys(self.success)), "errors": self.errors})
        return plain(201, self.created) if self.created else done()


async def batch_create(ask: Ask) -> Answer:
    """Clause 6.14.3.1 (5.6.7): creates entities.

    201 with their ids; 207 where one was refused.
    """
    return await _batch(ask, Op.CREATE)


async def batch_upsert(ask: Ask) -> Answer:
    """Clause 6.15.3.1 (5.6.8): creates entities, and replaces those that exist (options=update: adds to them).

    201 with the ids that came to be, 204 where there are none; 207 where one was refused.
    """
    options = read_options(ask, "replace", "update")
    if len(options) > 1:
        raise BadRequestData("options has replace and update; give one")
    return await _batch(ask, Op.UPSERT_UPDATE if options == ["update"] else Op.UPSERT)


async def batch_update(ask: Ask) -> Answer:
    """Clause 6.16.3.1 (5.6.9): adds attributes to entities; those they have are overwritten, unless noOverwrite.

    204; 207 where one was refused or some of its attributes were left as they were.
    """
    only_new = "noOverwrite" in read_options(ask, "noOverwrite", "replace", "update")
    return await _batch(ask, Op.APPEND_NEW if only_new else Op.APPEND)


async def batch_merge(ask: Ask) -> Answer:
    """Clause 6.31.3.1 (5.6.20): merges fragments into entities, in depth; the NGSI-LD Null deletes.

    204; 207 where one was refused. The form, observedAt and lang are those of a merge of one entity, for all items.
    """
    form = read_form(ask.query)
    return await _batch(ask, Op.MERGE, read_merging(ask.query, form))


async def batch_delete(ask: Ask) -> Answer:
    """Clause 6.17.3.1 (5.6.10): deletes entities by their ids.

    204; 207 where one was not there.
    """
    allowed = await ask.allowed("delete")
    body = await read_body(ask)
    tally = Tally()
    changes: list[Change] = []
    for item in _items(body):
        if not isinstance(item, str):
            raise BadRequestData("the body must be an array of entity ids")
        if is_uri(item):
            changes.append(Change(Op.DELETE, item, allowed=allowed))
        else:
            tally.refuse(item, BadRequestData(f"{item[:100]!r} is not a URI"))
    await _apply(ask, changes, [None] * len(changes), tally)
    return tally.answer()


async def _batch(ask: Ask, op: Op, merging: Merging = PLAIN) -> Answer:
    """Reads every item with its own @context, applies those that can be read, in order, in one transaction."""
    allowed = await ask.allowed("write")
    body = await read_body(ask)
    items = _items(body)
    if not all(isinstance(item, dict) for item in items):
        raise BadRequestData("the body must be an array of entities; one of its items is no object")
    tally = Tally()
    changes: list[Change] = []
    contexts: list[Context | None] = []
    for item in items:
        try:
            fragment, context = await split_context(ask, body, item)
            doc = expand_entity(fragment, context, simplified=merging.simplified, nulls=op is Op.MERGE)
        except Problem as problem:
            tally.refuse(_id_of(item), problem)
            continue
        changes.append(Change(op, doc["id"], doc, merging=merging, allowed=allowed))
        contexts.append(context)
    await _apply(ask, changes, contexts, tally)
    return tally.answer()


async def _apply(ask: Ask, changes: Sequence[Change], contexts: Sequence[Context | None], tally: Tally) -> None:
    if not changes:
        return
    for outcome, context in _pairs(await ask.face.broker.apply(ask.call, changes), contexts):
        tally.count(outcome, context)


def _pairs(outcomes: Sequence[Outcome], contexts: Sequence[Context | None]) -> Iterator[tuple[Outcome, Context | None]]:
    return zip(outcomes, contexts, strict=True)


def _items(body: Body) -> list[Any]:
    """The batch: an array of 1 to MAX_ITEMS."""
    items = body.value
    if not isinstance(items, list) or not items:
        raise BadRequestData("the body must be an array that is not empty")
    if len(items) > MAX_ITEMS:
        raise PayloadTooLarge(f"the batch has {len(items)} items; at most {MAX_ITEMS} are taken")
    return items


def _id_of(item: dict[str, Any]) -> str:
    """The id of an item that could not be read, as far as it has one."""
    found = item.get("id", item.get("@id", ""))
    return found[:200] if isinstance(found, str) else ""


RESOURCES = (
    Resource("/entityOperations/create", {"POST": Operation(batch_create, creates=True)}),
    Resource("/entityOperations/upsert", {"POST": Operation(batch_upsert, frozenset({"options"}), creates=True)}),
    Resource("/entityOperations/update", {"POST": Operation(batch_update, frozenset({"options"}))}),
    Resource(
        "/entityOperations/merge",
        {"POST": Operation(batch_merge, frozenset({"options", "format", "observedAt", "lang"}))},
    ),
    Resource("/entityOperations/delete", {"POST": Operation(batch_delete)}),
)
