from __future__ import annotations

import asyncio

from kumihimo.network.mqtt.pace import EVERY, Pace


async def test_others_have_their_turn_while_much_is_taken() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    pace = Pace(1e9, 10**9)
    for _ in range(EVERY * 10):
        await pace.take()
    counting.cancel()
    assert turns >= 9


async def test_what_is_over_the_rate_waits() -> None:
    loop = asyncio.get_running_loop()
    pace, began = Pace(100.0, 10), loop.time()
    await pace.take(10)
    assert loop.time() - began < 0.05
    await pace.take(20)
    assert loop.time() - began >= 0.19
