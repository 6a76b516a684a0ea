"""Periodic notifications (clause 5.8.6, timeInterval): when the next is due, and of which entities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kumihimo.platform.broker.models import Query
from kumihimo.platform.broker.query import find_tx
from kumihimo.platform.broker.scopes import matches_scope
from kumihimo.platform.delivery.catalogue import Ready
from kumihimo.platform.delivery.models import Selector, Subscription
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import Tx

MAX_ENTITIES = 500
"""How many entities one periodic notification tells of at most; the oldest are told."""


def next_turn(subscription: Subscription, queued: Mapping[str, int]) -> int:
    """The moment (microseconds) of the next notification: an interval after the last, or after it was made or changed.

    The last is stored with the subscription, so a restart neither loses nor repeats a turn.
    """
    last = max(queued.get(subscription.id, 0), subscription.stored.modified_at)
    return last + round(subscription.interval * 1_000_000)


async def selected_tx(tx: Tx, ready: Ready) -> list[EntityDoc]:
    """The entities that the subscription selects now, each once, as its maker may see them."""
    found: dict[str, EntityDoc] = {}
    for query in _queries(ready):
        for entity in (await find_tx(tx, query)).entities:
            if len(found) < MAX_ENTITIES and _fits(ready.subscription, entity):
                found.setdefault(entity["id"], entity)
    return list(found.values())


def _queries(ready: Ready) -> Iterator[Query]:
    for selector in ready.subscription.selectors or (Selector(None),):
        yield Query(
            restriction=ready.grant.restriction,
            visible=ready.grant.visible,
            types=selector.types,
            ids=selector.ids,
            id_pattern=selector.pattern,
            q=ready.subscription.q,
            geo=ready.subscription.geo,
            limit=MAX_ENTITIES,
        )


def _fits(subscription: Subscription, entity: EntityDoc) -> bool:
    return subscription.scopes is None or matches_scope(entity.get("scope", []), subscription.scopes)
