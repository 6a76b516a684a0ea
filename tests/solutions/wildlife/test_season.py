"""A season played: real reports, simulated devices, and what follows from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory
from tests.service.console.asgi_client import Client
from tests.solutions.wildlife.wildlife_house import House, opened, until

from kumihimo.base.call import Call
from kumihimo.base.errors import Forbidden
from kumihimo.base.jsontext import loads
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.grants import ALL_ROWS, Grant
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.service.console.live import Live
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.solutions.wildlife import demo, entities
from kumihimo.solutions.wildlife.demo import prepare, tell_between
from kumihimo.solutions.wildlife.kpis import Figures
from kumihimo.solutions.wildlife.patrol import km
from kumihimo.solutions.wildlife.replay_pages import SPEEDS
from kumihimo.solutions.wildlife.reports import report_of
from kumihimo.solutions.wildlife.screens import wildlife_screens
from kumihimo.solutions.wildlife.season import SEES_KM, TENANT, TOWN, Season, load
from kumihimo.solutions.wildlife.stage import Stage
from kumihimo.solutions.wildlife.watching import Watching
from kumihimo.solutions.wildlife.words import PACKAGE

DAY = 24 * 3600 * 1_000_000


@pytest.fixture(scope="module")
def season() -> Season:
    return load()


@pytest.fixture
async def house(database_factory: DatabaseFactory) -> AsyncIterator[House]:
    async with opened(database_factory, sites=()) as found:
        yield found


def short(season: Season, days: int) -> Season:
    """The first days of the season, after a few incidents."""
    end = season.start + days * DAY
    return replace(
        season,
        past=season.past[-60:],
        coming=tuple(one for one in season.coming if one.at is not None and one.at <= end),
        steps=tuple(step for step in season.steps if step.at <= end),
        said=tuple(said for said in season.said if said.at <= end),
        end=end,
    )


def test_detections_are_those_of_real_reports_and_the_rest_says_that_it_is_simulated(season: Season) -> None:
    assert load() == season
    assert {one.town for one in (*season.past, *season.coming)} == {TOWN}
    moments = {one.at for one in season.coming}
    sensors = {site.device_id: site for site in season.sites if site.kind == "sensor"}
    seen = [step for step in season.steps if step.device in sensors]
    assert len(seen) > 40
    for step in seen:
        assert any(at is not None and 0 <= step.at - at <= 10 * 60_000_000 for at in moments)
    for site in season.sites:
        assert "模擬" in site.name
    near = [min(km((site.lon, site.lat), (one.lon, one.lat)) for site in sensors.values()) for one in season.coming]
    assert sum(far <= SEES_KM for far in near) >= 20


def test_every_report_of_the_play_is_one_that_the_form_takes(season: Season) -> None:
    made = [report_of(said.form, said.at) for said in season.said]
    assert len({one.entity_id for one in made}) == len(made)
    assert {one.kind for one in made} == {"damage", "catch", "visit"}
    assert all("simulated" in said.form["note"] for said in season.said)


def test_what_devices_send_is_in_order_and_a_trap_that_closes_opens_again(season: Season) -> None:
    assert [step.at for step in season.steps] == sorted(step.at for step in season.steps)
    switches = [(step.device, loads(step.body)["closed"]) for step in season.steps if step.device.startswith("trap")]
    assert sum(closed for _, closed in switches) == sum(not closed for _, closed in switches) > 5


@pytest.mark.enable_socket
async def test_from_detection_to_siren_to_catch_to_figures(house: House, season: Season) -> None:
    """Played step by step over real MQTT: the permission decides by day, a simulated siren confirms, figures follow."""
    doors = house.doors
    prepared = await prepare(doors, 3600.0, lambda: short(season, 6))
    assert not prepared.kept
    watching = Watching(doors)

    async def connected() -> bool:
        return all(actor._link is not None for actor in prepared.actors)

    async def all_ended() -> bool:
        await doors.alerts.follow(TENANT, await doors.commands(TENANT))
        return not await doors.alerts.unfinished(TENANT)

    actors = [asyncio.create_task(actor.run()) for actor in prepared.actors]
    try:
        await until(connected)
        while await prepared.player.step():
            await watching.look(TENANT)
        await tell_between(doors, prepared.season, season.start, prepared.season.end)
        await until(all_ended)
    finally:
        for actor in actors:
            actor.cancel()
        await asyncio.gather(*actors, return_exceptions=True)
        await prepared.player.close()
    encounters = await doors.docs(TENANT, entities.ENCOUNTER)
    assert 4 <= len(encounters) < len(prepared.season.steps)
    decisions = await doors.alerts.decisions(TENANT)
    states = {(step.proposal.name, step.state) for one in decisions for step in one.steps}
    assert ("sound", "confirmed") in states
    assert all("simulated" in one.who for one in decisions)
    figures = Figures(doors)
    reached = [one.state for one in await figures.notice_seconds(TENANT, ALL_ROWS)]
    assert reached == ["not-reached"], "told, and handed over to nobody, as nobody asked for it here"
    assert (await figures.visits_per_catch(TENANT, ALL_ROWS))[0].label["en"] == "2024-10"


@pytest.mark.enable_socket
async def test_a_second_start_goes_on_where_the_first_one_was(house: House, season: Season) -> None:
    first = await prepare(house.doors, 3600.0, lambda: short(season, 2))
    await tell_between(house.doors, first.season, season.start, season.start + DAY)
    second = await prepare(house.doors, 3600.0, lambda: short(season, 2))
    assert second.kept
    assert second.player.state().recorded == season.start + DAY
    assert demo.recorded_now(second, TENANT, 1) == season.start + DAY
    assert demo.recorded_now(second, "another-town", 1) == demo.recorded_now(None, TENANT, 1) == 1


# --- its controls ---------------------------------------------------------------------------------------------


def pages_of(house: House, stage: Stage) -> Client:
    doors = house.doors
    live = Live(doors.database, doors.bus, Access(True), Contexts().core.compact)
    words = load_words([OWN_PACKAGE, PACKAGE])
    console = Console(wildlife_screens(doors, stage), words, tenants=doors.database.tenants, live=live)
    return Client(Starlette(routes=console.routes()))


@pytest.mark.enable_socket
async def test_the_season_is_stopped_stepped_and_sped_up_from_its_page(house: House, season: Season) -> None:
    prepared = await prepare(house.doors, 3600.0, lambda: short(season, 2))
    client = pages_of(house, Stage(prepared))
    address = f"/t/{TENANT}/wildlife/replay"
    shown = (await client.get(f"/t/{TENANT}/wildlife", {"accept-language": "en"})).text
    assert all(f'id="replay-{one}"' in shown for one in ("resume", "step", "reset", "speed"))
    assert (await client.post(address, {"action": "resume"})).status == 303
    assert prepared.player.state().running
    assert (await client.post(address, {"action": "speed", "speed": "60"})).status == 303
    assert prepared.player.state().speed == 60
    for one in SPEEDS:
        assert (await client.post(address, {"action": "speed", "speed": str(one)})).status == 303, one
    assert (await client.post(address, {"action": "step"})).status == 303
    assert not prepared.player.state().running
    assert prepared.player.state().sent >= 1
    for form in ({"action": "fly"}, {"action": "speed", "speed": "fast"}, {"action": "speed", "speed": "0"}):
        assert (await client.post(address, form)).status == 400, form
    nobody = pages_of(house, Stage())
    assert (await nobody.post(address, {"action": "pause"})).status == 404
    await prepared.player.close()


@pytest.mark.enable_socket
async def test_who_may_not_decide_is_shown_no_controls(house: House, season: Season) -> None:
    async def never(call: Call) -> Grant:
        raise Forbidden("no")

    prepared = await prepare(house.doors, 3600.0, lambda: short(season, 2))
    object.__setattr__(house.doors, "approves", never)
    shown = (await pages_of(house, Stage(prepared)).get(f"/t/{TENANT}/wildlife", {"accept-language": "en"})).text
    assert "controls the replay" in shown
    assert "replay-reset" not in shown


@pytest.mark.enable_socket
async def test_from_the_beginning_everything_is_as_it_was_there(house: House, season: Season) -> None:
    """Asked back first; then alerts, reports and what the watch remembered are gone, and devices keep their keys."""
    doors, watching = house.doors, Watching(house.doors)
    prepared = await prepare(doors, 3600.0, lambda: short(season, 2))
    prepared.watching, made = watching, []

    async def joined() -> None:
        made.append(len(await doors.docs(TENANT, entities.INCIDENT)))

    prepared.after_made.append(joined)
    client = pages_of(house, Stage(prepared, watching))
    fresh = {kind: len(await doors.docs(TENANT, kind)) for kind in (entities.INCIDENT, entities.SENSOR, entities.VISIT)}

    async def play() -> set[str]:
        while await prepared.player.step():
            await watching.look(TENANT)
        await tell_between(doors, prepared.season, season.start, prepared.season.end)
        return {doc["id"] for doc in await doors.docs(TENANT, entities.ENCOUNTER)}

    first = await play()
    assert first
    address = f"/t/{TENANT}/wildlife/replay"
    asked = await client.post(address, {"action": "reset"})
    assert asked.status == 200
    assert len(await doors.docs(TENANT, entities.ENCOUNTER)) == len(first)
    assert (await client.post(address, {"action": "reset", "confirm": "yes"})).status == 303
    assert made == [0], "people join before anything is in the town"
    prepared.player.pause()
    assert {kind: len(await doors.docs(TENANT, kind)) for kind in fresh} == fresh
    assert await doors.alerts.list(TENANT) == []
    assert prepared.player.state().failed == 0
    prepared.player.seek(season.start)
    assert await play() == first
    assert prepared.player.state().failed == 0
    await prepared.player.close()
