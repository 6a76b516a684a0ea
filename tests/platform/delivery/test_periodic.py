"""What is sent by the clock, and what is shown of what was before."""

from __future__ import annotations

from tests.platform.delivery.stand import Stand

LEVEL = "https://uri.etsi.org/ngsi-ld/default-context/level"


async def test_a_periodic_subscription_tells_what_stands_and_not_what_changes(stand: Stand) -> None:
    await stand.put("urn:x:1", level=1)
    await stand.put("urn:x:2", level=9)
    await stand.subscribe(timeInterval=10, q="level<5")
    await stand.put("urn:x:1", level=2)
    assert await stand.catch_up() == []
    stand.clock.advance(10)
    (first,) = await stand.catch_up()
    assert [(one["id"], one["level"]["value"]) for one in first.body["data"]] == [("urn:x:1", 2)]
    assert await stand.catch_up() == []
    stand.clock.advance(10)
    assert len(await stand.catch_up()) == 1


async def test_a_turn_is_neither_lost_nor_repeated_by_a_restart(stand: Stand) -> None:
    await stand.put(level=1)
    await stand.subscribe(timeInterval=10)
    stand.clock.advance(10)
    assert len(await stand.catch_up()) == 1
    stand.clock.advance(6)
    stand.restart()
    assert await stand.catch_up() == []
    stand.clock.advance(4)
    assert len(await stand.catch_up()) == 1


async def test_nothing_is_sent_where_nothing_is_selected_or_the_subscription_rests(stand: Stand) -> None:
    await stand.subscribe(timeInterval=10, entities=[{"type": "Nothing"}])
    paused = await stand.subscribe(timeInterval=10, isActive=False)
    await stand.put(level=1)
    stand.clock.advance(60)
    assert await stand.catch_up() == []
    await stand.delivery.update(stand.call, paused, {"isActive": True}, stand.contexts.core)
    stand.clock.advance(10)
    assert [one.body["subscriptionId"] for one in await stand.catch_up()] == [paused]


async def test_changes_stand_beside_the_value_before(stand: Stand) -> None:
    await stand.subscribe(
        notification={"showChanges": True},
        notificationTrigger=["entityUpdated", "attributeDeleted", "attributeCreated"],
    )
    await stand.put(level=1)
    (created,) = await stand.catch_up()
    assert created.entity["level"] == {"type": "Property", "value": 1}
    await stand.put(level=2)
    (changed,) = await stand.catch_up()
    assert changed.entity["level"] == {"type": "Property", "value": 2, "previousValue": 1}
    await stand.remove_attribute("urn:x:1", "level")
    (deleted,) = await stand.catch_up()
    assert deleted.entity["level"] == {"type": "Property", "value": "urn:ngsi-ld:null", "previousValue": 2}


async def test_a_concise_value_makes_room_for_the_one_before(stand: Stand) -> None:
    await stand.subscribe(notification={"showChanges": True, "format": "concise"})
    await stand.put(level=1)
    await stand.catch_up()
    await stand.put(level=2)
    (changed,) = await stand.catch_up()
    assert changed.entity["level"] == {"value": 2, "previousValue": 1}


async def test_scopes_and_datasets_choose(stand: Stand) -> None:
    await stand.subscribe(scopeQ="/a/#")
    await stand.put("urn:x:1", level=1, scope="/b")
    assert await stand.catch_up() == []
    await stand.put("urn:x:2", level=1, scope="/a/c")
    assert [one.entity["id"] for one in await stand.catch_up()] == ["urn:x:2"]
    await stand.subscribe(datasetId=["urn:d:1"], entities=[{"type": "Pump"}])
    await stand.put("urn:x:3", "Pump", level={"dataset": {"@none": 1, "urn:d:1": 2}}, rain=3)
    (one,) = await stand.catch_up()
    assert one.entity["level"] == {"type": "Property", "value": 2, "datasetId": "urn:d:1"}
    assert "rain" not in one.entity


async def test_what_no_subscription_has_is_left_out(stand: Stand) -> None:
    id_ = await stand.subscribe(colour="red", status="expired", splitEntities=True, notification={"timesSent": 42})
    shown = await stand.delivery.get(stand.call, id_)
    assert "colour" not in shown
    assert (shown["status"], "timesSent" in shown["notification"], shown["splitEntities"]) == ("active", False, True)
