"""The face over real rooms on a real store."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock, no_mqtt
from tests.platform.ngsild.calls import HERE, TOWN, TOWN_CONTEXT, Client

from kumihimo.base.call import Call
from kumihimo.base.ports import HttpAnswer
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.platform.access.decide import Access
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.store import SCHEMA as BROKER
from kumihimo.platform.delivery.carry import Carrier
from kumihimo.platform.delivery.door import Delivery
from kumihimo.platform.delivery.store import SCHEMA as DELIVERY
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.ngsild.api import Face, routes
from kumihimo.platform.shelf.door import TenantShelf
from kumihimo.platform.shelf.store import SCHEMA as SHELF
from kumihimo.platform.signing.door import Signing
from kumihimo.platform.signing.store import SCHEMA as SIGNING
from kumihimo.storage.database import Database


async def unreachable(method: str, url: str, **options: Any) -> HttpAnswer:
    raise OSError("there is no network in these tests")


async def make_face(
    database: Database, clock: FakeClock, *, open_house: bool = True, access: Access | None = None
) -> Face:
    bus, access = MemoryBus(), access or Access(open_house=open_house)
    shelf = TenantShelf(database, clock)
    carry = Carrier(unreachable, no_mqtt, Signing(database, clock), clock)
    contexts = Contexts(
        preload={TOWN: json.dumps(TOWN_CONTEXT).encode()}, shelf=shelf, clock=clock, address=lambda: HERE
    )

    async def make_tenant(name: str) -> None:
        await database.add_tenant(name)

    async def may_make(call: Call) -> bool:
        del call
        return made.open_house

    made = Face(
        database=database,
        clock=clock,
        broker=Broker(database, clock, bus, remember_tx),
        history=History(database),
        delivery=Delivery(database, clock, bus, contexts, carry, access),
        contexts=contexts,
        shelf=shelf,
        access=access,
        open_house=open_house,
        may_make=may_make,
        make_tenant=make_tenant,
    )
    return made


SCHEMAS = [BROKER, HISTORY, DELIVERY, SIGNING, SHELF]


@pytest.fixture
async def face(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Face:
    return await make_face(await database_factory(SCHEMAS), fake_clock)


@pytest.fixture
async def client(face: Face) -> Client:
    return Client(Starlette(routes=routes(face)))


@pytest.fixture
async def any_client(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> Client:
    """A client of the face on each engine in turn."""
    face = await make_face(await any_database_factory(SCHEMAS), fake_clock)
    return Client(Starlette(routes=routes(face)))
