"""What the listener keeps for one client: its subscriptions, what waits for it, and what is under way (section 4.1).

A session may outlast its connection; then `link` is None until the client comes back or its time is over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from kumihimo.base.ports import MqttPeer
from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.message import Message
from kumihimo.network.mqtt.packets import Publish, Will
from kumihimo.network.mqtt.tenancy import Tenancy

Offered = Literal["taken", "absent", "dropped", "overflow"]
Key = tuple[str, str, str]
"""Tenant, device and client id, so that nobody takes over a stranger's session by its client id."""


class Link(Protocol):
    """The connection that a session has at present."""

    def wake(self) -> None:
        """Something may be sent."""
        ...

    def end(self, code: int, words: str) -> None:
        """Cuts the connection."""
        ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """One granted filter with its options (MQTT 5.0 section 3.8.3.1)."""

    topic_filter: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    identifiers: tuple[int, ...] = ()


@dataclass(eq=False, slots=True)
class Delivery:
    """A message on its way to one client; number is its place in the session, 0 where it is not kept."""

    message: Message
    qos: int
    retain: bool
    identifiers: tuple[int, ...] = ()
    packet_id: int = 0
    number: int = 0
    was_sent: bool = False

    def packet(self, now: datetime) -> Publish | None:
        """The PUBLISH to send, marked as a repetition where it is one; None where the message has expired."""
        message = self.message
        if message.is_expired(now):
            return None
        properties: dict[str, Any] = dict(message.properties)
        left = message.seconds_left(now)
        if left is not None:
            properties["message_expiry_interval"] = left
        if self.identifiers:
            properties["subscription_identifier"] = list(self.identifiers)
        return Publish(message.topic, message.payload, self.qos, self.retain, self.was_sent, self.packet_id, properties)


@dataclass(eq=False, slots=True)
class Session:
    """expiry in seconds after the connection ends; will is said when it ends without DISCONNECT.

    is_revoked: its credential was taken away, so that nothing more is said in its name, neither its will.
    received: identifiers of messages taken at QoS 2 and not released; arriving: those that are being taken.
    """

    key: Key
    peer: MqttPeer
    limits: MqttLimits
    tenancy: Tenancy
    expiry: int = 0
    link: Link | None = None
    will: Will | None = None
    left_at: datetime | None = None
    due_at: datetime | None = None
    is_revoked: bool = False
    has_ended: bool = False
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    received: set[int] = field(default_factory=set)
    arriving: dict[int, asyncio.Future[int]] = field(default_factory=dict)
    dropped: int = 0
    _queue: deque[Delivery] | None = None
    _inflight: dict[int, Delivery] = field(default_factory=dict)
    _released: dict[int, int] = field(default_factory=dict)
    _held: int = 0
    _bytes: int = 0
    _ids: dict[int, None] = field(default_factory=dict)
    _last_id: int = 0
    _last_number: int = 0

    @property
    def is_kept(self) -> bool:
        """Whether it outlasts its connection."""
        return self.expiry > 0

    @property
    def waiting(self) -> int:
        """Messages that are queued and not sent yet."""
        return len(self._queue) if self._queue is not None else 0

    @property
    def has_room(self) -> bool:
        """Whether another message of ordinary size may be queued."""
        return self._held < self.limits.max_queued and self._bytes < self.limits.max_queued_bytes

    @property
    def released(self) -> list[int]:
        """Identifiers of messages that the client has at QoS 2 and may forget, in their order."""
        return list(self._released)

    # --- what is to be sent --------------------------------------------------------------------------------

    def reserve(self, delivery: Delivery) -> Offered:
        """Makes room for it and numbers it. A full queue drops QoS 0 and reports "overflow" for the others.

        "absent": the client is away, and a message at QoS 0 is not kept for it.
        """
        if self.link is None and not (delivery.qos and self.is_kept):
            return "absent"
        size = delivery.message.size
        is_full = self._held >= self.limits.max_queued or self._bytes + size > self.limits.max_queued_bytes
        if is_full or not self.tenancy.has_room(size):
            self.dropped += 1
            return "overflow" if delivery.qos else "dropped"
        self._held += 1
        self._hold(size)
        if delivery.qos:
            delivery.packet_id = self._take_id()
            if self.is_kept:
                self._last_number += 1
                delivery.number = self._last_number
        return "taken"

    def push(self, delivery: Delivery) -> None:
        """Queues what was reserved."""
        if self.has_ended:
            return
        self._line().append(delivery)
        if self.link is not None:
            self.link.wake()

    def give_back(self, delivery: Delivery) -> None:
        """What was reserved is not to be sent after all."""
        self._held -= 1
        self._forget(delivery)

    def next(self, window: int) -> Delivery | None:
        """The next message that may be sent, in order; None while there is none, or the client's window is full."""
        queue = self._queue
        if not queue or (queue[0].qos and len(self._inflight) + len(self._released) >= window):
            return None
        found = queue.popleft()
        if not queue:
            self._queue = None
        self._held -= 1
        if found.qos:
            self._inflight[found.packet_id] = found
        else:
            self._hold(-found.message.size)
        return found

    def resume(self) -> None:
        """A new connection: what was sent and not acknowledged is sent again, before all else (section 4.4)."""
        again = list(self._inflight.values())
        for one in again:
            one.was_sent = True
        self._inflight.clear()
        if again:
            self._line().extendleft(reversed(again))
        self._held += len(again)

    def restore(self, delivery: Delivery) -> None:
        """Takes back a message that was kept; whether it had been sent is not known, so it may be a repetition."""
        delivery.was_sent = True
        self._ids[delivery.packet_id] = None
        self._last_number = max(self._last_number, delivery.number)
        self._held += 1
        self._hold(delivery.message.size)
        self._line().append(delivery)

    def restore_released(self, packet_id: int, number: int) -> None:
        """Takes back that the client may forget a message."""
        self._ids[packet_id] = None
        self._last_number = max(self._last_number, number)
        self._released[packet_id] = number

    # --- what the client answers ---------------------------------------------------------------------------

    def acknowledge(self, packet_id: int) -> Delivery | None:
        """PUBACK, or a PUBREC that refuses, ends a delivery; None for an identifier that is not under way."""
        found = self._inflight.pop(packet_id, None)
        if found is not None:
            self._forget(found)
        return found

    def receive(self, packet_id: int) -> Delivery | None:
        """PUBREC: the client has the message; None where it is not under way at QoS 2."""
        found = self._inflight.get(packet_id)
        if found is None or found.qos != 2:
            return None
        del self._inflight[packet_id]
        self._hold(-found.message.size)
        self._released[packet_id] = found.number
        return found

    def is_released(self, packet_id: int) -> bool:
        """Whether the client has said PUBREC and not yet PUBCOMP."""
        return packet_id in self._released

    def number_of(self, packet_id: int) -> int:
        """The number of a released message."""
        return self._released[packet_id]

    def complete(self, packet_id: int) -> int | None:
        """PUBCOMP: the number of the message that is done with; None for an identifier that is not under way."""
        number = self._released.pop(packet_id, None)
        if number is not None:
            self._ids.pop(packet_id, None)
        return number

    def end(self) -> None:
        """Gives back all that it holds."""
        self.has_ended = True
        self._queue = None
        self._inflight.clear()
        self._hold(-self._bytes)

    def _line(self) -> deque[Delivery]:
        """The queue; while it is empty there is none, as an empty one is larger than all else here."""
        if self._queue is None:
            self._queue = deque()
        return self._queue

    def _forget(self, delivery: Delivery) -> None:
        self._hold(-delivery.message.size)
        self._ids.pop(delivery.packet_id, None)

    def _hold(self, size: int) -> None:
        size = max(size, -self._bytes)
        self._bytes += size
        self.tenancy.queued_bytes += size

    def _take_id(self) -> int:
        while True:
            self._last_id = self._last_id % 0xFFFF + 1
            if self._last_id not in self._ids:
                self._ids[self._last_id] = None
                return self._last_id
