"""Topic names and filters (MQTT 5.0 section 4.7) and the trie in which subscriptions are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from kumihimo.network.mqtt.errors import FILTER_INVALID, TOPIC_INVALID, MqttError

T = TypeVar("T")
MAX_LEVELS: Final = 64
MAX_BYTES: Final = 4096


def check_topic(name: str) -> str:
    """The name itself where one may publish to it: not empty, no wildcard, no U+0000, within the limits."""
    if not name or "+" in name or "#" in name or "\0" in name:
        raise MqttError(TOPIC_INVALID, "a topic name is empty or holds a wildcard or U+0000")
    _check_size(name, TOPIC_INVALID)
    return name


def check_filter(text: str) -> str:
    """The filter itself where "+" fills a level and "#" the last level (4.7.1), within the limits."""
    if not text or "\0" in text:
        raise MqttError(FILTER_INVALID, "a topic filter is empty or holds U+0000")
    _check_size(text, FILTER_INVALID)
    levels = text.split("/")
    for index, level in enumerate(levels):
        if "+" in level and level != "+":
            raise MqttError(FILTER_INVALID, "'+' must fill a whole level of a topic filter")
        if "#" in level and (level != "#" or index != len(levels) - 1):
            raise MqttError(FILTER_INVALID, "'#' must be the last level of a topic filter")
    return text


def _check_size(text: str, code: int) -> None:
    if text.count("/") >= MAX_LEVELS:
        raise MqttError(code, f"more than {MAX_LEVELS} levels")
    if len(text.encode()) > MAX_BYTES:
        raise MqttError(code, f"longer than {MAX_BYTES} bytes")


def matches(topic_filter: str, topic: str) -> bool:
    """Whether the filter takes in the topic; a wildcard in front never matches a topic that begins with "$"."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)


class _Node(Generic[T]):
    __slots__ = ("children", "values")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.values: dict[object, T] = {}


class FilterTrie(Generic[T]):
    """Values under (filter, key); `match` gives those whose filter takes in a topic."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, topic_filter: str, key: object, value: T) -> bool:
        """Keeps the value; True where (filter, key) is new, False where it replaces one."""
        node = self._root
        for level in topic_filter.split("/"):
            node = node.children.setdefault(level, _Node())
        fresh = key not in node.values
        node.values[key] = value
        return fresh

    def get(self, topic_filter: str, key: object) -> T | None:
        """The value under (filter, key)."""
        node: _Node[T] | None = self._root
        for level in topic_filter.split("/"):
            node = None if node is None else node.children.get(level)
        return None if node is None else node.values.get(key)

    def remove(self, topic_filter: str, key: object) -> bool:
        """Forgets it; False where it was not there. Empty branches are cut."""
        path: list[tuple[_Node[T], str]] = []
        node = self._root
        for level in topic_filter.split("/"):
            path.append((node, level))
            found = node.children.get(level)
            if found is None:
                return False
            node = found
        if node.values.pop(key, None) is None:
            return False
        for parent, level in reversed(path):
            child = parent.children[level]
            if child.values or child.children:
                break
            del parent.children[level]
        return True

    def match(self, topic: str) -> Iterator[tuple[object, T]]:
        """(key, value) of every filter that takes in the topic; a key may come several times."""
        levels = topic.split("/")
        nodes = [self._root]
        for depth, level in enumerate(levels):
            names = (level,) if depth == 0 and level.startswith("$") else (level, "+")
            if len(names) == 2:
                yield from _rest(nodes)
            nodes = [child for node in nodes for name in names if (child := node.children.get(name)) is not None]
            if not nodes:
                return
        for node in nodes:
            yield from node.values.items()
        yield from _rest(nodes)

    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._root.children


def _rest(nodes: list[_Node[T]]) -> Iterator[tuple[object, T]]:
    """What hangs on "#" below these nodes ("a/#" also matches "a": 4.7.1.2)."""
    for node in nodes:
        below = node.children.get("#")
        if below is not None:
            yield from below.values.items()
