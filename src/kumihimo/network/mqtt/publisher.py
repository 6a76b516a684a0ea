"""The one way out over MQTT: addresses are checked when they are connected to; connections are shared and end idle."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from kumihimo.base.ports import MqttServer
from kumihimo.network.mqtt.outward import OutwardLink, connect, named

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The checked addresses of a host and port; AddressRefused for one that is not allowed, OSError where there is none."""

_CONNECT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class PublisherLimits:
    """most: connections at once; idle: seconds after which one that nobody uses ends."""

    most: int = 128
    idle: float = 30.0


@dataclass(slots=True)
class _Line:
    """The way to one server: the link, while it opens and afterwards, and when it was last used (loop time)."""

    opening: asyncio.Task[OutwardLink]
    used: float = 0.0
    timer: asyncio.TimerHandle | None = field(default=None)

    @property
    def link(self) -> OutwardLink | None:
        done = self.opening.done() and not self.opening.cancelled() and self.opening.exception() is None
        return self.opening.result() if done else None

    @property
    def is_usable(self) -> bool:
        return not self.opening.done() or (self.link is not None and self.link.is_open)

    @property
    def is_idle(self) -> bool:
        return self.link is not None and not self.link.is_busy


class GuardedPublish:
    """Implements base.ports.MqttPublish: one connection for each server, version and user.

    tls is for mqtts; None asks for certificates that the machine trusts.
    """

    def __init__(
        self, resolve: Resolve, *, limits: PublisherLimits | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._resolve = resolve
        self._limits = limits or PublisherLimits()
        self._tls = tls
        self._lines: dict[MqttServer, _Line] = {}

    @property
    def connections(self) -> int:
        """How many connections stand or are being opened."""
        return len(self._lines)

    async def __call__(
        self,
        server: MqttServer,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        notes: Sequence[tuple[str, str]] = (),
        timeout: float = 10.0,
    ) -> None:
        """Publishes one message; see base.ports.MqttPublish."""
        try:
            async with asyncio.timeout(timeout):
                line = self._line(server)
                # Shielded: who gives up must not break the connection off for those who wait for it too.
                link = await asyncio.shield(line.opening)
                await self._publish(server, line, link, topic, payload, qos, notes)
        except TimeoutError as problem:
            raise TimeoutError(str(problem) or f"{named(server)} took nothing within {timeout:g} s") from problem

    async def _publish(
        self,
        server: MqttServer,
        line: _Line,
        link: OutwardLink,
        topic: str,
        payload: bytes,
        qos: int,
        notes: Sequence[tuple[str, str]],
    ) -> None:
        try:
            await link.publish(topic, payload, qos, notes)
        except asyncio.CancelledError:
            # It did not take the message in time: the next one gets a connection of its own.
            self._drop(server, line)
            raise
        except OSError:
            if not link.is_open:
                self._drop(server, line)
            raise
        self._note_use(server, line)

    def _line(self, server: MqttServer) -> _Line:
        line = self._lines.get(server)
        if line is not None and line.is_usable:
            return line
        if line is not None:
            self._drop(server, line)
        self._make_room()
        line = _Line(asyncio.create_task(self._open(server)))
        self._lines[server] = line
        line.opening.add_done_callback(lambda _: self._opened(server, line))
        return line

    def _make_room(self) -> None:
        """Ends the connection that was idle for longest where there are as many as may be."""
        if len(self._lines) < self._limits.most:
            return
        idle = [(line.used, server, line) for server, line in self._lines.items() if line.is_idle]
        if not idle:
            raise OSError(f"{self._limits.most} MQTT servers are being published to; no more at once")
        _, server, line = min(idle, key=lambda one: one[0])
        self._drop(server, line)

    async def _open(self, server: MqttServer) -> OutwardLink:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                addresses = await self._resolve(server.host, server.port)
                tls = await self._context() if server.secure else None
                return await _first(server, addresses, tls)
        except TimeoutError as problem:
            raise TimeoutError(f"{named(server)} did not answer within {_CONNECT_SECONDS:g} s") from problem

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            # Reads the machine's certificates from files.
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        return self._tls

    def _opened(self, server: MqttServer, line: _Line) -> None:
        if line.link is None:
            # Looked at, so that a failure that nobody waited for any more is no noise.
            _ = line.opening.cancelled() or line.opening.exception()
            self._drop(server, line)
        elif self._lines.get(server) is not line:
            line.link.retire()
        else:
            self._note_use(server, line)

    def _note_use(self, server: MqttServer, line: _Line) -> None:
        loop = asyncio.get_running_loop()
        line.used = loop.time()
        if line.timer is None and self._lines.get(server) is line:
            line.timer = loop.call_later(self._idle(line), self._look, server, line)

    def _idle(self, line: _Line) -> float:
        """Seconds; a server that wants to hear more often is left sooner, or it would cut the connection off."""
        asked = line.link.keep_alive if line.link is not None else 0
        return min(self._limits.idle, asked) if asked else self._limits.idle

    def _look(self, server: MqttServer, line: _Line) -> None:
        """Ends the connection where nobody used it, else looks again."""
        loop = asyncio.get_running_loop()
        line.timer = None
        left = line.used + self._idle(line) - loop.time()
        if line.link is None or not line.link.is_open or (left <= 0 and line.is_idle):
            self._drop(server, line)
        else:
            line.timer = loop.call_later(max(left, 1.0), self._look, server, line)

    def _drop(self, server: MqttServer, line: _Line) -> None:
        if self._lines.get(server) is line:
            del self._lines[server]
        if line.timer is not None:
            line.timer.cancel()
            line.timer = None
        if line.link is not None:
            line.link.retire()

    async def close(self) -> None:
        """Ends all connections."""
        lines, self._lines = self._lines, {}
        for line in lines.values():
            line.opening.cancel()
            if line.timer is not None:
                line.timer.cancel()
        await asyncio.gather(*(line.opening for line in lines.values()), return_exceptions=True)
        links = [line.link for line in lines.values() if line.link is not None]
        for link in links:
            link.close()
        await asyncio.gather(*(link.ended() for link in links))


async def _first(server: MqttServer, addresses: Sequence[str], tls: ssl.SSLContext | None) -> OutwardLink:
    """A link to the first of the addresses that lets us in."""
    trouble: OSError = OSError(f"{named(server)} has no address")
    for address in addresses:
        try:
            return await connect(server, address, tls)
        except OSError as problem:
            trouble = problem
    raise trouble
