"""A subscription as a caller reads it: what was given, under the caller's names, with status and counters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kumihimo.base import times
from kumihimo.platform.delivery.compile import compile_subscription
from kumihimo.platform.delivery.models import State, StoredSubscription
from kumihimo.platform.jsonld.contexts import Context

_HEAD = frozenset(("id", "type", "scope"))


def shown(stored: StoredSubscription, state: State, now: int, context: Context | None) -> dict[str, Any]:
    """The document of clause 5.2.12; now in microseconds. Without a context, names are shown as they were given."""
    document: dict[str, Any] = {**stored.document, "id": stored.id}
    if context is not None and context.source != stored.context:
        document = _renamed(
            document, lambda term: context.compact(stored.terms[term]) if term in stored.terms else term
        )
    compiled = compile_subscription(stored, lambda term: stored.terms.get(term, term))
    document["status"] = compiled.status(now)
    document["isActive"] = compiled.is_active
    document["notification"] = {
        **document["notification"],
        "status": "failed" if state.last_failure > state.last_success else "ok",
        "timesSent": state.times_sent,
        "timesFailed": state.times_failed,
        **_moments(state),
    }
    document["createdAt"] = times.text(times.from_micros(stored.created_at))
    document["modifiedAt"] = times.text(times.from_micros(stored.modified_at))
    return document


def _moments(state: State) -> dict[str, str]:
    moments = {
        "lastNotification": state.last_notification,
        "lastSuccess": state.last_success,
        "lastFailure": state.last_failure,
    }
    return {name: times.text(times.from_micros(moment)) for name, moment in moments.items() if moment}


def _renamed(document: dict[str, Any], name: Callable[[str], str]) -> dict[str, Any]:
    """Names of types and attributes under another context; q stays as it was written."""
    renamed = dict(document)
    if "entities" in renamed:
        renamed["entities"] = [{**one, "type": name(one["type"])} for one in renamed["entities"]]
    if "watchedAttributes" in renamed:
        renamed["watchedAttributes"] = _all(renamed["watchedAttributes"], name)
    if "geoproperty" in renamed.get("geoQ", {}):
        renamed["geoQ"] = {**renamed["geoQ"], "geoproperty": name(renamed["geoQ"]["geoproperty"])}
    notification = dict(renamed["notification"])
    for member in ("attributes", "pick", "omit"):
        if member in notification:
            notification[member] = _all(notification[member], name)
    return {**renamed, "notification": notification}


def _all(given: Any, name: Callable[[str], str]) -> list[str]:
    return [one if one in _HEAD else name(one) for one in ([given] if isinstance(given, str) else given)]
