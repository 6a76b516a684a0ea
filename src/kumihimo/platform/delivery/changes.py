"""What a log record did to an entity's attributes, instance by instance (clauses 4.5.5 and 5.8.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kumihimo.base.events import LogRecord
from kumihimo.platform.jsonld.models import Instance

_STAMPS = frozenset(("createdAt", "modifiedAt"))
Instances = Mapping[str, list[Instance]]


@dataclass(frozen=True, slots=True)
class Changes:
    """Attributes by what happened to them. An attribute that was written with what it was already is in none.

    lost holds the instances that are gone, former those and the ones that were replaced, as they were before.
    """

    created: frozenset[str] = frozenset()
    updated: frozenset[str] = frozenset()
    lost: Instances = field(default_factory=dict)
    former: Instances = field(default_factory=dict)


def changes_of(record: LogRecord) -> Changes:
    """The changes of one record; a deleted entity lost all it had."""
    attrs: Instances = record.entity["attrs"]
    if record.kind == "entityCreated":
        return Changes(created=frozenset(attrs))
    if record.kind == "entityDeleted":
        return Changes(lost=attrs, former=attrs)
    created, updated = set(), set()
    lost: dict[str, list[Instance]] = {}
    former: dict[str, list[Instance]] = {}
    for name in (*record.changed, *record.deleted):
        before: list[Instance] = record.previous.get(name, [])
        now = {_dataset(one): one for one in attrs.get(name, ())}
        gone = [one for one in before if _dataset(one) not in now]
        replaced = [one for one in before if _dataset(one) in now and not _same(one, now[_dataset(one)])]
        if not before:
            created.add(name)
        elif replaced or len(now) > len(before) - len(gone):
            updated.add(name)
        if gone:
            lost[name] = gone
        if gone or replaced:
            former[name] = gone + replaced
    return Changes(frozenset(created), frozenset(updated), lost, former)


def _dataset(instance: Instance) -> str:
    return instance.get("datasetId", "")


def _same(one: Any, other: Any) -> bool:
    """Whether both say the same; when they were written says nothing (clause 5.8.6: "a value different")."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = one.keys() - _STAMPS
        return names == other.keys() - _STAMPS and all(_same(one[name], other[name]) for name in names)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(*pair) for pair in zip(one, other, strict=True))
    return bool(isinstance(one, bool) is isinstance(other, bool) and one == other)
