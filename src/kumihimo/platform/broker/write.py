"""The write contract: a batch of changes in, outcomes out, in the one transaction that was handed over (decision 6).

State, history and log are written together. One change that is refused does not touch its neighbours; two changes
of one entity in a batch see each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.errors import Problem
from kumihimo.base.events import LOG_VERSION
from kumihimo.base.jsontext import text
from kumihimo.platform.broker import expiry, store
from kumihimo.platform.broker.instances import check_bytes, check_size, check_storable, dataset_of, moment
from kumihimo.platform.broker.log import head_tx
from kumihimo.platform.broker.merge import Effect
from kumihimo.platform.broker.models import Change, HistoryKind, HistoryRow, Outcome, Remember
from kumihimo.platform.broker.permit import planned
from kumihimo.platform.jsonld.models import NGSI_LD, EntityDoc, Instance
from kumihimo.storage.database import Tx

_SCOPE = NGSI_LD + "scope"
_KINDS = {"created": "entityCreated", "updated": "entityUpdated", "deleted": "entityDeleted"}


async def apply_tx(tx: Tx, changes: Sequence[Change], call: Call, now: datetime, remember: Remember) -> list[Outcome]:
    """Applies the changes of one call in order; one outcome each, a refused one with its Problem."""
    return (await apply_calls_tx(tx, [(call, changes)], now, remember))[0]


async def apply_calls_tx(
    tx: Tx, calls: Sequence[tuple[Call, Sequence[Change]]], now: datetime, remember: Remember
) -> list[list[Outcome]]:
    """Applies the changes of several calls as one batch, in order; for each call one outcome for each of its changes.

    Where another transaction could interleave, the engine's write lock of the tenant stands in between: the
    database runs the works of one tenant one after the other.
    """
    held = await store.held_tx(tx, list({change.id for _, changes in calls for change in changes}))
    batch = _Batch(held, await head_tx(tx), now)
    outcomes = [batch.take(change, call) for call, changes in calls for change in changes]
    if batch.history:
        doubles = await remember(tx, batch.history)
        for place in doubles or ():
            late = batch.late.get(place)
            if late is not None:
                outcomes[late] = replace(outcomes[late], stale=False, duplicate=True)
    await batch.write_tx(tx)
    given = iter(outcomes)
    return [list(islice(given, len(changes))) for _, changes in calls]


@dataclass(slots=True)
class _Held:
    """An entity of the batch: what stood before it, what stands now, and what must be written for it.

    created_number is the one it had in the store before the batch, 0 for none.
    """

    doc: EntityDoc | None
    number: int
    stored_number: int
    text: str = ""
    types_touched: bool = False
    names_touched: bool = False
    geo_touched: bool = False


class _Batch:
    """The changes of one batch while they are planned; writes nothing before `write_tx`."""

    def __init__(self, held: dict[str, tuple[int, EntityDoc]], head: int, now: datetime) -> None:
        self._stored = held
        self._seq = head
        self._at = times.micros(now)
        self._now = times.text(now)
        self._entities: dict[str, _Held] = {}
        self._gone: list[int] = []
        self._log: list[store.LogRow] = []
        self._places = 0
        self.history: list[HistoryRow] = []
        self.late: dict[int, int] = {}

    def take(self, change: Change, call: Call) -> Outcome:
        """Plans one change; the outcome it will have."""
        place = self._places
        self._places += 1
        entity = self._entities.get(change.id)
        if entity is None:
            number, doc = self._stored.get(change.id, (0, None))
            entity = _Held(doc, number, number)
        try:
            check_storable(change.doc)
            effect = planned(entity.doc, change, self._now)
            check_size(effect.doc)
            whole = self._text(entity.doc, effect)
        except Problem as problem:
            return Outcome(change.id, "refused", problem=problem)
        if effect.late:
            self.late[len(self.history)] = place
            self._remember(change.id, effect, 0)
        if effect.status == "unchanged":
            return Outcome(
                change.id,
                "unchanged",
                not_updated=tuple(effect.not_updated),
                stale=effect.late,
                duplicate=effect.duplicate,
            )
        self._entities[change.id] = entity
        return self._change(change, call, entity, effect, whole)

    @staticmethod
    def _text(before: EntityDoc | None, effect: Effect) -> str:
        """The entity as it will be stored, or was where it is deleted; PayloadTooLarge where it is too long."""
        if effect.status == "unchanged":
            return ""
        if effect.doc is None:
            return text(before)
        whole = text(effect.doc)
        check_bytes(effect.doc, whole, before)
        return whole

    def _change(self, change: Change, call: Call, entity: _Held, effect: Effect, whole: str) -> Outcome:
        self._seq += 1
        seq, before, doc = self._seq, entity.doc, effect.doc
        _touch(entity, effect)
        entity.doc = doc
        if before is None:
            entity.number = seq
        elif doc is None and entity.number == entity.stored_number:
            self._gone.append(entity.number)
            entity.stored_number = 0
        entity.text = whole
        changed, deleted = effect.changed(), effect.deleted()
        self._remember_head(change.id, before, doc, seq)
        self._remember(change.id, effect, seq)
        self._remember_scope(change.id, before, doc, seq, len(effect.written) + len(effect.removed))
        names = changed + deleted if before is not None else ()
        previous = {name: effect.previous[name] for name in names if name in effect.previous}
        self._log.append(
            (
                seq,
                self._at,
                _KINDS[effect.status],
                change.id,
                whole,
                text(changed),
                text(deleted),
                text(previous) if previous else "{}",
                str(call.actor),
                call.purpose,
                call.cause,
                call.request_id,
                "",
                LOG_VERSION,
            )
        )
        updated = changed + deleted if effect.status != "deleted" else ()
        return Outcome(change.id, effect.status, seq, updated=updated, not_updated=tuple(effect.not_updated))

    def _remember_head(self, entity_id: str, before: EntityDoc | None, doc: EntityDoc | None, seq: int) -> None:
        if doc is None:
            self.history.append(HistoryRow("entityDeleted", entity_id, self._at, seq))
        elif before is None or before["type"] != doc["type"]:
            self.history.append(HistoryRow("entity", entity_id, self._at, seq, types=tuple(doc["type"])))

    def _remember_scope(
        self, entity_id: str, before: EntityDoc | None, doc: EntityDoc | None, seq: int, ordinal: int
    ) -> None:
        """Clause 4.5.6: over time the scope is a Property, observed when it was changed."""
        old = before.get("scope", []) if before is not None else []
        new = doc.get("scope", []) if doc is not None else []
        if old == new:
            return
        instance: Instance = {"type": "Property", "createdAt": self._now, "modifiedAt": self._now}
        if new:
            instance |= {"value": new[0] if len(new) == 1 else new, "observedAt": self._now}
        kind: HistoryKind = "instance" if new else "tombstone"
        seen = self._at if new else None
        self.history.append(HistoryRow(kind, entity_id, self._at, seq, ordinal, _SCOPE, "", seen, instance))

    def _remember(self, entity_id: str, effect: Effect, seq: int) -> None:
        ordinal = 0
        for name, instance in effect.written:
            observed = instance.get("observedAt")
            self.history.append(
                HistoryRow(
                    "reading" if effect.reading else "instance",
                    entity_id,
                    self._at,
                    seq,
                    ordinal,
                    name,
                    dataset_of(instance),
                    None if observed is None else moment(observed),
                    instance,
                )
            )
            ordinal += 1
        for name, instance in effect.removed:
            self.history.append(
                HistoryRow("tombstone", entity_id, self._at, seq, ordinal, name, dataset_of(instance), None, instance)
            )
            ordinal += 1

    async def write_tx(self, tx: Tx) -> None:
        """Writes what was planned: entities with their index rows, then the log."""
        if not self._log:
            return
        if self._gone:
            await store.delete_entities_tx(tx, self._gone)
        standing = [(one, one.doc) for one in self._entities.values() if one.doc is not None]
        fresh = [(one.number, doc["id"], one.text) for one, doc in standing if one.number != one.stored_number]
        if fresh:
            await store.insert_entities_tx(tx, fresh)
        rewritten = [(one.text, one.number) for one, _ in standing if one.number == one.stored_number]
        if rewritten:
            await store.update_entities_tx(tx, rewritten)
        types = [(one, doc) for one, doc in standing if one.types_touched]
        if types:
            stale = [one.number for one, _ in types if one.number == one.stored_number]
            await store.index_types_tx(tx, [(one.number, doc) for one, doc in types], stale)
        names = [(one, doc) for one, doc in standing if one.names_touched]
        if names:
            stale = [one.number for one, _ in names if one.number == one.stored_number]
            await store.index_attributes_tx(tx, [(one.number, doc) for one, doc in names], stale)
        geo = [(one, doc) for one, doc in standing if one.geo_touched]
        if geo:
            stale = [one.number for one, _ in geo if one.number == one.stored_number]
            await store.index_geo_tx(tx, [(one.number, doc) for one, doc in geo], stale)
        expiring = [(one.number, doc) for one, doc in standing if self._expires(one, doc)]
        if expiring:
            await expiry.index_tx(tx, expiring)
        await store.insert_log_tx(tx, self._log)

    def _expires(self, entity: _Held, doc: EntityDoc) -> bool:
        """Whether the index of what expires may have to change."""
        if expiry.may_expire(entity.text):
            return True
        before = self._stored.get(doc["id"]) if entity.number == entity.stored_number else None
        return before is not None and expiry.soonest(before[1]) is not None


def _touch(entity: _Held, effect: Effect) -> None:
    """Notes which index rows the change makes wrong."""
    before, doc = entity.doc, effect.doc
    if doc is None:
        return
    if before is None:
        entity.types_touched = entity.names_touched = entity.geo_touched = True
        return
    entity.names_touched = entity.names_touched or before["attrs"].keys() != doc["attrs"].keys()
    entity.types_touched = entity.types_touched or before["type"] != doc["type"]
    if entity.geo_touched:
        return
    names = {name for name, _ in effect.written} | effect.previous.keys()
    entity.geo_touched = any(_geometries(before, name) != _geometries(doc, name) for name in names)


def _geometries(doc: EntityDoc, name: str) -> list[Any]:
    """What the geometry index holds of an attribute: most entities tell their place with every reading and stay."""
    return [one.get("value") for one in doc["attrs"].get(name, ()) if one["type"] == "GeoProperty"]
