"""Publishes of one client: handed to the gate in order, acknowledged in order, after the gate returned.

Several are under way at once, so that the store below may commit them as one group.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from kumihimo.base.ports import MqttRefused
from kumihimo.network.mqtt import errors
from kumihimo.network.mqtt.errors import MqttError
from kumihimo.network.mqtt.hub import Hub
from kumihimo.network.mqtt.message import from_publish
from kumihimo.network.mqtt.pace import Pace
from kumihimo.network.mqtt.packets import V5, Packet, Puback, Publish, Will
from kumihimo.network.mqtt.session import Session

log = logging.getLogger(__name__)


class _Pending(NamedTuple):
    packet: Publish
    task: asyncio.Task[None]


class Intake:
    """answer sends a packet to the client; end cuts the connection."""

    def __init__(
        self,
        hub: Hub,
        session: Session,
        version: int,
        answer: Callable[[Packet], Awaitable[None]],
        end: Callable[[int, str], None],
    ) -> None:
        self._hub = hub
        self._session = session
        self._version = version
        self._answer = answer
        self._end = end
        self._aliases: dict[int, str] = {}
        self._pending: asyncio.Queue[_Pending | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(hub.limits.receive_maximum)
        self._unacked = 0
        self._is_mute = False
        self._pace = Pace(hub.limits.publish_rate, hub.limits.publish_burst)
        self._acknowledging = asyncio.create_task(self._acknowledge())

    async def take(self, packet: Publish) -> None:
        """Starts the publish; waits, and so stops reading, while the window is full or the rate is exceeded."""
        packet = self._checked(packet)
        await self._pace.take()
        if packet.qos and self._version == V5 and self._unacked >= self._hub.limits.receive_maximum:
            raise MqttError(errors.RECEIVE_MAXIMUM_EXCEEDED, "more publishes under way than the receive maximum")
        await self._room.acquire()
        self._start(packet)

    def take_will(self, will: Will) -> None:
        """Starts the will as the last publish, at QoS 1 at most; nobody is left to be told how it went."""
        self._is_mute = True
        self._start(Publish(will.topic, will.payload, min(will.qos, 1), will.retain, properties=will.properties))

    async def finish(self) -> None:
        """Waits until all that was handed to the gate has returned; nothing under way is cancelled."""
        self._is_mute = True
        self._pending.put_nowait(None)
        await self._acknowledging

    def _start(self, packet: Publish) -> None:
        self._hub.counters.publishes += 1
        self._unacked += 1 if packet.qos else 0
        self._pending.put_nowait(_Pending(packet, asyncio.create_task(self._hand_over(packet))))

    def _checked(self, packet: Publish) -> Publish:
        """The packet with its alias resolved (3.3.2.3.4)."""
        if packet.qos == 2:
            raise MqttError(errors.QOS_NOT_SUPPORTED, "QoS 2 is not offered")
        if "subscription_identifier" in packet.properties:
            raise MqttError(errors.PROTOCOL_ERROR, "a client's PUBLISH holds a subscription identifier")
        alias = packet.properties.get("topic_alias")
        if alias is None:
            return packet
        if not 1 <= alias <= self._hub.limits.topic_alias_maximum:
            raise MqttError(errors.TOPIC_ALIAS_INVALID, f"topic alias {alias} is not possible")
        if packet.topic:
            self._aliases[alias] = packet.topic
            return packet
        if alias not in self._aliases:
            raise MqttError(errors.PROTOCOL_ERROR, f"topic alias {alias} was not set")
        return Publish(
            self._aliases[alias],
            packet.payload,
            packet.qos,
            packet.retain,
            packet.dup,
            packet.packet_id,
            packet.properties,
        )

    async def _hand_over(self, packet: Publish) -> None:
        gate, peer = self._hub.gate, self._session.peer
        if not gate.may_publish(peer, packet.topic):
            raise MqttRefused(errors.NOT_AUTHORIZED, "this topic is not this client's to publish to")
        try:
            _check_format(packet)
        except MqttRefused as refusal:
            gate.refused(peer, refusal.code, refusal.detail)
            raise
        await gate.publish(peer, packet.topic, packet.payload, packet.properties)

    async def _acknowledge(self) -> None:
        while True:
            pending = await self._pending.get()
            if pending is None:
                return
            code, words = await self._outcome(pending)
            self._unacked -= 1 if pending.packet.qos else 0
            self._room.release()
            if code is not None:
                await self._tell(pending.packet, code, words)

    async def _outcome(self, pending: _Pending) -> tuple[int | None, str]:
        """The reason code; None where the platform failed: then nothing is acknowledged and the client tries again."""
        try:
            await pending.task
        except MqttRefused as refusal:
            self._hub.counters.publishes_refused += 1
            return refusal.code, refusal.detail
        except Exception:
            self._hub.counters.publishes_failed += 1
            log.exception("mqtt publish failed", extra={"tenant": self._session.peer.tenant})
            self._is_mute = True
            self._end(errors.SERVER_BUSY, "the message could not be stored; try again")
            return None, ""
        now = self._hub.clock.now()
        self._hub.route(from_publish(pending.packet, self._session.peer.tenant, self._session.key, now))
        return errors.NORMAL, ""

    async def _tell(self, packet: Publish, code: int, words: str) -> None:
        """PUBACK. In 3.1.1 it has no code: what can never be taken is acknowledged, else the connection ends."""
        if not packet.qos or self._is_mute:
            return
        if self._version != V5 and code not in (errors.NORMAL, errors.PAYLOAD_INVALID):
            self._is_mute = True
            self._end(code, words)
            return
        properties: dict[str, Any] = {"reason_string": words[:1000]} if words else {}
        try:
            await self._answer(Puback(packet.packet_id, code, properties))
        except (OSError, MqttError):
            self._is_mute = True


def _check_format(packet: Publish) -> None:
    """Payload format indicator 1 promises UTF-8 (3.3.2.3.2)."""
    if packet.properties.get("payload_format_indicator") != 1:
        return
    try:
        packet.payload.decode()
    except UnicodeDecodeError as problem:
        raise MqttRefused(errors.PAYLOAD_INVALID, "the payload is not the UTF-8 that it says it is") from problem
