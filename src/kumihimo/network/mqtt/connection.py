"""One client's connection: CONNECT, then packets one after another, until either side ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from kumihimo.base.ids import new_token
from kumihimo.base.ports import MqttRefused
from kumihimo.network.mqtt import errors
from kumihimo.network.mqtt.asking import Asking
from kumihimo.network.mqtt.errors import MqttError
from kumihimo.network.mqtt.hub import Hub
from kumihimo.network.mqtt.intake import Intake
from kumihimo.network.mqtt.lifetimes import Lifetimes
from kumihimo.network.mqtt.lines import Line
from kumihimo.network.mqtt.outlet import Outlet
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
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsubscribe,
)
from kumihimo.network.mqtt.parse import parse, split_frame
from kumihimo.network.mqtt.routing import Routing
from kumihimo.network.mqtt.session import Session

log = logging.getLogger(__name__)
T = TypeVar("T")
MAX_CLIENT_ID = 256
_PLACES_PER_TOKEN = 50
"""So many places looked at for a greeting cost as much as one packet."""


@dataclass(frozen=True, slots=True)
class House:
    """What all connections of a listener share."""

    hub: Hub
    routing: Routing
    lifetimes: Lifetimes


class Connection:
    """serve() runs it to its end; end() cuts it from outside. It is the Link of its session."""

    __slots__ = (
        "_asking",
        "_buffer",
        "_ended",
        "_house",
        "_hub",
        "_intake",
        "_is_clean",
        "_left_expiry",
        "_limits",
        "_line",
        "_outlet",
        "_pace",
        "_patience",
        "_said_why",
        "_session",
        "_session_expiry",
        "_talking",
        "_tells_reasons",
        "_version",
    )

    def __init__(self, house: House, line: Line) -> None:
        self._house = house
        self._hub = house.hub
        self._limits = house.hub.limits
        self._line = line
        self._outlet = Outlet(house.hub, line, self.end)
        self._buffer = bytearray()
        self._version = V311
        self._pace = Pace(self._limits.packet_rate, self._limits.packet_burst)
        self._patience: float | None = self._limits.connect_timeout
        self._session: Session | None = None
        self._intake: Intake | None = None
        self._asking: Asking | None = None
        self._tells_reasons = True
        self._session_expiry = 0
        self._left_expiry: int | None = None
        self._is_clean = False
        self._talking: asyncio.Task[None] | None = None
        self._ended = False
        self._said_why = False

    async def serve(self) -> None:
        """Runs the connection; returns when it is closed and all that it handed to the gate is finished."""
        talking = self._talking = asyncio.create_task(self._talk())
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        talking.add_done_callback(partial(_settle, ended))  # costs a quarter of what asyncio.wait keeps meanwhile
        try:
            await ended
        finally:
            talking.cancel()
            await self._clean_up()

    def wake(self) -> None:
        """The session has something to send."""
        self._outlet.wake()

    def end(self, code: int, words: str) -> None:
        """Says DISCONNECT with the reason (MQTT 5 only) and stops; harmless when it has ended already."""
        if self._ended:
            return
        self._ended = True
        if self._session is not None and self._version == V5:
            self._outlet.write(Disconnect(code, self._reason(words)))
            self._said_why = True
        if self._talking is not None:
            self._talking.cancel()

    def drop(self) -> None:
        """Ends a connection that has not said CONNECT, at once and without a word."""
        self._line.abort()
        self.end(errors.SERVER_BUSY, "others wait")

    def crowded_out(self) -> None:
        """Its packet began long ago, is not whole, and others need the room."""
        self._hub.counters.partial_dropped += 1
        if self._session is None:
            self.drop()
        else:
            self.end(errors.SERVER_BUSY, "this packet did not become whole, and others need its room")

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
        self._version = self._outlet.version = problem.version or self._version
        code = errors.connack_code(problem.code, self._version)
        if problem.version and code is not None:
            properties = self._reason(problem.detail) if self._version == V5 else {}
            self._outlet.write(Connack(code, properties=properties))
            self._said_why = True

    async def _clean_up(self) -> None:
        try:
            await self._outlet.stop()
            await self._leave()
            await self._outlet.flush_last()
            if self._said_why:
                await self._line.linger(self._limits.linger)
            await self._line.close()
        except Exception:
            log.exception("mqtt connection did not end well")
        finally:
            self._line.abort()

    async def _leave(self) -> None:
        """The session goes or waits, then the end of what is under way, then the will, then the gate is told."""
        session, intake = self._session, self._intake
        if session is None or intake is None:
            return
        will = self._house.lifetimes.leave(session, self, is_clean=self._is_clean, expiry=self._left_expiry)
        await intake.finish()
        if will is not None:
            await self._house.lifetimes.say(session.peer, session.key, will)
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
        given = _announced(self._hub)
        self._tells_reasons = bool(packet.properties.get("request_problem_information", 1))
        self._outlet.learn(packet)
        client_id = packet.client_id
        if not client_id:
            client_id = given["assigned_client_identifier"] = f"auto-{new_token(12)}"
        _check_connect(packet, client_id)
        peer = await self._hub.admit(client_id, packet.username, packet.password, self._line.certificate)
        if packet.will is not None and not self._hub.gate.may_publish(peer, packet.will.topic):
            raise MqttError(errors.NOT_AUTHORIZED, "the will's topic is not this client's to publish to")
        self._set_keep_alive(packet, given)
        expiry = self._session_expiry = self._expiry(packet, given)
        session, is_present = await self._house.lifetimes.open(
            peer, client_id, self, clean=packet.clean_start, expiry=expiry, will=packet.will
        )
        self._intake = Intake(self._hub, self._house.routing, session, packet.version, self._outlet.answer, self.end)
        self._asking = Asking(self._hub, session, packet.version)
        self._session = session
        self._hub.counters.connections += 1
        self._outlet.write(Connack(0, is_present, given))
        self._outlet.start(session)

    def _set_keep_alive(self, packet: Connect, given: dict[str, Any]) -> None:
        seconds = packet.keep_alive
        if packet.version == V5 and not 0 < seconds <= self._limits.max_keep_alive:
            seconds = given["server_keep_alive"] = self._limits.max_keep_alive
        self._patience = seconds * self._limits.keep_alive_factor if seconds else None

    def _expiry(self, packet: Connect, given: dict[str, Any]) -> int:
        """Seconds for which the session outlasts the connection; in 3.1.1 as long as any, where it is not clean."""
        most = self._limits.max_session_expiry
        if packet.version != V5:
            return 0 if packet.clean_start else most
        asked: int = packet.properties.get("session_expiry_interval", 0)
        if asked > most:
            given["session_expiry_interval"] = most
        return min(asked, most)

    # --- reading ----------------------------------------------------------------------------------------

    async def _read_packets(self) -> None:
        while True:
            packet = await self._next_packet()
            if packet is not None and not isinstance(packet, Publish | Puback | Pubrec | Pubcomp):
                await self._pace.take(len(self._filters(packet)) or 1)  # the others have a pace of their own
            if packet is None or not await self._handle(packet):
                return

    async def _next_packet(self) -> Packet | None:
        """The next whole packet; None at the end of the stream.

        The clock of the keep-alive starts here, so that time in which we do not read is not held against the client.
        """
        frame = split_frame(self._buffer, self._limits.max_packet)
        if frame is None:
            async with asyncio.timeout(self._patience):
                frame = await self._rest_of_packet()
        return None if frame is None else parse(*frame, self._version)

    async def _rest_of_packet(self) -> tuple[int, bytes] | None:
        """Reads until the packet is whole; what of it is there counts among all clients' half packets meanwhile."""
        tenant = "" if self._session is None else self._session.peer.tenant
        held = False
        try:
            while chunk := await self._line.read():
                self._buffer += chunk
                if self._session is None and self._buffer[0] != 0x10:
                    raise MqttError(errors.PROTOCOL_ERROR, "the first packet must be CONNECT")
                frame = split_frame(self._buffer, self._limits.max_packet)
                if frame is not None:
                    return frame
                held = True
                self._hub.partials.hold(self, tenant, len(self._buffer))
            return None
        finally:
            if held:
                self._hub.partials.let_go(self, tenant)

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
        session, intake, asking = self._session, self._intake, self._asking
        if session is None or intake is None or asking is None:
            raise MqttError(errors.PROTOCOL_ERROR, "a packet before CONNECT")
        if isinstance(packet, Publish):
            await intake.take(packet)
        elif isinstance(packet, Puback | Pubrec | Pubcomp):
            if not self._outlet.take(packet):  # the others are as many as we sent
                await self._pace.take()
        elif isinstance(packet, Pubrel):
            intake.release(packet)
        elif isinstance(packet, Subscribe):
            await self._subscribe(session, asking, packet)
        elif isinstance(packet, Unsubscribe):
            await self._outlet.answer(await self._noted(asking.unsubscribe(packet)))
        elif isinstance(packet, Pingreq):
            await self._outlet.answer(Pingresp())
        elif isinstance(packet, Disconnect):
            self._say_goodbye(packet)
            return False
        else:
            raise MqttError(errors.PROTOCOL_ERROR, f"{type(packet).__name__} is not a client's to send now")
        return True

    def _say_goodbye(self, packet: Disconnect) -> None:
        expiry = packet.properties.get("session_expiry_interval")
        if expiry and not self._session_expiry:
            raise MqttError(errors.PROTOCOL_ERROR, "a session expiry that CONNECT did not ask for")
        self._left_expiry = None if expiry is None else min(expiry, self._limits.max_session_expiry)
        self._is_clean = packet.code != errors.WITH_WILL
        self._ended = True

    async def _subscribe(self, session: Session, asking: Asking, packet: Subscribe) -> None:
        answer, greetings = await self._noted(asking.subscribe(packet))
        await self._outlet.answer(answer)
        for subscription in greetings:
            looked_at = await self._noted(self._house.routing.greet(session, subscription))
            await self._pace.take(looked_at / _PLACES_PER_TOKEN)

    async def _noted(self, work: Awaitable[T]) -> T:
        """What must be durable before it is answered; where the store refuses, the client is to come again."""
        try:
            return await work
        except (MqttError, OSError):
            raise
        except Exception as problem:
            log.exception("mqtt session could not be written")
            raise MqttError(errors.SERVER_BUSY, "this could not be stored; try again") from problem

    def _reason(self, words: str) -> dict[str, Any]:
        return {"reason_string": words[:1000]} if self._tells_reasons and words else {}


def _settle(ended: asyncio.Future[None], _: object) -> None:
    if not ended.done():
        ended.set_result(None)


def _check_connect(packet: Connect, client_id: str) -> None:
    if "authentication_method" in packet.properties:
        raise MqttError(errors.BAD_AUTH_METHOD, "no authentication method is offered; use user name and password")
    if not packet.client_id and packet.version == V311 and not packet.clean_start:
        raise MqttError(errors.CLIENT_ID_INVALID, "an empty client id needs a clean session")
    if len(client_id) > MAX_CLIENT_ID:
        raise MqttError(errors.CLIENT_ID_INVALID, f"a client id has at most {MAX_CLIENT_ID} characters")


def _announced(hub: Hub) -> dict[str, Any]:
    """What CONNACK tells every MQTT 5 client (3.2.2.3)."""
    return {
        "receive_maximum": hub.limits.receive_maximum,
        "maximum_packet_size": hub.limits.max_packet,
        "topic_alias_maximum": hub.limits.topic_alias_maximum,
    }
