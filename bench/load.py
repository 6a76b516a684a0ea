"""A load generator: closed loop, one request in flight per connection, raw HTTP/1.1 over asyncio. One core."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import uvloop


@dataclass
class Result:
    """What a run gave. latencies in seconds."""

    requests: int = 0
    seconds: float = 0.0
    wrong: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds if self.seconds else 0.0

    def quantile(self, part: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def request(method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """A request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], result: Result, until: float) -> None:
        self.requests, self.result, self.until = requests, result, until
        self.buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._send()

    def _send(self) -> None:
        self.sent = time.perf_counter()
        if self.sent >= self.until:
            self.transport.close()
            return
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head = self.buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            length = content_length(self.buffer[:head])
            if len(self.buffer) < head + 4 + length:
                return
            self.result.wrong += not is_right(self.buffer)
            self.buffer = self.buffer[head + 4 + length :]
            self.result.requests += 1
            self.result.latencies.append(time.perf_counter() - self.sent)
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def is_right(answer: bytes) -> bool:
    """Whether an answer that begins so is 2xx; 207 is none, it says that a part was refused."""
    status = int(answer[9:12])
    return 200 <= status < 300 and status != 207


def content_length(head: bytes) -> int:
    """The length that a head states; 0 where it states none."""
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    if at < 0:
        return 0
    end = lowered.find(b"\r\n", at)
    return int(lowered[at + 15 : end if end > 0 else None])


async def _run(port: int, requests: list[bytes], connections: int, seconds: float) -> Result:
    loop = asyncio.get_running_loop()
    result = Result()
    start = time.perf_counter()
    cycle = itertools.cycle(requests)
    made = [
        await loop.create_connection(lambda: _Connection(cycle, result, start + seconds), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.wait([protocol.done for _, protocol in made], timeout=seconds + 10)
    result.seconds = time.perf_counter() - start
    return result


def run(port: int, requests: list[bytes], *, connections: int = 64, seconds: float = 4.0) -> Result:
    """Drives the server at this port for so many seconds, the requests in turn over all connections."""
    return uvloop.run(_run(port, requests, connections, seconds))
