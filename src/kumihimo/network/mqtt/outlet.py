"""The way out to one client: answers, the messages of its session under its window, and what it acknowledges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from kumihimo.network.mqtt import errors, rows
from kumihimo.network.mqtt.chain import Chain, Turn
from kumihimo.network.mqtt.errors import MqttError
from kumihimo.network.mqtt.hub import Hub
from kumihimo.network.mqtt.lines import Line
from kumihimo.network.mqtt.packets import V5, V311, Connect, Packet, Puback, Pubcomp, Publish, Pubrec, Pubrel
from kumihimo.network.mqtt.serialise import serialise
from kumihimo.network.mqtt.session import Delivery, Session


class Outlet:
    """Writes to one line. end(code, words) cuts the connection."""

    __slots__ = (
        "_aliases",
        "_chain",
        "_draining",
        "_end",
        "_hub",
        "_line",
        "_max_packet",
        "_most_aliases",
        "_pumping",
        "_session",
        "_window",
        "version",
    )

    def __init__(self, hub: Hub, line: Line, end: Callable[[int, str], None]) -> None:
        self._hub = hub
        self._line = line
        self._end = end
        self.version = V311
        self._max_packet = 0
        self._window = hub.limits.inflight
        self._most_aliases = 0
        self._aliases: dict[str, int] = {}
        self._session: Session | None = None
        self._pumping: asyncio.Task[None] | None = None
        self._draining = asyncio.Lock()
        self._chain = Chain()

    def learn(self, packet: Connect) -> None:
        """Takes over what the client said it can take (3.1.2.11)."""
        asked, limits = packet.properties, self._hub.limits
        self.version = packet.version
        self._max_packet = asked.get("maximum_packet_size", 0)
        self._window = min(asked.get("receive_maximum", 0xFFFF), limits.inflight)
        self._most_aliases = min(asked.get("topic_alias_maximum", 0), limits.topic_alias_maximum)

    # --- answers -------------------------------------------------------------------------------------------

    def write(self, packet: Packet) -> bool:
        """False where the packet is larger than the client said it takes (3.1.2.11.4)."""
        data = serialise(packet, self.version)
        if self._max_packet and len(data) > self._max_packet:
            return False
        self._line.write(data)
        return True

    async def answer(self, packet: Packet) -> None:
        """Writes, and waits while the client does not take what was written."""
        self.write(packet)
        await self._flush()

    async def _flush(self) -> None:
        """A client that takes nothing for long is cut off."""
        if not self._line.is_full:
            return
        async with self._draining:
            try:
                async with asyncio.timeout(self._hub.limits.write_timeout):
                    await self._line.drain()
            except TimeoutError as problem:
                raise MqttError(errors.UNSPECIFIED, "the client takes nothing") from problem

    async def flush_last(self) -> None:
        """Writes out what is left, as far as the client takes it; before the line is closed."""
        try:
            await self._flush()
        except (OSError, MqttError):
            return

    # --- messages ------------------------------------------------------------------------------------------

    def start(self, session: Session) -> None:
        """From now on the session's messages are sent; first what the client may forget (4.4)."""
        self._session = session
        for packet_id in session.released:
            self.write(Pubrel(packet_id))
        self.wake()

    def wake(self) -> None:
        """Sends what the session has, as long as there is something."""
        session = self._session
        if session is not None and self._pumping is None and session.waiting:
            self._pumping = asyncio.create_task(self._pump(session))

    async def stop(self) -> None:
        """Sends no more messages; returns when nothing is under way."""
        self._session = None
        if self._pumping is not None:
            self._pumping.cancel()
            await asyncio.wait([self._pumping])
        await self._chain.finish()

    async def _pump(self, session: Session) -> None:
        try:
            while (delivery := session.next(self._window)) is not None:
                if not self._send(delivery):
                    self._done(session, delivery)
                await self._flush()
        except (OSError, MqttError):
            self._end(errors.UNSPECIFIED, "the client takes nothing")
        finally:
            self._pumping = None

    def _send(self, delivery: Delivery) -> bool:
        """False where the message has expired, or is larger than the client takes: it is dropped then (3.1.2.11.4)."""
        packet = delivery.packet(self._hub.clock.now())
        if packet is None:
            return False
        aliased = self._aliased(packet)
        if self.write(aliased):
            return True
        if aliased.topic:
            self._aliases.pop(aliased.topic, None)
        self._hub.counters.dropped += 1
        return False

    def _aliased(self, packet: Publish) -> Publish:
        """The first topics get aliases as far as the client takes some, and are left out from then on (3.3.2.3.4)."""
        alias = self._aliases.get(packet.topic)
        if alias is not None:
            return replace(packet, topic="", properties={**packet.properties, "topic_alias": alias})
        if len(self._aliases) >= self._most_aliases:
            return packet
        alias = self._aliases[packet.topic] = len(self._aliases) + 1
        return replace(packet, properties={**packet.properties, "topic_alias": alias})

    # --- what the client acknowledges ----------------------------------------------------------------------

    def take(self, packet: Puback | Pubrec | Pubcomp) -> bool:
        """False for an identifier that is not under way."""
        session = self._session
        if session is None:
            return False
        if isinstance(packet, Pubcomp):
            return self._completed(session, packet.packet_id)
        if isinstance(packet, Pubrec) and packet.code < errors.UNSPECIFIED:
            return self._received(session, packet.packet_id)
        delivery = session.acknowledge(packet.packet_id)
        if delivery is None:
            return False
        self._drop_row(session, delivery.packet_id, delivery.number)
        self.wake()
        return True

    def _received(self, session: Session, packet_id: int) -> bool:
        if session.is_released(packet_id):
            self.write(Pubrel(packet_id))
            return True
        delivery = session.receive(packet_id)
        if delivery is None:
            self.write(Pubrel(packet_id, errors.PACKET_ID_NOT_FOUND if self.version == V5 else errors.NORMAL))
            return False
        if delivery.number:
            self._chain.add(partial(self._release, session, delivery))
        else:
            self.write(Pubrel(packet_id))
        return True

    async def _release(self, session: Session, delivery: Delivery, turn: Turn) -> None:
        """PUBREL only once it is durable that the client has the message: after a kill it must not come twice."""
        row = rows.released_row(session, delivery.packet_id, delivery.number)
        try:
            await self._hub.journal.commit(session.key[0], rows.put(row))
        except Exception:  # noqa: BLE001 - the journal has told of it
            self._end(errors.SERVER_BUSY, "what you received could not be noted; come again")
            return
        await turn.to_end()
        if self._session is session:
            self.write(Pubrel(delivery.packet_id))

    def _completed(self, session: Session, packet_id: int) -> bool:
        number = session.complete(packet_id)
        if number is None:
            return False
        self._drop_row(session, packet_id, number)
        self.wake()
        return True

    def _done(self, session: Session, delivery: Delivery) -> None:
        if delivery.qos:
            session.acknowledge(delivery.packet_id)
            self._drop_row(session, delivery.packet_id, delivery.number)

    def _drop_row(self, session: Session, packet_id: int, number: int) -> None:
        if number:
            self._hub.journal.note(session.key[0], *rows.drop(rows.released_row(session, packet_id, number)))
