"""Query parameters → the broker's query model and the form of the answer (clauses 4.9 to 4.21 and 6.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kumihimo.base.errors import BadRequestData, InvalidRequest, TooManyResults
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.broker.models import GeoQuery, QLink, QNode, QTerm, Query, TypeNode
from kumihimo.platform.broker.parse import Reading, check_pattern, parse_geo, parse_q, parse_types
from kumihimo.platform.broker.projections import Named, parse_members
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.instance import DEFAULT_DATASET
from kumihimo.platform.jsonld.names import is_name
from kumihimo.platform.ngsild.asks import check_uri

MAX_LIMIT = 1000
DEFAULT_LIMIT = 20
MAX_IDS = 1000
MAX_NAMES = 100
MAX_SELECTORS = 100

COMMON = frozenset({"local"})
"""`local` asks for this broker's own entities only, which all are until there are registrations."""
PROJECTION = frozenset({"attrs", "pick", "omit", "datasetId"})
FORM = frozenset({"options", "format", "lang"})
GEO = frozenset({"georel", "geometry", "coordinates", "geoproperty"})
PAGE = frozenset({"limit", "offset", "count", "after"})
SELECTION = frozenset({"id", "type", "idPattern", "q", "scopeQ"}) | GEO
READING = frozenset({"csf", "expandValues", "jsonKeys", "splitEntities"})
"""How a query is read: which values are names, which are none, and what the context sources need to be."""

LATER = frozenset(
    {
        "csf",
        "entityMap",
        "expandValues",
        "jsonKeys",
        "splitEntities",
        "via",
    }
)
"""Parameters of the specification: where an operation does not take them they are refused as such, never ignored."""

MEMBERS = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt", "deletedAt", "@context"})
"""Members of an entity that are no attributes."""

FormName = Literal["normalized", "concise", "simplified"]
_FORMS: dict[str, FormName] = {
    "normalized": "normalized",
    "concise": "concise",
    "simplified": "simplified",
    "keyValues": "simplified",
}
_TEMPORAL_FORMS: dict[str, FormName] = {"temporalValues": "simplified", "aggregatedValues": "simplified"}
_INTEGER = re.compile(r"\d{1,18}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is to look (clause 6.3.7, 6.3.11 and 6.3.12); named says that the request names a form."""

    name: FormName
    sys_attrs: bool
    lang: str
    temporal_values: bool = False
    aggregated: bool = False
    named: bool = False


NORMALIZED = Form("normalized", sys_attrs=False, lang="")


def read_form(query: Mapping[str, str], *, temporal: bool = False) -> Form:
    """`format` and `options`; format goes before what options say. InvalidRequest for a value that there is not."""
    if FORM.isdisjoint(query):
        return NORMALIZED
    forms: dict[str, FormName] = {**_FORMS, **_TEMPORAL_FORMS} if temporal else _FORMS
    name = query.get("format", "")
    if name and name not in forms:
        raise InvalidRequest(f"format {name[:64]!r} is none of {', '.join(forms)}")
    options = split_list(query.get("options", ""))
    for option in options:
        if option not in forms and option not in ("sysAttrs", "count"):
            raise InvalidRequest(f"options has {option[:64]!r}; there are {', '.join(forms)}, sysAttrs and count")
    if temporal and _TEMPORAL_FORMS.keys() <= set(options):
        raise InvalidRequest("options has temporalValues and aggregatedValues; give one of them (clause 6.3.12)")
    named = name or next((option for option in options if option in forms), "")
    name = named or "normalized"
    lang = query.get("lang", "")
    aggregated = name == "aggregatedValues"
    values = forms[name] == "simplified" and not aggregated
    return Form(forms[name], "sysAttrs" in options, lang, values, aggregated, bool(named))


def split_list(text: str) -> list[str]:
    """The parts of a comma-separated list, blanks around them dropped."""
    return [part.strip() for part in text.split(",")] if text else []


def read_flag(query: Mapping[str, str], name: str) -> bool:
    """`true` or `false`; false where it is not given. BadRequestData for anything else."""
    value = query.get(name, "false")
    if value not in ("true", "false"):
        raise BadRequestData(f"{name} is {value[:32]!r}; use true or false")
    return value == "true"


def read_which(query: Mapping[str, str]) -> tuple[bool, str]:
    """Which instances of an attribute a deletion means: all (deleteAll), or those of datasetId ("" is the default)."""
    every, given = read_flag(query, "deleteAll"), query.get("datasetId", "")
    if every and given:
        raise BadRequestData("deleteAll and datasetId exclude each other")
    if not given or given == DEFAULT_DATASET:
        return every, ""
    return every, check_uri(given, "datasetId")


def check_local(query: Mapping[str, str]) -> None:
    """`local` must be a flag; and false contradicts the type "*" (clause 4.17)."""
    read_flag(query, "local")
    if query.get("type") == "*" and query.get("local") == "false":
        raise BadRequestData("type=* selects this broker's own entities; leave local=false away")


def read_integer(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number from 0; BadRequestData for anything else."""
    text = query.get(name)
    if text is None:
        return default
    if not _INTEGER.match(text):
        raise BadRequestData(f"{name} is {text[:32]!r}; use a whole number from 0")
    return int(text)


def is_counted(query: Mapping[str, str]) -> bool:
    """Whether the total is asked for: count=true, or the older options=count."""
    return read_flag(query, "count") or "count" in split_list(query.get("options", ""))


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a result (clause 6.3.10). after is a cursor and goes before offset."""

    limit: int
    offset: int
    after: str
    count: bool


def read_page(query: Mapping[str, str]) -> Page:
    """limit, offset, count; TooManyResults for a limit above the greatest, BadRequestData for one that is none."""
    limit = read_integer(query, "limit", DEFAULT_LIMIT)
    count = is_counted(query)
    if limit > MAX_LIMIT:
        raise TooManyResults(f"limit is {limit}; at most {MAX_LIMIT} are given at once, follow the Link headers")
    if limit == 0 and not count:
        raise BadRequestData("limit=0 is for count=true only (clause 6.3.13)")
    return Page(limit, read_integer(query, "offset", 0), query.get("after", ""), count)


def check_name(name: str) -> str:
    """The name itself where an attribute may have it (clause 4.6.2); BadRequestData otherwise."""
    if name in MEMBERS or not is_name(name):
        raise BadRequestData(f"{name[:64]!r} is no attribute name")
    return name


def expand_names(names: list[str], context: Context) -> tuple[str, ...]:
    """Attribute names as the store has them."""
    if len(names) > MAX_NAMES:
        raise BadRequestData(f"{len(names)} attributes are named; at most {MAX_NAMES} are taken")
    return tuple(context.expand(check_name(name)) for name in names)


@dataclass(frozen=True, slots=True)
class Projection:
    """Which members an answer keeps (clause 4.21): as named in the request.

    attrs: only entities with one of these (expanded), and of their attributes only these. datasets: of these the
    instances with these datasetIds only. linked: the same of the entities behind a relationship, by its name.
    """

    attrs: tuple[str, ...] = ()
    pick: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    datasets: frozenset[str] | None = None
    linked: tuple[tuple[str, Projection], ...] = ()


EVERYTHING = Projection()


def read_projection(query: Mapping[str, str], context: Context, depth: int = 0) -> Projection:
    """attrs, pick and omit, `depth` links deep at most; BadRequestData where they contradict or hold no names."""
    if PROJECTION.isdisjoint(query):
        return EVERYTHING
    attrs = expand_names(split_list(query.get("attrs", "")), context)
    pick, omit = ([query[name]] if query.get(name) else [] for name in ("pick", "omit"))
    projection = make_projection(attrs, pick, omit, depth)
    return replace(projection, datasets=check_datasets(split_list(query.get("datasetId", ""))))


def check_datasets(given: list[str]) -> frozenset[str] | None:
    """The datasetIds of the instances to show, "" for the default one ("@none"); None, for all, where none is given."""
    if not given:
        return None
    return frozenset("" if one == DEFAULT_DATASET else check_uri(one, "datasetId") for one in given)


def make_projection(attrs: tuple[str, ...], pick: Sequence[str], omit: Sequence[str], depth: int = 0) -> Projection:
    """The projection of members, each as clause 4.21 has them; BadRequestData where its parts contradict one another,
    or reach deeper than `depth` links.
    """
    if attrs and (pick or omit):
        raise BadRequestData("attrs goes with neither pick nor omit; use pick and omit alone")
    picked, omitted = parse_members(",".join(pick)) if pick else (), parse_members(",".join(omit)) if omit else ()
    return replace(_projected(picked, omitted, depth), attrs=attrs)


def _projected(pick: tuple[Named, ...], omit: tuple[Named, ...], depth: int) -> Projection:
    """Of what omit names with braces, only what is inside is left out, and the relationship stays."""
    picked = _checked([one.name for one in pick])
    omitted = _checked([one.name for one in omit if not one.inside])
    both = sorted(set(picked) & set(omitted))
    if both:
        raise BadRequestData(f"{both[0]!r} is in pick and in omit")
    inside = [one for one in (*pick, *omit) if one.inside]
    if inside and depth <= 0:
        raise BadRequestData(
            f"{inside[0].name[:64]!r} names members of linked entities more deeply than join and joinLevel reach"
        )
    linked = []
    for name in _checked(list(dict.fromkeys(one.name for one in inside))):
        parts = [tuple(part for one in many if one.name == name for part in one.inside) for many in (pick, omit)]
        linked.append((name, _projected(parts[0], parts[1], depth - 1)))
    return Projection((), picked, omitted, linked=tuple(linked))


def _checked(names: list[str]) -> tuple[str, ...]:
    """The names themselves where members of an entity may have them."""
    if len(names) > MAX_NAMES:
        raise BadRequestData(f"{len(names)} members are named; at most {MAX_NAMES} are taken")
    return tuple(name if name in MEMBERS else check_name(name) for name in names)


def read_geo(query: Mapping[str, Any], context: Context) -> GeoQuery | None:
    """georel, geometry, coordinates, geoproperty (clause 4.10): all that are needed, or none."""
    given = [name for name in ("georel", "geometry", "coordinates") if query.get(name)]
    if not given:
        if query.get("geoproperty"):
            raise BadRequestData("geoproperty needs georel, geometry and coordinates")
        return None
    if len(given) < 3:
        raise BadRequestData(f"a geo-query needs georel, geometry and coordinates; given is {', '.join(given)}")
    name = check_name(query.get("geoproperty") or "location")
    return parse_geo(query["georel"], query["geometry"], query["coordinates"], name, context.expand)


def read_ids(text: str) -> tuple[str, ...]:
    """Entity ids of a list; BadRequestData for one that is no URI."""
    ids = tuple(check_uri(one, "id") for one in split_list(text))
    if len(ids) > MAX_IDS:
        raise BadRequestData(f"{len(ids)} ids are given; at most {MAX_IDS} are taken")
    return ids


def read_types(text: str, expand: Callable[[str], str]) -> TypeNode | None:
    """A type selection (clause 4.17); None for "*" and where there is none."""
    return parse_types(text, expand) if text and text != "*" else None


def refuse_wide(query: Mapping[str, Any]) -> None:
    """Clause 5.7.2.4: a query needs a type, an attribute, q or a geo-query, unless it is local."""
    if any(query.get(name) for name in ("type", "attrs", "q", "georel")) or query.get("local") in ("true", True):
        return
    raise BadRequestData("the query is too wide: give type, attrs, q or georel, or local=true (clause 5.7.2.4)")


def names_attribute(node: QNode) -> bool:
    """Whether q asks of an attribute, and not of what every entity has (clause 5.7.2.4)."""
    if isinstance(node, QTerm):
        return bool(node.path.attributes)
    return isinstance(node, QLink) or any(names_attribute(part) for part in node.parts)


def read_values(query: Mapping[str, str], context: Context, depth: int) -> Reading:
    """How q is to be read: joinLevel, and the attributes whose values are names (expandValues, without jsonKeys)."""
    raw = expand_names(split_list(query.get("jsonKeys", "")), context)
    expanded = expand_names(split_list(query.get("expandValues", "")), context)
    return Reading(depth, frozenset(expanded) - frozenset(raw))


def check_sources(query: Mapping[str, str], context: Context) -> None:
    """Csf and splitEntities: there are no context sources yet, so they select nothing, but must be what they are."""
    read_flag(query, "splitEntities")
    if query.get("csf"):
        parse_q(query["csf"], context.expand)


def read_query(
    query: Mapping[str, str], context: Context, grant: Grant, attrs: tuple[str, ...], depth: int = 0
) -> Query:
    """The broker's query for what the parameters select; q may reach `depth` links deep."""
    check_local(query)
    check_sources(query, context)
    refuse_wide(query)
    page = read_page(query)
    text, reading = query.get("q", ""), read_values(query, context, depth)
    q = parse_q(text, context.expand, reading) if text else None
    if q is not None and not names_attribute(q):
        refuse_wide({**query, "q": ""})
    pattern = query.get("idPattern", "")
    return Query(
        restriction=grant.restriction,
        visible=grant.visible,
        types=read_types(query.get("type", ""), context.expand_type),
        ids=read_ids(query.get("id", "")),
        id_pattern=check_pattern(pattern) if pattern else "",
        attrs=attrs,
        q=q,
        geo=read_geo(query, context),
        scope_q=query.get("scopeQ", ""),
        limit=page.limit,
        offset=0 if page.after else page.offset,
        after=page.after,
        count=page.count,
    )
