"""What was, as arrays of instances or as values with their times (clauses 4.5.6 to 4.5.9)."""

from __future__ import annotations

from typing import Any

from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.languages import choose_language
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.platform.jsonld.present import simplified
from kumihimo.platform.jsonld.rendering import Rendering, render_head, render_instance

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
    doc: EntityDoc, rendering: Rendering, *, values: bool, time_property: str = "observedAt"
) -> dict[str, Any]:
    """The temporal evolution of an entity, whose attrs hold many instances each.

    Without values: each attribute an array of instances, also where there is one. With values: the simplified form,
    {"type", "values": [[value, time], …]} for each datasetId; time is the member that time_property names.
    """
    result: dict[str, Any] = {"id": doc["id"]} if rendering.shows("id", "@id") else {}
    head, inside = render_head(doc, rendering)
    result.update(head)
    for name, instances in doc["attrs"].items():
        kept = rendering.chosen(instances)
        if not kept or not rendering.may_see(name) or not rendering.shows(name):
            continue
        short = inside.compact(name)
        part = inside.into(short)
        chosen = [choose_language(one, rendering.lang) for one in kept] if rendering.lang else kept
        if values:
            result[short] = _series(chosen, part, time_property)
        else:
            result[short] = [render_instance(one, part, rendering, alone=False) for one in chosen]
    return result


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
