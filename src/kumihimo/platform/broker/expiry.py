"""Transient entities and attributes (clause 4.5.5, expiresAt): gone from every answer at their moment.

What has expired is taken away before anything is read or written, like a deletion by the platform itself: with a
log record, so that subscriptions hear of it, and a tombstone in history. When something is next due is kept in
memory, so that where nothing expires nothing is asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import Clock
from kumihimo.base.jsontext import parse
from kumihimo.platform.broker.instances import dataset_of, moment
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.jsonld.models import NGSI_LD_NULL, EntityDoc, Instance
from kumihimo.storage.database import Database, Tx

STEP = 200
"""How many entities lose something in one transaction."""
_NEVER = 1 << 62
_MARK = '"expiresAt"'

ApplyTx = Callable[[Tx, Call, Sequence[Change]], Awaitable[object]]


def soonest(doc: EntityDoc) -> int | None:
    """The first moment (microseconds) at which the entity or an instance of it expires; None for never."""
    return min((moment(one) for one in _moments(doc) if one != NGSI_LD_NULL), default=None)


def _moments(doc: EntityDoc) -> Iterable[str]:
    if "expiresAt" in doc:
        yield doc["expiresAt"]
    for instances in doc.get("attrs", {}).values():
        for one in instances:
            if "expiresAt" in one:
                yield one["expiresAt"]


def may_expire(text: str) -> bool:
    """Whether the document with this text can have something that expires; False is certain."""
    return _MARK in text


def expired(doc: EntityDoc, now: int) -> list[Change]:
    """What takes away all that has expired at this moment (microseconds)."""
    if _is_over(doc, now):
        return [Change(Op.DELETE, doc["id"])]
    return [
        Change(Op.DELETE_ATTRIBUTE, doc["id"], attribute=name, dataset=dataset_of(one))
        for name, instances in doc["attrs"].items()
        for one in instances
        if _is_over(one, now)
    ]


def _is_over(holder: EntityDoc | Instance, now: int) -> bool:
    at = holder.get("expiresAt", NGSI_LD_NULL)
    return at != NGSI_LD_NULL and moment(at) <= now


async def index_tx(tx: Tx, rows: Sequence[tuple[int, EntityDoc]]) -> None:
    """Makes the index of what expires say what the documents say: number, document."""
    await tx.execute_many("DELETE FROM entity_expiry WHERE number = $1", [(number,) for number, _ in rows])
    due = [(number, at) for number, at in ((number, soonest(doc)) for number, doc in rows) if at is not None]
    if due:
        await tx.execute_many("INSERT INTO entity_expiry (number, at) VALUES ($1, $2)", due)


class Expiry:
    """Knows of each tenant when something is next due, and takes it away then."""

    def __init__(self, database: Database, clock: Clock, apply_tx: ApplyTx, published: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self._apply_tx = apply_tx
        self._published = published
        self._due: dict[str, int] = {}
        self._noted: dict[str, int] = {}

    def expect(self, tenant: str, changes: Iterable[Change]) -> None:
        """Notes what changes that were written have brought with them."""
        for change in changes:
            at = soonest(change.doc) if change.doc is not None else None
            if at is None:
                continue
            self._noted[tenant] = self._noted.get(tenant, 0) + 1
            if tenant in self._due:
                self._due[tenant] = min(at, self._due[tenant])

    async def settle(self, tenant: str) -> None:
        """Takes away what is due now; returns at once where nothing is."""
        now = times.micros(self._clock.now())
        if self._due.get(tenant, 0) > now:
            return
        while await self._step(tenant, now):
            pass

    async def look(self, tenant: str) -> None:
        """As settle, and asks the store anew: another process may have written what expires."""
        self._due.pop(tenant, None)
        await self.settle(tenant)

    async def _step(self, tenant: str, now: int) -> bool:
        """One transaction; whether more is due. Where nothing is, nothing is written."""
        noted = self._noted.get(tenant, 0)
        following = await self._database.read(tenant, _next_tx, quick=True)
        if following > now:
            # What was written meanwhile may not have been read: then nothing is known, and the next one asks again.
            if self._noted.get(tenant, 0) == noted:
                self._due[tenant] = following
            else:
                self._due.pop(tenant, None)
            return False
        call = Call(tenant, Actor("system", "expiry"), purpose="expire")

        async def work(tx: Tx) -> None:
            rows = await tx.fetch(
                "SELECT e.number, e.doc FROM entity_expiry x JOIN entity e ON e.number = x.number WHERE x.at <= $1"
                f" ORDER BY x.at LIMIT {STEP}",
                now,
            )
            # What is no longer so is forgotten first; the changes write it anew where it still is.
            await tx.execute_many("DELETE FROM entity_expiry WHERE number = $1", [(row[0],) for row in rows])
            changes = [change for row in rows for change in expired(parse(row[1]), now)]
            if changes:
                await self._apply_tx(tx, call, changes)

        await self._database.write(tenant, work)
        self._published(tenant)
        return True


async def _next_tx(tx: Tx) -> int:
    row = await tx.fetch_one("SELECT min(at) FROM entity_expiry")
    return _NEVER if row is None or row[0] is None else int(row[0])
