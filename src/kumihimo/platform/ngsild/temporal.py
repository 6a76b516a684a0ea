"""What was: the temporal evolution of entities (clauses 6.18, 6.19 and 6.24)."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from kumihimo.base.errors import ResourceNotFound
from kumihimo.base.times import from_micros, micros, text
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.broker.models import Query
from kumihimo.platform.history.models import Evolution, Extent, Figures, TemporalQuery
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.render import Rendering, render_aggregated, render_temporal
from kumihimo.platform.ngsild.answers import Answer, Media, choose_media, represent
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.bodies import named, read_object, request_context
from kumihimo.platform.ngsild.orders import ORDER, body_order, read_order
from kumihimo.platform.ngsild.outcomes import require_type
from kumihimo.platform.ngsild.parameters import (
    FORM,
    MEMBERS,
    PAGE,
    PROJECTION,
    READING,
    SELECTION,
    Form,
    Projection,
    check_local,
    read_form,
    read_projection,
    read_query,
)
from kumihimo.platform.ngsild.past import TEMPORAL_ENTITIES, TEMPORAL_ENTITY
from kumihimo.platform.ngsild.prefer import Amend
from kumihimo.platform.ngsild.queries import body_projection, body_query, check_query
from kumihimo.platform.ngsild.shapes import add_page, members, picked, selecting
from kumihimo.platform.ngsild.spans import (
    SPAN,
    body_span,
    content_range,
    in_order,
    read_span,
    require_span,
    with_aggregation,
)
from kumihimo.platform.ngsild.table import Operation, Resource


async def query_temporal(ask: Ask) -> Answer:
    """Clause 6.18.3.2 (5.7.4): finds entities by what they were in a span of time and gives their evolution in it.

    200 with a page of them, links to the pages beside it, and the count where it was asked for; 206 with
    Content-Range where there are more instances than an answer holds (clause 6.3.10).
    """
    grant = await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    form = read_form(ask.query, temporal=True)
    context = await request_context(ask)
    projection = read_projection(ask.query, context)
    span = require_span(_span(ask, ask.query, form, projection, context))
    span = in_order(span, read_order(ask.query, context, form.lang, ask.face.collation))
    query = read_query(ask.query, context, grant, selecting(projection, context))
    return await _found(ask, query, span, _rendering(context, form, projection), media, form)


async def query_temporal_by_body(ask: Ask) -> Answer:
    """Clause 6.24.3.1 (5.7.4): finds entities as the Query in the body says and gives their evolution.

    200 with a page of them, links to the pages beside it, and the count where it was asked for; 206 as for GET.
    """
    grant = await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    form = read_form(ask.query, temporal=True)
    body, context = await read_object(ask)
    check_query(body, temporal=True)
    form = replace(form, lang=form.lang or body.get("lang", ""))
    context = await named(ask, context, media)
    projection = body_projection(body, context)
    span = require_span(_span(ask, body_span(body), form, projection, context))
    span = in_order(span, body_order(body.get("ordering"), context, form.lang, ask.face.collation))
    query = body_query(ask, body, context, grant, projection)
    return await _found(ask, query, span, _rendering(context, form, projection), media, form)


def _span(ask: Ask, query: dict[str, str], form: Form, projection: Projection, context: Context) -> TemporalQuery:
    attrs = _attributes(projection, context)
    span = read_span(query, attrs, projection, micros(ask.face.clock.now()))
    return with_aggregation(span, query, form, strict=bool(attrs))


async def _found(ask: Ask, query: Query, span: TemporalQuery, rendering: Rendering, media: Media, form: Form) -> Answer:
    await ask.face.broker.settle(ask.tenant)
    found = await ask.face.history.find(ask.tenant, query, span)
    rendered = [value for one in found.entities if (value := _rendered(ask, one, rendering, form, span))]
    answer = _partial(represent(rendered, rendering.context, media), span, found.extent)
    add_page(ask, answer, found.total, found.after)
    return answer


async def retrieve_temporal(ask: Ask) -> Answer:
    """Clause 6.19.3.1 (5.7.3): gives the evolution of one entity in a span of time.

    404 where there is none, or where it never had the attributes asked for; 206 with Content-Range where there are
    more instances than an answer holds (clause 6.3.10).
    """
    grant = await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    form = read_form(ask.query, temporal=True)
    entity_id = ask.uri(0, "the entity id")
    check_local(ask.query)
    context = await request_context(ask)
    projection = read_projection(ask.query, context)
    span = _span(ask, ask.query, form, projection, context)
    await ask.face.broker.settle(ask.tenant)
    found = await ask.face.history.entity(ask.tenant, entity_id, span, grant.restriction, grant.visible)
    if found is None:
        raise ResourceNotFound(f"there is no entity {entity_id}")
    require_type(found.doc, ask, context)
    if projection.attrs and not await _ever_had(ask, entity_id, found, span, grant):
        raise ResourceNotFound(f"entity {entity_id} has none of the attributes asked for")
    value = _rendered(ask, found, _rendering(context, form, projection), form, span)
    if not value:
        raise ResourceNotFound(f"entity {entity_id} has none of the members asked for")
    return _partial(represent(value, context, media), span, found.extent)


async def _ever_had(ask: Ask, entity_id: str, found: Evolution, span: TemporalQuery, grant: Grant) -> bool:
    """Whether the entity has one of the attributes asked for in the span of time, or had it in another."""
    if found.figures or any(name in span.attrs for name in found.doc["attrs"]):
        return True
    always = replace(span, timerel="", timeproperty="observedAt", last_n=1, aggregation=None)
    ever = await ask.face.history.entity(ask.tenant, entity_id, always, grant.restriction, grant.visible)
    return ever is not None and any(name in span.attrs for name in ever.doc["attrs"])


def _rendered(ask: Ask, one: Evolution, rendering: Rendering, form: Form, span: TemporalQuery) -> Any:
    def render(amend: Amend) -> Any:
        doc = amend(one.doc)
        if one.figures is not None:
            return render_aggregated(doc, {name: _written(many) for name, many in one.figures.items()}, rendering)
        return render_temporal(
            doc, rendering, values=form.temporal_values, time_property=span.timeproperty, emptied=one.emptied
        )

    return ask.preference.rendered(render, rendering.context, rendering.lang)


def _written(many: list[Figures]) -> list[tuple[str, str, dict[str, Any]]]:
    """Kind, datasetId and methods, with moments as texts."""
    return [(one.kind, one.dataset, {name: _periods(values) for name, values in one.methods.items()}) for one in many]


def _periods(values: list[tuple[Any, int, int]]) -> list[list[Any]]:
    return [[value, _moment(start), _moment(end)] for value, start, end in values]


@lru_cache(maxsize=4096)
def _moment(moment: int) -> str:
    """A period's moment; whole seconds, as most are, without a fraction."""
    return text(from_micros(moment)).replace(".000Z", "Z")


def _partial(answer: Answer, span: TemporalQuery, extent: Extent | None) -> Answer:
    """The answer itself, marked as a part where it is one."""
    if extent is not None:
        answer.status = 206
        answer.headers.append((b"content-range", content_range(span, extent).encode()))
    return answer


def _attributes(projection: Projection, context: Context) -> tuple[str, ...]:
    """The attributes whose instances are needed; () for all."""
    return projection.attrs or tuple(name for name in members(projection.pick, context) if name not in MEMBERS)


def _rendering(context: Context, form: Form, projection: Projection) -> Rendering:
    return Rendering(
        context=context,
        form="concise" if form.name == "concise" else "normalized",
        sys_attrs=form.sys_attrs,
        lang=form.lang,
        pick=picked(projection, context),
        omit=members(projection.omit, context),
        datasets=projection.datasets,
    )


RESOURCES = (
    Resource(
        "/temporal/entities",
        {
            "GET": Operation(query_temporal, SELECTION | PAGE | PROJECTION | FORM | SPAN | READING | ORDER),
            **TEMPORAL_ENTITIES,
        },
    ),
    Resource("/temporal/entityOperations/query", {"POST": Operation(query_temporal_by_body, PAGE | FORM)}),
    Resource(
        "/temporal/entities/{entityId}",
        {"GET": Operation(retrieve_temporal, PROJECTION | FORM | SPAN | {"type"}), **TEMPORAL_ENTITY},
    ),
)
