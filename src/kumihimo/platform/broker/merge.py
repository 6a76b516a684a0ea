"""What a change makes of an entity: pure functions from the document that stands to the one that shall stand.

No SQL, no clock. Documents are treated as immutable: what changes is copied, what stays is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from kumihimo.base.errors import AlreadyExists, BadRequestData, ResourceNotFound
from kumihimo.platform.broker.fit import fit
from kumihimo.platform.broker.instances import (
    bounded,
    dataset_of,
    find,
    is_null,
    merged,
    order,
    patched,
    put,
    same_reading,
    stamped,
    take_out,
    without_nulls,
)
from kumihimo.platform.broker.models import Change, Op, OutcomeStatus
from kumihimo.platform.jsonld.models import NGSI_LD_NULL, EntityDoc, Instance

Attrs = dict[str, list[Instance]]


@dataclass(slots=True)
class Effect:
    """What one change does. doc is the entity afterwards, None where it is deleted.

    written and removed hold the instances for history; previous the attributes as they were. Where late is set,
    only history changes, and where status is "unchanged" without it, nothing does.
    """

    doc: EntityDoc | None
    status: OutcomeStatus
    written: list[tuple[str, Instance]] = field(default_factory=list)
    removed: list[tuple[str, Instance]] = field(default_factory=list)
    previous: Attrs = field(default_factory=dict)
    not_updated: list[tuple[str, str]] = field(default_factory=list)
    late: bool = False
    duplicate: bool = False
    reading: bool = False

    def changed(self) -> tuple[str, ...]:
        """Attributes that were written, or lost an instance and still stand."""
        attrs = self.doc["attrs"] if self.doc is not None else {}
        names = dict.fromkeys(name for name, _ in self.written)
        names.update(dict.fromkeys(name for name, _ in self.removed))
        return tuple(name for name in names if name in attrs)

    def deleted(self) -> tuple[str, ...]:
        """Attributes that no longer stand."""
        attrs = self.doc["attrs"] if self.doc is not None else {}
        return tuple(name for name in dict.fromkeys(name for name, _ in self.removed) if name not in attrs)


def plan(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    """The effect of the change on the document that stands (None: no such entity); `now` as `base.times` writes it.

    Raises the Problem with which the change is refused: AlreadyExists, ResourceNotFound, BadRequestData or
    PayloadTooLarge.
    """
    return _PLANS[change.op](doc, change, now)


# --- the whole entity --------------------------------------------------------------------------------------


def _body(change: Change) -> EntityDoc:
    if change.doc is None:
        raise BadRequestData(f"{change.op.value} of {change.id} needs a document")
    return change.doc


def _standing(doc: EntityDoc | None, change: Change) -> EntityDoc:
    if doc is None:
        raise ResourceNotFound(f"there is no entity {change.id}")
    return doc


def _instances(body: EntityDoc) -> Iterator[tuple[str, Instance]]:
    for name, instances in body.get("attrs", {}).items():
        for instance in bounded(name, instances):
            yield name, instance


def _whole(body: EntityDoc, change: Change, now: str, old: EntityDoc | None) -> Effect:
    """The body as the whole entity, in place of `old` where there is one."""
    if not body.get("type"):
        raise BadRequestData(f"entity {change.id} needs a type")
    held = old["attrs"] if old is not None else {}
    attrs: Attrs = {}
    written: list[tuple[str, Instance]] = []
    for name, instance in _instances(body):
        _refuse_null(name, instance)
        before = find(held.get(name), dataset_of(instance))
        new = stamped(instance, now, before)
        put(attrs, name, new)
        written.append((name, new))
    attrs |= {name: held[name] for name in change.keeps}
    removed = [
        (name, one)
        for name, instances in held.items()
        for one in instances
        if find(attrs.get(name), dataset_of(one)) is None
    ]
    created = old.get("createdAt", now) if old is not None else now
    doc = cast(
        "EntityDoc",
        {**body, "id": change.id, "createdAt": created, "modifiedAt": now, "attrs": attrs},
    )
    return Effect(doc, "updated" if old is not None else "created", written, removed, dict(held))


def _refuse_null(name: str, instance: Instance) -> None:
    if is_null(instance):
        raise BadRequestData(f"{name}: the NGSI-LD Null is only for update, partial update and merge (clause 4.5.0)")


def _create(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    if doc is not None:
        raise AlreadyExists(f"entity {change.id} exists already")
    return _whole(_body(change), change, now, None)


def _upsert(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    return _whole(_body(change), change, now, doc)


def _replace(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    held, body = _standing(doc, change), _body(change)
    # Clause 5.6.18 lets the type be left out; then it stays.
    whole = body if body.get("type") else cast("EntityDoc", {**body, "type": held["type"]})
    return _whole(whole, change, now, held)


def _upsert_update(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    if doc is None:
        return _whole(_body(change), change, now, None)
    return _append(doc, change, now)


def _delete(doc: EntityDoc | None, change: Change, now: str) -> Effect:  # noqa: ARG001 - one shape for all plans
    held = _standing(doc, change)
    removed = [(name, one) for name, instances in held["attrs"].items() for one in instances]
    return Effect(None, "deleted", [], removed, held["attrs"])


# --- some attributes ---------------------------------------------------------------------------------------


class _Draft:
    """A document under change: copies an attribute's list when it is first touched, and notes what it was."""

    __slots__ = ("attrs", "effect", "head", "held")

    def __init__(self, doc: EntityDoc) -> None:
        self.held = doc
        self.attrs: Attrs = dict(doc["attrs"])
        self.effect = Effect(doc, "unchanged")
        self.head: dict[str, Any] = {}

    def _touch(self, name: str) -> None:
        if name in self.effect.previous:
            return
        if name in self.attrs:
            self.effect.previous[name] = self.attrs[name]
            self.attrs[name] = list(self.attrs[name])

    def write(self, name: str, instance: Instance) -> None:
        """Puts the instance in the place of the one with its datasetId, or beside the others."""
        self._touch(name)
        put(self.attrs, name, instance)
        self.effect.written.append((name, instance))

    def remove(self, name: str, dataset: str) -> None:
        """Takes the instance out; it must be there."""
        self._touch(name)
        self.effect.removed.append((name, take_out(self.attrs, name, dataset)))

    def add_head(self, body: EntityDoc, *, overwrite: bool = True) -> None:
        """Types are added to those there are (clause 5.6.3); scope is set."""
        types = self.held["type"]
        more = [one for one in body.get("type", ()) if one not in types]
        if more:
            self.head["type"] = [*types, *more]
        scope = body.get("scope")
        if scope is not None:
            # Clause 5.6.3.4: where nothing is overwritten, scopes are added to those there are.
            kept = [] if overwrite else self.held.get("scope", [])
            self.head["scope"] = list(dict.fromkeys([*kept, *scope]))
        expires = body.get("expiresAt")
        if expires is not None:
            self.head["expiresAt"] = expires

    def finish(self, now: str) -> Effect:
        """The effect, with the document made whole."""
        effect = self.effect
        if not (effect.written or effect.removed or self.head):
            return effect
        doc: dict[str, Any] = {**self.held, **self.head, "modifiedAt": now, "attrs": self.attrs}
        for member, value in self.head.items():
            if value in (NGSI_LD_NULL, [NGSI_LD_NULL]):
                del doc[member]
        effect.doc = cast("EntityDoc", doc)
        effect.status = "updated"
        return effect


def _append(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    held = _standing(doc, change)
    body, draft = _body(change), _Draft(held)
    draft.add_head(body)
    for name, instance in _instances(body):
        _refuse_null(name, instance)
        draft.write(name, stamped(instance, now, find(draft.attrs.get(name), dataset_of(instance))))
    return draft.finish(now)


def _append_new(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    held = _standing(doc, change)
    body, draft = _body(change), _Draft(held)
    draft.add_head(body, overwrite=False)
    for name, instance in _instances(body):
        _refuse_null(name, instance)
        if find(draft.attrs.get(name), dataset_of(instance)) is not None:
            draft.effect.not_updated.append((name, "the attribute exists already and noOverwrite was asked"))
            continue
        draft.write(name, stamped(instance, now, None))
    return draft.finish(now)


def _update(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    held = _standing(doc, change)
    body, draft = _body(change), _Draft(held)
    if "scope" in body and "scope" not in held:
        # Clause 5.6.2.4: what is not there is not updated.
        draft.effect.not_updated.append(("scope", "the entity has no scope; append it instead"))
        body = cast("EntityDoc", {member: value for member, value in body.items() if member != "scope"})
    draft.add_head(body)
    for name, instance in _instances(body):
        dataset = dataset_of(instance)
        before = find(draft.attrs.get(name), dataset)
        if not is_null(instance):
            # Clause 5.6.2.4: what the entity lacks is appended, be it the attribute or an instance of it.
            draft.write(name, stamped(without_nulls(instance), now, before))
        elif before is not None:
            draft.remove(name, dataset)
        else:
            draft.effect.not_updated.append((name, "the entity has no such attribute to delete"))
    return draft.finish(now)


def _merge(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    held = _standing(doc, change)
    body, draft = _body(change), _Draft(held)
    draft.add_head(body)
    for name, given in _instances(body):
        dataset = dataset_of(given)
        before = find(draft.attrs.get(name), dataset)
        if is_null(given):
            if before is not None:
                draft.remove(name, dataset)
        else:
            draft.write(name, merged(name, before, fit(name, before, given, change.merging), now))
    return draft.finish(now)


# --- one attribute -----------------------------------------------------------------------------------------


def _partial_update(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    held = _standing(doc, change)
    name, dataset = change.attribute, change.dataset
    before = find(held["attrs"].get(name), dataset)
    if before is None:
        raise ResourceNotFound(f"entity {change.id} has no attribute {_named(change)}")
    fragments = _body(change).get("attrs", {}).get(name, [])
    if len(fragments) != 1:
        raise BadRequestData(f"a partial update of {name} takes one fragment, not {len(fragments)}")
    draft = _Draft(held)
    if is_null(fragments[0]):
        draft.remove(name, dataset)
    else:
        draft.write(name, patched(name, before, fragments[0], now))
    return draft.finish(now)


def _replace_attribute(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    held = _standing(doc, change)
    draft = _Draft(held)
    for name, instance in _instances(_body(change)):
        before = find(held["attrs"].get(name), dataset_of(instance))
        if before is None:
            raise ResourceNotFound(f"entity {change.id} has no such instance of the attribute {name}")
        if is_null(instance):
            raise BadRequestData(f"{name} cannot be replaced by urn:ngsi-ld:null; delete it instead")
        draft.write(name, stamped(instance, now, before))
    return draft.finish(now)


def _delete_attribute(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    held = _standing(doc, change)
    name, draft = change.attribute, _Draft(held)
    if change.every:
        datasets = [dataset_of(one) for one in held["attrs"].get(name, [])]
    else:
        datasets = [change.dataset] if find(held["attrs"].get(name), change.dataset) is not None else []
    if not datasets:
        raise ResourceNotFound(f"entity {change.id} has no attribute {_named(change)}")
    for dataset in datasets:
        draft.remove(name, dataset)
    return draft.finish(now)


def _named(change: Change) -> str:
    return f"{change.attribute} with datasetId {change.dataset}" if change.dataset else change.attribute


# --- readings ----------------------------------------------------------------------------------------------


def _reading(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    """Decision 4: a duplicate is ignored, an older reading is late, another value at the same moment corrects."""
    body = _body(change)
    found = list(_instances(body))
    if len(found) != 1 or "observedAt" not in found[0][1]:
        raise BadRequestData(f"a reading of {change.id} is one attribute instance with observedAt")
    if doc is None:
        effect = _whole(body, change, now, None)
        effect.reading = True
        return effect
    name, instance = found[0]
    before = find(doc["attrs"].get(name), dataset_of(instance))
    new = stamped(instance, now, before)
    if before is not None and "observedAt" in before:
        place = order(before, new)
        if place == 0 and same_reading(before, new):
            return Effect(doc, "unchanged", duplicate=True, reading=True)
        if place > 0:
            return Effect(doc, "unchanged", [(name, new)], late=True, reading=True)
    draft = _Draft(doc)
    draft.write(name, new)
    draft.effect.reading = True
    return draft.finish(now)


_PLANS: dict[Op, Callable[[EntityDoc | None, Change, str], Effect]] = {
    Op.CREATE: _create,
    Op.UPSERT: _upsert,
    Op.UPSERT_UPDATE: _upsert_update,
    Op.REPLACE: _replace,
    Op.APPEND: _append,
    Op.APPEND_NEW: _append_new,
    Op.UPDATE: _update,
    Op.REPLACE_ATTRIBUTE: _replace_attribute,
    Op.PARTIAL_UPDATE: _partial_update,
    Op.MERGE: _merge,
    Op.DELETE_ATTRIBUTE: _delete_attribute,
    Op.DELETE: _delete,
    Op.READING: _reading,
}
