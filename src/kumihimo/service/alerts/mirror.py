"""An alert as an NGSI-LD entity, in the terms of the Smart Data Models' Alert, so that other systems can subscribe."""

from __future__ import annotations

from typing import Any

from kumihimo.base import times
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, NGSI_LD, EntityDoc, Instance
from kumihimo.service.alerts.models import Alert

ALERT = DEFAULT_VOCAB + "Alert"
_SEVERITY = {1: "low", 2: "medium", 3: "high", 4: "critical"}


def alert_change(alert: Alert) -> Change:
    """The change that makes the broker's Alert entity say what the alert says now."""
    observed = times.text(times.from_micros(alert.observed_at))
    attrs: dict[str, list[Instance]] = {
        DEFAULT_VOCAB + "category": [_value("naturalDisaster")],
        DEFAULT_VOCAB + "subCategory": [_value(alert.source)],
        DEFAULT_VOCAB + "title": [{"type": "LanguageProperty", "languageMap": dict(alert.content.title)}],
        DEFAULT_VOCAB + "severity": [_value(_SEVERITY.get(alert.severity, "informational"), observed)],
        DEFAULT_VOCAB + "level": [_value(alert.severity, observed)],
        DEFAULT_VOCAB + "peakLevel": [_value(alert.peak)],
        DEFAULT_VOCAB + "status": [_value(alert.state)],
        DEFAULT_VOCAB + "decision": [_value(alert.verdict)],
        DEFAULT_VOCAB + "dateIssued": [_value(times.text(times.from_micros(alert.opened_at)))],
        DEFAULT_VOCAB + "alertSource": [{"type": "Relationship", "object": alert.subject}],
    }
    if alert.content.location is not None:
        point = {"type": "Point", "coordinates": list(alert.content.location)}
        attrs[NGSI_LD + "location"] = [{"type": "GeoProperty", "value": point}]
    doc: EntityDoc = {"id": alert.id, "type": [ALERT], "attrs": attrs}
    return Change(Op.UPSERT, alert.id, doc)


def _value(value: Any, observed_at: str = "") -> Instance:
    instance: Instance = {"type": "Property", "value": value}
    if observed_at:
        instance["observedAt"] = observed_at
    return instance
