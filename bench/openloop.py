"""Writes at a fixed rate, whether or not the earlier ones were answered; each holds the moment at which it was due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import load
import uvloop


@dataclass
class Sent:
    """What became of the writes. acknowledged: the seconds of each, by the microsecond at which it was due; lost: sent
    on a connection that broke, or when there was nobody to connect to.
    """

    acknowledged: dict[int, float] = field(default_factory=dict)
    lost: int = 0
    refusal: bytes = b""


class _Line(load.Exchange):
    """One connection, one write in flight."""

    def __init__(self, sent: Sent, free: asyncio.Queue[_Line]) -> None:
        self.sent, self.free, self.due, self.open = sent, free, 0, True

    def write(self, due: int, request: bytes) -> None:
        self.due = due
        self.transport.write(request)

    def answered(self, answer: bytes) -> None:
        if load.is_right(answer):
            self.sent.acknowledged[self.due] = time.perf_counter() - self.due / 1e6
        else:
            self.sent.refusal = self.sent.refusal or answer
        self.due = 0
        self.free.put_nowait(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self.due:
            self.sent.lost += 1
            self.due = 0


class _Writer:
    def __init__(self, host: str, port: int) -> None:
        self.host, self.port, self.sent = host, port, Sent()
        self.free: asyncio.Queue[_Line] = asyncio.Queue()

    async def write(self, due: int, request: bytes) -> None:
        line = await self.line()
        if line is None:
            self.sent.lost += 1
        else:
            line.write(due, request)

    async def line(self) -> _Line | None:
        """A free connection, a new one where none is; None where nobody answers."""
        while not self.free.empty():
            if (line := self.free.get_nowait()).open:
                return line
        loop = asyncio.get_running_loop()
        try:
            return (await loop.create_connection(lambda: _Line(self.sent, self.free), self.host, self.port))[1]
        except OSError:
            return None


async def _run(host: str, port: int, request: Callable[[int, int], bytes], rate: float, seconds: float) -> Sent:
    writer, start = _Writer(host, port), time.perf_counter() + 0.01
    writes = set()
    for number in range(int(rate * seconds)):
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        moment = int(due * 1e6)
        writes.add(asyncio.ensure_future(writer.write(moment, request(number, moment))))
    await asyncio.gather(*writes)
    until = time.perf_counter() + 10
    while len(writer.sent.acknowledged) + writer.sent.lost < len(writes) and time.perf_counter() < until:
        if writer.sent.refusal:
            break
        await asyncio.sleep(0.01)
    return writer.sent


def run(
    port: int, request: Callable[[int, int], bytes], *, rate: float, seconds: float, host: str = "127.0.0.1"
) -> Sent:
    """So many writes a second; request makes one of its number and the microsecond at which it is due."""
    return uvloop.run(_run(host, port, request, rate, seconds))
