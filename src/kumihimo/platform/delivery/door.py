"""The door of the room: subscriptions (clauses 5.8.1 to 5.8.5) and the run that matches and sends (5.8.6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import AlreadyExists, BadRequestData, ResourceNotFound, TooManyResults
from kumihimo.base.ids import new_id
from kumihimo.base.ports import Bus, Meter
from kumihimo.platform.access.decide import Access
from kumihimo.platform.broker.log import head_tx
from kumihimo.platform.delivery import outbox, store
from kumihimo.platform.delivery.carry import Carrier
from kumihimo.platform.delivery.catalogue import Catalogue
from kumihimo.platform.delivery.change import changed
from kumihimo.platform.delivery.compile import clean, compile_subscription
from kumihimo.platform.delivery.explain import Explanation
from kumihimo.platform.delivery.match import Matcher
from kumihimo.platform.delivery.models import Attempt, DeadLetter, State, StoredSubscription, Subscription
from kumihimo.platform.delivery.run import TOPIC, Runner
from kumihimo.platform.delivery.send import Sender, SendNumbers
from kumihimo.platform.delivery.show import shown, under_way
from kumihimo.platform.delivery.watch import Watch
from kumihimo.platform.delivery.why import Why
from kumihimo.platform.jsonld.contexts import Context, Contexts
from kumihimo.storage.database import Database, Tx

MAX_SUBSCRIPTIONS = 10_000
MAX_PAGE = 1000
_LANDING_SECONDS = 0.1
CONNECTED = "http://connected.invalid/"
"""In place of the endpoint that the compiler needs; nothing is sent there."""
NOTED = 500
"""How many of the newest attempts are looked through for what is just being sent; more than are under way at once."""
Attempts = list[Attempt]
Find = Callable[[Tx], Awaitable[list[StoredSubscription]]]
Counted = tuple[list[StoredSubscription], dict[str, State]]
DeadLetters = list[DeadLetter]


class Delivery:
    """Subscriptions of all tenants. `run` must run for anything to be sent."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        bus: Bus,
        contexts: Contexts,
        carry: Carrier,
        access: Access,
        *,
        numbers: SendNumbers | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._contexts = contexts
        self._access = access
        self._catalogue = Catalogue(database, contexts, access)
        self._sender = Sender(
            database, clock, self._catalogue, carry, lambda tenant: bus.publish(TOPIC + tenant), numbers, meter=meter
        )
        self._matcher = Matcher(database, clock, self._catalogue, self._sender.take)
        self._why = Why(database, clock, access, self._catalogue, contexts.core, self._sender.rest)
        self._runner = Runner(database, clock, bus, self._matcher, self._sender)

    # --- subscriptions -----------------------------------------------------------------------------------

    async def create(self, call: Call, body: Mapping[str, Any], context: Context) -> str:
        """The id of the new subscription (clause 5.8.1); it hears what is committed from now on.

        BadRequestData and OperationNotSupported name the member; AlreadyExists where the id is taken.
        """
        await self._access.decide(call, "subscribe")
        document = clean(body)
        now = self._now()
        draft = StoredSubscription(
            id=str(document.get("id") or new_id("Subscription")),
            document=document,
            context=context.source,
            terms={},
            actor=call.actor,
            start_seq=0,
            created_at=now,
            modified_at=now,
            scopes=call.scopes,
            application=call.application,
        )
        compiled = await self._compiled(call.tenant, draft, context)
        if not compiled.json_ld_context:
            await self._contexts.addressed(context, call.tenant, lasting=True)

        async def work(tx: Tx) -> None:
            if await store.one_tx(tx, draft.id) is not None:
                raise AlreadyExists(f"there is a subscription {draft.id} already")
            if await store.count_tx(tx) >= MAX_SUBSCRIPTIONS:
                raise TooManyResults(f"a tenant has at most {MAX_SUBSCRIPTIONS} subscriptions")
            await store.insert_tx(tx, replace(compiled.stored, start_seq=await head_tx(tx)))

        await self._database.write(call.tenant, work)
        self._runner.wake(call.tenant)  # a periodic one has its first turn to be noted
        return draft.id

    async def get(
        self, call: Call, id_: str, context: Context | None = None, *, sys_attrs: bool = False
    ) -> dict[str, Any]:
        """The subscription with status and counters (clause 5.8.3); with a context, under its names."""
        whose = await self._whose(call)
        # An endpoint that answers and then asks how its subscription fares shall hear of this answer.
        await self._sender.landing(call.tenant, id_, _LANDING_SECONDS)
        stored, states = await self._read(call.tenant, lambda tx: _one_tx(tx, id_))
        if not stored or not _is_theirs(stored[0], whose):
            raise _unknown(id_)
        return self._shown(stored[0], states, context, sys_attrs=sys_attrs)

    async def list(
        self,
        call: Call,
        limit: int = 20,
        offset: int = 0,
        context: Context | None = None,
        *,
        sys_attrs: bool = False,
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of subscriptions, oldest first, and how many there are (clause 5.8.4): the caller's own, and all for
        who may see everything.
        """
        whose = await self._whose(call)
        if not 0 <= limit <= MAX_PAGE or offset < 0:
            raise BadRequestData(f"limit goes from 0 to {MAX_PAGE}, offset from 0")
        page, states = await self._read(call.tenant, lambda tx: store.page_tx(tx, limit, offset, whose))
        total = await self._database.read(call.tenant, lambda tx: store.count_tx(tx, whose))
        return [self._shown(one, states, context, sys_attrs=sys_attrs) for one in page], total

    async def _whose(self, call: Call) -> Actor | None:
        """Whose subscriptions the caller reads and changes: their own, None for everybody's. What another's asks for,
        where it sends it with which headers, and what was given up of it, may hold what the caller cannot see.
        """
        grant = await self._access.decide(call, "subscribe")
        return None if grant.is_all else call.actor

    def _shown(
        self, stored: StoredSubscription, states: Mapping[str, State], context: Context | None, *, sys_attrs: bool
    ) -> dict[str, Any]:
        """As it is read; where it names no jsonldContext, the @context that it was made with is the one (5.8.1.4)."""
        document = shown(stored, states.get(stored.id, State()), self._now(), context, sys_attrs=sys_attrs)
        address = document.get("jsonldContext") or self._contexts.address_of(stored.context)
        return {**document, "jsonldContext": address} if address else document

    async def _read(self, tenant: str, find: Find) -> Counted:
        """Subscriptions with their counters, in which what is just on its way is counted (clause 5.8.6, timesSent)."""
        # Taken before the read: what is written down meanwhile is found there and not counted twice.
        flying = self._sender.all_flying(tenant)

        async def work(tx: Tx) -> Counted:
            found = await find(tx)
            states = await store.states_tx(tx, [one.id for one in found])
            for one in found:
                if flights := flying.get(one.id):
                    noted = {(done.notification, done.at) for done in await outbox.attempts_tx(tx, one.id, NOTED)}
                    states[one.id] = under_way(states[one.id], [at for id_, at in flights if (id_, at) not in noted])
            return found, states

        return await self._database.read(tenant, work)

    async def update(self, call: Call, id_: str, fragment: Mapping[str, Any], context: Context) -> None:
        """Changes members (clause 5.8.2): each is replaced whole; null or urn:ngsi-ld:null takes it away.

        It goes on with its maker's rights. So only its maker, and whoever may see everything, changes it; for others it
        is not there.
        """
        whose = await self._whose(call)
        if not isinstance(fragment, dict) or fragment.keys() <= {"@context"}:
            raise BadRequestData("the fragment holds no member to change")
        if fragment.get("id", id_) != id_:
            raise BadRequestData("id: a subscription keeps its id", member="id")
        given = clean(fragment)
        await self._matcher.settle(call.tenant)
        while True:
            stored = await self._database.read(call.tenant, lambda tx: store.one_tx(tx, id_))
            if stored is None or not _is_theirs(stored, whose):
                raise _unknown(id_)
            if await self._replace(call, stored, given, context):
                break
        self._sender.forget(call.tenant, id_)
        self._runner.wake(call.tenant)

    async def _replace(
        self, call: Call, stored: StoredSubscription, given: Mapping[str, Any], context: Context
    ) -> bool:
        """False where somebody else changed it meanwhile."""
        document = changed(stored, given, self._now())
        own_names = context.key != self._contexts.core.key
        # A change never moves back, so that two at the same moment are told apart.
        now = max(self._now(), stored.modified_at + 1)
        draft = replace(
            stored, document=document, context=context.source if own_names else stored.context, modified_at=now
        )
        compiled = await self._compiled(call.tenant, draft, context, fresh=frozenset(_texts(given)))

        async def work(tx: Tx) -> bool:
            current = await store.one_tx(tx, stored.id)
            if current is None:
                raise _unknown(stored.id)
            if current.modified_at != stored.modified_at:
                return False
            await store.replace_tx(tx, compiled.stored, compiled.endpoint.key)
            return True

        return await self._database.write(call.tenant, work)

    async def delete(self, call: Call, id_: str) -> None:
        """Takes the subscription away with all that waits for it (clause 5.8.5)."""
        whose = await self._whose(call)
        now = self._now()

        async def work(tx: Tx) -> bool:
            stored = await store.one_tx(tx, id_)
            return stored is not None and _is_theirs(stored, whose) and await store.delete_tx(tx, id_, now)

        if not await self._database.write(call.tenant, work):
            raise _unknown(id_)
        self._sender.forget(call.tenant, id_)

    async def _compiled(
        self, tenant: str, draft: StoredSubscription, context: Context, fresh: frozenset[str] | None = None
    ) -> Subscription:
        """Checks and compiles; the meaning of every name is written down with it.

        fresh limits the new meanings to names that came with a change; the others keep theirs.
        """
        terms: dict[str, str] = {}

        def expand(term: str) -> str:
            kept = draft.terms.get(term)
            if kept is None or fresh is None or any(term in text for text in fresh):
                kept = context.expand(term)
            terms[term] = kept
            return kept

        compiled = compile_subscription(draft, expand)
        if compiled.json_ld_context:
            await self._contexts.resolve(compiled.json_ld_context, tenant)
        return replace(compiled, stored=replace(draft, terms=terms))

    async def watch(self, call: Call, document: Mapping[str, Any], context: Context) -> Watch:
        """A subscription for a receiver that is connected: nothing of it is stored.

        The document has one entity selector at most, and no endpoint. BadRequestData names the member.
        """
        await self._access.decide(call, "read")
        notification = {**document.get("notification", {}), "endpoint": {"uri": CONNECTED}}
        whole = {"type": "Subscription", **document, "notification": notification}
        draft = StoredSubscription(new_id("Subscription"), whole, context.source, {}, call.actor, 0, 0, 0)
        compiled = await self._compiled(call.tenant, draft, context)
        return Watch(self._database, self._clock, self._access, call, compiled, context)

    # --- what was sent -------------------------------------------------------------------------------------

    async def attempts(self, tenant: str, subscription_id: str, limit: int = 50) -> Attempts:
        """What was sent and what the endpoint said, newest first; a bounded number is kept."""
        return await self._database.read(tenant, lambda tx: outbox.attempts_tx(tx, subscription_id, limit))

    async def dead_letters(self, tenant: str, subscription_id: str, limit: int = 50) -> DeadLetters:
        """Notifications that were given up, newest first."""
        return await self._database.read(tenant, lambda tx: outbox.dead_letters_tx(tx, subscription_id, limit))

    async def replay(self, call: Call, subscription_id: str, notification_id: str) -> None:
        """Sends a dead letter of the subscription again, under its own id; ResourceNotFound where there is none."""
        whose = await self._whose(call)
        tenant = call.tenant

        async def work(tx: Tx) -> str:
            owner = await outbox.dead_letter_owner_tx(tx, notification_id)
            stored = await store.one_tx(tx, owner) if owner == subscription_id else None
            if stored is None or not _is_theirs(stored, whose):
                raise ResourceNotFound(f"there is no dead letter {notification_id[:80]}")
            endpoint = compile_subscription(stored, lambda term: stored.terms.get(term, term)).endpoint
            await outbox.revive_tx(tx, notification_id, endpoint.key)
            return owner

        owner = await self._database.write(tenant, work)
        self._sender.forget(tenant, owner)
        self._runner.wake(tenant)

    async def explain(
        self, call: Call, subscription_id: str, entity_id: str, limit: int = 20, *, before: int = 0
    ) -> Explanation:
        """Why the subscription was told of the entity's newest changes or not, and what was sent (clause 5.8.6).

        The tenant's last `explain.LOOK_BACK` changes are looked through; before, a log position, goes on from there.
        BadRequestData where the entity's id is none, ResourceNotFound where there is no such subscription. An entity
        that there is not is no error: it may have been deleted.
        """
        return await self._why.explain(call, subscription_id, entity_id, limit, before)

    # --- running -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Matches and sends until it is cancelled; a later run takes up what this one left."""
        await self._runner.run()

    async def catch_up(self, tenant: str) -> None:
        """Matches and sends all that is due at this moment, and waits for it."""
        await self._runner.catch_up(tenant)

    def counters(self) -> dict[str, int]:
        """Numbers for /metrics, since the start of this process."""
        return {
            "sent": self._sender.sent,
            "failed": self._sender.failed,
            "given_up": self._sender.buried + self._matcher.overflowed,
            "under_way": self._sender.under_way,
            "resting_endpoints": self._sender.resting,
        }

    async def backlog(self, tenant: str) -> tuple[int, int]:
        """How many notifications of a tenant wait, and how many were given up."""
        return await self._database.read(tenant, outbox.backlog_tx)

    def _now(self) -> int:
        return times.micros(self._clock.now())


async def _one_tx(tx: Tx, id_: str) -> list[StoredSubscription]:
    found = await store.one_tx(tx, id_)
    return [found] if found is not None else []


def _is_theirs(stored: StoredSubscription, whose: Actor | None) -> bool:
    return whose is None or stored.actor == whose


def _unknown(id_: str) -> ResourceNotFound:
    return ResourceNotFound(f"there is no subscription {id_}")


def _texts(value: Any) -> list[str]:
    """All texts inside a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict | list):
        return [text for part in (value.values() if isinstance(value, dict) else value) for text in _texts(part)]
    return []
