"""What base.ports.Bus promises, for each bus there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from kumihimo.base.ports import ALL_LOGS, Bus, log_topic
from kumihimo.network.bus.memory import MemoryBus


@pytest.fixture(params=[MemoryBus])
def bus(request: pytest.FixtureRequest) -> Bus:
    make: Callable[[], Bus] = request.param
    return make()


async def test_everyone_who_listens_is_woken(bus: Bus) -> None:
    listeners = [bus.listen(log_topic("a")), bus.listen(ALL_LOGS), bus.listen("other", log_topic("a"))]
    bus.publish(log_topic("a"))
    async with asyncio.timeout(1):
        assert [await anext(one) for one in listeners] == ["log.a"] * 3


async def test_publishing_to_nobody_is_no_error(bus: Bus) -> None:
    bus.publish(log_topic("a"))


async def test_a_slow_listener_gets_each_topic_once(bus: Bus) -> None:
    slow = bus.listen(ALL_LOGS)
    for number in range(1000):
        bus.publish(log_topic(f"t{number % 3}"))
    async with asyncio.timeout(1):
        assert {await anext(slow) for _ in range(3)} == {"log.t0", "log.t1", "log.t2"}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(slow)
