from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.provider.house import House, furnished
from tests.service.console.asgi_client import Client

from kumihimo.base.call import Call
from kumihimo.base.errors import Forbidden
from kumihimo.platform.provider.screens import PACKAGE, application_screens
from kumihimo.platform.provider.store import SCHEMA
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words


@pytest.fixture
async def house(database_factory: DatabaseFactory, fake_clock: FakeClock, tmp_path: Path) -> House:
    return await furnished(await database_factory([SCHEMA]), fake_clock, tmp_path)


@pytest.fixture
def client(house: House) -> Client:
    """The applications pages of mytown, for who may administer it."""

    async def allow(call: Call) -> None:
        if call.tenant != "mytown":
            raise Forbidden("no")

    live: Any = None
    screens = application_screens(house.provider.applications, allow)
    console = Console(screens, load_words([OWN_PACKAGE, PACKAGE]), tenants=house.database.tenants, live=live)
    return Client(Starlette(routes=console.routes()))
