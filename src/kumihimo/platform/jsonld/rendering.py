"""How an entity is to be written, and the parts that all forms share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.languages import choose_language
from kumihimo.platform.jsonld.models import NGSI_LD, EntityDoc, Instance
from kumihimo.platform.jsonld.present import SYSTEM, concise, normalized, simplified

Form = Literal["normalized", "concise", "simplified"]
_SCOPE = NGSI_LD + "scope"


@dataclass(frozen=True)
class Rendering:
    """How to write an entity.

    What the caller may not see is taken from the entity before it comes here. pick, omit and geometry_property hold
    expanded names as Context.expand gives them; pick and omit also "id" (or "@id"), "type" (or "@type"), "scope" and
    those of SYSTEM. lang is a preference list as in Accept-Language ("ja, en;q=0.5", "*"). datasets are the datasetIds
    of the instances to show, "" for the default instance; None is all. linked says how entities are written that a
    relationship, by its expanded name, leads to.
    """

    context: Context
    form: Form = "normalized"
    sys_attrs: bool = False
    lang: str = ""
    pick: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    geometry_property: str = ""
    datasets: frozenset[str] | None = None
    linked: tuple[tuple[str, Rendering], ...] = ()

    def behind(self, relationship: str) -> Rendering:
        """How an entity is written that this relationship leads to: as named in `linked`, else whole."""
        for name, look in self.linked:
            if name == relationship:
                return look
        return replace(self, pick=(), omit=(), geometry_property="", datasets=None, linked=())

    def shows(self, *names: str) -> bool:
        """Whether a member of the entity, by any of its names, is picked and not omitted."""
        if self.pick and not any(name in self.pick for name in names):
            return False
        return not self.omit or not any(name in self.omit for name in names)

    def chosen(self, instances: list[Instance]) -> list[Instance]:
        """Those of an attribute's instances that are asked for (clause 4.5.5)."""
        if self.datasets is None:
            return instances
        return [one for one in instances if one.get("datasetId", "") in self.datasets]


def render_head(doc: EntityDoc, rendering: Rendering) -> tuple[dict[str, Any], Context]:
    """What an entity has beside id and attributes, and the context for its attribute names."""
    result: dict[str, Any] = {}
    types = [rendering.context.compact(name) for name in doc["type"]]
    if rendering.shows("type", "@type"):
        result["type"] = types[0] if len(types) == 1 else types
    if "scope" in doc and rendering.shows("scope", _SCOPE):
        result["scope"] = doc["scope"][0] if len(doc["scope"]) == 1 else doc["scope"]
    if rendering.sys_attrs:
        system: Mapping[str, Any] = doc
        result.update({key: system[key] for key in SYSTEM if key in system and rendering.shows(key, NGSI_LD + key)})
    return result, rendering.context.typed(types)


def render_instances(instances: list[Instance], inside: Context, rendering: Rendering) -> Any:
    """One attribute: an instance, an array of them, or (simplified) {"dataset": …}; `inside` is for its parts."""
    if rendering.lang:
        instances = [choose_language(instance, rendering.lang) for instance in instances]
    if len(instances) == 1:
        return render_instance(instances[0], inside, rendering, alone=True)
    if rendering.form == "simplified":
        return {"dataset": {one.get("datasetId", "@none"): simplified(one, inside) for one in instances}}
    return [render_instance(instance, inside, rendering, alone=False) for instance in instances]


def render_instance(instance: Instance, inside: Context, rendering: Rendering, *, alone: bool) -> Any:
    """One instance in the rendering's form; `inside` is the context of its parts, alone tells of no array around."""
    if rendering.form == "simplified":
        return simplified(instance, inside)
    parts: dict[str, Any] = {}
    for name, instances in instance.get("attrs", {}).items():
        short = inside.compact(name)
        parts[short] = render_instances(instances, inside.into(short), rendering)
    if rendering.form == "concise":
        return concise(instance, inside, parts, sys_attrs=rendering.sys_attrs, alone=alone)
    return normalized(instance, inside, parts, sys_attrs=rendering.sys_attrs)
