"""One connection to an MQTT server outside, over which messages are published (MQTT 3.1.1 and 5.0, QoS 0 to 2).

Nothing is subscribed.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import Sequence
from typing import Any, Final

from kumihimo.base.ports import MqttServer
from kumihimo.network.mqtt.errors import MqttError
from kumihimo.network.mqtt.packets import (
    V5,
    V311,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
)
from kumihimo.network.mqtt.parse import parse, split_frame
from kumihimo.network.mqtt.serialise import serialise

KEEP_ALIVE: Final = 120
"""Seconds; the connection is ended long before where nothing is published, so that no PINGREQ is needed."""
_MAX_PACKET = 64 * 1024
_CHUNK = 64 * 1024
_IN_FLIGHT = 64
_REFUSED_FROM = 0x80
_REFUSALS_3 = {
    1: "this protocol version is not spoken",
    2: "the client identifier is refused",
    3: "the server is unavailable",
    4: "bad user name or password",
    5: "not authorized",
}


class OutwardLink:
    """Publishes over one open connection; many may publish at once. After `retire` it ends once they are done."""

    def __init__(
        self, server: MqttServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, welcome: Connack
    ) -> None:
        self._server = server
        self._version = level(server)
        self._reader = reader
        self._writer = writer
        given = welcome.properties
        self.keep_alive: int = given.get("server_keep_alive", KEEP_ALIVE)
        self._most_qos: int = given.get("maximum_qos", 2)
        self._most_bytes: int = given.get("maximum_packet_size", 1 << 28)
        self._room = asyncio.Semaphore(min(_IN_FLIGHT, given.get("receive_maximum", _IN_FLIGHT)))
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._last_id = 0
        self._users = 0
        self._is_retired = False
        self._why = ""
        self._listening = asyncio.create_task(self._listen())

    @property
    def is_open(self) -> bool:
        """Whether anything can still be published."""
        return not self._why

    @property
    def is_busy(self) -> bool:
        """Whether somebody is publishing."""
        return self._users > 0

    async def publish(self, topic: str, payload: bytes, qos: int, notes: Sequence[tuple[str, str]]) -> None:
        """Returns once the server has it. OSError where the link is lost or the server refuses."""
        if qos > self._most_qos:
            raise OSError(f"{self._named} takes messages up to QoS {self._most_qos}, not {qos}")
        self._users += 1
        try:
            if qos == 0:
                await self._send(Publish(topic, payload, properties=self._properties(notes)))
                return
            async with self._room:
                await self._acknowledged(topic, payload, qos, notes)
        finally:
            self._users -= 1
            if self._is_retired:
                self.retire()

    def _properties(self, notes: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """What MQTT 5.0 says of a message beside its payload (3.3.2.3): JSON text, and the notes."""
        said: dict[str, Any] = {"payload_format_indicator": 1, "content_type": "application/json"}
        return {**said, "user_property": list(notes)} if notes else said

    async def _acknowledged(self, topic: str, payload: bytes, qos: int, notes: Sequence[tuple[str, str]]) -> None:
        packet_id = self._free_id()
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[packet_id] = taken
        try:
            await self._send(Publish(topic, payload, qos, packet_id=packet_id, properties=self._properties(notes)))
        except OSError:
            del self._waiting[packet_id]
            raise
        # Where this is broken off, the id stays taken until the server speaks of it.
        await taken

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % 0xFFFF + 1
            if self._last_id not in self._waiting:
                return self._last_id

    async def _send(self, packet: Packet) -> None:
        if self._why:
            raise ConnectionError(self._why)
        frame = serialise(packet, self._version)
        if len(frame) > self._most_bytes:
            raise OSError(f"{self._named} takes packets of at most {self._most_bytes} bytes, this one has {len(frame)}")
        self._writer.write(frame)
        await self._writer.drain()

    async def _listen(self) -> None:
        why = f"{self._named} ended the connection"
        try:
            buffer = bytearray()
            while chunk := await self._reader.read(_CHUNK):
                buffer += chunk
                while (frame := split_frame(buffer, _MAX_PACKET)) is not None:
                    if said := self._hear(*frame):
                        why = said
                        return
        except MqttError as problem:
            why = f"{self._named} sent what is no MQTT: {problem.detail}"
        except OSError as problem:
            why = f"{self._named}: {problem or type(problem).__name__}"
        finally:
            self._end(why)

    def _hear(self, head: int, body: bytes) -> str:
        """Takes one packet; why the server ends the connection, "" where it does not."""
        packet = parse(head, body, self._version)
        if isinstance(packet, Puback | Pubrec | Pubcomp):
            self._take(packet)
        if isinstance(packet, Disconnect):
            return f"{self._named} ended the connection: {_reason(packet.code, packet.properties)}"
        return ""

    def _take(self, packet: Puback | Pubrec | Pubcomp) -> None:
        waiting = self._waiting.get(packet.packet_id)
        if waiting is None:
            return
        if isinstance(packet, Pubrec) and packet.code < _REFUSED_FROM:
            self._writer.write(serialise(Pubrel(packet.packet_id), self._version))
            return
        del self._waiting[packet.packet_id]
        if waiting.done():
            return
        if packet.code >= _REFUSED_FROM:
            why = _reason(packet.code, packet.properties)
            waiting.set_exception(OSError(f"{self._named} refused the message: {why}"))
        else:
            waiting.set_result(None)

    def retire(self) -> None:
        """Takes nothing more; ends once nobody is publishing."""
        self._is_retired = True
        if not self._users:
            self.close()

    def close(self) -> None:
        """Says DISCONNECT and ends; harmless when the link is gone."""
        if not self._why:
            self._writer.write(serialise(Disconnect(), self._version))
        self._end(f"the connection to {self._named} was ended")

    async def ended(self) -> None:
        """Returns when the connection is closed."""
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def _end(self, why: str) -> None:
        if self._why:
            return
        self._why = why
        self._listening.cancel()
        self._writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError(why))

    @property
    def _named(self) -> str:
        return named(self._server)


def level(server: MqttServer) -> int:
    """The protocol level of the server's version."""
    return V5 if server.version == "mqtt5.0" else V311


def named(server: MqttServer) -> str:
    """The server in words; nothing of its credentials."""
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{host}:{server.port}"


async def connect(server: MqttServer, address: str, tls: ssl.SSLContext | None) -> OutwardLink:
    """An open link to this address of the server. OSError where nobody answers, or the server lets nobody in."""
    reader, writer = await asyncio.open_connection(
        address, server.port, ssl=tls, server_hostname=server.host if tls is not None else None
    )
    try:
        welcome = await _welcome(server, reader, writer)
    except BaseException:
        writer.close()
        raise
    return OutwardLink(server, reader, writer, welcome)


async def _welcome(server: MqttServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connack:
    version = level(server)
    password = None if server.password is None else server.password.encode()
    # 3.1.1 section 3.1.3.1: every server takes up to 23 letters and digits.
    client_id = f"kumihimo{secrets.token_hex(6)}"
    said = {"maximum_packet_size": _MAX_PACKET}
    writer.write(
        serialise(Connect(version, client_id, True, KEEP_ALIVE, server.username, password, properties=said), version)
    )
    buffer = bytearray()
    try:
        while (frame := split_frame(buffer, _MAX_PACKET)) is None:
            chunk = await reader.read(_CHUNK)
            if not chunk:
                raise ConnectionError(f"{named(server)} ended the connection instead of answering CONNECT")
            buffer += chunk
        packet = parse(*frame, version)
    except MqttError as problem:
        raise ConnectionError(f"{named(server)} does not speak {server.version}: {problem.detail}") from problem
    if not isinstance(packet, Connack) or buffer:
        raise ConnectionError(f"{named(server)} answered CONNECT with something else")
    if packet.code:
        why = _reason(packet.code, packet.properties) if version == V5 else _REFUSALS_3.get(packet.code, "no reason")
        raise ConnectionError(f"{named(server)} lets nobody in: {why}")
    return packet


def _reason(code: int, properties: dict[str, Any]) -> str:
    words = f"reason code 0x{code:02x}"
    with contextlib.suppress(KeyError):
        words += f", {properties['reason_string'][:200]}"
    return words
