"""Who gets which message: planned at once, handed over once what must survive of it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from kumihimo.base.ports import MqttChange, MqttPeer, MqttRefused
from kumihimo.network.mqtt import errors, rows
from kumihimo.network.mqtt.hub import Hub
from kumihimo.network.mqtt.message import Message, from_publish
from kumihimo.network.mqtt.packets import Publish, Will
from kumihimo.network.mqtt.session import Delivery, Key, Session, Subscription
from kumihimo.network.mqtt.shared import Group


@dataclass(slots=True)
class Plan:
    """The deliveries of one message, room for them taken, and the changes by tenant that come before them."""

    given: list[tuple[Session, Delivery]] = field(default_factory=list)
    changes: dict[str, list[MqttChange]] = field(default_factory=dict)
    waits: list[asyncio.Future[None]] = field(default_factory=list)

    def note(self, tenant: str, *changes: MqttChange) -> None:
        """Adds what must be durable first."""
        if changes:
            self.changes.setdefault(tenant, []).extend(changes)


class Routing:
    """Plans and hands over messages on one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def plan(
        self, message: Message, *, first: Sequence[MqttChange] = (), tenant: str = "", only_connected: bool = False
    ) -> Plan:
        """Takes room at every session that subscribed to the message and may read it, and starts the commit.

        first are changes of the tenant that are to be durable together with the message. Overlapping subscriptions of
        a session give one delivery at the highest QoS (3.3.4); a shared one gives a delivery of its own.
        """
        plan = Plan()
        plan.note(tenant, *first)
        if message.retain:
            is_kept = self._hub.retained.keep(message) and bool(message.payload)
            plan.note(rows.scope_of(message), MqttChange(rows.retained_row(message), is_gone=not is_kept))
        for session, delivery in self._deliveries(message):
            if session.link is not None or not only_connected:
                self._reserve(plan, session, delivery)
        plan.waits = self._hub.journal.write(plan.changes)
        return plan

    async def commit(self, plan: Plan) -> None:
        """Returns once what must survive is durable; gives the room back and raises where it could not be."""
        try:
            for done in plan.waits:
                await done
        except BaseException:
            for session, delivery in plan.given:
                session.give_back(delivery)
            raise

    def push(self, plan: Plan) -> int:
        """Queues the deliveries of a plan that was committed; how many these were."""
        for session, delivery in plan.given:
            session.push(delivery)
        self._hub.counters.forwarded += len(plan.given)
        return len(plan.given)

    async def hand_over(self, plan: Plan) -> int:
        """Commits and pushes."""
        await self.commit(plan)
        return self.push(plan)

    async def greet(self, session: Session, subscription: Subscription) -> int:
        """Retained messages for a subscription that was just made (3.3.1.3); how many places were looked at."""
        found = self._hub.retained.matching(subscription.topic_filter, self._hub.clock.now())
        plan = Plan()
        for message in found.messages:
            is_own = subscription.no_local and message.sender == session.key
            if self._hub.may_have(session, message) and not is_own:
                qos = min(message.qos, subscription.qos)
                self._reserve(plan, session, Delivery(message, qos, True, subscription.identifiers))
        plan.waits = self._hub.journal.write(plan.changes)
        await self.hand_over(plan)
        return found.looked_at

    async def say_will(self, peer: MqttPeer, key: Key, will: Will) -> None:
        """Publishes a will as its client would have: the gate is asked, and then whoever subscribed gets it."""
        self._hub.counters.wills += 1
        packet = Publish(will.topic, will.payload, will.qos, will.retain, properties=will.properties)
        await hand_to_gate(self._hub, peer, packet)
        await self.hand_over(self.plan(from_publish(packet, peer.tenant, key, self._hub.clock.now())))

    def _deliveries(self, message: Message) -> list[tuple[Session, Delivery]]:
        plain: dict[Session, Delivery] = {}
        shared: list[tuple[Session, Delivery]] = []
        for _, asked in self._hub.trie.match(message.topic):
            if isinstance(asked, Group):
                picked = asked.pick(lambda session: self._hub.may_have(session, message))
                if picked is not None:
                    shared.append((picked[0], _delivery(message, picked[1])))
                continue
            session, subscription = asked
            if subscription.no_local and message.sender == session.key:
                continue
            before, delivery = plain.get(session), _delivery(message, subscription)
            plain[session] = delivery if before is None else _both(before, delivery)
        return [*((s, one) for s, one in plain.items() if self._hub.may_have(s, message)), *shared]

    def _reserve(self, plan: Plan, session: Session, delivery: Delivery) -> None:
        offered = session.reserve(delivery)
        if offered == "taken":
            plan.given.append((session, delivery))
            if delivery.number:
                plan.note(session.key[0], *rows.put(rows.message_row(session, delivery)))
            return
        if offered == "absent":
            return
        self._hub.counters.dropped += 1
        if offered == "overflow":
            self._hub.counters.overflowed += 1
            if session.link is not None:
                session.link.end(errors.QUOTA_EXCEEDED, "too many messages wait for this client")


async def hand_to_gate(hub: Hub, peer: MqttPeer, packet: Publish) -> None:
    """Returns once the platform has committed the message. MqttRefused for what is not taken."""
    gate = hub.gate
    if not gate.may_publish(peer, packet.topic):
        # Who has no credential is told the code alone, as with a refused subscription.
        words = "this topic is not this client's to publish to" if peer.device else ""
        raise MqttRefused(errors.NOT_AUTHORIZED, words)
    try:
        _check_format(packet)
    except MqttRefused as refusal:
        gate.refused(peer, refusal.code, refusal.detail)
        raise
    await gate.publish(peer, packet.topic, packet.payload, packet.properties)


def _check_format(packet: Publish) -> None:
    """Payload format indicator 1 promises UTF-8 (3.3.2.3.2)."""
    if packet.properties.get("payload_format_indicator") != 1:
        return
    try:
        packet.payload.decode()
    except UnicodeDecodeError as problem:
        raise MqttRefused(errors.PAYLOAD_INVALID, "the payload is not the UTF-8 that it says it is") from problem


def _delivery(message: Message, subscription: Subscription) -> Delivery:
    retain = message.retain and subscription.retain_as_published
    return Delivery(message, min(message.qos, subscription.qos), retain, subscription.identifiers)


def _both(one: Delivery, other: Delivery) -> Delivery:
    return Delivery(
        one.message, max(one.qos, other.qos), one.retain or other.retain, one.identifiers + other.identifiers
    )
