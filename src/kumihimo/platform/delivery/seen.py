"""A log record as the makers of its subscriptions see it, and work on one that is too large for the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar, cast

from kumihimo.base.events import LogRecord
from kumihimo.platform.access.models import Names
from kumihimo.platform.broker.evaluate import Asked
from kumihimo.platform.broker.masks import left_of, names_of
from kumihimo.platform.broker.models import Visible
from kumihimo.platform.delivery.changes import changes_of
from kumihimo.platform.jsonld.models import EntityDoc

LARGE = 65_536
"""Characters of a record above which it is matched and rendered in a thread: some milliseconds for one subscription."""
_TURN_SECONDS = 0.01
_Result = TypeVar("_Result")


class Seen:
    """What changed, and the entity through the eyes of each mask; found out once for all subscriptions."""

    def __init__(self, record: LogRecord) -> None:
        self.record = record
        self.changes = changes_of(record)
        self._views: dict[Visible, tuple[EntityDoc, Asked]] = {}
        self._names: dict[Visible, tuple[Names, Names]] = {}

    def through(self, visible: Visible) -> tuple[EntityDoc, Asked]:
        """The entity without what may not be seen, so that q and geoQ tell nothing of the rest; and q's view of it."""
        view = self._views.get(visible)
        if view is None:
            whole = cast("EntityDoc", self.record.entity)
            doc = whole if visible.is_all else left_of(whole, self.names(visible)[0])
            view = self._views[visible] = (doc, Asked(doc))
        return view

    def names(self, visible: Visible) -> tuple[Names, Names]:
        """The attributes that may be seen after the change; and those of them that could be seen before it too, of
        which alone it is told what they were.
        """
        if visible.flat is not None:
            return visible.flat, visible.flat
        found = self._names.get(visible)
        if found is None:
            now = names_of(visible, cast("EntityDoc", self.record.entity))
            before = Names(frozenset(name for name in self._was["attrs"] if name in names_of(visible, self._was)))
            found = self._names[visible] = (now, Names(frozenset(name for name in before.names if name in now)))
        return found

    @cached_property
    def _was(self) -> EntityDoc:
        """The entity with the attributes that it had before the change. The log does not know its former types and
        scopes: those that it has now stand for them.
        """
        record = self.record
        entity = cast("EntityDoc", record.entity)
        if record.kind != "entityUpdated":
            return entity
        touched = (*record.changed, *record.deleted)
        kept = {name: many for name, many in entity["attrs"].items() if name not in touched}
        return cast("EntityDoc", {**entity, "attrs": {**kept, **record.previous}})


async def aside(record: LogRecord, work: Callable[[], _Result]) -> _Result:
    """What the work on the record gives; in a thread where the loop would stand still for it."""
    return await asyncio.to_thread(work) if record.size > LARGE else work()


class Pace:
    """Gives the loop its turn every few milliseconds, however many subscriptions a record is matched against."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()

    async def rest(self) -> None:
        """Returns at once, or after the others had their turn where it is time for that."""
        if self._loop.time() - self._since > _TURN_SECONDS:
            await asyncio.sleep(0)
            self._since = self._loop.time()
