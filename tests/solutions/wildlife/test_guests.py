"""Seasons in towns of others: they begin where a town lies, go on after a start, and take their devices with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from html import unescape

import pytest
from tests.fakes import DatabaseFactory
from tests.solutions.wildlife.test_season import pages_of
from tests.solutions.wildlife.wildlife_house import House, opened, until

from kumihimo.base.call import Call
from kumihimo.base.errors import AlreadyExists, BadRequestData, Forbidden
from kumihimo.device.registry.models import Device
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.solutions.wildlife import demo, entities
from kumihimo.solutions.wildlife.guests import Area, Guests
from kumihimo.solutions.wildlife.season import load
from kumihimo.solutions.wildlife.stage import Stage

pytestmark = pytest.mark.enable_socket
TOWN = "guest"
KOMATSU, SEA = (136.39, 36.2, 136.52, 36.45), (135.6, 36.9, 135.9, 37.2)


@pytest.fixture
async def house(database_factory: DatabaseFactory) -> AsyncIterator[House]:
    async with opened(database_factory, sites=()) as found:
        await found.doors.database.add_tenant(TOWN)
        yield found


@asynccontextmanager
async def played(house: House, area: Area | None = KOMATSU) -> AsyncIterator[Guests]:
    async def where(tenant: str) -> Area | None:
        return area if tenant == TOWN else None

    guests = Guests(house.doors, 60.0, where)
    task = asyncio.create_task(guests.run())
    try:
        yield guests
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def devices(house: House) -> list[str]:
    return [one.id for one in await house.doors.registry.list(TOWN)]


def test_a_season_is_of_what_was_reported_in_the_area() -> None:
    season = load(KOMATSU)
    for one in (*season.past, *season.coming):
        assert KOMATSU[0] <= one.lon <= KOMATSU[2]
        assert KOMATSU[1] <= one.lat <= KOMATSU[3]
    assert len(season.coming) > 20
    assert all(site.number.startswith("play-") for site in season.sites)
    with pytest.raises(BadRequestData, match="nothing to play here: 0 reports"):
        load(SEA)


async def test_it_begins_goes_on_after_a_start_and_ends_without_its_devices(house: House) -> None:
    async with played(house) as guests:
        first = await guests.begin(TOWN)
        assert guests.of(TOWN) is first
        assert await devices(house) == sorted(site.device_id for site in first.season.sites)
        assert await house.doors.docs(TOWN, entities.SIREN_RULE) == []
        with pytest.raises(AlreadyExists, match="played in this town already"):
            await guests.begin(TOWN)
        await first.player.step()
        reached = first.player.recorded_now()
        await until(lambda: _told(house, reached))
    async with played(house) as guests:
        await until(lambda: _plays(guests))
        second = guests.of(TOWN)
        assert second is not None
        assert second.kept
        assert second.player.recorded_now() >= reached > second.season.start
        assert await guests.end(TOWN) == len(first.season.sites)
        assert (guests.of(TOWN), await devices(house), await guests.end(TOWN)) == (None, [], 0)
        assert len(await house.doors.docs(TOWN, entities.INCIDENT)) >= len(first.season.past)
        assert await house.doors.broker.get(TOWN, demo.REPLAY_ID, ALL_ROWS, ALL_ATTRIBUTES) is None
    async with played(house) as guests:
        with pytest.raises(BadRequestData):  # begin waits until what was played goes on
            await guests.begin("elsewhere")
        assert guests.of(TOWN) is None


async def _told(house: House, at: int) -> bool:
    doc = await house.doors.broker.get(TOWN, demo.REPLAY_ID, ALL_ROWS, ALL_ATTRIBUTES)
    return doc is not None and (entities.observed_at(doc, demo.REACHED) or 0) >= at


async def _plays(guests: Guests) -> bool:
    return guests.of(TOWN) is not None


async def test_a_device_of_the_towns_own_is_never_taken_for_a_played_one(house: House) -> None:
    own = Device("sensor-play-3", "animal-sensor", "ours", "urn:ngsi-ld:WildlifeSensor:ours", entities.SENSOR, {}, None)
    await house.doors.registry.add(TOWN, own)
    async with played(house) as guests:
        with pytest.raises(AlreadyExists, match="sensor-play-3 is another's"):
            await guests.begin(TOWN)
    assert await devices(house) == ["sensor-play-3"]


async def test_a_town_that_goes_takes_its_season_with_it(house: House) -> None:
    async with played(house) as guests:
        await guests.begin(TOWN)
        await house.doors.database.remove_tenant(TOWN)
        assert guests.of(TOWN) is None


async def test_a_season_is_offered_to_who_decides_and_only_where_the_town_has_said_its_area(house: House) -> None:
    async def never(call: Call) -> Grant:
        raise Forbidden("no")

    async def page(area: Area | None) -> str:
        async with played(house, area) as guests:
            client = pages_of(house, Stage(guests=guests))
            if area is None:
                assert (await client.post(f"/t/{TOWN}/wildlife/replay", {"action": "begin"})).status == 400
            return (await client.get(f"/t/{TOWN}/wildlife", {"accept-language": "en"})).text

    with_area, without = await page(KOMATSU), await page(None)
    assert ("replay-begin" in with_area, "First an operator of the town says" in unescape(with_area)) == (True, False)
    assert ("replay-begin" in without, "First an operator of the town says" in unescape(without)) == (False, True)
    object.__setattr__(house.doors, "approves", never)
    assert "replay-begin" not in await page(KOMATSU)
