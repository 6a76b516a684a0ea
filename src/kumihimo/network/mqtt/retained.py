"""Retained messages (MQTT 5.0 section 3.3.1.3): in memory, capped, gone when the process ends.

What must outlast a restart is in the broker; a retained message only greets a new subscriber.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kumihimo.network.mqtt.message import Message
from kumihimo.network.mqtt.topics import matches


class Retained:
    """The last retained message by publishing tenant and topic.

    At the cap a message on a new topic is forwarded but not kept (`refused` counts these); known topics still change.
    """

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._kept: dict[tuple[str | None, str], Message] = {}
        self._bytes = 0
        self.refused = 0

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, message: Message) -> bool:
        """Keeps it in place of the one before; an empty payload only clears. False where the cap refused it."""
        key = (message.tenant, message.topic)
        self._drop(key)
        if not message.payload:
            return True
        if len(self._kept) >= self._max_messages or self._bytes + message.size > self._max_bytes:
            self.refused += 1
            return False
        self._kept[key] = message
        self._bytes += message.size
        return True

    def matching(self, topic_filter: str, now: datetime) -> Iterator[Message]:
        """Those that the filter takes in; expired ones are dropped on the way."""
        for key, message in list(self._kept.items()):
            if not matches(topic_filter, message.topic):
                continue
            if message.is_expired(now):
                self._drop(key)
                continue
            yield message

    def _drop(self, key: tuple[str | None, str]) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._bytes -= gone.size
