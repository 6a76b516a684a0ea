"""A log record as the makers of its subscriptions see it, and work on one that is too large for the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar, cast

from kumihimo.base.events import LogRecord
from kumihimo.platform.broker.evaluate import Asked
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

    def through(self, visible: Visible) -> tuple[EntityDoc, Asked]:
        """The entity without what may not be seen, so that q and geoQ tell nothing of the rest; and q's view of it."""
        view = self._views.get(visible)
        if view is None:
            doc = _masked(cast("EntityDoc", self.record.entity), visible)
            view = self._views[visible] = (doc, Asked(doc))
        return view


def _masked(entity: EntityDoc, visible: Visible) -> EntityDoc:
    if visible.attributes is None:
        return entity
    return {**entity, "attrs": {name: one for name, one in entity["attrs"].items() if visible.shows(name)}}


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
