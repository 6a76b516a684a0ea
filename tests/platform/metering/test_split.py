"""The split adds up whatever was used, is never negative, and who used no less bears no less."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.base.ports import Measure
from kumihimo.platform.metering.models import MEASURES, WEIGHED, Plan, Usage, Used, Weighed
from kumihimo.platform.metering.split import amounts_of, divide, split

COSTS = st.integers(0, 10**12)
AMOUNT = st.one_of(st.integers(0, 4), st.integers(0, 10**15))
USES = st.fixed_dictionaries({name: st.just(1) if name == "evenly" else AMOUNT for name in WEIGHED})
TENANTS = st.dictionaries(st.sampled_from([f"t{number}" for number in range(12)]), USES, min_size=1)


@st.composite
def weights(draw: st.DrawFn) -> dict[Weighed, int]:
    cuts = sorted(draw(st.lists(st.integers(0, 10_000), min_size=5, max_size=5)))
    return dict(zip(WEIGHED, (b - a for a, b in zip([0, *cuts], [*cuts, 10_000], strict=True)), strict=True))


@settings(max_examples=60)
@given(COSTS, weights(), TENANTS)
def test_the_parts_add_up_and_none_is_negative(
    cost: int, parts: dict[Weighed, int], used: dict[str, dict[Weighed, int]]
) -> None:
    shares = split(Plan("2026-06", cost, parts), used)
    assert [one.tenant for one in shares] == sorted(used)
    assert sum(one.total for one in shares) == cost
    assert all(part >= 0 for one in shares for part in one.parts.values())
    for name, weight in parts.items():
        pot = sum(one.parts.get(name, 0) for one in shares)
        assert abs(pot - cost * weight / 10_000) < 1 + cost * 1e-12, "each pot is its weight's"


@settings(max_examples=60)
@given(COSTS, weights(), TENANTS)
def test_who_used_no_less_of_anything_bears_no_less(
    cost: int, parts: dict[Weighed, int], used: dict[str, dict[Weighed, int]]
) -> None:
    weighed = [name for name, weight in parts.items() if weight]
    shares = split(Plan("2026-06", cost, parts), used)
    for one in shares:
        for other in shares:
            mine, others = ([share.amounts[name] for name in weighed] for share in (one, other))
            if mine != others and all(a >= b for a, b in zip(mine, others, strict=True)):
                assert one.total >= other.total
            if mine == others:
                assert abs(one.total - other.total) <= len(weighed), "the same use costs the same, but for last yen"


@given(st.integers(0, 10**9), st.lists(AMOUNT, min_size=1, max_size=12).filter(any))
def test_no_part_is_a_whole_yen_from_its_share(whole: int, uses: list[int]) -> None:
    parts = divide(whole, uses, [Fraction(0)] * len(uses))
    assert sum(parts) == whole
    total = sum(uses)
    assert all(abs(part * total - whole * use) < total for part, use in zip(parts, uses, strict=True))


def test_the_last_yen_goes_to_the_largest_remainder() -> None:
    used: dict[str, dict[Weighed, int]] = {
        name: {"readings": amount, "evenly": 1} for name, amount in (("a", 1), ("b", 1), ("c", 4))
    }
    shares = split(Plan("2026-06", 100, {"readings": 10_000}), used)
    assert [(one.tenant, one.total) for one in shares] == [("a", 17), ("b", 16), ("c", 67)]
    evenly = split(Plan("2026-06", 100, {"readings": 5_000, "evenly": 5_000}), used)
    assert {one.tenant: dict(one.parts) for one in evenly} == {
        "a": {"readings": 8, "evenly": 17},
        "b": {"readings": 8, "evenly": 16},
        "c": {"readings": 34, "evenly": 17},
    }, "among equals, who bears more of the whole has the last yen"


def test_what_nobody_used_is_split_evenly() -> None:
    used: dict[str, dict[Weighed, int]] = {"a": {"calls": 0}, "b": {"calls": 0}}
    assert [one.total for one in split(Plan("2026-06", 7, {"calls": 10_000}), used)] == [4, 3]


def test_without_tenants_there_is_nothing_to_split() -> None:
    assert split(Plan("2026-06", 7, {"evenly": 10_000}), {}) == []


@pytest.mark.parametrize(
    ("measure", "weighed"),
    [
        *((name, "calls") for name in ("read", "write", "subscribe", "feed", "past")),
        ("readings", "readings"),
        ("sent", "notifications"),
        ("bytes", "bytes"),
        ("storage", "storage"),
        *((name, "") for name in ("screen", "refused", "failed")),
    ],
)
def test_each_measure_is_weighed_once(measure: Measure, weighed: str) -> None:
    assert measure in MEASURES
    rows = [Used("2026-06-01", "devices", measure, 2), Used("2026-06-02", "persons", measure, 3)]
    found = amounts_of(Usage("a", "2026-06", is_over=True, rows=rows))
    assert {name: amount for name, amount in found.items() if amount} == {
        "evenly": 1,
        **({weighed: 5} if weighed else {}),
    }


@pytest.mark.parametrize(
    ("cost", "weights", "why"),
    [
        (-1, {"evenly": 10_000}, "a cost goes from 0"),
        (10**13, {"evenly": 10_000}, "a cost goes from 0"),
        (1, {"evenly": 9_999}, "99.99 %"),
        (1, {"evenly": 20_000, "calls": -10_000}, "no less than 0"),
        (1, {"people": 10_000}, "not by 'people'"),
        (1, {}, "0 % together"),
    ],
)
def test_a_plan_that_is_none_is_refused(cost: int, weights: Any, why: str) -> None:
    with pytest.raises(BadRequestData, match=why):
        Plan("2026-06", cost, weights).check()
