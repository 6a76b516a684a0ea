"""A load generator: closed loop, one request in flight per connection, raw HTTP/1.1 over asyncio. One core."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop


@dataclass
class Result:
    """What a run gave. latencies in seconds; refusal: the first answer that was not right; last: the last of all."""

    requests: int = 0
    seconds: float = 0.0
    wrong: int = 0
    refusal: bytes = b""
    last: bytes = b""
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


class Exchange(asyncio.Protocol):
    """A connection with one request under way; `answered` hears of each answer, whole."""

    buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (length := whole(self.buffer)) > 0:
            answer, self.buffer = self.buffer[:length], self.buffer[length:]
            self.answered(answer)

    def answered(self, answer: bytes) -> None:
        raise NotImplementedError


class _Connection(Exchange):
    def __init__(self, requests: Iterator[bytes], result: Result, until: float) -> None:
        self.requests, self.result, self.until = requests, result, until
        self.over = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._send()

    def _send(self) -> None:
        self.sent = time.perf_counter()
        following = next(self.requests, None) if self.sent < self.until else None
        if following is None:
            self.over = True
            self.transport.close()
        else:
            self.transport.write(following)

    def answered(self, answer: bytes) -> None:
        if not is_right(answer):
            self.result.wrong += 1
            self.result.refusal = self.result.refusal or answer
        self.result.last = answer
        self.result.requests += 1
        self.result.latencies.append(time.perf_counter() - self.sent)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over:  # the server left, and a request of ours with it
            self.result.wrong += 1
            self.result.refusal = self.result.refusal or b"the connection was closed"
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


def whole(buffer: bytes) -> int:
    """The length of the message at the beginning of a buffer; 0 while it is not all there.

    A chunked one ends at its last chunk: JSON holds no bare line ends that could be taken for it.
    """
    head = buffer.find(b"\r\n\r\n")
    if head < 0:
        return 0
    if b"\r\ntransfer-encoding: chunked" in buffer[:head].lower():
        end = buffer.find(b"\r\n0\r\n\r\n", head)
        return end + 7 if end > 0 else 0
    length = head + 4 + content_length(buffer[:head])
    return length if len(buffer) >= length else 0


async def _run(host: str, port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Result:
    loop = asyncio.get_running_loop()
    result = Result()
    start = time.perf_counter()
    made = [
        await loop.create_connection(lambda: _Connection(requests, result, start + seconds), host, port)
        for _ in range(connections)
    ]
    _, silent = await asyncio.wait([protocol.done for _, protocol in made], timeout=seconds + 10)
    if silent:
        result.wrong += len(silent)
        result.refusal = result.refusal or b"no answer within ten seconds"
    result.seconds = time.perf_counter() - start
    return result


def run(
    port: int, requests: Iterable[bytes], *, connections: int = 64, seconds: float = 4.0, host: str = "127.0.0.1"
) -> Result:
    """Drives the server at this port for so many seconds, the requests in turn over all connections."""
    return uvloop.run(_run(host, port, itertools.cycle(requests), connections, seconds))


def once(
    port: int, requests: Sequence[bytes], *, connections: int = 4, seconds: float = 600.0, host: str = "127.0.0.1"
) -> Result:
    """As `run`, but sends each request once, and ends when all are answered."""
    return uvloop.run(_run(host, port, iter(requests), connections, seconds))
