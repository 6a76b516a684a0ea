"""Which changes go into one notification (clauses 5.3.1 and 5.8.6): those that one request made, each entity once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kumihimo.base.events import LogRecord
from kumihimo.platform.delivery.catalogue import Ready
from kumihimo.platform.delivery.notice import Notice

MAX_ENTITIES = 100
MAX_SIZE = 1 << 20


@dataclass(slots=True)
class Group:
    """What becomes one notification of a subscription; size is in characters as the log keeps them."""

    ready: Ready
    request_id: str
    notices: list[Notice] = field(default_factory=list)
    entities: set[str] = field(default_factory=set)
    size: int = 0

    def takes(self, record: LogRecord) -> bool:
        """Whether the record's notice may go with those that are here.

        Not that of another request: how many there are in one notification must not hang on how busy we are. Not a
        second one of an entity: a receiver would not know which of the two is newer.
        """
        return (
            not self.ready.subscription.splits
            and bool(self.request_id)
            and record.request_id == self.request_id
            and record.entity_id not in self.entities
            and len(self.notices) < MAX_ENTITIES
            and self.size + record.size <= MAX_SIZE
        )

    def add(self, notice: Notice, record: LogRecord) -> None:
        """Puts the record's notice behind those that are here."""
        self.notices.append(notice)
        self.entities.add(record.entity_id)
        self.size += record.size

    def each(self) -> Iterator[Group]:
        """A group for each notice alone."""
        for notice in self.notices:
            yield Group(self.ready, "", [notice], {notice.entity["id"]}, self.size)


class Groups:
    """The notifications of one matching step, in the order in which they begin."""

    def __init__(self) -> None:
        self.all: list[Group] = []
        self._open: dict[str, Group] = {}

    def add(self, ready: Ready, notice: Notice, record: LogRecord) -> None:
        """Puts the notice into the subscription's last notification, or begins the next one."""
        group = self._open.get(ready.subscription.id)
        if group is None or not group.takes(record):
            group = self._open[ready.subscription.id] = Group(ready, record.request_id)
            self.all.append(group)
        group.add(notice, record)
