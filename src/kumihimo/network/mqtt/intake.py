"""Publishes of one client: handed to the gate at once, routed in order, acknowledged in order, after the commit.

Several are under way at once, so that the store below may commit them as one group. At QoS 2 a message is taken when
its PUBLISH arrives, and its identifier is remembered until PUBREL (MQTT 5.0 section 4.3.3, method B).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from kumihimo.base.errors import Overloaded
from kumihimo.base.ports import MqttRefused
from kumihimo.network.mqtt import errors, rows
from kumihimo.network.mqtt.chain import Chain, Turn
from kumihimo.network.mqtt.errors import MqttError
from kumihimo.network.mqtt.hub import Hub
from kumihimo.network.mqtt.message import from_publish
from kumihimo.network.mqtt.packets import V5, Packet, Puback, Pubcomp, Publish, Pubrec, Pubrel
from kumihimo.network.mqtt.routing import Routing, hand_to_gate
from kumihimo.network.mqtt.session import Session

log = logging.getLogger(__name__)
_FAILED = -1


class Intake:
    """answer sends a packet to the client; end cuts the connection."""

    __slots__ = (
        "_aliases",
        "_answer",
        "_chain",
        "_end",
        "_hub",
        "_is_mute",
        "_pace",
        "_room",
        "_routing",
        "_session",
        "_unacked",
        "_version",
    )

    def __init__(
        self,
        hub: Hub,
        routing: Routing,
        session: Session,
        version: int,
        answer: Callable[[Packet], Awaitable[None]],
        end: Callable[[int, str], None],
    ) -> None:
        self._hub = hub
        self._routing = routing
        self._session = session
        self._version = version
        self._answer = answer
        self._end = end
        self._aliases: dict[int, str] = {}
        self._chain = Chain()
        self._room = asyncio.Semaphore(hub.limits.receive_maximum)
        self._unacked = 0
        self._is_mute = False
        self._pace = session.tenancy.pace_of(session.peer.device)

    async def take(self, packet: Publish) -> None:
        """Starts the publish; waits, and so stops reading, while the window or the tenant's room is full or the rate is
        exceeded.
        """
        packet = self._checked(packet)
        await self._pace.take()
        await self._session.tenancy.pace.take()
        is_again = packet.qos == 2 and self._is_known(packet.packet_id)
        under_way = self._unacked + len(self._session.received)
        if packet.qos and not is_again and self._version == V5 and under_way >= self._hub.limits.receive_maximum:
            raise MqttError(errors.RECEIVE_MAXIMUM_EXCEEDED, "more publishes under way than the receive maximum")
        await self._room.acquire()
        if is_again:
            self._chain.add(partial(self._repeat, packet))
            return
        await self._session.tenancy.room.enter(len(packet.payload))
        self._hub.counters.publishes += 1
        self._unacked += 1 if packet.qos else 0
        arriving: asyncio.Future[int] | None = None
        if packet.qos == 2:
            arriving = self._session.arriving[packet.packet_id] = asyncio.get_running_loop().create_future()
        self._chain.add(partial(self._run, packet, arriving))

    def release(self, packet: Pubrel) -> None:
        """PUBREL: the identifier is free for another message, and PUBCOMP says so once that is durable."""
        self._chain.add(partial(self._complete, packet.packet_id))

    async def finish(self) -> None:
        """Waits until all that was handed to the gate has returned; nothing under way is cancelled."""
        self._is_mute = True
        await self._chain.finish()

    def _is_known(self, packet_id: int) -> bool:
        return packet_id in self._session.received or packet_id in self._session.arriving

    def _checked(self, packet: Publish) -> Publish:
        """The packet with its alias resolved (3.3.2.3.4)."""
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
        return replace(packet, topic=self._aliases[alias])

    # --- a message -----------------------------------------------------------------------------------------

    async def _run(self, packet: Publish, arriving: asyncio.Future[int] | None, turn: Turn) -> None:
        code, words = _FAILED, ""
        try:
            code, words = await self._taken(packet, turn)
        except Overloaded:  # the client went while it waited
            self._hub.counters.publishes_failed += 1
        except Exception:
            self._hub.counters.publishes_failed += 1
            log.exception("mqtt publish failed", extra={"tenant": self._session.peer.tenant})
            self._fail()
        finally:
            self._session.tenancy.room.leave(len(packet.payload))
            self._unacked -= 1 if packet.qos else 0
            self._room.release()
            if arriving is not None:
                self._session.arriving.pop(packet.packet_id, None)
                arriving.set_result(code)
        await turn.to_end()
        await self._tell(packet, code, words)

    async def _taken(self, packet: Publish, turn: Turn) -> tuple[int, str]:
        """The reason code and words for the client, once the message is durable; raises where the platform failed."""
        try:
            await self._hand(packet)
        except MqttRefused as refusal:
            self._hub.counters.publishes_refused += 1
            return refusal.code, refusal.detail
        await turn.to_settle()
        session, first = self._session, []
        if packet.qos == 2 and not session.has_ended:
            session.received.add(packet.packet_id)
            if session.is_kept:
                first = rows.put(rows.received_row(session, packet.packet_id))
        message = from_publish(packet, session.key[0], session.key, self._hub.clock.now())
        plan = self._routing.plan(message, first=first, tenant=session.key[0])
        turn.settled.set()
        try:
            await self._routing.commit(plan)
        except Exception:
            session.received.discard(packet.packet_id)
            raise
        await turn.to_end()
        self._routing.push(plan)
        return errors.NORMAL, ""

    async def _hand(self, packet: Publish) -> None:
        """Where too much waits in the platform, the message waits too: the client's window fills, and it is not read.

        Nothing is acknowledged meanwhile, so that nothing is lost; cutting all clients off would bring them all back at
        once. Overloaded where the client has gone.
        """
        while True:
            try:
                await hand_to_gate(self._hub, self._session.peer, packet)
            except Overloaded as busy:
                if self._is_mute:
                    raise
                self._hub.counters.publishes_held += 1
                await asyncio.sleep(busy.retry_after * random.uniform(0.5, 1.0))  # noqa: S311 - spreads those that wait
            else:
                return

    def _fail(self) -> None:
        """The platform failed: nothing is acknowledged, and the client tries again."""
        self._is_mute = True
        self._end(errors.SERVER_BUSY, "the message could not be stored; try again")

    async def _tell(self, packet: Publish, code: int, words: str) -> None:
        """PUBACK or PUBREC. In 3.1.1 they have no code: what can never be taken is acknowledged, else all ends."""
        if not packet.qos or self._is_mute:
            return
        if self._version != V5 and code not in (errors.NORMAL, errors.PAYLOAD_INVALID):
            self._is_mute = True
            self._end(code, words)
            return
        properties: dict[str, Any] = {"reason_string": words[:1000]} if words else {}
        kind = Puback if packet.qos == 1 else Pubrec
        await self._send(kind(packet.packet_id, code, properties))

    # --- the rest of QoS 2 ---------------------------------------------------------------------------------

    async def _repeat(self, packet: Publish, turn: Turn) -> None:
        """A message that is known already: it is only answered again, once its taking is over."""
        arriving = self._session.arriving.get(packet.packet_id)
        code = errors.NORMAL if arriving is None else await asyncio.shield(arriving)
        self._room.release()
        await turn.to_end()
        if code == _FAILED:
            self._fail()
        await self._tell(packet, code, "")

    async def _complete(self, packet_id: int, turn: Turn) -> None:
        session = self._session
        is_known = packet_id in session.received
        try:
            if is_known and session.is_kept and not session.has_ended:
                await turn.to_settle()
                await self._hub.journal.commit(session.key[0], rows.drop(rows.received_row(session, packet_id)))
        except Exception:
            log.exception("mqtt release failed", extra={"tenant": session.peer.tenant})
            self._fail()
            return
        session.received.discard(packet_id)
        await turn.to_end()
        if not self._is_mute:
            code = errors.NORMAL if is_known or self._version != V5 else errors.PACKET_ID_NOT_FOUND
            await self._send(Pubcomp(packet_id, code))

    async def _send(self, packet: Packet) -> None:
        try:
            await self._answer(packet)
        except (OSError, MqttError):
            self._is_mute = True
