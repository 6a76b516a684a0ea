"""Queries in a body (clauses 6.23 and 5.2.23): the same questions as by GET, for those too long for an address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kumihimo.base.errors import BadRequestData, OperationNotSupported
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.broker.models import GeoQuery, Query, TypeNode, TypeOr
from kumihimo.platform.broker.parse import check_pattern, parse_geo, parse_q
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.ngsild.answers import ENTITIES, Answer, choose_media
from kumihimo.platform.ngsild.asks import Ask, check_uri
from kumihimo.platform.ngsild.bodies import named, read_object
from kumihimo.platform.ngsild.parameters import (
    FORM,
    MAX_IDS,
    MAX_SELECTORS,
    PAGE,
    Projection,
    check_datasets,
    check_local,
    check_members,
    expand_names,
    make_projection,
    read_form,
    read_page,
    read_types,
    refuse_wide,
)
from kumihimo.platform.ngsild.shapes import make_shape, selecting, texts_answer
from kumihimo.platform.ngsild.table import Operation, Resource

_TEXTS = ("q", "scopeQ", "lang")
_LISTS = ("entities", "attrs", "pick", "omit")
_LATER = ("join", "joinLevel", "containedBy", "orderBy", "csf", "entityMap", "expandValues", "ordering")


_OF_TIME = frozenset({"csf", "expandValues", "ordering"})
"""Members that the temporal query reads by itself."""


async def query_by_body(ask: Ask) -> Answer:
    """Clause 6.23.3.1 (5.7.2): finds entities as the Query in the body says.

    200 with a page of them, links to the pages beside it, and the count where it was asked for.
    """
    grant = ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""), ENTITIES)
    form = read_form(ask.query)
    body, context = await read_object(ask)
    check_query(body)
    context = await named(ask, context, media)
    projection = body_projection(body, context)
    shape = make_shape(ask, context, grant, media, form, projection)
    query = body_query(ask, body, context, grant, projection)
    return texts_answer(ask, await ask.face.broker.find_texts(ask.tenant, query), shape)


def check_query(body: dict[str, Any], *, temporal: bool = False) -> None:
    """The members of a Query (clause 5.2.23) that are the same for the present and the past."""
    if body.get("type") != "Query":
        raise BadRequestData('the body\'s type must be "Query"')
    for name in _LATER:
        if name in body and not (temporal and name in _OF_TIME):
            raise OperationNotSupported(f"the member {name!r} of a Query is not handled yet")
    for name in ("temporalQ", "aggrParams"):
        if name in body and not temporal:
            raise BadRequestData(f"{name} is for the temporal query only")
    for name in _TEXTS:
        if name in body and not isinstance(body[name], str):
            raise BadRequestData(f"{name} must be text")
    for name in _LISTS:
        if name in body and (not isinstance(body[name], list) or not body[name]):
            raise BadRequestData(f"{name} must be an array that is not empty")


def body_projection(body: dict[str, Any], context: Context) -> Projection:
    """attrs, pick and omit of a Query."""
    attrs = expand_names(_names(body, "attrs"), context)
    projection = make_projection(attrs, check_members(_names(body, "pick")), check_members(_names(body, "omit")))
    given = body.get("datasetId", [])
    if not isinstance(given, str | list) or not all(isinstance(one, str) for one in given):
        raise BadRequestData("datasetId must be a URI or an array of URIs")
    return replace(projection, datasets=check_datasets([given] if isinstance(given, str) else given))


def _names(body: dict[str, Any], member: str) -> list[str]:
    names = body.get(member, [])
    if not all(isinstance(name, str) for name in names):
        raise BadRequestData(f"{member} must hold names")
    return list(names)


def body_query(ask: Ask, body: dict[str, Any], context: Context, grant: Grant, projection: Projection) -> Query:
    """The broker's query for what a Query selects; its page is that of the parameters."""
    check_local(ask.query)
    page = read_page(ask.query)
    types, ids, pattern = _selectors(body.get("entities", []), context)
    refuse_wide(
        {
            "type": types,
            "attrs": projection.attrs,
            "q": body.get("q"),
            "georel": body.get("geoQ"),
            "local": ask.query.get("local") or body.get("local"),
        }
    )
    return Query(
        restriction=grant.restriction,
        visible=grant.visible,
        types=types,
        ids=ids,
        id_pattern=pattern,
        attrs=selecting(projection, context),
        q=parse_q(body["q"], context.expand) if body.get("q") else None,
        geo=_geo(body.get("geoQ"), context),
        scope_q=body.get("scopeQ", ""),
        limit=page.limit,
        offset=0 if page.after else page.offset,
        after=page.after,
        count=page.count,
    )


def _selectors(entities: list[Any], context: Context) -> tuple[TypeNode | None, tuple[str, ...], str]:
    """Entity selectors (clause 5.2.33). Several may differ in their types, or in their ids, but not in both.

    In one selector the id goes before the pattern.
    """
    if len(entities) > MAX_SELECTORS:
        raise BadRequestData(f"{len(entities)} entity selectors are given; at most {MAX_SELECTORS} are taken")
    types: list[TypeNode] = []
    ids: list[str] = []
    patterns: list[str] = []
    for selector in entities:
        if not isinstance(selector, dict) or not isinstance(selector.get("type"), str):
            raise BadRequestData("an entity selector is an object with a type")
        node = read_types(selector["type"], context.expand_type)
        if node is not None and node not in types:
            types.append(node)
        ids += _selector_ids(selector.get("id"))
        if selector.get("idPattern") and not selector.get("id"):
            patterns.append(check_pattern(str(selector["idPattern"])))
    if len(ids) > MAX_IDS:
        raise BadRequestData(f"{len(ids)} ids are given; at most {MAX_IDS} are taken")
    if len(entities) > 1 and (patterns or ids) and len(types) > 1:
        raise OperationNotSupported("several entity selectors with ids and different types are not handled yet")
    if len(patterns) > 1 or (patterns and ids):
        raise OperationNotSupported("several id patterns, or patterns beside ids, are not handled yet")
    node = None if not types else types[0] if len(types) == 1 else TypeOr(tuple(types))
    return node, tuple(ids), patterns[0] if patterns else ""


def _selector_ids(given: Any) -> list[str]:
    if given is None:
        return []
    return [check_uri(one, "id") for one in (given if isinstance(given, list) else [given])]


def _geo(given: Any, context: Context) -> GeoQuery | None:
    """A geoQ (clause 5.2.13)."""
    if given is None:
        return None
    if not isinstance(given, dict) or not all(given.get(name) for name in ("georel", "geometry", "coordinates")):
        raise BadRequestData("geoQ needs georel, geometry and coordinates")
    name = str(given.get("geoproperty") or "location")
    return parse_geo(str(given["georel"]), str(given["geometry"]), given["coordinates"], name, context.expand)


RESOURCES = (
    Resource("/entityOperations/query", {"POST": Operation(query_by_body, PAGE | FORM | {"geometryProperty"})}),
)
