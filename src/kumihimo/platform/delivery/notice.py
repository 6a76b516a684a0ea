"""A notification as it goes out (clauses 5.3.1 and 6.3.8): rendered through the subscription's own eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, cast

from kumihimo.base import jsontext, times
from kumihimo.base.events import LogRecord
from kumihimo.base.ids import DEFAULT_TENANT, new_id
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.access.models import ALL_NAMES, Names
from kumihimo.platform.broker.masks import admits, left_of, names_of
from kumihimo.platform.delivery.changes import Changes
from kumihimo.platform.delivery.models import Outgoing, Subscription
from kumihimo.platform.delivery.projection import projected
from kumihimo.platform.jsonld.conformance import amended
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.platform.jsonld.geojson import looks_like_geometry
from kumihimo.platform.jsonld.linked import Docs, flatten, render_inline
from kumihimo.platform.jsonld.models import NGSI_LD_NULL, VALUE_MEMBER, EntityDoc, Instance
from kumihimo.platform.jsonld.present import bare_value
from kumihimo.platform.jsonld.render import Rendering, of_datasets, render_entity, render_feature

_LINK = '<{}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


@dataclass(frozen=True, slots=True)
class Notice:
    """One entity's part of a notification, before it is rendered; at is the change's moment in microseconds.

    gone tells that the entity was deleted; deleted holds the lost instances that are told of, previous those that were
    lost or replaced. Both are of attributes that could be seen before the change; the entity is whole until `seen_by`.
    """

    entity: EntityDoc
    at: int
    gone: bool
    deleted: Mapping[str, list[Instance]]
    previous: Mapping[str, list[Instance]] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """As a JSON object, for what throttling holds back."""
        return {
            "entity": self.entity,
            "at": self.at,
            "gone": self.gone,
            "deleted": dict(self.deleted),
            "previous": dict(self.previous),
        }

    def seen_by(self, grant: Grant) -> Notice | None:
        """What of it may be told now, however long it was held back; None where the entity may not be seen at all."""
        if grant.is_all:
            return self
        if not admits(grant.restriction, self.entity):
            return None
        names = names_of(grant.visible, self.entity)
        return replace(
            self,
            entity=left_of(self.entity, names),
            deleted=_among(self.deleted, names),
            previous=_among(self.previous, names),
        )


def _among(many: Mapping[str, list[Instance]], names: Names) -> Mapping[str, list[Instance]]:
    return many if names == ALL_NAMES else {name: one for name, one in many.items() if name in names}


def from_stored(held: Mapping[str, Any]) -> Notice:
    """The notice that was held back."""
    return Notice(held["entity"], held["at"], held["gone"], held["deleted"], held.get("previous", {}))


def from_record(record: LogRecord, deleted: Sequence[str], changes: Changes, before: Names) -> Notice:
    """The notice of a log record; deleted names the attributes of which lost instances are told, before are those that
    could be seen before the change.
    """
    lost = {name: changes.lost[name] for name in deleted}
    former = _among(changes.former, before)
    return Notice(cast("EntityDoc", record.entity), record.at, record.kind == "entityDeleted", lost, former)


def from_entity(entity: EntityDoc, now: int) -> Notice:
    """The notice of an entity as it stands, for periodic notifications: of what may be seen of it."""
    return Notice(entity, now, gone=False, deleted={})


def compose(
    tenant: str,
    subscription: Subscription,
    notices: Sequence[Notice],
    context: Context,
    now: int,
    linked: Docs = MappingProxyType({}),
) -> Outgoing:
    """The notification of these notices, each as `seen_by` gave it; now in microseconds.

    It has a fresh id, which it keeps over all attempts.

    GeoJSON has the @context inside unless the receiver prefers it outside (clauses 5.3.1 and 6.3.8). linked are the
    entities that may be told along, by id.
    """
    rendering = rendering_of(subscription, context)
    if subscription.version is not None:
        linked = {id_: amended(doc, subscription.version, context) for id_, doc in linked.items()}
    accept = subscription.endpoint.accept
    geo = accept == "application/geo+json"
    parts = [render_notice(subscription, notice, rendering, linked, geo=geo) for notice in notices]
    if subscription.join == "flat":
        parts += _behind(subscription, notices, rendering, linked, geo=geo)
    if accept == "application/ld+json":
        parts = [{**part, "@context": context.source} for part in parts]
    ids = [notice.entity["id"] for notice in notices]
    several = len(ids) > 1
    notification_id = new_id("Notification")
    body: dict[str, Any] = {
        "id": notification_id,
        "type": "Notification",
        "subscriptionId": subscription.id,
        "notifiedAt": times.text(times.from_micros(now)),
        "data": {"type": "FeatureCollection", "features": parts} if geo else parts,
    }
    headers: dict[str, str] = {"Content-Type": accept}
    if accept == "application/ld+json":
        body["@context"] = context.source
    elif geo and not subscription.endpoint.prefers_json:
        body["data"]["@context"] = context.source
    elif context.link:
        headers["Link"] = _LINK.format(context.link)
    if tenant != DEFAULT_TENANT:
        headers["NGSILD-Tenant"] = tenant
    return Outgoing(
        id=notification_id,
        subscription=subscription.id,
        entity="" if several else ids[0],
        entities=tuple(ids) if several else (),
        endpoint=subscription.endpoint.key,
        at=now,
        body=jsontext.text(body),
        headers=headers,
    )


def rendering_of(subscription: Subscription, context: Context) -> Rendering:
    """How the subscription's entities are written."""
    look = Rendering(
        context=context,
        form=subscription.form,
        sys_attrs=subscription.sys_attrs,
        lang=subscription.lang,
    )
    return projected(look, subscription.projection)


def _behind(
    subscription: Subscription, notices: Sequence[Notice], rendering: Rendering, linked: Docs, *, geo: bool
) -> list[dict[str, Any]]:
    """The linked entities in a row (clause 4.5.23.3), each once."""
    roots = [notice.entity for notice in notices if not notice.gone]
    found = flatten(roots, rendering, linked, subscription.join_level, ())[len(roots) :]
    write = render_feature if geo else render_entity
    return [value for doc, look in found if (value := write(doc, look))]


def render_notice(
    subscription: Subscription, notice: Notice, rendering: Rendering, linked: Docs, *, geo: bool
) -> dict[str, Any]:
    """The notice's entity as the subscription writes it, or its feature where geo is asked for."""
    doc = notice.entity
    if notice.gone:
        # Clause 5.8.6: of a deleted entity its head is told, and what it lost where that was asked for.
        doc = cast("EntityDoc", {name: value for name, value in doc.items() if name != "scope"} | {"attrs": {}})
    if subscription.datasets is not None:
        doc = of_datasets(doc, subscription.datasets)
    nulls = _nulls(subscription, notice)
    if nulls:
        standing = doc["attrs"]
        doc = {**doc, "attrs": {**standing, **{name: standing.get(name, []) + many for name, many in nulls.items()}}}
    if subscription.version is not None:
        doc = amended(doc, subscription.version, rendering.context, spoken=bool(rendering.lang))
    if subscription.join == "inline" and not notice.gone:
        told = render_inline(doc, rendering, linked, subscription.join_level, (), feature=geo)
    else:
        told = render_feature(doc, rendering) if geo else render_entity(doc, rendering)
    body = told["properties"] if geo else told
    if geo and told["geometry"] == NGSI_LD_NULL:
        told["geometry"] = None
    if notice.gone:
        body["deletedAt"] = times.text(times.from_micros(notice.at))
    if subscription.show_changes:
        _add_previous(body, notice, rendering)
    elif rendering.form != "normalized" and not rendering.sys_attrs:
        _shorten(body, nulls, notice, rendering)
    return told


def _nulls(subscription: Subscription, notice: Notice) -> dict[str, list[Instance]]:
    """For each lost instance one that says so; of an attribute that lost several and is gone, one for all of them."""
    at = times.text(times.from_micros(notice.at))
    nulls: dict[str, list[Instance]] = {}
    for name, lost in notice.deleted.items():
        chosen = [
            one for one in lost if subscription.datasets is None or one.get("datasetId", "") in subscription.datasets
        ]
        whole = notice.gone or name not in notice.entity["attrs"]
        if whole and len(chosen) > 1 and not subscription.show_changes:
            chosen = [cast("Instance", {key: value for key, value in chosen[0].items() if key != "datasetId"})]
        if chosen:
            nulls[name] = [_null(one, at) for one in chosen]
    return nulls


def _shorten(told: dict[str, Any], nulls: Mapping[str, list[Instance]], notice: Notice, rendering: Rendering) -> None:
    """Clause 5.8.6: of a deleted attribute no more is said than that, where no more is needed."""
    inside = _inside(notice, rendering)
    for name, many in nulls.items():
        short = inside.compact(name)
        whole = notice.gone or name not in notice.entity["attrs"]
        if whole and short in told and (rendering.form == "simplified" or "datasetId" not in many[0]):
            told[short] = NGSI_LD_NULL


def _inside(notice: Notice, rendering: Rendering) -> Context:
    """The context of the entity's attribute names."""
    context = rendering.context
    return context.typed([context.compact(name) for name in notice.entity["type"]])


def _add_previous(told: dict[str, Any], notice: Notice, rendering: Rendering) -> None:
    """Clause 5.8.6, showChanges: beside each value that changed stands the one before it."""
    inside = _inside(notice, rendering)
    for name, former in notice.previous.items():
        short = inside.compact(name)
        told[short] = _whole(told.get(short))
        before = {one.get("datasetId", ""): one for one in former}
        for one in told[short] if isinstance(told[short], list) else [told[short]]:
            old = before.get(one.get("datasetId", "")) if isinstance(one, dict) else None
            if old is not None:
                member = VALUE_MEMBER[old["type"]]
                one[f"previous{member[0].upper()}{member[1:]}"] = bare_value(old, inside.into(short))
        if told[short] is None:
            del told[short]


def _whole(value: Any) -> Any:
    """The attribute as an object that has room for another member; a concise one may be its value alone."""
    if value is None or isinstance(value, list) or (isinstance(value, dict) and not looks_like_geometry(value)):
        return value
    return {"value": value}


def _null(former: Instance, at: str) -> Instance:
    """The instance that says "deleted" (clause 4.5.0): its value is urn:ngsi-ld:null."""
    kind = former["type"]
    value: Any = NGSI_LD_NULL
    if kind == "LanguageProperty":
        value = {"@none": NGSI_LD_NULL}
    elif kind in ("ListProperty", "ListRelationship"):
        value = [NGSI_LD_NULL]
    null: dict[str, Any] = {"type": kind, VALUE_MEMBER[kind]: value}
    given = cast("dict[str, Any]", former)
    null |= {name: given[name] for name in ("datasetId", "createdAt", "modifiedAt") if name in given}
    return cast("Instance", {**null, "deletedAt": at})
