"""What came of attempts is written down together, and one that cannot be keeps no other from it."""

from __future__ import annotations

import asyncio

import pytest
from tests.platform.delivery.stand import TENANT, Stand

from kumihimo.base.errors import StorageRefused
from kumihimo.platform.delivery import outbox
from kumihimo.platform.delivery.models import Attempt
from kumihimo.platform.delivery.settle import Settler, tallied
from kumihimo.storage.database import Tx


def attempt(subscription: str, number: int, status: int = 200) -> Attempt:
    return Attempt(subscription, f"n{number}", "urn:x:1", number, 5, status, "")


async def test_those_that_end_together_share_a_transaction(stand: Stand) -> None:
    id_ = await stand.subscribe()
    settler = Settler(stand.database, attempts=3, kept=50)
    before = stand.database.stats()["works"]
    await asyncio.gather(*(settler.settle(TENANT, attempt(id_, number)) for number in range(1, 41)))
    assert stand.database.stats()["works"] - before <= 2
    counted = (await stand.delivery.get(stand.call, id_))["notification"]
    assert counted["timesSent"] == 40
    kept = await stand.delivery.attempts(TENANT, id_, limit=100)
    assert [one.notification for one in kept] == [f"n{number}" for number in range(40, 0, -1)]


async def test_one_that_cannot_be_written_keeps_no_other_from_it(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = await stand.subscribe()
    plain = outbox.note_attempts_tx

    async def broken(tx: Tx, many: list[Attempt]) -> None:
        if any(one.notification == "n2" for one in many):
            raise ZeroDivisionError
        await plain(tx, many)

    monkeypatch.setattr(outbox, "note_attempts_tx", broken)
    settler = Settler(stand.database, attempts=3, kept=50)
    settling = (settler.settle(TENANT, attempt(id_, number)) for number in range(1, 4))
    first, second, third = await asyncio.gather(*settling, return_exceptions=True)
    assert (first, third) == (False, False)
    assert isinstance(second, ZeroDivisionError)
    assert (await stand.delivery.get(stand.call, id_))["notification"]["timesSent"] == 2


async def test_of_a_subscription_that_was_deleted_nothing_is_kept(stand: Stand) -> None:
    id_ = await stand.subscribe()
    await stand.delivery.delete(stand.call, id_)
    await Settler(stand.database, attempts=3, kept=50).settle(TENANT, attempt(id_, 1))
    assert await stand.delivery.attempts(TENANT, id_) == []


async def test_old_attempts_are_forgotten_now_and_then(stand: Stand) -> None:
    id_ = await stand.subscribe()
    for number in range(1, 26):
        await Settler(stand.database, attempts=3, kept=10).settle(TENANT, attempt(id_, number))
        kept = await stand.delivery.attempts(TENANT, id_, limit=100)
        assert kept[0].notification == f"n{number}"
        assert min(number, 10) <= len(kept) < 20


def test_attempts_are_counted_by_subscription() -> None:
    tallies = tallied([attempt("a", 3), attempt("a", 2, 500), attempt("b", 9, 0), attempt("a", 1)])
    a, b = tallies["a"], tallies["b"]
    assert (a.sent, a.failed, a.success, a.failure) == (3, 1, 3, 2)
    assert (b.sent, b.failed, b.success, b.failure) == (1, 1, 0, 9)


async def test_a_store_that_is_away_for_a_moment_loses_nothing(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither while the outcome is to be written down, nor while the outbox is asked for what comes next."""
    await stand.subscribe()
    await stand.put(level=1)
    plain, failing = outbox.behind_tx, ["once"]

    async def away(tx: Tx, subscription: str, after: int, limit: int) -> object:
        if failing:
            failing.pop()
            raise StorageRefused("away")
        return await plain(tx, subscription, after, limit)

    monkeypatch.setattr(outbox, "behind_tx", away)
    await stand.delivery._matcher.step(TENANT)
    stand.restart()
    with pytest.raises(StorageRefused):
        await stand.catch_up()
    assert len(await stand.catch_up()) == 1

    async def refuse(tenant: str, attempt: Attempt) -> bool:
        raise StorageRefused("away")

    with monkeypatch.context() as patch:
        patch.setattr(stand.delivery._sender._settler, "settle", refuse)
        await stand.put(level=2)
        assert len(await stand.catch_up()) == 1
    stand.clock.advance(600)
    assert [one.entity["level"]["value"] for one in await stand.catch_up()] == [2]
    assert await stand.delivery.backlog(TENANT) == (0, 0)
