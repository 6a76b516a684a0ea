"""Calls that come at the same time share a write; what is wrong with one of them stays its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from kumihimo.base.call import Call
from kumihimo.base.errors import NonexistentTenant, StorageRefused
from kumihimo.platform.broker.gather import MAX_CHANGES, Calls, Gather
from kumihimo.platform.broker.models import Change, Op, Outcome


class Writer:
    """Notes which requests were written together; `faults` maps a request to what its write raises."""

    def __init__(self, faults: dict[str, Exception] | None = None) -> None:
        self.faults = faults or {}
        self.groups: list[list[str]] = []

    async def __call__(self, tenant: str, calls: Calls) -> list[list[Outcome]]:
        await asyncio.sleep(0)
        self.groups.append([call.request_id for call, _ in calls])
        for call, _ in calls:
            if call.request_id in self.faults:
                raise self.faults[call.request_id]
        return [[Outcome(one.id, "updated", 1) for one in changes] for _, changes in calls]


def changes(name: str, count: int = 1) -> list[Change]:
    return [Change(Op.DELETE, f"urn:{name}:{place}") for place in range(count)]


async def apply(gather: Gather, name: str, count: int = 1) -> list[str]:
    return [one.id for one in await gather.apply(Call("town", request_id=name), changes(name, count))]


async def all_of(gather: Gather, names: Sequence[str]) -> list[object]:
    return list(await asyncio.gather(*(apply(gather, name) for name in names), return_exceptions=True))


async def test_calls_of_one_moment_are_written_together_and_each_hears_its_own() -> None:
    writer = Writer()
    assert await all_of(Gather(writer), ["a", "b", "c"]) == [["urn:a:0"], ["urn:b:0"], ["urn:c:0"]]
    assert writer.groups == [["a", "b", "c"]]


async def test_a_fault_costs_only_the_call_that_has_it() -> None:
    writer = Writer({"b": ValueError("odd")})
    given = await all_of(Gather(writer), ["a", "b", "c"])
    assert given[0] == ["urn:a:0"]
    assert isinstance(given[1], ValueError)
    assert given[2] == ["urn:c:0"]
    assert writer.groups == [["a", "b", "c"], ["a"], ["b"], ["c"]]


@pytest.mark.parametrize("refusal", [StorageRefused("the connection was lost"), NonexistentTenant("no town")])
async def test_a_refusal_of_the_store_is_told_to_all_and_not_tried_again(refusal: Exception) -> None:
    """A commit whose answer was lost may hold: writing it again could write it twice."""
    writer = Writer({"b": refusal})
    assert await all_of(Gather(writer), ["a", "b", "c"]) == [refusal] * 3
    assert writer.groups == [["a", "b", "c"]]


async def test_large_calls_are_not_mixed_with_more_than_a_write_takes() -> None:
    writer = Writer()
    gather = Gather(writer)
    await asyncio.gather(apply(gather, "a", MAX_CHANGES), apply(gather, "b", 2), apply(gather, "c", MAX_CHANGES + 1))
    assert writer.groups == [["a"], ["b"], ["c"]]


async def test_a_caller_that_goes_away_takes_nobody_along() -> None:
    writer = Writer()
    gather = Gather(writer)
    leaving = asyncio.create_task(apply(gather, "a"))
    staying = asyncio.create_task(apply(gather, "b"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == ["urn:b:0"]
    assert await apply(gather, "c") == ["urn:c:0"]
    assert writer.groups == [["a", "b"], ["c"]]
