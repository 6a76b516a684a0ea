"""The console's town, spoken to without a browser."""

from __future__ import annotations

import pytest
from tests.service.console.asgi_client import Client
from tests.service.console.console_town import SCHEMAS, Factory, Town


@pytest.fixture
async def town(database_factory: Factory) -> Town:
    town = Town(await database_factory(SCHEMAS))
    await town.fill()
    return town


@pytest.fixture
def client(town: Town) -> Client:
    return Client(town.app)
