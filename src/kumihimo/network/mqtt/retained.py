"""Retained messages (MQTT 5.0 section 3.3.1.3): in memory, capped for all and for each tenant; rows.py keeps them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from kumihimo.network.mqtt.message import Message

_LEVEL_BYTES: Final = 400
"""About what a branch of the tree holds, so that a topic of many levels cannot hold more than its message says."""


class Found(NamedTuple):
    """What a filter takes in, and how many branches were looked at for it."""

    messages: list[Message]
    looked_at: int


class _Node:
    __slots__ = ("children", "kept")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.kept: dict[str | None, Message] = {}


class Retained:
    """The last retained message by publishing tenant and topic, in a tree by the levels of the topic.

    At the cap a message on a new topic is forwarded but not kept (`refused` counts these); known topics still change.
    """

    def __init__(
        self,
        max_messages: int,
        max_bytes: int,
        tenant_messages: int | None = None,
        tenant_bytes: int | None = None,
    ) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._tenant_messages = max_messages if tenant_messages is None else tenant_messages
        self._tenant_bytes = max_bytes if tenant_bytes is None else tenant_bytes
        self._count_of: Counter[str | None] = Counter()
        self._bytes_of: Counter[str | None] = Counter()
        self._root = _Node()
        self._count = 0
        self._bytes = 0
        self.refused = 0

    def __len__(self) -> int:
        return self._count

    def keep(self, message: Message) -> bool:
        """Keeps it in place of the one before; an empty payload only clears. False where the cap refused it."""
        self._drop(message)
        if not message.payload:
            return True
        if not self._has_room(message.tenant, _cost(message)):
            self.refused += 1
            return False
        node = self._root
        for level in message.topic.split("/"):
            node = node.children.setdefault(level, _Node())
        node.kept[message.tenant] = message
        self._add(message.tenant, 1, _cost(message))
        return True

    def _has_room(self, tenant: str | None, cost: int) -> bool:
        if self._count >= self._max_messages or self._bytes + cost > self._max_bytes:
            return False
        return self._count_of[tenant] < self._tenant_messages and self._bytes_of[tenant] + cost <= self._tenant_bytes

    def _add(self, tenant: str | None, count: int, cost: int) -> None:
        self._count += count
        self._bytes += cost
        self._count_of[tenant] += count
        self._bytes_of[tenant] += cost

    def matching(self, topic_filter: str, now: datetime) -> Found:
        """Those that the filter takes in (section 4.7); expired ones are dropped on the way."""
        nodes, looked_at = [self._root], 0
        for depth, level in enumerate(topic_filter.split("/")):
            if level == "#":
                nodes = list(_below(nodes, depth))
            elif level == "+":
                nodes = [child for node in nodes for child in _children(node, depth)]
            else:
                nodes = [node.children[level] for node in nodes if level in node.children]
            looked_at += len(nodes)
        messages = [message for node in nodes for message in node.kept.values()]
        for expired in [one for one in messages if one.is_expired(now)]:
            self._drop(expired)
        return Found([one for one in messages if not one.is_expired(now)], looked_at)

    def _drop(self, message: Message) -> None:
        """Forgets what is kept under this message's tenant and topic; empty branches are cut."""
        path: list[tuple[_Node, str]] = []
        node = self._root
        for level in message.topic.split("/"):
            path.append((node, level))
            if level not in node.children:
                return
            node = node.children[level]
        gone = node.kept.pop(message.tenant, None)
        if gone is None:
            return
        self._add(message.tenant, -1, -_cost(gone))
        for parent, level in reversed(path):
            child = parent.children[level]
            if child.kept or child.children:
                return
            del parent.children[level]


def _cost(message: Message) -> int:
    return message.size + _LEVEL_BYTES * (message.topic.count("/") + 1)


def _children(node: _Node, depth: int) -> Iterator[_Node]:
    """A wildcard in front never takes in a topic that begins with "$" (4.7.2)."""
    return (child for level, child in node.children.items() if depth or not level.startswith("$"))


def _below(nodes: list[_Node], depth: int) -> Iterator[_Node]:
    """These nodes and all under them: "a/#" also takes in "a" (4.7.1.2)."""
    yield from nodes
    waiting = [child for node in nodes for child in _children(node, depth)]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children.values()
