"""Readings of devices, over HTTP with the device's own key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from kumihimo.client.connection import Connection
from kumihimo.client.errors import Refused

BATCH = 100
"""As many readings the platform takes in one message."""


class Devices:
    """Sends what a device measured."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def send(self, device: str, key: str, readings: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> int:
        """Sends a reading, or however many; returns how many were taken once they are durable.

        Refused where a key or a reading is wrong; what stood before it has been taken.
        """
        rest = iter([readings] if isinstance(readings, Mapping) else readings)
        taken = 0
        while many := list(islice(rest, BATCH)):
            taken += await self._send(device, key, many)
        return taken

    async def _send(self, device: str, key: str, many: list[Mapping[str, Any]]) -> int:
        path = f"/devices/v1/{self._connection.tenant or 'default'}/{device}/readings"
        answer = await self._connection.ask("POST", path, body=many, headers={"Authorization": f"Bearer {key}"})
        if answer.status == 207:
            raise Refused(207, {"title": "some readings were refused", "detail": str(answer.body)[:500]})
        return len(many)
