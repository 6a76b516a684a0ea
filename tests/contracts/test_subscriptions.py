"""What delivery promises, on both engines."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.delivery.stand import SCHEMAS, TENANT, Stand

from kumihimo.base import jsontext
from kumihimo.base.call import Call
from kumihimo.base.errors import AlreadyExists, NonexistentTenant, ResourceNotFound
from kumihimo.base.ports import MqttServer
from kumihimo.platform.delivery import catalogue
from kumihimo.platform.delivery.compile import compile_subscription
from kumihimo.platform.delivery.models import StoredSubscription, Subscription
from kumihimo.platform.delivery.send import SendNumbers


@pytest.fixture
async def stand(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> Stand:
    database = await any_database_factory(SCHEMAS)
    await database.add_tenant(TENANT)
    return Stand(database, fake_clock)


async def test_a_subscription_is_kept_listed_changed_and_deleted(stand: Stand) -> None:
    first = await stand.subscribe(id="urn:s:1", description="水位")
    stand.clock.advance(1)
    second = await stand.subscribe(watchedAttributes=["level"])
    assert first == "urn:s:1"
    page, total = await stand.delivery.list(stand.call, 1, 1)
    assert (total, [one["id"] for one in page]) == (2, [second])
    with pytest.raises(AlreadyExists):
        await stand.subscribe(id="urn:s:1")
    notification = {"endpoint": {"uri": "http://other.example/"}, "attributes": ["level"]}
    change = {"description": None, "notification": notification}
    await stand.delivery.update(stand.call, first, change, stand.contexts.core)
    shown = await stand.delivery.get(stand.call, first)
    assert "description" not in shown
    assert shown["notification"] == notification
    await stand.delivery.delete(stand.call, first)
    for gone in (stand.delivery.get(stand.call, first), stand.delivery.delete(stand.call, first)):
        with pytest.raises(ResourceNotFound):
            await gone


async def test_a_change_arrives_once_and_only_from_now_on(stand: Stand) -> None:
    await stand.put(level=1)
    await stand.catch_up()
    id_ = await stand.subscribe()
    await stand.put(level=2)
    (one,) = await stand.catch_up()
    assert one.body["type"] == "Notification"
    assert one.body["subscriptionId"] == id_
    assert one.entity["level"] == {"type": "Property", "value": 2}
    assert one.headers["NGSILD-Tenant"] == TENANT
    assert await stand.catch_up() == []
    shown = await stand.delivery.get(stand.call, id_)
    assert shown["status"] == "active"
    assert shown["notification"]["timesSent"] == 1
    assert shown["notification"]["lastSuccess"] == shown["notification"]["lastNotification"]


async def test_nothing_is_lost_between_commit_and_send(stand: Stand) -> None:
    await stand.subscribe()
    hanging = asyncio.Event()
    arrived = asyncio.Event()

    async def hang(url: str, body: bytes) -> int:
        arrived.set()
        await hanging.wait()
        return 200

    stand.endpoint.answer = hang
    run = asyncio.create_task(stand.delivery.run())
    await stand.put(level=1)
    async with asyncio.timeout(10):
        await arrived.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    before = [one.body["id"] for one in stand.endpoint.sent]
    stand.endpoint.answer = None
    stand.restart()
    after = [one.body["id"] for one in await stand.catch_up()]
    assert before == after
    assert await stand.delivery.backlog(TENANT) == (0, 0)


async def test_what_was_committed_before_a_restart_is_matched_after_it(stand: Stand) -> None:
    await stand.subscribe()
    await stand.put(level=1)
    stand.restart()
    assert len(await stand.catch_up()) == 1


async def test_what_is_on_its_way_is_counted_and_has_no_outcome_yet(stand: Stand) -> None:
    id_ = await stand.subscribe()
    arrived, go = asyncio.Event(), asyncio.Event()

    async def wait(url: str, body: bytes) -> int:
        arrived.set()
        await go.wait()
        return 200

    stand.endpoint.answer = wait
    await stand.put(level=1)
    sending = asyncio.create_task(stand.catch_up())
    async with asyncio.timeout(10):
        await arrived.wait()
    moment = "2026-01-01T00:00:00.000Z"
    counted = {"timesSent": 1, "lastNotification": moment}
    plain = {"endpoint": {"uri": "http://endpoint.example/notify"}}
    assert (await stand.delivery.get(stand.call, id_))["notification"] == {**plain, **counted}
    go.set()
    await sending
    counted |= {"status": "ok", "lastSuccess": moment}
    (listed,), _ = await stand.delivery.list(stand.call)
    assert listed["notification"] == {**plain, **counted}


async def test_counters_and_headers_outlive_a_restart(stand: Stand) -> None:
    id_ = await stand.subscribe(endpoint={"receiverInfo": [{"key": "Authorization", "value": "Bearer x"}]})
    await stand.put(level=1)
    await stand.catch_up()
    stand.restart()
    await stand.put(level=2)
    (one,) = await stand.catch_up()
    assert one.headers["Authorization"] == "Bearer x"
    assert (await stand.delivery.get(stand.call, id_))["notification"]["timesSent"] == 2


async def test_the_whole_account_outlives_a_restart(stand: Stand) -> None:
    id_ = await stand.subscribe(throttling=60)

    async def broken(url: str, body: bytes) -> int:
        del url, body
        return 503

    await stand.put(level=1)
    await stand.catch_up()
    stand.clock.advance(60)
    stand.endpoint.answer = broken
    await stand.put(level=2)
    await stand.catch_up()
    before = (await stand.delivery.get(stand.call, id_))["notification"]
    assert (before["timesSent"], before["timesFailed"], before["status"]) == (2, 1, "failed")
    assert before["lastSuccess"] < before["lastFailure"] == before["lastNotification"]
    stand.restart()
    assert (await stand.delivery.get(stand.call, id_))["notification"] == before
    stand.endpoint.answer = None
    stand.clock.advance(1)
    await stand.catch_up()
    after = (await stand.delivery.get(stand.call, id_))["notification"]
    assert (after["timesSent"], after["timesFailed"], after["status"]) == (3, 1, "ok")
    assert after["lastFailure"] == before["lastFailure"] < after["lastSuccess"]


async def test_throttling_outlives_a_restart_and_sends_the_latest_state(stand: Stand) -> None:
    await stand.subscribe(throttling=60)
    await stand.put(level=1)
    assert len(await stand.catch_up()) == 1
    await stand.put(level=2)
    await stand.put(level=3)
    await stand.put("urn:x:2", level=9)
    stand.restart()
    stand.clock.advance(59)
    assert await stand.catch_up() == []
    stand.clock.advance(1)
    (one,) = await stand.catch_up()
    assert [(e["id"], e["level"]["value"]) for e in one.body["data"]] == [("urn:x:1", 3), ("urn:x:2", 9)]
    stand.clock.advance(600)
    assert await stand.catch_up() == []


async def test_a_dead_letter_is_replayed_under_its_own_id(stand: Stand) -> None:
    id_ = await stand.subscribe()

    async def broken(url: str, body: bytes) -> int:
        return 500

    stand.endpoint.answer = broken
    await stand.put(level=1)
    for _ in range(3):
        await stand.catch_up()
        stand.clock.advance(600)
    assert len(stand.endpoint.sent) == 3
    assert len({one.body["id"] for one in stand.endpoint.sent}) == 1
    (dead,) = await stand.delivery.dead_letters(TENANT, id_)
    assert (dead.attempts, dead.reason) == (3, "500: said 500")
    assert await stand.catch_up() == []
    stand.endpoint.answer = None
    await stand.delivery.replay(stand.call, dead.subscription, dead.id)
    (again,) = await stand.catch_up()
    assert again.body["id"] == dead.id
    assert await stand.delivery.backlog(TENANT) == (0, 0)
    assert [one.status for one in await stand.delivery.attempts(TENANT, id_)] == [200, 500, 500, 500]
    with pytest.raises(ResourceNotFound):
        await stand.delivery.replay(stand.call, dead.subscription, dead.id)


async def test_a_full_queue_gives_up_its_oldest(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kumihimo.platform.delivery.room.MAX_QUEUE", 3)
    id_ = await stand.subscribe()

    async def broken(url: str, body: bytes) -> int:
        return 500

    stand.endpoint.answer = broken
    await stand.put(level=0)
    await stand.catch_up()
    for level in range(1, 6):
        await stand.put(level=level)
    await stand.catch_up()
    assert await stand.delivery.backlog(TENANT) == (3, 3)
    stand.endpoint.answer = None
    stand.clock.advance(600)
    assert [one.entity["level"]["value"] for one in await stand.catch_up()] == [3, 4, 5]
    assert stand.delivery.counters()["given_up"] == 3
    assert len(await stand.delivery.dead_letters(TENANT, id_)) == 3


async def test_tenants_do_not_hear_each_other(stand: Stand) -> None:
    other = Call("sabae")
    await stand.database.add_tenant("sabae")
    await stand.subscribe()
    theirs = await stand.delivery.create(
        other,
        {
            "type": "Subscription",
            "entities": [{"type": "Gauge"}],
            "notification": {"endpoint": {"uri": "http://their.example/"}},
        },
        stand.contexts.core,
    )
    await stand.put(level=1)
    await stand.delivery.catch_up("sabae")
    await stand.delivery.catch_up(TENANT)
    assert [one.url for one in stand.endpoint.sent] == ["http://endpoint.example/notify"]
    with pytest.raises(ResourceNotFound):
        await stand.delivery.get(stand.call, theirs)
    assert (await stand.delivery.list(other))[1] == 1
    with pytest.raises(NonexistentTenant):
        await stand.delivery.get(Call("nowhere"), theirs)


async def test_a_message_carries_metadata_and_body_and_is_tried_again_as_over_http(stand: Stand) -> None:
    info = [{"key": "X-Town", "value": "福井"}]
    id_ = await stand.subscribe(
        uri="mqtt://user:key@broker:8085/town/level",
        endpoint={"receiverInfo": info, "notifierInfo": [{"key": "MQTT-QoS", "value": "1"}]},
    )
    stand.publish.trouble = ConnectionError("nobody there")
    await stand.put(level=1)
    await stand.catch_up()
    stand.publish.trouble = None
    stand.restart()
    stand.clock.advance(600)
    await stand.catch_up()
    first, second = stand.publish.taken
    assert first == second
    server, topic, qos, message = second
    assert (server, topic, qos) == (MqttServer("broker", 8085, username="user", password="key"), "town/level", 1)
    link = message["metadata"].pop("Link")
    assert link.startswith("<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld>; rel=")
    assert message["metadata"] == {"X-Town": "福井", "Content-Type": "application/json", "NGSILD-Tenant": TENANT}
    assert (message["body"]["type"], message["body"]["subscriptionId"]) == ("Notification", id_)
    assert message["body"]["data"][0]["level"] == {"type": "Property", "value": 1}
    assert dict(stand.publish.notes[1]) == {**message["metadata"], "Link": link}
    told = [(one.status, one.detail) for one in await stand.delivery.attempts(TENANT, id_)]
    assert told == [(200, "published with QoS 1"), (0, "nobody there")]
    counted = (await stand.delivery.get(stand.call, id_))["notification"]
    assert (counted["timesSent"], counted["timesFailed"], counted["status"]) == (2, 1, "ok")


async def test_a_message_in_json_ld_has_its_context_inside(stand: Stand) -> None:
    await stand.subscribe(uri="mqtt://broker/a", endpoint={"accept": "application/ld+json"})
    await stand.put(level=1)
    await stand.catch_up()
    ((_, _, _, message),) = stand.publish.taken
    assert message["metadata"] == {"Content-Type": "application/ld+json", "NGSILD-Tenant": TENANT}
    assert message["body"]["data"][0]["@context"]


async def test_why_it_was_told_or_not_is_explained(stand: Stand) -> None:
    id_ = await stand.subscribe(q="level>1", throttling=60)
    for level in (1, 2, 3):
        await stand.put("urn:x:1", level=level)
        await stand.put("urn:x:2", level=0)
    await stand.catch_up()
    found = await stand.delivery.explain(stand.call, id_, "urn:x:1")
    assert [(one.outcome, one.first.name if one.first else "") for one in found.changes] == [
        ("held", "throttling"),
        ("told", ""),
        ("not", "q"),
    ]
    assert [one.status for one in found.attempts] == [200]
    assert found.earlier == 0


def answering_at_random(stand: Stand, chance: random.Random) -> dict[tuple[str, str], list[int]]:
    """An endpoint of moods; the levels that it took, by subscription and entity."""
    taken: dict[tuple[str, str], list[int]] = defaultdict(list)

    async def answer(url: str, body: bytes) -> int:
        await asyncio.sleep(0)
        told = jsontext.parse(body)
        status = chance.choice((200, 200, 200, 500, 400))
        for one in told["data"] if status == 200 else ():
            taken[told["subscriptionId"], one["id"]].append(one["level"]["value"])
        return status

    stand.endpoint.answer = answer
    return taken


async def until_nothing_waits(stand: Stand) -> None:
    for _ in range(200):
        await stand.catch_up()
        stand.clock.advance(400)
        if await stand.delivery.backlog(TENANT) == (0, 0):
            return
    raise AssertionError(await stand.delivery.backlog(TENANT))


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_fails_each_entity_is_told_of_in_order_and_to_the_end(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """With little room in memory, restarts, a subscription that is changed, and endpoints that fail at random."""
    monkeypatch.setattr("kumihimo.platform.delivery.queues.WINDOW", 2)
    monkeypatch.setattr("kumihimo.platform.delivery.send._MAX_SIZE", 2000)
    chance = random.Random(seed)
    stand.numbers = SendNumbers(per_endpoint=3, total=5)
    stand.restart()
    taken = answering_at_random(stand, chance)
    subscriptions = [await stand.subscribe(uri=f"http://e.example/{number % 2}") for number in range(3)]
    for level in range(1, 11):
        await stand.batch(*(f"urn:x:{number}" for number in range(3)), level=level)
        if level % 3 == 0:
            await stand.catch_up()
            stand.clock.advance(chance.choice((0, 1, 400)))
        if level % 5 == 0:
            stand.restart()
        if level == 7:
            change = {"notification": {"endpoint": {"uri": "http://e.example/1"}}}
            await stand.delivery.update(stand.call, subscriptions[0], change, stand.contexts.core)
    await until_nothing_waits(stand)
    assert taken == {(one, f"urn:x:{number}"): list(range(1, 11)) for one in subscriptions for number in range(3)}
    for one in subscriptions:
        assert len(await stand.delivery.attempts(TENANT, one, limit=1000)) <= 2 * stand.numbers.kept


async def test_of_many_subscriptions_only_what_changed_is_made_ready_again(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def compiled(row: StoredSubscription, *rest: Any) -> Subscription:
        made.append(row.id)
        return compile_subscription(row, *rest)

    monkeypatch.setattr(catalogue, "compile_subscription", compiled)
    for number in range(4):
        await stand.subscribe(id=f"urn:s:{number}", watchedAttributes=["level"])
        await stand.catch_up()
    assert made == [f"urn:s:{number}" for number in range(4)]
    await stand.delivery.delete(stand.call, "urn:s:0")
    await stand.delivery.update(stand.call, "urn:s:1", {"watchedAttributes": ["rain"]}, stand.contexts.core)
    await stand.put(level=1)
    told = {one.body["subscriptionId"] for one in await stand.catch_up()}
    assert told == {"urn:s:2", "urn:s:3"}
    assert made[4:] == ["urn:s:1"]


async def test_subscriptions_of_a_tenant_that_was_made_anew_are_its_own(stand: Stand) -> None:
    await stand.subscribe(id="urn:s:old")
    await stand.put(level=1)
    assert len(await stand.catch_up()) == 1
    await stand.database.remove_tenant(TENANT)
    stand.clock.advance(1)
    await stand.database.add_tenant(TENANT)
    await stand.subscribe(id="urn:s:new")
    await stand.put(level=2)
    assert [one.body["subscriptionId"] for one in await stand.catch_up()] == ["urn:s:new"]
