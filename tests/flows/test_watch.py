"""The watch over all tenants outlives a store that is set aside, and a database server that goes away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.fakes import FakeClock

from kumihimo.app.flood import run_flood
from kumihimo.app.wire import wire
from kumihimo.base.call import Call
from kumihimo.base.errors import StorageRefused
from kumihimo.base.ports import log_topic
from kumihimo.base.settings import Settings


def _watched() -> set[str]:
    return {one.get_name() for one in asyncio.all_tasks() if one.get_name().startswith("watch-")}


async def _until_watched(*names: str) -> None:
    while _watched() != {f"watch-{name}" for name in names}:  # noqa: ASYNC110 - tasks tell nobody that they began
        await asyncio.sleep(0.01)


async def test_a_tenant_that_is_set_aside_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = wire(Settings(data=str(tmp_path), open=True), FakeClock())
    await platform.database.open()
    for name in ("bad", "good"):
        await platform.database.add_tenant(name)
    plain, tenants, away = platform.alerts.recover, platform.database.tenants, asyncio.Event()

    async def recover(call: Call) -> None:
        if call.tenant == "bad":
            raise StorageRefused("set aside")
        await plain(call)

    async def gone() -> list[str]:
        away.set()
        raise StorageRefused("the database server cannot be reached")

    monkeypatch.setattr(platform.alerts, "recover", recover)
    async with asyncio.timeout(20), run_flood(platform):
        await _until_watched("good")
        monkeypatch.setattr(platform.database, "tenants", gone)
        platform.bus.publish(log_topic("good"))
        await away.wait()
        monkeypatch.setattr(platform.database, "tenants", tenants)
        monkeypatch.setattr(platform.alerts, "recover", plain)
        platform.bus.publish(log_topic("good"))
        await _until_watched("good", "bad")
    assert not platform.failed
    await platform.database.close()
