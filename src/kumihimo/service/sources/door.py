"""The sources' door: add, list, remove, run; and the runner that looks at each when its time has come."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import AlreadyExists, BadRequestData, NonexistentTenant, Problem, ResourceNotFound
from kumihimo.service.sources import store
from kumihimo.service.sources.models import Content, Look, Outcome, Source
from kumihimo.service.sources.take import Failed, Taker
from kumihimo.storage.database import Database, Tx

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often it is asked whose time has come."""
LEASE_SECONDS = 120
"""A look that was begun and not ended, because the platform was killed, is begun again after this; it is renewed."""
LEAST, MOST = 10, 31 * 24 * 3600
"""Seconds between two looks at a source."""
LONGEST_WAIT = 6 * 3600
"""Failures in a row double the wait up to this, or to the source's own where that is longer."""
MAX_SOURCES = 100
AT_ONCE = 4
"""Looks at the same time, over all tenants."""
MAX_DETAIL = 500
MAX_REASONS, MAX_REASON = 20, 300
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", re.ASCII)


class Sources:
    """Sources of every tenant; chance gives numbers from 0 to 1, so that sources do not all run in one moment."""

    def __init__(
        self, database: Database, clock: Clock, taker: Taker, chance: Callable[[], float] = random.random
    ) -> None:
        self._database = database
        self._clock = clock
        self._taker = taker
        self._chance = chance
        self._running: dict[tuple[str, str], asyncio.Task[Source]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    # --- what an operator does ---------------------------------------------------------------------------

    async def add(self, tenant: str, source: Source) -> Source:
        """Adds a source, to be looked at at once. BadRequestData, AlreadyExists, NonexistentTenant."""
        _check(source)
        now = self._now()
        fresh = replace(source, added_at=now, next_run=now)

        async def work(tx: Tx) -> None:
            held = await store.sources_tx(tx)
            if any(one.name == source.name for one in held):
                raise AlreadyExists(f"there is a source {source.name!r} already; remove it first, or take another name")
            if len(held) >= MAX_SOURCES:
                raise BadRequestData(f"the tenant has {len(held)} sources; more are not kept")
            await store.put_tx(tx, fresh)

        await self._database.write(tenant, work)
        return fresh

    async def all(self, tenant: str) -> list[Source]:
        """All sources of a tenant, by name."""
        return await self._database.read(tenant, store.sources_tx)

    async def set_aside(self, tenant: str, name: str) -> list[Content]:
        """What of a source could not be read, and why."""
        held = await self._database.read(tenant, lambda tx: store.contents_tx(tx, name))
        return [one for one in held.values() if one.state == "aside"]

    async def remove(self, tenant: str, name: str) -> bool:
        """Removes a source; False where there is none. What it brought stays."""
        return await self._database.write(tenant, lambda tx: store.remove_tx(tx, name))

    async def run_now(self, tenant: str, name: str) -> Source:
        """Looks at a source once, now, and gives how it fared. ResourceNotFound, AlreadyExists while it runs."""
        if (tenant, name) in self._running:
            raise AlreadyExists(f"source {name!r} is being looked at now; see `source list` in a moment")
        return await self._start(tenant, name, due=False)

    # --- the schedule ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Looks at sources when their time has come, until it is cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def look(self) -> None:
        """Begins a look at each source whose time has come and that is not being looked at."""
        try:
            tenants = await self._database.tenants()
        except Problem as problem:
            log.warning("sources wait for the store", extra={"why": problem.title})
            return
        for tenant in tenants:
            now = self._now()
            try:
                due = await self._database.read(tenant, lambda tx: store.due_tx(tx, now), quick=True)  # noqa: B023
            except NonexistentTenant:
                continue
            except Problem as problem:
                log.warning("sources wait for the tenant's store", extra={"tenant": tenant, "why": problem.title})
                continue
            for name in due:
                if (tenant, name) not in self._running:
                    self._start(tenant, name, due=True)

    def _start(self, tenant: str, name: str, *, due: bool) -> asyncio.Task[Source]:
        task = asyncio.create_task(self._one(tenant, name, due=due), name=f"source-{tenant}-{name}")
        self._running[tenant, name] = task
        task.add_done_callback(lambda _: self._ended(tenant, name))
        return task

    def _ended(self, tenant: str, name: str) -> None:
        task = self._running.pop((tenant, name))
        if task.cancelled() or (problem := task.exception()) is None:
            return
        if not isinstance(problem, Problem):
            log.error("a look at a source failed", extra={"tenant": tenant, "source": name}, exc_info=problem)

    async def _one(self, tenant: str, name: str, *, due: bool) -> Source:
        async with self._places:
            source = await self._claim(tenant, name, due=due)
            if source is None:
                raise ResourceNotFound(f"tenant {tenant!r} has no source {name!r} that is due")
            holding = asyncio.create_task(self._hold(tenant, name))
            try:
                look = await self._taker.look(tenant, source)
            except Failed as problem:
                return await self._failed(tenant, source, str(problem))
            except Problem as problem:
                return await self._failed(tenant, source, problem.detail)
            except Exception:
                await self._failed(tenant, source, "a fault of the platform; its log holds the cause")
                raise
            finally:
                holding.cancel()
            return await self._looked(tenant, source, look)

    async def _hold(self, tenant: str, name: str) -> None:
        """Keeps others from the source for as long as the look takes; a full disk is the look's own business."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            with suppress(Problem):
                await self._claim(tenant, name, due=False)

    async def _claim(self, tenant: str, name: str, *, due: bool) -> Source | None:
        """The source, marked as being looked at; None where there is none, or another process was quicker."""
        now = self._now()

        async def work(tx: Tx) -> Source | None:
            source = await store.source_tx(tx, name)
            if source is None or (due and source.next_run > now):
                return None
            await store.put_tx(tx, replace(source, next_run=now + LEASE_SECONDS * 1_000_000))
            return source

        return await self._database.write(tenant, work)

    async def _looked(self, tenant: str, source: Source, look: Look) -> Source:
        outcome: Outcome = "aside" if look.aside else "taken" if look.files else "unchanged"
        wait = 0.0 if look.more else self._jittered(source.every)
        said = [one[:MAX_REASON] for one in (*look.aside, *look.reasons)][:MAX_REASONS]
        if look.aside or look.refused:
            log.warning(
                "a source gave what was not taken",
                extra={"tenant": tenant, "source": source.name, "refused": look.refused, "aside": len(look.aside)},
            )
        return await self._keep(
            tenant,
            source.name,
            lambda now: replace(
                now,
                outcome=outcome,
                detail="",
                reasons=said if look.files else now.reasons,  # nobody may have read them before nothing new was found
                taken=now.taken + look.taken,
                refused=now.refused + look.refused,
                failures=0,
                validators=look.validators,
            ),
            wait,
        )

    async def _failed(self, tenant: str, source: Source, why: str) -> Source:
        failures = source.failures + 1
        wait = min(source.every * 2.0 ** min(failures, 20), max(source.every, LONGEST_WAIT))
        if failures == 1:
            log.warning("a source cannot be looked at", extra={"tenant": tenant, "source": source.name})
        return await self._keep(
            tenant,
            source.name,
            lambda now: replace(now, outcome="failed", detail=why[:MAX_DETAIL], failures=failures),
            self._jittered(wait),
        )

    def _jittered(self, seconds: float) -> float:
        """Up to a tenth later."""
        return seconds * (1 + self._chance() / 10)

    async def _keep(self, tenant: str, name: str, change: Callable[[Source], Source], wait: float) -> Source:
        """Keeps how a source fared; one that was removed meanwhile stays removed."""
        now = self._now()

        async def work(tx: Tx) -> Source:
            source = await store.source_tx(tx, name)
            if source is None:
                raise ResourceNotFound(f"source {name!r} was removed while it was looked at")
            source = replace(change(source), last_run=now, next_run=now + int(wait * 1_000_000))
            await store.put_tx(tx, source)
            return source

        return await self._database.write(tenant, work)

    def _now(self) -> int:
        return times.micros(self._clock.now())


def _check(source: Source) -> None:
    if not _NAME.match(source.name):
        raise BadRequestData(
            f"{source.name[:64]!r} is no name of a source: use 1 to 64 of A-Z, a-z, 0-9, '.', '-' and '_'"
        )
    if not LEAST <= source.every <= MOST:
        raise BadRequestData(
            f"a source is looked at every {LEAST} seconds to 31 days, not every {source.every} seconds"
        )
    if source.kind == "url":
        parts = urlsplit(source.place)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadRequestData(f"{source.place[:200]!r} is no http or https address")
        if parts.username is not None or parts.password is not None:
            raise BadRequestData("the address holds a user name or password, which would be shown and logged")
    elif not source.place.startswith("/"):
        raise BadRequestData(f"{source.place[:200]!r} is no absolute path of a folder")
