from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.provider.house import House, furnished

from kumihimo.platform.provider.store import SCHEMA


@pytest.fixture
async def house(database_factory: DatabaseFactory, fake_clock: FakeClock, tmp_path: Path) -> House:
    return await furnished(await database_factory([SCHEMA]), fake_clock, tmp_path)
