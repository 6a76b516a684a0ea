"""An endpoint for notifications in a process of its own: many hosts behind one listener, some paths never answer."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Self, cast

import load
import uvloop
from sink import SENT

HANG = "/hang"


class Taker:
    """Notes the moment at which each `senttime` arrived first; each number is another host (127/8 is this machine)."""

    def __enter__(self) -> Self:
        command = [sys.executable, str(Path(__file__))]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def uri(self, path: str = "/", host: int = 0) -> str:
        return f"http://127.0.{host // 250}.{host % 250 + 1}:{self.port}{path}"

    def count(self) -> int:
        """How many different ones arrived."""
        return int(self._get("/count"))

    def arrivals(self) -> dict[int, float]:
        """The moment (time.perf_counter, one clock for all processes) of each."""
        return {int(number): moment for number, moment in json.loads(self._get("/arrivals")).items()}

    def clear(self) -> None:
        """Forgets what arrived."""
        self._get("/clear")

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            body: bytes = answer.read()
            return body

    def wait(self, due: int, seconds: float) -> None:
        """Returns once so many arrived, or after so many seconds."""
        until = time.monotonic() + seconds
        while self.count() < due and time.monotonic() < until:
            time.sleep(0.1)


class _Connection(asyncio.Protocol):
    def __init__(self, arrivals: dict[int, float]) -> None:
        self.arrivals, self.buffer = arrivals, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (length := load.whole(self.buffer)) > 0:
            request, self.buffer = self.buffer[:length], self.buffer[length:]
            if not request.startswith(f"POST {HANG}".encode()):
                self.answer(request, time.perf_counter())

    def answer(self, request: bytes, now: float) -> None:
        body = b""
        if request.startswith(b"GET /count"):
            body = str(len(self.arrivals)).encode()
        elif request.startswith(b"GET /arrivals"):
            body = json.dumps(self.arrivals).encode()
        elif request.startswith(b"GET /clear"):
            self.arrivals.clear()
        for found in SENT.findall(request):
            self.arrivals.setdefault(int(float(found)), now)
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def _serve() -> None:
    arrivals: dict[int, float] = {}
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(arrivals), "", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
