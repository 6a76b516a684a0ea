"""A tenant's subscriptions in memory, found by dictionary: entity id or type first, then watched attribute."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kumihimo.base import jsontext
from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, LdContextNotAvailable, Problem, TooManyResults
from kumihimo.base.events import LogRecord
from kumihimo.platform.access.decide import Access, Grant
from kumihimo.platform.broker.models import TypeNode, TypeOr
from kumihimo.platform.delivery import store
from kumihimo.platform.delivery.checks import Check, checks_of, selects
from kumihimo.platform.delivery.compile import compile_subscription
from kumihimo.platform.delivery.models import StoredSubscription, Subscription
from kumihimo.platform.delivery.projection import Expand
from kumihimo.platform.jsonld.contexts import Context, Contexts
from kumihimo.storage.database import Database, Tx

log = logging.getLogger(__name__)

_ANY = "*"


@dataclass(frozen=True, slots=True)
class Ready:
    """A subscription with what its maker may see, the context that it is rendered with, and what a record that its
    entities fit is checked for. endpoint is its endpoint's key.
    """

    subscription: Subscription
    grant: Grant
    context: Context
    checks: tuple[Check, ...] = field(init=False, repr=False, compare=False)
    endpoint: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoint", self.subscription.endpoint.key)
        object.__setattr__(self, "checks", checks_of(self.subscription, self.grant))


class Listing:
    """All subscriptions of a tenant as of one revision. is_paced: the clock says when some of them are told."""

    def __init__(self, revision: int, ready: Sequence[Ready]) -> None:
        self.revision = revision
        self.by_id = {one.subscription.id: one for one in ready}
        self.periodic = [one for one in ready if one.subscription.interval]
        self.is_paced = any(one.subscription.interval or one.subscription.throttling for one in ready)
        self._buckets: dict[str, dict[str, list[Ready]]] = defaultdict(lambda: defaultdict(list))
        for one in ready:
            if one.subscription.interval:
                continue
            for key in _keys(one.subscription):
                for attribute in one.subscription.watched or ("",):
                    self._buckets[key][attribute].append(one)

    def first_start(self) -> int | None:
        """The log position behind which the oldest of them hears; None where there is none."""
        return min((one.subscription.stored.start_seq for one in self.by_id.values()), default=None)

    def candidates(self, record: LogRecord) -> list[Ready]:
        """Those whose entities and watched attributes fit the record; each once."""
        touched = record.entity["attrs"] if record.kind != "entityUpdated" else (*record.changed, *record.deleted)
        found: dict[str, Ready] = {}
        for key in (_id_key(record.entity_id), *record.entity["type"], _ANY):
            bucket = self._buckets.get(key)
            if bucket is None:
                continue
            for attribute in ("", *touched):
                for one in bucket.get(attribute, ()):
                    found[one.subscription.id] = one
        return [one for one in found.values() if selects(one.subscription, record)]


def _id_key(entity_id: str) -> str:
    # A blank stands in no type name, so ids and types do not meet.
    return f"id {entity_id}"


def _keys(subscription: Subscription) -> set[str]:
    """Under which ids and types a subscription is found."""
    keys: set[str] = set()
    for selector in subscription.selectors:
        if selector.ids:
            keys |= {_id_key(one) for one in selector.ids}
        else:
            keys |= {_ANY} if selector.types is None else _leaves(selector.types)
    return keys or {_ANY}


def _leaves(node: TypeNode) -> set[str]:
    """Types of which an entity must have at least one to satisfy the selection."""
    if isinstance(node, str):
        return {node}
    if isinstance(node, TypeOr):
        return {leaf for part in node.parts for leaf in _leaves(part)}
    return _leaves(node.parts[0])


class Catalogue:
    """Keeps each tenant's listing until its subscriptions change."""

    def __init__(self, database: Database, contexts: Contexts, access: Access) -> None:
        self._database = database
        self._contexts = contexts
        self._access = access
        self._listings: dict[str, Listing] = {}

    async def listing(self, tenant: str) -> Listing:
        """The tenant's subscriptions as they are now."""
        known = self.revision(tenant)
        revision, rows = await self._database.read(tenant, lambda tx: changes_tx(tx, known))
        return await self.take(tenant, revision, rows)

    def revision(self, tenant: str) -> int | None:
        """The revision of the listing that is kept, None where there is none."""
        kept = self._listings.get(tenant)
        return kept.revision if kept is not None else None

    def kept(self, tenant: str) -> Listing | None:
        """The listing that is kept, which is of the last look; None where there was none."""
        return self._listings.get(tenant)

    def is_paced(self, tenant: str) -> bool:
        """Whether the clock says when some of the subscriptions in the listing that is kept are told."""
        kept = self._listings.get(tenant)
        return kept is not None and kept.is_paced

    def is_heard(self, tenant: str) -> bool:
        """Whether the listing that is kept has any subscription."""
        kept = self._listings.get(tenant)
        return kept is not None and bool(kept.by_id)

    async def take(self, tenant: str, revision: int, rows: Sequence[StoredSubscription] | None) -> Listing:
        """The listing of this revision; rows as `changes_tx` gave them, None for no change."""
        if rows is None:
            return self._listings[tenant]
        await self._fetched(tenant, rows)
        ready = [one for one in [await self._ready(tenant, row) for row in rows] if one is not None]
        self._listings[tenant] = Listing(revision, ready)
        return self._listings[tenant]

    async def _fetched(self, tenant: str, rows: Sequence[StoredSubscription]) -> None:
        """Has all @contexts brought at once: hosts that hang are waited for together and not one after the other."""
        given = [row.document.get("jsonldContext") or row.context for row in rows]
        each = {jsontext.dumps(one): one for one in given}.values()
        await asyncio.gather(*(self._contexts.resolve(one, tenant) for one in each), return_exceptions=True)

    async def _ready(self, tenant: str, row: StoredSubscription) -> Ready | None:
        try:
            subscription = compile_subscription(row, meanings(row.terms))
            grant = self._access.decide(Call(tenant, row.actor, purpose="notify"), "subscribe")
        except Problem as problem:
            # A right that was taken away, or a rule that became stricter: nothing is sent.
            log.warning(
                "subscription set aside", extra={"tenant": tenant, "subscription": row.id, "why": problem.title}
            )
            return None
        return Ready(subscription, grant, await self._context(tenant, subscription))

    async def _context(self, tenant: str, subscription: Subscription) -> Context:
        """What it is rendered with; with an address, so that a notification in JSON can name it (clause 6.3.8)."""
        try:
            given = subscription.json_ld_context or subscription.stored.context
            context = await self._contexts.resolve(given, tenant)
            return await self._contexts.addressed(context, tenant, lasting=True)
        except TooManyResults:
            return context
        except (LdContextNotAvailable, BadRequestData):
            # Its host is away, or gives what is none any more. Full names are right too; losing notifications is not.
            log.warning("context not available, sending full names", extra={"subscription": subscription.id})
            return self._contexts.core


def meanings(terms: Mapping[str, str]) -> Expand:
    """Expansion as it was when the subscription was made, whatever became of its @context since."""
    return lambda term: terms.get(term, term)


async def changes_tx(tx: Tx, known: int | None) -> tuple[int, list[StoredSubscription] | None]:
    """The present revision, and all subscriptions where it is not the one known."""
    revision = await store.revision_tx(tx)
    if revision == known:
        return revision, None
    return revision, await store.all_tx(tx)
