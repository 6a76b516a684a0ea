"""The stored form as clients asked for it: normalized, concise, simplified, GeoJSON, temporal (clause 4.5).

Nothing is copied that need not be: answers share values with the document they came from.
"""

from __future__ import annotations

from typing import Any, cast

from kumihimo.platform.jsonld.models import NGSI_LD, EntityDoc, Instance
from kumihimo.platform.jsonld.rendering import Form, Rendering, render_head, render_instances
from kumihimo.platform.jsonld.temporal import render_aggregated, render_temporal

__all__ = [
    "Form",
    "Rendering",
    "of_datasets",
    "render_aggregated",
    "render_attribute",
    "render_entity",
    "render_feature",
    "render_temporal",
]

_LOCATION = NGSI_LD + "location"


def render_entity(doc: EntityDoc, rendering: Rendering) -> dict[str, Any]:
    """The entity as a JSON object, without "@context"."""
    result: dict[str, Any] = {}
    if rendering.shows("id", "@id"):
        result["id"] = doc["id"]
    result.update(_render_body(doc, rendering))
    return result


def render_feature(doc: EntityDoc, rendering: Rendering) -> dict[str, Any]:
    """The entity as a GeoJSON Feature (clause 4.5.16); geometry is null where there is none to show.

    The geometry is that of the default instance of geometry_property ("location" where none is named); pick and
    omit act on the properties, not on it.
    """
    return {
        "id": doc["id"],
        "type": "Feature",
        "geometry": _geometry(doc, rendering),
        "properties": _render_body(doc, rendering),
    }


def of_datasets(doc: EntityDoc, datasets: frozenset[str]) -> EntityDoc:
    """The entity with the instances of these datasetIds only ("" is the default instance; clause 4.5.5)."""
    left = {
        name: [one for one in instances if one.get("datasetId", "") in datasets]
        for name, instances in doc["attrs"].items()
    }
    return cast("EntityDoc", {**doc, "attrs": {name: many for name, many in left.items() if many}})


def render_attribute(name: str, instances: list[Instance], rendering: Rendering) -> Any:
    """One attribute in the rendering's form; `name` is its expanded name."""
    return render_instances(instances, rendering.context.into(rendering.context.compact(name)), rendering)


def _geometry(doc: EntityDoc, rendering: Rendering) -> Any:
    name = rendering.geometry_property or _LOCATION
    for instance in doc["attrs"].get(name, ()):
        if instance["type"] == "GeoProperty" and "datasetId" not in instance:
            return instance["value"]
    return None


def _render_body(doc: EntityDoc, rendering: Rendering) -> dict[str, Any]:
    head, inside = render_head(doc, rendering)
    for name, instances in doc["attrs"].items():
        if rendering.shows(name) and (chosen := rendering.chosen(instances)):
            short = inside.compact(name)
            head[short] = render_instances(chosen, inside.into(short), rendering)
    return head
