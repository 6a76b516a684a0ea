"""All tenants are watched: those that are there at the start, and those that come; none holds up another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.fakes import DatabaseFactory
from tests.solutions.wildlife.wildlife_house import SITES, TOWN, House, opened, until

from kumihimo.base.jsontext import dumps
from kumihimo.solutions.wildlife import watching
from kumihimo.solutions.wildlife.devices import device_of, site_change
from kumihimo.solutions.wildlife.doors import own_call
from kumihimo.solutions.wildlife.watching import Watching

pytestmark = pytest.mark.enable_socket
SEEN = {"observedAt": "2024-10-05T18:20:00+09:00", "species": "Ursus thibetanus", "confidence": 0.9}


@pytest.fixture
async def house(database_factory: DatabaseFactory) -> AsyncIterator[House]:
    async with opened(database_factory) as found:
        yield found


async def send(house: House, tenant: str, key: str) -> None:
    await house.gateway.take(tenant, "sensor-field", key, dumps(SEEN))


async def alerted(house: House, tenant: str) -> bool:
    return bool(await house.doors.alerts.list(tenant, state="open"))


async def test_what_was_sent_before_the_start_and_a_town_that_comes_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "ROUND_SECONDS", 3600.0)  # what is heard has to do
    await send(house, TOWN, house.keys["sensor-field"])
    task = asyncio.create_task(Watching(house.doors).run())
    try:
        await until(lambda: alerted(house, TOWN))
        await house.doors.database.add_tenant("later")
        await house.doors.apply(own_call("later", "test"), [site_change(SITES[0], simulated=True)])
        await send(house, "later", await house.doors.registry.add("later", device_of(SITES[0])))
        await until(lambda: alerted(house, "later"))
        for tenant in (TOWN, "later"):
            assert [one.source for one in await house.doors.alerts.list(tenant, state="open")] == ["wildlife"]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_nudge_that_was_lost_is_made_good_and_a_stale_alert_closes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "ROUND_SECONDS", 0.01)
    monkeypatch.setattr(house.doors.bus, "publish", lambda topic: None)
    task = asyncio.create_task(Watching(house.doors).run())
    try:
        await send(house, TOWN, house.keys["sensor-field"])
        await until(lambda: alerted(house, TOWN))
        monkeypatch.setattr("kumihimo.solutions.wildlife.watch.OVER", 0)

        async def closed() -> bool:
            return not await alerted(house, TOWN)

        await until(closed)
        assert [one.state for one in await house.doors.alerts.list(TOWN)] == ["closed"]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
