"""Starts real platforms as processes of their own, for the stories that need a kill or a second process."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import urlencode, urlsplit

KUMIHIMO = [sys.executable, "-m", "kumihimo"]


PORTS, BLOCK = range(20_000, 32_000), 200
"""Below those that the system gives to whoever calls out: a port between being chosen and used is nobody else's."""


@cache
def own_ports() -> tuple[Iterator[int], IO[bytes]]:
    """A block of ports that no other run of tests on this machine has, without an end, and the lock that keeps it."""
    for first in PORTS[::BLOCK]:
        lock = (Path(tempfile.gettempdir()) / f"kumihimo-test-ports-{first}").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return cycle(range(first, first + BLOCK)), lock
    raise AssertionError("every block of ports is in use by other tests")


def free_port() -> int:
    """A TCP port that nobody listens on now, and that no other run of tests is given."""
    ports, _ = own_ports()
    for port in islice(ports, BLOCK):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("all ports of this run's block are in use")


def wait_for(log: Path, pattern: str, process: subprocess.Popen[Any], seconds: float = 60.0) -> str:
    """What the pattern finds in a running process's log; AssertionError with the log where it does not come."""
    until = time.monotonic() + seconds
    while not (found := re.search(pattern, log.read_text())):
        assert process.poll() is None, log.read_text()[-4000:]
        assert time.monotonic() < until, log.read_text()[-4000:]
        time.sleep(0.02)
    return found.group()


def get(address: str, headers: dict[str, str] | None = None) -> str:
    """The text behind an address of ours; an error where it is not answered with 2xx."""
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers or {}), timeout=10) as answer:
        text: bytes = answer.read()
        return text.decode()


def log_in(address: str, name: str, password: str) -> dict[str, str]:
    """The headers of who logged in through the real form, as a browser sends them from a page of ours."""
    ours = {"Sec-Fetch-Site": "same-origin"}
    form = urlencode({"name": name, "password": password, "next": "/"})
    line = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        line.request("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded", **ours})
        answer = line.getresponse()
        assert answer.status == 303, answer.read().decode()
        [cookie] = re.findall(r"kumihimo=[^;]+", "\n".join(answer.headers.get_all("set-cookie") or ()))
    finally:
        line.close()
    return {"Cookie": cookie, **ours}


class Printed:
    """What a demonstration printed for its visitors: passwords by sign-in name, and the API key; the newest of each."""

    def __init__(self, said: str) -> None:
        self.passwords: dict[str, str] = dict(re.findall(r"^  (demo-\w+) .* ((?:\w{4}-){3}\w{4})$", said, re.MULTILINE))
        self.key: str = ["", *re.findall(r"export KUMIHIMO_KEY=(\S+)", said)][-1]

    @property
    def bearer(self) -> dict[str, str]:
        """The header by which the key reads."""
        return {"Authorization": f"Bearer {self.key}"}


class Served:
    """A `kumihimo serve` (or demo) on a data folder; start, ask, stop, kill."""

    def __init__(self, data: Path, *, port: int = 0, mqtt_port: int = -1, words: tuple[str, ...] = ("serve", "--open")):
        self.data = data
        self.port = port or free_port()
        self.mqtt_port = mqtt_port
        self.words = words
        self.environ: dict[str, str] = {"KUMIHIMO_OUTBOUND_PRIVATE": "1"}
        self.process: subprocess.Popen[str] | None = None

    def start(self, seconds: float = 120.0) -> None:
        """Returns once /readyz answers 200; AssertionError with the log where it does not. How long it may take is no
        measure: a machine with other work beside it is slow.
        """
        environ = {**os.environ, **self.environ}
        ports = ["--port", str(self.port), "--mqtt-port", str(self.mqtt_port)]
        self.log = self.data.with_suffix(".log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*KUMIHIMO, *self.words, "--data", str(self.data), *ports],
                env=environ,
                stdout=log,
                stderr=log,
                text=True,
            )
        until = time.monotonic() + seconds
        while not self.ready():
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            assert time.monotonic() < until, self.log.read_text()[-4000:]
            time.sleep(0.02)

    def said(self, words: str, seconds: float = 30.0, *, times: int = 1) -> None:
        """Returns once these words stand in the log, which all its starts write to, so many times."""
        assert self.process is not None
        wait_for(self.log, f"(?s)(?:{re.escape(words)}.*?){{{times}}}", self.process, seconds)

    def ready(self) -> bool:
        """Whether /readyz answers 200 now."""
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body of one request; OSError where nobody answers."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            given = {"Content-Type": "application/json", **(headers or {})} if raw is not None else headers or {}
            line.request(method, path, raw, given)
            answer = line.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        except http.client.HTTPException as problem:
            raise OSError(str(problem)) from problem
        finally:
            line.close()

    def log_in(self, name: str) -> dict[str, str]:
        """The headers of who logged in through the form with a password that the process printed."""
        return log_in(f"http://localhost:{self.port}", name, Printed(self.log.read_text()).passwords[name])

    def kill(self) -> None:
        """SIGKILL, at once."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 20.0) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
