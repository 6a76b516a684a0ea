"""What an import is handed, brought to instances: columns of readings, or entities as clause 5.2.20 writes them."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData, PayloadTooLarge, Problem
from kumihimo.base.ids import is_uri
from kumihimo.base.jsontext import dumps
from kumihimo.platform.broker.instances import MAX_BYTES, dataset_of, moment
from kumihimo.platform.history.bulk import Past
from kumihimo.platform.imports.moments import FIRST, LAST
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.expand import expand_temporal
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.platform.jsonld.names import check_name

_LARGEST = MAX_BYTES - 1024
"""Bytes of an instance, with room for when it was written."""


class Expanded(NamedTuple):
    """Instances with the types of their entities; how many could not be taken, and some of the reasons."""

    rows: list[Past]
    types: dict[str, list[str]]
    refused: int = 0
    reasons: Sequence[str] = ()


class Series(NamedTuple):
    """What many readings share: entity, its type and the attribute as they are written, and the unit ("" for none)."""

    entity_id: str
    entity_type: str
    attribute: str
    unit_code: str = ""


def from_columns(
    series: Sequence[Series], of: Sequence[int], at: Sequence[int], values: Sequence[Any], context: Context
) -> Expanded:
    """Readings: for each the place of its series, its moment in microseconds, and its value.

    BadRequestData where a series cannot be, or the three are not of one length.
    """
    if not len(of) == len(at) == len(values):
        raise BadRequestData(f"of, at and values are {len(of)}, {len(at)} and {len(values)} long; one of each is a row")
    attributes = [_attribute(one, context) for one in series]
    types = {one.entity_id: [context.expand_type(one.entity_type)] for one in series}
    rows: list[Past] = []
    texts: dict[int, str] = {}
    for place, seen, value in zip(of, at, values, strict=True):
        one = series[place]
        text = texts.get(seen)
        if text is None:
            text = texts[seen] = _moment(seen)
        instance: Instance = {"type": "Property", "value": _value(value), "observedAt": text}
        if one.unit_code:
            instance["unitCode"] = one.unit_code
        rows.append(Past(one.entity_id, attributes[place], "", seen, instance))
    return Expanded(rows, types)


def _attribute(series: Series, context: Context) -> str:
    if not is_uri(series.entity_id):
        raise BadRequestData(f"{series.entity_id[:80]!r} is no entity id; it must be a URI")
    check_name(series.entity_type, "the type of an entity")
    return context.expand(check_name(series.attribute, "the name of an attribute"))


def _moment(seen: int) -> str:
    if not FIRST <= seen <= LAST:
        raise BadRequestData("a moment lies outside the years 1 to 9999")
    return times.text(times.from_micros(seen))


def _value(value: Any) -> Any:
    if isinstance(value, str):
        if "\0" in value:
            raise BadRequestData("a value holds the character U+0000, which is not stored")
    elif not isinstance(value, int | float) or not math.isfinite(value):
        raise BadRequestData(f"{str(value)[:40]!r} is no value of a reading: a number, a flag or a text")
    return value


Resolve = Callable[[Any], Awaitable[Context]]
"""Gives the context of an entity's @context member."""


async def from_entities(entities: Sequence[Mapping[str, Any]], resolve: Resolve) -> Expanded:
    """The instances of entities over time; each needs observedAt. What is wrong is refused alone, with its reason."""
    rows: list[Past] = []
    types: dict[str, list[str]] = {}
    reasons: list[str] = []
    for entity in entities:
        try:
            found = [_expanded(entity, await resolve(entity.get("@context")))]
        except Problem:
            found = []
            for alone in _alone(entity):
                try:
                    found.append(_expanded(alone, await resolve(entity.get("@context"))))
                except Problem as problem:
                    reasons.append(f"{str(entity.get('id', ''))[:200]}: {problem.detail}")
        for doc in found:
            types.setdefault(doc["id"], []).extend(one for one in doc["type"] if one not in types[doc["id"]])
            rows += [_past(doc["id"], name, one) for name, many in doc["attrs"].items() for one in many]
    return Expanded(rows, types, len(reasons), reasons[:12])


def _expanded(entity: Mapping[str, Any], context: Context) -> EntityDoc:
    doc = expand_temporal(entity, context)
    for member in ("id", "type"):
        if member not in doc:
            raise BadRequestData(f"the entity has no {member}")
    for name, many in doc["attrs"].items():
        if any("observedAt" not in one for one in many):
            raise BadRequestData(f"an instance of {name} has no observedAt, without which it is nowhere in the past")
        if any(len(dumps(one)) > _LARGEST for one in many):
            raise PayloadTooLarge(f"an instance of {name} has more than {_LARGEST} bytes; split its value")
    return doc


def _past(entity_id: str, attribute: str, given: Instance) -> Past:
    one = {**given, "observedAt": times.kept(given["observedAt"])}
    for member in ("createdAt", "modifiedAt", "instanceId"):
        one.pop(member, None)
    instance = cast("Instance", one)
    return Past(entity_id, attribute, dataset_of(instance), moment(instance["observedAt"]), instance)


def _alone(entity: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The entity once for each instance of each attribute."""
    head = {name: value for name, value in entity.items() if name in ("id", "type", "@id", "@type")}
    for name, value in entity.items():
        if name in head or name == "@context":
            continue
        for one in value if isinstance(value, list) else [value]:
            yield {**head, name: one}
