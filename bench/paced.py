"""Writes at a fixed rate over a fixed number of connections: on time where the platform keeps up, and where it does not
as many as it takes; how many that were is a part of the result.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import load
import uvloop

LINES = 64
"""Connections; one write is under way on each at most."""
_PATIENCE = 30.0


@dataclass
class Written:
    """What became of the writes. sent and acknowledged: moments of time.perf_counter, by the write's number."""

    seconds: float = 0.0
    sent: dict[int, float] = field(default_factory=dict)
    acknowledged: dict[int, float] = field(default_factory=dict)
    refusal: bytes = b""

    @property
    def rate(self) -> float:
        """Writes a second that were acknowledged, until the last was."""
        return len(self.acknowledged) / self.seconds if self.seconds else 0.0


class _Line(load.Exchange):
    def __init__(self, written: Written, free: list[_Line], news: asyncio.Event) -> None:
        self.written, self.free, self.news, self.number = written, free, news, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.free.append(self)

    def send(self, number: int, request: bytes) -> None:
        self.number = number
        self.written.sent[number] = time.perf_counter()
        self.transport.write(request)

    def answered(self, answer: bytes) -> None:
        if load.is_right(answer):
            self.written.acknowledged[self.number] = time.perf_counter()
        else:
            self.written.refusal = self.written.refusal or answer
        self.free.append(self)
        self.news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self not in self.free:  # a write was under way
            self.written.refusal = self.written.refusal or b"the connection was closed"
        self.news.set()


async def _run(port: int, request: Callable[[int], bytes], rate: float, seconds: float) -> Written:
    loop, written, free, news = asyncio.get_running_loop(), Written(), list[_Line](), asyncio.Event()
    for _ in range(LINES):
        await loop.create_connection(lambda: _Line(written, free, news), "127.0.0.1", port)
    start, number = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds and not written.refusal:
        due = int(elapsed * rate) + 1
        while number < due and free:
            free.pop().send(number, request(number))
            number += 1
        news.clear()
        if number < due:
            await _wait(news, _PATIENCE)
        else:
            await asyncio.sleep(max(0.0, number / rate - (time.perf_counter() - start)))
    until = time.perf_counter() + _PATIENCE
    while len(written.acknowledged) < number and not written.refusal and (left := until - time.perf_counter()) > 0:
        news.clear()
        await _wait(news, left)
    written.seconds = max(written.acknowledged.values(), default=start) - start
    for line in free:
        line.transport.abort()
    return written


async def _wait(news: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(news.wait(), seconds)


def run(port: int, request: Callable[[int], bytes], *, rate: float, seconds: float) -> Written:
    """So many writes a second; request makes one of its number. Ends the run where one was refused or not answered."""
    written = uvloop.run(_run(port, request, rate, seconds))
    if written.refusal or len(written.acknowledged) < len(written.sent):
        raise SystemExit(f"a write was not taken: {written.refusal[:300]!r}")
    return written
