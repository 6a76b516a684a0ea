import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rights import all_but, rows
from tests.service.console.console_town import SCHEMAS, Factory, Town, gauge_id

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Forbidden, Overloaded
from kumihimo.base.ports import log_topic
from kumihimo.platform.access.decide import Access, Action, Grant
from kumihimo.service.console import live
from kumihimo.service.console.live import Mailbox


async def next_change(events: AsyncGenerator[str, None]) -> dict[str, Any]:
    async with asyncio.timeout(10):
        async for event in events:
            if event.startswith("event: change"):
                return dict(json.loads(event.partition("data: ")[2]))
    raise AssertionError("the stream ended")


async def hello(events: AsyncGenerator[str, None]) -> None:
    first = await anext(events)
    assert first.startswith("retry: ")
    assert "event: ping" in first
    await asyncio.sleep(0)


async def test_a_change_is_told_with_short_names(town: Town) -> None:
    async with aclosing(town.live.events("fukui")) as events:
        await hello(events)
        await town.live.reads("fukui")
        await town.rise(1, 9.5, 10)
        change = await next_change(events)
    assert change["entities"][0]["id"] == gauge_id(1)
    assert change["entities"][0]["types"] == ["WaterLevelObserved"]
    assert "waterLevel" in change["entities"][0]["changed"]
    assert change["seq"] > 0


async def test_a_tenant_hears_nothing_of_another(town: Town) -> None:
    async with aclosing(town.live.events("sabae")) as events:
        await hello(events)
        await town.live.reads("sabae")
        await town.rise(0, 9.5, 10)
        town.nudge("fukui")
        town.nudge("sabae")
        change = await next_change(events)
    assert change == {"seq": 0, "entities": []}


async def test_a_lost_nudge_costs_one_ping(database_factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town(await database_factory(SCHEMAS), ping=0.1)
    await town.fill()
    async with aclosing(town.live.events("fukui")) as events:
        await hello(events)
        await town.live.reads("fukui")
        monkeypatch.setattr(town.bus, "publish", lambda topic: None)
        await town.rise(0, 9.5, 10)
        assert (await next_change(events))["entities"][0]["id"] == gauge_id(0)


async def test_a_town_that_is_made_anew_under_an_open_page_is_told_as_everything(town: Town) -> None:
    async with aclosing(town.live.events("fukui")) as events:
        await hello(events)
        await town.live.reads("fukui")
        await town.database.remove_tenant("fukui")
        await town.database.add_tenant("fukui")
        town.bus.publish(log_topic("fukui"))
        assert (await next_change(events))["entities"] == []
        await town.rise(1, 9.5, 10)
        assert (await next_change(events))["entities"][0]["id"] == gauge_id(1)


async def test_silence_is_broken_by_pings(database_factory: Factory) -> None:
    town = Town(await database_factory(SCHEMAS), ping=0.05)
    await town.fill()
    async with aclosing(town.live.events("fukui")) as events:
        await hello(events)
        async with asyncio.timeout(10):
            assert (await anext(events)).startswith("event: ping")


async def test_many_pages_share_one_reader(town: Town) -> None:
    streams = [town.live.events("fukui") for _ in range(5)]
    for events in streams:
        await hello(events)
    assert town.live.count == 5
    assert len(town.live._readers) == 1
    for events in streams:
        await events.aclose()
    assert town.live.count == 0
    assert town.live._readers == {}


async def test_streams_are_bounded(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_STREAMS", 1)
    async with aclosing(town.live.events("fukui")) as events:
        await hello(events)
        with pytest.raises(Overloaded):
            await town.live.respond(Call("fukui"))


async def test_the_streams_of_one_tenant_leave_room_for_others(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_STREAMS_OF_TENANT", 1)
    async with aclosing(town.live.events("fukui")) as events:
        await hello(events)
        with pytest.raises(Overloaded) as caught:
            await town.live.respond(Call("fukui"))
        assert caught.value.retry_after == 10
        assert (await town.live.respond(Call("sabae"))).status_code == 200


async def test_pages_of_strangers_leave_room_for_those_who_are_known(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_STREAMS_OF_STRANGERS", 1)
    access = Narrow()
    town.live._access = access
    box = Mailbox(Call("fukui"), await access.decide(Call("fukui"), "read"))
    async with aclosing(town.live.events("fukui", box)) as events:
        await hello(events)
        with pytest.raises(Overloaded, match="log in"):
            await town.live.respond(Call("fukui"))
        assert (await town.live.respond(Call("fukui", Actor("person", "p")))).status_code == 200
        assert (await town.live.respond(Call("sabae"))).status_code == 200


async def test_stopping_ends_every_stream(town: Town) -> None:
    events = town.live.events("fukui")
    await hello(events)
    waiting = asyncio.create_task(anext(events, "ended"))
    await town.live.reads("fukui")
    await town.live.close()
    async with asyncio.timeout(10):
        assert await waiting == "ended"
    with pytest.raises(Overloaded):
        await town.live.respond(Call("fukui"))


names = st.text("abc", min_size=1, max_size=1)


@given(st.lists(st.tuples(names, st.sets(names)), min_size=1, max_size=20))
def test_a_mailbox_folds_changes_of_one_entity(changes: list[tuple[str, set[str]]]) -> None:
    box = Mailbox()
    for seq, (name, changed) in enumerate(changes, 1):
        box.put(seq, [(name, ("T",), changed)])
    told = box.take()
    assert told["seq"] == len(changes)
    assert {one["id"] for one in told["entities"]} == {name for name, _ in changes}
    for one in told["entities"]:
        assert set(one["changed"]) == set().union(*(changed for name, changed in changes if name == one["id"]))
    assert not box.full.is_set()
    assert box.take()["entities"] == []


def test_a_mailbox_is_bounded() -> None:
    box = Mailbox()
    for number in range(live.MAX_PENDING + 10):
        box.put(number, [(f"e{number}", ("T",), ())])
    told = box.take()
    assert told["entities"] == []
    assert told["seq"] == live.MAX_PENDING + 9


class Narrow(Access):
    """One gauge, and of it all but its water level; nothing once that is taken away."""

    def __init__(self) -> None:
        super().__init__(open_house=False)
        self.number, self.may_read, self.hidden = 0, True, ""

    def revision(self, tenant: str) -> int:
        return self.number

    async def decide(self, call: Call, action: Action) -> Grant:
        if not self.may_read:
            raise Forbidden("not any more")
        return Grant(rows(ids=[gauge_id(1), gauge_id(2)]), all_but(self.hidden))


async def test_a_page_is_told_of_what_its_caller_may_see(town: Town) -> None:
    access = Narrow()
    town.live._access = access
    call = Call("fukui", Actor("person", "p"))
    box = Mailbox(call, await access.decide(call, "read"))
    async with aclosing(town.live.events("fukui", box)) as events:
        await hello(events)
        await town.live.reads("fukui")
        await town.rise(0, 9.5, 10)
        await town.rise(1, 9.5, 10)
        assert [one["id"] for one in (await next_change(events))["entities"]] == [gauge_id(1)]
        access.hidden, access.number = town.contexts.core.expand("waterLevel"), 1
        await town.rise(1, 9.6, 20)
        assert (await next_change(events))["entities"] == [], "what stands on the page is not its caller's to see now"
        await town.rise(1, 9.65, 30)
        (one,) = (await next_change(events))["entities"]
        assert one["id"] == gauge_id(1)
        assert one["changed"]
        assert "waterLevel" not in one["changed"]
        access.may_read, access.number = False, 2
        await town.rise(1, 9.7, 40)
        assert not [event async for event in events if "change" in event]


async def test_what_changes_beside_the_log_is_told_at_once_to_who_sees_everything_alone(
    database_factory: Factory,
) -> None:
    """An alert that is hidden must not be heard of by its moment: others look again at a beat of their own."""
    town = Town(await database_factory(SCHEMAS), ping=0.05)
    town.live._beat = 3600.0
    await town.fill()
    access, call = Narrow(), Call("fukui", Actor("person", "p"))
    boxes = (Mailbox(), Mailbox(call, await access.decide(call, "read"), 0))
    town.live._access = access
    async with (
        aclosing(town.live.events("fukui", boxes[0])) as whole,
        aclosing(town.live.events("fukui", boxes[1])) as part,
    ):
        await hello(whole)
        await hello(part)
        await town.live.reads("fukui")
        town.nudge("fukui")
        assert (await next_change(whole))["entities"] == []
        assert not boxes[1].full.is_set()
        await town.rise(1, 9.5, 10)
        assert (await next_change(whole))["seq"] > 0
        told = await next_change(part)
        assert (told["seq"], [one["id"] for one in told["entities"]]) == (0, [gauge_id(1)])


async def test_who_sees_a_part_looks_again_at_a_steady_beat(database_factory: Factory) -> None:
    town = Town(await database_factory(SCHEMAS), ping=0.02)
    town.live._beat = 0.05
    await town.fill()
    access, call = Narrow(), Call("fukui", Actor("person", "p"))
    town.live._access = access
    async with aclosing(town.live.events("fukui", Mailbox(call, await access.decide(call, "read"), 0))) as events:
        await hello(events)
        for _ in range(2):
            assert await next_change(events) == {"seq": 0, "entities": []}, "and nothing has changed"


async def test_a_right_taken_away_while_the_log_is_read_holds_for_what_is_read(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = Narrow()
    town.live._access = access
    call = Call("fukui", Actor("person", "p"))
    read = town.database.read

    async def slowly(tenant: str, work: Any) -> Any:
        found = await read(tenant, work)
        access.hidden, access.number = town.contexts.core.expand("waterLevel"), 1
        return found

    box = Mailbox(call, await access.decide(call, "read"))
    async with aclosing(town.live.events("fukui", box)) as events:
        await hello(events)
        await town.live.reads("fukui")
        monkeypatch.setattr(town.database, "read", slowly)
        await town.rise(1, 9.5, 10)
        told = (await next_change(events))["entities"]
    assert told == [], "nothing is named, and the page looks at everything again"
