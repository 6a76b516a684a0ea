"""A subscription document, checked and compiled (clauses 5.2.12, 5.2.13, 5.2.33 and 5.8.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kumihimo.base.ids import is_uri
from kumihimo.platform.broker.links import MAX_LEVEL
from kumihimo.platform.broker.models import GeoQuery, QNode, TypeNode
from kumihimo.platform.broker.parse import Reading, check_pattern, parse_geo, parse_q, parse_types
from kumihimo.platform.broker.scopes import parse_scope_q
from kumihimo.platform.delivery.endpoint import read_endpoint
from kumihimo.platform.delivery.linked import asks_of_links
from kumihimo.platform.delivery.members import (
    as_flag,
    as_moment,
    as_number,
    as_object,
    as_text,
    as_texts,
    as_word,
    refuse,
    wrong,
)
from kumihimo.platform.delivery.models import (
    DEFAULT_TRIGGERS,
    ENTITY_UPDATED,
    TRIGGERS,
    Form,
    Join,
    Selector,
    StoredSubscription,
    Subscription,
)
from kumihimo.platform.delivery.projection import Expand, read_projection
from kumihimo.platform.jsonld.conformance import Version, read_version
from kumihimo.platform.jsonld.instance import DEFAULT_DATASET

_FORMS: dict[str, Form] = {
    "normalized": "normalized",
    "concise": "concise",
    "simplified": "simplified",
    "keyValues": "simplified",
}
_KNOWN = frozenset(
    (
        "id",
        "type",
        "subscriptionName",
        "description",
        "entities",
        "watchedAttributes",
        "notificationTrigger",
        "q",
        "csf",
        "geoQ",
        "isActive",
        "notification",
        "expiresAt",
        "throttling",
        "lang",
        "jsonldContext",
        "timeInterval",
        "scopeQ",
        "datasetId",
        "splitEntities",
        "localOnly",
        "ngsildConformance",
        "expandValues",
        "jsonKeys",
    )
)
_MISPLACED = {"temporalQ": "it is for subscriptions to context source registrations only (table 5.2.12-1)"}
_WRITTEN = _KNOWN | _MISPLACED.keys()
_JOINS: tuple[Join, ...] = ("@none", "flat", "inline")
_NOTIFICATION_KNOWN = frozenset(
    ("attributes", "pick", "omit", "format", "endpoint", "sysAttrs", "showChanges", "join", "joinLevel")
)
_NOTIFICATION_REFUSED = {
    "onChangeAttributes": "use watchedAttributes",
}
_MAX_SELECTORS = 1000
_CENTURY_SECONDS = 3_155_760_000


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the members that a client may write.

    What only the platform says (status, counters; table 5.2.12-2) and what no subscription has is left out.
    """
    kept = {name: value for name, value in document.items() if name in _WRITTEN}
    notification = kept.get("notification")
    if isinstance(notification, dict):
        written = _NOTIFICATION_KNOWN | _NOTIFICATION_REFUSED.keys()
        kept["notification"] = {name: value for name, value in notification.items() if name in written}
    return kept


def compile_subscription(stored: StoredSubscription, expand: Expand) -> Subscription:
    """The compiled form. BadRequestData or OperationNotSupported that names the member."""
    document = stored.document
    _check_members(document)
    watched = _names(document, "watchedAttributes", expand)
    selectors = _selectors(document.get("entities"), expand)
    _check_scope(document, selectors, watched)
    _check_sources(document, expand)
    notification = as_object(document.get("notification"), "notification")
    form = _FORMS[as_word(notification.get("format", "normalized"), "notification.format", tuple(_FORMS))]
    _check_notification(notification, form)
    q = _q(document, expand)
    join, level = _join(notification)
    return Subscription(
        stored=stored,
        selectors=selectors,
        watched=frozenset(watched),
        triggers=_triggers(document),
        q=q,
        geo=_geo(document["geoQ"], expand) if "geoQ" in document else None,
        endpoint=read_endpoint(notification.get("endpoint")),
        projection=read_projection(notification, level, expand),
        form=form,
        sys_attrs=as_flag(notification.get("sysAttrs", False), "notification.sysAttrs"),
        lang=as_text(document["lang"], "lang") if "lang" in document else "",
        json_ld_context=_context_address(document),
        throttling=_throttling(document),
        expires_at=as_moment(document["expiresAt"], "expiresAt") if "expiresAt" in document else 0,
        is_active=as_flag(document.get("isActive", True), "isActive"),
        interval=_interval(document),
        scopes=parse_scope_q(as_text(document["scopeQ"], "scopeQ")) if "scopeQ" in document else None,
        datasets=frozenset(_dataset(one) for one in as_texts(document["datasetId"], "datasetId"))
        if "datasetId" in document
        else None,
        show_changes=as_flag(notification.get("showChanges", False), "notification.showChanges"),
        version=_version(document),
        join=join,
        join_level=level,
        q_links=q is not None and asks_of_links(q),
        splits=bool(document.get("splitEntities", False)),
    )


def _q(document: Mapping[str, Any], expand: Expand) -> QNode | None:
    """The expression q, which reaches as far into linked entities as it says (clause 4.9)."""
    reading = reading_of(document, expand)
    return parse_q(as_text(document["q"], "q"), expand, reading) if "q" in document else None


def reading_of(document: Mapping[str, Any], expand: Expand) -> Reading:
    """What q is read with: expandValues without jsonKeys, and any number of links (clause 4.9)."""
    expanded, raw = (
        frozenset(expand(one.strip()) for one in as_text(document.get(name, ","), name).split(",") if one.strip())
        for name in ("expandValues", "jsonKeys")
    )
    return Reading(MAX_LEVEL, expanded - raw, in_body=True)


def _join(notification: Mapping[str, Any]) -> tuple[Join, int]:
    """How linked entities are sent along, and how many links deep (table 5.2.14.1-1)."""
    join = as_word(notification.get("join", "@none"), "notification.join", _JOINS)
    level = notification.get("joinLevel", 1)
    if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= MAX_LEVEL:
        raise wrong("notification.joinLevel", f"a whole number from 1 to {MAX_LEVEL} is needed")
    return join, level if join != "@none" else 0


def _check_scope(document: Mapping[str, Any], selectors: tuple[Selector, ...], watched: tuple[str, ...]) -> None:
    """Table 5.2.12-1: something must be selected, unless it is of this broker's own entities alone (clause 5.5.13)."""
    local = as_flag(document.get("localOnly", False), "localOnly")
    if not local and not selectors and ("timeInterval" in document or not watched):
        raise wrong("entities", "entities is needed, or watchedAttributes without timeInterval, or localOnly")
    if "localOnly" in document and not local and any(one.types is None for one in selectors):
        raise wrong("localOnly", 'the type "*" selects this broker\'s own entities; leave localOnly away')


def _check_sources(document: Mapping[str, Any], expand: Expand) -> None:
    """The filter csf says which context sources take part (table 5.2.12-1). While there are none it selects nothing;
    this broker's own entities come from no context source and are told of whatever it says.
    """
    if "csf" in document:
        parse_q(as_text(document["csf"], "csf"), expand)


def _version(document: Mapping[str, Any]) -> Version | None:
    if "ngsildConformance" not in document:
        return None
    return read_version(as_text(document["ngsildConformance"], "ngsildConformance"))


def _check_members(document: Mapping[str, Any]) -> None:
    for name in document:
        if name in _MISPLACED:
            raise wrong(name, _MISPLACED[name])
        if name not in _KNOWN:
            raise wrong(name, "a subscription has no such member")
    as_flag(document.get("splitEntities", False), "splitEntities")
    if document.get("type") != "Subscription":
        raise wrong("type", '"Subscription" is needed')
    for name in ("subscriptionName", "description"):
        if name in document:
            as_text(document[name], name)
    if "id" in document and not is_uri(document["id"]):
        raise wrong("id", "a URI is needed")


def _check_notification(notification: Mapping[str, Any], form: Form) -> None:
    for name, value in notification.items():
        member = f"notification.{name}"
        if name in _NOTIFICATION_REFUSED:
            if value in (False, 0, "", "none"):
                continue
            raise refuse(member, _NOTIFICATION_REFUSED[name])
        if name not in _NOTIFICATION_KNOWN:
            raise wrong(member, "there is no such member")
    if notification.get("showChanges") and form == "simplified":
        raise wrong("notification.showChanges", "the simplified form has no room for previous values (table 5.2.14-1)")


def _selectors(given: Any, expand: Expand) -> tuple[Selector, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not 1 <= len(given) <= _MAX_SELECTORS:
        raise wrong("entities", f"an array of 1 to {_MAX_SELECTORS} entity selectors is needed")
    return tuple(_selector(one, f"entities[{place}]", expand) for place, one in enumerate(given))


def _selector(given: Any, member: str, expand: Expand) -> Selector:
    members = as_object(given, member)
    for unknown in members.keys() - {"id", "idPattern", "type"}:
        raise wrong(f"{member}.{unknown}", "an entity selector has no such member")
    if "type" not in members:
        raise wrong(f"{member}.type", "a type is needed; * selects all types")
    ids = as_texts(members["id"], f"{member}.id") if "id" in members else ()
    if not all(is_uri(one) for one in ids):
        raise wrong(f"{member}.id", "a URI, or an array of URIs, is needed")
    # Clause 5.2.33: where both are given, the id counts.
    pattern = as_text(members["idPattern"], f"{member}.idPattern") if "idPattern" in members else ""
    return Selector(
        types=_types(members["type"], f"{member}.type", expand),
        ids=ids,
        pattern=check_pattern(pattern) if pattern and not ids else "",
    )


def _types(given: Any, member: str, expand: Expand) -> TypeNode | None:
    text = as_text(given, member)
    return None if text == "*" else parse_types(text, expand)


def _triggers(document: Mapping[str, Any]) -> frozenset[Any]:
    if "notificationTrigger" not in document:
        return DEFAULT_TRIGGERS
    given = as_texts(document["notificationTrigger"], "notificationTrigger")
    triggers = frozenset(as_word(one, "notificationTrigger", TRIGGERS) for one in given)
    return triggers | ENTITY_UPDATED if "entityUpdated" in triggers else triggers


def _names(members: Mapping[str, Any], name: str, expand: Expand) -> tuple[str, ...]:
    return tuple(expand(one) for one in as_texts(members[name], name)) if name in members else ()


def _geo(given: Any, expand: Expand) -> GeoQuery:
    members = as_object(given, "geoQ")
    for unknown in members.keys() - {"georel", "geometry", "coordinates", "geoproperty"}:
        raise wrong(f"geoQ.{unknown}", "there is no such member")
    coordinates = members.get("coordinates")
    if not isinstance(coordinates, str | list):
        raise wrong("geoQ.coordinates", "an array of coordinates, or one as text, is needed")
    return parse_geo(
        as_text(members.get("georel"), "geoQ.georel"),
        as_text(members.get("geometry"), "geoQ.geometry"),
        coordinates,
        as_text(members.get("geoproperty", "location"), "geoQ.geoproperty"),
        expand,
    )


def _context_address(document: Mapping[str, Any]) -> str:
    if "jsonldContext" not in document:
        return ""
    address = as_text(document["jsonldContext"], "jsonldContext")
    if not address.startswith(("http://", "https://")):
        raise wrong("jsonldContext", "the address of a JSON-LD @context is needed")
    return address


def _interval(document: Mapping[str, Any]) -> float:
    """Seconds between periodic notifications, 0 for none (table 5.2.12-1)."""
    if "timeInterval" not in document:
        return 0.0
    for name in ("watchedAttributes", "throttling"):
        if name in document:
            raise wrong("timeInterval", f"a subscription that notifies periodically has no {name}")
    return as_number(document["timeInterval"], "timeInterval", 1, _CENTURY_SECONDS)


def _dataset(given: str) -> str:
    if given == DEFAULT_DATASET:
        return ""
    if not is_uri(given):
        raise wrong("datasetId", f"a URI or {DEFAULT_DATASET} is needed")
    return given


def _throttling(document: Mapping[str, Any]) -> float:
    if "throttling" not in document:
        return 0.0
    return as_number(document["throttling"], "throttling", 0.001, _CENTURY_SECONDS)
