"""Where connections meet: sessions, subscriptions, retained messages, and who may come in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

from kumihimo.base.clock import Clock
from kumihimo.base.ports import MqttGate, MqttPeer, SessionStore
from kumihimo.network.mqtt.journal import Journal
from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.message import Message
from kumihimo.network.mqtt.partial import Partials
from kumihimo.network.mqtt.retained import Retained
from kumihimo.network.mqtt.session import Key, Session, Subscription
from kumihimo.network.mqtt.shared import Group, share_of
from kumihimo.network.mqtt.tenancy import Tenancy
from kumihimo.network.mqtt.topics import FilterTrie

Asked = tuple[Session, Subscription] | Group
"""What hangs in the trie: a subscription of one session, or a group that shares one."""


@dataclass(slots=True)
class Counters:
    """What happened since the start."""

    connections: int = 0
    connections_refused: int = 0
    half_open_dropped: int = 0
    partial_dropped: int = 0
    taken_over: int = 0
    resumed: int = 0
    sessions_expired: int = 0
    publishes: int = 0
    publishes_refused: int = 0
    publishes_failed: int = 0
    publishes_held: int = 0
    forwarded: int = 0
    dropped: int = 0
    overflowed: int = 0
    wills: int = 0
    malformed: int = 0
    timed_out: int = 0

    def as_dict(self) -> dict[str, int]:
        """By name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(slots=True)
class Hub:
    """The state that all connections of one listener share; used on the event loop only."""

    gate: MqttGate
    clock: Clock
    limits: MqttLimits
    store: SessionStore | None = None
    counters: Counters = field(default_factory=Counters)
    sessions: dict[Key, Session] = field(default_factory=dict)
    trie: FilterTrie[Asked] = field(default_factory=FilterTrie)
    retained: Retained = field(init=False)
    journal: Journal = field(init=False)
    partials: Partials = field(init=False)
    connected: int = 0
    half_open: dict[object, Callable[[], None]] = field(default_factory=dict)
    """Connections that have not said CONNECT yet, oldest first, and what drops them."""
    _tenancies: dict[str, Tenancy] = field(default_factory=dict)
    _asking: list[set[tuple[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Retained messages and half packets under the limits given, and the journal of the store."""
        limits = self.limits
        self.retained = Retained(
            limits.max_retained,
            limits.max_retained_bytes,
            limits.max_tenant_retained,
            limits.max_tenant_retained_bytes,
        )
        self.journal = Journal(self.store)
        self.partials = Partials(limits.max_partial_bytes)

    def tenancy(self, tenant: str) -> Tenancy:
        """What all clients of the tenant share; "" are those without a credential."""
        found = self._tenancies.get(tenant)
        if found is None:
            found = self._tenancies[tenant] = Tenancy(self.limits)
        return found

    def drop_oldest_half_open(self) -> bool:
        """Makes room for a new connection; False where all have said CONNECT."""
        oldest = next(iter(self.half_open), None)
        if oldest is None:
            return False
        self.counters.half_open_dropped += 1
        self.half_open.pop(oldest)()
        return True

    async def admit(
        self, client_id: str, username: str | None, password: bytes | None, certificate: bytes = b""
    ) -> MqttPeer:
        """Asks the gate; and again where the device was cut meanwhile: what the gate read may be from before.

        Whoever joins without awaiting after this is found by the next cut.
        """
        cut: set[tuple[str, str]] = set()
        self._asking.append(cut)
        try:
            while True:
                cut.clear()
                peer = await self.gate.connect(client_id, username, password, certificate)
                if (peer.tenant, peer.device) not in cut:
                    return peer
        finally:
            self._asking = [one for one in self._asking if one is not cut]

    def note_cut(self, tenant: str, device: str) -> list[Session]:
        """Whoever is being let in as this device is judged anew; its sessions, connected or not."""
        for cut in self._asking:
            cut.add((tenant, device))
        return [one for key, one in self.sessions.items() if key[:2] == (tenant, device)]

    # --- subscriptions -------------------------------------------------------------------------------------

    def subscribe(self, session: Session, subscription: Subscription) -> bool:
        """True where the filter is new to the session, False where its options are replaced."""
        is_new = subscription.topic_filter not in session.subscriptions
        session.subscriptions[subscription.topic_filter] = subscription
        share = share_of(subscription.topic_filter)
        if not share.group:
            self.trie.add(share.topic_filter, session, (session, subscription))
            return is_new
        key = (session.key[0], share.group)
        group = self.trie.get(share.topic_filter, key)
        if not isinstance(group, Group):
            group = Group()
            self.trie.add(share.topic_filter, key, group)
        group.members[session] = subscription
        return is_new

    def unsubscribe(self, session: Session, topic_filter: str) -> bool:
        """False where there was no such subscription."""
        if session.subscriptions.pop(topic_filter, None) is None:
            return False
        share = share_of(topic_filter)
        if not share.group:
            return self.trie.remove(share.topic_filter, session)
        key = (session.key[0], share.group)
        group = self.trie.get(share.topic_filter, key)
        if isinstance(group, Group):
            group.members.pop(session, None)
            if not group.members:
                self.trie.remove(share.topic_filter, key)
        return True

    def forget(self, session: Session) -> None:
        """Takes the session out of all that messages are routed by."""
        for topic_filter in list(session.subscriptions):
            self.unsubscribe(session, topic_filter)
        if self.sessions.get(session.key) is session:
            del self.sessions[session.key]

    def may_have(self, session: Session, message: Message) -> bool:
        """Asked again for the very topic: a wildcard may match more than its subscriber may read."""
        if message.tenant is not None and message.tenant != session.peer.tenant:
            return False
        return self.gate.may_subscribe(session.peer, message.topic)
