"""The imports' door: begin, batches in order, finish. Each is one transaction that also says how far the import is.

Rows go to history alone and into no log record, so that nobody is notified of them. At the end the newest instance of
each series is held against the current state, as any late reading is (decision 4): where it is newer it becomes
current, with one log record and so at most one notification for each attribute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import AlreadyExists, BadRequestData, ResourceNotFound
from kumihimo.base.ports import Bus, log_topic
from kumihimo.platform.broker.instances import find, is_null, moment
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Change, Op, Remember
from kumihimo.platform.broker.query import get_tx
from kumihimo.platform.broker.write import apply_calls_tx
from kumihimo.platform.history import bulk
from kumihimo.platform.history.models import SCOPE
from kumihimo.platform.imports import store
from kumihimo.platform.imports.models import Batch, Run, Taken
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import Database, Tx

AHEAD = timedelta(hours=1)
"""How far in the future an observation may lie, as for devices: beyond it, it would stand before every real reading."""
MAX_ROWS = 20_000
_SETTLED_AT_ONCE = 200
_REASONS = 12


class Imports:
    """Imports of every tenant; `remember` is history's hook in the broker's transactions."""

    def __init__(self, database: Database, clock: Clock, bus: Bus, remember: Remember) -> None:
        self._database = database
        self._clock = clock
        self._bus = bus
        self._remember = remember

    async def begin(self, tenant: str, import_id: str, title: str, *, again: bool = False) -> tuple[Run, Run | None]:
        """The import as far as it is, and the one under the same title that it takes the place of.

        again begins one anew that was done. NonexistentTenant.
        """
        now = times.micros(self._clock.now())

        async def work(tx: Tx) -> tuple[Run, Run | None]:
            run = await store.run_tx(tx, import_id)
            if run is not None and not (again and run.state == "done"):
                return run, None
            if run is not None:
                await store.forget_tx(tx, import_id)
            run = Run(import_id, title, begun_at=now, changed_at=now)
            given_up = await store.unfinished_tx(tx, title, import_id)
            for old in given_up:
                await store.hand_over_tx(tx, old.id, import_id)
                await store.forget_tx(tx, old.id)
            await store.put_tx(tx, run)
            return run, given_up[-1] if given_up else None

        return await self._database.write(tenant, work)

    async def take(self, tenant: str, batch: Batch) -> Taken:
        """Writes a batch, once; ResourceNotFound for an import that was not begun, AlreadyExists out of order."""
        if len(batch.rows) > MAX_ROWS:
            raise BadRequestData(f"{len(batch.rows)} rows in one batch; at most {MAX_ROWS} are taken")
        now = self._clock.now()

        async def work(tx: Tx) -> Taken:
            run = await _run_tx(tx, batch.import_id)
            if run.position != batch.before:
                raise AlreadyExists(
                    f"the import is at record {run.position}, not at {batch.before}: another process imports the same "
                    "file; let it finish, or run this again"
                )
            rows, reasons = await _wanted_tx(tx, batch, now)
            added = await bulk.add_many_tx(tx, rows, now)
            await store.note_newest_tx(tx, batch, rows)
            run = replace(
                run,
                position=batch.after,
                stored=run.stored + added.stored,
                duplicates=run.duplicates + added.duplicates,
                corrected=run.corrected + added.corrected,
                refused=run.refused + batch.refused + len(batch.rows) - len(rows),
                changed_at=times.micros(now),
            )
            await store.put_tx(tx, run)
            return Taken(run, reasons)

        return await self._database.write(tenant, work)

    async def finish(self, call: Call, import_id: str) -> Run:
        """As settle, to the end."""
        while (run := await self.settle(call, import_id)).state == "running":
            pass
        return run

    async def settle(self, call: Call, import_id: str) -> Run:
        """Holds some of the newest instances against the current state; where none are left, the import is done.

        ResourceNotFound for an import that was not begun. One that is done stays so.
        """
        now = self._clock.now()

        async def work(tx: Tx) -> tuple[Run, int]:
            run = await _run_tx(tx, import_id)
            rows = await store.newest_tx(tx, import_id, _SETTLED_AT_ONCE)
            changes = [_change(one) for one in rows if await _is_newer_tx(tx, one)]
            outcomes = (await apply_calls_tx(tx, [(call, changes)], now, self._remember))[0] if changes else []
            await store.drop_newest_tx(tx, import_id, rows)
            settled = sum(one.seq > 0 for one in outcomes)
            run = replace(
                run,
                settled=run.settled + settled,
                state="running" if rows else "done",
                changed_at=times.micros(now),
            )
            await store.put_tx(tx, run)
            return run, settled

        run, settled = await self._database.write(call.tenant, work)
        if settled:
            self._bus.publish(log_topic(call.tenant))
        return run


async def _run_tx(tx: Tx, import_id: str) -> Run:
    run = await store.run_tx(tx, import_id)
    if run is None:
        raise _unknown()
    return run


def _unknown() -> ResourceNotFound:
    return ResourceNotFound("there is no such import; begin it first")


async def _wanted_tx(tx: Tx, batch: Batch, now: datetime) -> tuple[Sequence[bulk.Past], list[str]]:
    """The rows that are taken, their entities begun; why others are not."""
    latest = times.micros(now + AHEAD)
    rows = [row for row in batch.rows if row.observed_at <= latest]
    ahead = len(batch.rows) - len(rows)
    reasons = [f"{ahead} observations lie in the future; they are not written"] if ahead else []
    if not batch.may_create:
        heads = await bulk.heads_tx(tx, list(batch.types))
        known = {name for name, head in heads.items() if not head.is_apart and head.deleted_at is None}
        reasons += [f"there is no entity {name}" for name in batch.types if name not in known][:_REASONS]
        return [row for row in rows if row.entity_id in known], reasons
    named = {row.entity_id for row in rows}
    await bulk.begin_tx(tx, {name: kinds for name, kinds in batch.types.items() if name in named}, now)
    return rows, reasons


async def _is_newer_tx(tx: Tx, one: store.Newest) -> bool:
    """Whether the instance may become current: a deletion, or a value without a moment, may be newer than it.

    The scope is no attribute among the current ones, and the NGSI-LD null says that there was none any more.
    """
    past = one.past
    if past.attribute == SCOPE or is_null(past.instance):
        return False
    doc = await get_tx(tx, past.entity_id, ALL_ROWS, ALL_ATTRIBUTES)
    if doc is None:
        head = (await bulk.heads_tx(tx, [past.entity_id])).get(past.entity_id)
        return head is None or head.deleted_at is None or head.deleted_at < past.observed_at
    stands = find(doc["attrs"].get(past.attribute), past.dataset)
    return stands is None or "observedAt" in stands or moment(stands["modifiedAt"]) < past.observed_at


def _change(one: store.Newest) -> Change:
    past = one.past
    doc = cast("EntityDoc", {"id": past.entity_id, "type": one.types, "attrs": {past.attribute: [past.instance]}})
    return Change(Op.READING, past.entity_id, doc)
