"""Feeds over the real broker and delivery, and a way to read them event by event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.delivery.stand import SCHEMAS, TENANT, Stand

from kumihimo.platform.feeds.ask import read_ask
from kumihimo.platform.feeds.door import Events, Feeds
from kumihimo.platform.feeds.models import Event


class FeedStand(Stand):
    """A stand with feeds."""

    feeds: Feeds

    def fresh(self, ping: float = 30.0) -> Feeds:
        self.feeds = Feeds(self.database, self.bus, self.delivery, ping=ping)
        return self.feeds

    async def open(self, last_event: str = "", **query: str) -> Events:
        ask = read_ask(query, last_event)
        return await self.feeds.open(
            self.call, ask.document, self.contexts.core, after=ask.after, standing=ask.standing
        )

    async def begun(self, **query: str) -> Events:
        """A feed whose first ping came: what is written from now on is told."""
        events = await self.open(**query)
        assert (await take(events)).kind == "ping"
        return events


async def take(events: Events) -> Event:
    """The next event; a failure where none comes."""
    async with asyncio.timeout(10):
        return await anext(events)


async def entities(events: Events, count: int) -> list[dict[str, Any]]:
    """The entities of the next events that tell of one."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        event = await take(events)
        if event.entity is not None:
            found.append(event.entity)
    return found


@pytest.fixture
async def stand(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> AsyncIterator[FeedStand]:
    database = await any_database_factory(SCHEMAS)
    await database.add_tenant(TENANT)
    stand = FeedStand(database, fake_clock)
    stand.fresh()
    yield stand
    await stand.feeds.close()
