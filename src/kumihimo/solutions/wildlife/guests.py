"""Seasons played in towns of others: in any town of a demonstration that runs the pack and has said where it lies.

Nothing that the town has is removed. The played devices get ids of their own and go when the season ends or the pack is
removed; what was recorded stays, as the town's data does. No permission for sirens comes with it: people decide.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from kumihimo.base.errors import AlreadyExists, BadRequestData, Problem
from kumihimo.base.ports import screens_topic
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Change, Op
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.solutions.wildlife import demo, entities
from kumihimo.solutions.wildlife.demo import Prepared
from kumihimo.solutions.wildlife.devices import device_of
from kumihimo.solutions.wildlife.doors import WildlifeDoors, own_call
from kumihimo.solutions.wildlife.season import TENANT, Season, load

logger = logging.getLogger(__name__)
Area = Sequence[float]
"""West, south, east and north, in degrees."""

PLAYED_AREA = DEFAULT_VOCAB + "replayArea"


class Guests:
    """Begins seasons, plays them side by side, and ends them. area tells where a town lies, None where nobody said;
    begun is called with the town before a season first begins there.
    """

    def __init__(
        self,
        doors: WildlifeDoors,
        speed: float,
        area: Callable[[str], Awaitable[Area | None]],
        begun: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._doors = doors
        self._speed = speed
        self.area = area
        self._begun = begun
        self._playing: dict[str, tuple[Prepared, asyncio.Task[None]]] = {}
        self._turn = asyncio.Lock()
        self._group = asyncio.TaskGroup()
        self._ready = asyncio.Event()
        doors.database.removals.told.append(self._forget)

    def of(self, tenant: str) -> Prepared | None:
        """The season that is played in a tenant."""
        found = self._playing.get(tenant)
        return None if found is None else found[0]

    async def run(self) -> None:
        """Goes on with the seasons that were played when the platform last stopped, and plays until cancelled."""
        async with self._group:
            for tenant in sorted(await self._doors.database.tenants()):
                await self._go_on(tenant)
            self._ready.set()
            await asyncio.Event().wait()

    async def begin(self, tenant: str) -> Prepared:
        """Places devices in the town's area, writes what was reported there before the season, and plays it.

        BadRequestData where the town has no area, or nothing was reported in it; AlreadyExists where one is played
        already, or another device has the id of a played one.
        """
        await self._ready.wait()
        async with self._turn:
            if tenant in self._playing:
                raise AlreadyExists("a season is played in this town already")
            area = await self.area(tenant)
            if area is None:
                raise BadRequestData("the town has not said where it lies; set the parameter area of the pack first")
            season = await asyncio.to_thread(load, area)
            if self._begun is not None:
                await self._begun(tenant)
            await self._register(tenant, season)
            kept = entities.change(demo.REPLAY_ID, demo.REPLAY, {PLAYED_AREA: entities.prop(list(area))})
            await demo.furnish(self._doors, tenant, season, [kept])
            return await self._play(tenant, season, None)

    async def end(self, tenant: str) -> int:
        """Stops the season and takes its devices away; how many. What was recorded stays."""
        async with self._turn:
            found = self._playing.pop(tenant, None)
            if found is None:
                return 0
            prepared, task = found
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            gone = [await self._doors.registry.remove(tenant, site.device_id) for site in prepared.season.sites]
            mark = Change(Op.DELETE, demo.REPLAY_ID)
            await self._doors.apply(own_call(tenant, "replay"), [mark])
        self._doors.bus.publish(screens_topic(tenant))
        return sum(gone)

    async def _play(self, tenant: str, season: Season, reached: int | None) -> Prepared:
        prepared = await demo.staged(self._doors, tenant, season, self._speed, reached)
        task = self._group.create_task(demo.run(self._doors, prepared), name=f"season {tenant}")
        self._playing[tenant] = (prepared, task)
        self._doors.bus.publish(screens_topic(tenant))
        return prepared

    async def _register(self, tenant: str, season: Season) -> None:
        """Registers those that are not there; some are where an earlier beginning was cut short."""
        wanted = [device_of(site) for site in season.sites]
        known = {one.id: one for one in await self._doors.registry.list(tenant)}
        for one in wanted:
            if one.id in known and known[one.id].entity_id != one.entity_id:
                raise AlreadyExists(f"device {one.id} is another's already; remove it to play a season here")
        for one in wanted:
            if one.id not in known:
                await self._doors.registry.add(tenant, one)

    async def _go_on(self, tenant: str) -> None:
        """Where a season was played, it goes on where it was; a town that cannot be read holds up no other."""
        try:
            doc = await self._doors.broker.get(tenant, demo.REPLAY_ID, ALL_ROWS, ALL_ATTRIBUTES)
            area = None if doc is None else entities.value_of(doc, PLAYED_AREA)
            reached = None if doc is None else entities.observed_at(doc, demo.REACHED)
            if tenant == TENANT or not isinstance(area, list) or reached is None or not await self._is_here(tenant):
                return
            season = await asyncio.to_thread(load, area)
            await self._register(tenant, season)
            await self._play(tenant, season, reached)
        except Problem as problem:
            logger.warning("a season cannot go on", extra={"tenant": tenant, "why": problem.title})

    async def _is_here(self, tenant: str) -> bool:
        return self._doors.here is None or bool(await self._doors.here(tenant))

    def _forget(self, tenant: str) -> None:
        """The town is gone, and its season with it."""
        found = self._playing.pop(tenant, None)
        if found is not None:
            found[1].cancel()
