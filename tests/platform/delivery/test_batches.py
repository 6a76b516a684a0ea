"""What one request changed goes into one notification, each entity once (clauses 5.3.1 and 5.8.6)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.delivery.stand import Sent, Stand

from kumihimo.base import jsontext
from kumihimo.platform.delivery import group, match

A, B, C = (f"urn:x:{name}" for name in "abc")


def told(sent: list[Sent]) -> list[list[tuple[str, int]]]:
    """Entity and level, notification by notification."""
    return [[(one["id"], one["level"]["value"]) for one in each.body["data"]] for each in sent]


async def test_a_batch_is_one_notification(stand: Stand) -> None:
    await stand.subscribe()
    await stand.batch(A, B, C, level=1)
    (one,) = await stand.catch_up()
    assert told([one]) == [[(A, 1), (B, 1), (C, 1)]]


async def test_other_requests_are_notifications_of_their_own(stand: Stand) -> None:
    await stand.subscribe()
    await stand.put(A, level=1)
    await stand.put(B, level=1)
    await stand.batch(A, level=2)
    await stand.batch(B, C, level=2)
    sent = await stand.catch_up()
    assert sorted(told(sent)) == [[(A, 1)], [(A, 2)], [(B, 1)], [(B, 2), (C, 2)]]


async def test_split_entities_keeps_one_in_each(stand: Stand) -> None:
    await stand.subscribe(splitEntities=True)
    await stand.batch(A, B, level=1)
    assert sorted(told(await stand.catch_up())) == [[(A, 1)], [(B, 1)]]


async def test_a_second_change_of_an_entity_begins_the_next(stand: Stand) -> None:
    await stand.subscribe()
    await stand.batch(A, B, level=1, request="r")
    await stand.batch(B, C, level=2, request="r")
    assert told(await stand.catch_up()) == [[(A, 1), (B, 1)], [(B, 2), (C, 2)]]


@pytest.mark.parametrize(("limit", "most"), [("MAX_ENTITIES", 2), ("MAX_SIZE", 900)])
async def test_a_notification_has_a_largest_size(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(group, limit, most)
    await stand.subscribe()
    await stand.batch(*(f"urn:x:{number}" for number in range(5)), level=1)
    sizes = sorted(len(one.body["data"]) for one in await stand.catch_up())
    assert sum(sizes) == 5
    assert 1 < len(sizes) < 5


async def test_only_what_the_subscription_asks_for_is_in_it(stand: Stand) -> None:
    await stand.put(A, level=1)
    await stand.subscribe(entities=[{"type": "Gauge", "idPattern": "[ab]$"}], notification={"showChanges": True})
    await stand.batch(A, B, C, level=2)
    (one,) = await stand.catch_up()
    first, second = one.body["data"]
    assert (first["id"], first["level"]["previousValue"]) == (A, 1)
    assert second["id"] == B
    assert "previousValue" not in second["level"]


async def test_what_comes_later_of_one_of_them_waits_for_it(stand: Stand) -> None:
    async def refuse(url: str, body: bytes) -> int:
        return 400 if b'"value":1' in body else 200

    stand.endpoint.answer = refuse
    await stand.subscribe()
    await stand.batch(A, B, level=1)
    await stand.put(B, level=2)
    assert told(await stand.catch_up()) == [[(A, 1), (B, 1)]]
    stand.endpoint.answer = None
    stand.clock.advance(600)
    assert told(await stand.catch_up()) == [[(A, 1), (B, 1)], [(B, 2)]]


async def test_the_explanation_of_each_entity_has_it(stand: Stand) -> None:
    async def refuse(url: str, body: bytes) -> int:
        return 400

    stand.endpoint.answer = refuse
    stand.restart()
    id_ = await stand.subscribe()
    await stand.batch(A, B, level=1)
    await stand.put(C, level=1)
    await stand.catch_up()
    for entity in (A, B):
        found = await stand.delivery.explain(stand.call, id_, entity)
        assert [one.entities for one in found.attempts] == [one.entities for one in found.waiting] == [(A, B)]
        assert found.several
    for _ in range(4):
        stand.clock.advance(600)
        await stand.catch_up()
    found = await stand.delivery.explain(stand.call, id_, B)
    assert (len(found.attempts), len(found.waiting), len(found.dead)) == (3, 0, 1)
    assert jsontext.parse(found.dead[0].body)["data"][0]["id"] == A
    other = await stand.delivery.explain(stand.call, id_, C)
    assert not other.several
    assert {one.entity for one in other.attempts} == {C}
    assert not other.dead


async def test_one_that_cannot_be_told_keeps_none_of_the_others_back(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = match._compose

    def broken(tenant: str, ready: Any, notices: Any, *rest: Any) -> Any:
        if any(one.entity["id"] == B for one in notices):
            raise ZeroDivisionError
        return plain(tenant, ready, notices, *rest)

    monkeypatch.setattr(match, "_compose", broken)
    await stand.subscribe()
    await stand.batch(A, B, C, level=1)
    assert sorted(told(await stand.catch_up())) == [[(A, 1)], [(C, 1)]]


async def test_a_throttled_subscription_still_sends_one_in_its_period(stand: Stand) -> None:
    await stand.subscribe(throttling=60)
    await stand.batch(A, B, C, level=1)
    assert told(await stand.catch_up()) == [[(A, 1)]]
    stand.clock.advance(60)
    assert told(await stand.catch_up()) == [[(B, 1), (C, 1)]]
