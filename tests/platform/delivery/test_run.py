from __future__ import annotations

import asyncio
import logging
from itertools import pairwise
from typing import Any

import pytest
from tests.fakes import DatabaseFactory
from tests.platform.delivery.stand import SCHEMAS, TENANT, Stand, running, subscription

from kumihimo.base.call import Call
from kumihimo.base.clock import SystemClock
from kumihimo.base.errors import StorageRefused
from kumihimo.platform.delivery import run
from kumihimo.platform.delivery.send import SendNumbers


@pytest.mark.parametrize("fault", [StorageRefused("set aside"), ZeroDivisionError()])
async def test_one_tenants_trouble_stops_no_other(
    stand: Stand, fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plain = stand.delivery._matcher.step

    async def step(tenant: str) -> bool:
        if tenant == "bad":
            raise fault
        return await plain(tenant)

    monkeypatch.setattr(stand.delivery._matcher, "step", step)
    await stand.database.add_tenant("bad")
    await stand.subscribe()
    with caplog.at_level(logging.WARNING):
        task = asyncio.create_task(stand.delivery.run())
        for level in range(3):
            stand.bus.publish("log.bad")
            await stand.put(level=level)
            await stand.endpoint.until(level)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len([one for one in caplog.records if one.name.startswith("kumihimo.platform.delivery")]) == 1


async def test_tenants_that_are_made_while_it_runs_are_served(stand: Stand) -> None:
    task = asyncio.create_task(stand.delivery.run())
    await asyncio.sleep(0)
    await stand.database.add_tenant("new")
    call = Call("new")
    await stand.delivery.create(call, subscription(uri="http://new.example/"), stand.contexts.core)
    stand.call = call
    await stand.put(level=1)
    await stand.endpoint.until(1)
    assert stand.endpoint.sent[0].headers["NGSILD-Tenant"] == "new"
    await stand.database.remove_tenant("new")
    stand.bus.publish("log.new")
    stand.call = Call(TENANT)
    await stand.subscribe()
    await stand.put(level=2)
    await stand.endpoint.until(2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_database_server_that_is_away_ends_no_notifications(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Event()

    async def away() -> list[str]:
        looked.set()
        raise StorageRefused("the database server cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(stand.database, "tenants", away)
        task = asyncio.create_task(stand.delivery.run())
        await looked.wait()
        await asyncio.sleep(0)
    try:
        await stand.subscribe()
        await stand.put(level=1)
        await stand.endpoint.until(1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_idle_tenants_are_looked_at_one_at_a_time(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_ROUND_SECONDS", 0.05)
    others = [f"t{number:02}" for number in range(20)]
    for name in others:
        await stand.database.add_tenant(name)
    looked: list[tuple[float, str]] = []
    loop, enough = asyncio.get_running_loop(), asyncio.Event()

    async def step(tenant: str) -> bool:
        looked.append((loop.time(), tenant))
        if len(looked) >= 26:
            enough.set()
        return False

    monkeypatch.setattr(stand.delivery._matcher, "step", step)
    async with running(stand), asyncio.timeout(10):
        await enough.wait()
    everyone = sorted([TENANT, *others])
    assert [name for _, name in looked[:26]] == [*everyone, *everyone[:5]]
    moments = [moment for moment, _ in looked[21:26]]
    assert all(later - earlier > 0.04 for earlier, later in pairwise(moments))


async def test_what_has_its_moment_is_sent_then_without_a_look_at_all(
    database_factory: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_ROUND_SECONDS", 3600.0)
    database = await database_factory(SCHEMAS)
    await database.add_tenant(TENANT)
    clock: Any = SystemClock()
    stand = Stand(database, clock)
    async with running(stand):
        await stand.put(level=0)
        await stand.subscribe(timeInterval=1, uri="http://periodic.example/")
        await stand.endpoint.until(0)
        await stand.subscribe(throttling=0.3, uri="http://throttled.example/")
        for level in range(1, 4):
            await stand.put(level=level)

        async def failing(url: str, body: bytes) -> int:
            del body
            if "periodic" in url:
                return 200
            stand.endpoint.answer = None
            return 500

        await stand.endpoint.until(3)
        stand.endpoint.answer = failing
        await stand.put("urn:x:2", level=7)
        await stand.endpoint.until(7)
        async with asyncio.timeout(10):
            while len([one for one in stand.endpoint.sent if one.entity["level"]["value"] == 7]) < 2:
                stand.endpoint.news.clear()
                await stand.endpoint.news.wait()


async def test_nudges_without_a_pause_keep_nobody_from_their_moment(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_ROUND_SECONDS", 3600.0)
    await stand.database.add_tenant("busy")
    plain = stand.delivery._matcher.step

    async def step(tenant: str) -> bool:
        if tenant == "busy":
            await asyncio.sleep(0)
            stand.bus.publish("log.busy")
            return False
        return await plain(tenant)

    monkeypatch.setattr(stand.delivery._matcher, "step", step)
    await stand.put(level=1)
    await stand.subscribe(timeInterval=60)
    async with running(stand):
        stand.bus.publish("log.busy")
        while TENANT not in stand.delivery._runner._due:  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)
        stand.clock.advance(61)
        await stand.endpoint.until(1)


async def test_who_found_all_senders_busy_hears_when_one_is_free(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_ROUND_SECONDS", 3600.0)
    stand.numbers = SendNumbers(total=1)
    stand.restart()
    await stand.database.add_tenant("other")
    busy, free = asyncio.Event(), asyncio.Event()

    async def answer(url: str, body: bytes) -> int:
        del url, body
        busy.set()
        await free.wait()
        return 200

    stand.endpoint.answer = answer
    async with running(stand):
        await stand.subscribe(uri="http://slow.example/")
        await stand.put(level=1)
        await busy.wait()
        stand.call = Call("other")
        await stand.subscribe(uri="http://quick.example/")
        await stand.put(level=2)
        while "other" not in stand.delivery._sender._crowded_out:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        free.set()
        await stand.endpoint.until(2)
