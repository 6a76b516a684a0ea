"""Where connections meet: sessions, subscriptions, retained messages, and who gets which message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

from kumihimo.base.clock import Clock
from kumihimo.base.ports import MqttGate, MqttPeer
from kumihimo.network.mqtt import errors
from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.message import Message
from kumihimo.network.mqtt.retained import Retained
from kumihimo.network.mqtt.session import Delivery, Session, Subscription
from kumihimo.network.mqtt.topics import FilterTrie


@dataclass(slots=True)
class Counters:
    """What happened since the start."""

    connections: int = 0
    connections_refused: int = 0
    half_open_dropped: int = 0
    taken_over: int = 0
    publishes: int = 0
    publishes_refused: int = 0
    publishes_failed: int = 0
    forwarded: int = 0
    dropped: int = 0
    overflowed: int = 0
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
    counters: Counters = field(default_factory=Counters)
    sessions: dict[tuple[str, str, str], Session] = field(default_factory=dict)
    trie: FilterTrie[tuple[Session, Subscription]] = field(default_factory=FilterTrie)
    retained: Retained = field(init=False)
    half_open: dict[object, Callable[[], None]] = field(default_factory=dict)
    """Connections that have not said CONNECT yet, oldest first, and what drops them."""
    _asking: list[set[tuple[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Retained messages under the limits given."""
        self.retained = Retained(self.limits.max_retained, self.limits.max_retained_bytes)

    def drop_oldest_half_open(self) -> bool:
        """Makes room for a new connection; False where all have said CONNECT."""
        oldest = next(iter(self.half_open), None)
        if oldest is None:
            return False
        self.counters.half_open_dropped += 1
        self.half_open.pop(oldest)()
        return True

    async def admit(self, client_id: str, username: str | None, password: bytes | None) -> MqttPeer:
        """Asks the gate; and again where the device was cut meanwhile: what the gate read may be from before.

        Whoever joins without awaiting after this is found by the next cut.
        """
        cut: set[tuple[str, str]] = set()
        self._asking.append(cut)
        try:
            while True:
                cut.clear()
                peer = await self.gate.connect(client_id, username, password)
                if (peer.tenant, peer.device) not in cut:
                    return peer
        finally:
            self._asking = [one for one in self._asking if one is not cut]

    def cut(self, tenant: str, device: str) -> int:
        """Ends all sessions of a device whose credential was taken away, without their wills; how many these were."""
        for cut in self._asking:
            cut.add((tenant, device))
        found = [one for key, one in self.sessions.items() if key[:2] == (tenant, device)]
        for session in found:
            session.is_revoked = True
            session.end(errors.NOT_AUTHORIZED, "the credential is no longer valid")
        return len(found)

    def join(self, session: Session) -> None:
        """Takes the session in; one with the same key is cut off first (MQTT 5.0 section 3.1.4-3).

        The key holds tenant and device, so that nobody takes over a stranger's session by its client id.
        """
        before = self.sessions.get(session.key)
        if before is not None:
            self.counters.taken_over += 1
            self.leave(before)
            before.end(errors.TAKEN_OVER, "another connection came with this client id")
        self.sessions[session.key] = session

    def leave(self, session: Session) -> None:
        """Forgets the session and its subscriptions; harmless where it has left already."""
        for topic_filter in session.subscriptions:
            self.trie.remove(topic_filter, session)
        session.subscriptions.clear()
        if self.sessions.get(session.key) is session:
            del self.sessions[session.key]

    def subscribe(self, session: Session, subscription: Subscription) -> bool:
        """True where the filter is new to the session, False where its options are replaced."""
        session.subscriptions[subscription.topic_filter] = subscription
        return self.trie.add(subscription.topic_filter, session, (session, subscription))

    def unsubscribe(self, session: Session, topic_filter: str) -> bool:
        """False where there was no such subscription."""
        if session.subscriptions.pop(topic_filter, None) is None:
            return False
        return self.trie.remove(topic_filter, session)

    def greet(self, session: Session, subscription: Subscription) -> int:
        """Retained messages for a subscription that was just made (3.3.1.3); how many places were looked at."""
        found = self.retained.matching(subscription.topic_filter, self.clock.now())
        for message in found.messages:
            if self._may_have(session, message) and not (subscription.no_local and message.sender == session.key):
                qos = min(message.qos, subscription.qos)
                self._hand(session, Delivery(message, qos, True, subscription.identifiers))
        return found.looked_at

    def route(self, message: Message) -> int:
        """Hands the message to every session that subscribed to it and may read it; how many these were.

        Overlapping subscriptions of a session give one delivery at the highest QoS (3.3.4).
        """
        if message.retain:
            self.retained.keep(message)
        found: dict[Session, Delivery] = {}
        for _, (session, subscription) in self.trie.match(message.topic):
            if subscription.no_local and message.sender == session.key:
                continue
            before = found.get(session)
            retain = message.retain and subscription.retain_as_published
            delivery = Delivery(message, min(message.qos, subscription.qos), retain, subscription.identifiers)
            found[session] = delivery if before is None else _both(before, delivery)
        return sum(
            self._hand(session, delivery) for session, delivery in found.items() if self._may_have(session, message)
        )

    def _may_have(self, session: Session, message: Message) -> bool:
        """Asked again for the very topic: a wildcard may match more than its subscriber may read."""
        if message.tenant is not None and message.tenant != session.peer.tenant:
            return False
        return self.gate.may_subscribe(session.peer, message.topic)

    def _hand(self, session: Session, delivery: Delivery) -> bool:
        offered = session.offer(delivery)
        if offered == "queued":
            self.counters.forwarded += 1
            return True
        self.counters.dropped += 1
        if offered == "overflow":
            self.counters.overflowed += 1
            session.end(errors.QUOTA_EXCEEDED, "too many messages wait for this client")
        return False


def _both(one: Delivery, other: Delivery) -> Delivery:
    return Delivery(
        one.message, max(one.qos, other.qos), one.retain or other.retain, one.identifiers + other.identifiers
    )
