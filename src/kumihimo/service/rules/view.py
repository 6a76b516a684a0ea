"""An entity as expressions see it: values by the short names of its attributes; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, cast

from kumihimo.base import times
from kumihimo.base.events import LogRecord
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.access.models import ALL_NAMES, Names
from kumihimo.platform.broker.masks import admits, left_of, names_of
from kumihimo.platform.jsonld.models import NGSI_LD, VALUE_MEMBER, EntityDoc, Instance

MAX_STRING: Final = 10_000
"""Characters of a text that an expression sees."""
MAX_ITEMS: Final = 1000
MAX_DEPTH: Final = 8
LOCATION: Final = NGSI_LD + "location"
Compact = Callable[[str], str]
Attributes = Mapping[str, list[Instance]]


def default_of(instances: Iterable[Instance]) -> Instance | None:
    """The default instance, else the first one."""
    many = list(instances)
    return next((one for one in many if not one.get("datasetId")), many[0] if many else None)


def value_of(instance: Instance) -> Any:
    """The instance's value as expressions have it: every number a decimal, long texts and lists cut."""
    return _plain(instance.get(VALUE_MEMBER[instance["type"]]), MAX_DEPTH)


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        return value[:MAX_STRING]
    if depth <= 0:
        return None
    if isinstance(value, list):
        return [_plain(one, depth - 1) for one in value[:MAX_ITEMS]]
    return {str(name): _plain(one, depth - 1) for name, one in list(value.items())[:MAX_ITEMS]}


def values_of(doc: EntityDoc, compact: Compact) -> dict[str, Any]:
    """The whole entity: id, type (a list of short names) and its values."""
    return {"id": doc["id"], "type": [compact(one) for one in doc["type"]], **attributes_of(doc["attrs"], compact)}


def attributes_of(attrs: Attributes, compact: Compact) -> dict[str, Any]:
    """Values by short names."""
    found = {}
    for name, instances in attrs.items():
        if (one := default_of(instances)) is not None:
            found[compact(name)] = value_of(one)
    return found


def observed_of(attrs: Attributes, compact: Compact) -> dict[str, datetime]:
    """When each attribute was observed, where that is known."""
    found = {}
    for name, instances in attrs.items():
        one = default_of(instances)
        if one is not None and "observedAt" in one:
            found[compact(name)] = times.parse(one["observedAt"])
    return found


def moment_of(attrs: Attributes, names: Iterable[str], otherwise: int) -> int:
    """When the newest of these attributes was observed, in microseconds."""
    found = [default_of(attrs.get(name, ())) for name in names]
    moments = [times.micros(times.parse(one["observedAt"])) for one in found if one is not None and "observedAt" in one]
    return max(moments, default=otherwise)


def seen_of(record: LogRecord, grant: Grant) -> tuple[EntityDoc, Attributes, Names] | None:
    """The entity and its values from before as the owner may see them; None where the owner may not see it."""
    doc = cast("EntityDoc", record.entity)
    if not admits(grant.restriction, doc):
        return None
    names = ALL_NAMES if grant.visible.is_all else names_of(grant.visible, doc)
    if names == ALL_NAMES:
        return doc, record.previous, names
    previous = {name: many for name, many in record.previous.items() if name in names}
    return left_of(doc, names), previous, names
