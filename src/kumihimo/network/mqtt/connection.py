"""One client's connection: CONNECT, then packets one after another, until either side ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from kumihimo.base.ids import new_token
from kumihimo.base.ports import MqttRefused
from kumihimo.network.mqtt import errors
from kumihimo.network.mqtt.errors import MqttError
from kumihimo.network.mqtt.hub import Hub
from kumihimo.network.mqtt.intake import Intake
from kumihimo.network.mqtt.pace import Pace
from kumihimo.network.mqtt.packets import (
    V5,
    V311,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Wanted,
    Will,
)
from kumihimo.network.mqtt.parse import parse, split_frame
from kumihimo.network.mqtt.serialise import serialise
from kumihimo.network.mqtt.session import Session, Subscription
from kumihimo.network.mqtt.topics import check_filter

log = logging.getLogger(__name__)
READ = 64 * 1024
MAX_CLIENT_ID = 256
_CLOSING_SECONDS = 2.0
_PLACES_PER_TOKEN = 50
"""So many places looked at for a greeting cost as much as one packet."""


class Connection:
    """serve() runs it to its end; end() cuts it from outside."""

    def __init__(self, hub: Hub, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._hub = hub
        self._limits = hub.limits
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        self._version = V311
        self._pace = Pace(hub.limits.packet_rate, hub.limits.packet_burst)
        self._patience: float | None = hub.limits.connect_timeout
        self._session: Session | None = None
        self._intake: Intake | None = None
        self._will: Will | None = None
        self._max_packet_out = 0
        self._tells_reasons = True
        self._session_expiry = 0
        self._talking: asyncio.Task[None] | None = None
        self._pumping: asyncio.Task[None] | None = None
        self._draining = asyncio.Lock()
        self._ended = False

    async def serve(self) -> None:
        """Runs the connection; returns when it is closed and all that it handed to the gate is finished."""
        self._talking = asyncio.create_task(self._talk())
        try:
            await asyncio.wait([self._talking])
        finally:
            self._talking.cancel()
            await self._clean_up()

    def end(self, code: int, words: str) -> None:
        """Says DISCONNECT with the reason (MQTT 5 only) and stops; harmless when it has ended already."""
        if self._ended:
            return
        self._ended = True
        if self._session is not None and self._version == V5:
            self._write(Disconnect(code, self._reason(words)))
        if self._talking is not None:
            self._talking.cancel()

    def drop(self) -> None:
        """Ends a connection that has not said CONNECT, at once and without a word."""
        self._writer.transport.abort()
        self.end(errors.SERVER_BUSY, "others wait")

    # --- the life of a connection ------------------------------------------------------------------------

    async def _talk(self) -> None:
        try:
            async with asyncio.timeout(self._limits.connect_timeout):
                await self._connect()
            await self._read_packets()
        except MqttError as problem:
            self._refuse(problem)
        except TimeoutError:
            self._hub.counters.timed_out += 1
            self.end(errors.KEEP_ALIVE_TIMEOUT, "nothing was heard in time")
        except OSError:
            log.debug("mqtt connection lost")

    def _refuse(self, problem: MqttError) -> None:
        log.info("mqtt refused", extra={"code": problem.code, "detail": problem.detail})
        if problem.code in (errors.MALFORMED, errors.PROTOCOL_ERROR, errors.PACKET_TOO_LARGE):
            self._hub.counters.malformed += 1
        if self._session is not None:
            if problem.code != errors.UNSPECIFIED:  # that is a client that takes nothing, not one that sent something
                self._hub.gate.refused(self._session.peer, problem.code, problem.detail)
            self.end(problem.code, problem.detail)
            return
        self._hub.counters.connections_refused += 1
        self._version = problem.version or self._version
        code = errors.connack_code(problem.code, self._version)
        if problem.version and code is not None:
            properties = self._reason(problem.detail) if self._version == V5 else {}
            self._write(Connack(code, properties=properties))

    async def _clean_up(self) -> None:
        try:
            if self._pumping is not None:
                self._pumping.cancel()
                await asyncio.wait([self._pumping])
            await self._leave_hub()
            self._writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CLOSING_SECONDS):
                    await self._writer.wait_closed()
        except Exception:
            log.exception("mqtt connection did not end well")
        finally:
            self._writer.transport.abort()

    async def _leave_hub(self) -> None:
        """The will, then the end of what is under way, then the gate is told."""
        session, intake = self._session, self._intake
        if session is None or intake is None:
            return
        self._hub.leave(session)
        if self._will is not None and not session.is_revoked:
            intake.take_will(self._will)
        await intake.finish()
        await self._hub.gate.disconnect(session.peer)

    # --- CONNECT ----------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        packet = await self._next_packet()
        if not isinstance(packet, Connect):
            raise MqttError(errors.PROTOCOL_ERROR, "the first packet must be CONNECT")
        self._version = packet.version
        self._hub.half_open.pop(self, None)
        try:
            await self._accept(packet)
        except MqttRefused as refusal:
            raise MqttError(refusal.code, refusal.detail, packet.version) from refusal
        except MqttError as problem:
            problem.version = packet.version
            raise
        except OSError:
            raise
        except Exception as problem:
            log.exception("mqtt connect failed")
            raise MqttError(
                errors.SERVER_UNAVAILABLE, "the platform cannot check this now", packet.version
            ) from problem

    async def _accept(self, packet: Connect) -> None:
        gate, asked, given = self._hub.gate, packet.properties, _announced(self._hub)
        self._tells_reasons = bool(asked.get("request_problem_information", 1))
        self._max_packet_out = asked.get("maximum_packet_size", 0)
        client_id = packet.client_id
        if not client_id:
            client_id = given["assigned_client_identifier"] = f"auto-{new_token(12)}"
        _check_connect(packet, client_id)
        peer = await self._hub.admit(client_id, packet.username, packet.password)
        key = (peer.tenant, peer.device, client_id)
        if len(self._hub.sessions) >= self._limits.max_clients and key not in self._hub.sessions:
            raise MqttError(errors.SERVER_BUSY, "there are as many clients as the listener takes")
        if packet.will is not None and not gate.may_publish(peer, packet.will.topic):
            raise MqttError(errors.NOT_AUTHORIZED, "the will's topic is not this client's to publish to")
        self._will = packet.will
        session = Session(
            key,
            peer,
            self.end,
            min(asked.get("receive_maximum", 0xFFFF), self._limits.inflight),
            self._limits.max_queued,
            self._limits.max_queued_bytes,
        )
        self._intake = Intake(self._hub, session, packet.version, self._answer, self.end)
        self._session = session
        self._set_keep_alive(packet, given)
        self._session_expiry = asked.get("session_expiry_interval", 0)
        if self._session_expiry:
            given["session_expiry_interval"] = 0
        self._hub.join(session)
        self._hub.counters.connections += 1
        self._write(Connack(0, properties=given))
        self._pumping = asyncio.create_task(self._pump(session))

    def _set_keep_alive(self, packet: Connect, given: dict[str, Any]) -> None:
        seconds = packet.keep_alive
        if packet.version == V5 and not 0 < seconds <= self._limits.max_keep_alive:
            seconds = given["server_keep_alive"] = self._limits.max_keep_alive
        self._patience = seconds * self._limits.keep_alive_factor if seconds else None

    # --- reading ----------------------------------------------------------------------------------------

    async def _read_packets(self) -> None:
        while True:
            packet = await self._next_packet()
            if packet is not None and not isinstance(packet, Publish | Puback):  # these have a pace of their own
                await self._pace.take(len(self._filters(packet)) or 1)
            if packet is None or not await self._handle(packet):
                return

    async def _next_packet(self) -> Packet | None:
        """The next whole packet; None at the end of the stream.

        The clock of the keep-alive starts here, so that time in which we do not read is not held against the client.
        """
        frame = split_frame(self._buffer, self._limits.max_packet)
        if frame is None:
            async with asyncio.timeout(self._patience):
                while frame is None:
                    chunk = await self._reader.read(READ)
                    if not chunk:
                        return None
                    self._buffer += chunk
                    if self._session is None and self._buffer[0] != 0x10:
                        raise MqttError(errors.PROTOCOL_ERROR, "the first packet must be CONNECT")
                    frame = split_frame(self._buffer, self._limits.max_packet)
        return parse(*frame, self._version)

    def _filters(self, packet: Packet) -> Sequence[object]:
        """The topic filters of the packet, none in most; a packet that is only to keep us busy is refused."""
        if not isinstance(packet, Subscribe | Unsubscribe):
            return ()
        filters = packet.wanted if isinstance(packet, Subscribe) else packet.filters
        most = self._limits.max_filters
        if len(filters) > most:
            raise MqttError(errors.QUOTA_EXCEEDED, f"{len(filters)} topic filters; at most {most} are taken at once")
        return filters

    async def _handle(self, packet: Packet) -> bool:
        """Does what the packet asks; False where it was DISCONNECT."""
        session, intake = self._session, self._intake
        if session is None or intake is None:
            raise MqttError(errors.PROTOCOL_ERROR, "a packet before CONNECT")
        if isinstance(packet, Publish):
            await intake.take(packet)
        elif isinstance(packet, Puback):
            if not session.acknowledge(packet.packet_id):  # the others are as many as we sent
                await self._pace.take()
        elif isinstance(packet, Subscribe):
            await self._subscribe(session, packet)
        elif isinstance(packet, Unsubscribe):
            codes = [self._hub.unsubscribe(session, one) for one in packet.filters]
            known = tuple(errors.NORMAL if one else errors.NO_SUBSCRIPTION_EXISTED for one in codes)
            await self._answer(Unsuback(packet.packet_id, known))
        elif isinstance(packet, Pingreq):
            await self._answer(Pingresp())
        elif isinstance(packet, Disconnect):
            self._leave(packet)
            return False
        else:
            raise MqttError(errors.PROTOCOL_ERROR, f"{type(packet).__name__} is not a client's to send now")
        return True

    def _leave(self, packet: Disconnect) -> None:
        if packet.properties.get("session_expiry_interval") and not self._session_expiry:
            raise MqttError(errors.PROTOCOL_ERROR, "a session expiry that CONNECT did not ask for")
        if packet.code != errors.WITH_WILL:
            self._will = None
        self._ended = True

    async def _subscribe(self, session: Session, packet: Subscribe) -> None:
        identifiers = tuple(packet.properties.get("subscription_identifier", ()))
        codes: list[int] = []
        greetings: dict[str, Subscription] = {}
        for wanted in packet.wanted:
            code = self._grant(session, wanted)
            codes.append(code)
            if code >= errors.UNSPECIFIED:
                continue
            subscription = Subscription(
                wanted.topic_filter, code, wanted.no_local, wanted.retain_as_published, identifiers
            )
            is_new = self._hub.subscribe(session, subscription)
            if wanted.retain_handling == 0 or (wanted.retain_handling == 1 and is_new):
                greetings[wanted.topic_filter] = subscription
        if self._version != V5:
            codes = [min(code, errors.UNSPECIFIED) for code in codes]
        await self._answer(Suback(packet.packet_id, tuple(codes)))
        for subscription in greetings.values():
            await self._pace.take(self._hub.greet(session, subscription) / _PLACES_PER_TOKEN)

    def _grant(self, session: Session, wanted: Wanted) -> int:
        """The QoS granted, or why not; QoS 2 is granted as 1 (3.8.4)."""
        try:
            check_filter(wanted.topic_filter)
        except MqttError as problem:
            return problem.code
        if wanted.topic_filter.startswith("$share/"):
            return errors.SHARED_NOT_SUPPORTED
        if not self._hub.gate.may_subscribe(session.peer, wanted.topic_filter):
            return errors.NOT_AUTHORIZED
        is_full = len(session.subscriptions) >= self._limits.max_subscriptions
        if is_full and wanted.topic_filter not in session.subscriptions:
            return errors.QUOTA_EXCEEDED
        return min(wanted.qos, 1)

    # --- writing ----------------------------------------------------------------------------------------

    async def _pump(self, session: Session) -> None:
        try:
            while True:
                delivery = await session.next()
                packet = session.packet(delivery, self._hub.clock.now())
                if packet is None:
                    continue
                if not self._write(packet):
                    self._hub.counters.dropped += 1
                    session.acknowledge(packet.packet_id)
                    continue
                await self._flush()
        except (OSError, MqttError):
            self.end(errors.UNSPECIFIED, "the client takes nothing")

    async def _answer(self, packet: Packet) -> None:
        self._write(packet)
        await self._flush()

    def _write(self, packet: Packet) -> bool:
        """False where the packet is larger than the client said it takes (3.1.2.11.4)."""
        data = serialise(packet, self._version)
        if self._max_packet_out and len(data) > self._max_packet_out:
            return False
        if not self._writer.is_closing():
            self._writer.write(data)
        return True

    async def _flush(self) -> None:
        """Waits while the client does not take what was written; one that takes nothing for long is cut off."""
        async with self._draining:
            try:
                async with asyncio.timeout(self._limits.write_timeout):
                    await self._writer.drain()
            except TimeoutError as problem:
                raise MqttError(errors.UNSPECIFIED, "the client takes nothing") from problem

    def _reason(self, words: str) -> dict[str, Any]:
        return {"reason_string": words[:1000]} if self._tells_reasons and words else {}


def _check_connect(packet: Connect, client_id: str) -> None:
    if "authentication_method" in packet.properties:
        raise MqttError(errors.BAD_AUTH_METHOD, "no authentication method is offered; use user name and password")
    if not packet.client_id and packet.version == V311 and not packet.clean_start:
        raise MqttError(errors.CLIENT_ID_INVALID, "an empty client id needs a clean session")
    if len(client_id) > MAX_CLIENT_ID:
        raise MqttError(errors.CLIENT_ID_INVALID, f"a client id has at most {MAX_CLIENT_ID} characters")
    if packet.will is not None and packet.will.qos == 2 and packet.version == V5:
        raise MqttError(errors.QOS_NOT_SUPPORTED, "QoS 2 is not offered")


def _announced(hub: Hub) -> dict[str, Any]:
    """What CONNACK tells every MQTT 5 client (3.2.2.3)."""
    return {
        "receive_maximum": hub.limits.receive_maximum,
        "maximum_qos": 1,
        "maximum_packet_size": hub.limits.max_packet,
        "topic_alias_maximum": hub.limits.topic_alias_maximum,
        "shared_subscription_available": 0,
    }
