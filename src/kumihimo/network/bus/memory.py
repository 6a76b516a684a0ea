"""The bus of a single process: topics are folded, a listener that is dropped leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator


class Listener(AsyncIterator[str]):
    """Topics as they come, each at most once while it waits to be taken; listens from its making on."""

    def __init__(self) -> None:
        self._pending: dict[str, None] = {}
        self._event = asyncio.Event()

    def wake(self, topic: str) -> None:
        """Notes the topic, once; its place in the order is that of its first nudge."""
        self._pending.setdefault(topic)
        self._event.set()

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> str:
        while not self._pending:
            self._event.clear()
            await self._event.wait()
        topic = next(iter(self._pending))
        del self._pending[topic]
        return topic


class MemoryBus:
    """Implements base.ports.Bus within one event loop.

    A topic is words joined by dots; "log.*" listens to every topic that begins with "log.".
    """

    def __init__(self) -> None:
        self._listeners: dict[str, weakref.WeakSet[Listener]] = {}

    def publish(self, topic: str) -> None:
        """Wakes whoever listens to this topic; never blocks, never raises."""
        for pattern in _patterns(topic):
            for listener in tuple(self._listeners.get(pattern, ())):
                # A listener of a loop that was closed can no longer be woken, and needs no waking.
                with contextlib.suppress(RuntimeError):
                    listener.wake(topic)

    def listen(self, *topics: str) -> Listener:
        """Topics as they are published from now on, duplicates folded while the listener is busy."""
        listener = Listener()
        for topic in topics:
            self._listeners.setdefault(topic, weakref.WeakSet()).add(listener)
        weakref.finalize(listener, self._forget, topics)
        return listener

    def listeners(self) -> int:
        """How many listeners there are, for /metrics and for tests."""
        return len({id(one) for group in self._listeners.values() for one in group})

    def _forget(self, topics: tuple[str, ...]) -> None:
        for topic in topics:
            # Iterating skips a listener that is just going; its length would still count it.
            if next(iter(self._listeners.get(topic, ())), None) is None:
                self._listeners.pop(topic, None)


def _patterns(topic: str) -> list[str]:
    """What may be listened to that this topic answers: itself, and each of its beginnings with a star."""
    words = topic.split(".")
    return [topic, *(".".join([*words[:count], "*"]) for count in range(1, len(words)))]
