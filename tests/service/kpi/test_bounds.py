"""What the room of figures holds at most: rows of a file, towns on a page, words of a measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
from tests.fakes import FakeClock

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData
from kumihimo.platform.access.grants import EVERYTHING, Grant, Restriction
from kumihimo.service.kpi import compare
from kumihimo.service.kpi.door import Kpi
from kumihimo.service.kpi.export import MOST_PDF, MOST_ROWS, Exports
from kumihimo.service.kpi.measures import Measure
from kumihimo.service.kpi.measures_text import MAX_AIM, MAX_BUDGET, MAX_OWNER, MAX_TITLE, checked
from kumihimo.service.kpi.models import Definition, Figure
from kumihimo.service.kpi.sheet import Column, Part, Sheet

WORDS = {"ja": "面積", "en": "Area"}
KPI = Definition("a.area", WORDS, WORDS, WORDS, "https://x/D", ("https://x/a",))
MEASURE = Measure("fence", "project", {"ja": "柵"}, "x", date(2025, 1, 1))


def rows(count: int) -> Sheet:
    return Sheet("x", "en", "x", (), (Part("x", (Column("x", 1.0),), (("1",),) * count),))


async def test_a_file_holds_so_many_rows_and_says_so(fake_clock: FakeClock) -> None:
    exports = Exports(Kpi(), cast("Any", None), fake_clock, Path("none"), lambda tenant, _: tenant)
    assert MOST_ROWS["csv"] > MOST_ROWS["xlsx"] > MOST_ROWS["pdf"] == MOST_PDF
    for form, most in MOST_ROWS.items():
        with pytest.raises(BadRequestData, match=f"{most + 1} rows are too many for {form}"):
            await exports.written(rows(most + 1), form)
    body = await exports.written(rows(MOST_PDF + 1), "csv")
    assert body.count(b"\n") > MOST_PDF


async def test_a_page_holds_so_many_towns_the_readers_own_first(fake_clock: FakeClock) -> None:
    names = [f"t{number:03}" for number in range(compare.MAX_TOWNS + 5)]
    asked: list[str] = []

    async def source(tenant: str, restriction: Restriction) -> Sequence[Figure]:
        assert restriction == EVERYTHING.restriction
        asked.append(tenant)
        return [Figure("a.area.1", "a.area", "", WORDS, 1, "known", 1.0, ())]

    async def towns(call: Call) -> list[compare.Town]:
        assert call.tenant == names[-1]
        return [compare.Town(name, 0, EVERYTHING) for name in names]

    kpi = Kpi()
    kpi.register(KPI, source)
    [group] = await compare.Compare(kpi, towns, fake_clock).groups(Call(names[-1], Actor("person", "x")))
    assert [row.tenant for row in group.rows] == [names[-1], *names[: compare.MAX_TOWNS - 1]]
    assert len(asked) == compare.MAX_TOWNS


async def test_no_more_is_kept_of_other_towns_than_so_many(
    fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def figures(tenant: str, kpi: str, grant: Grant) -> list[Figure]:
        assert (kpi, grant) == (KPI.id, EVERYTHING)
        asked.append(tenant)
        return [Figure("a.area.1", "a.area", "", WORDS, 1, "known", 1.0, ())]

    async def nothing(tenant: str, restriction: Restriction) -> Sequence[Figure]:
        raise AssertionError((tenant, restriction))

    async def towns(call: Call) -> list[compare.Town]:
        return [compare.Town(name, 0, EVERYTHING) for name in (call.tenant, "b", "c", "d")]

    kpi = Kpi()
    kpi.register(KPI, nothing)
    monkeypatch.setattr(kpi, "figures", figures)
    one = compare.Compare(kpi, towns, fake_clock)
    await one.groups(Call("a", Actor("person", "x")))
    await one.groups(Call("a", Actor("person", "x")))
    assert asked == ["a", "b", "c", "d", "a"]
    monkeypatch.setattr(compare, "KEPT", 2)
    asked.clear()
    await one.groups(Call("a", Actor("person", "x")))
    await one.groups(Call("a", Actor("person", "x")))
    assert asked.count("b") >= 1, "what was not asked for longest has made room"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ({"title": {"ja": "x" * MAX_TITLE}}, {"title": {"ja": "x" * (MAX_TITLE + 1)}}),
        ({"aim": {"ja": "x" * MAX_AIM}}, {"aim": {"ja": "x" * (MAX_AIM + 1)}}),
        ({"owner": "x" * MAX_OWNER}, {"owner": "x" * (MAX_OWNER + 1)}),
        ({"budget": MAX_BUDGET}, {"budget": MAX_BUDGET + 1}),
    ],
)
def test_the_words_of_a_measure_have_their_lengths(right: dict[str, Any], wrong: dict[str, Any]) -> None:
    assert checked(replace(MEASURE, **right)) == replace(MEASURE, **right)
    with pytest.raises(BadRequestData):
        checked(replace(MEASURE, **wrong))
