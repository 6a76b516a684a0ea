"""A subscription whose receiver is connected: nothing is kept of it, and what it would be told is asked for."""

from __future__ import annotations

from typing import Any

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.events import LogRecord
from kumihimo.platform.access.decide import Access, Grant
from kumihimo.platform.broker.models import Query
from kumihimo.platform.broker.query import find_tx
from kumihimo.platform.delivery.catalogue import Ready
from kumihimo.platform.delivery.checks import selects
from kumihimo.platform.delivery.linked import Docs, joined
from kumihimo.platform.delivery.match import asked_by, noticed
from kumihimo.platform.delivery.models import Selector, Subscription
from kumihimo.platform.delivery.notice import Notice, from_entity, render_notice, rendering_of
from kumihimo.platform.delivery.seen import Seen, aside
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.platform.jsonld.rendering import Rendering
from kumihimo.storage.database import Database

PAGE = 100
Page = tuple[list[dict[str, Any]], str]
"""Rendered entities and the cursor of the page behind them, "" where there is none."""


class Watch:
    """What one caller is told of. Its rights are asked for anew each time, so that a right taken away ends it."""

    def __init__(
        self, database: Database, clock: Clock, access: Access, call: Call, subscription: Subscription, context: Context
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._call = call
        self._subscription = subscription
        self._context = context

    async def decide(self) -> Grant:
        """What the caller may see now; Unauthenticated or Forbidden where it may not read any more."""
        return await self._access.decide(self._call, "read")

    async def told(self, record: LogRecord, grant: Grant) -> dict[str, Any] | None:
        """The record's entity as the watch shows it; None where the watch does not tell of it."""
        if not selects(self._subscription, record):
            return None
        ready = Ready(self._subscription, grant, self._context)
        linked = await asked_by(self._database, self._call.tenant, ready, record)
        now = times.micros(self._clock.now())
        notice = await aside(record, lambda: noticed(ready, Seen(record), now, linked.get))
        told = notice.seen_by(grant) if notice is not None else None
        return await self._rendered(told, grant) if told is not None else None

    async def standing(self, after: str, grant: Grant) -> Page:
        """A page of the entities that it would tell of as they are now, oldest first."""
        one = self._subscription
        selector = one.selectors[0] if one.selectors else Selector(None)
        query = Query(
            restriction=grant.restriction,
            visible=grant.visible,
            types=selector.types,
            ids=selector.ids,
            id_pattern=selector.pattern,
            q=one.q,
            geo=one.geo,
            scope_q=str(one.stored.document.get("scopeQ", "")),
            attrs=tuple(one.watched),
            limit=PAGE,
            after=after,
        )
        found = await self._database.read(self._call.tenant, lambda tx: find_tx(tx, query))
        now = times.micros(self._clock.now())
        shown = [await self._rendered(from_entity(entity, now), grant) for entity in found.entities]
        return shown, found.after if found.more else ""

    async def _rendered(self, notice: Notice, grant: Grant) -> dict[str, Any]:
        look, level = self._look(), self._subscription.join_level
        linked: Docs = {}
        if level and not notice.gone:
            linked = await joined(self._database, self._call.tenant, [notice.entity], look, level, grant)
        return render_notice(self._subscription, notice, look, linked, geo=False)

    def _look(self) -> Rendering:
        return rendering_of(self._subscription, self._context)
