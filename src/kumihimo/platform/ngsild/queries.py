"""Queries in a body (clauses 6.23 and 5.2.23): the same questions as by GET, for those too long for an address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kumihimo.base.errors import BadRequestData, OperationNotSupported
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.broker.models import GeoQuery, Query, Selector, TypeOr
from kumihimo.platform.broker.parse import check_pattern, parse_geo, parse_q
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.ngsild.answers import ENTITIES, Answer, choose_media
from kumihimo.platform.ngsild.asks import Ask, check_uri
from kumihimo.platform.ngsild.bodies import named, read_object
from kumihimo.platform.ngsild.joins import body_join, found_answer
from kumihimo.platform.ngsild.orders import body_order
from kumihimo.platform.ngsild.parameters import (
    FORM,
    MAX_IDS,
    MAX_SELECTORS,
    PAGE,
    Projection,
    check_datasets,
    check_local,
    check_name,
    check_sources,
    expand_names,
    make_projection,
    names_attribute,
    read_form,
    read_page,
    read_types,
    read_values,
    refuse_wide,
)
from kumihimo.platform.ngsild.shapes import make_shape, selecting
from kumihimo.platform.ngsild.table import Operation, Resource

_TEXTS = ("q", "scopeQ", "lang", "csf", "join")
_LISTS = ("entities", "attrs", "pick", "omit", "containedBy")
_NAMES = ("attrs", "pick", "omit", "containedBy")
_LISTED = ("expandValues", "jsonKeys")
"""Names in an array, or in one text as the parameters of these names have them."""
_LATER = ("entityMap", "entityMapLifetime")
_PRESENT = ("join", "joinLevel", "containedBy")
"""Members of a Query that are for entities as they are now."""


async def query_by_body(ask: Ask) -> Answer:
    """Clause 6.23.3.1 (5.7.2): finds entities as the Query in the body says.

    200 with a page of them, links to the pages beside it, and the count where it was asked for.
    """
    grant = await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""), ENTITIES)
    body, context = await read_object(ask)
    check_query(body)
    context = await named(ask, context, media)
    form = read_form(ask.query if "lang" in ask.query else {**ask.query, "lang": body.get("lang", "")})
    join = body_join(body)
    projection = body_projection(body, context, join.depth)
    shape = make_shape(ask, context, media, form, projection)
    query = body_query(ask, body, context, grant, projection, join.depth)
    query = replace(query, order=body_order(body.get("ordering"), context, form.lang, ask.face.collation))
    return await found_answer(ask, grant, await ask.face.broker.find_texts(ask.tenant, query), shape, join)


def check_query(body: dict[str, Any], *, temporal: bool = False) -> None:
    """The members of a Query (clause 5.2.23) that are the same for the present and the past."""
    if body.get("type") != "Query":
        raise BadRequestData('the body\'s type must be "Query"')
    for name in _LATER + (_PRESENT if temporal else ()):
        if name in body:
            raise OperationNotSupported(f"the member {name!r} of a Query is not handled here")
    for name in ("temporalQ", "aggrParams"):
        if name in body and not temporal:
            raise BadRequestData(f"{name} is for the temporal query only")
    for name in _TEXTS:
        if name in body and not isinstance(body[name], str):
            raise BadRequestData(f"{name} must be text")
    for name in _LISTS:
        if name in body and (not isinstance(body[name], list) or not body[name]):
            raise BadRequestData(f"{name} must be an array that is not empty")
    _check_kinds(body)


def _check_kinds(body: dict[str, Any]) -> None:
    for name in _NAMES:
        if not all(isinstance(one, str) for one in body.get(name, ())):
            raise BadRequestData(f"{name} must hold texts")
    for name in _LISTED:
        given = body.get(name, "")
        if not isinstance(given, str) and not (isinstance(given, list) and all(isinstance(one, str) for one in given)):
            raise BadRequestData(f"{name} must be a text or an array of texts")
    if not isinstance(body.get("splitEntities", False), bool):
        raise BadRequestData("splitEntities must be true or false")


def body_projection(body: dict[str, Any], context: Context, depth: int = 0) -> Projection:
    """attrs, pick and omit of a Query, `depth` links deep at most."""
    attrs = expand_names(body.get("attrs", []), context)
    projection = make_projection(attrs, body.get("pick", ()), body.get("omit", ()), depth)
    given = body.get("datasetId", [])
    if not isinstance(given, str | list) or not all(isinstance(one, str) for one in given):
        raise BadRequestData("datasetId must be a URI or an array of URIs")
    return replace(projection, datasets=check_datasets([given] if isinstance(given, str) else given))


def _listed(given: str | list[str]) -> str:
    return given if isinstance(given, str) else ",".join(given)


def body_query(
    ask: Ask, body: dict[str, Any], context: Context, grant: Grant, projection: Projection, depth: int = 0
) -> Query:
    """The broker's query for what a Query selects, q `depth` links deep at most; its page is that of the parameters."""
    check_local(ask.query)
    check_sources({"csf": body.get("csf", "")}, context)
    page = read_page(ask.query)
    listed = {name: _listed(body.get(name, "")) for name in _LISTED}
    reading = replace(read_values(listed, context, depth), in_body=True)
    q = parse_q(body["q"], context.expand, reading) if body.get("q") else None
    selectors = _selectors(body.get("entities", []), context)
    refuse_wide(
        {
            "type": selectors,
            "attrs": projection.attrs,
            "q": q is not None and names_attribute(q),
            "georel": body.get("geoQ"),
            "local": ask.query.get("local") or body.get("local"),
        }
    )
    query = Query(
        restriction=grant.restriction,
        visible=grant.visible,
        attrs=selecting(projection, context),
        q=q,
        geo=_geo(body.get("geoQ"), context),
        scope_q=body.get("scopeQ", ""),
        limit=page.limit,
        offset=0 if page.after else page.offset,
        after=page.after,
        count=page.count,
    )
    return _selecting(query, selectors)


def _selecting(query: Query, selectors: list[Selector]) -> Query:
    """The query with its selectors: one, or several that differ in their types alone, lead by the index of types."""
    if any(one == Selector() for one in selectors):
        return query
    if len(selectors) == 1:
        one = selectors[0]
        return replace(query, types=one.types, ids=one.ids, id_pattern=one.id_pattern)
    types = tuple(dict.fromkeys(one.types for one in selectors if one.types is not None))
    if selectors and all(one == Selector(one.types) for one in selectors):
        return replace(query, types=types[0] if len(types) == 1 else TypeOr(types))
    return replace(query, selectors=tuple(selectors))


def _selectors(entities: list[Any], context: Context) -> list[Selector]:
    """Entity selectors (clause 5.2.33): an entity satisfies one of them. In one, the id goes before the pattern."""
    if len(entities) > MAX_SELECTORS:
        raise BadRequestData(f"{len(entities)} entity selectors are given; at most {MAX_SELECTORS} are taken")
    found = [_selector(one, context) for one in entities]
    ids = sum(len(one.ids) for one in found)
    if ids > MAX_IDS:
        raise BadRequestData(f"{ids} ids are given; at most {MAX_IDS} are taken")
    return found


def _selector(given: Any, context: Context) -> Selector:
    if not isinstance(given, dict) or not isinstance(given.get("type"), str):
        raise BadRequestData("an entity selector is an object with a type")
    pattern = given.get("idPattern", "")
    if not isinstance(pattern, str):
        raise BadRequestData("idPattern must be text")
    types, ids = read_types(given["type"], context.expand_type), _selector_ids(given.get("id"))
    checked = check_pattern(pattern) if pattern else ""
    return Selector(types, ids, "" if ids else checked)


def _selector_ids(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if given == []:
        raise BadRequestData("the id of an entity selector is a URI or an array of URIs that is not empty")
    return tuple(check_uri(one, "id") for one in (given if isinstance(given, list) else [given]))


def _geo(given: Any, context: Context) -> GeoQuery | None:
    """A geoQ (clause 5.2.13)."""
    if given is None:
        return None
    if not isinstance(given, dict) or not all(given.get(name) for name in ("georel", "geometry", "coordinates")):
        raise BadRequestData("geoQ needs georel, geometry and coordinates")
    name = check_name(str(given.get("geoproperty") or "location"))
    return parse_geo(str(given["georel"]), str(given["geometry"]), given["coordinates"], name, context.expand)


RESOURCES = (
    Resource("/entityOperations/query", {"POST": Operation(query_by_body, PAGE | FORM | {"geometryProperty"})}),
)
