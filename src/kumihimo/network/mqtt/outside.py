"""The platform as client of an outside MQTT 5 broker: what arrives is acknowledged once it is committed, not before.

The broker keeps our session while we are away and sends again what we did not acknowledge, so that a message is taken
at least once. Who may publish there is the broker's business: we see the topic alone, and no device's credential.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Final

from kumihimo.base.ports import MqttRefused, MqttServer
from kumihimo.network.mqtt import errors
from kumihimo.network.mqtt.chain import Chain, Turn
from kumihimo.network.mqtt.errors import MqttError
from kumihimo.network.mqtt.lines import CLOSING_SECONDS, READ
from kumihimo.network.mqtt.outward import named
from kumihimo.network.mqtt.packets import (
    V5,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Wanted,
)
from kumihimo.network.mqtt.parse import parse, split_frame
from kumihimo.network.mqtt.serialise import serialise

log = logging.getLogger(__name__)
NO_SUBSCRIBERS: Final = 0x10
_MAX_PACKET: Final = 256 * 1024
Take = Callable[[str, bytes, Mapping[str, Any]], Awaitable[None]]
"""Topic, payload, properties; returns after the commit. MqttRefused for what can never be taken."""


@dataclass(frozen=True, slots=True)
class OutsideLimits:
    """Times in seconds; window: messages that the broker may send before we acknowledge."""

    keep_alive: int = 30
    answer: float = 10.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    session_expiry: int = 7 * 24 * 3600
    window: int = 64


@dataclass(slots=True)
class OutsideCounters:
    """What happened since the start; connected is 0 or 1."""

    connected: int = 0
    connections: int = 0
    connections_failed: int = 0
    taken: int = 0
    refused: int = 0
    failed: int = 0
    published: int = 0


class OutsideBroker:
    """`run` stays connected until it is cancelled; `publish` speaks while it is."""

    def __init__(
        self,
        server: MqttServer,
        client_id: str,
        filters: Sequence[str],
        take: Take,
        *,
        tls: ssl.SSLContext | None = None,
        limits: OutsideLimits | None = None,
    ) -> None:
        self._server = server
        self._client_id = client_id
        self._filters = tuple(filters)
        self._take = take
        self._tls = tls
        self._limits = limits or OutsideLimits()
        self._line: _Line | None = None
        self.counters = OutsideCounters()

    def stats(self) -> dict[str, float]:
        """The counters by name."""
        return {one.name: getattr(self.counters, one.name) for one in fields(self.counters)}

    async def run(self) -> None:
        """Connects, takes what arrives, and comes again after a pause where the broker is away or refuses."""
        pause = self._limits.first_pause
        while True:
            before = self.counters.connections
            try:
                await self._serve()
            except (OSError, TimeoutError, MqttError) as problem:
                self.counters.connections_failed += 1
                log.warning("the outside MQTT broker is away", extra={"detail": str(problem) or type(problem).__name__})
            if self.counters.connections > before:
                pause = self._limits.first_pause
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads platforms that come again
            pause = min(pause * 2, self._limits.longest_pause)

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, expires: int | None = None) -> int:
        """1 where the broker took the message; 0 where it is away, refuses, or says that nobody listens (0x10)."""
        line = self._line
        if line is None:
            return 0
        properties = {} if expires is None else {"message_expiry_interval": expires}
        try:
            async with asyncio.timeout(self._limits.answer):
                code = await line.publish(Publish(topic, payload, min(qos, 1), properties=properties))
        except (OSError, TimeoutError):
            return 0
        if code == NO_SUBSCRIBERS or code >= errors.UNSPECIFIED:
            return 0
        self.counters.published += 1
        return 1

    async def _serve(self) -> None:
        """One connection, from CONNECT to its end, which is always an error."""
        async with asyncio.timeout(self._limits.answer):
            line = await self._open()
        try:
            async with asyncio.timeout(self._limits.answer):
                await line.greet(self._connect_packet())
                await line.subscribe(self._filters)
            self._line = line
            self.counters.connections += 1
            self.counters.connected = 1
            log.info("connected to the outside MQTT broker", extra={"server": named(self._server)})
            await line.listen(self._limits.keep_alive)
        finally:
            self._line = None
            self.counters.connected = 0
            await line.close()

    async def _open(self) -> _Line:
        tls = self._tls
        if self._server.secure and tls is None:
            tls = self._tls = await asyncio.to_thread(ssl.create_default_context)
        reader, writer = await asyncio.open_connection(
            self._server.host,
            self._server.port,
            ssl=tls if self._server.secure else None,
            server_hostname=self._server.host if self._server.secure else None,
        )
        return _Line(reader, writer, self._taken)

    def _connect_packet(self) -> Connect:
        limits, server = self._limits, self._server
        said = {
            "session_expiry_interval": limits.session_expiry,
            "receive_maximum": limits.window,
            "maximum_packet_size": _MAX_PACKET,
        }
        password = None if server.password is None else server.password.encode()
        return Connect(V5, self._client_id, False, limits.keep_alive, server.username, password, properties=said)

    async def _taken(self, packet: Publish) -> int:
        """The reason code for the broker; raises where the platform failed."""
        try:
            await self._take(packet.topic, packet.payload, packet.properties)
        except MqttRefused as refusal:
            self.counters.refused += 1
            return refusal.code
        except Exception:
            self.counters.failed += 1
            raise
        self.counters.taken += 1
        return errors.NORMAL


class _Line:
    """One connection to the broker."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        take: Callable[[Publish], Awaitable[int]],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._take = take
        self._buffer = bytearray()
        self._chain = Chain()
        self._asked: dict[int, asyncio.Future[int]] = {}
        self._last_id = 0
        self._is_over = False
        self._early: list[Publish] = []

    async def greet(self, packet: Connect) -> None:
        """CONNECT. ConnectionError where the broker lets us not in."""
        self._send(packet)
        answer = await self._next()
        if not isinstance(answer, Connack):
            raise ConnectionError("the broker answered CONNECT with something else")
        if answer.code:
            words = answer.properties.get("reason_string", "")
            raise ConnectionError(f"the broker lets us not in: reason code 0x{answer.code:02x} {words}".strip())

    async def subscribe(self, filters: Sequence[str]) -> None:
        """SUBSCRIBE at QoS 1; what was retained before is not asked for. ConnectionError for a refusal."""
        self._send(Subscribe(self._take_id(), tuple(Wanted(one, 1, retain_handling=2) for one in filters)))
        while not isinstance(answer := await self._next(), Suback):
            if isinstance(answer, Publish):  # of the session that waited for us
                self._early.append(answer)
        refused = [one for one, code in zip(filters, answer.codes, strict=False) if code >= errors.UNSPECIFIED]
        if refused:
            raise ConnectionError(f"the broker refuses the subscription to {', '.join(refused)}")

    async def listen(self, keep_alive: int) -> None:
        """Takes what arrives until the connection ends, which is always an error here."""
        for early in self._early:
            self._start(early)
        pinging = asyncio.create_task(self._ping(keep_alive / 2))
        try:
            while True:
                async with asyncio.timeout(keep_alive * 1.5):
                    packet = await self._next()
                if isinstance(packet, Publish):
                    self._start(packet)
                elif isinstance(packet, Puback):
                    self._answered(packet)
                elif isinstance(packet, Disconnect):
                    raise ConnectionError(f"the broker ended the connection: reason code 0x{packet.code:02x}")
        finally:
            pinging.cancel()

    async def publish(self, packet: Publish) -> int:
        """The reason code of the PUBACK; 0 at once for QoS 0."""
        if not packet.qos:
            self._send(packet)
            return errors.NORMAL
        packet_id = self._take_id()
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._asked[packet_id] = answer
        try:
            self._send(replace(packet, packet_id=packet_id))
            return await answer
        finally:
            self._asked.pop(packet_id, None)

    async def close(self) -> None:
        """Waits for what is being taken, says DISCONNECT, closes."""
        self._is_over = True
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the connection to the broker is lost"))
        await self._chain.finish()
        with contextlib.suppress(OSError, TimeoutError):
            self._send(Disconnect())
            self._writer.close()
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._writer.wait_closed()

    def _start(self, packet: Publish) -> None:
        self._chain.add(partial(self._run, packet))

    async def _run(self, packet: Publish, turn: Turn) -> None:
        """PUBACK in the order of arrival; nothing is acknowledged where the platform failed, nor after that."""
        try:
            code = await self._take(packet)
        except Exception:
            log.exception("a message of the outside broker could not be stored; it will come again")
            self._is_over = True
            self._writer.transport.abort()
            return
        await turn.to_end()
        if packet.qos and not self._is_over:
            self._send(Puback(packet.packet_id, code))

    async def _ping(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            self._send(Pingreq())

    def _answered(self, packet: Puback) -> None:
        waiting = self._asked.get(packet.packet_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(packet.code)

    def _take_id(self) -> int:
        while True:
            self._last_id = self._last_id % 0xFFFF + 1
            if self._last_id not in self._asked:
                return self._last_id

    def _send(self, packet: Packet) -> None:
        if not self._writer.is_closing():
            self._writer.write(serialise(packet, V5))

    async def _next(self) -> Packet:
        while (frame := split_frame(self._buffer, _MAX_PACKET)) is None:
            chunk = await self._reader.read(READ)
            if not chunk:
                raise ConnectionError("the broker ended the connection")
            self._buffer += chunk
        return parse(*frame, V5)
