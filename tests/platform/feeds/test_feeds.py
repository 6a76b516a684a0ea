"""What a feed tells, where it goes on, and how it ends; on both engines."""

from __future__ import annotations

import asyncio

import pytest
from tests.platform.delivery.stand import TENANT
from tests.platform.feeds.conftest import FeedStand, entities, take
from tests.rights import all_but, rows

from kumihimo.base.call import ANONYMOUS, Actor, Call
from kumihimo.base.errors import BadRequestData, Forbidden, NonexistentTenant, Overloaded
from kumihimo.platform.access.decide import Grant
from kumihimo.platform.feeds import door, tail
from kumihimo.platform.feeds.ask import read_ask
from kumihimo.platform.feeds.door import Feeds


async def test_it_tells_of_what_is_created_changed_and_deleted_in_order(stand: FeedStand) -> None:
    events = await stand.begun(type="Gauge")
    await stand.put(level=1)
    await stand.put("urn:x:bus", "Bus", speed=1)
    await stand.patch("urn:x:1", level=2)
    await stand.remove("urn:x:1")
    told = [await take(events) for _ in range(3)]
    assert [one.kind for one in told] == ["entityCreated", "entityUpdated", "entityDeleted"]
    assert [one.seq for one in told] == [1, 3, 4]
    assert told[1].entity == {"id": "urn:x:1", "type": "Gauge", "level": {"type": "Property", "value": 2}}
    assert told[2].entity is not None
    assert set(told[2].entity) == {"id", "type", "deletedAt"}


async def test_conditions_and_forms_are_those_of_a_subscription(stand: FeedStand) -> None:
    events = await stand.begun(type="Gauge", q="level>2", watched="level", format="simplified", pick="id,level")
    await stand.put(level=1)
    await stand.patch("urn:x:1", level=3, name="x")
    await stand.patch("urn:x:1", name="y")
    await stand.patch("urn:x:1", level=4)
    assert await entities(events, 2) == [{"id": "urn:x:1", "level": 3}, {"id": "urn:x:1", "level": 4}]


async def test_it_goes_on_behind_the_position_where_it_broke_off(stand: FeedStand) -> None:
    for level in range(4):
        await stand.put(level=level)
    assert [one["level"] for one in await entities(await stand.open(after="2", format="simplified"), 2)] == [2, 3]
    events = await stand.open("3", after="1", format="simplified")
    assert [one["level"] for one in await entities(events, 1)] == [3]


async def test_it_begins_with_the_entities_as_they_are_and_loses_nothing_between(
    stand: FeedStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kumihimo.platform.delivery.watch.PAGE", 2)
    for number in range(5):
        await stand.put(f"urn:x:{number}", level=number)
    await stand.put("urn:x:low", level=-1)
    events = await stand.begun(type="Gauge", q="level>=0", format="simplified", standing="true")
    first = await take(events)
    assert (first.kind, first.seq) == ("current", 6)
    await stand.patch("urn:x:4", level=40)
    rest = [await take(events) for _ in range(5)]
    assert [one.kind for one in rest] == ["current"] * 4 + ["entityUpdated"]
    assert [one.entity["id"] for one in (first, *rest) if one.entity] == [f"urn:x:{n}" for n in (0, 1, 2, 3, 4, 4)]
    assert rest[-1].entity is not None
    assert rest[-1].entity["level"] == 40


async def test_who_is_far_behind_is_told_all_of_it_from_the_store(
    stand: FeedStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "KEPT", 3)
    monkeypatch.setattr(tail, "BATCH", 4)
    behind = await stand.begun(type="Gauge", format="simplified")
    ahead = await stand.begun(type="Gauge", format="simplified")
    for level in range(20):
        await stand.put(level=level)
        assert [one["level"] for one in await entities(ahead, 1)] == [level]
    assert [one["level"] for one in await entities(behind, 20)] == list(range(20))


async def test_silence_is_told_with_the_position_behind_what_did_not_fit(stand: FeedStand) -> None:
    stand.fresh(ping=0.05)
    events = await stand.begun(type="Gauge")
    await stand.put("urn:x:bus", "Bus", speed=1)
    async with asyncio.timeout(10):
        while (event := await take(events)).seq == 0:
            assert event.kind == "ping"
    assert (event.kind, event.seq) == ("ping", 1)


async def test_a_tenant_that_was_made_anew_begins_anew(stand: FeedStand) -> None:
    for level in range(3):
        await stand.put(level=level)
    events = await stand.begun(type="Gauge")
    await stand.database.remove_tenant(TENANT)
    await stand.database.add_tenant(TENANT)
    await stand.put(level=9)
    reset, created = await take(events), await take(events)
    assert (reset.kind, reset.seq) == ("reset", 0)
    assert (created.kind, created.seq) == ("entityCreated", 1)
    late = await stand.open(after="3")
    assert [(await take(late)).kind for _ in range(3)] == ["ping", "reset", "entityCreated"]


async def test_a_right_that_is_taken_away_ends_it(stand: FeedStand, monkeypatch: pytest.MonkeyPatch) -> None:
    events = await stand.begun()
    await stand.put(level=1)
    assert (await take(events)).kind == "entityCreated"

    def no(self: object, call: Call, action: str) -> Grant:
        raise Forbidden("the role was taken away")

    monkeypatch.setattr("kumihimo.platform.access.decide.Access.decide", no)
    await stand.patch("urn:x:1", level=2)
    end = await take(events)
    assert (end.kind, end.detail, end.seq) == ("end", "the role was taken away", 1)
    with pytest.raises(StopAsyncIteration):
        await take(events)


async def test_a_right_taken_away_while_it_is_decided_holds_for_what_came_meanwhile(
    stand: FeedStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = await stand.begun(format="simplified")
    rights = [Grant(rows(ids=["urn:x:1"]), all_but()), Grant(rows(ids=["urn:x:2"]), all_but())]
    may_decide, asked = asyncio.Event(), asyncio.Event()

    async def decide(self: object, call: Call, action: str) -> Grant:
        found = rights[0]
        asked.set()
        await may_decide.wait()
        return found

    monkeypatch.setattr("kumihimo.platform.access.decide.Access.decide", decide)
    await stand.put("urn:x:1", level=1)
    told = asyncio.ensure_future(entities(events, 2))
    await asyncio.wait_for(asked.wait(), 5)
    # The first of the two rights is decided by now, and not told yet; it is taken away before the next is written.
    rights.pop(0)
    await stand.put("urn:x:1", level=2)
    await stand.put("urn:x:2", level=3)
    await stand.feeds._tails[TENANT][0].moved(2, 0, 5)
    may_decide.set()
    assert await asyncio.wait_for(told, 5) == [
        {"id": "urn:x:1", "type": "Gauge", "level": 1},
        {"id": "urn:x:2", "type": "Gauge", "level": 3},
    ]


async def test_there_are_so_many_and_no_more_and_places_come_free(
    stand: FeedStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MAX_FEEDS_OF_TENANT", 2)
    first, _second = await stand.begun(), await stand.begun()
    with pytest.raises(Overloaded):
        await stand.open()
    await first.aclose()
    await stand.begun()
    assert stand.feeds.count == 2


async def test_strangers_leave_room_for_those_who_are_known(stand: FeedStand) -> None:
    stand.feeds = Feeds(stand.database, stand.bus, stand.delivery, strangers=1)
    known = stand.call
    stand.call = Call(TENANT, ANONYMOUS)
    first = await stand.begun()
    with pytest.raises(Overloaded, match="log in"):
        await stand.open()
    stand.call = Call(TENANT, Actor("person", "p-1"))
    await stand.begun()
    await first.aclose()
    stand.call = Call(TENANT, ANONYMOUS)
    await stand.begun()
    stand.call = known
    await stand.feeds.close()


async def test_closing_ends_all_and_lets_no_one_in(stand: FeedStand) -> None:
    events = await stand.begun()
    waiting = asyncio.ensure_future(anext(events, None))
    await asyncio.sleep(0)
    await stand.feeds.close()
    async with asyncio.timeout(5):
        assert await waiting is None
    assert stand.feeds.count == 0
    with pytest.raises(Overloaded):
        await stand.open()


async def test_an_unknown_tenant_has_no_feed(stand: FeedStand) -> None:
    ask = read_ask({})
    with pytest.raises(NonexistentTenant):
        await stand.feeds.open(Call("nobody", ANONYMOUS), ask.document, stand.contexts.core, after=None, standing=False)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"nonsense": "1"}, "nonsense"),
        ({"q": "level>"}, "q"),
        ({"after": "-1"}, "after"),
        ({"after": "٣"}, "after"),
        ({"standing": "yes"}, "standing"),
        ({"joinLevel": "x"}, "joinLevel"),
        ({"triggers": "sometimes"}, "notificationTrigger"),
        ({"georel": "near;maxDistance==1"}, "geo"),
        ({"type": "Gauge;"}, "type"),
        ({"idPattern": "("}, "pattern"),
        ({"format": "pretty"}, "format"),
    ],
)
async def test_what_is_wrong_is_named(stand: FeedStand, query: dict[str, str], named: str) -> None:
    with pytest.raises(BadRequestData) as refused:
        await stand.open(**query)
    assert named in refused.value.detail
