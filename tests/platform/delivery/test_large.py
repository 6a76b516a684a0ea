"""Large entities and many subscriptions: the loop serves others meanwhile. Nothing here measures time."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from tests.platform.delivery.stand import Stand

from kumihimo.platform.delivery import match, seen
from kumihimo.platform.delivery.match import noticed

HOLD = "|".join(f"level==-{number}" for number in range(1, 31))
PATIENCE = 30
"""Seconds after which a test that would wait for ever fails."""


class Gate:
    """Stands in a function's place and waits, in whatever thread it runs, until the loop has had a turn."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain
        self._turned = threading.Event()
        self.begun = threading.Event()
        self.free: list[bool] = []

    def __call__(self, *given: Any, **more: Any) -> Any:
        self.begun.set()
        self.free.append(self._turned.wait(PATIENCE if threading.current_thread() is not self.main else 0))
        return self._plain(*given, **more)

    main = threading.main_thread()

    async def turn(self) -> None:
        """What the loop has to do beside: it can only be done while the loop is free."""
        while not self.begun.is_set():  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0.001)
        self._turned.set()


@pytest.mark.parametrize("step", ["noticed", "_compose", "Seen"])
async def test_a_large_entity_is_compared_matched_and_rendered_beside_the_loop(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    gate = Gate(getattr(match, step))
    monkeypatch.setattr(match, step, gate)
    await stand.subscribe(q=HOLD + "|level==7")
    await stand.put(level=[7] * seen.LARGE)
    turning = asyncio.create_task(gate.turn())
    (one,) = await stand.catch_up()
    await turning
    assert one.entity["id"] == "urn:x:1"
    assert gate.free == [True]


async def test_a_small_entity_takes_no_thread(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[threading.Thread] = []

    def noted(*given: Any) -> Any:
        where.append(threading.current_thread())
        return noticed(*given)

    monkeypatch.setattr(match, "noticed", noted)
    await stand.subscribe(q=HOLD)
    await stand.put(level=1)
    assert await stand.catch_up() == []
    assert where == [threading.main_thread()]


async def test_many_subscriptions_on_one_record_leave_the_loop_its_turns(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "_TURN_SECONDS", 0.0)
    turns = 0
    seen_at: list[int] = []

    def noted(*given: Any) -> Any:
        seen_at.append(turns)
        return noticed(*given)

    async def beside() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(match, "noticed", noted)
    for number in range(20):
        await stand.subscribe(q="level==2", uri=f"http://{number}.example/")
    await stand.put(level=1)
    task = asyncio.create_task(beside())
    await stand.catch_up()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(set(seen_at)) > 10


async def test_a_fault_in_the_thread_is_no_other_subscriptions_trouble(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await stand.subscribe()
    good = await stand.subscribe()

    def broken(ready: Any, *rest: Any) -> Any:
        if ready.subscription.id == bad:
            raise ZeroDivisionError
        return noticed(ready, *rest)

    monkeypatch.setattr(match, "noticed", broken)
    await stand.put(level="x" * seen.LARGE)
    assert [one.body["subscriptionId"] for one in await stand.catch_up()] == [good]


async def test_what_was_held_back_is_rendered_beside_the_loop(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    await stand.subscribe(throttling=60)
    await stand.put(level=1)
    await stand.catch_up()
    await stand.put(level=2)
    await stand.put("urn:x:2", level=3)
    await stand.catch_up()
    gate = Gate(match._compose)
    monkeypatch.setattr(match, "_compose", gate)
    stand.clock.advance(60)
    turning = asyncio.create_task(gate.turn())
    (one,) = await stand.catch_up()
    await turning
    assert [part["id"] for part in one.body["data"]] == ["urn:x:1", "urn:x:2"]
    assert gate.free == [True]
