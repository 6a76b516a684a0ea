"""What the measurements share: a platform in a process of its own, small HTTP, the marks between which tables stand."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

PAGE = Path(__file__).parent / "README.md"


class Platform:
    """`kumihimo serve --open` in a process of its own, on a fresh folder; with a core, on that one alone.

    database_url: empty for SQLite in the folder. data: what the folder holds at the start. closed: without `--open`.
    started: seconds from exec to the first 200.
    """

    def __init__(
        self, *, database_url: str = "", core: int | None = None, data: Path | None = None, closed: bool = False
    ) -> None:
        self.database_url, self.core, self.data, self.closed = database_url, core, data, closed

    def __enter__(self) -> Self:
        self.folder = tempfile.TemporaryDirectory()
        if self.data:
            shutil.copytree(self.data, self.folder.name, dirs_exist_ok=True)
        self.port = free_port()
        self.start()
        return self

    def start(self) -> None:
        """Starts the process on the same folder and port, and waits until it is ready."""
        start = time.perf_counter()
        environ = {
            **os.environ,
            "KUMIHIMO_OUTBOUND_PRIVATE": "1",
            "KUMIHIMO_LOG_LEVEL": "WARNING",
            "KUMIHIMO_DATABASE_URL": self.database_url,
        }
        house = () if self.closed else ("--open",)
        command = [str(Path(sys.executable).parent / "kumihimo"), "serve", *house, "--data", self.folder.name]
        with on_core(self.core):
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), "--mqtt-port", "-1"], env=environ, stdout=subprocess.DEVNULL
            )
        while not self.answers():
            if self.process.poll() is not None:
                raise SystemExit("the platform did not start")
            time.sleep(0.01)
        self.started = time.perf_counter() - start

    def stop(self) -> None:
        """Ends the process as a service manager would."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def copy_to(self, folder: Path) -> None:
        """Copies what it holds; it must have been stopped."""
        shutil.copytree(self.folder.name, folder)

    def answers(self) -> bool:
        try:
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1).status == 200)
        except OSError:
            return False

    def cpu(self) -> float:
        """Seconds of processor time that it has taken since it was started, all threads together."""
        # Linux knows another process's clock by this number (CPUCLOCK_SCHED); /proc tells hundredths of a second only.
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def rss(self) -> float:
        """Resident MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
        self.folder.cleanup()


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """What is started within runs on this core alone; None leaves it where it is."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(port: int, path: str, body: object) -> None:
    """Posts JSON; ends the run where a part of it was refused."""
    data = json.dumps(body).encode()
    ask = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(ask, timeout=30) as answer:
        if answer.status == 207:
            raise SystemExit(f"{path}: {answer.read(300)!r}")
        answer.read()


def get(port: int, path: str) -> bytes:
    """The body of an answer."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        found: bytes = answer.read()
    return found


def keep(mark: str, text: str, page: Path = PAGE) -> None:
    """Writes a table between its marks, and touches nothing else of the page."""
    opening, closing = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    head, _, rest = page.read_text().partition(opening)
    _, found, tail = rest.partition(closing)
    if not found:
        raise SystemExit(f"{page.name} has no marks {opening} … {closing}")
    page.write_text(f"{head}{opening}\n\n{text}\n\n{closing}{tail}")
