"""Linked entity retrieval (clause 4.5.23): join, joinLevel and containedBy, and the answers with linked entities."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.broker.links import MAX_LEVEL
from kumihimo.platform.broker.models import Found, FoundTexts
from kumihimo.platform.jsonld.linked import flatten, render_inline
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.platform.jsonld.render import render_entity, render_feature
from kumihimo.platform.ngsild.answers import GEO_JSON, Answer
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.parameters import read_ids
from kumihimo.platform.ngsild.prefer import Amend
from kumihimo.platform.ngsild.shapes import Shape, page_answer, texts_answer

JOIN = frozenset({"join", "joinLevel", "containedBy"})
_KINDS = ("inline", "flat", "@none")
_LEVEL = re.compile(r"[1-9]\d{0,8}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Join:
    """How linked entities are given along; known are the ids that the client has met already."""

    kind: Literal["inline", "flat", "@none"] = "@none"
    level: int = 1
    known: frozenset[str] = frozenset()

    @property
    def depth(self) -> int:
        """How many links deep the request may name members and ask: 0 without a join."""
        return 0 if self.kind == "@none" else self.level


ALONE = Join()


def read_join(query: Mapping[str, str]) -> Join:
    """join, joinLevel, containedBy; BadRequestData for what is none of the kinds, no level, or no URI."""
    if JOIN.isdisjoint(query):
        return ALONE
    kind, level = query.get("join", "@none"), query.get("joinLevel", "1")
    if kind not in _KINDS:
        raise BadRequestData(f"join is {kind[:32]!r}; use {', '.join(_KINDS)}")
    if not _LEVEL.match(level) or int(level) > MAX_LEVEL:
        raise BadRequestData(f"joinLevel is {level[:32]!r}; use 1 to {MAX_LEVEL}")
    known = frozenset(read_ids(query.get("containedBy", "")))
    return Join(cast('Literal["inline", "flat", "@none"]', kind), int(level), known)


def body_join(body: Mapping[str, Any]) -> Join:
    """The same members of a Query (clause 5.2.23)."""
    level = body.get("joinLevel", 1)
    if isinstance(level, bool) or not isinstance(level, int):
        raise BadRequestData(f"joinLevel is a whole number from 1 to {MAX_LEVEL}")
    known = body.get("containedBy", [])
    return read_join({"join": body.get("join", "@none"), "joinLevel": str(level), "containedBy": ",".join(known)})


async def joined(ask: Ask, grant: Grant, docs: Sequence[EntityDoc], shape: Shape, join: Join) -> list[Any]:
    """The entities as JSON, without @context, with those that they link to.

    What pick leaves empty is left out.
    """
    look = shape.rendering
    linked = await ask.face.broker.linked(
        ask.tenant, docs, look, join.level, join.known, grant.restriction, grant.visible
    )

    def render(amend: Amend) -> list[Any]:
        return _rendered([amend(doc) for doc in docs], {name: amend(doc) for name, doc in linked.items()}, shape, join)

    values: list[Any] = ask.preference.rendered(render, look.context, look.lang)
    return [value for value in values if value]


def _rendered(docs: Sequence[EntityDoc], linked: Mapping[str, EntityDoc], shape: Shape, join: Join) -> list[Any]:
    look, feature = shape.rendering, shape.media == GEO_JSON
    if join.kind == "inline":
        return [render_inline(doc, look, linked, join.level, join.known, feature=feature) for doc in docs]
    render = render_feature if feature else render_entity
    return [render(doc, one) for doc, one in flatten(docs, look, linked, join.depth, join.known)]


async def found_answer(ask: Ask, grant: Grant, found: FoundTexts, shape: Shape, join: Join) -> Answer:
    """200 with a page of what was found, linked entities along where the request says so."""
    if not join.depth:
        return texts_answer(ask, found, shape)
    docs = [jsontext.parse(one) for one in found.texts]
    values = await joined(ask, grant, docs, shape, join)
    page = Found(docs, found.total, found.after, found.more)
    return page_answer(ask, page, collected(values, shape), shape)


def collected(values: list[Any], shape: Shape) -> Any:
    """The entities together: an array, or a GeoJSON FeatureCollection."""
    return {"type": "FeatureCollection", "features": values} if shape.media == GEO_JSON else values
