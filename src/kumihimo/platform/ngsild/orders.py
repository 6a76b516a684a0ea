"""Entity ordering (clause 4.23): orderBy, collation, orderFrom and orderGeometry, or the `ordering` of a Query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.broker.collation import collation
from kumihimo.platform.broker.models import Ordering
from kumihimo.platform.broker.ordering import check_origin
from kumihimo.platform.broker.parse import parse_geometry, parse_order
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.ngsild.parameters import split_list

ORDER = frozenset({"orderBy", "collation", "orderFrom", "orderGeometry"})
MAX_KEYS = 10


def read_order(query: Mapping[str, str], context: Context, lang: str, usual: str) -> Ordering | None:
    """The order that the parameters ask for, None where there is none; in the usual collation where they name none."""
    return _order(
        split_list(query.get("orderBy", "")),
        query.get("collation", usual),
        query.get("orderGeometry", "Point"),
        query.get("orderFrom", ""),
        context,
        lang,
    )


def body_order(given: Any, context: Context, lang: str, usual: str) -> Ordering | None:
    """The order that OrderingParams (clause 5.2.43) ask for, in the usual collation where they name none."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise BadRequestData("ordering must be an object")
    keys = given.get("orderBy")
    if not isinstance(keys, list) or not keys or not all(isinstance(one, str) for one in keys):
        raise BadRequestData("ordering.orderBy is an array of names, each with a direction behind a ';' or none")
    tag, kind, origin = given.get("collation", usual), given.get("geometry", "Point"), given.get("coordinates", "")
    if not isinstance(tag, str) or not isinstance(kind, str):
        raise BadRequestData("ordering.collation and ordering.geometry are texts")
    if origin != "" and not isinstance(origin, list):
        raise BadRequestData("ordering.coordinates is an array")
    return _order(keys, tag, kind, origin, context, lang)


def _order(
    keys: list[str], tag: str, kind: str, origin: str | list[Any], context: Context, lang: str
) -> Ordering | None:
    """BadRequestData for a collation or a geometry that is none, also where nothing is ordered by it (5.7.2.4)."""
    collation(tag)
    geometry = parse_geometry(kind, origin) if origin else {}
    if geometry:
        check_origin(geometry)
    if len(keys) > MAX_KEYS:
        raise BadRequestData(f"orderBy has {len(keys)} keys; at most {MAX_KEYS} are taken")
    found = tuple(parse_order(one, context.expand) for one in keys)
    if any(key.by_distance for key in found) and not geometry:
        raise BadRequestData("ordering by distance needs orderFrom (in a Query, ordering.coordinates)")
    return Ordering(found, tag, geometry, lang) if found else None
