"""A platform as a process of its own, so that both clients reach it as a program would; each test has a tenant."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.processes import Served

from kumihimo.client import AsyncClient, Client

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("client") / "data")
    served.environ["KUMIHIMO_TEMPORAL_INSTANCES"] = "50"
    with served:
        yield served


@pytest.fixture
def address(served: Served) -> str:
    return f"http://127.0.0.1:{served.port}"


@pytest.fixture
def tenant() -> str:
    return f"town-{next(_numbers)}"


@pytest.fixture
def town(address: str, tenant: str) -> Iterator[Client]:
    with Client(address, tenant) as client:
        client.entities.create({"id": "urn:ngsi-ld:Town:1", "type": "Town", "name": "鯖江市"})
        yield client


@pytest.fixture
async def city(address: str, tenant: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(address, tenant) as client:
        await client.entities.create({"id": "urn:ngsi-ld:Town:1", "type": "Town", "name": "福井市"})
        yield client
