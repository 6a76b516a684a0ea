"""Live pages: server-sent events that name what changed, one reader of the log per tenant however many pages.

The log is the truth, the bus a nudge (decision 1): a lost nudge delays a page by one ping at most.
Event `change`: {"seq": 12, "entities": [{"id": "urn:…", "types": ["RiverGauge"], "changed": ["level"]}]}; an empty
list means "look again at everything". Event `ping` every few seconds, so that a page notices silence.

A page is told of what its caller may see, and of nothing else: neither entity nor attribute is named, and where none is
left there is no event. That something changed beside the log (an alert, a role) is told at once to who may read
everything; all others look again at a steady beat, whether or not anything changed, and their seq is 0, as when and how
often would tell of what they may not see. A stream ends once its caller may not read any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

from starlette.responses import Response, StreamingResponse

from kumihimo.base.call import Call
from kumihimo.base.errors import NonexistentTenant, Overloaded, Problem
from kumihimo.base.events import LogRecord
from kumihimo.base.jsontext import text
from kumihimo.base.ports import Bus, log_topic, screens_topic
from kumihimo.platform.access.decide import EVERYTHING, Access, Grant
from kumihimo.platform.broker.log import head_tx, read_log_tx
from kumihimo.platform.broker.masks import admits, names_of
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import Database, Tx

log = logging.getLogger(__name__)

MAX_STREAMS = 500
MAX_STREAMS_OF_TENANT = 400
MAX_STREAMS_OF_STRANGERS = 150
"""Of one tenant, and of all tenants half of the streams: who is not known leaves room for those who are."""
MAX_PENDING = 300
BATCH = 500
BEAT_SECONDS = 20.0
"""How often the page of a caller who may not see everything looks again."""

Named = tuple[str, tuple[str, ...], tuple[str, ...]]
"""Entity, its types, what changed of it."""


class Mailbox:
    """What one page was not told yet; folded, and bounded: over the limit it becomes "everything".

    grant is what its caller may see, by the revision of the rights; without a call it is the platform's own, and stays.
    """

    def __init__(self, call: Call | None = None, grant: Grant = EVERYTHING, rights: int = 0) -> None:
        self.call = call
        self.grant = grant
        self.rights = rights
        self.is_over = False
        self._entities: dict[str, tuple[tuple[str, ...], set[str]]] = {}
        self._seq = 0
        self._everything = False
        self.full = asyncio.Event()

    def put(self, seq: int, entities: Iterable[tuple[str, tuple[str, ...], Iterable[str]]]) -> None:
        """Adds changes as (id, types, changed names); none at all asks the page to look at everything."""
        count = 0
        for entity_id, types, changed in entities:
            count += 1
            known = self._entities.setdefault(entity_id, (types, set()))
            known[1].update(changed)
        self._seq = max(self._seq, seq)
        if count == 0 or len(self._entities) > MAX_PENDING:
            self._everything = True
            self._entities.clear()
        self.full.set()

    def take(self) -> dict[str, Any]:
        """The `change` event's data; the mailbox is empty afterwards."""
        entities = [
            {"id": entity_id, "types": list(types), "changed": sorted(changed)}
            for entity_id, (types, changed) in self._entities.items()
        ]
        found = {"seq": self._seq, "entities": [] if self._everything else entities}
        self._entities.clear()
        self._everything = False
        self.full.clear()
        return found


class Live:
    """The streams of all tenants. compact: expanded name → the short name that pages use (Context.compact)."""

    def __init__(
        self, database: Database, bus: Bus, access: Access, compact: Callable[[str], str], *, ping: float = 5.0
    ) -> None:
        self._database = database
        self._bus = bus
        self._access = access
        self._compact = compact
        self._ping = ping
        self._beat = BEAT_SECONDS
        self._boxes: dict[str, set[Mailbox]] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._closing = asyncio.Event()

    @property
    def count(self) -> int:
        """How many pages listen now."""
        return sum(len(boxes) for boxes in self._boxes.values())

    async def respond(self, call: Call) -> Response:
        """The endless answer to one page; Overloaded over the limit of streams, Unauthenticated when closed."""
        rights = self._access.revision(call.tenant)
        box = Mailbox(call, await self._access.decide(call, "read"), rights)
        of_tenant = len(self._boxes.get(call.tenant, ()))
        if self.count >= MAX_STREAMS or of_tenant >= MAX_STREAMS_OF_TENANT or self._closing.is_set():
            raise Overloaded(f"{of_tenant} pages of this tenant listen already; reload later", retry_after=10)
        if self._is_a_strangers(box) and self._is_full_of_strangers(call.tenant):
            raise Overloaded("many who are not logged in listen already; log in, or reload later", retry_after=10)
        events = self.events(call.tenant, box)
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
        )

    def _is_a_strangers(self, box: Mailbox) -> bool:
        return box.call is not None and box.call.actor.kind == "anonymous" and not self._access.is_open

    def _is_full_of_strangers(self, tenant: str) -> bool:
        found = {name: sum(map(self._is_a_strangers, boxes)) for name, boxes in self._boxes.items()}
        return found.get(tenant, 0) >= MAX_STREAMS_OF_STRANGERS or sum(found.values()) >= MAX_STREAMS // 2

    async def close(self) -> None:
        """Ends every stream, so that the server can drain; call it before the server waits for its connections."""
        self._closing.set()
        for boxes in self._boxes.values():
            for box in boxes:
                box.full.set()
        readers = list(self._readers.values())
        self._readers.clear()
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    async def events(self, tenant: str, box: Mailbox | None = None) -> AsyncGenerator[str, None]:
        """The stream's text, event by event, until the page goes, its caller may not read any more, or the platform
        stops.
        """
        box = box or Mailbox()
        self._join(tenant, box)
        try:
            yield "retry: 1000\nevent: ping\ndata: {}\n\n"
            beat = _now() + self._beat
            while not self._closing.is_set():
                told = await _within(box.full, self._ping)
                if self._closing.is_set() or box.is_over:
                    return
                if not box.grant.is_all and _now() >= beat:
                    beat, told = _now() + self._beat, True
                    box.put(0, [])
                yield f"event: change\ndata: {text(box.take())}\n\n" if told else "event: ping\ndata: {}\n\n"
        finally:
            self._leave(tenant, box)

    def _join(self, tenant: str, box: Mailbox) -> None:
        self._boxes.setdefault(tenant, set()).add(box)
        if tenant not in self._readers:
            self._readers[tenant] = asyncio.create_task(self._read(tenant), name=f"live-{tenant}")

    def _leave(self, tenant: str, box: Mailbox) -> None:
        boxes = self._boxes.get(tenant, set())
        boxes.discard(box)
        if boxes:
            return
        self._boxes.pop(tenant, None)
        reader = self._readers.pop(tenant, None)
        if reader is not None:
            reader.cancel()

    async def _read(self, tenant: str) -> None:
        """Follows the tenant's log for all its pages, woken by the bus or by the ping's time."""
        nudged = asyncio.Event()
        asked = asyncio.Event()
        topics = self._bus.listen(log_topic(tenant), screens_topic(tenant))
        listener = asyncio.create_task(_listen(topics, screens_topic(tenant), nudged, asked), name=f"live-bus-{tenant}")
        position = -1
        try:
            while True:
                try:
                    position = await self._tell(tenant, position)
                except NonexistentTenant:  # removed, or about to be made anew: then the pages look again
                    log.info("tenant is away", extra={"tenant": tenant})
                except Problem as problem:
                    log.warning("live pages wait", extra={"tenant": tenant, "problem": problem.title})
                if asked.is_set():
                    asked.clear()
                    self._look_again(tenant, max(position, 0))
                await _within(nudged, self._ping)
                nudged.clear()
        finally:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener

    async def _tell(self, tenant: str, position: int) -> int:
        if position < 0:
            return await self._database.read(tenant, head_tx)
        while True:
            head, records = await self._database.read(tenant, _reader(position))
            # Only once the changes are read: rights that were taken away before one of them was written hold for it.
            await self._judge(tenant)
            if head < position:
                # The town was removed and made anew: its log begins again, and nothing on the page holds any more.
                for box in self._boxes.get(tenant, ()):
                    box.put(head if box.grant.is_all else 0, [])
                return head
            if records:
                self._tell_each(tenant, records)
                position = records[-1].seq
            if len(records) < BATCH:
                return position

    async def _judge(self, tenant: str) -> None:
        """Asks anew what each page may be told of, where rights have changed since, by whatever process; a page that
        may be told of something else now looks at everything again.
        """
        rights = await self._access.current(tenant)
        for box in list(self._boxes.get(tenant, ())):
            if box.call is None or box.rights == rights:
                continue
            before = box.grant
            try:
                box.grant, box.rights = await self._access.decide(box.call, "read"), rights
                if box.grant != before:
                    box.put(0, ())
            except Problem:
                box.is_over = True
                box.full.set()

    def _tell_each(self, tenant: str, records: Sequence[LogRecord]) -> None:
        """Each page hears of what it may see; pages with the same rights are looked at together."""
        told: dict[Grant, list[Named]] = {}
        for box in self._boxes.get(tenant, ()):
            if box.grant not in told:
                told[box.grant] = [one for record in records if (one := self._named(record, box.grant)) is not None]
            if told[box.grant]:
                box.put(records[-1].seq if box.grant.is_all else 0, told[box.grant])

    def _look_again(self, tenant: str, seq: int) -> None:
        for box in self._boxes.get(tenant, ()):
            if box.grant.is_all:
                box.put(seq, [])

    def _named(self, record: LogRecord, grant: Grant) -> Named | None:
        """The entity and what changed of it, under short names; None where nothing of it may be seen."""
        entity = cast("EntityDoc", record.entity)
        changed = (*record.changed, *record.deleted)
        if not grant.is_all:
            if not admits(grant.restriction, entity):
                return None
            names = names_of(grant.visible, entity)
            seen = tuple(name for name in changed if name in names)
            if record.kind == "entityUpdated" and changed and not seen:
                return None
            changed = seen
        types = tuple(self._compact(name) for name in record.entity.get("type", ()))
        return record.entity_id, types, tuple(map(self._compact, changed))


async def _listen(topics: AsyncIterator[str], ask: str, nudged: asyncio.Event, asked: asyncio.Event) -> None:
    async for topic in topics:
        if topic == ask:
            asked.set()
        nudged.set()


def _reader(position: int) -> Callable[[Tx], Awaitable[tuple[int, list[LogRecord]]]]:
    async def work(tx: Tx) -> tuple[int, list[LogRecord]]:
        return await head_tx(tx), await read_log_tx(tx, position, BATCH)

    return work


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
