"""Ends what a reader thread has run for too long, in the middle of a statement or between two."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import Self

import apsw

from kumihimo.storage.engines.base import too_long


class Deadline:
    """One thread's; the thread names what runs, the event loop looks whether it has run too long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._connection: apsw.Connection | None = None
        self._until = 0.0

    def over(self, connection: apsw.Connection) -> Self:
        """The connection's work runs in a `with` of this; TooComplexQuery where it was ended."""
        with self._lock:
            self._connection, self._until = connection, monotonic() + self._seconds
        return self

    def __enter__(self) -> None:
        """`over` has begun it."""

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        with self._lock:  # from here on nothing interrupts the connection's next work
            self._connection = None
        if isinstance(problem, apsw.InterruptError):
            raise too_long(self._seconds) from problem

    def check(self) -> None:
        """Raises TooComplexQuery where the time is over; between statements, in the thread."""
        if monotonic() > self._until:
            raise too_long(self._seconds)

    def look(self) -> None:
        """Interrupts the statement that runs, where the time is over; on the event loop."""
        with self._lock:
            if self._connection is not None and monotonic() > self._until:
                self._connection.interrupt()
