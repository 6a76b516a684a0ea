"""What a town shows everybody: by choice alone, at once on and off, nothing small, and nothing else with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.app.kpi_house import FIGURES, HERE, KPI, SECRET, THERE, give, month, opened, platform_of
from tests.fakes import FakeClock
from tests.service.console.asgi_client import Client, Reply

from kumihimo.app.platform import Platform
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Forbidden, ResourceNotFound
from kumihimo.service.kpi.measures import Measure, Target
from kumihimo.service.kpi.public.models import LEAST_FIGURES, LEAST_READINGS, is_fit, public_kpi

EN = {"accept-language": "en"}
CHIEF = {"authorization": "as chief", **EN}
OFFICER = {"authorization": "as officer", **EN}
PAGE = f"/t/{HERE}/public/kpi"
MAKER = Call(HERE, Actor("person", "chief"))


@pytest.fixture
def platform(tmp_path: Path, fake_clock: FakeClock) -> Platform:
    fake_clock.set(datetime(2026, 6, 1, tzinfo=UTC))
    small = [month(2026, 1, 999, LEAST_READINGS - 1), month(2026, 2, 55, LEAST_READINGS)]

    def made(tenant: str) -> list[object]:
        return [*FIGURES.get(tenant, []), *small]

    return platform_of(tmp_path, fake_clock, is_open=False, made=made)  # type: ignore[arg-type]


@pytest.fixture
async def client(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    async with opened(platform, monkeypatch) as found:
        for tenant in (HERE, THERE):
            await give(platform, tenant, "chief", "operator")
        await give(platform, HERE, "officer", "officer")
        yield found


async def choose(client: Client, action: str, who: dict[str, str] = CHIEF, **more: str) -> Reply:
    form = {"kind": "kpi", "ref": KPI.id, "action": action, **more}
    head = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", **who}
    return await client.post(f"/t/{HERE}/kpi-public", form, head)


async def test_nothing_is_shown_until_it_is_chosen_and_nothing_after(client: Client) -> None:
    assert (await client.get(PAGE, EN)).status == 401
    assert (await choose(client, "show", since="2025-01-01")).status == 303
    page = await client.get(PAGE, EN)
    assert page.status == 200
    for words in ("Damaged area (test)", "2025-12", "-8 m²", "need not come from the measure", "As of"):
        assert words in page.text, words
    assert (await choose(client, "hide")).status == 303
    assert (await client.get(PAGE, EN)).status == 401


async def test_who_sees_figures_finds_what_the_town_shows_everybody_once_it_does(client: Client) -> None:
    assert PAGE not in (await client.get(f"/t/{HERE}/kpi", OFFICER)).text
    await choose(client, "show")
    assert f'href="{PAGE}"' in (await client.get(f"/t/{HERE}/kpi", OFFICER)).text
    await choose(client, "hide")
    assert PAGE not in (await client.get(f"/t/{HERE}/kpi", OFFICER)).text


async def test_figures_of_few_readings_stay_inside(client: Client) -> None:
    await choose(client, "show")
    page = await client.get(PAGE, EN)
    assert "2026-02" in page.text
    assert "2026-01" not in page.text
    assert "999" not in page.text
    assert "fewer than 5 readings: 1" in page.text


async def test_a_stranger_sees_that_page_and_nothing_else(client: Client, platform: Platform) -> None:
    await choose(client, "show")
    for path in (
        "",
        "/kpi",
        "/kpi-public",
        "/entities",
        "/live",
        f"/kpi/{KPI.id}/effect",
        "/measures",
        "/kpi/export.csv",
    ):
        assert (await client.get(f"/t/{HERE}{path}", EN)).status == 401, path
    for tenant in (THERE, SECRET, "niemand"):
        assert (await client.get(f"/t/{tenant}/public/kpi", EN)).status == 401, tenant
    page = await client.get(PAGE, EN)
    for name in (THERE, SECRET, "chief", "urn:ngsi-ld"):
        assert name not in page.text, name
    assert "data-live" not in page.text, "it would ask for a stream that is not for strangers, and call itself stale"
    assert f'data-live="/t/{HERE}/live"' in (await client.get(PAGE, CHIEF)).text
    assert (await client.post(PAGE, {"x": "y"})).status in {401, 403}
    await platform.database.remove_tenant(HERE)
    assert (await client.get(PAGE, EN)).status == 401
    await platform.database.add_tenant(HERE)
    assert not await platform.public.shows(HERE)


async def test_who_may_not_publish_cannot_choose(client: Client, platform: Platform) -> None:
    assert (await client.get(f"/t/{HERE}/kpi-public", OFFICER)).status == 403
    assert (await choose(client, "show", OFFICER)).status == 403
    with pytest.raises(Forbidden):
        await platform.public.put(Call(HERE, Actor("person", "officer")), "kpi", KPI.id, None)
    with pytest.raises(Forbidden):
        await platform.public.take(Call(HERE, Actor("person", "officer")), "kpi", KPI.id)
    with pytest.raises(ResourceNotFound):
        await platform.public.put(MAKER, "kpi", "no.such", None)
    assert not await platform.public.shows(HERE)


async def test_what_a_form_says_wrong_is_refused(client: Client) -> None:
    wrong: tuple[tuple[dict[str, Any], int], ...] = (
        ({"since": "gestern"}, 400),
        ({"kind": "entity"}, 400),
        ({"ref": "no.such"}, 404),
    )
    for more, status in wrong:
        assert (await choose(client, "show", **more)).status == status, more
    page = await client.get(f"/t/{HERE}/kpi-public", CHIEF)
    assert (page.text.count(">public<"), PAGE in page.text) == (0, True)
    await choose(client, "show")
    assert (await client.get(f"/t/{HERE}/kpi-public", CHIEF)).text.count(">public<") == 1


async def test_a_measure_is_shown_without_who_owns_it_and_what_it_costs(client: Client, platform: Platform) -> None:
    target = Target("t1", "fence", KPI.id, 60.0, "lower", date(2026, 12, 31), owner="山田太郎")
    title = {"ja": "電気柵", "en": "Fences"}
    one = Measure("fence", "project", title, "山田太郎", date(2025, 1, 1), budget=1_234_567, targets=(target,))
    await platform.measures.put(MAKER, one, revision=0)
    await platform.measures.note(MAKER, "fence", "do", "内部の記録")
    assert (await choose(client, "show", kind="measure", ref="fence")).status == 303
    page = await client.get(PAGE, EN)
    for words in ("Fences", "at most 60 m²", "2026-12-31", "reached"):
        assert words in page.text, words
    for words in ("山田", "1,234,567", "1234567", "内部の記録", "chief"):
        assert words not in page.text, words
    revision = (await platform.measures.get(HERE, "fence")).revision
    await platform.measures.put(MAKER, one, revision=revision)
    assert (await choose(client, "hide", kind="measure", ref="fence")).status == 303
    assert (await client.get(PAGE, EN)).status == 401


async def test_a_policy_stands_before_what_is_below_it(client: Client, platform: Platform) -> None:
    for ref, level in (("fence", "project"), ("safe-fields", "policy"), ("edges", "programme")):
        one = Measure(ref, level, {"ja": ref, "en": f"The {ref}"}, "x", date(2025, 1, 1))  # type: ignore[arg-type]
        await platform.measures.put(MAKER, one, revision=0)
        assert (await choose(client, "show", kind="measure", ref=ref)).status == 303
    page = (await client.get(PAGE, EN)).text
    assert page.index("The safe-fields") < page.index("The edges") < page.index("The fence")


async def test_a_target_that_came_later_is_shown_only_once_somebody_chose_it(
    client: Client, platform: Platform
) -> None:
    """Who may change measures may not publish: what they add to a measure that is shown stays inside."""
    one = Measure("fence", "project", {"ja": "電気柵", "en": "Fences"}, "x", date(2025, 1, 1))
    await platform.measures.put(MAKER, one, revision=0)
    await choose(client, "show", kind="measure", ref="fence")
    target = Target("t1", "fence", KPI.id, 60.0, "lower", date(2026, 12, 31))
    await platform.measures.put(MAKER, replace(one, targets=(target,)), revision=1)
    page = await client.get(PAGE, EN)
    assert ("Fences" in page.text, "at most 60" in page.text, KPI.title["en"] in page.text) == (True, False, False)
    await choose(client, "show", kind="measure", ref="fence")
    assert "at most 60 m²" in (await client.get(PAGE, EN)).text


async def test_a_measure_is_shown_as_it_was_chosen_until_it_is_chosen_anew(
    client: Client, platform: Platform, fake_clock: FakeClock
) -> None:
    one = Measure("fence", "project", {"ja": "電気柵", "en": "Fences"}, "x", date(2025, 1, 1))
    await platform.measures.put(MAKER, one, revision=0)
    await choose(client, "show", kind="measure", ref="fence")
    changed = "It was changed after it was chosen"
    assert changed not in (await client.get(f"/t/{HERE}/kpi-public", CHIEF)).text
    await platform.measures.put(MAKER, replace(one, title={"ja": "悪口", "en": "Slander"}), revision=1)
    page = (await client.get(PAGE, EN)).text
    assert ("Fences" in page, "Slander" in page) == (True, False)
    assert (await client.get(f"/t/{HERE}/kpi-public", CHIEF)).text.count(changed) == 1
    assert (await choose(client, "show", kind="measure", ref="fence")).status == 303
    assert "Slander" in (await client.get(PAGE, EN)).text
    assert changed not in (await client.get(f"/t/{HERE}/kpi-public", CHIEF)).text
    await platform.measures.remove(MAKER, "fence", revision=2)
    fake_clock.advance(61)
    assert "Slander" not in (await client.get(PAGE, EN)).text


async def test_a_slow_town_holds_up_no_other(
    client: Client, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    await choose(client, "show")
    await platform.public.put(replace(MAKER, tenant=THERE), "kpi", KPI.id, None)
    figures, going, go_on = platform.kpi.figures, asyncio.Event(), asyncio.Event()

    async def slow(tenant: str, kpi: str, grant: object) -> object:
        if tenant == THERE:
            going.set()
            await go_on.wait()
        return await figures(tenant, kpi, grant)  # type: ignore[arg-type]

    monkeypatch.setattr(platform.kpi, "figures", slow)
    held = asyncio.create_task(platform.public.page(THERE))
    await going.wait()
    async with asyncio.timeout(20):
        assert (await client.get(PAGE, EN)).status == 200
    assert not held.done()
    go_on.set()
    assert len((await held)[0]) == 1


async def test_strangers_asking_again_and_again_cost_one_reckoning_a_minute(
    client: Client, platform: Platform, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await choose(client, "show")
    asked: list[str] = []
    figures = platform.kpi.figures

    async def counted(tenant: str, kpi: str, grant: object) -> object:
        asked.append(kpi)
        return await figures(tenant, kpi, grant)  # type: ignore[arg-type]

    monkeypatch.setattr(platform.kpi, "figures", counted)
    for _ in range(3):
        await client.get(PAGE, EN)
    assert asked == [KPI.id]
    fake_clock.advance(61)
    await client.get(PAGE, EN)
    assert asked == [KPI.id] * 2


def test_a_share_rests_on_its_entities_and_not_on_twice_as_many() -> None:
    """Part and whole of one entity are two readings of one thing."""
    figure = month(2025, 1, 1, LEAST_READINGS - 1)
    whole = [replace(one, attribute="https://x/whole") for one in figure.lineage]
    assert not is_fit(replace(figure, lineage=(*figure.lineage, *whole)))
    assert is_fit(month(2025, 1, 1, LEAST_READINGS))
    assert not is_fit(replace(figure, lineage=()))


def test_a_median_of_few_figures_is_not_shown() -> None:
    figures = [month(2025, number, number) for number in range(1, LEAST_FIGURES)]
    assert public_kpi(KPI, figures, None, 0).middle is None
    more = public_kpi(KPI, [*figures, month(2025, 9, 9, 1)], date(2025, 3, 1), 2**60)
    assert (more.middle, more.count, more.withheld) == (3, 5, 1)
    assert more.effect is not None
    assert {one.value for one in (*more.effect.before, *more.effect.after)}.isdisjoint({9.0})
