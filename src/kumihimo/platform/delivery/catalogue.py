"""A tenant's subscriptions in memory, found by dictionary: entity id or type first, then watched attribute."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

from kumihimo.base import jsontext
from kumihimo.base.call import Actor, Call
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
_AT_ONCE = 100
"""Subscriptions that are made ready before others have their turn."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A subscription with what its maker may see, the context that it is rendered with, and what a record that its
    entities fit is checked for. endpoint is its endpoint's key; is_settled: the context is that which was asked for.
    """

    subscription: Subscription
    grant: Grant
    context: Context
    is_settled: bool = True
    checks: tuple[Check, ...] = field(init=False, repr=False, compare=False)
    endpoint: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoint", self.subscription.endpoint.key)
        object.__setattr__(self, "checks", checks_of(self.subscription, self.grant))


Buckets = dict[str, dict[str, dict[str, Ready]]]
"""Subscriptions by id, below the watched attribute ("" for all), below the type or id of entities that they are for."""


class Listing:
    """All subscriptions of a tenant as of one revision, with their makers' rights as of one revision of those.

    It stays as it is: a change makes another, see `changed`.
    """

    def __init__(self, revision: int, ready: Sequence[Ready] = (), rights: int = 0) -> None:
        self.revision = revision
        self.rights = rights
        self.by_id: dict[str, Ready] = {}
        self._paced: dict[str, Ready] = {}
        self._buckets: Buckets = {}
        self._put(ready, {})

    @property
    def key(self) -> tuple[int, int]:
        """What it is of: the revisions of the subscriptions and of the rights."""
        return self.revision, self.rights

    def changed(self, revision: int, ready: Sequence[Ready], gone: Collection[str], rights: int = 0) -> Listing:
        """The listing of a later revision: these are new, or instead of what had their id; gone are no more.

        What did not change is shared and not made again, so that one more of ten thousand costs little.
        """
        after = Listing(revision, rights=rights)
        after.by_id, after._paced, after._buckets = dict(self.by_id), dict(self._paced), dict(self._buckets)
        own: Buckets = {}
        for id_ in {*gone, *(one.subscription.id for one in ready)}:
            after._take(id_, own)
        after._put(ready, own)
        return after

    def _put(self, ready: Sequence[Ready], own: Buckets) -> None:
        for one in ready:
            id_ = one.subscription.id
            self.by_id[id_] = one
            if one.subscription.interval or one.subscription.throttling:
                self._paced[id_] = one
            for key, attribute in _places(one.subscription):
                self._bucket(key, own).setdefault(attribute, {})[id_] = one

    def _take(self, id_: str, own: Buckets) -> None:
        one = self.by_id.pop(id_, None)
        if one is None:
            return
        self._paced.pop(id_, None)
        for key, attribute in _places(one.subscription):
            bucket = self._bucket(key, own)
            bucket[attribute].pop(id_, None)
            if not bucket[attribute]:
                del bucket[attribute]
            if not bucket:
                del self._buckets[key], own[key]

    def _bucket(self, key: str, own: Buckets) -> dict[str, dict[str, Ready]]:
        """The bucket of this listing alone; own are those that it shares with none any more."""
        if key not in own:
            shared = self._buckets.get(key, {})
            own[key] = self._buckets[key] = {attribute: dict(those) for attribute, those in shared.items()}
        return own[key]

    @property
    def periodic(self) -> list[Ready]:
        """Those that are told at their times."""
        return [one for one in self._paced.values() if one.subscription.interval]

    @property
    def is_paced(self) -> bool:
        """Whether the clock says when some of them are told."""
        return bool(self._paced)

    @cached_property
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
                found.update(bucket.get(attribute, {}))
        return [one for one in found.values() if selects(one.subscription, record)]


def _id_key(entity_id: str) -> str:
    # A blank stands in no type name, so ids and types do not meet.
    return f"id {entity_id}"


def _places(subscription: Subscription) -> Iterator[tuple[str, str]]:
    """Under which keys and attributes a subscription is found; a periodic one is found by its times alone."""
    if not subscription.interval:
        yield from product(_keys(subscription), subscription.watched or ("",))


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


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed behind a revision, None for all there is; ids are those that there are, where some were deleted."""

    since: int | None
    rows: Sequence[StoredSubscription]
    ids: frozenset[str] | None = None

    def is_in(self, kept: Listing, revision: int) -> bool:
        """Whether a listing has this change, up to the revision, already. All that there is may be of a tenant that was
        made anew, whose revisions are lower until it has subscriptions.
        """
        return kept.revision == revision or (self.since is not None and kept.revision > revision)


class Catalogue:
    """Keeps each tenant's listing, and takes into it what changes."""

    def __init__(self, database: Database, contexts: Contexts, access: Access) -> None:
        self._database = database
        self._contexts = contexts
        self._access = access
        self._listings: dict[str, Listing] = {}
        self._unsettled: dict[str, dict[str, StoredSubscription]] = defaultdict(dict)
        self._taking: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

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

    async def take(self, tenant: str, revision: int, delta: Delta | None) -> Listing:
        """The listing of this revision, or of a later one; delta as `changes_tx` gave it, None for no change."""
        if delta is None:
            return await self._as_judged_now(tenant)
        async with self._taking[tenant]:
            kept = self._listings.get(tenant)
            if kept is not None and delta.is_in(kept, revision):
                return kept
            base = Listing(revision) if delta.since is None else kept
            if base is not None and base.revision >= (delta.since or 0):
                self._listings[tenant] = listing = await self._changed(tenant, revision, delta, base)
                return listing
        return await self.listing(tenant)  # what it is a change of is kept no more

    async def _as_judged_now(self, tenant: str) -> Listing:
        """The listing that is kept, with the rights that its makers have by now."""
        if self._listings[tenant].rights != await self._access.current(tenant):
            async with self._taking[tenant]:
                kept = self._listings[tenant]
                if kept.rights != self._access.revision(tenant):
                    same = Delta(kept.revision, ())
                    self._listings[tenant] = await self._changed(tenant, kept.revision, same, kept)
        return self._listings[tenant]

    async def look(self, tenant: str) -> None:
        """Sees what another process changed of the rights that the listing is made of; once a second at most."""
        if tenant in self._listings:
            await self._access.current(tenant)

    def key(self, tenant: str) -> tuple[int, int] | None:
        """What the listing is of, with the rights as they are now; None where none is kept."""
        kept = self._listings.get(tenant)
        return (kept.revision, self._access.revision(tenant)) if kept is not None else None

    async def _changed(self, tenant: str, revision: int, delta: Delta, kept: Listing) -> Listing:
        # Before anybody is judged: what changes meanwhile has them judged again.
        rights = self._access.revision(tenant)
        unsettled = self._unsettled[tenant] if delta.since is not None else {}
        gone = (kept.by_id.keys() | unsettled.keys()) - delta.ids if delta.ids is not None else set()
        # Those that could not be made ready, or not with their own @context, are tried again with every change.
        rows = {**unsettled, **await self._judged_anew(tenant, kept), **{row.id: row for row in delta.rows}}
        rows = {id_: row for id_, row in rows.items() if id_ not in gone}
        await self._fetched(tenant, list(rows.values()))
        ready: list[Ready] = []
        left: dict[str, StoredSubscription] = {}
        for number, row in enumerate(rows.values(), start=1):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            one = await self._ready(tenant, row)
            if one is not None:
                ready.append(one)
            if one is None or not one.is_settled:
                left[row.id] = row
        self._unsettled[tenant] = left
        return kept.changed(revision, ready, gone | left.keys(), rights)

    async def _judged_anew(self, tenant: str, kept: Listing) -> dict[str, StoredSubscription]:
        """Those whose makers may see something else by now, each maker being asked for once."""
        grants: dict[tuple[Actor, frozenset[str] | None, str], Grant | None] = {}
        found = {}
        for id_, one in kept.by_id.items():
            stored = one.subscription.stored
            maker = (stored.actor, stored.scopes, stored.application)
            if maker not in grants:
                try:
                    grants[maker] = await self._grant(tenant, stored)
                except Problem:
                    grants[maker] = None
            if grants[maker] != one.grant:
                found[id_] = stored
        return found

    async def _grant(self, tenant: str, one: StoredSubscription) -> Grant:
        """What the subscription's maker may see, with the token by which it was made."""
        call = Call(tenant, one.actor, purpose="notify", scopes=one.scopes, application=one.application)
        return await self._access.decide(call, "subscribe")

    async def _fetched(self, tenant: str, rows: Sequence[StoredSubscription]) -> None:
        """Has all @contexts brought at once: hosts that hang are waited for together and not one after the other."""
        given = [row.document.get("jsonldContext") or row.context for row in rows]
        each = {jsontext.dumps(one): one for one in given}.values()
        await asyncio.gather(*(self._contexts.resolve(one, tenant) for one in each), return_exceptions=True)

    async def _ready(self, tenant: str, row: StoredSubscription) -> Ready | None:
        try:
            subscription = compile_subscription(row, meanings(row.terms))
            grant = await self._grant(tenant, row)
        except Problem as problem:
            # A right that was taken away, or a rule that became stricter: nothing is sent.
            log.warning(
                "subscription set aside", extra={"tenant": tenant, "subscription": row.id, "why": problem.title}
            )
            return None
        return Ready(subscription, grant, *await self._context(tenant, subscription))

    async def _context(self, tenant: str, subscription: Subscription) -> tuple[Context, bool]:
        """What it is rendered with; with an address, so that a notification in JSON can name it (clause 6.3.8).

        False where it is another than was asked for.
        """
        try:
            given = subscription.json_ld_context or subscription.stored.context
            context = await self._contexts.resolve(given, tenant)
            return await self._contexts.addressed(context, tenant, lasting=True), True
        except TooManyResults:
            return context, False
        except (LdContextNotAvailable, BadRequestData):
            # Its host is away, or gives what is none any more. Full names are right too; losing notifications is not.
            log.warning("context not available, sending full names", extra={"subscription": subscription.id})
            return self._contexts.core, False


def meanings(terms: Mapping[str, str]) -> Expand:
    """Expansion as it was when the subscription was made, whatever became of its @context since."""
    return lambda term: terms.get(term, term)


async def changes_tx(tx: Tx, known: int | None) -> tuple[int, Delta | None]:
    """The present revision, and what changed where it is not the one known."""
    now = await store.revisions_tx(tx)
    if now.last == known:
        return now.last, None
    # A tenant that was removed and made anew begins behind what was known of the old one.
    if known is None or now.last < known or now.first > known:
        return now.last, Delta(None, await store.all_tx(tx))
    ids = await store.ids_tx(tx) if now.gone > known else None
    return now.last, Delta(known, await store.changed_tx(tx, known), ids)
