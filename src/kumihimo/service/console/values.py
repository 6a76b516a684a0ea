"""Attribute values as a person reads them: units by their symbols, geometries in words, links to other entities."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from kumihimo.base.jsontext import text
from kumihimo.platform.jsonld.models import VALUE_MEMBER, EntityDoc, Instance

UNITS = {
    "MTR": "m", "CMT": "cm", "MMT": "mm", "KMT": "km", "MTS": "m/s", "MQS": "m³/s", "H67": "mm/h",
    "CEL": "°C", "P1": "%", "A97": "hPa", "SEC": "s", "MIN": "min", "HUR": "h",
    "DD": "°", "VLT": "V", "KWH": "kWh", "WTT": "W", "LUX": "lx", "59": "ppm", "GQ": "µg/m³", "C62": "",
}  # fmt: skip
"""UN/CEFACT common codes (Recommendation 20, revision 17) of what towns measure; any other code is shown as it is."""


@dataclass(frozen=True, slots=True)
class Line:
    """One instance of an attribute, ready for a table; link is the id of the entity that it points to."""

    name: str
    iri: str
    kind: str
    value: str
    unit: str
    observed_at: str
    dataset: str
    link: str
    numeric: bool


def lines_of(doc: EntityDoc, compact: Callable[[str], str]) -> list[Line]:
    """The entity's attributes in the order they are stored."""
    return [
        _line(name, instance, compact) for name, instances in doc.get("attrs", {}).items() for instance in instances
    ]


def _line(name: str, instance: Instance, compact: Callable[[str], str]) -> Line:
    kind = instance["type"]
    value: Any = instance.get(VALUE_MEMBER[kind])
    if kind == "VocabProperty":
        value = _compacted(value, compact)
    return Line(
        name=compact(name),
        iri=name,
        kind=kind,
        value=_geometry(value) if kind == "GeoProperty" else show_value(value),
        unit=unit_of(instance),
        observed_at=instance.get("observedAt", ""),
        dataset=instance.get("datasetId", ""),
        link=value if kind == "Relationship" and isinstance(value, str) else "",
        numeric=kind == "Property" and is_number(value),
    )


def unit_of(instance: Instance) -> str:
    """The unit's symbol, or its code where we know no symbol; empty where the instance names none."""
    code = instance.get("unitCode", "")
    return UNITS.get(code, code)


def is_number(value: object) -> bool:
    """Whether it can stand in a chart: a number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def show_value(value: object) -> str:
    """Texts and numbers as they are, everything else as JSON."""
    if isinstance(value, str):
        return value
    return text(value)


def _compacted(value: Any, compact: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return compact(value)
    return [_compacted(one, compact) for one in value] if isinstance(value, list) else value


def _geometry(value: Any) -> str:
    if not isinstance(value, dict):
        return show_value(value)
    if value.get("type") == "Point":
        return "Point " + ", ".join(str(part) for part in value.get("coordinates", ()))
    return f"{value.get('type', '')} ({sum(1 for _ in _positions(value.get('coordinates', ())))})"


def _positions(value: Any) -> Iterable[Any]:
    if not isinstance(value, list):
        return
    if value and not isinstance(value[0], list):
        yield value
        return
    for part in value:
        yield from _positions(part)
