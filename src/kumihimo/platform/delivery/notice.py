"""A notification as it goes out (clauses 5.3.1 and 6.3.8): rendered through the subscription's own eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from kumihimo.base import jsontext, times
from kumihimo.base.events import LogRecord
from kumihimo.base.ids import DEFAULT_TENANT, new_id
from kumihimo.platform.broker.models import Visible
from kumihimo.platform.delivery.models import Outgoing, Subscription
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.platform.jsonld.geojson import looks_like_geometry
from kumihimo.platform.jsonld.models import NGSI_LD_NULL, VALUE_MEMBER, EntityDoc, Instance
from kumihimo.platform.jsonld.present import bare_value
from kumihimo.platform.jsonld.render import Rendering, of_datasets, render_entity, render_feature

_LINK = '<{}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
_HEAD = ("id", "type", "scope")


@dataclass(frozen=True, slots=True)
class Notice:
    """One entity's part of a notification, before it is rendered; at is the change's moment in microseconds.

    gone tells that the entity was deleted; deleted holds the former instances of deleted attributes, previous those of
    all that the change touched.
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


def from_stored(held: Mapping[str, Any]) -> Notice:
    """The notice that was held back."""
    return Notice(held["entity"], held["at"], held["gone"], held["deleted"], held.get("previous", {}))


def from_record(record: LogRecord, deleted: Sequence[str]) -> Notice:
    """The notice of a log record; deleted names the deleted attributes that are told of."""
    former = {name: record.previous[name] for name in deleted if record.previous.get(name)}
    return Notice(cast("EntityDoc", record.entity), record.at, record.kind == "entityDeleted", former, record.previous)


def from_entity(entity: EntityDoc, now: int) -> Notice:
    """The notice of an entity as it stands, for periodic notifications."""
    return Notice(entity, now, gone=False, deleted={})


def compose(
    tenant: str, subscription: Subscription, notices: Sequence[Notice], context: Context, visible: Visible, now: int
) -> Outgoing:
    """The notification of these notices, with a fresh id that it keeps over all attempts; now in microseconds."""
    rendering = _rendering(subscription, context, visible)
    accept = subscription.endpoint.accept
    geo = accept == "application/geo+json"
    parts = [_render(subscription, notice, rendering, geo=geo) for notice in notices]
    if accept == "application/ld+json":
        parts = [{**part, "@context": context.source} for part in parts]
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
    elif context.link:
        headers["Link"] = _LINK.format(context.link)
    if tenant != DEFAULT_TENANT:
        headers["NGSILD-Tenant"] = tenant
    return Outgoing(
        id=notification_id,
        subscription=subscription.id,
        entity=lane(subscription, notices[0].entity["id"]),
        endpoint=subscription.endpoint.key,
        at=now,
        body=jsontext.text(body),
        headers=headers,
    )


def lane(subscription: Subscription, entity: str) -> str:
    """Within what order is kept: the entity; all of them where throttling puts several into one notification."""
    return "" if subscription.throttling or subscription.interval else entity


def _rendering(subscription: Subscription, context: Context, visible: Visible) -> Rendering:
    return Rendering(
        context=context,
        form=subscription.form,
        sys_attrs=subscription.sys_attrs,
        lang=subscription.lang,
        visible=visible.attributes,
        pick=(*_HEAD, *subscription.attributes) if subscription.attributes else subscription.pick,
        omit=subscription.omit,
    )


def _render(subscription: Subscription, notice: Notice, rendering: Rendering, *, geo: bool) -> dict[str, Any]:
    deleted_at = times.text(times.from_micros(notice.at))
    if notice.gone:
        # Clause 5.8.6: of a deleted entity only its head is told.
        gone: EntityDoc = {**notice.entity, "attrs": {}}
        gone.pop("scope", None)
        told = render_feature(gone, rendering) if geo else render_entity(gone, rendering)
        (told["properties"] if geo else told)["deletedAt"] = deleted_at
        return told
    doc = notice.entity
    if notice.deleted:
        nulls = {name: [_null(one) for one in former] for name, former in notice.deleted.items()}
        doc = {
            **doc,
            "attrs": {**doc["attrs"], **{name: one for name, one in nulls.items() if name not in doc["attrs"]}},
        }
    if subscription.datasets is not None:
        doc = of_datasets(doc, subscription.datasets)
    told = render_feature(doc, rendering) if geo else render_entity(doc, rendering)
    body = told["properties"] if geo else told
    if rendering.sys_attrs:
        _mark_deleted(body, notice, rendering, deleted_at)
    if subscription.show_changes:
        _add_previous(body, notice, rendering)
    return told


def _add_previous(told: dict[str, Any], notice: Notice, rendering: Rendering) -> None:
    """Clause 5.8.6, showChanges: beside each value that changed stands the one before it."""
    context = rendering.context
    inside = context.typed([context.compact(name) for name in notice.entity["type"]])
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


def _mark_deleted(told: dict[str, Any], notice: Notice, rendering: Rendering, deleted_at: str) -> None:
    context = rendering.context
    inside = context.typed([context.compact(name) for name in notice.entity["type"]])
    for name in notice.deleted:
        value = told.get(inside.compact(name))
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and rendering.form != "simplified" and name not in notice.entity["attrs"]:
                one["deletedAt"] = deleted_at


def _null(former: Instance) -> Instance:
    """The instance that says "deleted" (clause 4.5.0): its value is urn:ngsi-ld:null."""
    kind = former["type"]
    value: Any = NGSI_LD_NULL
    if kind == "LanguageProperty":
        value = {"@none": NGSI_LD_NULL}
    elif kind in ("ListProperty", "ListRelationship"):
        value = [NGSI_LD_NULL]
    null: dict[str, Any] = {"type": kind, VALUE_MEMBER[kind]: value}
    if "datasetId" in former:
        null["datasetId"] = former["datasetId"]
    return cast("Instance", null)
