"""The ceilings that our numbers are divided by: the least work that could give the same guarantee, on this machine.

Reviewed as one file. Durable ceilings use SQLite with synchronous=FULL in WAL mode, as the platform does.
A ceiling is a bound, not a rival: it parses no JSON, knows no entity, checks nothing. A ratio above 1 means that the
measurement is wrong, and fails the run.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import cast

import apsw
import uvloop

BARE_IMPORTS = (
    "import aiohttp, apsw, jinja2, msgspec, orjson, shapely, pyproj, starlette, uvicorn, uvloop, typer, aiomqtt"
)


class _Echo(asyncio.Protocol):
    """Answers each request with fixed bytes; with a log, only after the request's body is durable."""

    def __init__(self, answer: bytes, log: GroupLog | None) -> None:
        self.answer, self.log, self.buffer = answer, log, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self.buffer.find(b"Content-Length: ")
        length = int(self.buffer[at + 16 : self.buffer.find(b"\r\n", at)])
        if len(self.buffer) < head + 4 + length:
            return
        body, self.buffer = self.buffer[head + 4 : head + 4 + length], b""
        if self.log is None:
            self.transport.write(self.answer)
        else:
            self.log.append(body, self.transport, self.answer)


class GroupLog:
    """Appends what arrives in one tick of the loop in one durable transaction, then answers, and tells the sink."""

    def __init__(self, path: Path, sink: asyncio.Transport | None) -> None:
        self.sink = sink
        self.db = apsw.Connection(str(path))
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, body BLOB)")
        self.waiting: list[tuple[bytes, asyncio.Transport, bytes]] = []

    def append(self, body: bytes, transport: asyncio.Transport, answer: bytes) -> None:
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self.commit)
        self.waiting.append((body, transport, answer))

    def commit(self) -> None:
        group, self.waiting = self.waiting, []
        self.db.execute("BEGIN IMMEDIATE")
        self.db.executemany("INSERT INTO log (body) VALUES (?)", [(body,) for body, _, _ in group])
        self.db.execute("COMMIT")
        for body, transport, answer in group:
            transport.write(answer)
            if self.sink is not None:
                self.sink.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def _serve(answer: bytes, folder: Path | None, sink: int) -> None:
    loop = asyncio.get_running_loop()
    way = (await loop.create_connection(asyncio.Protocol, "127.0.0.1", sink))[0] if sink else None
    log = GroupLog(folder / "ceiling.db", way) if folder else None
    server = await loop.create_server(lambda: _Echo(answer, log), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


class EchoServer:
    """An echo server in a process of its own; durable or not.

    With a sink (a port; durable only) it also posts each body there, after the commit, over one kept connection.
    """

    def __init__(self, body: bytes, status: str = "200 OK", *, durable: bool = False, sink: int = 0) -> None:
        self.sink = sink
        self.answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        self.durable = durable

    def __enter__(self) -> int:
        self.folder = tempfile.TemporaryDirectory()
        kind = self.folder.name if self.durable else ""
        self.process = subprocess.Popen(
            [sys.executable, __file__, kind, self.answer.hex(), str(self.sink)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        return int(self.process.stdout.readline())

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()
        self.folder.cleanup()


def batch_rate(document: bytes, seconds: float) -> float:
    """Entities per second of the barest batch: 100 upserts and 100 appended rows in one durable transaction."""
    with tempfile.TemporaryDirectory() as folder:
        db = apsw.Connection(str(Path(folder) / "ceiling.db"))
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE entity (id TEXT PRIMARY KEY, doc BLOB)")
        db.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, doc BLOB)")
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            rows = [(f"urn:{(done + i) % 1000}", document + b"%d" % (done + i)) for i in range(100)]
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT OR REPLACE INTO entity VALUES (?, ?)", rows)
            db.executemany("INSERT INTO log (doc) VALUES (?)", [(doc,) for _, doc in rows])
            db.execute("COMMIT")
            done += 100
        rate = done / (time.perf_counter() - start)
        db.close()
        return rate


def aggregation_seconds(points: int, width: int) -> float:
    """Seconds of the barest aggregation: four figures of each period of one series, from a table of nothing else."""
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE point (at INTEGER PRIMARY KEY, value REAL)")
    db.executemany("INSERT INTO point VALUES (?, ?)", [(at * 60, at % 50 + 0.5) for at in range(points)])
    figures = "SELECT at / ?, avg(value), min(value), max(value), count(*) FROM point GROUP BY 1"
    times = []
    for _ in range(20):
        start = time.perf_counter()
        db.execute(figures, (width,)).fetchall()
        times.append(time.perf_counter() - start)
    db.close()
    return sorted(times)[len(times) // 2]


def bare_start() -> tuple[float, float]:
    """Seconds and resident MiB of an interpreter that only imports the libraries the platform stands on."""
    code = f"{BARE_IMPORTS}\nprint([l for l in open('/proc/self/status') if l.startswith('VmRSS')][0].split()[1])"
    start = time.perf_counter()
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return time.perf_counter() - start, int(out) / 1024


def fsync_p50() -> float:
    """Median seconds of an fdatasync of 4 KiB here; recorded with every result, as it decides durable rates."""
    times = []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            file.flush()
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


if __name__ == "__main__":
    uvloop.run(_serve(bytes.fromhex(sys.argv[2]), Path(sys.argv[1]) if sys.argv[1] else None, int(sys.argv[3])))
