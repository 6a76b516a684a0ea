"""Programs at work: who calls, whose process it is, how long it stands, and where none is run."""

from __future__ import annotations

import asyncio
import platform
from typing import Any

import pytest

from kumihimo.platform.programs import door, worker
from kumihimo.platform.programs.door import Programs
from kumihimo.platform.programs.models import (
    Function,
    Program,
    ProgramFailed,
    ProgramsUnsafe,
    Value,
    check_given,
    check_taken,
)

TWICE = Program(
    "import statistics\n\ndef twice(x):\n    return {'y': statistics.fmean([x, x]) * 2}\n",
    ("statistics",),
    (Function("twice", (Value("x", "number"),), (Value("y", "number", least=0),)),),
)


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CALL_SECONDS", 20.0)


async def test_each_user_has_a_process_of_its_own() -> None:
    programs = Programs()
    calls = [programs.call(("town", pack), TWICE, "twice", {"x": 4}) for pack in ("a", "b", "a")]
    found = await asyncio.gather(*calls)
    ready = programs.counters()
    await programs.close()
    assert found == [{"y": 8.0}] * 3
    assert ready == {"processes": 2}
    assert programs.counters() == {"processes": 0}


async def test_a_process_ends_when_nobody_calls() -> None:
    programs = Programs(idle_seconds=0)
    await programs.call("a", TWICE, "twice", {"x": 1})
    before = programs.counters()
    for _ in range(3):
        await asyncio.sleep(0)
    idle = programs.counters()
    again = await programs.call("a", TWICE, "twice", {"x": 1})
    await programs.close()
    assert (before, idle, again) == ({"processes": 1}, {"processes": 0}, {"y": 2.0})


async def test_no_more_processes_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_WORKERS", 2)
    programs = Programs()
    for user in "abc":
        assert await programs.call(user, TWICE, "twice", {"x": 1}) == {"y": 2.0}
    assert programs.counters() == {"processes": 2}
    await programs.close()


async def test_a_changed_program_gets_a_new_process() -> None:
    programs = Programs()
    await programs.call("a", TWICE, "twice", {"x": 1})
    other = Program(TWICE.source.replace("* 2", "* 3"), TWICE.imports, TWICE.functions)
    assert await programs.call("a", other, "twice", {"x": 1}) == {"y": 3.0}
    assert programs.counters() == {"processes": 1}
    await programs.close()


async def test_a_process_that_has_reckoned_long_enough_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    one = worker.Worker(TWICE)
    await one.begin()
    first = one.pid
    await one.call("twice", {"x": 1})
    same = one.pid
    monkeypatch.setattr(worker, "LIFE_SECONDS", 0.0)
    await one.call("twice", {"x": 1})
    assert (same == first, one.pid == first) == (True, False)
    await one.end()


async def test_where_the_filter_cannot_be_set_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    programs = Programs()
    with pytest.raises(ProgramsUnsafe, match="riscv64"):
        await programs.call("a", TWICE, "twice", {"x": 1})
    assert programs.counters() == {"processes": 0}


async def test_a_filter_that_the_kernel_does_not_take_means_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "fence_here", lambda: b"\xff" * 8)
    programs = Programs()
    with pytest.raises(ProgramsUnsafe, match="cannot be set here"):
        await programs.call("a", TWICE, "twice", {"x": 1})


async def test_a_filter_that_does_not_hold_is_found_out_by_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    allow = b"\x06\x00\x00\x00\x00\x00\xff\x7f"
    monkeypatch.setattr(worker, "fence_here", lambda: allow)
    programs = Programs()
    with pytest.raises(ProgramsUnsafe, match="does not hold here"):
        await programs.call("a", TWICE, "twice", {"x": 1})


async def test_a_program_that_does_not_begin_says_why() -> None:
    programs = Programs()
    broken = Program("def twice(x):\n    return {'y': 1 / 0}\nLEAST = 1 / 0\n", (), TWICE.functions)
    missing = Program("def other(x):\n    return {}\n", (), TWICE.functions)
    with pytest.raises(ProgramFailed, match="ZeroDivisionError in line 3"):
        await programs.try_program(broken)
    with pytest.raises(ProgramFailed, match="no function twice"):
        await programs.try_program(missing)
    await programs.try_program(TWICE)
    assert programs.counters() == {"processes": 0}
    await programs.close()


FITTING: dict[Any, list[Any]] = {
    "number": [1, 1.5, -2],
    "integer": [1, -2],
    "flag": [True, False],
    "text": ["", "雨"],
    "time": ["2026-11-26T09:00:00Z", "2026-11-26T18:00:00+09:00"],
    "place": [[139.7, 35.6], [-180, 90]],
    "entities": [[], [{"id": "urn:a"}]],
}
UNFITTING: dict[Any, list[Any]] = {
    "number": ["1", True, float("nan"), float("inf"), 1e301, [1]],
    "integer": [1.0, True, "1", 10**301],
    "flag": [1, "true"],
    "text": [1, "a\x00b", "x" * 2001],
    "time": ["yesterday", 1, "2026-11-26T09:00:00"],
    "place": [[139.7], [139.7, 35.6, 0], [200, 0], ["a", "b"], {"type": "Point"}],
    "entities": [[1], {}, "urn:a"],
}


@pytest.mark.parametrize("kind", sorted(FITTING))
def test_what_fits_a_kind_and_what_does_not(kind: Any) -> None:
    function = Function("f", (Value("x", kind),), (Value("x", kind),))
    for value in FITTING[kind]:
        check_taken(function, {"x": value})
        assert check_given(function, {"x": value}) == {"x": value}
    for value in UNFITTING[kind]:
        with pytest.raises(ProgramFailed, match=f"x is no {kind}"):
            check_given(function, {"x": value})


def test_bounds_and_what_is_not_needed() -> None:
    bound = Function("f", (), (Value("x", "number", least=0, most=10), Value("y", "text", needed=False)))
    assert check_given(bound, {"x": 10, "y": None}) == {"x": 10, "y": None}
    assert check_given(bound, {"x": 0}) == {"x": 0}
    for value in (-0.1, 10.1):
        with pytest.raises(ProgramFailed, match="within the bounds"):
            check_given(bound, {"x": value})
