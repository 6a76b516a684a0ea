"""What towns show everybody, on both engines: by town, changed in place, gone with the town."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.fakes import DatabaseFactory

from kumihimo.service.kpi.public import store
from kumihimo.service.kpi.public.models import Shown
from kumihimo.storage.database import PLATFORM

KPI = Shown("kpi", "a.b", date(2025, 1, 1), 1, "person:p-1")
MEASURE = Shown("measure", "柵", None, 2, "person:p-2", frozenset({"a.b", "c.d"}), 7)


async def filled(make: DatabaseFactory) -> Any:
    database = await make((store.SCHEMA,))

    async def work(tx: Any) -> None:
        for tenant in ("here", "there"):
            for one in (MEASURE, KPI):
                await store.put_tx(tx, tenant, one)

    await database.write(PLATFORM, work)
    return database


async def test_rows_are_a_towns_own(any_database_factory: DatabaseFactory) -> None:
    database = await filled(any_database_factory)

    async def shown(tenant: str) -> list[Shown]:
        return await database.read(PLATFORM, lambda tx: store.shown_tx(tx, tenant))  # type: ignore[no-any-return]

    assert await shown("here") == [KPI, MEASURE]
    assert await shown("nowhere") == []
    later = Shown("kpi", "a.b", None, 3, "person:p-3")
    await database.write(PLATFORM, lambda tx: store.put_tx(tx, "here", later))
    assert await shown("here") == [later, MEASURE]
    await database.write(PLATFORM, lambda tx: store.take_tx(tx, "here", "measure", "a.b"))
    await database.write(PLATFORM, lambda tx: store.take_tx(tx, "here", "kpi", "a.b"))
    assert await shown("here") == [MEASURE]
    await database.write(PLATFORM, lambda tx: store.removed_tx(tx, "here"))
    assert (await shown("here"), await shown("there")) == ([], [KPI, MEASURE])
