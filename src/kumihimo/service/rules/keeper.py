"""Keeps the rule sets of all tenants at work: woken by the log's nudges and by the clock, one pass after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from kumihimo.base.errors import NonexistentTenant, Problem
from kumihimo.base.ports import ALL_LOGS, Bus, screens_topic
from kumihimo.service.rules import store
from kumihimo.service.rules.clockwork import tick
from kumihimo.service.rules.compile import Compiled
from kumihimo.service.rules.models import RuleSet
from kumihimo.service.rules.perform import Performer
from kumihimo.service.rules.refusal import RuleRefused
from kumihimo.service.rules.run import Runner, Stale, Tools

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often the clock is looked at, and one tenant asked for what another process wrote or a lost nudge kept back."""
AT_ONCE: Final = 4
"""Tenants whose rules are judged at the same time."""
STEPS: Final = 5
"""Steps of one set in one pass, so that a set far behind keeps no other waiting."""
FLUSH_MICROS: Final = 30_000_000
"""How long counts may stand in memory before they are written."""
AGAIN_MICROS: Final = 5_000_000
MAX_ROUNDS: Final = 1000


class _Town:
    """What is at work in one tenant. next_due: the moment of the clock at which something is due; waits: the one
    at which something of the outbox is.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.runners: dict[str, Runner] = {}
        self.next_due: int | None = None
        self.waits: int | None = None
        self.flushed = 0


class Keeper:
    """The sets at work; compile gives a text's rules."""

    def __init__(self, tools: Tools, bus: Bus, performer: Performer, compile_: Callable[[str], Compiled]) -> None:
        self._tools = tools
        self._bus = bus
        self._performer = performer
        self._compile = compile_
        self._towns: dict[str, _Town] = {}
        self._woken: set[str] = set()
        self._awake = asyncio.Event()
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._troubled: set[str] = set()

    def wake(self, tenant: str) -> None:
        """Asks for a look at a tenant."""
        self._woken.add(tenant)
        self._awake.set()

    def counters(self) -> Mapping[str, float]:
        """How many sets are at work here, and how many tenants are being looked at."""
        return {"sets": sum(len(one.runners) for one in self._towns.values()), "busy": len(self._tasks)}

    # --- one pass ------------------------------------------------------------------------------------------

    async def look(self, tenant: str) -> bool:
        """Judges what is new and does what is due, but for notifications; True where more waits at once."""
        town = self._towns.setdefault(tenant, _Town())
        async with town.lock:
            await self._performer.begin(tenant)
            return await self._pass(tenant, town)

    async def _pass(self, tenant: str, town: _Town) -> bool:
        await self._take_up(tenant, town)
        more, due = False, list[int]()
        for name, runner in list(town.runners.items()):
            try:
                behind, moment = await self._run(runner)
            except Stale:
                del town.runners[name]
                more = True
                continue
            except Exception:
                # What it knows may be ahead of what is kept: it is taken up anew from there.
                del town.runners[name]
                raise
            more |= behind
            if moment is not None:
                due.append(moment)
        acted = await self._act(tenant, town)
        if town.waits is not None:
            due.append(town.waits)
        if acted:
            self._bus.publish(screens_topic(tenant))
        town.next_due = min(due, default=None)
        await self._flush_all(town)
        return more

    async def _act(self, tenant: str, town: _Town) -> int:
        """Does what is due but for notifications, a batch after the other; how many actions were tried."""
        acted = 0
        for _ in range(STEPS):
            town.waits = await self._performer.next(tenant)
            if town.waits is None or town.waits > self._tools.now():
                return acted
            if not (tried := await self._performer.act(tenant)):
                break
            acted += tried
        town.waits = await self._performer.next(tenant)
        return acted

    async def _run(self, runner: Runner) -> tuple[bool, int | None]:
        behind = True
        for _ in range(STEPS):
            if not (behind := await runner.step()):
                break
        return behind, await tick(runner)

    async def _take_up(self, tenant: str, town: _Town) -> None:
        """Makes what is at work what is on, as it is now."""
        found = await self._tools.database.read(tenant, store.revisions_tx, quick=True)
        for name, runner in list(town.runners.items()):
            if found.get(name) != runner.rule_set.revision:
                del town.runners[name]
        missing = found.keys() - town.runners.keys()
        if not missing:
            return
        for one in await self._tools.database.read(tenant, store.sets_tx):
            opened = await self._opened(tenant, one) if one.name in missing and one.is_on else None
            if opened is not None:
                town.runners[one.name] = opened

    async def _opened(self, tenant: str, one: RuleSet) -> Runner | None:
        try:
            runner = Runner(self._tools, tenant, one, self._compile(one.text))
            await runner.open()
        except Stale:
            return None
        except RuleRefused:
            # It was taken by an older program; its page says what is wrong now.
            log.warning("a rule set cannot be run", extra={"tenant": tenant, "rule_set": one.name})
            return None
        return runner

    async def _flush_all(self, town: _Town) -> None:
        now = self._tools.now()
        if now - town.flushed < FLUSH_MICROS:
            return
        town.flushed = now
        for name, runner in list(town.runners.items()):
            await self._flush_one(town, name, runner)

    async def flush(self, tenant: str, name: str) -> None:
        """Writes what a set counted, so that whoever looks now sees it."""
        town = self._towns.get(tenant)
        if town is None:
            return
        async with town.lock:
            if (runner := town.runners.get(name)) is not None:
                await self._flush_one(town, name, runner)

    @staticmethod
    async def _flush_one(town: _Town, name: str, runner: Runner) -> None:
        if not runner.has_unsaved:
            return
        try:
            await runner.save()
        except Stale:
            town.runners.pop(name, None)

    async def catch_up(self, tenant: str) -> None:
        """Judges and does everything that is there and due, notifications too, and what follows from it."""
        for _ in range(MAX_ROUNDS):
            more = await self.look(tenant)
            waits = await self._performer.next(tenant)
            due = waits is not None and waits <= self._tools.now()
            if not (more or (due and await self._performer.notify(tenant)) or due):
                return

    # --- all tenants ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Looks at each tenant when it is woken, when something is due, and each in its turn; until cancelled."""
        helpers = [asyncio.create_task(self._hear()), asyncio.create_task(self._clock())]
        try:
            while True:
                await self._awake.wait()
                self._awake.clear()
                for tenant in list(self._woken):
                    self._begin(tenant)
        finally:
            running = [*helpers, *self._tasks.values()]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await self._close()

    async def _close(self) -> None:
        """Writes what was counted, as far as that goes."""
        for tenant, town in self._towns.items():
            for name, runner in list(town.runners.items()):
                try:
                    await self._flush_one(town, name, runner)
                except Problem as problem:
                    log.warning("counts of rules were not kept", extra={"tenant": tenant, "why": problem.title})

    async def _hear(self) -> None:
        prefix = ALL_LOGS.removesuffix("*")
        async for topic in self._bus.listen(ALL_LOGS):
            self.wake(topic.removeprefix(prefix))

    async def _clock(self) -> None:
        turn: list[str] = []
        while True:
            now = self._tools.now()
            for tenant, town in self._towns.items():
                if town.next_due is not None and town.next_due <= now:
                    self.wake(tenant)
            turn = turn or await self._tenants()
            if turn:
                self.wake(turn.pop())
            await asyncio.sleep(LOOK_SECONDS)

    async def _tenants(self) -> list[str]:
        try:
            tenants = await self._tools.database.tenants()
        except Exception as problem:  # noqa: BLE001 - told once, tried again
            self._wait("", problem)
            return []
        for gone in self._towns.keys() - set(tenants):
            del self._towns[gone]
        return tenants[::-1]

    def _begin(self, tenant: str) -> None:
        """Starts a pass, unless one is under way: then the tenant stays woken and is looked at after it."""
        if (tenant, "judge") in self._tasks:
            return
        self._woken.discard(tenant)
        self._start(tenant, "judge")

    def _start(self, tenant: str, what: str) -> None:
        task = asyncio.create_task(self._guarded(tenant, what), name=f"rules-{what}-{tenant}")
        self._tasks[tenant, what] = task
        task.add_done_callback(lambda _: self._ended(tenant, what))

    def _ended(self, tenant: str, what: str) -> None:
        self._tasks.pop((tenant, what), None)
        if tenant in self._woken:
            self._awake.set()

    async def _guarded(self, tenant: str, what: str) -> None:
        """A tenant whose store is away, or a fault, stops no other; it is tried again after a while."""
        try:
            if what == "notify":
                await self._performer.notify(tenant)
                self.wake(tenant)
            else:
                async with self._places:
                    await self._judge(tenant)
        except NonexistentTenant:
            self._towns.pop(tenant, None)
        except Exception as problem:  # noqa: BLE001 - told in _wait
            self._wait(tenant, problem)
            if (town := self._towns.get(tenant)) is not None:
                town.next_due = self._tools.now() + AGAIN_MICROS
        else:
            self._troubled.discard(tenant)

    async def _judge(self, tenant: str) -> None:
        if await self.look(tenant):
            self.wake(tenant)
        town = self._towns.get(tenant)
        due = town is not None and town.waits is not None and town.waits <= self._tools.now()
        if due and (tenant, "notify") not in self._tasks:
            self._start(tenant, "notify")

    def _wait(self, tenant: str, problem: Exception) -> None:
        if tenant not in self._troubled:
            ours = None if isinstance(problem, Problem) else problem
            log.warning("rules wait", extra={"tenant": tenant, "why": type(problem).__name__}, exc_info=ours)
        self._troubled.add(tenant)
