"""The room's door: writes what was counted, and says what was used and what it costs."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import NonexistentTenant, Problem
from kumihimo.platform.metering import store
from kumihimo.platform.metering.counters import Counters
from kumihimo.platform.metering.days import check_month, day_of, days_before, span_of
from kumihimo.platform.metering.models import WHOLE, CostTable, Plan, Usage, Used
from kumihimo.platform.metering.split import amounts_of, split
from kumihimo.storage.database import PLATFORM, Database

log = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 5.0
TICK_SECONDS: Final = 1.0
STEP: Final = 500
"""Numbers in one transaction."""
SAMPLE: Final = timedelta(hours=1)
"""How often the size of each tenant's data is looked at; at the day's end too."""
KEPT_DAYS: Final = 400
ROLLED: Final = 31
"""Days that one transaction adds to their months."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Numbers under way to the store; the same until the store is known to have them."""

    number: int
    rows: list[Used]


class Metering:
    """What all tenants use. `counters` is the port that rooms count through; `run` must run for it to be written.

    Numbers are in memory for up to FLUSH_SECONDS: a crash loses that much. A batch is written in one transaction
    together with its number, so that one whose commit was not heard of is given again and never counted twice.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.counters = Counters(clock)
        self._writer = secrets.token_hex(8)
        self._number = 0
        self._unsure: dict[str, _Batch] = {}
        self._flushing = asyncio.Lock()
        self._sampled: dict[str, tuple[str, int]] = {}
        self._sampled_day = ""
        self._next_sample: datetime | None = None

    # --- writing -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Writes every few seconds until cancelled, and once more at the end; sizes and old days when it is time."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._turn_days(), name="metering days")
                while True:
                    await self.tend()
                    await asyncio.sleep(FLUSH_SECONDS)
        finally:
            await self.flush()

    async def _turn_days(self) -> None:
        """Beside the writing, which may wait for a store; once a second, as the clock may be put right."""
        while True:
            await asyncio.sleep(max(0.001, min(TICK_SECONDS, self.counters.left)))
            self.counters.tick()

    async def tend(self) -> None:
        """Writes what waits, and looks at sizes and old days where their time has come."""
        self.counters.tick()
        await self.flush()
        now = self._clock.now()
        if self._next_sample is None or now >= self._next_sample:
            self._next_sample = min(now + SAMPLE, span_of(day_of(now))[1])
            await self._sample(now)

    async def flush(self) -> None:
        """Writes what was counted; a tenant whose store fails keeps it for the next time and holds up no other."""
        async with self._flushing:
            try:
                there = await self._database.tenants()
            except Problem as problem:
                log.warning("numbers of use wait for the store", extra={"why": problem.title})
                return
            self.counters.know(there)
            for tenant in dict.fromkeys((*self._unsure, *self.counters.waiting())):
                await self._flush_or_tell(tenant)

    async def _flush_or_tell(self, tenant: str) -> None:
        try:
            await self._flush(tenant)
        except NonexistentTenant:
            self._forget(tenant)
        except Problem as problem:
            log.warning("numbers of use could not be written", extra={"tenant": tenant, "why": problem.title})

    async def _flush(self, tenant: str) -> None:
        while True:
            batch = self._unsure.get(tenant)
            if batch is None:
                rows = self.counters.take(tenant, STEP)
                if not rows:
                    return
                self._number += 1
                batch = self._unsure[tenant] = _Batch(self._number, rows)
            now = times.micros(self._clock.now())
            add = partial(store.add_tx, writer=self._writer, batch=batch.number, now=now, rows=batch.rows)
            await self._database.write(tenant, add)
            del self._unsure[tenant]

    def _forget(self, tenant: str) -> None:
        self.counters.forget(tenant)
        self._unsure.pop(tenant, None)
        self._sampled.pop(tenant, None)

    async def _sample(self, now: datetime) -> None:
        """Notes each tenant's size; the first look of a day is the last of the day before too."""
        today, before = day_of(now), self._sampled_day
        for tenant in await self._tenants():
            with suppress(NonexistentTenant):
                try:
                    await self._sample_one(tenant, [day for day in dict.fromkeys((before, today)) if day])
                    if today != before:
                        await self._roll(tenant, days_before(today, KEPT_DAYS))
                except Problem as problem:
                    log.warning("a tenant's size is not known", extra={"tenant": tenant, "why": problem.title})
        self._sampled_day = today

    async def _sample_one(self, tenant: str, days: list[str]) -> None:
        size = await self._database.read(tenant, store.size_tx, quick=True)
        if self._sampled.get(tenant) != (days[-1], size) or len(days) > 1:
            await self._database.write(tenant, lambda tx: store.set_stored_tx(tx, days, size))
            self._sampled[tenant] = (days[-1], size)

    async def _roll(self, tenant: str, before: str) -> None:
        while await self._database.write(tenant, lambda tx: store.roll_tx(tx, before, ROLLED)) == ROLLED:
            pass

    async def _tenants(self) -> list[str]:
        try:
            return await self._database.tenants()
        except Problem:
            return []

    # --- what was used -----------------------------------------------------------------------------------

    def month(self) -> str:
        """The month that it is."""
        return day_of(self._clock.now())[:7]

    async def usage(self, tenant: str, month: str = "") -> Usage:
        """What a tenant used in a month (the present one without), up to this moment.

        BadRequestData for what is no month, NonexistentTenant.
        """
        month, today = check_month(month or self.month()), day_of(self._clock.now())
        await self.flush()
        rows = await self._database.read(tenant, lambda tx: store.month_tx(tx, month))
        if today.startswith(month):
            size = await self._database.read(tenant, store.size_tx, quick=True)
            rows = [one for one in rows if (one.day, one.measure) != (today, "storage")]
            rows.append(Used(today, WHOLE, "storage", size))
        return Usage(tenant, month, today[:7] > month, sorted(rows))

    async def first_month(self, tenant: str) -> str:
        """The oldest month of which there are numbers; the present one where there are none."""
        return await self._database.read(tenant, store.first_month_tx) or self.month()

    async def all(self, month: str = "") -> list[Usage]:
        """What every tenant used in a month, by name. Problem where one cannot be read."""
        return [await self.usage(tenant, month) for tenant in await self._database.tenants()]

    # --- what it costs -----------------------------------------------------------------------------------

    async def plan(self, plan: Plan) -> None:
        """Sets the cost of a month, and what it is split by, from a month on. BadRequestData."""
        check_month(plan.since)
        plan.check()
        await self._database.write(PLATFORM, lambda tx: store.put_plan_tx(tx, plan))

    async def costs(self, month: str = "") -> CostTable:
        """How a month's cost is split among the tenants that there are.

        While the month is not over the numbers are those up to this moment. Nothing is split where a tenant cannot be
        read, since the others would bear its part. BadRequestData for what is no month.
        """
        month = check_month(month or self.month())
        plan = await self._database.read(PLATFORM, lambda tx: store.plan_tx(tx, month))
        amounts, missing = {}, []
        for tenant in await self._database.tenants():
            try:
                amounts[tenant] = amounts_of(await self.usage(tenant, month))
            except NonexistentTenant:  # it was removed just now
                continue
            except Problem:
                missing.append(tenant)
        shares = split(plan, amounts) if plan is not None and not missing else []
        return CostTable(month, self.month() > month, plan, shares, missing)
