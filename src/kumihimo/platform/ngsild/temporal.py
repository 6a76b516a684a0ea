"""What was: the temporal evolution of entities (clauses 6.18 and 6.19)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from kumihimo.base.errors import BadRequestData, OperationNotSupported, ResourceNotFound
from kumihimo.base.times import micros, parse
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.broker.models import Query
from kumihimo.platform.history.query import TemporalQuery
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.render import Rendering, render_temporal
from kumihimo.platform.ngsild.answers import Answer, Media, choose_media, represent
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.bodies import read_object, request_context
from kumihimo.platform.ngsild.outcomes import require_type
from kumihimo.platform.ngsild.parameters import (
    FORM,
    GEO,
    LATER,
    MEMBERS,
    PAGE,
    PROJECTION,
    SELECTION,
    Form,
    Projection,
    check_local,
    read_form,
    read_integer,
    read_projection,
    read_query,
)
from kumihimo.platform.ngsild.past import TEMPORAL_ENTITIES, TEMPORAL_ENTITY
from kumihimo.platform.ngsild.queries import body_projection, body_query, check_query
from kumihimo.platform.ngsild.shapes import add_page, members, picked, selecting
from kumihimo.platform.ngsild.table import Operation, Resource

TIMERELS = ("before", "after", "between")
TIME_PROPERTIES = ("observedAt", "createdAt", "modifiedAt", "deletedAt")
MAX_LAST = 100_000
SPAN = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN"})


async def query_temporal(ask: Ask) -> Answer:
    """Clause 6.18.3.2 (5.7.4): finds entities and gives their evolution in a span of time.

    200 with a page of them, links to the pages beside it, and the count where it was asked for.
    """
    grant = ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    form = read_form(ask.query, temporal=True)
    context = await request_context(ask)
    projection = read_projection(ask.query, context)
    span = read_span(ask.query, _attributes(projection, context))
    query = read_query(ask.query, context, grant, selecting(projection, context))
    return await _found(ask, query, span, _rendering(context, grant, form, projection), media)


async def query_temporal_by_body(ask: Ask) -> Answer:
    """Clause 6.24.3.1 (5.7.4): finds entities as the Query in the body says and gives their evolution.

    200 with a page of them, links to the pages beside it, and the count where it was asked for.
    """
    grant = ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    form = read_form(ask.query, temporal=True)
    body, context = await read_object(ask)
    check_query(body, temporal=True)
    projection = body_projection(body, context)
    span = read_span(_temporal_members(body), _attributes(projection, context))
    query = body_query(ask, body, context, grant, projection)
    return await _found(ask, query, span, _rendering(context, grant, form, projection), media)


def _temporal_members(body: dict[str, Any]) -> dict[str, str]:
    """Gives temporalQ (clause 5.2.21) as the parameters of the same names."""
    given = body.get("temporalQ", {})
    if not isinstance(given, dict):
        raise BadRequestData("temporalQ must be an object")
    for name in given:
        if name in LATER:
            raise OperationNotSupported(f"the member {name!r} of temporalQ is not handled yet")
        if name not in SPAN:
            raise BadRequestData(f"temporalQ has no member {name[:64]!r}")
    if not isinstance(given.get("lastN", 1), int) or isinstance(given.get("lastN"), bool):
        raise BadRequestData("lastN is a whole number from 1")
    return {name: str(value) for name, value in given.items()}


async def _found(ask: Ask, query: Query, span: TemporalQuery, rendering: Rendering, media: Media) -> Answer:
    await ask.face.broker.settle(ask.tenant)
    found = await ask.face.history.find(ask.tenant, query, span)
    form, context = read_form(ask.query, temporal=True), rendering.context
    rendered = [
        render_temporal(doc, rendering, values=form.temporal_values, time_property=span.timeproperty)
        for doc in found.entities
    ]
    answer = represent(rendered, context, media)
    add_page(ask, answer, found.total, found.after)
    return answer


async def retrieve_temporal(ask: Ask) -> Answer:
    """Clause 6.19.3.1 (5.7.3): gives the evolution of one entity in a span of time.

    404 where there is none, or where it never had the attributes asked for.
    """
    grant = ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    form = read_form(ask.query, temporal=True)
    entity_id = ask.uri(0, "the entity id")
    check_local(ask.query)
    context = await request_context(ask)
    projection = read_projection(ask.query, context)
    span = read_span(ask.query, _attributes(projection, context))
    await ask.face.broker.settle(ask.tenant)
    doc = await ask.face.history.entity(ask.tenant, entity_id, span, grant.restriction, grant.visible)
    if doc is None:
        raise ResourceNotFound(f"there is no entity {entity_id}")
    require_type(doc, ask, context)
    if projection.attrs and not doc["attrs"]:
        raise ResourceNotFound(f"entity {entity_id} has none of the attributes asked for")
    rendering = _rendering(context, grant, form, projection)
    value = render_temporal(doc, rendering, values=form.temporal_values, time_property=span.timeproperty)
    if not value:
        raise ResourceNotFound(f"entity {entity_id} has none of the members asked for")
    return represent(value, context, media)


def read_span(query: Mapping[str, str], attrs: tuple[str, ...]) -> TemporalQuery:
    """timerel, timeAt, endTimeAt, timeproperty, lastN (clause 4.11); BadRequestData where they do not fit."""
    timerel = query.get("timerel", "")
    if timerel and timerel not in TIMERELS:
        raise BadRequestData(f"timerel {timerel[:32]!r} is none of {', '.join(TIMERELS)}")
    name = query.get("timeproperty", "observedAt")
    if name not in TIME_PROPERTIES:
        raise BadRequestData(f"timeproperty {name[:32]!r} is none of {', '.join(TIME_PROPERTIES)}")
    if not timerel and ("timeAt" in query or "endTimeAt" in query):
        raise BadRequestData("timeAt and endTimeAt need timerel")
    last = read_integer(query, "lastN", -1)
    if last == 0 or last > MAX_LAST:
        raise BadRequestData(f"lastN is {last}; use 1 to {MAX_LAST}")
    return TemporalQuery(
        timerel=cast('Literal["before", "after", "between", ""]', timerel),
        time_at=_begin(query, timerel) if timerel else 0,
        end_time_at=_moment(query, "endTimeAt") if timerel == "between" else 0,
        timeproperty=name,
        last_n=max(last, 0),
        attrs=attrs,
    )


def _begin(query: Mapping[str, str], timerel: str) -> int:
    """The moment timeAt. "after" includes it (clause 4.11), history's excludes it: a microsecond less is the same."""
    return _moment(query, "timeAt") - (1 if timerel == "after" else 0)


def _moment(query: Mapping[str, str], name: str) -> int:
    text = query.get(name)
    if text is None:
        raise BadRequestData(f"timerel={query['timerel']} needs {name}")
    try:
        return micros(parse(text))
    except ValueError as problem:
        raise BadRequestData(f"{name}: {problem}") from problem


def _attributes(projection: Projection, context: Context) -> tuple[str, ...]:
    """The attributes whose instances are needed; () for all."""
    return projection.attrs or tuple(name for name in members(projection.pick, context) if name not in MEMBERS)


def _rendering(context: Context, grant: Grant, form: Form, projection: Projection) -> Rendering:
    return Rendering(
        context=context,
        form="normalized",
        sys_attrs=form.sys_attrs,
        lang=form.lang,
        visible=grant.visible.attributes,
        pick=picked(projection, context),
        omit=members(projection.omit, context),
        datasets=projection.datasets,
    )


RESOURCES = (
    Resource(
        "/temporal/entities",
        {"GET": Operation(query_temporal, SELECTION | GEO | PAGE | PROJECTION | FORM | SPAN), **TEMPORAL_ENTITIES},
    ),
    Resource("/temporal/entityOperations/query", {"POST": Operation(query_temporal_by_body, PAGE | FORM)}),
    Resource(
        "/temporal/entities/{entityId}",
        {"GET": Operation(retrieve_temporal, PROJECTION | FORM | SPAN | {"type"}), **TEMPORAL_ENTITY},
    ),
)
