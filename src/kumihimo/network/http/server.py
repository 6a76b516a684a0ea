"""Listeners for HTTP inside this process: uvicorn on the loop that is running, without its signals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import ssl
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from kumihimo.network.http.protocol import GuardedProtocol
from kumihimo.network.sockets import BACKLOG, AddressInUse, CannotListen, listening, refused
from kumihimo.network.tls import HANDSHAKE_SECONDS

log = logging.getLogger(__name__)

_KEEP_ALIVE_SECONDS = 30
_MAX_MESSAGE = 4096
"""Bytes of a WebSocket message from a client; those who listen to a feed have nothing to say."""
_UDS_MODE = 0o600
_MAX_UDS_PATH = 107


@dataclass(frozen=True, slots=True)
class Secure:
    """A listener with TLS: its port (0 takes any free one), what it shows, and who is told the port."""

    port: int
    context: ssl.SSLContext
    bound: Callable[[int], None]


class _Server(uvicorn.Server):
    """uvicorn's server over sockets that stand already; stopping is the platform's decision alone."""

    def __init__(
        self, config: uvicorn.Config, listening: Sequence[socket.socket], tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(config)
        self._listening = listening
        self._tls = tls

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        loop = asyncio.get_running_loop()
        self.servers = []
        for one in self._listening:
            start = loop.create_unix_server if one.family == socket.AF_UNIX else loop.create_server
            timeout = None if self._tls is None else HANDSHAKE_SECONDS
            self.servers.append(
                await start(self._protocol, sock=one, backlog=BACKLOG, ssl=self._tls, ssl_handshake_timeout=timeout)
            )
        self.started = True

    def _protocol(self) -> GuardedProtocol:
        return GuardedProtocol(config=self.config, server_state=self.server_state, app_state={})


async def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    uds: Path | None = None,
    uds_app: ASGIApp | None = None,
    bound: Callable[[int], None] | None = None,
    drain_seconds: float = 10.0,
    secure: Sequence[Secure] = (),
) -> None:
    """Serves until `stop` is set, then lets requests under way finish for at most drain_seconds.

    Port 0 takes any free one, -1 none without TLS; `bound` is told the port (0 for none) once connections are taken,
    after the bound of each of `secure`, which serve the same application with TLS. uds is a Unix socket that
    only this user may open; it serves uds_app, or app where none is given. AddressInUse or CannotListen are
    raised before anything is served.
    """
    async with contextlib.AsyncExitStack() as stack:
        servers: list[_Server] = []

        def add(one: ASGIApp, sockets: list[socket.socket], tls: ssl.SSLContext | None = None) -> int:
            stack.enter_context(_all_closed(sockets))
            servers.append(_Server(_config(one, drain_seconds), sockets, tls))
            return 0 if sockets[0].family == socket.AF_UNIX else int(sockets[0].getsockname()[1])

        taken = add(app, listening(host, port)) if port >= 0 else 0
        ports = [add(app, listening(host, one.port), one.context) for one in secure]
        if uds is not None:
            unix = _bind_uds(uds)
            stack.callback(uds.unlink, missing_ok=True)
            add(uds_app or app, [unix])
        tasks = [asyncio.create_task(server.serve()) for server in servers]
        try:
            await _started(servers, tasks)
            for one, found in zip(secure, ports, strict=True):
                one.bound(found)
            if bound is not None:
                bound(taken)
            await _until(stop, tasks)
        finally:
            for server in servers:
                server.should_exit = True
            await asyncio.gather(*tasks)


def _config(app: ASGIApp, drain_seconds: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        ws="websockets-sansio",
        ws_max_size=_MAX_MESSAGE,
        ws_max_queue=1,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(drain_seconds),
    )


async def _started(servers: Sequence[_Server], tasks: Sequence[asyncio.Task[None]]) -> None:
    while not all(server.started for server in servers):
        for task in tasks:
            if task.done():
                task.result()
        await asyncio.sleep(0)


async def _until(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Returns when `stop` is set or a listener ends by itself, which is then raised by the caller's gather."""
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


@contextlib.contextmanager
def _all_closed(sockets: list[socket.socket]) -> Generator[list[socket.socket], None, None]:
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def _bind_uds(path: Path) -> socket.socket:
    """A bound Unix socket; one that a killed process left behind is taken away first."""
    if len(str(path).encode()) > _MAX_UDS_PATH:
        raise CannotListen(f"{path} is too long for a Unix socket; use a data folder with a shorter path")
    if path.is_socket() and _answers(path):
        raise AddressInUse(f"a platform runs already on {path}")
    if path.is_socket():
        path.unlink()
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        one.setblocking(False)
        one.bind(str(path))
        path.chmod(_UDS_MODE)
        one.listen(BACKLOG)
    except OSError as problem:
        one.close()
        raise refused(str(path), problem) from problem
    return one


def _answers(path: Path) -> bool:
    """Whether a process still listens on this Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
