"""What was, as arrays of instances or as values with their times (clauses 4.5.6 to 4.5.9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.languages import choose_language
from kumihimo.platform.jsonld.models import NGSI_LD, EntityDoc, Instance
from kumihimo.platform.jsonld.present import simplified
from kumihimo.platform.jsonld.rendering import Rendering, render_head, render_instance

SCOPE = NGSI_LD + "scope"
"""The name under which the scope stands among the attributes of what was (clause 4.5.6)."""
PLURAL = {
    "Property": "values",
    "GeoProperty": "values",
    "Relationship": "objects",
    "LanguageProperty": "languageMaps",
    "VocabProperty": "vocabs",
    "JsonProperty": "jsons",
    "ListProperty": "valueLists",
    "ListRelationship": "objectLists",
}
"""Which member holds the values of many instances (clause 4.5.9)."""


def render_temporal(
    doc: EntityDoc,
    rendering: Rendering,
    *,
    values: bool,
    time_property: str = "observedAt",
    emptied: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The temporal evolution of an entity, whose attrs hold many instances each.

    Without values: each attribute an array of instances, also where there is one. With values: the simplified form,
    {"type", "values": [[value, time], …]} for each datasetId; time is the member that time_property names. emptied
    are attributes, with their kinds, of which there is nothing here because the answer is a part (clause 6.3.10).
    """
    result, inside = _head(doc, rendering)
    nothing = emptied or {}
    for name, instances in doc["attrs"].items():
        kept = instances if name == SCOPE else rendering.chosen(instances)
        if not _is_shown(name, rendering) or (not kept and name not in nothing):
            continue
        short = inside.compact(name)
        part = inside.into(short)
        chosen = [choose_language(one, rendering.lang) for one in kept] if rendering.lang else kept
        if values and not kept:
            result[short] = {"type": nothing[name], PLURAL[nothing[name]]: []}
        elif values:
            result[short] = _series(chosen, part, time_property)
        else:
            result[short] = [_instance(one, part, rendering, time_property) for one in chosen]
    return result


def _instance(instance: Instance, inside: Context, rendering: Rendering, time_property: str) -> Any:
    """An instance; one that says that its attribute was deleted says when (clause 4.5.7)."""
    result = render_instance(instance, inside, rendering, alone=False)
    if time_property == "deletedAt" and "deletedAt" in instance:
        result["deletedAt"] = instance["deletedAt"]
    return result


def render_aggregated(
    doc: EntityDoc, figures: Mapping[str, Sequence[tuple[str, str, Mapping[str, Any]]]], rendering: Rendering
) -> dict[str, Any]:
    """The aggregated form (clause 4.5.19): of each attribute {"type", method: [[value, start, end], …]}.

    figures are, for each datasetId of an attribute, its kind, the datasetId ("" is none) and the methods.
    """
    result, inside = _head(doc, rendering)
    for name, many in figures.items():
        if not _is_shown(name, rendering):
            continue
        series = [
            {"type": kind, **({"datasetId": dataset} if dataset else {}), **methods} for kind, dataset, methods in many
        ]
        result[inside.compact(name)] = series[0] if len(series) == 1 else series
    return result


def _head(doc: EntityDoc, rendering: Rendering) -> tuple[dict[str, Any], Context]:
    result: dict[str, Any] = {"id": doc["id"]} if rendering.shows("id", "@id") else {}
    members, inside = render_head(doc, rendering)
    result.update(members)
    return result, inside


def _is_shown(name: str, rendering: Rendering) -> bool:
    """The scope is no attribute that could be hidden, but a member that can be picked."""
    if name == SCOPE:
        return rendering.shows("scope", SCOPE)
    return rendering.shows(name)


def _series(instances: list[Instance], inside: Context, time_property: str) -> Any:
    """One object for each datasetId and kind; not in an array where there is one."""
    found: dict[tuple[str, str], list[list[Any]]] = {}
    for instance in instances:
        key = (instance.get("datasetId", ""), instance["type"])
        found.setdefault(key, []).append([simplified(instance, inside), _time(instance, time_property)])
    series = []
    for (dataset, kind), pairs in found.items():
        one: dict[str, Any] = {"type": kind, PLURAL[kind]: pairs}
        if dataset:
            one["datasetId"] = dataset
        series.append(one)
    return series[0] if len(series) == 1 else series


def _time(instance: Instance, time_property: str) -> str:
    """The instance's moment; where it lacks the one asked for, the moment at which it was recorded."""
    for name in (time_property, "modifiedAt", "createdAt"):
        moment = instance.get(name)
        if isinstance(moment, str):
            return moment
    return ""
