"""Linked entities in an answer (clause 4.5.23): inside the relationships that name them, or in a row behind them.

Which of them there are, and may be seen, the caller says: `docs` holds them by id. Each is written once in the graph
of one entity (inline) or of one answer (flat), so that loops and duplicates end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kumihimo.platform.jsonld.models import VALUE_MEMBER, EntityDoc, Instance
from kumihimo.platform.jsonld.render import render_entity, render_feature
from kumihimo.platform.jsonld.rendering import Rendering, render_head

Docs = Mapping[str, EntityDoc]
Looked = tuple[EntityDoc, Rendering]
_RELATIONSHIPS = frozenset({"Relationship", "ListRelationship"})


class _Written(NamedTuple):
    """An entity, how it is written, and the members that were written of it."""

    doc: EntityDoc
    look: Rendering
    members: dict[str, Any]


def targets(instance: Instance) -> list[str]:
    """The ids that a relationship names; none for other kinds of attributes."""
    if instance["type"] not in _RELATIONSHIPS:
        return []
    given: dict[str, Any] = instance  # type: ignore[assignment]  # members by name
    value = given[VALUE_MEMBER[instance["type"]]]
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def links(doc: EntityDoc, look: Rendering) -> Iterator[tuple[str, list[Instance]]]:
    """The relationships that are written of the entity, and their instances."""
    for name, instances in doc["attrs"].items():
        if look.shows(name):
            chosen = look.chosen(instances)
            if any(one["type"] in _RELATIONSHIPS for one in chosen):
                yield name, chosen


def render_inline(
    doc: EntityDoc, look: Rendering, docs: Docs, level: int, known: Collection[str], *, feature: bool = False
) -> dict[str, Any]:
    """The entity with the entities that it links to inside (clause 4.5.23.2), `level` links deep.

    known are ids that were met before and are not written again. As a GeoJSON Feature, they are in its properties.
    """
    value = render_feature(doc, look) if feature else render_entity(doc, look)
    seen = {doc["id"], *known}
    wave = [_Written(doc, look, value["properties"] if feature else value)]
    for _ in range(level):
        wave = [inner for one in wave for inner in _embed(one, docs, seen)]
    return value


def _embed(one: _Written, docs: Docs, seen: set[str]) -> list[_Written]:
    """Writes what the entity links to into its relationships; gives what was written."""
    written: list[_Written] = []
    inside = render_head(one.doc, one.look)[1]
    for name, instances in links(one.doc, one.look):
        behind = one.look.behind(name)
        short = inside.compact(name)
        for place, instance in enumerate(instances):
            found: dict[str, dict[str, Any]] = {}
            for target in targets(instance):
                if target in docs and target not in seen and (value := render_entity(docs[target], behind)):
                    seen.add(target)
                    found[target] = value
                    written.append(_Written(docs[target], behind, value))
            if found:
                _put(one, short, place, instances, found)
    return written


def _put(
    one: _Written, short: str, place: int, instances: Sequence[Instance], found: Mapping[str, dict[str, Any]]
) -> None:
    """Puts the entities into the written attribute: in place of their ids where it is simplified, else beside them."""
    instance = instances[place]
    named = targets(instance)
    several = isinstance(instance.get("object"), list) or instance["type"] == "ListRelationship"
    if one.look.form == "simplified":
        mixed = [found.get(target, target) for target in named]
        value = mixed if several else mixed[0]
        if len(instances) == 1:
            one.members[short] = value
        else:
            one.members[short]["dataset"][instance.get("datasetId", "@none")] = value
        return
    held = one.members[short]
    held = held[place] if isinstance(held, list) else held
    entities = list(found.values())
    if instance["type"] == "ListRelationship":
        held["entityList"] = entities
    else:
        held["entity"] = entities if several else entities[0]


def flatten(
    roots: Sequence[EntityDoc], look: Rendering, docs: Docs, level: int, known: Collection[str]
) -> list[Looked]:
    """The entities and behind them those that they link to, link by link (clause 4.5.23.3), each with its look."""
    found = [(doc, look) for doc in roots]
    seen = {*known, *(doc["id"] for doc in roots)}
    wave = found
    for _ in range(level):
        wave = [(docs[target], behind) for target, behind in targets_of(wave) if target in docs and _new(target, seen)]
        found = found + wave
    return found


def targets_of(wave: Sequence[Looked]) -> Iterator[tuple[str, Rendering]]:
    """What these entities link to: ids, each with how an entity behind this link is written."""
    for doc, look in wave:
        for name, instances in links(doc, look):
            behind = look.behind(name)
            for instance in instances:
                for target in targets(instance):
                    yield target, behind


def _new(target: str, seen: set[str]) -> bool:
    if target in seen:
        return False
    seen.add(target)
    return True
