"""The MQTT listener: opens the port, keeps the connections, publishes for the platform (MqttDown)."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Collection
from datetime import timedelta
from functools import partial

from kumihimo.base.clock import Clock
from kumihimo.base.ports import MqttGate, SessionStore
from kumihimo.network.mqtt import errors
from kumihimo.network.mqtt.connection import Connection, House
from kumihimo.network.mqtt.hub import Hub
from kumihimo.network.mqtt.lifetimes import Lifetimes
from kumihimo.network.mqtt.limits import MqttLimits
from kumihimo.network.mqtt.lines import Line, SocketLine
from kumihimo.network.mqtt.message import Message
from kumihimo.network.mqtt.routing import Routing
from kumihimo.network.mqtt.topics import check_topic
from kumihimo.network.mqtt.websocket import WebSocketDoor
from kumihimo.network.sockets import BACKLOG, listening

log = logging.getLogger(__name__)


class MqttListener:
    """MQTT 3.1.1 and 5.0. With a store, what clients may count on survives a kill of this process."""

    def __init__(
        self, gate: MqttGate, clock: Clock, limits: MqttLimits | None = None, store: SessionStore | None = None
    ) -> None:
        self._hub = Hub(gate, clock, limits or MqttLimits(), store)
        self._routing = Routing(self._hub)
        self._lifetimes = Lifetimes(self._hub, self._routing)
        self._house = House(self._hub, self._routing, self._lifetimes)
        self._is_loaded = False
        self._is_stopping = False
        self._servers: list[asyncio.Server] = []
        self._doors: list[WebSocketDoor] = []
        self._connections: dict[Connection, asyncio.Task[None]] = {}

    async def start(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """Listens on every address of the host, on one port (0 takes a free one), which is given back.

        AddressInUse or CannotListen. The sessions of the store are there before the first client is.
        """
        sockets = listening(host, port)
        await self._load()
        bound = int(sockets[0].getsockname()[1])
        timeout = None if tls is None else self._hub.limits.connect_timeout
        loop = asyncio.get_running_loop()
        for one in sockets:
            self._servers.append(
                await loop.create_server(
                    partial(SocketLine, self._run), sock=one, backlog=BACKLOG, ssl=tls, ssl_handshake_timeout=timeout
                )
            )
        log.info("mqtt listens", extra={"host": host, "port": bound, "tls": tls is not None})
        return bound

    async def start_websocket(
        self, host: str, port: int, hosts: Collection[str], *, tls: ssl.SSLContext | None = None
    ) -> int:
        """As `start`, for MQTT over WebSocket at /mqtt; hosts are the names under which pages may come in."""
        door = WebSocketDoor(self._run, self._hub.limits, hosts)
        bound = await door.start(host, port, tls)
        self._doors.append(door)
        await self._load()
        log.info("mqtt over websocket listens", extra={"host": host, "port": bound, "tls": tls is not None})
        return bound

    async def _load(self) -> None:
        if not self._is_loaded:
            self._is_loaded = True
            await self._lifetimes.load()

    async def stop(self) -> None:
        """Takes no more, says DISCONNECT to all, and waits for publishes under way (drain_timeout at most)."""
        self._is_stopping = True
        for server in self._servers:
            server.close()
        for door in self._doors:
            door.close()
        for connection in list(self._connections):
            connection.end(errors.SHUTTING_DOWN, "the platform is stopping")
        tasks = list(self._connections.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._hub.limits.drain_timeout)
            for task in late:
                task.cancel()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
        for door in self._doors:
            await door.ended()
        self._doors.clear()
        await self._lifetimes.close()
        await self._hub.journal.close(self._hub.limits.drain_timeout)

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expires: int | None = None
    ) -> int:
        """Hands a message of the platform to every connected session that subscribed to it; how many these were.

        MqttError for a topic that is none. A session counts when the message is queued for it. One that is away gets
        nothing: what the platform says is meant for now. expires: seconds after which it is handed to nobody.
        """
        until = None if expires is None else self._hub.clock.now() + timedelta(seconds=expires)
        message = Message(check_topic(topic), payload, qos, retain, None, expires_at=until)
        return await self._routing.hand_over(self._routing.plan(message, only_connected=True))

    def cut(self, tenant: str, device: str) -> int:
        """Ends all sessions of a device whose credential was taken away, also kept ones; how many these were."""
        return self._lifetimes.revoke(tenant, device)

    def sweep(self) -> None:
        """Ends sessions whose time is over and says wills that are due; done by itself when a time comes."""
        self._lifetimes.sweep()

    def stats(self) -> dict[str, int]:
        """Counters since the start, and what there is at present."""
        hub = self._hub
        return {
            **hub.counters.as_dict(),
            "clients": len(self._connections),
            "half_open": len(hub.half_open),
            "partial_bytes": hub.partials.total,
            "sessions": len(hub.sessions),
            "sessions_away": len(hub.sessions) - hub.connected,
            "subscriptions": sum(len(one.subscriptions) for one in hub.sessions.values()),
            "queued": sum(one.waiting for one in hub.sessions.values()),
            "retained": len(hub.retained),
            "retained_refused": hub.retained.refused,
            "store_failures": hub.journal.failed,
        }

    async def _run(self, line: Line) -> None:
        if not self._has_room():
            self._hub.counters.connections_refused += 1
            line.abort()
            return
        connection = Connection(self._house, line)
        self._hub.half_open[connection] = connection.drop
        task = asyncio.current_task()
        if task is not None:
            self._connections[connection] = task
        try:
            await connection.serve()
        finally:
            self._hub.half_open.pop(connection, None)
            self._connections.pop(connection, None)

    def _has_room(self) -> bool:
        """Those that say nothing make room for new ones, so that they keep out nobody who does say CONNECT.

        Connections that are just ending count too, so that the files of this process have a bound. One that was
        accepted, but not yet served, when the listener stopped would be told by nobody that it has: it has no room.
        """
        if self._is_stopping:
            return False
        limits = self._hub.limits
        if len(self._hub.half_open) >= limits.max_half_open:
            self._hub.drop_oldest_half_open()
        return len(self._connections) < limits.max_clients + 2 * limits.max_half_open
