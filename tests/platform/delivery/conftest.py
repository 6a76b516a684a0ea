"""The stand on which delivery is tested, with the tenant made."""

from __future__ import annotations

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.delivery.stand import SCHEMAS, TENANT, Stand


@pytest.fixture
async def stand(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Stand:
    database = await database_factory(SCHEMAS)
    await database.add_tenant(TENANT)
    return Stand(database, fake_clock)
