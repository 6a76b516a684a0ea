"""What has to hold for a record to be told to a subscription, check by check (clauses 5.2.12 and 5.8.6).

The matcher walks the checks and stops at the first that fails; the explanation walks the same ones to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

from kumihimo.base.events import LogRecord
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.broker.evaluate import matches_geo, matches_q, matches_types
from kumihimo.platform.broker.masks import admits
from kumihimo.platform.broker.patterns import compiled
from kumihimo.platform.broker.scopes import matches_scope
from kumihimo.platform.delivery.models import Selector, Subscription
from kumihimo.platform.delivery.seen import Seen
from kumihimo.platform.delivery.trigger import triggered
from kumihimo.platform.jsonld.models import EntityDoc

CheckName = Literal[
    "entities", "interval", "start", "status", "trigger", "rights", "q", "geoQ", "scopeQ", "datasetId", "throttling"
]
Lookup = Callable[[str], EntityDoc | None]
Miss = Literal["", "id", "type", "idPattern"]


class Case:
    """A record in front of a subscription. lost names the attributes of which lost instances are told, once the
    trigger was checked; lookup finds the linked entities that q asks about; now is in microseconds.
    """

    __slots__ = ("grant", "lookup", "lost", "now", "seen", "subscription")

    def __init__(self, subscription: Subscription, grant: Grant, seen: Seen, now: int, lookup: Lookup) -> None:
        self.subscription = subscription
        self.grant = grant
        self.seen = seen
        self.now = now
        self.lookup = lookup
        self.lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """is_asked tells whether the subscription has anything to check here at all, holds what comes of it."""

    name: CheckName
    is_asked: Callable[[Subscription, Grant], bool]
    holds: Callable[[Case], bool]


# --- entities: the catalogue finds these by dictionary before it asks --------------------------------------


def selects(subscription: Subscription, record: LogRecord) -> bool:
    """Whether the record's entity is one of those that the subscription names."""
    if not subscription.selectors:
        return True
    return any(not missed(selector, record) for selector in subscription.selectors)


def missed(selector: Selector, record: LogRecord) -> Miss:
    """The first part of the selector that the record's entity does not fit; "" where it fits all."""
    if selector.ids and record.entity_id not in selector.ids:
        return "id"
    if selector.types is not None and not matches_types(record.entity["type"], selector.types):
        return "type"
    if selector.pattern and compiled(selector.pattern).search(record.entity_id) is None:
        return "idPattern"
    return ""


# --- the checks ---------------------------------------------------------------------------------------------


def _is_of_changes(case: Case) -> bool:
    return not case.subscription.interval


def _is_after_start(case: Case) -> bool:
    return case.seen.record.seq > case.subscription.stored.start_seq


def _is_active(case: Case) -> bool:
    return case.subscription.status(case.now) == "active"


def _is_triggered(case: Case) -> bool:
    told, case.lost = triggered(
        case.subscription, case.seen.record, case.seen.changes, *case.seen.names(case.grant.visible)
    )
    return told


def _is_admitted(case: Case) -> bool:
    return admits(case.grant.restriction, cast("EntityDoc", case.seen.record.entity))


def _satisfies_q(case: Case) -> bool:
    q = case.subscription.q
    if q is None:
        return True
    entity, view = case.seen.through(case.grant.visible)
    return matches_q(entity, q, case.lookup) if case.subscription.q_links else view.satisfies(q)


def _satisfies_geo(case: Case) -> bool:
    geo = case.subscription.geo
    return geo is None or matches_geo(case.seen.through(case.grant.visible)[0], geo)


def _satisfies_scope(case: Case) -> bool:
    scopes = case.subscription.scopes
    return scopes is None or matches_scope(case.seen.record.entity.get("scope", []), scopes)


def _has_dataset(case: Case) -> bool:
    datasets = case.subscription.datasets
    if datasets is None:
        return True
    entity, _ = case.seen.through(case.grant.visible)
    lost = (case.seen.changes.lost[name] for name in case.lost)
    return any(one.get("datasetId", "") in datasets for many in (*entity["attrs"].values(), *lost) for one in many)


ENTITIES = Check(
    "entities", lambda one, _: bool(one.selectors), lambda case: selects(case.subscription, case.seen.record)
)
CHECKS: tuple[Check, ...] = (
    Check("interval", lambda one, _: bool(one.interval), _is_of_changes),
    Check("start", lambda _, __: True, _is_after_start),
    Check("status", lambda _, __: True, _is_active),
    Check("trigger", lambda _, __: True, _is_triggered),
    Check("rights", lambda _, grant: not grant.restriction.everything, _is_admitted),
    Check("q", lambda one, _: one.q is not None, _satisfies_q),
    Check("geoQ", lambda one, _: one.geo is not None, _satisfies_geo),
    Check("scopeQ", lambda one, _: one.scopes is not None, _satisfies_scope),
    Check("datasetId", lambda one, _: one.datasets is not None, _has_dataset),
)
"""Those behind the entities, in the order in which they are made; each may be asked without the others."""
_LINKED = frozenset(("q", "geoQ", "scopeQ", "datasetId"))


def checks_of(subscription: Subscription, grant: Grant) -> tuple[Check, ...]:
    """The checks that this subscription needs, entities apart."""
    return tuple(check for check in CHECKS if check.is_asked(subscription, grant))


def comes_to_q(checks: tuple[Check, ...], case: Case) -> bool:
    """Whether all that is checked before q holds, so that it is worth reading what q asks about."""
    return all(check.holds(case) for check in checks if check.name not in _LINKED)
