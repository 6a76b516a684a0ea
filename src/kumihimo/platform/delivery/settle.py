"""Writes down what came of attempts to send: all that ended while the last transaction ran go into the next one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from kumihimo.base.errors import Problem
from kumihimo.platform.delivery import outbox, store
from kumihimo.platform.delivery.models import Attempt, Tally
from kumihimo.storage.database import Database, Tx

_BATCH = 500
_Waiting = tuple[Attempt, "asyncio.Future[bool]"]


class Settler:
    """attempts: after so many a notification is given up; kept: attempts that are remembered for each subscription."""

    def __init__(self, database: Database, attempts: int, kept: int) -> None:
        self._database = database
        self._attempts = attempts
        self._kept = kept
        self._waiting: dict[str, list[_Waiting]] = defaultdict(list)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def settle(self, tenant: str, attempt: Attempt) -> bool:
        """Returns once the attempt is written down: True where the notification was given up with it.

        Raises what the store raises; the notification stands in the outbox then.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[tenant].append((attempt, future))
        if tenant not in self._tasks:
            self._tasks[tenant] = asyncio.create_task(self._run(tenant), name=f"settle-{tenant}")
        return await future

    async def stop(self) -> None:
        """Breaks off; what is not written down stays in the outbox."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._waiting.clear()

    async def _run(self, tenant: str) -> None:
        try:
            while waiting := self._waiting[tenant]:
                batch, self._waiting[tenant] = waiting[:_BATCH], waiting[_BATCH:]
                await self._write(tenant, batch)
        finally:
            del self._tasks[tenant]
            self._waiting.pop(tenant, None)

    async def _write(self, tenant: str, batch: Sequence[_Waiting]) -> None:
        attempts = [attempt for attempt, _ in batch]
        try:
            buried = await self._database.write(tenant, lambda tx: self._settle_tx(tx, attempts))
        except Exception as problem:  # noqa: BLE001 - whatever it is, each sender hears of it
            if isinstance(problem, Problem) or len(batch) == 1:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(problem)
                return
            # One that cannot be written must not keep the others from it.
            for one in batch:
                await self._write(tenant, [one])
            return
        for attempt, future in batch:
            if not future.done():
                future.set_result(attempt.notification in buried)

    async def _settle_tx(self, tx: Tx, attempts: Sequence[Attempt]) -> set[str]:
        """The notifications that were given up."""
        await outbox.sent_tx(tx, [one.notification for one in attempts if one.taken])
        buried = set()
        for one in attempts:
            if not one.taken:
                reason = f"{one.status or 'no answer'}: {one.detail}"
                if await outbox.failed_tx(tx, one.notification, self._attempts, one.at, reason):
                    buried.add(one.notification)
        tallies = tallied(attempts)
        await store.count_attempts_tx(tx, list(tallies.values()))
        states = await store.states_tx(tx, list(tallies))
        # Of a subscription that was deleted meanwhile nothing is kept.
        await outbox.note_attempts_tx(tx, [one for one in attempts if one.subscription in states])
        # Seldom, and by a number that outlives a restart: so at most twice as many stay.
        due = [id_ for id_, state in states.items() if state.times_sent % self._kept < tallies[id_].sent]
        await outbox.trim_attempts_tx(tx, due, self._kept)
        return buried


def tallied(attempts: Sequence[Attempt]) -> dict[str, Tally]:
    """Attempts counted by subscription."""
    tallies: dict[str, Tally] = {}
    for one in attempts:
        tally = tallies.setdefault(one.subscription, Tally(one.subscription))
        tally.sent += 1
        if one.taken:
            tally.success = max(tally.success, one.at)
        else:
            tally.failed += 1
            tally.failure = max(tally.failure, one.at)
    return tallies
