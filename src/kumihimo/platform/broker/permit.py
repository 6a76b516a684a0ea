"""Whether a writer may make a change: pure checks on the entity that stands, the change, and what it would make.

Asked in the transaction, before anything is written. A writer who may not see an entity is told what one is told for
whom there is none. The names that a change gives are checked whether the entity has them or not, so that a refusal
does not tell which it has. Type, scope and expiresAt of an entity that stands go as an attribute that no right names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from kumihimo.base.errors import Forbidden, ResourceNotFound
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.access.models import Names
from kumihimo.platform.broker.masks import admits, names_of
from kumihimo.platform.broker.merge import Effect, plan
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.jsonld.models import EntityDoc

_CREATING = frozenset({Op.CREATE, Op.UPSERT, Op.UPSERT_UPDATE, Op.READING})
_WHOLE = frozenset({Op.UPSERT, Op.REPLACE})
_HEAD = ("type", "scope", "expiresAt")
UNNAMED = ""
"""Stands for whatever no right names."""


def planned(doc: EntityDoc | None, change: Change, now: str) -> Effect:
    """As `merge.plan`, of what the writer may do; Forbidden or ResourceNotFound for the rest."""
    grant = change.allowed.grant
    if grant.is_all:
        return plan(doc, change, now)
    if doc is None:
        return _created(change, now)
    if not (admits(change.allowed.sight.restriction, doc) or admits(grant.restriction, doc)):
        return _unseen(doc, change, now)
    if not admits(grant.restriction, doc) and change.op is not Op.CREATE:
        raise Forbidden(f"you may not write entity {change.id}")
    names = names_of(grant.visible, doc)
    if change.op is Op.DELETE:
        require(doc["attrs"] or (UNNAMED,), names, change.id, told=False)
    require(_named(change), names, change.id)
    effect = plan(doc, _keeping(doc, change, names) if change.op in _WHOLE else change, now)
    if effect.doc is not None and effect.doc is not doc:
        _check_place(doc, effect.doc, grant, names)
    return effect


def _created(change: Change, now: str) -> Effect:
    """What comes to be must be the writer's to write, as it will be."""
    effect = plan(None, change, now)
    if effect.doc is not None:
        grant = change.allowed.grant
        if not admits(grant.restriction, effect.doc):
            raise Forbidden(f"you may not write an entity like {change.id}")
        require(effect.doc["attrs"], names_of(grant.visible, effect.doc), change.id)
    return effect


def _unseen(doc: EntityDoc, change: Change, now: str) -> Effect:
    """Only whoever may make such an entity learns that its id is taken."""
    if change.op not in _CREATING:
        raise ResourceNotFound(f"there is no entity {change.id}")
    _created(change, now)
    if change.op is Op.CREATE:
        return plan(doc, change, now)
    raise Forbidden(f"you may not write entity {change.id}")


def _named(change: Change) -> Collection[str]:
    """The attributes that the change names."""
    given = change.doc.get("attrs", {}) if change.doc is not None else {}
    return {*given, change.attribute} if change.attribute else given


def _keeping(doc: EntityDoc, change: Change, names: Names) -> Change:
    """A replacement leaves what its writer cannot see: it cannot mean that. What the writer sees and may not write must
    not go by being left out.
    """
    given = change.doc.get("attrs", {}) if change.doc is not None else {}
    left = [name for name in doc["attrs"] if name not in names and name not in given]
    seen = names_of(change.allowed.sight.visible, doc) if admits(change.allowed.sight.restriction, doc) else Names()
    require((name for name in left if name in seen), names, change.id)
    return replace(change, keeps=tuple(left))


def _check_place(before: EntityDoc, after: EntityDoc, grant: Grant, names: Names) -> None:
    """The change does not move the entity out of, or into, what its writer may write."""
    if any(before.get(member) != after.get(member) for member in _HEAD) and UNNAMED not in names:
        raise Forbidden(f"you may not change type, scope or expiresAt of entity {before['id']}")
    if not admits(grant.restriction, after) or names_of(grant.visible, after) != names:
        raise Forbidden(
            f"this would change what you may write of entity {before['id']}; ask somebody who may write all"
        )


def require(wanted: Iterable[str], names: Names, entity_id: str, *, told: bool = True) -> None:
    """Forbidden where one of the wanted attributes is not among the names; told: it is said which."""
    for name in wanted:
        if name not in names:
            which = f"attribute {name} of entity {entity_id}" if told else f"all attributes of entity {entity_id}"
            raise Forbidden(f"you may not write {which}")
