from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

from kumihimo.base.ports import ALL_LOGS, Bus, log_topic
from kumihimo.network.bus.memory import MemoryBus


async def soon(listener: AsyncIterator[str]) -> str:
    async with asyncio.timeout(10):
        return await anext(listener)


async def silent(listener: AsyncIterator[str]) -> bool:
    task = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answer = not task.done()
    task.cancel()
    return answer


async def test_a_nudge_before_the_first_wait_is_not_lost() -> None:
    bus: Bus = MemoryBus()
    listener = bus.listen("log.a")
    bus.publish("log.a")
    assert await soon(listener) == "log.a"


async def test_topics_are_folded_while_the_listener_is_busy() -> None:
    bus = MemoryBus()
    listener = bus.listen(ALL_LOGS)
    for tenant in ("a", "b", "a", "a"):
        bus.publish(log_topic(tenant))
    assert [await soon(listener), await soon(listener)] == ["log.a", "log.b"]
    assert await silent(listener)


async def test_only_what_was_asked_for_arrives() -> None:
    bus = MemoryBus()
    one, logs = bus.listen("log.a"), bus.listen(ALL_LOGS)
    bus.publish("log.b")
    bus.publish("logistics.a")
    bus.publish("log")
    assert await soon(logs) == "log.b"
    assert await silent(one)
    assert await silent(logs)


async def test_a_waiting_listener_wakes() -> None:
    bus = MemoryBus()
    listener = bus.listen("x", "y")
    waiting = asyncio.create_task(soon(listener))
    await asyncio.sleep(0)
    bus.publish("y")
    assert await waiting == "y"


async def test_a_dropped_listener_leaves_nothing() -> None:
    bus = MemoryBus()

    async def listen_for_ever() -> None:
        async for _ in bus.listen("log.a", ALL_LOGS):
            pass

    task = asyncio.create_task(listen_for_ever())
    await asyncio.sleep(0)
    assert bus.listeners() == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    del task
    await asyncio.sleep(0)  # the loop lets go of the cancellation that it just delivered
    gc.collect()
    assert bus.listeners() == 0
    assert bus._listeners == {}


def test_publishing_to_a_listener_of_a_closed_loop_does_not_raise() -> None:
    bus = MemoryBus()
    kept = []

    async def listen() -> None:
        listener = bus.listen("a")
        kept.append(listener)
        task = asyncio.ensure_future(anext(listener))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(listen())
    bus.publish("a")
    assert bus.listeners() == 1
