"""A pack's own figures month by month: of the readings of each month, for who may read them, and right after they
change; before and after, beside another town, as a file, of a measure and for everybody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.rights import all_but
from tests.service.console.asgi_client import Client
from tests.solutions.packs.test_measured import CALL, FILES, FREE, KPI, PLACE, SHARE, TOTAL

from kumihimo.app.effect import exports_of
from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.wire import wire
from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.ports import Reading
from kumihimo.base.settings import Settings
from kumihimo.platform.access.grants import ALL_ATTRIBUTES, ALL_ROWS, EVERYTHING, Grant, Restriction
from kumihimo.platform.access.models import RowIds
from kumihimo.platform.broker.ingest import BrokerIngest
from kumihimo.platform.broker.models import Change, Op
from kumihimo.service.kpi.compare import Compare, Town
from kumihimo.service.kpi.effect import effect_of
from kumihimo.service.kpi.measures import Measure, Target
from kumihimo.service.kpi.models import Figure
from kumihimo.solutions.packs import months as packs_months
from kumihimo.solutions.packs.archive import MANIFEST
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.manifest import held
from kumihimo.solutions.packs.measured import OwnKpis
from kumihimo.solutions.packs.months import KEPT_FOR, MONTHS, Series, months

KIND = PLACE + "OffStreetParking"
ONE, TWO = (f"urn:ngsi-ld:OffStreetParking:takamatsu-{number}" for number in (1, 2))


@pytest.fixture
async def platform(tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[Platform]:
    fake_clock.set(datetime(2026, 4, 15, tzinfo=UTC))
    made = wire(Settings(data=str(tmp_path), port=0, mqtt_port=-1, open=True), fake_clock)
    made.packs = Packs(replace(made.packs.doors, trial=None))
    await made.database.open()
    for tenant in ("town", "next"):
        await made.database.add_tenant(tenant)
    yield made
    await made.database.close()


async def install(platform: Platform, tenant: str = "town") -> None:
    more = "".join(
        KPI.format(kind=kind, attribute="" if kind == "count" else 'attribute = "availableSpotNumber"')
        for kind in ("count", "sum", "mean", "least", "most")
    )
    files = {**FILES, MANIFEST: FILES[MANIFEST] + more.encode()}
    await platform.packs.install(replace(CALL, tenant=tenant), held(files, "outside", {}), unsigned=True)


async def read(platform: Platform, *readings: tuple[str, str, float], tenant: str = "town", name: str = FREE) -> None:
    given = [Reading(id_, KIND, name, value, times.micros(times.parse(at))) for id_, at, value in readings]
    outcomes = await BrokerIngest(platform.broker)(replace(CALL, tenant=tenant), given)
    assert {one.status for one in outcomes} <= {"stored", "late"}


async def winter(platform: Platform) -> None:
    """January: 10 and 20 at one, 5 at two. March: 40 at one alone. 15:00 UTC is midnight in Japan."""
    await read(
        platform,
        (ONE, "2025-12-31T15:00:00Z", 10),
        (ONE, "2026-01-31T14:59:59Z", 20),
        (TWO, "2026-01-10T00:00:00Z", 5),
        (ONE, "2026-03-10T00:00:00Z", 40),
        (TWO, "2026-04-01T00:00:00Z", 8),
    )


async def series(platform: Platform, kpi: str, grant: Grant = EVERYTHING) -> dict[str, Figure]:
    return {one.subject: one for one in await platform.kpi.figures("town", kpi, grant) if not one.is_now}


async def told(platform: Platform, kpi: str, grant: Grant = EVERYTHING) -> dict[str, float | None]:
    return dict(sorted((name, one.value) for name, one in (await series(platform, kpi, grant)).items()))


@pytest.mark.parametrize(
    ("kind", "january", "march", "april"),
    [("sum", 20.0, 40.0, 8.0), ("mean", 10.0, 40.0, 8.0), ("least", 5.0, 40.0, 8.0), ("most", 20.0, 40.0, 8.0)],
)
async def test_a_months_figure_is_of_the_readings_of_the_month(
    platform: Platform, kind: str, january: float, march: float, april: float
) -> None:
    await install(platform)
    await winter(platform)
    assert await told(platform, f"parking.{kind}") == {
        "2026-01": january,
        "2026-02": None,
        "2026-03": march,
        "2026-04": april,
    }
    found = await series(platform, f"parking.{kind}")
    assert (found["2026-02"].state, found["2026-02"].lineage) == ("too-few", ())
    first = found["2026-01"]
    assert sorted((one.entity_id[-1], one.term, one.value) for one in first.lineage) == [
        ("1", "availableSpotNumber", 10.0),
        ("1", "availableSpotNumber", 20.0),
        ("2", "availableSpotNumber", 5.0),
    ]
    assert first.note is not None
    assert first.note["en"] == "made of 3 values of 2 entities"
    [whole] = [path for path in first.temporal_paths() if ONE.replace(":", "%3A") in path]
    assert "timeAt=2025-12-31T15%3A00%3A00.000Z&endTimeAt=2026-01-31T15%3A00%3A00.000Z" in whole
    assert first.is_over(times.micros(platform.clock.now()))
    assert not found["2026-04"].is_over(times.micros(platform.clock.now()))


async def test_a_share_is_of_those_of_which_both_are_known_and_a_size_holds_until_it_changes(
    platform: Platform, fake_clock: FakeClock
) -> None:
    await install(platform)
    await winter(platform)
    assert set((await told(platform, SHARE)).values()) == {None}
    size: Any = {"attrs": {TOTAL: [{"type": "Property", "value": 100}]}}
    await platform.broker.apply(CALL, [Change(Op.APPEND, ONE, size)])
    assert await told(platform, SHARE) == {"2026-01": None, "2026-02": None, "2026-03": None, "2026-04": None}
    fake_clock.set(datetime(2026, 5, 20, tzinfo=UTC))
    await read(platform, (ONE, "2026-05-01T00:00:00Z", 30), (TWO, "2026-05-02T00:00:00Z", 7))
    found = await series(platform, SHARE)
    assert (found["2026-05"].value, found["2026-03"].value) == (0.3, None)
    behind = sorted((one.entity_id[-1], one.term, one.value, one.role["en"]) for one in found["2026-05"].lineage)
    assert behind == [("1", "availableSpotNumber", 30.0, "part"), ("1", "totalSpotNumber", 100.0, "whole")]


async def test_a_count_is_how_many_there_were_when_the_month_was_over(
    platform: Platform, fake_clock: FakeClock
) -> None:
    await install(platform)
    assert await told(platform, "parking.count") == {"2026-04": 8.0}
    fake_clock.set(datetime(2026, 5, 20, tzinfo=UTC))
    await platform.broker.apply(CALL, [Change(Op.DELETE, ONE)])
    fake_clock.set(datetime(2026, 6, 20, tzinfo=UTC))
    await platform.broker.apply(CALL, [Change(Op.DELETE, TWO)])
    assert await told(platform, "parking.count") == {"2026-04": 8.0, "2026-05": 7.0, "2026-06": 6.0}
    assert len((await series(platform, "parking.count"))["2026-05"].lineage) == 7


async def test_months_that_are_over_are_made_once_and_anew_when_their_past_changes(
    platform: Platform, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install(platform)
    await winter(platform)
    spreads, made = platform.packs.doors.spreads, list[str]()
    span = spreads.span

    async def counted(tenant: str, ids: Any, names: Any, start: int, *more: Any) -> Any:
        made.append(times.text(times.from_micros(start))[:10])
        return await span(tenant, ids, names, start, *more)

    monkeypatch.setattr(spreads, "span", counted)
    fake_clock.advance(120)
    first = await told(platform, "parking.sum")
    assert made == ["2025-12-31", "2026-01-31", "2026-02-28", "2026-03-31"]
    fake_clock.advance(120)
    made.clear()
    assert await told(platform, "parking.sum") == first
    assert made == ["2026-03-31"]
    await read(platform, (TWO, "2026-02-10T00:00:00Z", 3))
    assert await told(platform, "parking.sum") == {**first, "2026-02": 3.0}
    await platform.broker.apply(CALL, [Change(Op.DELETE, TWO)])
    fake_clock.advance(120)
    made.clear()
    assert (await told(platform, "parking.sum"))["2026-02"] == 3.0
    assert len(made) == 4, "what was taken away may have been of any month"
    made.clear()
    fake_clock.advance(KEPT_FOR / 1_000_000)
    await told(platform, "parking.sum")
    assert len(made) == 4


async def test_what_is_kept_is_for_who_may_read_the_same(platform: Platform) -> None:
    await install(platform)
    await winter(platform)
    assert (await told(platform, "parking.sum"))["2026-01"] == 20.0
    second = Grant(Restriction(RowIds(frozenset({TWO}))), ALL_ATTRIBUTES)
    assert await told(platform, "parking.sum", second) == {"2026-01": 5.0, "2026-02": None, "2026-03": None,
                                                          "2026-04": 8.0}  # fmt: skip
    assert (await told(platform, "parking.sum"))["2026-01"] == 20.0
    assert await told(platform, "parking.sum", Grant(ALL_ROWS, all_but(FREE))) == {}


async def test_so_many_series_are_kept_and_too_many_entities_have_no_months(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install(platform)
    await winter(platform)
    made = Series(platform.packs.doors)
    monkeypatch.setattr(packs_months, "KEPT", 2)
    offered = await OwnKpis(platform.packs).offered("town")
    asked = {one.definition.id: one for one in [source.args[0] for _, source in offered]}  # type: ignore[attr-defined]
    for kind in ("sum", "mean", "least", "most"):
        assert len(await made.figures("town", asked[f"parking.{kind}"], ALL_ROWS)) == 4
    assert [key[2] for key in made._kept] == ["parking.least", "parking.most"]
    made._forget("town")
    assert not made._kept
    monkeypatch.setattr(packs_months, "MAX_ENTITIES", 7)
    [now] = await platform.kpi.figures("town", "parking.sum", EVERYTHING)
    assert now.is_now
    assert now.note is not None
    assert "too many entities" in now.note["en"]


def test_months_are_japans_and_the_newest_of_them() -> None:
    now = times.micros(times.parse("2026-01-31T15:00:00Z"))
    assert [one.name for one in months(now - 1, now)] == ["2026-01", "2026-02"]
    assert [one.name for one in months(now, now - 1)] == []
    many = list(months(0, now))
    assert (len(many), many[0].name, many[-1].name) == (MONTHS, "2021-03", "2026-02")
    assert all(one.end == two.start for one, two in pairwise(many))


async def two_years(platform: Platform, tenant: str, before: float, after: float) -> None:
    """Five readings of each month of 2024 and 2025."""
    for year, level in ((2024, before), (2025, after)):
        for number in range(1, 13):
            days = [(ONE, f"{year}-{number:02}-{day:02}T03:00:00Z", level + number + day / 100) for day in range(1, 6)]
            await read(platform, *days, tenant=tenant)


async def test_before_and_after_and_towns_side_by_side_are_of_months(platform: Platform) -> None:
    for tenant, after in (("town", 60.0), ("next", 90.0)):
        await install(platform, tenant)
        await two_years(platform, tenant, 80.0, after)
    figures = await platform.kpi.figures("town", "parking.sum", EVERYTHING)
    effect = effect_of(figures, date(2025, 1, 1), times.micros(platform.clock.now()))
    assert (effect.verdict, len(effect.before), len(effect.after)) == ("lower", 12, 12)
    assert effect.shift is not None
    assert round(effect.shift.middle, 6) == -20.0

    async def towns(call: Call) -> list[Town]:
        return [Town(one, 0, EVERYTHING) for one in (call.tenant, "next")]

    groups = {one.definition.id: one for one in await Compare(platform.kpi, towns, platform.clock).groups(CALL)}
    own, other = groups["parking.sum"].rows
    assert (len(own.points), own.tenant, other.tenant) == (24, "town", "next")
    assert other.against is not None
    assert other.against.months == 24


async def test_they_are_in_the_files_and_a_measure_aims_at_them(platform: Platform) -> None:
    await install(platform)
    await two_years(platform, "town", 80.0, 60.0)
    body = (await exports_of(platform).figures("town", EVERYTHING, "csv", "en", "https://x")).decode()
    assert all(words in body for words in ("sum of it", "2024-07", "2025-12", "now"))
    target = Target("t1", "less", "parking.sum", 65.0, "lower", date(2026, 12, 31), subject="2025-01")
    one = Measure("less", "project", {"ja": "減らす"}, "x", date(2025, 1, 1), targets=(target,))
    await platform.measures.put(CALL, one, revision=0)
    [seen] = (await platform.measures.seen("town", [one], EVERYTHING))["less"]
    assert seen.standing is not None
    assert seen.standing.state == "reached"
    assert seen.standing.actual == pytest.approx(61.03)


async def test_everybody_sees_months_that_are_over_and_nothing_that_moves_with_one_reading(platform: Platform) -> None:
    await install(platform)
    await two_years(platform, "town", 80.0, 60.0)
    await read(platform, *[(TWO, f"2026-04-0{day}T03:00:00Z", 777.0) for day in range(1, 8)])
    one = Measure("less", "project", {"ja": "減らす"}, "x", date(2025, 1, 1), targets=(
        Target("t1", "less", "parking.sum", 65.0, "lower", date(2026, 12, 31)),))  # fmt: skip
    await platform.measures.put(CALL, one, revision=0)
    await platform.public.put(CALL, "kpi", "parking.sum", date(2025, 1, 1))
    await platform.public.put(CALL, "measure", "less", None)
    [kpi], [measure] = await platform.public.page("town")
    assert (len(kpi.figures), kpi.count, kpi.figures[0].subject) == (24, 24, "2025-12")
    assert kpi.effect is not None
    assert kpi.effect.verdict == "lower"
    shown = measure.targets[0].figure
    assert shown is not None
    assert shown.subject == "2025-12"
    client = Client(build_http(platform))
    page = (await client.get("/t/town/public/kpi", {"accept-language": "en"})).text
    assert ("2025-12" in page, "777" in page, ">now<" in page) == (True, False, False)


async def test_a_kpi_that_is_defined_anew_is_not_shown_under_its_old_name(
    platform: Platform, fake_clock: FakeClock
) -> None:
    await install(platform)
    await platform.public.put(CALL, "kpi", "parking.most", None)
    target = Target("t1", "less", "parking.most", 65.0, "lower", date(2026, 12, 31))
    one = Measure("less", "project", {"ja": "減らす"}, "x", date(2025, 1, 1), targets=(target,))
    await platform.measures.put(CALL, one, revision=0)
    await platform.public.put(CALL, "measure", "less", None)
    assert await platform.public.changed("town") == set()
    [kpi], [measure] = await platform.public.page("town")
    assert (kpi.definition.id, [each.target for each in measure.targets]) == ("parking.most", [target])
    await platform.packs.remove(CALL, "parking")
    fake_clock.advance(61)
    other = KPI.format(kind="most", attribute='attribute = "totalSpotNumber"')
    files = {**FILES, MANIFEST: FILES[MANIFEST] + other.encode()}
    await platform.packs.install(CALL, held(files, "outside", {}), unsigned=True)
    assert "parking.most" in {one.id for one in await platform.kpi.definitions("town")}
    kpis, [measure] = await platform.public.page("town")
    assert (kpis, measure.targets) == ([], ())
    assert await platform.public.changed("town") == {("kpi", "parking.most")}
    await platform.public.put(CALL, "kpi", "parking.most", None)
    assert [each.definition.id for each in (await platform.public.page("town"))[0]] == ["parking.most"]


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_the_page_of_a_month_leads_to_its_readings(platform: Platform, lang: str) -> None:
    await install(platform)
    await winter(platform)
    client = Client(build_http(platform))
    page = (await client.get("/t/town/kpi", {"accept-language": lang})).text
    month = {"ja": "2026年1月", "en": "2026-01"}[lang]
    assert f'href="/t/town/kpi/parking.sum.2026-01">{month}</a>' in page
    reply = await client.get("/t/town/kpi/parking.sum.2026-01", {"accept-language": lang})
    assert (reply.status, "takamatsu-1" in reply.text, "endTimeAt=2026-01-31T15%3A00%3A00.000Z" in reply.text) == (
        200,
        True,
        True,
    )
    effect = await client.get("/t/town/kpi/parking.sum/effect?date=2026-03-01", {"accept-language": lang})
    assert effect.status == 200
