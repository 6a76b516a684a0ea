"""Entities: create, query, retrieve, replace, merge, delete (clauses 6.4 and 6.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.base.jsontext import parse as parse_json
from kumihimo.platform.broker.models import Change, Merging, Op
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.expand import expand_entity, expand_fragment
from kumihimo.platform.jsonld.instance import check_moment
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.platform.jsonld.names import is_language
from kumihimo.platform.ngsild.answers import ENTITIES, GEO_JSON, Answer, choose_media, created, done, represent_bytes
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.bodies import read_object, request_context
from kumihimo.platform.ngsild.joins import JOIN, collected, found_answer, joined, read_join
from kumihimo.platform.ngsild.orders import ORDER, read_order
from kumihimo.platform.ngsild.outcomes import apply_one, check_type, require_type, standing_text
from kumihimo.platform.ngsild.parameters import (
    EVERYTHING,
    FORM,
    GEO,
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
from kumihimo.platform.ngsild.purge import PURGE
from kumihimo.platform.ngsild.shapes import make_shape, selecting
from kumihimo.platform.ngsild.table import PREFIX, Operation, Resource


async def create_entity(ask: Ask) -> Answer:
    """Clause 6.4.3.1 (5.6.1): creates an entity.

    201 with its address; 409 where it exists.
    """
    allowed = await ask.allowed("write")
    body, context = await read_object(ask)
    doc = expand_entity(body, context)
    await apply_one(ask, Change(Op.CREATE, doc["id"], doc, allowed=allowed))
    return created(f"{PREFIX}/entities", doc["id"])


async def query_entities(ask: Ask) -> Answer:
    """Clause 6.4.3.2 (5.7.2): finds entities by type, id, attributes, q, place and scope.

    200 with a page of them in the order asked for, with those that they link to where join says so; links to the pages
    beside it, and the count where it was asked for.
    """
    grant = await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""), ENTITIES)
    form = read_form(ask.query)
    join = read_join(ask.query)
    context = await request_context(ask)
    projection = read_projection(ask.query, context, join.depth)
    shape = make_shape(ask, context, media, form, projection)
    query = read_query(ask.query, context, grant, selecting(projection, context), join.depth)
    query = replace(query, order=read_order(ask.query, context, form.lang, ask.face.collation))
    return await found_answer(ask, grant, await ask.face.broker.find_texts(ask.tenant, query), shape, join)


async def retrieve_entity(ask: Ask) -> Answer:
    """Clause 6.5.3.1 (5.7.1): gives one entity, with those that it links to where join says so.

    404 where there is none, or where it has none of the members that were asked for.
    """
    grant = await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""), ENTITIES)
    form = read_form(ask.query)
    join = read_join(ask.query)
    entity_id = ask.uri(0, "the entity id")
    check_local(ask.query)
    context = await request_context(ask)
    projection = read_projection(ask.query, context, join.depth)
    shape = make_shape(ask, context, media, form, projection)
    stored = await standing_text(ask, entity_id, grant)
    plain = projection == EVERYTHING and not join.depth
    if shape.media != GEO_JSON and plain and "type" not in ask.query:
        body = shape.written(stored, ask.tenant, ask.face.remembered)
        return represent_bytes(body, context, media, bare=shape.bare)
    doc = parse_json(stored)
    require_type(doc, ask, context)
    value = shape.one(doc)
    _check_left(doc, projection, value)
    if not join.depth:
        return shape.answer(value)
    values = await joined(ask, grant, [doc], shape, join)
    # An entity that links to nothing here is not put into an array, though clause 4.5.23.3 has one: ETSI's own suite
    # (018_14_02), by which brokers are compared, wants the entity itself.
    return shape.answer(values[0] if len(values) == 1 else collected(values, shape))


def _check_left(doc: EntityDoc, projection: Projection, value: Any) -> None:
    """Clause 5.7.1.4: an entity of which nothing that was asked for is left is not found."""
    if projection.attrs and not any(name in doc["attrs"] for name in projection.attrs):
        raise ResourceNotFound(f"entity {doc['id']} has none of the attributes asked for")
    if not value or value.get("properties") == {}:
        raise ResourceNotFound(f"entity {doc['id']} has none of the members asked for")


async def _read_fragment(ask: Ask, entity_id: str, form: Form, *, merge: bool = False) -> tuple[EntityDoc, Context]:
    """The body as a fragment of this entity, in this form, and its @context."""
    body, context = await read_object(ask)
    doc = expand_fragment(body, context, simplified=form.name == "simplified", nulls=merge, merge=merge)
    check_same_id(doc, entity_id)
    return doc, context


async def replace_entity(ask: Ask) -> Answer:
    """Clause 6.5.3.3 (5.6.18): replaces an entity that exists, whole.

    204; 404 where there is none. The id may be left out of the body; the type may too, and stays then.
    """
    allowed = await ask.allowed("write")
    entity_id = ask.uri(0, "the entity id")
    doc, context = await _read_fragment(ask, entity_id, read_form(ask.query))
    await check_type(ask, entity_id, context, allowed.eyes)
    doc["id"] = entity_id
    await apply_one(ask, Change(Op.REPLACE, entity_id, doc, allowed=allowed))
    return done()


async def merge_entity(ask: Ask) -> Answer:
    """Clause 6.5.3.4 (5.6.17): merges a fragment into an entity, in depth; the NGSI-LD Null deletes.

    204; 404 where there is no such entity. In the simplified form attributes keep the type that they have; observedAt
    is the moment of those that have one and are given none, lang the language of texts for LanguageProperties.
    """
    allowed = await ask.allowed("write")
    entity_id = ask.uri(0, "the entity id")
    form = read_form(ask.query)
    merging = read_merging(ask.query, form)
    doc, context = await _read_fragment(ask, entity_id, form, merge=True)
    await check_type(ask, entity_id, context, allowed.eyes)
    await apply_one(ask, Change(Op.MERGE, entity_id, doc, merging=merging, allowed=allowed))
    return done()


async def delete_entity(ask: Ask) -> Answer:
    """Clause 6.5.3.2 (5.6.6): deletes an entity.

    204; 404 where there is none.
    """
    allowed = await ask.allowed("delete")
    entity_id = ask.uri(0, "the entity id")
    context = await request_context(ask)
    await check_type(ask, entity_id, context, allowed.eyes)
    await apply_one(ask, Change(Op.DELETE, entity_id, allowed=allowed))
    return done()


def check_same_id(doc: EntityDoc, entity_id: str) -> None:
    """BadRequestData where a fragment names another entity than the path."""
    if doc.get("id", entity_id) != entity_id:
        raise BadRequestData(f"the body is of entity {doc['id']}, the path of {entity_id}")


def read_merging(query: Mapping[str, str], form: Form) -> Merging:
    """How the merge takes its fragment; BadRequestData for a moment or a language that is none."""
    moment = query.get("observedAt", "")
    if moment:
        check_moment("observedAt", moment)
    if form.lang and not is_language(form.lang):
        raise BadRequestData(f"lang is {form.lang[:64]!r}; a merge takes one language tag, like ja")
    return Merging(form.name == "simplified", form.lang, moment)


RETRIEVAL = PROJECTION | FORM | JOIN | {"geometryProperty", "type"}
RESOURCES = (
    Resource(
        "/entities",
        {
            "POST": Operation(create_entity, creates=True),
            "GET": Operation(query_entities, SELECTION | GEO | READING | ORDER | PAGE | RETRIEVAL),
            "DELETE": PURGE,
        },
    ),
    Resource(
        "/entities/{entityId}",
        {
            "GET": Operation(retrieve_entity, RETRIEVAL),
            "PUT": Operation(replace_entity, frozenset({"type", "options", "format"})),
            "PATCH": Operation(merge_entity, frozenset({"type", "options", "format", "observedAt", "lang"})),
            "DELETE": Operation(delete_entity, frozenset({"type"})),
        },
    ),
)
