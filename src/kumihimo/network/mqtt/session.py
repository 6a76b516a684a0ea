"""What the listener keeps for one connected client: its subscriptions and what waits to be sent to it.

A session ends with its connection (session expiry is honoured as 0 and CONNACK says so).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kumihimo.base.ports import MqttPeer
from kumihimo.network.mqtt.message import Message
from kumihimo.network.mqtt.packets import Publish

Offered = Literal["queued", "dropped", "overflow"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One granted filter with its options (MQTT 5.0 section 3.8.3.1)."""

    topic_filter: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    identifiers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to one client."""

    message: Message
    qos: int
    retain: bool
    identifiers: tuple[int, ...] = ()


@dataclass(eq=False, slots=True)
class Session:
    """end(code, words) cuts the connection; inflight is how many publishes may be unacknowledged at once.

    is_revoked: its credential was taken away, so that nothing more is said in its name, neither its will.
    """

    key: tuple[str, str, str]
    peer: MqttPeer
    end: Callable[[int, str], None]
    inflight: int
    max_queued: int
    max_queued_bytes: int
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    dropped: int = 0
    is_revoked: bool = False
    _queue: deque[Delivery] = field(default_factory=deque)
    _bytes: int = 0
    _unacked: set[int] = field(default_factory=set)
    _last_id: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def waiting(self) -> int:
        """Messages that are queued and not sent yet."""
        return len(self._queue)

    def offer(self, delivery: Delivery) -> Offered:
        """Queues it. A full queue drops QoS 0 and reports "overflow" for QoS 1: that promise cannot be kept."""
        size = delivery.message.size
        if len(self._queue) >= self.max_queued or self._bytes + size > self.max_queued_bytes:
            self.dropped += 1
            return "overflow" if delivery.qos else "dropped"
        self._queue.append(delivery)
        self._bytes += size
        self._wake.set()
        return "queued"

    def acknowledge(self, packet_id: int) -> bool:
        """The client's PUBACK frees a place in the window; False for an id that is not under way."""
        if packet_id not in self._unacked:
            return False
        self._unacked.discard(packet_id)
        self._wake.set()
        return True

    async def next(self) -> Delivery:
        """The next message that may be sent, in order; waits for one, and for room in the window at QoS 1."""
        while True:
            if self._queue and (not self._queue[0].qos or len(self._unacked) < self.inflight):
                found = self._queue.popleft()
                self._bytes -= found.message.size
                return found
            self._wake.clear()
            await self._wake.wait()

    def packet(self, delivery: Delivery, now: datetime) -> Publish | None:
        """The PUBLISH to send, with a packet id at QoS 1; None where the message has expired meanwhile."""
        message = delivery.message
        if message.is_expired(now):
            return None
        properties: dict[str, Any] = dict(message.properties)
        left = message.seconds_left(now)
        if left is not None:
            properties["message_expiry_interval"] = left
        if delivery.identifiers:
            properties["subscription_identifier"] = list(delivery.identifiers)
        packet_id = self._take_id() if delivery.qos else 0
        return Publish(message.topic, message.payload, delivery.qos, delivery.retain, False, packet_id, properties)

    def _take_id(self) -> int:
        while True:
            self._last_id = self._last_id % 0xFFFF + 1
            if self._last_id not in self._unacked:
                self._unacked.add(self._last_id)
                return self._last_id
