"""Towns side by side: only those that the reader may read, or that let others see their results."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.app.kpi_house import HERE, KPI, SECRET, THERE, give, opened, platform_of
from tests.fakes import FakeClock
from tests.service.console.asgi_client import Client

from kumihimo.app.effect import towns_of
from kumihimo.app.platform import Platform
from kumihimo.base.call import Actor, Call
from kumihimo.platform.access.grants import ALL_ATTRIBUTES as ALL
from kumihimo.platform.access.grants import EVERYTHING, Grant, Restriction
from kumihimo.platform.access.models import RowIds
from kumihimo.service.kpi.compare import KEPT_FOR, Compare
from kumihimo.service.kpi.compare import Town as Place
from kumihimo.solutions.packs.models import Town

EN = {"accept-language": "en"}
PAGE = f"/t/{HERE}/kpi/compare"


def as_(name: str) -> dict[str, str]:
    return {"authorization": f"as {name}", **EN}


@pytest.fixture
def platform(tmp_path: Path, fake_clock: FakeClock) -> Platform:
    fake_clock.set(datetime(2026, 6, 1, tzinfo=UTC))
    return platform_of(tmp_path, fake_clock, is_open=False)


@pytest.fixture
async def client(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    async with opened(platform, monkeypatch) as found:
        await give(platform, HERE, "both", "officer")
        await give(platform, THERE, "both", "officer")
        await give(platform, HERE, "one", "officer")
        await give(platform, HERE, "chief", "operator")
        for tenant, people in ((HERE, 10_000), (THERE, 100_000)):
            await platform.packs.describe(Town(tenant, people))
        yield found


def medians(text: str) -> list[str]:
    """The rows of the table of the made-up KPI."""
    part = text[text.index("Damaged area (test)") :]
    return [row for row in part.split("<tr>") if 'scope="row"' in row]


async def test_a_reader_of_two_towns_sees_both_per_thousand_people(client: Client) -> None:
    own, other = medians((await client.get(PAGE, as_("both"))).text)
    for words in (HERE, "10,000", "24", "your town", "16.1"):
        assert words in own, words
    for words in (THERE, "100,000", "lower:", "3.65"):
        assert words in other, words


async def test_a_town_that_the_reader_may_not_read_is_not_there(client: Client) -> None:
    page = await client.get(PAGE, as_("one"))
    assert page.status == 200
    assert len(medians(page.text)) == 1
    for tenant in (THERE, SECRET):
        assert tenant not in page.text
    assert SECRET not in (await client.get(PAGE, as_("both"))).text
    assert (await client.get(PAGE, as_("nobody"))).status == 404
    assert (await client.get(PAGE, EN)).status == 401


async def test_a_town_without_population_is_compared_by_nothing_that_grows(client: Client, platform: Platform) -> None:
    await platform.packs.describe(Town(THERE, 0))
    page = await client.get(PAGE, as_("both"))
    assert "larger in larger towns" in page.text
    assert "lower:" not in page.text
    assert "161" in medians(page.text)[0]


async def test_a_town_in_the_register_shows_what_its_packs_measure_to_who_sees_the_register(
    client: Client, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    await platform.packs.describe(Town(SECRET, 1_000, listed=True))
    assert SECRET not in (await client.get(PAGE, as_("chief"))).text

    async def towns() -> list[Any]:
        return [(Town(SECRET, 1_000, listed=True), [SimpleNamespace(id="beasts")])]

    async def get(tenant: str, id_: str) -> Any:
        return None, SimpleNamespace(pack=SimpleNamespace(kpis=[SimpleNamespace(source=KPI.id)]))

    monkeypatch.setattr(platform.packs, "towns", towns)
    monkeypatch.setattr(platform.packs, "get", get)
    _, shown = medians((await client.get(PAGE, as_("chief"))).text)
    for words in (SECRET, "shows in the register", "897"):
        assert words in shown, words
    assert "higher:" not in shown, "one figure is no comparison"
    assert SECRET not in (await client.get(PAGE, as_("one"))).text


async def test_another_towns_figures_are_made_once_in_five_minutes_for_who_may_read_the_same(
    client: Client, platform: Platform, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    figures = platform.kpi.figures

    async def counted(tenant: str, kpi: str, grant: Grant) -> Any:
        if kpi == KPI.id:
            made.append(tenant)
        return await figures(tenant, kpi, grant)

    monkeypatch.setattr(platform.kpi, "figures", counted)

    async def towns(call: Call) -> list[Place]:
        """The reader's own, and another of which readers see different things."""
        rows = {"all": EVERYTHING, "more": EVERYTHING, "some": Grant(Restriction(RowIds(frozenset({"x:1"}))), ALL)}
        return [Place(HERE, 0, EVERYTHING), Place(THERE, 0, rows[call.actor.id])]

    compare = Compare(platform.kpi, towns, fake_clock)

    async def look(name: str) -> list[str]:
        made.clear()
        [group] = [
            one for one in await compare.groups(Call(HERE, Actor("person", name))) if one.definition.id == KPI.id
        ]
        assert [len(row.points) for row in group.rows] == [24, 24]
        return list(made)

    assert await look("all") == [HERE, THERE]
    assert await look("more") == [HERE], "who may read the same"
    assert await look("some") == [HERE, THERE], "who may read something else"
    fake_clock.advance(KEPT_FOR / 1_000_000 - 1)
    assert await look("all") == [HERE]
    compare.forget(THERE)
    assert await look("all") == [HERE, THERE]
    fake_clock.advance(KEPT_FOR / 1_000_000)
    assert await look("all") == [HERE, THERE]


async def test_a_token_sees_its_own_town_alone(client: Client, platform: Platform) -> None:
    call = Call(HERE, Actor("person", "both"))
    towns = towns_of(platform)
    assert {one.tenant for one in await towns(call)} == {HERE, THERE}
    assert {one.tenant for one in await towns(replace(call, scopes=frozenset({"read"})))} <= {HERE}
