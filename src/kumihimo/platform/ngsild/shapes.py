"""From stored entities to an answer: the rendering that the request asks for, one entity or a page of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData
from kumihimo.platform.broker.models import Found, FoundTexts
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.platform.jsonld.render import Rendering, render_entity, render_feature
from kumihimo.platform.ngsild.answers import (
    GEO_JSON,
    LD_JSON,
    Answer,
    Media,
    is_bare,
    page_links,
    represent,
    represent_bytes,
    with_context,
)
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.parameters import MEMBERS, Form, Projection, check_name, read_page
from kumihimo.platform.ngsild.prefer import Preference
from kumihimo.platform.ngsild.remembered import Remembered


@dataclass(frozen=True, slots=True)
class Shape:
    """How entities are given: rendering, media type, for which version, whether GeoJSON goes without @context."""

    rendering: Rendering
    media: Media
    preference: Preference
    bare: bool = False

    @property
    def context(self) -> Context:
        """The @context of the answer."""
        return self.rendering.context

    def one(self, doc: EntityDoc) -> Any:
        """The entity as JSON, without @context."""
        render = render_feature if self.media == GEO_JSON else render_entity
        look = self.rendering
        return self.preference.rendered(lambda amend: render(amend(doc), look), look.context, look.lang)

    def many(self, docs: Sequence[EntityDoc]) -> Any:
        """The entities as JSON, without @context; those of which pick and omit leave nothing are left out (4.21)."""
        if self.media == GEO_JSON:
            return {"type": "FeatureCollection", "features": [self.one(doc) for doc in docs]}
        return [value for doc in docs if (value := self.one(doc))]

    def written(self, stored: str, tenant: str, remembered: Remembered) -> bytes:
        """The entity of this stored text as JSON, with @context where it stands inside; not for GeoJSON."""
        key = (tenant, self.media, self.rendering, stored)
        known = None if self.preference.is_older else remembered.get(key)
        if known is not None:
            return known
        value = self.one(jsontext.parse(stored))
        # What pick and omit leave nothing of is no object in an answer; its @context alone would be one.
        body = jsontext.dumps(with_context(value, self.context) if self.media == LD_JSON else value) if value else b""
        if not self.preference.is_older:
            remembered.keep(key, body)
        return body

    def answer(self, value: Any) -> Answer:
        """200 with what `one` or `many` gave."""
        return represent(value, self.context, self.media, bare=self.bare)


def make_shape(ask: Ask, context: Context, media: Media, form: Form, projection: Projection) -> Shape:
    """The shape that the request asks for. BadRequestData for a geometryProperty without GeoJSON (clause 5.7.1.4)."""
    geometry = ask.query.get("geometryProperty", "")
    if geometry and media != GEO_JSON:
        raise BadRequestData("geometryProperty is for application/geo+json only")
    rendering = Rendering(
        context=context,
        form=form.name,
        sys_attrs=form.sys_attrs,
        lang=form.lang,
        pick=picked(projection, context),
        omit=members(projection.omit, context),
        geometry_property=context.expand(check_name(geometry)) if geometry else "",
        datasets=projection.datasets,
    )
    if projection.linked:
        rendering = replace(rendering, linked=_behind(projection, context, rendering))
    return Shape(rendering, media, ask.preference, bare=is_bare(ask.headers))


def _behind(projection: Projection, context: Context, rendering: Rendering) -> tuple[tuple[str, Rendering], ...]:
    """How entities behind relationships are written, link by link: all but their members as the entity itself."""
    found = []
    for name, inner in projection.linked:
        look = rendering.behind("")
        look = replace(look, pick=members(inner.pick, context), omit=members(inner.omit, context))
        found.append((context.expand(name), replace(look, linked=_behind(inner, context, look))))
    return tuple(found)


def picked(projection: Projection, context: Context) -> tuple[str, ...]:
    """What is kept: the members of pick, or the attributes of attrs beside what every entity has; () keeps all."""
    if projection.attrs:
        return (*(name for name in sorted(MEMBERS)), *projection.attrs)
    return members(projection.pick, context)


def selecting(projection: Projection, context: Context) -> tuple[str, ...]:
    """The attributes of which an entity needs one to be in the answer at all; () where any entity may be.

    An entity of which pick leaves nothing is left out, and is not counted: where pick names attributes alone, the
    store leaves it out.
    """
    if projection.attrs or any(name in MEMBERS for name in projection.pick):
        return projection.attrs
    return members(projection.pick, context)


def members(names: Sequence[str], context: Context) -> tuple[str, ...]:
    """Members of an entity as the rendering knows them: attributes by expanded name, the others by their own."""
    return tuple(name if name in MEMBERS else context.expand(name) for name in names)


def texts_answer(ask: Ask, found: FoundTexts, shape: Shape) -> Answer:
    """As page_answer, from stored texts."""
    if shape.media == GEO_JSON:
        docs = [jsontext.parse(one) for one in found.texts]
        return page_answer(ask, Found(docs, found.total, found.after, found.more), shape.many(docs), shape)
    remembered = ask.face.remembered
    parts = [part for one in found.texts if (part := shape.written(one, ask.tenant, remembered))]
    answer = represent_bytes(b"[" + b",".join(parts) + b"]", shape.context, shape.media, bare=shape.bare)
    add_page(ask, answer, found.total, found.after, more=found.more)
    return answer


def page_answer(ask: Ask, found: Found, value: Any, shape: Shape) -> Answer:
    """A page of a result with its links and, where it was asked for, the count of the whole (clause 6.3.13)."""
    answer = shape.answer(value)
    add_page(ask, answer, found.total, found.after, more=found.more)
    return answer


def add_page(ask: Ask, answer: Answer, total: int | None, after: str, *, more: bool = False) -> None:
    """Adds the count and the links to the pages beside this one to the answer.

    There is a next page where there is a cursor to it, or where more are said to come.
    """
    if total is not None:
        answer.headers.append((b"ngsild-results-count", str(total).encode()))
    page = read_page(ask.query)
    answer.headers += page_links(ask.path, ask.query, page.limit, page.offset, after, answer.media, more=more)
