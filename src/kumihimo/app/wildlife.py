"""The wildlife wing: its doors, its watch, its figures, and the season that is played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from kumihimo.app.invited import HUNTERS, invite
from kumihimo.app.late import MqttLate
from kumihimo.app.measures import show_measures
from kumihimo.app.personas import Personas
from kumihimo.app.platform import Platform, Step, background
from kumihimo.app.shipped import ship, town_value
from kumihimo.base.ports import CommandOutcome
from kumihimo.service.console.words import load_words
from kumihimo.service.kpi.door import Measured
from kumihimo.solutions.packs.models import Said
from kumihimo.solutions.wildlife import demo, kpis
from kumihimo.solutions.wildlife.doors import WildlifeDoors
from kumihimo.solutions.wildlife.guests import Guests
from kumihimo.solutions.wildlife.season import TENANT
from kumihimo.solutions.wildlife.watching import Watching


def wildlife_doors(platform: Platform) -> WildlifeDoors:
    """The doors that the wing goes through."""

    async def commands(tenant: str) -> list[CommandOutcome]:
        return [record.outcome() for record in await platform.arbiter.list(tenant)]

    return WildlifeDoors(
        database=platform.database,
        clock=platform.clock,
        bus=platform.bus,
        broker=platform.broker,
        registry=platform.registry,
        alerts=platform.alerts,
        connect=MqttLate(platform),
        fetch=platform.inward,
        base_url=lambda: platform.address,
        commands=commands,
        rights=lambda call: platform.access.decide(call, "read"),
        tell=platform.notices.tell,
        took=platform.notices.took,
        deletes=lambda call: platform.access.decide(call, "delete"),
        approves=lambda call: platform.access.decide(call, "approve"),
        joined=lambda tenant: ship(platform, tenant, "wildlife"),
        here=lambda tenant: platform.packs.running.here("wildlife", tenant),
        writes=lambda call: platform.access.decide(call, "write"),
        administers=lambda call: platform.access.decide(call, "administer"),
    )


def figures_of(platform: Platform) -> list[Measured]:
    """What the wing measures."""
    figures = kpis.Figures(wildlife_doors(platform))
    return [
        (kpis.NOTICE_SECONDS, figures.notice_seconds),
        (kpis.VISITS_PER_CATCH, figures.visits_per_catch),
        (kpis.DAMAGED_AREA, figures.damaged_area),
    ]


def run_wildlife(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Watches the sensors and traps of every tenant that there is or comes to be."""
    platform.wildlife.watching = Watching(wildlife_doors(platform))
    return background(platform.wildlife.watching.run(), "wildlife", platform)


async def area_of(platform: Platform, tenant: str) -> Sequence[float] | None:
    """Where a town lies, as it said when it installed the pack: west, south, east, north in degrees."""
    found: Sequence[float] | None = await town_value(platform, tenant, "wildlife", "area")
    return found


async def end_season(platform: Platform, tenant: str) -> None:
    """Ends the season that is played in a town that no longer runs the pack."""
    if platform.wildlife.guests is not None:
        await platform.wildlife.guests.end(tenant)


async def season_ends(platform: Platform, tenant: str) -> Sequence[Said]:
    """What is said of a season that is played, before the pack is removed."""
    guests = platform.wildlife.guests
    found = None if guests is None else guests.of(tenant)
    if found is None:
        return []
    count = len(found.season.sites)
    en = f"a season is played here: it ends, and its simulated devices ({count}) go"
    return [Said(ja=f"再生中の季節を終え、模擬の機器 {count} 台を取り除きます", en=en)]


def run_season(speed: float, say: Callable[[str], None]) -> Step:
    """The step that plays the season into its town; `say` gets the lines to print. run_wildlife watches, run_demo came
    before it and made the people.
    """

    @asynccontextmanager
    async def step(platform: Platform) -> AsyncIterator[None]:
        doors = wildlife_doors(platform)
        prepared = await demo.prepare(doors, speed)
        prepared.watching = platform.wildlife.watching
        prepared.after_made += [lambda: Personas(platform).visit(TENANT), lambda: invite(platform, TENANT, HUNTERS)]
        platform.wildlife.prepared = prepared
        await Personas(platform).visit(TENANT)
        await invite(platform, TENANT, HUNTERS)
        await show_measures(platform, TENANT, demo.PACKAGE)
        guests = platform.wildlife.guests = Guests(
            doors, speed, lambda tenant: area_of(platform, tenant), lambda tenant: invite(platform, tenant, HUNTERS)
        )
        for lang, credit in load_words([demo.PACKAGE])["wildlife.credit"].items():
            platform.credit[lang] = f"{platform.credit.get(lang, '')} {credit}".strip()
        say(f"Wildlife, a season in a second town: {platform.address}/t/{TENANT}/wildlife")
        say("")
        own = background(demo.run(doors, prepared), "season", platform)
        async with own, background(guests.run(), "seasons of other towns", platform):
            yield

    return step
