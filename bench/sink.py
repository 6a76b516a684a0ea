"""An endpoint for notifications that notes when each `senttime` arrived."""

from __future__ import annotations

import re
import socket
import threading
import time

import load

SENT = re.compile(rb'"senttime":\s*(?:\{[^}]*?"value":\s*)?([0-9.e+-]+)')
"""Its value, in key-values or as a Property: not every broker takes the format that it was asked for."""


class Sink(threading.Thread):
    """An HTTP endpoint on a free port; arrivals: the moment of each `senttime`'s first arrival, doubled: how many came
    again.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.arrivals: dict[float, float] = {}
        self.doubled = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.server.getsockname()[1])

    def wait_for(self, moments: list[float], what: str, seconds: float = 10) -> None:
        """Returns once all have arrived; ends the run where one has not, so many seconds after the last write."""
        until = time.monotonic() + seconds
        while missing := [one for one in moments if one not in self.arrivals]:
            if time.monotonic() > until:
                raise SystemExit(f"{what}: {len(missing)} of {len(moments)} were not delivered")
            time.sleep(0.01)

    def run(self) -> None:
        while True:
            line, _ = self.server.accept()
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(line,), daemon=True).start()

    def serve(self, line: socket.socket) -> None:
        buffer = b""
        while data := _read(line):
            buffer += data
            while (length := load.whole(buffer)) > 0:
                now, body, buffer = time.perf_counter(), buffer[:length], buffer[length:]
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                for found in SENT.findall(body):
                    self.note(float(found), now)

    def note(self, moment: float, now: float) -> None:
        if moment in self.arrivals:
            self.doubled += 1
        else:
            self.arrivals[moment] = now


def _read(line: socket.socket) -> bytes:
    try:
        return line.recv(65536)
    except ConnectionError:
        return b""
