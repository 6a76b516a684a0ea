"""A stand for delivery's tests: the real broker and contexts, an endpoint that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.fakes import FakeClock

from kumihimo.base import jsontext
from kumihimo.base.call import Call
from kumihimo.base.ports import HttpAnswer, MqttServer
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.platform.access.decide import Access
from kumihimo.platform.broker import store as broker_store
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import Change, HistoryRow, Op, Outcome
from kumihimo.platform.delivery import store
from kumihimo.platform.delivery.carry import Carrier
from kumihimo.platform.delivery.door import Delivery
from kumihimo.platform.delivery.send import SendNumbers
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.expand import expand_entity, expand_fragment
from kumihimo.platform.signing.door import Signing
from kumihimo.platform.signing.store import SCHEMA as SIGNING
from kumihimo.storage.database import Database, Tx

SCHEMAS = [broker_store.SCHEMA, store.SCHEMA, SIGNING]
TENANT = "fukui"
Answer = Callable[[str, bytes], Awaitable[int]]


@dataclass
class Sent:
    """One request that reached the endpoint."""

    url: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def entity(self) -> dict[str, Any]:
        entity: dict[str, Any] = self.body["data"][0]
        return entity


@dataclass
class FakeMqtt:
    """Implements MqttPublish; takes everything, or raises what `trouble` is."""

    taken: list[tuple[MqttServer, str, int, dict[str, Any]]] = field(default_factory=list)
    notes: list[Sequence[tuple[str, str]]] = field(default_factory=list)
    trouble: Exception | None = None

    async def __call__(
        self,
        server: MqttServer,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        notes: Sequence[tuple[str, str]] = (),
        timeout: float = 10.0,
    ) -> None:
        self.taken.append((server, topic, qos, jsontext.parse(payload)))
        self.notes.append(notes)
        if self.trouble is not None:
            raise self.trouble


@dataclass
class FakeEndpoint:
    """Implements HttpFetch; answers 200, or what `answer` says (an exception where it raises one)."""

    sent: list[Sent] = field(default_factory=list)
    answer: Answer | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 10.0,
        max_bytes: int = 1 << 20,
    ) -> HttpAnswer:
        self.sent.append(Sent(url, dict(headers or {}), jsontext.parse(body)))
        self.news.set()
        status = await self.answer(url, body) if self.answer is not None else 200
        return HttpAnswer(status, {}, f"said {status}".encode())

    async def until(self, level: int) -> None:
        """Returns once a notification of this level came."""
        async with asyncio.timeout(10):
            while not any(one.entity["level"]["value"] == level for one in self.sent):
                self.news.clear()
                await self.news.wait()

    def ids(self) -> list[str]:
        return [one.entity["id"] for one in self.sent]


async def remember_nothing(tx: Tx, rows: Sequence[HistoryRow]) -> None:
    """History is not what is tested here."""


class Stand:
    """One tenant with a broker and delivery; `restart` is a new Delivery on the same database."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.bus = MemoryBus()
        self.contexts = Contexts()
        self.endpoint = FakeEndpoint()
        self.publish = FakeMqtt()
        self.call = Call(TENANT)
        self.broker = Broker(database, clock, self.bus, remember_nothing)
        self.numbers = SendNumbers(attempts=3)
        self._requests = 0
        self.delivery = self.restart()

    def restart(self) -> Delivery:
        carry = Carrier(self.endpoint, self.publish, Signing(self.database, self.clock), self.clock)
        self.delivery = Delivery(
            self.database, self.clock, self.bus, self.contexts, carry, Access(True), numbers=self.numbers
        )
        return self.delivery

    async def subscribe(self, **members: Any) -> str:
        return await self.delivery.create(self.call, subscription(**members), self.contexts.core)

    async def put(self, id_: str = "urn:x:1", type_: str = "Gauge", **attrs: Any) -> Outcome:
        """Creates the entity or appends to it, as a client would with key-values."""
        doc = expand_entity({"id": id_, "type": type_, **attrs}, self.contexts.core, simplified=True)
        return await self._apply(Change(Op.UPSERT_UPDATE, id_, doc))

    async def patch(self, id_: str, **attrs: Any) -> Outcome:
        doc = expand_fragment(
            {name: {"type": "Property", "value": one} for name, one in attrs.items()}, self.contexts.core
        )
        return await self._apply(Change(Op.APPEND, id_, doc))

    async def write(self, id_: str, op: Op = Op.APPEND, **attrs: Any) -> Outcome:
        """Writes attributes in the normalized form."""
        return await self._apply(Change(op, id_, expand_fragment(attrs, self.contexts.core)))

    async def write_entity(self, id_: str = "urn:x:1", **attrs: Any) -> Outcome:
        """Creates the entity or replaces it whole, attributes in the normalized form."""
        doc = expand_entity({"id": id_, "type": "Gauge", **attrs}, self.contexts.core)
        return await self._apply(Change(Op.UPSERT, id_, doc))

    async def remove_attribute(self, id_: str, name: str, dataset: str = "", *, every: bool = False) -> Outcome:
        iri = self.contexts.core.expand(name)
        return await self._apply(Change(Op.DELETE_ATTRIBUTE, id_, attribute=iri, dataset=dataset, every=every))

    async def remove(self, id_: str) -> Outcome:
        return await self._apply(Change(Op.DELETE, id_))

    async def batch(self, *ids: str, request: str = "", **attrs: Any) -> None:
        """Creates or appends to all of them with one request, as a batch operation does."""
        docs = [
            expand_entity({"id": id_, "type": "Gauge", **attrs}, self.contexts.core, simplified=True) for id_ in ids
        ]
        self._requests += 1
        call = replace(self.call, request_id=request or f"r{self._requests}")
        outcomes = await self.broker.apply(call, [Change(Op.UPSERT_UPDATE, doc["id"], doc) for doc in docs])
        assert all(one.problem is None for one in outcomes)

    async def _apply(self, change: Change) -> Outcome:
        (outcome,) = await self.broker.apply(self.call, [change])
        assert outcome.problem is None, outcome.problem
        return outcome

    async def catch_up(self) -> list[Sent]:
        """What arrives with everything sent that is due now."""
        before = len(self.endpoint.sent)
        await self.delivery.catch_up(TENANT)
        return self.endpoint.sent[before:]


def subscription(**members: Any) -> dict[str, Any]:
    """A valid subscription; None takes a member away, uri and notification members are put in their place."""
    uri = members.pop("uri", "http://endpoint.example/notify")
    notification = {"endpoint": {"uri": uri, **members.pop("endpoint", {})}, **members.pop("notification", {})}
    whole = {"type": "Subscription", "entities": [{"type": "Gauge"}], "notification": notification, **members}
    return {name: value for name, value in whole.items() if value is not None}


@asynccontextmanager
async def running(stand: Stand) -> AsyncIterator[None]:
    """Its delivery runs, until it is left."""
    task = asyncio.create_task(stand.delivery.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
