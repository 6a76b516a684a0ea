"""Stand-ins that tests move by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from kumihimo.base.ports import MqttServer
from kumihimo.storage.database import Database, Schema

DatabaseFactory = Callable[[Sequence[Schema]], Awaitable[Database]]
"""What the database fixtures give: opens a database with these rooms' tables; closed when the test ends."""


class FakeClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        self._now = moment


async def no_mqtt(server: MqttServer, topic: str, payload: bytes, **options: object) -> None:
    """Implements MqttPublish where no test listens."""
    raise OSError(f"nobody listens at {server.host}:{server.port}")
