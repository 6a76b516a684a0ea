"""An endpoint that is dead is left alone by all its subscriptions, and takes no senders from the others."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.platform.delivery.stand import TENANT, Stand, running

from kumihimo.platform.delivery.send import SendNumbers

DEAD = "http://dead.example/hook"
PATIENCE = 10


async def subscribe(stand: Stand, count: int, uri: str = DEAD, kind: str = "Gauge", **endpoint: object) -> list[str]:
    return [
        await stand.subscribe(uri=uri, endpoint=endpoint, entities=[{"type": f"{kind}{number}"}])
        for number in range(count)
    ]


async def put(stand: Stand, count: int, level: int, kind: str = "Gauge") -> None:
    for number in range(count):
        await stand.put(f"urn:{kind}:{number}", f"{kind}{number}", level=level)


async def answering(stand: Stand, status: int, uri: str = DEAD) -> None:
    async def answer(url: str, body: bytes) -> int:
        return status if url == uri else 200

    stand.endpoint.answer = answer


async def test_subscriptions_to_a_dead_endpoint_share_one_attempt(stand: Stand) -> None:
    ids = await subscribe(stand, 12)
    await answering(stand, 503)
    await put(stand, 12, 1)
    first = len(await stand.catch_up())
    assert 5 <= first <= 12
    for _ in range(3):
        stand.clock.advance(600)
        assert len(await stand.catch_up()) == 1
    found = await stand.delivery.explain(stand.call, ids[0], "urn:Gauge:0")
    assert found.rest is not None
    assert found.rest.failed == first + 3
    assert found.rest.until > found.changes[0].at
    assert stand.delivery.counters()["resting_endpoints"] == 1
    stand.endpoint.answer = None
    stand.clock.advance(600)
    assert len(await stand.catch_up()) == 12
    assert await stand.delivery.backlog(TENANT) == (0, 0)
    assert (await stand.delivery.explain(stand.call, ids[0], "urn:Gauge:0")).rest is None
    assert stand.delivery.counters()["resting_endpoints"] == 0


async def test_what_is_refused_to_one_keeps_no_neighbour_waiting(stand: Stand) -> None:
    async def refuse(url: str, body: bytes) -> int:
        return 403 if b"Gauge0" in body else 200

    stand.endpoint.answer = refuse
    await subscribe(stand, 2)
    for level in range(8):
        await put(stand, 2, level)
        await stand.catch_up()
        stand.clock.advance(600)
    assert stand.delivery.counters()["resting_endpoints"] == 0
    assert [one.entity["level"]["value"] for one in stand.endpoint.sent if one.entity["type"] == "Gauge1"] == [
        *range(8)
    ]


async def test_other_endpoints_of_the_same_host_go_on(stand: Stand) -> None:
    await subscribe(stand, 6)
    await subscribe(stand, 1, "http://dead.example/other", "Rain")
    await answering(stand, 500)
    await put(stand, 6, 1)
    await stand.catch_up()
    await put(stand, 1, 7, "Rain")
    assert [one.entity["level"]["value"] for one in await stand.catch_up()] == [7]


async def test_a_cooldown_is_waited_out_though_the_endpoint_is_well_again(stand: Stand) -> None:
    await subscribe(stand, 1, cooldown=3_600_000)
    await subscribe(stand, 6, kind="Rain")
    await answering(stand, 500)
    await put(stand, 1, 1)
    await put(stand, 6, 2, "Rain")
    await stand.catch_up()
    stand.endpoint.answer = None
    stand.clock.advance(600)
    assert {one.entity["level"]["value"] for one in await stand.catch_up()} == {2}
    stand.clock.advance(3000)
    assert {one.entity["level"]["value"] for one in await stand.catch_up()} == {1}


async def test_a_change_of_the_subscription_tries_the_endpoint_at_once(stand: Stand) -> None:
    (id_, *_) = await subscribe(stand, 6)
    await answering(stand, 500)
    await put(stand, 6, 1)
    await stand.catch_up()
    stand.endpoint.answer = None
    notification = {"endpoint": {"uri": DEAD, "timeout": 5000}}
    await stand.delivery.update(stand.call, id_, {"notification": notification}, stand.contexts.core)
    assert len(await stand.catch_up()) == 6


async def test_endpoints_that_hang_leave_most_senders_to_the_others(stand: Stand) -> None:
    stand.numbers = replace(SendNumbers(), total=8)
    stand.restart()
    never = asyncio.Event()

    async def hang(url: str, body: bytes) -> int:
        if "hangs" in url:
            await never.wait()
        return 200

    stand.endpoint.answer = hang
    for number in range(20):
        await stand.subscribe(uri=f"http://hangs{number}.example/")
    for number in range(20):
        await stand.subscribe(uri=f"http://good{number}.example/", entities=[{"type": "Rain"}])
    async with running(stand), asyncio.timeout(PATIENCE):
        await stand.put("urn:r:1", "Rain", level=1)
        await arrived(stand, "good", 20)
        await stand.put("urn:g:1", level=1)
        await stand.put("urn:g:2", level=1)
        await arrived(stand, "hangs", 1)
        await stand.put("urn:r:1", "Rain", level=2)
        await arrived(stand, "good", 40)
    assert sum("hangs" in one.url for one in stand.endpoint.sent) == 4


async def arrived(stand: Stand, where: str, count: int) -> None:
    while sum(where in one.url for one in stand.endpoint.sent) < count:
        stand.endpoint.news.clear()
        await stand.endpoint.news.wait()
