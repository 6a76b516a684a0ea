"""In which tenants somebody has anything to do, found without a look into each of them.

An index in the platform's scope names the tenants in which somebody was ever given a role, and those whose policies
name strangers. It is written before the tenant's own rows and nothing is taken out of it, so that it may name a tenant
too many and never one too few; what is true is asked of the tenants that it names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kumihimo.base.call import ANONYMOUS, Actor, Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import NonexistentTenant, Problem
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.standing import PLATFORM
from kumihimo.platform.access.words import KINDS, OPERATOR

_AT_ONCE: Final = 16
"""Tenants that are asked at once."""
_KEPT: Final = 5_000
_GOOD_FOR: Final = timedelta(seconds=1)
_STRANGERS_GOOD_FOR: Final = timedelta(seconds=10)
"""How long an answer is taken without a look, where nothing changed in this process; for strangers, of whom there may
be many, longer: what they may see of a tenant is decided anew each time.
"""


_NAMING: Final = Actor("system", "names strangers")
"""Under whom it is remembered which tenants' policies name strangers."""


@dataclass(frozen=True, slots=True)
class _Known:
    found: frozenset[str]
    changes: int
    until: datetime


class Places:
    """Finds them for callers of all kinds."""

    def __init__(self, access: Access, rules: StoredRules, clock: Clock) -> None:
        self._access = access
        self._rules = rules
        self._clock = clock
        self._known: dict[Actor, _Known] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._strangers = asyncio.Lock()
        self._naming = asyncio.Lock()

    async def of(self, actor: Actor, tenants: Sequence[str]) -> frozenset[str]:
        """Of these tenants those in which the actor holds a role, and those that have published something.

        One tenant alone is asked itself, so that no member is kept out by what the index says.
        """
        if len(tenants) == 1:
            is_in = await self._holds(actor, tenants[0]) or await self.publishes(tenants[0])
            return frozenset(tenants) if is_in else frozenset()
        published = (await self.published()).intersection(tenants)
        if actor.kind not in KINDS:
            return published
        return published | await self._held(actor, tenants)

    async def publishes(self, tenant: str) -> bool:
        """Whether strangers may read anything of the tenant; False too where there is none, or its store is away.

        A tenant that the index does not name is not looked at, so that the time it takes tells nobody whether there is
        such a tenant, and asking for names that nobody has costs nothing.
        """
        try:
            if tenant not in await self._naming_strangers():
                return False
            await self._access.decide(Call(tenant, ANONYMOUS), "read")
        except Problem:
            return False
        return True

    async def published(self) -> frozenset[str]:
        """All tenants of which strangers may read anything."""
        async with self._strangers:
            return await self._remembered(ANONYMOUS, _STRANGERS_GOOD_FOR, self._publishing)

    async def index(self) -> int:
        """Enters what the index lacks of any tenant, as where the platform's store was put back from a copy that is
        older than the tenants'; in how many. One that cannot be read is left for the next start.
        """
        known, done = await self._rules.indexed(), 0
        for tenant in await self._rules.tenants():
            with suppress(Problem):
                done += await self._rules.index(tenant, known.get(tenant, frozenset()))
        return done

    async def _naming_strangers(self) -> frozenset[str]:
        """The tenants whose policies name strangers, or once did."""

        async def look() -> frozenset[str]:
            return frozenset(await self._rules.places(ANONYMOUS))

        async with self._naming:
            return await self._remembered(_NAMING, _GOOD_FOR, look)

    async def _publishing(self) -> frozenset[str]:
        return await self._those(await self._naming_strangers(), self.publishes)

    async def _held(self, actor: Actor, tenants: Sequence[str]) -> frozenset[str]:
        if OPERATOR in await self._access.roles(PLATFORM, actor):
            return frozenset(tenants)

        async def look() -> frozenset[str]:
            named = await self._rules.places(actor)
            return await self._those(named, lambda tenant: self._holds(actor, tenant))

        return (await self._remembered(actor, _GOOD_FOR, look)).intersection(tenants)

    async def _holds(self, actor: Actor, tenant: str) -> bool:
        if actor.kind not in KINDS:
            return False
        try:
            return bool(await self._access.roles(tenant, actor))
        except NonexistentTenant:
            return False

    async def _those(self, named: Collection[str], hold: Callable[[str], Awaitable[bool]]) -> frozenset[str]:
        async def one(tenant: str) -> bool:
            async with self._turn:
                return await hold(tenant)

        told = await asyncio.gather(*map(one, named))
        return frozenset(tenant for tenant, is_one in zip(named, told, strict=True) if is_one)

    async def _remembered(
        self, actor: Actor, good_for: timedelta, look: Callable[[], Awaitable[frozenset[str]]]
    ) -> frozenset[str]:
        changes, now = self._access.revision(PLATFORM), self._clock.now()
        known = self._known.get(actor)
        if known is not None and known.changes == changes and now < known.until <= now + good_for:
            return known.found
        found = await look()
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[actor] = _Known(found, changes, now + good_for)
        return found
