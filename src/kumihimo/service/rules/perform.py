"""Does what firings ask for, out of the outbox: each action once it can be done, none twice, none forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import NonexistentTenant, Overloaded, Problem, StorageRefused
from kumihimo.service.rules import firings, store
from kumihimo.service.rules.definition import ActionKind
from kumihimo.service.rules.models import ActionRow, ActionState, Done, Functions, Order, Perform, Persons, Task
from kumihimo.service.rules.refusal import Words
from kumihimo.service.rules.windows import MINUTE
from kumihimo.storage.database import Database

log = logging.getLogger(__name__)

BATCH: Final = 10
"""Actions that are claimed at once."""
LEASE: Final = 30_000_000
"""Microseconds for which a claim is good; what a kill left is taken up after that, or at the start by who is alone."""
MAX_TRIES: Final = 8
FIRST_WAIT: Final = 2_000_000
"""Microseconds until an action is tried again; it doubles with every try."""
LONGEST_WAIT: Final = 600_000_000
STALE_COMMAND: Final = 300_000_000
"""Microseconds after which a command that could not be put is given up: it was meant for then."""
AWAY: Final = (StorageRefused, Overloaded, OSError, TimeoutError)
"""What may be over in a while; anything else that is raised will be the same the next time."""


class Performer:
    """Works off the outboxes of the tenants; ports by the kind of action. alone: no other process works on them, so
    that what is claimed at the start was claimed by one that is gone, and is done at once.
    """

    def __init__(
        self, database: Database, clock: Clock, ports: Mapping[ActionKind, Perform], *, alone: bool = False
    ) -> None:
        self._begun: set[str] | None = set() if alone else None
        self._database = database
        self._clock = clock
        self._ports = {**ports, "task": self._task}
        self.persons: Persons | None = None
        self.functions: Functions | None = None

    def _now(self) -> int:
        return times.micros(self._clock.now())

    async def begin(self, tenant: str) -> None:
        """To be called before anything of the tenant is claimed: frees, once, what an earlier process claimed."""
        if self._begun is None or tenant in self._begun:
            return
        now = self._now()
        await self._database.write(tenant, lambda tx: firings.release_tx(tx, now, now + LEASE))
        self._begun.add(tenant)

    async def act(self, tenant: str) -> int:
        """Does what is due but for notifications, one after the other; how many actions were tried."""
        due = await self._claimed(tenant, notify=False)
        for row in due:
            await self._one(tenant, row.order)
        return len(due)

    async def notify(self, tenant: str) -> int:
        """Sends the notifications that are due, side by side, as one that is slow must hold up no other."""
        due = await self._claimed(tenant, notify=True)
        await asyncio.gather(*(self._one(tenant, row.order) for row in due))
        return len(due)

    async def _claimed(self, tenant: str, *, notify: bool) -> list[ActionRow]:
        now = self._now()
        return await self._database.write(
            tenant, lambda tx: firings.claim_tx(tx, now, now + LEASE, BATCH, notify=notify)
        )

    async def next(self, tenant: str) -> int | None:
        """The moment at which something that waits may be tried."""
        return await self._database.read(tenant, firings.next_tx, quick=True)

    async def _one(self, tenant: str, order: Order) -> None:
        try:
            done = await self._tried(tenant, order)
        except NonexistentTenant:
            raise
        except Exception as problem:
            if not isinstance(problem, (*AWAY, Problem)):
                log.exception("an action of a rule failed", extra={"tenant": tenant, "rule": order.rule})
            await self._failed(tenant, order, problem)
            return
        now = self._now()
        await self._database.write(tenant, lambda tx: firings.end_tx(tx, order.key, done.state, done.words, now))

    async def _tried(self, tenant: str, order: Order) -> Done:
        if order.kind == "command" and self._now() - order.made_at > STALE_COMMAND:
            return Done(
                "failed", Words("時間がたちすぎたため指示しませんでした。", "it was too late to send the command")
            )
        port = self._ports.get(order.kind)
        if port is None:
            return Done("refused", Words("この基盤ではできない動作です。", "this platform has no way to do this"))
        if self.persons is not None and (words := await self.persons.of_order(tenant, order)):
            return Done("refused", words)
        functions = self.functions if order.kind == "compute" else None
        if functions is not None and (words := await functions.of_order(tenant, order)):
            return Done("refused", words)
        return await port(tenant, order)

    async def _failed(self, tenant: str, order: Order, problem: Exception) -> None:
        name = type(problem).__name__
        said = problem.detail if isinstance(problem, Problem) else name
        words = Words(f"できませんでした（{said}）。", f"it could not be done: {said}")
        now, tries = self._now(), order.tries + 1
        if tries >= MAX_TRIES or not isinstance(problem, AWAY):
            state: ActionState = (
                "failed" if isinstance(problem, AWAY) or not isinstance(problem, Problem) else "refused"
            )
            await self._database.write(tenant, lambda tx: firings.end_tx(tx, order.key, state, words, now))
            return
        wait = min(FIRST_WAIT * 2**order.tries, LONGEST_WAIT)
        await self._database.write(tenant, lambda tx: firings.put_off_tx(tx, order.key, words, now + wait))

    async def _task(self, tenant: str, order: Order) -> Done:
        content = order.content
        task = Task(
            order.key,
            order.rule_set,
            order.rule,
            content["of"],
            content["whom"],
            content["text"],
            order.made_at,
            order.made_at + content["minutes"] * MINUTE,
        )
        await self._database.write(tenant, lambda tx: store.add_task_tx(tx, task))
        return Done("done")
