"""A broker with its history on a database, as the contract tests drive it."""

from __future__ import annotations

from typing import Any

from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Actor, Call
from kumihimo.base.ports import Reading
from kumihimo.platform.broker import log
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.ingest import BrokerIngest
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Change, Op, Outcome
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.store import remember_tx

CALL = Call("town", Actor("device", "g1"), "device-reading", "r1", "log:x:1")
E1, E2 = "urn:ngsi-ld:T:1", "urn:ngsi-ld:T:2"


class Nudges:
    def __init__(self) -> None:
        self.topics: list[str] = []

    def publish(self, topic: str) -> None:
        self.topics.append(topic)

    def listen(self, *topics: str) -> Any:
        raise AssertionError(topics)


def entity(entity_id: str = E1, **values: Any) -> Any:
    attrs = {name: [{"type": "Property", "value": value}] for name, value in values.items()}
    return {"id": entity_id, "type": ["T"], "attrs": attrs}


def fragment(**values: Any) -> Any:
    return {"attrs": {name: [{"type": "Property", "value": value}] for name, value in values.items()}}


class House:
    def __init__(self, database: Any, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.nudges = Nudges()
        self.broker = Broker(database, clock, self.nudges, remember_tx)
        self.ingest = BrokerIngest(self.broker)

    async def apply(self, *changes: Change) -> list[Outcome]:
        self.clock.advance(1)
        return await self.broker.apply(CALL, changes)

    async def one(self, op: Op, doc: Any = None, entity_id: str = E1, **more: Any) -> Outcome:
        return (await self.apply(Change(op, entity_id, doc, **more)))[0]

    async def get(self, entity_id: str = E1) -> Any:
        return await self.broker.get("town", entity_id, ALL_ROWS, ALL_ATTRIBUTES)

    async def value(self, name: str, entity_id: str = E1) -> Any:
        return (await self.get(entity_id))["attrs"][name][0]["value"]

    async def log(self, after: int = 0) -> Any:
        return await self.database.read("town", lambda tx: log.read_log_tx(tx, after, 1000, "town"))

    async def rows(self, sql: str, *parameters: Any) -> list[Any]:
        return list(await self.database.read("town", lambda tx: tx.fetch(sql, *parameters)))

    async def read(self, value: Any, at: int, entity_id: str = E1, attribute: str = "level") -> str:
        self.clock.advance(1)
        reading = Reading(entity_id, "Gauge", attribute, value, at * 1_000_000, "MTR", "g1")
        return (await self.ingest(CALL, [reading]))[0].status


async def forget(tx: Any, rows: Any) -> None:
    pass


async def filled(factory: DatabaseFactory, clock: FakeClock, docs: list[Any]) -> Broker:
    """A broker without history that holds the documents."""
    database = await factory([SCHEMA])
    await database.add_tenant("town")
    broker = Broker(database, clock, Nudges(), forget)
    outcomes = await broker.apply(Call("town"), [Change(Op.CREATE, doc["id"], doc) for doc in docs])
    assert {one.status for one in outcomes} == {"created"}
    return broker
