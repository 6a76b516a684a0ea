"""The face with the farm's contexts, and an endpoint for its notifications."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock, no_mqtt
from tests.platform.delivery.stand import FakeEndpoint
from tests.platform.ngsild.calls import HERE, Client
from tests.platform.ngsild.conftest import SCHEMAS, make_face
from tests.platform.ngsild.tutorials.farm import PRELOAD, link

from kumihimo.network.bus.memory import MemoryBus
from kumihimo.platform.delivery.carry import Carrier
from kumihimo.platform.delivery.door import Delivery
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.ngsild.api import Face, routes
from kumihimo.platform.signing.door import Signing
from kumihimo.storage.database import Database


@pytest.fixture
def endpoint() -> FakeEndpoint:
    return FakeEndpoint()


async def farm_face(database: Database, clock: FakeClock, endpoint: FakeEndpoint) -> Face:
    face = await make_face(database, clock)
    contexts = Contexts(preload=PRELOAD, shelf=face.shelf, clock=clock, address=lambda: HERE)
    delivery = Delivery(
        database, clock, MemoryBus(), contexts, Carrier(endpoint, no_mqtt, Signing(database, clock), clock), face.access
    )
    return replace(face, contexts=contexts, delivery=delivery)


@pytest.fixture
async def face(database_factory: DatabaseFactory, fake_clock: FakeClock, endpoint: FakeEndpoint) -> Face:
    return await farm_face(await database_factory(SCHEMAS), fake_clock, endpoint)


@pytest.fixture
async def client(face: Face) -> Client:
    """A client that names the farm's context with each request."""
    return Client(Starlette(routes=routes(face)), link())


@pytest.fixture
async def any_client(any_database_factory: DatabaseFactory, fake_clock: FakeClock, endpoint: FakeEndpoint) -> Client:
    """As client, on each engine in turn."""
    face = await farm_face(await any_database_factory(SCHEMAS), fake_clock, endpoint)
    return Client(Starlette(routes=routes(face)), link())
